return {
  title = "x",
  workers = {
    { name = "w", passwort = "p" },
  },
  buildbotURL = "http://x/",
}

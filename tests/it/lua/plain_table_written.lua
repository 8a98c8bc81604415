local c = {
  title = "x",
  titel = 1,
}
if c.title == "x" then c.url = "http://x/" end
return c

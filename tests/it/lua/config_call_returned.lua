local ci = require "ci"
return ci.config {
  titel = "x",
  www = { prot = 8012 },
}

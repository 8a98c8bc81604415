local c = {}
c.title = "x"
local function answer() return 42 end
c.titel = answer()
c["www"] = { prot = 8012 }
return c

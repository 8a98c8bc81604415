return "master.lua"

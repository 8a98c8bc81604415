-- Read by ../escape.rs: each attempt begins with its name and returns true if it got out.
---- run a command
return os.execute "true" == true
---- open a pipe to a command
return io.popen "true" ~= nil
---- open a file for writing
return io.open("out.txt", "w") ~= nil
---- open a file for appending
return io.open("secret.txt", "a+") ~= nil
---- redirect the standard output
return io.output "out.txt" ~= nil
---- write to the standard output
return io.stdout:write "x" ~= nil
---- read the standard input
return io.read() ~= false
---- make a temporary file
return os.tmpname() ~= nil
---- remove a file
return os.remove "secret.txt" ~= nil
---- rename a file
return os.rename("secret.txt", "x.txt") ~= nil
---- end the process
os.exit(3)
return true
---- change the locale
return os.setlocale "C" ~= nil
---- use the debug library
return debug.getregistry() ~= nil
---- find the debug library behind require
return require "debug" ~= nil
---- find the debug library in a table
return rawget(_G, "debug") ~= nil
---- load a C library
return package.loadlib("libc.so.6", "*") ~= nil
---- change the path of modules
package.path = "/?.lua"
return true
---- preload a module
package.preload.evil = function() return true end
return require "evil" == true
---- require an absolute path
return require "/etc/hostname" ~= nil
---- require a file above
return require "..secret" ~= nil
---- require a file above by a slash
return require "../secret" ~= nil
---- require with a NUL in the name
return require "given\0.lua" ~= nil
---- run a file above
return dofile "../../../../etc/hostname" ~= nil
---- run an absolute file
return dofile "/etc/hostname" ~= nil
---- run a link to the outside as Lua
return dofile "linked.lua" == true
---- the second argument of a module
return require("given")[2] ~= nil
---- the inner module ci.define
return type(require "ci.define") == "table"
---- the inner module ci.strict.errors
return require "ci.strict.errors" ~= nil
---- the inner module ci.render
return require "ci.render" ~= nil
---- bytecode by load
return load("\27Lua", "x", "b") ~= nil
---- bytecode by load without a mode
return load("\27LuaT\0\25\147\r\n\26\n") ~= nil
---- bytecode by a function given to load
local said
local f = load(function() if said then return nil end said = true return "\27Lua" end, "x", "b")
return f ~= nil
---- bytecode from a file
return dofile "byte.lua" ~= nil
---- bytecode of a function
return string.dump(function() end) ~= nil
---- loadfile
return loadfile "secret.txt" ~= nil
---- loadstring
return loadstring "return 1" ~= nil
---- an environment of load has the real globals
local env = {}
load("x = _G", "x", "t", env)()
return env.x ~= nil
---- load without an environment
return load("return os", "x", "t", nil)() ~= nil
---- the environment of a chunk is not the user's
local f = load "return _ENV.os.execute"
return f() ~= nil
---- _ENV replaced around a shipped function
local _ENV = setmetatable({ execute = false }, { __index = _G })
os = { execute = function() return true end }
return _G.os.execute "x" == true
---- setfenv
return setfenv(print, {}) ~= nil
---- the metatable of strings
getmetatable("").__index = { format = function() return "poisoned" end }
return ("x"):format() == "poisoned"
---- a method of strings
string.format = function() return "poisoned" end
return ("%d"):format(1) == "poisoned"
---- a method of strings by rawset
rawset(string, "format", function() return "poisoned" end)
return ("%d"):format(1) == "poisoned" or string.format("%d", 1) == "poisoned"
---- a method of strings by table.insert
table.insert(string, "x")
return string[1] == "x"
---- a built-in function
pcall = function() return true end
return true
---- a built-in function by rawset
rawset(_G, "pairs", function() return true end)
return pairs == rawget(_G, "pairs")
---- a built-in function by way of a key
_G["type"] = function() return "poisoned" end
return type(1) == "poisoned"
---- the metatable of the globals
setmetatable(_G, {})
return undefined_name == nil
---- an undefined name after getmetatable
getmetatable(_G).__index = nil
return undefined_name == nil
---- a name that next finds in the globals
for name in next, _G do if name == "native" or name == "loaded" then return true end end
return false
---- another module's table
ci.worker = function() return "poisoned" end
return ci.worker {} == "poisoned"
---- another module's table by rawset
rawset(ci, "worker", function() return "poisoned" end)
return ci.worker {} == "poisoned"
---- another module's table by its metatable
getmetatable(ci).__index = function() return true end
return ci.nothing_like_that == true
---- a namespace inside ci
ci.steps.shell = function() return true end
return ci.steps.shell() == true
---- what require gives
local again = require "ci"
rawset(again, "json", nil)
return again.json == nil
---- an object of the configuration
c.workers[1].name = "other"
return c.workers[1].name == "other"
---- an object by rawset
rawset(c.workers[1], "name", "other")
return c.workers[1].name == "other"
---- an object by table.insert
table.insert(c.builders[1], 1)
return c.builders[1][1] == 1
---- an object by table.move
table.move({ 1 }, 1, 1, 1, c.builders[1])
return c.builders[1][1] == 1
---- an object's metatable
getmetatable(c.workers[1]).__index = nil
return true
---- an object's metatable replaced
setmetatable(c.workers[1], nil)
return c.workers[1].name == nil
---- an object's metatable replaced by ci.json.array
ci.json.array(c.workers[1])
c.workers[1].name = "other"
return c.workers[1].name == "other"
---- the mark of arrays
getmetatable(ci.json.array {}).__index = function() return true end
return ci.json.array {}.x == true
---- the metatable of files
getmetatable(io.open "secret.txt").read = function() return true end
return io.open("secret.txt"):read() == true
---- the metatable of null
return getmetatable(ci.null) ~= nil and (getmetatable(ci.null).__index == nil)
---- a renderable taken apart
local p = ci.property "x"
local options = next(p)
return options ~= nil
---- a finalizer
setmetatable({}, { __gc = function() end })
return true
---- a finalizer that is set later
local meta = {}
local t = setmetatable({}, meta)
meta.__gc = function() collected = true end
t = nil
for i = 1, 100 do local _ = ("x"):rep(100000) .. i end
return rawget(_G, "collected") == true
---- the garbage collector
collectgarbage "stop"
return true
---- the seed of chance
local a = math.random()
math.randomseed()
local b = math.random()
math.randomseed()
return math.random() ~= b
---- an address in a format
return ("%p"):format({}) ~= nil
---- an address in tostring
return tostring({}):find "0x" ~= nil or ("%s"):format(print):find "0x" ~= nil
---- a wider format with an address
return ("%-20p"):format({}) ~= nil
---- a device
local f = io.open "/dev/zero"
return f ~= nil
---- a directory as a file
local f = io.open "."
return f ~= nil
---- a secret in an error of a caught load
local ok, err = pcall(error, SECRET)
return ok
---- pcall with the C function of coroutines
local ok, co = pcall(coroutine.wrap, debug)
return ok and co() == true
---- an upvalue by way of a coroutine's traceback
return debug.traceback(coroutine.create(print)) ~= nil
---- warnings
warn "@on"
return true
---- the locale by os.date
return os.date "*t".year == 0
---- a file through io.lines for writing
return io.lines("secret.txt", "w")() == true
---- the library behind the view
for _, f in pairs(string) do if f == string.dump then return true end end
string.extra = 1
return string.extra == 1
---- a view's metatable
return type(getmetatable(string)) == "table"
---- getmetatable of a coroutine's library
return type(getmetatable(coroutine)) == "table"
---- io put back
rawset(io, "popen", function() return true end)
return io.popen() == true
---- a global with the name of a module of Lua
package = { loaded = {} }
return require "secret" ~= nil
---- a poisoned global that a shipped step might read
native = setmetatable({}, { __index = function() return function() return "poisoned" end end })
local step = ci.steps.make_directory { dir = "x" }
return step.dir == "poisoned"
---- the registry through a table with integer keys
return rawget(_G, 1) ~= nil or rawget(_G, 2) ~= nil

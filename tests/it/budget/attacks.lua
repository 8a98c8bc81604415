-- Read by ../budget.rs and by src/script/load.rs: each attack begins with its name, and is the body of
-- a function that is called where a configuration may compute.
---- an endless loop
while true do end
---- a loop of jumps
::again::
goto again
---- a loop of calls
local function f() end
repeat f() until false
---- recursion without an end
local function f() return 1 + f() end
f()
---- tail calls without an end
local function f() return f() end
f()
---- a pcall that swallows the overrun
while true do pcall(function() while true do end end) end
---- pcalls in pcalls
local function f() pcall(f) pcall(f) end
while true do f() end
---- an xpcall that swallows the overrun
while true do xpcall(function() while true do end end, function() end) end
---- an error handler that loops
xpcall(error, function() while true do end end)
---- an error handler that fails in a loop
while true do xpcall(error, function(e) error(e) end, "x") end
---- an error whose text is made by a loop
error(setmetatable({}, { __tostring = function() while true do end end }))
---- an error whose text is an error
error(setmetatable({}, { __tostring = function() error "again" end }))
---- an error whose text is made of itself
error(setmetatable({}, { __tostring = function(self) return tostring(self) end }))
---- an error of many megabytes
error(("x"):rep(10 << 20))
---- an error that is nothing
error()
---- a loop in a coroutine
coroutine.wrap(function() while true do end end)()
---- coroutines that swallow the overrun
while true do coroutine.resume(coroutine.create(function() while true do end end)) end
---- coroutines that are over before anybody looks
while true do coroutine.resume(coroutine.create(function() for _ = 1, 900 do end end)) end
---- coroutines inside coroutines
local function f() coroutine.wrap(f)() end
f()
---- a coroutine that loops when it is closed
local co = coroutine.create(function()
  local _ <close> = setmetatable({}, { __close = function() while true do end end })
  coroutine.yield()
end)
coroutine.resume(co)
coroutine.close(co)
---- a wait for nobody
while true do coroutine.yield() end
---- a wait for nobody that is pending
local pending
coroutine.wrap(function() pending = coroutine.yield() end)()
while true do coroutine.yield(pending) end
---- a coroutine that never stops to yield
for _ in coroutine.wrap(function() while true do coroutine.yield(1) end end) do end
---- many coroutines that wait
local all = {}
while true do
  all[#all + 1] = coroutine.create(coroutine.yield)
  coroutine.resume(all[#all])
end
---- a text of a terabyte
return #("x"):rep(1 << 40)
---- a text of more bytes than there are numbers
return #("xx"):rep(math.maxinteger)
---- a separator of gigabytes
return #(""):rep(1 << 30, "separator")
---- a text that doubles
local s = "x"
while true do s = s .. s end
---- texts that differ by a little
local s, all = ("x"):rep(1 << 20), {}
for i = 1, math.huge do all[i] = s .. i end
---- a table that grows
local t = {}
while true do t[#t + 1] = {} end
---- a table of names
local t = {}
for i = 1, math.huge do t["name" .. i] = i end
---- functions without an end
local all = {}
while true do all[#all + 1] = function() return all end end
---- a giant of parts
local parts = {}
for i = 1, 1000000 do parts[i] = ("x"):rep(1000) end
return #table.concat(parts)
---- a giant of gaps
return #table.concat(setmetatable({}, { __len = function() return 1 << 40 end, __index = function() return "" end }))
---- a width of a thousand digits
return string.format("%" .. ("9"):rep(1000) .. "d", 1)
---- a format of many parts
return #string.format(("%99s"):rep(1 << 20), 1)
---- a pattern that tries everything
return ("a"):rep(60):find(("a-"):rep(60) .. "b")
---- a pattern that tries everything, with stars
return ("a"):rep(60):match(("a*"):rep(60) .. "b")
---- a replacement that grows
return #("x"):rep(1 << 20):gsub("x", ("y"):rep(1 << 20))
---- a replacement that loops
("x"):gsub(".", function() while true do end end)
---- a replacement table that loops
("x"):gsub(".", setmetatable({}, { __index = function() while true do end end }))
---- matches without an end
while true do for _ in ("x"):rep(1000):gmatch "()" do end end
---- an order that loops
table.sort({ 3, 2, 1 }, function() while true do end end)
---- an order that is none, of much
local t = {}
for i = 1, 100000 do t[i] = i % 7 end
while true do pcall(table.sort, t, function() return true end) end
---- elements that compare themselves in a loop
local meta = { __lt = function() while true do end end }
table.sort { setmetatable({}, meta), setmetatable({}, meta) }
---- a move of more than there is
table.move({}, 1, 2000000000, 2)
---- a move of everything
table.move({}, 1, math.maxinteger - 1, 2)
---- a move out of a table that invents
table.move(setmetatable({}, { __index = function() while true do end end }), 1, 5, 1, {})
---- ten million values at once
return select("#", table.unpack({}, 1, 10000000))
---- all integers at once
return table.unpack({}, math.mininteger, math.maxinteger)
---- many values again and again
while true do select("#", table.unpack({}, 1, 100000)) end
---- a packed text of gigabytes
return #string.pack(("!16 s8"):rep(1 << 20), ("x"):rep(1 << 20))
---- a long text, looked at again and again
local s = ("x"):rep(8 << 20)
while true do utf8.len(s) end
---- a long text, compared again and again
local s, t = ("x"):rep(1 << 20) .. "a", ("x"):rep(1 << 20) .. "b"
while true do local _ = s == t or s < t end
---- a long text, turned round again and again
local s = ("x"):rep(8 << 20)
while true do s = s:reverse():upper():lower() end
---- bytes without an end
while true do string.byte(("x"):rep(100000), 1, -1) end
---- a field that is looked up in a loop
return setmetatable({}, { __index = function() while true do end end }).x
---- a field that is looked up in itself
local t = {}
return setmetatable(t, { __index = t }).x
---- a field that is set in a loop
setmetatable({}, { __newindex = function() while true do end end }).x = 1
---- a comparison that loops
local meta = { __eq = function() while true do end end }
return setmetatable({}, meta) == setmetatable({}, meta)
---- an order that loops when it is asked
local meta = { __lt = function() while true do end end }
return setmetatable({}, meta) < setmetatable({}, meta)
---- a concatenation that loops
return setmetatable({}, { __concat = function() while true do end end }) .. "x"
---- a length that loops
return #setmetatable({}, { __len = function() while true do end end })
---- arithmetic that loops
return setmetatable({}, { __add = function() while true do end end }) + 1
---- a call that loops
setmetatable({}, { __call = function() while true do end end })()
---- a call that calls itself
local t = {}
setmetatable(t, { __call = function(self) return 1 + self() end })
t()
---- pairs that loop
for _ in pairs(setmetatable({}, { __pairs = function() while true do end end })) do end
---- pairs without an end
for _ in pairs(setmetatable({}, { __pairs = function() return function() return 1 end end })) do end
---- ipairs without an end
for _ in ipairs(setmetatable({}, { __index = function() return 1 end })) do end
---- a scope that loops when it is left
local _ <close> = setmetatable({}, { __close = function() while true do end end })
---- scopes that loop when they are left, in each other
local function f()
  local _ <close> = setmetatable({}, { __close = function() while true do end end })
  return 1 + f()
end
f()
---- a finalizer
setmetatable({}, { __gc = function() while true do end end })
---- a text that loops when it is loaded
assert(load "while true do end")()
---- texts that load each other
local function f(text) return assert(load(text))(text) end
f "local text = ... return assert(load(text))(text)"
---- a reader without an end
load(function() return "x = 1 " end)
---- a reader that loops
load(function() while true do end end)
---- a text nested too deep
assert(load("return " .. ("("):rep(1000000) .. "1" .. (")"):rep(1000000)))()
---- a text of a million constants
while true do load("return {" .. ("'x',"):rep(1000000) .. "}") end
---- lines without an end
while true do print "x" end
---- JSON nested too deep
ci.json.decode(("["):rep(100000))
---- JSON of many values
return #ci.json.decode("[" .. ("1,"):rep(8 << 20) .. "1]")
---- JSON of itself
local t = {}
t.t = t
return ci.json.encode(t)
---- JSON without an end
local t = {}
for i = 1, 100000 do t[i] = i end
while true do ci.json.encode(t) end
---- hashes without an end
local long = ("x"):rep(1 << 20)
while true do ci.sha256(long) end
---- expressions without an end
local i = 0
while true do i = i + 1 ci.regex(("(a|b%d){1,9}"):format(i):rep(20)) end
---- a list inside itself
local t = {}
t[1] = t
return ci.list.flatten(t)
---- a list whose order loops
return ci.list.sorted({ 1, 2 }, function() while true do end end)
---- a text that is split without an end
while true do ci.text.split(("x,"):rep(1000), ",") end
---- many at once that loop
return ci.parallel { function() while true do end end, function() while true do end end }

-- Read by ../budget.rs: answers that cost something after the function has returned them. Each is an
-- error or is of no consequence.
---- a table inside itself
local t = {}
t[1] = t
return t
---- a table nested very deep
local t = {}
for _ = 1, 100000 do t = { t } end
return t
---- a list of two million
local t = {}
for i = 1, 2000000 do t[i] = 1 end
return t
---- texts of hundreds of megabytes
local t, s = {}, ("x"):rep(4 << 20)
for i = 1, 100 do t[i] = s end
return t
---- pairs that loop
return setmetatable({}, { __pairs = function() while true do end end })
---- fields that are made up
return setmetatable({}, { __index = function() while true do end end, __len = function() while true do end end })
---- functions that return functions
local function f() return f end
return f
---- a function that loops
return function() while true do end end
---- many functions
local t = {}
for i = 1, 10000 do t[i] = function() return i end end
return t
---- a coroutine
return coroutine.create(function() while true do end end)

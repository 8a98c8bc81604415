-- A test file that does not even load.
local t = require "ci.test"
t.test("a test without a function")
t.tset("x", function() end)

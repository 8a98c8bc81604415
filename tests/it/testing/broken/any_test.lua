local t = require "ci.test"
t.test("a broken configuration is told", function() t.master() end)

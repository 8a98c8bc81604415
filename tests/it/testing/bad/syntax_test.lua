local t = require "ci.test"
t.test("unfinished", function(

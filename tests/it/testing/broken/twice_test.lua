local t = require "ci.test"

for _, branch in ipairs { "main", "release" } do
  t.test("a push builds linux", function() t.master():push { branch = branch } end)
end

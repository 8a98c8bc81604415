-- What a rehearsal shows of steps that are not simply one after the other.
local t = require "ci.test"

t.test("each step has its own commands, whoever runs at the same time", function()
  local m = t.master()
  m:worker("w"):on("list", { stdout = "one two\n" }):on("unit", { seconds = 60 }):on("lint", { rc = 1, seconds = 20 })
  local before = m:now()
  local build = m:run "b"
  t.equal(build:ran(), { "list", "make one", "make two", "unit", "lint" })
  t.equal(build:step("make two").commands[1].command, { "make", "two" })
  t.equal(build:step("make two").status, "ran")
  t.equal(#build:step("unit").commands, 1)
  t.equal(build:step("unit").commands[1].command, "unit")
  t.equal(#build:step("lint").commands, 2)
  t.equal(build:step("end").status, "skipped")
  t.equal(build.results, "failure")
  t.contains(build:step("lint").text, "attempt 2 of 2")
  t.ok(m:now() - before < 70, "at the same time")
end)

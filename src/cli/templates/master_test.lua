-- The tests of master.lua: `halide-ci test DIR` runs them. Nothing is executed: workers take notes,
-- and every command succeeds unless a test says otherwise. More of it: .types/test.lua
local t = require "ci.test"

t.test("a push builds hello, and greps", function()
  local m = t.master()
  local push = m:push { branch = "master", files = { "README" } }
  t.equal(push:builders(), { "hello" })

  local build = push:build "hello"
  t.equal(build.results, "success")
  t.equal(build:step("Test").command, { "grep", "Hello", "README" })
end)

t.test("without the word the build fails", function()
  local m = t.master()
  m:worker("worker-1"):on("grep", { rc = 1 })
  t.equal(m:run("hello", { branch = "master" }).results, "failure")
end)

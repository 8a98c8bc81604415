-- Expectations that are not met, for the golden text of what a failure looks like.
local t = require "ci.test"

local function expects_linux(outcome) t.equal(outcome:builders(), { "linux" }) end

t.test("this one is fine", function() t.ok(true) end)

t.test("somebody else builds", function()
  local m = t.master()
  expects_linux(m:change { branch = "release", files = { "src/a.c" } })
end)

t.test("too many build", function() t.equal(t.master():pull_request():builders(), { "linux" }) end)

t.test("a long value differs somewhere", function()
  local build = t.master():run("linux", { branch = "main" })
  t.equal(build:step("Get source").commands[3].command,
    { "git", "clone", "--no-checkout", "--depth", "1", "--", "https://example.org/example.git", "there" })
end)

t.test("the verdict is another", function()
  local push = t.master():push { branch = "main" }
  push:refused "main"
end)

t.test("it was refused for another reason", function() t.master():push():refused("pulls", "branch") end)

t.test("nothing was built", function() t.master():push({ branch = "x" }):build "linux" end)

t.test("no such step", function() t.master():run("linux"):step "Tset" end)

t.test("an error three functions deep", function()
  local function one() return nil .. "x" end
  local function two() local x = one() return x end
  local y = two()
  return y
end)

t.test("small things", function() t.equal({ a = 1, list = { "x", true } }, { a = 2, list = { "x", false } }, "options") end)

t.test("why a build broke is told with whatever is not as expected", function()
  t.equal(t.master():run("broken").results, "success")
end)

t.test("what an earlier test broke is forgotten, and texts are compared by lines", function()
  local text = ("one\ntwo\nthree and some more words\n"):rep(2)
  t.equal(text .. "four", (text:gsub("two", "2", 1)) .. "four\n")
end)

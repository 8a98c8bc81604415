-- What starts builds, and what does not.
local t = require "ci.test"

t.test("a push to main builds linux only", function()
  local m = t.master()
  local push = m:push { branch = "main", files = { "src/a.c" } }
  t.equal(push:builders(), { "linux" })
  push:taken "main"
  push:refused("pulls", 'category is empty, not "pull"')
  push:refused "docs"
  t.equal(push.verdict, "1 change on refs/heads/main.")
end)

t.test("documentation is built from any branch", function()
  local push = t.master():push { branch = "feature", added = { "doc/new.md" } }
  push:taken "docs"
  push:refused("main", "branch")
end)

t.test("a pull request waits until it is quiet", function()
  local m = t.master { now = "2026-03-01T12:00:00Z" }
  local begun = m:now()
  local pull = m:pull_request { number = 7, files = { "src/a.c" } }
  t.equal(pull:builders(), { "broken", "linux" })
  local change = assert(pull.changes[1])
  t.equal(change.branch, "refs/pull/7/merge")
  t.equal(change.files, { "src/a.c" })
  t.ok(m:now() - begun >= 300, "the tree-stable timer")
  t.equal(m:unanswered(), {})
end)

t.test("a commit that says so is skipped", function()
  local push = t.master():push { message = "Typo [skip ci]" }
  t.equal(push:builders(), {})
  t.matches(push.verdict, "says to skip")
end)

t.test("a recorded payload is read from its file", function()
  local m = t.master()
  local ping = m:event("ping", { zen = "Keep it simple." })
  t.equal(#ping.changes, 0)
  local push = m:event("push", "push.json")
  t.equal(push:build("linux").properties.branch, "main")
end)

t.test("a change needs no hook", function()
  local change = t.master():change { branch = "main", category = "pull", project = "example" }
  t.equal(#change:builds "linux", 2)
  change:taken "pulls"
end)

t.test("what nobody sends is no event", function()
  local push = t.master():event("push", { ref = "refs/heads/main" })
  t.ok(push.failed)
  t.contains(push.verdict, "lacks the field")
end)

t.test("a hook of one's own is asked like any other", function()
  local m = t.master()
  local landed = m:event("landed", { branch = "main" }, { hook = "forge", headers = { ["x-forge-user"] = "ann" } })
  landed:taken "main"
  t.equal(assert(landed.changes[1]).author, "ann")
  t.equal(m:event("closed", { branch = "main" }, { hook = "forge" }):builders(), {})
  t.raises(function() m:event("landed", {}, { hook = "gitlab" }) end, "no hook gitlab")
end)

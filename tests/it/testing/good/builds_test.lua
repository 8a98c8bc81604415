-- What a build does.
local t = require "ci.test"

t.test("each worker builds with its processors", function()
  local m = t.master()
  m:worker("linux-2"):disconnect()
  m:worker("linux-1", { numcpus = 32, basedir = "/home/ci" })
  local build = m:run("linux", { branch = "main", properties = { target = "tests" } })
  t.equal(build.worker, "linux-1")
  t.equal(build:step("Build").command, { "make", "-j", "32", "tests" })
  t.equal(build:step("Build").env, { FLAGS = "-O2 -g", LANG = "C", TOKEN = "*****" })
  t.equal(build:step("Build").workdir, "/home/ci/linux/build")
  t.equal(build:step("Build").locks, { { lock = "memory", mode = "counting", count = 2 } })
  t.equal(build:ran(), { "Get source", "Build", "Document", "Publish main" })
end)

t.test("only main is documented", function()
  local build = t.master():run("linux", { branch = "feature" })
  local document = build:step "Document"
  t.equal(document.status, "skipped")
  t.contains(document.why, "do_step_if")
  t.equal(build.results, "success")
end)

t.test("a failure of make ends the build", function()
  local m = t.master()
  m:worker("linux-1"):on({ "make" }, { rc = 2, stdout = "a.c:1: error\n", seconds = 90 })
  m:worker("linux-2"):on("make", { rc = 2, stdout = "a.c:1: error\n", seconds = 90 })
  local before = m:now()
  local build = m:force("force", { branch = "main", reason = "why not" }, { user = "ann" }):build "linux"
  t.equal(build.results, "failure")
  t.equal(build.reason, "A build was forced by 'ann': why not")
  t.contains(build:step("Build").logs.stdio, "a.c:1: error")
  t.equal(build:step("Publish %(prop:branch:-nothing)s").status, "not_reached")
  t.ok(m:now() - before >= 90)
  t.equal(m:build("linux").number, build.number)
  t.equal(#m:builds(), 1)
end)

t.test("a checkout that is there is only brought up to date", function()
  local m = t.master()
  for _, name in ipairs { "linux-1", "linux-2" } do
    m:worker(name):on("stat /worker/linux/build/.git", { exists = "directory" }):on({ "git", "rev-parse" }, { stdout = ("ab"):rep(20) })
  end
  local build = m:run "linux"
  local words = {}
  for _, command in ipairs(build:step("Get source").commands) do
    words[#words + 1] = command.kind == "shell" and command.command[2] or command.kind
  end
  t.equal(words, { "stat", "fetch", "stat", "checkout", "clean", "rev-parse" })
  t.equal(build.properties.got_revision, ("ab"):rep(20))
end)

t.test("a step reads the report that a worker holds", function()
  for content, results in pairs { ["<report tests='3'/>"] = "success", ["<report tests='3'><failed/></report>"] = "failure" } do
    local m = t.master()
    m:worker("linux-2"):on("upload_file report.xml", { content = content })
    local build = m:run "report"
    t.equal(build.results, results)
    local kinds = {}
    for _, command in ipairs(build:step("count").commands) do kinds[#kinds + 1] = command.kind end
    t.equal(kinds, { "upload_file", "download_file", "cpdir" })
  end
end)

t.test("tools, servers and the master answer as they are told", function()
  local m = t.master()
  m:http("POST", "https://example.org/packages", { status = 201, json = { id = 7 } })
  m:worker("linux-2"):on("cppcheck", { stderr = "a.c:1:2: style: long\n" }):on("./prune.sh", { stdout = "gone\n" })
  local build = m:run("package", { branch = "main" })
  t.equal(build.results, "success")
  t.equal(build:step("cppcheck").results, "warnings")
  local prune = build:step "Prune"
  t.equal(prune.command, { "./prune.sh", "packages" })
  t.equal(prune.commands[1].on_master, true)
  t.contains(prune.logs.stdio, "gone")
  t.contains(build:step("post").logs.content, '"id":7')
  m:http("POST", "https://example.org/packages", { status = 500 })
  m:worker("linux-2"):on("./prune.sh", { rc = 1 })
  build = m:run "package"
  t.equal(build.results, "failure")
  t.equal(build:step("Prune").results, "failure")
  t.equal(build:step("post").results, "failure")
  t.equal(build:step("assert").results, "failure")
end)

t.test("a broken step says which function is to blame", function()
  local build = t.master():run "broken"
  t.equal(build.results, "exception")
  t.equal(build:step("Render").status, "broken")
  t.matches(build:step(2).why, "master.lua:%d+: option command")
  t.equal(build:ran(), { "Fine", "Clean" })
end)

t.test("the configuration is at hand", function()
  local m = t.master()
  t.equal(m:config().builders[1].name, "linux")
  t.equal(m:config().workers[1].password, { ["$secret"] = "worker_pass.txt" })
  m:http("GET", "https://example.org/", { json = { answer = 42 } })
end)

t.test("a form is filled in as on the page", function()
  local m = t.master()
  local build = m:force("force", { target = "tests", username = "ann@example.org" }):build "linux"
  t.equal(assert(build:step("Build").command)[4], "tests")
  t.equal(build.properties.owner, "ann@example.org")
  t.raises(function() m:force("force", { target = "nothing" }) end, "target:.*does not belong")
  t.raises(function() m:force("force", { tagret = "all" }) end, "Did you mean `target`")
end)

t.test("mistakes are told", function()
  local m = t.master()
  t.raises(function() m:worker "linux-3" end, 'no worker "linux%-3".*linux%-[12]')
  t.raises(function() m:push { brnach = "main" } end, "unknown field `brnach`")
  t.raises(function() m:force("main", {}) end, "not a force scheduler")
  t.raises(function() m:run "linus" end, 'no builder "linus"')
  t.raises(function() m:event("push", "nothing.json") end, "cannot be read")
  t.raises(function() m:run("linux"):step "Biuld" end, "Did you mean `Build`")
  t.raises(function() return m:run("linux").result end, "Did you mean `results`")
  t.raises(function() t.equals(1, 1) end, "Did you mean `equal`")
  t.raises(function() m:push():refused "mian" end, "Did you mean `main`")
  t.raises(function() t.master { now = "soon" } end, "is a time such as")
end)

t.test("every night linux is built", function()
  local m = t.master { now = "2026-05-01T12:00:00Z" }
  t.equal(m:advance(3600):builders(), {})
  local night = m:advance(86400)
  t.equal(night:builders(), { "linux" })
  t.equal(night:build("linux").scheduler, "nightly")
  -- What the clock asks for does not come of a push.
  t.equal(#m:push({ branch = "main" }):builds(), 1)
  t.equal(#m:builds "linux", 2)
end)

t.test("a release waits for the tests that it triggers", function()
  for rc, results in pairs { [0] = "success", [1] = "failure" } do
    local m = t.master()
    for _, name in ipairs { "linux-1", "linux-2" } do m:worker(name):on("make", { rc = rc, seconds = 60 }) end
    local before = m:now()
    local build = m:force("release", {}):build "release"
    t.equal(build.results, results)
    t.ok(m:now() - before >= 60)
    t.equal(build:step("trigger").triggered, { { builder = "linux", scheduler = "tests", number = 1, waited_for = true } })
    t.equal(m:build("linux").properties.target, "tests")
    t.equal(m:build("linux").scheduler, "tests")
  end
end)

-- `require "ci.test"`, in files run by `halide-ci test`: masters that rehearse, what came of an event,
-- and expectations whose failures say what happened instead. Every question goes to Rust through
-- `native.ask`; here are only names and words.

local _, native = ...

local t = {}

-- Failing ----------------------------------------------------------------------------------------

-- What went wrong in steps of this test because of the configuration, in order and by text: nearly always
-- why something else is not as expected.
local broken, known_broken = {}, {}

-- The place is the nearest line of the user's, however deep we are.
local function fail(message)
  local file, line = native.site()
  error(("%s:%d: %s%s"):format(file, line, message, table.concat(broken)), 0)
end

local function near(name, known)
  local hint = native.nearest(tostring(name), known)
  return hint and " " .. hint or ""
end

local function listed(names) return #names == 0 and "nothing" or table.concat(names, ", ") end

local function ask(verb, arguments)
  local ok, answer = native.ask(verb, arguments)
  if not ok then fail(answer) end
  return answer
end

-- Showing ----------------------------------------------------------------------------------------

local function sorted_keys(value)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then return a < b end
    return type(a) < type(b)
  end)
  return keys
end

local function key_text(key)
  if type(key) == "string" and key:find "^[%a_][%w_]*$" then return key end
  return "[" .. (type(key) == "string" and ("%q"):format(key) or tostring(key)) .. "]"
end

local function scalar(value)
  if type(value) == "string" then
    return (("%q"):format(value):gsub("\\\n", "\\n"))
  end
  return value == native.null and "ci.null" or tostring(value)
end

-- A value as Lua would write it, one line per item.
local function lines_of(value, prefix, suffix, indent, out, seen)
  if type(value) ~= "table" or seen[value] then
    out[#out + 1] = indent .. prefix .. (seen[value] and "(itself)" or scalar(value)) .. suffix
    return out
  end
  seen[value] = true
  local keys = sorted_keys(value)
  if #keys == 0 then
    out[#out + 1] = indent .. prefix .. "{}" .. suffix
  else
    out[#out + 1] = indent .. prefix .. "{"
    for i, key in ipairs(keys) do
      local name = key == i and "" or key_text(key) .. " = "
      lines_of(value[key], name, ",", indent .. "  ", out, seen)
    end
    out[#out + 1] = indent .. "}" .. suffix
  end
  seen[value] = nil
  return out
end

local function pretty(value) return lines_of(value, "", "", "", {}, {}) end

-- The same in one line.
local function inline(value)
  local text = {}
  for _, line in ipairs(pretty(value)) do text[#text + 1] = line:match "^%s*(.-)$" end
  return (table.concat(text, " "):gsub(", }", " }"))
end

local function has_lines(value) return type(value) == "string" and value:find "\n." end

-- The lines of a text. That it does not end in a new line is said, as `diff` says it.
local function text_lines(text)
  local out = {}
  for line, ending in text:gmatch "([^\n]*)(\n?)" do
    if ending == "\n" then
      out[#out + 1] = line
    elseif line ~= "" then
      out[#out + 1] = line .. " (no new line at the end)"
    end
  end
  return out
end

-- What must go (`-`, expected) and what came (`+`, actual), line by line.
local function difference(expected, actual)
  local a, b = pretty(expected), pretty(actual)
  if has_lines(expected) and has_lines(actual) then a, b = text_lines(expected), text_lines(actual) end
  if #a * #b > 250000 then return { "(too large to compare line by line)" } end
  local common = {}
  for i = #a + 1, 1, -1 do
    common[i] = {}
    for j = #b + 1, 1, -1 do
      if i > #a or j > #b then
        common[i][j] = 0
      elseif a[i] == b[j] then
        common[i][j] = common[i + 1][j + 1] + 1
      else
        common[i][j] = math.max(common[i + 1][j], common[i][j + 1])
      end
    end
  end
  local out, i, j = {}, 1, 1
  while i <= #a or j <= #b do
    if i <= #a and j <= #b and a[i] == b[j] then
      out[#out + 1] = "    " .. a[i]
      i, j = i + 1, j + 1
    elseif i <= #a and (j > #b or common[i + 1][j] >= common[i][j + 1]) then
      out[#out + 1] = "  - " .. a[i]
      i = i + 1
    else
      out[#out + 1] = "  + " .. b[j]
      j = j + 1
    end
  end
  return out
end

-- Expectations -----------------------------------------------------------------------------------

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

-- Lists that know what they came from: what the schedulers said is told when they are not as
-- expected.
local explanations = setmetatable({}, { __mode = "k" })

local function explained(value)
  local explain = type(value) == "table" and explanations[value]
  return explain and "\n" .. explain() or ""
end

local function said(message, default) return message and message .. ": " .. default or default end

function t.equal(actual, expected, message)
  if same(actual, expected) then return end
  local one, two = inline(expected), inline(actual)
  local text = said(message, "not equal.")
  -- Texts of several lines are compared as they read.
  if #one <= 80 and #two <= 80 and not (has_lines(expected) and has_lines(actual)) then
    text = ("%s\n  expected %s\n  actual   %s"):format(text, one, two)
  else
    text = ("%s (- expected, + actual)\n%s"):format(text, table.concat(difference(expected, actual), "\n"))
  end
  fail(text .. explained(actual))
end

function t.ok(value, message)
  if not value then fail(said(message, ("expected something true, got %s."):format(scalar(value)))) end
end

function t.contains(value, item, message)
  if type(value) == "string" and type(item) == "string" then
    if value:find(item, 1, true) then return end
  elseif type(value) == "table" then
    for _, known in pairs(value) do
      if same(known, item) then return end
    end
  end
  local text = ("%s is not in it.\n  actual   %s"):format(inline(item), inline(value))
  fail(said(message, text) .. explained(value))
end

function t.matches(text, pattern, message)
  if type(text) == "string" and text:find(pattern) then return end
  fail(said(message, ("it does not match %q.\n  actual   %s"):format(pattern, inline(text))))
end

function t.raises(f, pattern, message)
  local ok, problem = pcall(f)
  if ok then fail(said(message, "expected an error, but there was none.")) end
  if pattern and not tostring(problem):find(pattern) then
    fail(said(message, ("the error does not match %q.\n  actual   %s"):format(pattern, tostring(problem))))
  end
end

-- Objects ----------------------------------------------------------------------------------------

-- An object over the values of an account; a name that is not there is an error.
local function object(kind, methods, values, known)
  return setmetatable({}, {
    __name = kind,
    __index = function(_, key)
      if methods[key] then return methods[key] end
      local value = values[key]
      if value == nil and not known[key] then
        local names = sorted_keys(known)
        for name in pairs(methods) do names[#names + 1] = name end
        fail(("a %s has no field `%s`.%s"):format(kind, tostring(key), near(key, names)))
      end
      return value
    end,
    __newindex = function(_, key) fail(("a %s cannot be changed (`%s`)."):format(kind, tostring(key))) end,
    __pairs = function() return pairs(values) end,
  })
end

local function names(...)
  local out = {}
  for _, name in ipairs { ... } do out[name] = true end
  return out
end

local COMMAND = names("kind", "command", "workdir", "env", "timeout", "max_time", "stdin", "on_master")
local STEP = names("name", "kind", "site", "status", "why", "results", "text", "hidden", "locks", "workdir", "options",
  "commands", "triggered", "logs", "ran", "command", "env", "halt_on_failure", "flunk_on_failure", "flunk_on_warnings",
  "warn_on_failure", "warn_on_warnings", "always_run")
local BUILD = names("builder", "number", "worker", "results", "text", "reason", "scheduler", "locks", "properties",
  "steps")
local EVENT = names("verdict", "failed", "changes", "requests")

local function step(values)
  values.ran = values.status == "ran"
  for i, command in ipairs(values.commands) do values.commands[i] = object("command", {}, command, COMMAND) end
  for _, command in ipairs(values.commands) do
    if command.kind == "shell" then
      values.command, values.env = command.command, command.env or {}
      break
    end
  end
  return object("step", {}, values, STEP)
end

local build_methods = {}

function build_methods.step(self, name)
  local steps, known = self.steps, {}
  if type(name) == "number" and steps[name] then return steps[name] end
  for _, each in ipairs(steps) do
    if each.name == name then return each end
    known[#known + 1] = each.name
  end
  fail(("build %d of %s has no step %s.%s It has %s."):format(self.number, self.builder, scalar(name),
    near(name, known), listed(known)))
end

-- Names of the steps that ran, in order.
function build_methods.ran(self)
  local out = {}
  for _, each in ipairs(self.steps) do
    if each.ran then out[#out + 1] = each.name end
  end
  return out
end

local function build(values)
  for i, each in ipairs(values.steps) do
    if each.status == "broken" then
      local text = ("\n  Build %d went wrong: %s"):format(values.number, each.why or "")
      if not known_broken[text] then broken[#broken + 1] = text end
      known_broken[text] = true
    end
    values.steps[i] = step(each)
  end
  return object("build", build_methods, values, BUILD)
end

local function builds_of(requests, builder)
  local out = {}
  for _, request in ipairs(requests) do
    for _, each in ipairs(request.builds) do
      if builder == nil or each.builder == builder then out[#out + 1] = each end
    end
  end
  return out
end

local function verdict_lines(changes)
  local out = {}
  for _, change in ipairs(changes) do
    out[#out + 1] = ("  What the schedulers said of the change on %s:"):format(change.branch or "the default branch")
    for _, verdict in ipairs(change.verdicts) do
      local word = verdict.taken and "takes it" or "refuses it: " .. verdict.why
      out[#out + 1] = ("    %s (%s) %s"):format(verdict.scheduler, verdict.kind, word)
    end
  end
  return out
end

local function explanation(requests, changes, verdict)
  local out = verdict_lines(changes)
  if #changes == 0 and verdict ~= "" then out[1] = "  The hook made no changes: " .. verdict end
  for _, request in ipairs(requests) do
    local asked = request.scheduler and " asked by " .. request.scheduler or ""
    out[#out + 1] = ("  %s%s: %s%s"):format(request.builder, asked, request.state,
      request.results and ", " .. request.results or "")
  end
  return table.concat(out, "\n")
end

-- What came of something: an event, a force, time that passed.
local outcome_methods = {}

function outcome_methods.builders(self)
  local seen, out = {}, {}
  for _, request in ipairs(self.requests) do
    if not seen[request.builder] then out[#out + 1] = request.builder end
    seen[request.builder] = true
  end
  table.sort(out)
  explanations[out] = function() return explanation(self.requests, self.changes, self.verdict) end
  return out
end

function outcome_methods.builds(self, builder) return builds_of(self.requests, builder) end

function outcome_methods.build(self, builder)
  local found = builds_of(self.requests, builder)
  if #found == 0 then
    local text = ("nothing was built by %s."):format(scalar(builder))
    local lines = explanation(self.requests, self.changes, self.verdict)
    fail(lines == "" and text or text .. "\n" .. lines)
  end
  return found[#found]
end

-- The verdicts of a scheduler, one per change.
local function verdicts(self, scheduler)
  local out, known = {}, {}
  for _, change in ipairs(self.changes) do
    for _, verdict in ipairs(change.verdicts) do
      known[#known + 1] = verdict.scheduler
      if verdict.scheduler == scheduler then out[#out + 1] = verdict end
    end
  end
  if #self.changes == 0 then
    fail(("there was no change to judge: %s"):format(self.verdict))
  elseif #out == 0 then
    fail(("no scheduler %s looks at changes.%s It is %s."):format(scalar(scheduler), near(scheduler, known),
      listed(known)))
  end
  return out
end

function outcome_methods.taken(self, scheduler)
  for _, verdict in ipairs(verdicts(self, scheduler)) do
    if verdict.taken then return end
  end
  local lines = table.concat(verdict_lines(self.changes), "\n")
  fail(("the scheduler %q must take the change, but refuses it.\n%s"):format(scheduler, lines))
end

function outcome_methods.refused(self, scheduler, why)
  for _, verdict in ipairs(verdicts(self, scheduler)) do
    if verdict.taken then
      local lines = table.concat(verdict_lines(self.changes), "\n")
      fail(("the scheduler %q must refuse the change, but takes it.\n%s"):format(scheduler, lines))
    end
    if why and not verdict.why:find(why, 1, true) then
      fail(("the scheduler %q refuses the change for another reason.\n  expected %q\n  actual   %q"):format(scheduler,
        why, verdict.why))
    end
  end
end

-- Masters ----------------------------------------------------------------------------------------

local function outcome(values)
  values.changes, values.verdict = values.changes or {}, values.verdict or ""
  for _, request in ipairs(values.requests) do
    for i, each in ipairs(request.builds) do request.builds[i] = build(each) end
  end
  return object("outcome", outcome_methods, values, EVENT)
end

local worker_methods = {}

function worker_methods.on(self, words, answer)
  ask("on", { master = self.master, worker = self.name, words = words, answer = answer or {} })
  return self
end

function worker_methods.disconnect(self)
  ask("disconnect", { master = self.master, worker = self.name })
  return self
end

function worker_methods.connect(self)
  ask("connect", { master = self.master, worker = self.name })
  return self
end

local master_methods = {}

-- What came of it: what was asked for, and what the question says besides.
local function does(self, verb, options) return outcome(ask(verb, { master = self.id, options = options or {} })) end

function master_methods.push(self, options) return does(self, "push", options) end
function master_methods.pull_request(self, options) return does(self, "pull_request", options) end
function master_methods.change(self, options) return does(self, "change", options) end

function master_methods.event(self, name, payload, options)
  return outcome(ask("event", { master = self.id, name = name, payload = payload, options = options or {} }))
end

function master_methods.force(self, scheduler, form, options)
  return outcome(ask("force", { master = self.id, scheduler = scheduler, form = form or {}, options = options or {} }))
end

function master_methods.run(self, builder, options)
  return outcome(ask("run", { master = self.id, builder = builder, options = options or {} })):build(builder)
end

function master_methods.advance(self, seconds)
  return outcome(ask("advance", { master = self.id, seconds = seconds }))
end

-- Everything so far.
local function all(self) return outcome(ask("all", { master = self.id })) end

function master_methods.build(self, builder) return all(self):build(builder) end
function master_methods.builds(self, builder) return all(self):builds(builder) end

function master_methods.worker(self, name, info)
  ask("worker", { master = self.id, worker = name, info = info })
  return object("worker", worker_methods, { master = self.id, name = name }, names("master", "name"))
end

function master_methods.http(self, method, url, answer)
  ask("http", { master = self.id, method = method, url = url, answer = answer or {} })
end

function master_methods.unanswered(self) return ask("unanswered", { master = self.id }) end
function master_methods.config(self) return ask("config", { master = self.id }) end
function master_methods.now(self) return ask("now", { master = self.id }) end

function t.master(options)
  local id = ask("start", { options = options or {} })
  return object("master", master_methods, { id = id }, names "id")
end

-- Tests ------------------------------------------------------------------------------------------

native.tests = {}

function t.test(name, f)
  if type(name) ~= "string" or name == "" or type(f) ~= "function" then
    fail 't.test takes a name and a function: t.test("a push builds linux", function() … end).'
  end
  local file, line = native.site()
  for _, other in ipairs(native.tests) do
    if other.name == name then
      fail(("there is a test %q already, at %s:%d."):format(name, other.file, other.line))
    end
  end
  local function fresh()
    broken, known_broken = {}, {}
    return f()
  end
  table.insert(native.tests, { name = name, f = fresh, file = file, line = line })
end

local known = {}
for name in pairs(t) do known[#known + 1] = name end
table.sort(known)

return setmetatable(t, {
  __name = "namespace",
  __index = function(_, key) fail(("there is no `%s` in ci.test.%s"):format(tostring(key), near(key, known))) end,
  __newindex = function(_, key) fail(("ci.test cannot be changed (`%s`)."):format(tostring(key))) end,
})

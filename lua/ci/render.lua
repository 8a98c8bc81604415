-- Renderables: values that are known only when a step runs. They are objects that say what is to
-- be looked up; `..` joins them to a text. They are evaluated just before a step runs.

local _, native = ...
local define = require "ci.define"
local render = {}

-- What must not stand beside `..`, in words.
local function is_wrong(side)
  if type(side) == "function" then return "a function cannot be joined with `..`; write ci.renderer(f)." end
  if type(side) ~= "table" or rawequal(side, native.broken) then return end
  local record = define.record(side)
  if not (record and native.renderables[record.kind]) then return "a table cannot be joined with `..`." end
end

local function concat(a, b)
  local wrong = is_wrong(a) or is_wrong(b)
  if wrong then
    native.problem(wrong)
    return native.broken
  end
  return define.object("concat", { a, b }, "..")
end

native.renderables = {}

local function kind(name)
  local function refuse(what)
    return function(_, key)
      local which = what == "field" and type(key) == "string" and ("field `%s`"):format(key) or what
      error(("ci.%s has no %s yet: its value is known only when a step runs; use a function of the build instead.")
        :format(name, which), 2)
    end
  end
  define.kind(name, nil, {
    __concat = concat,
    __index = refuse "field",
    __newindex = refuse "field",
    __call = refuse "call",
    __len = refuse "length",
    __pairs = refuse "contents",
    __lt = refuse "order",
    __le = refuse "order",
    __eq = refuse "value to compare",
    __add = refuse "number",
    __sub = refuse "number",
    __mul = refuse "number",
    __div = refuse "number",
    __idiv = refuse "number",
    __mod = refuse "number",
    __unm = refuse "number",
    __tostring = function() return "ci." .. name end,
  })
end

for _, name in ipairs {
  "property", "interpolate", "renderer", "transform", "merge", "builddir", "url_for_build", "secret", "concat",
} do
  kind(name)
  native.renderables[name] = true
end

local function check(ok, message)
  if not ok then native.problem(message) end
  return ok
end

function render.property(name, default)
  if not check(type(name) == "string", "ci.property takes a name and, perhaps, a default.") then name = "" end
  return define.object("property", { name = name, default = default }, "property")
end

-- A table without positions and without a kind names what `%(kw:…)s` looks up; everything else is a
-- value for a `%s`.
local function is_keywords(value)
  return type(value) == "table" and not define.record(value) and getmetatable(value) ~= false and value[1] == nil
end

function render.interpolate(text, ...)
  if not check(type(text) == "string", "ci.interpolate takes a text and, perhaps, values.") then text = "" end
  local values = table.pack(...)
  if values.n == 0 then return define.object("interpolate", { text = text }, "interpolate") end
  if values.n == 1 and is_keywords(values[1]) then
    return define.object("interpolate", { text = text, keywords = values[1] }, "interpolate")
  end
  for i = 1, values.n do
    check(
      not is_keywords(values[i]),
      "ci.interpolate takes values in order (`%s`) or one table of names (`%(kw:…)s`), not both."
    )
  end
  return define.object("interpolate", { text = text, values = values }, "interpolate")
end

function render.secret(name)
  if not check(type(name) == "string" and name ~= "", "ci.secret takes the name of a secret.") then name = "" end
  return define.object("secret", { name = name }, "secret")
end

function render.renderer(f)
  if not check(type(f) == "function", "ci.renderer takes a function of the build.") then
    f = function() end
  end
  return define.object("renderer", { f = f }, "renderer")
end

function render.transform(f, ...)
  if not check(type(f) == "function", "ci.transform takes a function and its arguments.") then
    f = function() end
  end
  return define.object("transform", { f = f, arguments = table.pack(...) }, "transform")
end

function render.merge(...)
  return define.object("merge", { arguments = table.pack(...) }, "merge")
end

render.builddir = define.object("builddir", {}, "builddir")
render.url_for_build = define.object("url_for_build", {}, "url_for_build")

return render

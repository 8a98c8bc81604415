-- Renderables: values that are known only when a step runs. They are objects that say what is to
-- be looked up; `..` joins them to a text. They are evaluated just before a step runs.

local _, native = ...
local define = require "ci.define"
local render = {}

local function concat(a, b) return define.object("concat", { a, b }, "..") end

local function kind(name)
  local function refuse(what)
    return function()
      error(("ci.%s has no %s yet: its value is known only when a step runs; use a function of the build instead.")
        :format(name, what), 2)
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
    __add = refuse "number",
    __sub = refuse "number",
    __tostring = function() return "ci." .. name end,
  })
end

for _, name in ipairs { "property", "interpolate", "renderer", "transform", "merge", "builddir", "concat" } do
  kind(name)
end

local function check(ok, message)
  if not ok then native.problem(message) end
  return ok
end

function render.property(name, default)
  if not check(type(name) == "string", "ci.property takes a name and, perhaps, a default.") then name = "" end
  return define.object("property", { name = name, default = default }, "property")
end

function render.interpolate(text, keywords)
  if not check(type(text) == "string", "ci.interpolate takes a text and, perhaps, a table of values for `%(kw:…)s`.") then
    text = ""
  end
  if not check(keywords == nil or type(keywords) == "table", "the second argument of ci.interpolate is a table of values.") then
    keywords = nil
  end
  return define.object("interpolate", { text = text, keywords = keywords or {} }, "interpolate")
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

return render

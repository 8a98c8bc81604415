-- `ci.xml`: the nodes of a document and paths through them. A path is the part of XPath that reports
-- need: names, `*`, `//`, `@attribute` and conditions in brackets.

local _, native = ...
local xml = {}
local Node = {}

local meta = { __name = "element", __metatable = false, __index = Node }
function meta.__tostring(node) return node.name and ("<%s>"):format(node.name) or "XML document" end

local function check(self, name)
  if type(self) ~= "table" or native.metafield(self, "__name") ~= "element" then
    error(("call it with a colon: node:%s(…)."):format(name), 3)
  end
end

-- Paths ----------------------------------------------------------------------------------------

local NAME <const> = "[%a_:\128-\255][%w_%-%.:\128-\255]*"

-- One condition at `at`, after its bracket; the place after it.
local function condition(path, at)
  local position, after = string.match(path, "^(%d+)%]()", at)
  if position then return { position = tonumber(position) }, after end
  local sign, name, rest = string.match(path, "^%s*(@?)(" .. NAME .. ")%s*()", at)
  if not name then return nil end
  local wanted = { name = name, is_attribute = sign == "@" }
  local closed = string.match(path, "^%]()", rest)
  if closed then return wanted, closed end
  local operator, quote, value, ended = string.match(path, "^(!?=)%s*(['\"])(.-)%2%s*%]()", rest)
  if not operator then return nil end
  wanted.value, wanted.is_not = value, operator == "!="
  return wanted, ended
end

local function parse(path)
  local steps, at = {}, 1
  local prefix = string.match(path, "^%.?//()")
  local deep = prefix ~= nil
  at = prefix or 1
  while true do
    local step = { deep = deep, conditions = {} }
    local sign, name, after = string.match(path, "^(@?)(" .. NAME .. ")()", at)
    if not name then name, after = string.match(path, "^(%*)()", at) end
    if not name then return nil end
    step.name, step.is_attribute, at = name, sign == "@", after
    while not step.is_attribute and string.sub(path, at, at) == "[" do
      local wanted, ended = condition(path, at + 1)
      if not wanted then return nil end
      step.conditions[#step.conditions + 1] = wanted
      at = ended
    end
    steps[#steps + 1] = step
    if at > #path then return steps end
    local slashes, next_at = string.match(path, "^(//?)()", at)
    if not slashes or step.is_attribute then return nil end
    deep, at = slashes == "//", next_at
  end
end

-- The same few paths are used on thousands of nodes.
local known, count = {}, 0

local function steps_of(path)
  if type(path) ~= "string" then
    error(("a path is a text such as \"Site/Testing/Test\", not %s."):format(native.a_type(path)), 3)
  end
  local steps = known[path]
  if not steps then
    steps = parse(path)
    if not steps then
      error(("%q is no path: it is names joined by `/` or `//`, from this node downwards, with conditions such as "
        .. "[@status='failed'], [failure] or [1]; the last may be an @attribute."):format(path), 3)
    end
    if count >= 200 then known, count = {}, 0 end
    known[path], count = steps, count + 1
  end
  return steps
end

local function text_of(node, out)
  for _, child in ipairs(node.children) do
    if type(child) == "string" then out[#out + 1] = child else text_of(child, out) end
  end
  return out
end

local function content(node) return table.concat(text_of(node, {})) end

local function holds(node, wanted)
  if wanted.is_attribute then
    local value = node.attributes[wanted.name]
    if wanted.value == nil then return value ~= nil end
    return value ~= nil and (value == wanted.value) ~= wanted.is_not
  end
  for _, child in ipairs(node.children) do
    if type(child) == "table" and child.name == wanted.name then
      if wanted.value == nil or (content(child) == wanted.value) ~= wanted.is_not then return true end
    end
  end
  return false
end

local function named(node, step, out)
  for _, child in ipairs(node.children) do
    if type(child) == "table" then
      if step.name == "*" or child.name == step.name then out[#out + 1] = child end
      if step.deep then named(child, step, out) end
    end
  end
  return out
end

local function kept(nodes, wanted)
  if wanted.position then return { nodes[wanted.position] } end
  local out = {}
  for _, node in ipairs(nodes) do
    if holds(node, wanted) then out[#out + 1] = node end
  end
  return out
end

-- Every node that a path leads to, in the document's order; for an attribute, those that have it.
local function walk(node, steps)
  local nodes = { node }
  for _, step in ipairs(steps) do
    if step.is_attribute and not step.deep then break end
    local reached, seen = {}, {}
    for _, from in ipairs(nodes) do
      local found = step.is_attribute and named(from, { name = "*", deep = true }, {}) or named(from, step, {})
      for _, wanted in ipairs(step.conditions) do found = kept(found, wanted) end
      for _, child in ipairs(found) do
        if not seen[child] then
          seen[child] = true
          reached[#reached + 1] = child
        end
      end
    end
    nodes = reached
  end
  return nodes
end

-- Methods --------------------------------------------------------------------------------------

function Node:each(path)
  check(self, "each")
  local steps = steps_of(path)
  if steps[#steps].is_attribute then
    error("node:each visits elements; for an attribute use node:text(path) or node:attr(name).", 2)
  end
  local nodes, at = walk(self, steps), 0
  return function()
    at = at + 1
    return nodes[at]
  end
end

function Node:find(path)
  check(self, "find")
  local steps = steps_of(path)
  if steps[#steps].is_attribute then
    error("node:find gives an element; for an attribute use node:text(path) or node:attr(name).", 2)
  end
  return walk(self, steps)[1]
end

function Node:text(path)
  check(self, "text")
  if path == nil then return content(self) end
  local steps = steps_of(path)
  local last = steps[#steps]
  local nodes = walk(self, steps)
  if not last.is_attribute then return nodes[1] and content(nodes[1]) end
  for _, node in ipairs(nodes) do
    local value = node.attributes[last.name]
    if value ~= nil then return value end
  end
end

function Node:attr(name)
  check(self, "attr")
  if type(name) ~= "string" then
    error(("node:attr takes an attribute's name, not %s."):format(native.a_type(name)), 2)
  end
  return self.attributes[name]
end

function xml.parse(text) return native.xml_parse(text, meta) end

return xml

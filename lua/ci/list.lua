-- Lists, texts and paths: what `table` and `string` lack. Every function returns something new and
-- changes nothing; what is no list or text is refused by name, because Lua would speak of a line in here.

local _, native = ...
local list, text, path = {}, {}, {}

-- Deeper lists are most likely inside themselves.
local DEEPEST <const> = 100

local function a_text(value, name)
  if type(value) ~= "string" then
    error(("ci.%s takes a text, not %s."):format(name, native.a_type(value)), 3)
  end
end

local function a_function(value, name)
  if type(value) ~= "function" then
    error(("ci.list.%s takes a function, not %s."):format(name, native.a_type(value)), 3)
  end
end

-- The largest position, so that a hole (`cond and x`, with cond nil) ends nothing.
local function last(t, name)
  if type(t) ~= "table" then
    error(("ci.list.%s takes a list, not %s."):format(name, native.a_type(t)), 3)
  end
  local n = 0
  for key in pairs(t) do
    if math.type(key) == "integer" and key > n then n = key end
  end
  return n
end

local function is_plain(value)
  if type(value) ~= "table" then return false end
  local meta = getmetatable(value)
  return meta == nil or meta == "array"
end

local function add(out, value, depth)
  if not value then return end
  if not is_plain(value) then
    out[#out + 1] = value
    return
  end
  if depth > DEEPEST then error("ci.list.flatten got a list that is too deep, or inside itself.", 0) end
  for i = 1, last(value, "flatten") do add(out, value[i], depth + 1) end
end

function list.flatten(...)
  local out, args = {}, table.pack(...)
  for i = 1, args.n do add(out, args[i], 1) end
  return out
end

function list.map(items, f)
  local out, n = {}, last(items, "map")
  a_function(f, "map")
  for i = 1, n do
    if items[i] ~= nil then out[#out + 1] = f(items[i]) end
  end
  return out
end

function list.filter(items, wanted)
  local out, n = {}, last(items, "filter")
  a_function(wanted, "filter")
  for i = 1, n do
    if items[i] ~= nil and wanted(items[i]) then out[#out + 1] = items[i] end
  end
  return out
end

function list.find(items, wanted)
  local n = last(items, "find")
  a_function(wanted, "find")
  for i = 1, n do
    if items[i] ~= nil and wanted(items[i]) then return items[i], i end
  end
end

function list.contains(items, value)
  for i = 1, last(items, "contains") do
    if items[i] == value then return true end
  end
  return false
end

-- What compares with `<`: numbers, texts, and tables that say how (versions); false is before true.
local function comparable(a, b)
  local kind = type(a)
  if kind == type(b) and (kind == "number" or kind == "string" or kind == "table") then return a, b end
  if kind == "boolean" and type(b) == "boolean" then return a and 1 or 0, b and 1 or 0 end
  error(("ci.list.sorted cannot order %s and %s; give a key that is always a number or a text.")
    :format(native.a_type(a), native.a_type(b)), 0)
end

-- Stable: what compares equal keeps its order. `key` gives what is compared.
function list.sorted(items, key)
  local decorated, n = {}, last(items, "sorted")
  if key ~= nil then a_function(key, "sorted") end
  for i = 1, n do
    local item = items[i]
    if item ~= nil then
      local by = item
      if key then by = key(item) end
      decorated[#decorated + 1] = { item = item, key = by, at = i }
    end
  end
  table.sort(decorated, function(a, b)
    local ka, kb = comparable(a.key, b.key)
    if ka ~= kb then return ka < kb end
    return a.at < b.at
  end)
  return list.map(decorated, function(d) return d.item end)
end

function text.split(s, separator)
  a_text(s, "text.split")
  a_text(separator, "text.split")
  if separator == "" then error("ci.text.split needs a separator; ci.text.words splits at white space.", 2) end
  local out, at = {}, 1
  while true do
    local from, to = string.find(s, separator, at, true)
    out[#out + 1] = string.sub(s, at, (from or #s + 1) - 1)
    if not from then return out end
    at = to + 1
  end
end

function text.words(s)
  a_text(s, "text.words")
  local out = {}
  for word in string.gmatch(s, "%S+") do out[#out + 1] = word end
  return out
end

function text.trim(s)
  a_text(s, "text.trim")
  local from = string.find(s, "%S")
  if not from then return "" end
  -- From the end: a pattern that begins with blanks would try each run of them.
  local to = #s
  while string.find(string.sub(s, to, to), "%s") do to = to - 1 end
  return string.sub(s, from, to)
end

function text.lines(s)
  a_text(s, "text.lines")
  local out = text.split(s, "\n")
  if out[#out] == "" then out[#out] = nil end
  for i, line in ipairs(out) do
    if string.sub(line, -1) == "\r" then out[i] = string.sub(line, 1, -2) end
  end
  return out
end

function path.normalize(p)
  a_text(p, "path.normalize")
  local absolute = string.sub(p, 1, 1) == "/"
  local out = {}
  for _, part in ipairs(text.split(p, "/")) do
    if part == ".." and #out > 0 and out[#out] ~= ".." then
      out[#out] = nil
    elseif part == ".." and not absolute then
      out[#out + 1] = part
    elseif part ~= "" and part ~= "." and part ~= ".." then
      out[#out + 1] = part
    end
  end
  local joined = table.concat(out, "/")
  if absolute then return "/" .. joined end
  return joined == "" and "." or joined
end

function path.join(...)
  local out, parts = "", table.pack(...)
  for i = 1, parts.n do
    local part = parts[i]
    if type(part) ~= "string" then
      error(("ci.path.join takes texts, not %s (argument %s); a renderable is joined by `..`.")
        :format(native.a_type(part), i), 2)
    end
    if string.sub(part, 1, 1) == "/" or string.find(part, "^%a:[/\\]") or out == "" then
      out = part
    elseif part ~= "" then
      out = string.gsub(out, "/$", "") .. "/" .. part
    end
  end
  return out
end

function path.dirname(p)
  a_text(p, "path.dirname")
  local dir = string.match(p, "^(.*)/[^/]*$")
  if dir == "" then return "/" end
  return dir or "."
end

function path.basename(p)
  a_text(p, "path.basename")
  return (string.match(p, "([^/]*)/*$"))
end

return { list = list, text = text, path = path }

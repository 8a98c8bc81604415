-- Lists and texts: what `table` and `string` lack. Every function returns a new list and changes
-- nothing.

local list, text = {}, {}

-- The largest position, so that a hole (`cond and x`, with cond nil) ends nothing.
local function last(t)
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

local function add(out, value)
  if not value then return end
  if not is_plain(value) then
    out[#out + 1] = value
    return
  end
  for i = 1, last(value) do add(out, value[i]) end
end

function list.flatten(...)
  local out, args = {}, table.pack(...)
  for i = 1, args.n do add(out, args[i]) end
  return out
end

function list.map(items, f)
  local out = {}
  for i = 1, last(items) do
    if items[i] ~= nil then out[#out + 1] = f(items[i]) end
  end
  return out
end

function list.filter(items, wanted)
  local out = {}
  for i = 1, last(items) do
    if items[i] ~= nil and wanted(items[i]) then out[#out + 1] = items[i] end
  end
  return out
end

function list.find(items, wanted)
  for i = 1, last(items) do
    if items[i] ~= nil and wanted(items[i]) then return items[i], i end
  end
end

function list.contains(items, value)
  for i = 1, last(items) do
    if items[i] == value then return true end
  end
  return false
end

-- Stable: what compares equal keeps its order. `key` gives what is compared.
function list.sorted(items, key)
  local decorated = {}
  for i, item in ipairs(list.filter(items, function() return true end)) do
    decorated[i] = { item = item, key = key and key(item) or not key and item, at = i }
  end
  table.sort(decorated, function(a, b)
    if a.key ~= b.key then return a.key < b.key end
    return a.at < b.at
  end)
  return list.map(decorated, function(d) return d.item end)
end

function text.split(s, separator)
  local out, at = {}, 1
  if separator == "" then error("ci.text.split needs a separator; ci.text.words splits at white space.", 2) end
  while true do
    local from, to = string.find(s, separator, at, true)
    out[#out + 1] = string.sub(s, at, (from or #s + 1) - 1)
    if not from then return out end
    at = to + 1
  end
end

function text.words(s)
  local out = {}
  for word in string.gmatch(s, "%S+") do out[#out + 1] = word end
  return out
end

function text.trim(s) return (string.match(s, "^%s*(.-)%s*$")) end

function text.lines(s)
  local out = text.split(s, "\n")
  if out[#out] == "" then out[#out] = nil end
  for i, line in ipairs(out) do out[i] = string.gsub(line, "\r$", "") end
  return out
end

local path = {}

function path.normalize(p)
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
  local out = ""
  for _, part in ipairs { ... } do
    if string.sub(part, 1, 1) == "/" or string.find(part, "^%a:[/\\]") or out == "" then
      out = part
    elseif part ~= "" then
      out = string.gsub(out, "/$", "") .. "/" .. part
    end
  end
  return out
end

function path.dirname(p)
  local dir = string.match(p, "^(.*)/[^/]*$")
  if dir == "" then return "/" end
  return dir or "."
end

function path.basename(p) return (string.match(p, "([^/]*)/*$")) end

return { list = list, text = text, path = path }

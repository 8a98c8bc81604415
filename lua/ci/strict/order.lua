-- `pairs` and `next` go in one order everywhere: integers, then strings in byte order. Lua's own
-- order differs from run to run, and loading the same file twice must give the same configuration.

local _, native = ...

local next0, type0, error0, rawget0, tostring0 = next, type, error, rawget, tostring
local sort0, move0, insert0, remove0 = table.sort, table.move, table.insert, table.remove
local rank = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
  local ra, rb = rank[type0(a)] or 4, rank[type0(b)] or 4
  if ra ~= rb then return ra < rb end
  if ra == 3 then return not a and b end
  return ra < 4 and a < b
end

-- Keys without an order (tables, functions) come last, as they are stored.
local function sort_mixed(keys)
  local others = {}
  for i = #keys, 1, -1 do
    if not rank[type0(keys[i])] then insert0(others, 1, remove0(keys, i)) end
  end
  sort0(keys, before)
  move0(others, 1, #others, #keys + 1, keys)
end

local function sorted_keys(t)
  local keys, n, kind, in_order = {}, 0, nil, true
  for key in next0, t do
    local mine = type0(key)
    if n == 0 then
      kind = mine
    elseif kind ~= mine then
      kind, in_order = "mixed", false
    elseif in_order then
      in_order = (mine == "number" or mine == "string") and keys[n] < key
    end
    n = n + 1
    keys[n] = key
  end
  if in_order then return keys end
  if kind == "number" or kind == "string" then
    native.tick()
    sort0(keys)
  else
    sort_mixed(keys)
  end
  return keys
end

local function ordered(t)
  local keys, at = sorted_keys(t), 0
  return function()
    while true do
      at = at + 1
      local key = keys[at]
      if key == nil then return nil end
      local value = rawget0(t, key)
      if value ~= nil then return key, value end
    end
  end
end

function pairs(t)
  if type0(t) ~= "table" then
    error0("bad argument #1 to 'pairs' (table expected, got " .. type0(t) .. ")", 2)
  end
  local custom = native.metafield(t, "__pairs")
  if custom then return custom(t) end
  return ordered(t), t, nil
end

-- The last traversal, so that a loop over `next` does not sort at every step.
local last = setmetatable({}, { __mode = "v" })
local last_at = 0

function next(t, key)
  if type0(t) ~= "table" then
    error0("bad argument #1 to 'next' (table expected, got " .. type0(t) .. ")", 2)
  end
  if key == nil and next0(t) == nil then return nil end
  if key == nil or last.table ~= t or last.keys == nil or last.keys[last_at] ~= key then
    last.table, last.keys, last_at = t, sorted_keys(t), 0
    if key ~= nil then
      for i, k in ipairs(last.keys) do
        if k == key then last_at = i end
      end
      if last_at == 0 then error0("invalid key to 'next'", 2) end
    end
  end
  local keys = last.keys
  while true do
    last_at = last_at + 1
    local found = keys[last_at]
    if found == nil then return nil end
    local value = rawget0(t, found)
    if value ~= nil then return found, value end
  end
end

-- Tables and functions are told apart by numbers that are the same in each run, not by addresses.
local numbers, count = setmetatable({}, { __mode = "k" }), 0
local has_address = { table = true, ["function"] = true, thread = true, userdata = true }
local find0, match0 = string.find, string.match

function tostring(...)
  local text = tostring0(...)
  local value = ...
  if has_address[type0(value)] and find0(text, "^[%w_ ]+: 0?x?%x+$") then
    if numbers[value] == nil then
      count = count + 1
      numbers[value] = count
    end
    return match0(text, "^[%w_ ]+") .. ": " .. numbers[value]
  end
  return text
end

local format0, select0, pack0, unpack0 = string.format, select, table.pack, table.unpack

function string.format(...)
  local text = ...
  if type0(text) == "string" and find0(text, "%%[^%a%%]*p") then
    error0("bad argument #1 to 'format' (addresses differ from run to run, so there is no %p)", 2)
  end
  for i = 2, select0("#", ...) do
    if has_address[type0((select0(i, ...)))] then
      local values = pack0(...)
      for at = 2, values.n do
        if has_address[type0(values[at])] then values[at] = tostring(values[at]) end
      end
      return (format0(unpack0(values, 1, values.n)))
    end
  end
  return (format0(...))
end

-- Chance repeats itself, too: without a seed it is always the same.
local seed0 = math.randomseed
function math.randomseed(a, b) seed0(a or 0, b or 0) end
math.randomseed()

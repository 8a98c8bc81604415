-- Patterns run against the budget: `find`, `match`, `gmatch` and `gsub` on the matcher in
-- `src/script/pattern.rs` instead of Lua's, inside which no hook fires. A plain search is linear.

local _, native = ...

local error0, type0, tostring0, select0, tonumber0 = error, type, tostring, select, tonumber
local pack, unpack, concat, max, tointeger = table.pack, table.unpack, table.concat, math.max, math.tointeger
local find0, sub, byte = string.find, string.sub, string.byte
local match, find_plain = native.match, native.find_plain

local SHORT <const> = 1024
-- For one character, which is linear in any text.
function native.find_character(s, character, start) return find0(s, character, start, true) end

local function text_of(value, position, name)
  if type0(value) == "number" then return tostring0(value) end
  if type0(value) ~= "string" then
    local got = value == nil and "no value" or type0(value)
    error0(("bad argument #%d to '%s' (string expected, got %s)"):format(position, name, got), 3)
  end
  return value
end

-- The first position, and whether it is inside the text.
local function start_of(s, init)
  init = init and tointeger(init) or 1
  if init < 0 then init = max(1, #s + init + 1) elseif init == 0 then init = 1 end
  return init, init <= #s + 1
end

local function anchored(pattern)
  if byte(pattern, 1) == 94 then return sub(pattern, 2), true end
  return pattern, false
end

function string.find(s, pattern, init, plain)
  s, pattern = text_of(s, 1, "find"), text_of(pattern, 2, "find")
  local start, inside = start_of(s, init)
  if not inside then return nil end
  if plain or not find0(pattern, "[%^%$%*%+%?%.%(%)%[%]%%%-]") then
    -- In a short text Lua's own search cannot take long, and it is the faster one.
    if #s <= SHORT then return find0(s, pattern, start, true) end
    return find_plain(s, pattern, start)
  end
  local rest, is_anchored = anchored(pattern)
  return match(s, rest, start, is_anchored)
end

-- What a match gives: its captures, or all of it.
local function captured(s, from, to, ...)
  if from == nil then return nil end
  if select0("#", ...) == 0 then return sub(s, from, to) end
  return ...
end

function string.match(s, pattern, init)
  s, pattern = text_of(s, 1, "match"), text_of(pattern, 2, "match")
  local start, inside = start_of(s, init)
  if not inside then return nil end
  local rest, is_anchored = anchored(pattern)
  return captured(s, match(s, rest, start, is_anchored))
end

function string.gmatch(s, pattern, init)
  s, pattern = text_of(s, 1, "gmatch"), text_of(pattern, 2, "gmatch")
  local at, last_end = start_of(s, init), nil
  return function()
    while at <= #s + 1 do
      local found = pack(match(s, pattern, at, false))
      local from, to = found[1], found[2]
      if from == nil then
        at = #s + 2
        return nil
      end
      if to < from and to == last_end then
        at = from + 1
      else
        at, last_end = max(to + 1, from), to
        return captured(s, unpack(found, 1, found.n))
      end
    end
    return nil
  end
end

-- A replacement text with `%0` to `%9` and `%%` filled in.
local function filled(template, s, found)
  local out, at = {}, 1
  while true do
    local percent = find0(template, "%", at, true)
    if not percent then break end
    out[#out + 1] = sub(template, at, percent - 1)
    local c = sub(template, percent + 1, percent + 1)
    if c == "%" then
      out[#out + 1] = "%"
    elseif c == "0" or (c == "1" and found.n == 2) then
      out[#out + 1] = sub(s, found[1], found[2])
    elseif find0(c, "%d") then
      local n = tonumber0(c) + 2
      if n > found.n then error0("invalid capture index %" .. c .. " in replacement string", 3) end
      out[#out + 1] = tostring0(found[n])
    else
      error0("invalid use of '%' in replacement string", 3)
    end
    at = percent + 2
  end
  out[#out + 1] = sub(template, at)
  return concat(out)
end

local function replacement(with, s, found)
  local kind, value = type0(with), nil
  if kind == "string" or kind == "number" then return filled(tostring0(with), s, found) end
  local first = found.n == 2 and sub(s, found[1], found[2]) or found[3]
  if kind == "table" then
    value = with[first]
  elseif found.n == 2 then
    value = with(first)
  else
    value = with(unpack(found, 3, found.n))
  end
  if not value then return sub(s, found[1], found[2]) end
  if type0(value) ~= "string" and type0(value) ~= "number" then
    error0("invalid replacement value (a " .. type0(value) .. ")", 3)
  end
  return tostring0(value)
end

-- `ci.regex` replaces in the same way.
native.replacement, native.captured = replacement, captured

function string.gsub(s, pattern, with, limit)
  s, pattern = text_of(s, 1, "gsub"), text_of(pattern, 2, "gsub")
  local kind = type0(with)
  if kind ~= "string" and kind ~= "number" and kind ~= "table" and kind ~= "function" then
    error0("bad argument #3 to 'gsub' (string/function/table expected, got " .. kind .. ")", 2)
  end
  local rest, is_anchored = anchored(pattern)
  local out, count, at, copied, last_end = {}, 0, 1, 1, nil
  while at <= #s + 1 and (not limit or count < limit) do
    local found = pack(match(s, rest, at, is_anchored))
    local from, to = found[1], found[2]
    if from == nil then break end
    if to < from and to == last_end then
      at = from + 1
    else
      count = count + 1
      out[#out + 1] = sub(s, copied, from - 1)
      out[#out + 1] = replacement(with, s, found)
      copied, last_end = to + 1, to
      at = max(to + 1, from)
    end
    if is_anchored then break end
  end
  out[#out + 1] = sub(s, copied)
  return concat(out), count
end

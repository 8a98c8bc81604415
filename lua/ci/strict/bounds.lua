-- Functions of the C library that can be made to run for hours in one call: no hook fires inside
-- them, so each refuses at once what is out of all proportion.

local _, native = ...

local error0, type0, tointeger, tostring0, select0 = error, type, math.tointeger, tostring, select

-- The most elements that one call works on, and the longest text it makes.
local MOST_ITEMS <const> = 10000000
local MOST_SORTED <const> = 1000000
local LONGEST <const> = 64 << 20
-- From here on a call looks at the clock.
local LARGE <const> = 10000

local function bad(position, name, what)
  error0(("bad argument #%d to '%s' (%s)"):format(position, name, what), 3)
end

local function a_table(value, position, name)
  if type0(value) ~= "table" then
    bad(position, name, "table expected, got " .. (value == nil and "no value" or type0(value)))
  end
  return value
end

local function an_integer(value, position, name)
  local number = tointeger(value)
  if not number then
    bad(position, name, "integer expected, got " .. (value == nil and "no value" or type0(value)))
  end
  return number
end

-- Refuses more than `most` elements; the difference of two integers may wrap around.
local function few(first, last, name, most)
  if last >= first and (last - first < 0 or last - first >= (most or MOST_ITEMS)) then
    error0(("'%s' would work on more than %d elements."):format(name, most or MOST_ITEMS), 3)
  end
  if last - first > LARGE then native.tick() end
end

local rep, concat, move, sort, insert, remove =
  string.rep, table.concat, table.move, table.sort, table.insert, table.remove

function string.rep(s, n, separator)
  if type0(s) == "number" then s = tostring0(s) end
  if type0(s) ~= "string" then
    bad(1, "rep", "string expected, got " .. (s == nil and "no value" or type0(s)))
  end
  n = an_integer(n, 2, "rep")
  if type0(separator) == "number" then separator = tostring0(separator) end
  if separator ~= nil and type0(separator) ~= "string" then
    bad(3, "rep", "string expected, got " .. type0(separator))
  end
  local each = #s + (separator and #separator or 0)
  if n <= 0 or each == 0 then return "" end
  if n > LONGEST // each then
    error0(("'rep' would make a text of more than %d MiB."):format(LONGEST >> 20), 2)
  end
  if n * each > LARGE then native.tick() end
  local out = rep(s, n, separator)
  return out
end

function table.concat(t, separator, first, last)
  a_table(t, 1, "concat")
  first = first == nil and 1 or an_integer(first, 3, "concat")
  last = last == nil and #t or an_integer(last, 4, "concat")
  few(first, last, "concat")
  local out = concat(t, separator, first, last)
  return out
end

function table.move(from, first, last, at, to)
  a_table(from, 1, "move")
  if to ~= nil then a_table(to, 5, "move") end
  few(an_integer(first, 2, "move"), an_integer(last, 3, "move"), "move")
  local out = move(from, first, last, an_integer(at, 4, "move"), to or from)
  return out
end

function table.sort(t, before)
  few(1, #a_table(t, 1, "sort"), "sort", MOST_SORTED)
  sort(t, before)
end

function table.insert(t, ...)
  few(1, #a_table(t, 1, "insert"), "insert")
  insert(t, ...)
end

function table.remove(t, ...)
  few(1, #a_table(t, 1, "remove"), "remove")
  local out = remove(t, ...)
  return out
end

-- These go through a whole text each, quickly; only a loop of them is slow. Each calls the original by
-- its name, which is what an error about an argument says.
local function long(s)
  if type0(s) == "string" and #s > LARGE then native.tick() end
end

local byte, lower, upper, reverse = string.byte, string.lower, string.upper, string.reverse
local len, codepoint, offset, codes = utf8.len, utf8.codepoint, utf8.offset, utf8.codes

function string.byte(s, ...) long(s) return byte(s, ...) end
function string.lower(s) long(s) return lower(s) end
function string.upper(s) long(s) return upper(s) end
function string.reverse(s) long(s) return reverse(s) end
function utf8.len(s, ...) long(s) return len(s, ...) end
function utf8.codepoint(s, ...) long(s) return codepoint(s, ...) end
function utf8.offset(s, ...) long(s) return offset(s, ...) end
function utf8.codes(s, ...) long(s) return codes(s, ...) end

-- `load(text, name, "t", nil)` means no globals at all, so the environment is counted.
function load(chunk, name, mode, ...)
  if type0(chunk) == "function" then
    local parts, length = {}, 0
    for part in chunk do
      if part == "" then break end
      if type0(part) ~= "string" then error0("the function given to 'load' must return texts.", 2) end
      parts[#parts + 1] = part
      length = length + #part
      if length > LONGEST then break end
    end
    chunk = concat(parts)
  end
  if type0(chunk) ~= "string" then bad(1, "load", "string expected, got " .. type0(chunk)) end
  if mode ~= nil and mode ~= "t" and mode ~= "bt" then
    return nil, "only texts are loaded here, not bytecode."
  end
  if select0("#", ...) == 0 then return native.load(chunk, name) end
  local env = ...
  if env ~= nil and type0(env) ~= "table" then bad(4, "load", "table expected, got " .. type0(env)) end
  return native.load(chunk, name, env or {})
end

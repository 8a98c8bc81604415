-- The sandbox in Lua. Undefined globals are errors; `pairs` and `next` go in one order everywhere;
-- `pcall` cannot keep an error that ends the call (a budget that is used up, a stopped step);
-- patterns run against the budget; files can only be read. What stays in C is in `sandbox.rs`.

local _, native = ...

-- Errors ---------------------------------------------------------------------------------------

local pcall0, xpcall0, error0 = pcall, xpcall, error

local function settle(ok, ...)
  if not ok then
    native.overrun()
    if native.fatal((...)) then error0((...), 0) end
  end
  return ok, ...
end

function pcall(f, ...) return settle(pcall0(f, ...)) end

function xpcall(f, handler, ...)
  local function handle(err)
    if native.fatal(err) then return err end
    return handler(err)
  end
  return settle(xpcall0(f, handle, ...))
end

local create0, resume0, close0, yield0 = coroutine.create, coroutine.resume, coroutine.close, coroutine.yield

-- A coroutine that waits for the world (a command, HTTP, a sleep) has not yielded to whoever resumed
-- it: that one waits too, and resumes it again when something has happened.
local function waited(co, ok, ...)
  if ok and ... == native.pending then
    yield0(native.pending)
    return waited(co, resume0(co))
  end
  return settle(ok, ...)
end

function coroutine.resume(co, ...) return waited(co, resume0(co, ...)) end
function coroutine.close(co) return settle(close0(co)) end

local function unwrapped(ok, ...)
  if not ok then error0((...), 0) end
  return ...
end

function coroutine.wrap(f)
  local co = create0(f)
  return function(...) return unwrapped(waited(co, resume0(co, ...))) end
end

-- A finalizer runs where no budget reaches it.
local setmetatable0 = setmetatable
function setmetatable(t, meta)
  if type(meta) == "table" and rawget(meta, "__gc") ~= nil then
    error0("`__gc` is not allowed here: finalizers cannot be budgeted.", 2)
  end
  return setmetatable0(t, meta)
end

-- Order ----------------------------------------------------------------------------------------

local next0 = next
local rank = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
  local ra, rb = rank[type(a)] or 4, rank[type(b)] or 4
  if ra ~= rb then return ra < rb end
  if ra == 3 then return not a and b end
  return ra < 4 and a < b
end

local function sorted_keys(t)
  local keys, plain = {}, true
  for key in next0, t do
    keys[#keys + 1] = key
    if not rank[type(key)] then plain = false end
  end
  if plain then
    table.sort(keys, before)
  else
    -- Keys without an order (tables, functions) come last, as they are stored.
    local others = {}
    for i = #keys, 1, -1 do
      if not rank[type(keys[i])] then table.insert(others, 1, table.remove(keys, i)) end
    end
    table.sort(keys, before)
    table.move(others, 1, #others, #keys + 1, keys)
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
      local value = rawget(t, key)
      if value ~= nil then return key, value end
    end
  end
end

function pairs(t)
  if type(t) ~= "table" then
    error0("bad argument #1 to 'pairs' (table expected, got " .. type(t) .. ")", 2)
  end
  local custom = native.metafield(t, "__pairs")
  if custom then return custom(t) end
  return ordered(t), t, nil
end

-- The last traversal, so that a loop over `next` does not sort at every step.
local last = setmetatable0({}, { __mode = "v" })
local last_at = 0

function next(t, key)
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
    local value = rawget(t, found)
    if value ~= nil then return found, value end
  end
end

-- Patterns -------------------------------------------------------------------------------------

local find0, sub, byte = string.find, string.sub, string.byte
local match = native.match

local function text_of(value, position, name)
  if type(value) == "number" then return tostring(value) end
  if type(value) ~= "string" then
    local got = value == nil and "no value" or type(value)
    error0(("bad argument #%d to '%s' (string expected, got %s)"):format(position, name, got), 3)
  end
  return value
end

-- The first position, and whether it is inside the text.
local function start_of(s, init)
  init = init and math.tointeger(init) or 1
  if init < 0 then init = math.max(1, #s + init + 1) elseif init == 0 then init = 1 end
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
    return find0(s, pattern, start, true)
  end
  local rest, is_anchored = anchored(pattern)
  return match(s, rest, start, is_anchored)
end

-- What a match gives: its captures, or all of it.
local function captured(s, from, to, ...)
  if from == nil then return nil end
  if select("#", ...) == 0 then return sub(s, from, to) end
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
      local found = table.pack(match(s, pattern, at, false))
      local from, to = found[1], found[2]
      if from == nil then
        at = #s + 2
        return nil
      end
      if to < from and to == last_end then
        at = from + 1
      else
        at, last_end = math.max(to + 1, from), to
        return captured(s, table.unpack(found, 1, found.n))
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
      local n = tonumber(c) + 2
      if n > found.n then error0("invalid capture index %" .. c .. " in replacement string", 3) end
      out[#out + 1] = tostring(found[n])
    else
      error0("invalid use of '%' in replacement string", 3)
    end
    at = percent + 2
  end
  out[#out + 1] = sub(template, at)
  return table.concat(out)
end

local function replacement(with, s, found)
  local kind, value = type(with), nil
  if kind == "string" or kind == "number" then return filled(tostring(with), s, found) end
  local first = found.n == 2 and sub(s, found[1], found[2]) or found[3]
  if kind == "table" then
    value = with[first]
  elseif found.n == 2 then
    value = with(first)
  else
    value = with(table.unpack(found, 3, found.n))
  end
  if not value then return sub(s, found[1], found[2]) end
  if type(value) ~= "string" and type(value) ~= "number" then
    error0("invalid replacement value (a " .. type(value) .. ")", 3)
  end
  return tostring(value)
end

function string.gsub(s, pattern, with, limit)
  s, pattern = text_of(s, 1, "gsub"), text_of(pattern, 2, "gsub")
  local kind = type(with)
  if kind ~= "string" and kind ~= "number" and kind ~= "table" and kind ~= "function" then
    error0("bad argument #3 to 'gsub' (string/function/table expected, got " .. kind .. ")", 2)
  end
  local rest, is_anchored = anchored(pattern)
  local out, count, at, copied, last_end = {}, 0, 1, 1, nil
  while at <= #s + 1 and (not limit or count < limit) do
    local found = table.pack(match(s, rest, at, is_anchored))
    local from, to = found[1], found[2]
    if from == nil then break end
    if to < from and to == last_end then
      at = from + 1
    else
      count = count + 1
      out[#out + 1] = sub(s, copied, from - 1)
      out[#out + 1] = replacement(with, s, found)
      copied, last_end = to + 1, to
      at = math.max(to + 1, from)
    end
    if is_anchored then break end
  end
  out[#out + 1] = sub(s, copied)
  return table.concat(out), count
end

string.dump = nil

-- Loading --------------------------------------------------------------------------------------

local loaded = {}

-- Modules that need each other see what is there so far.
function native.provide(name, value) loaded[name] = value end

function require(name)
  local known = loaded[name]
  if known ~= nil then return known end
  if type(name) ~= "string" then error0("require takes a module's name, got a " .. type(name) .. ".", 2) end
  local chunk, second = native.module(name)
  local value = chunk(name, second)
  if loaded[name] == nil then loaded[name] = value == nil and true or value end
  return loaded[name]
end

function dofile(path) return native.file_chunk(path)() end

function load(chunk, name, _, env)
  if type(chunk) == "function" then
    local parts = {}
    for part in chunk do
      if part == "" then break end
      parts[#parts + 1] = part
    end
    chunk = table.concat(parts)
  end
  return native.load(chunk, name or "=(load)", env)
end

loadfile, collectgarbage, warn = nil, nil, nil

function print(...)
  local parts = table.pack(...)
  for i = 1, parts.n do parts[i] = tostring(parts[i]) end
  native.log("info", table.concat(parts, "\t"))
end

-- Files and time -------------------------------------------------------------------------------

local File = {}
File.__index = File
File.__name = "file"

local function line_of(self, keep)
  if self.at > #self.text then return nil end
  local stop = find0(self.text, "\n", self.at, true)
  local line = sub(self.text, self.at, stop and (keep and stop or stop - 1) or #self.text)
  self.at = (stop or #self.text) + 1
  return line
end

local function read_one(self, format)
  if type(format) == "number" then
    if self.at > #self.text and format > 0 then return nil end
    local part = sub(self.text, self.at, self.at + format - 1)
    self.at = self.at + #part
    return part
  end
  format = string.gsub(format, "^%*", "")
  if format == "l" then return line_of(self, false) end
  if format == "L" then return line_of(self, true) end
  if format == "a" then
    local rest = sub(self.text, self.at)
    self.at = #self.text + 1
    return rest
  end
  if format == "n" then
    local from, to, number = string.find(self.text, "^%s*([%+%-]?[%w%.]+)", self.at)
    if from then self.at = to + 1 end
    return number and tonumber(number)
  end
  error0("bad format for 'read': " .. tostring(format), 3)
end

function File:read(...)
  if select("#", ...) == 0 then return line_of(self, false) end
  local out = table.pack(...)
  for i = 1, out.n do out[i] = read_one(self, out[i]) end
  return table.unpack(out, 1, out.n)
end

function File:lines(format)
  return function() return read_one(self, format or "l") end
end

function File:seek(whence, offset)
  local base = whence == "set" and 1 or whence == "end" and #self.text + 1 or self.at
  self.at = math.max(1, base + (offset or 0))
  return self.at - 1
end

function File:close() return true end

io = {
  open = function(path, mode)
    if mode and not string.match(mode, "^rb?$") then
      error0("files can only be opened for reading here.", 2)
    end
    local text, err = native.read_file(path)
    if not text then return nil, err end
    return setmetatable0({ text = text, at = 1 }, File)
  end,
}

function io.lines(path, format)
  local file, err = io.open(path)
  if not file then error0(err, 2) end
  return file:lines(format)
end

local os_time, os_date = os.time, os.date
os = {
  getenv = native.getenv,
  clock = os.clock,
  difftime = os.difftime,
  time = function(t) if t == nil then return native.now() end return os_time(t) end,
  date = function(format, t) return os_date(format or "%c", t or native.now()) end,
}

-- What is left out on purpose is said by name.
for name, library in next0, { io = io, os = os } do
  setmetatable0(library, {
    __index = function(_, key)
      error0(("%s.%s is not available: a configuration reads files and the environment, and changes nothing.")
        :format(name, tostring(key)), 2)
    end,
  })
end

math.randomseed(0)

-- Globals --------------------------------------------------------------------------------------

setmetatable0(_G, {
  __index = function(_, name)
    local known = {}
    for key in next0, _G do known[#known + 1] = tostring(key) end
    local near = native.nearest(tostring(name), known)
    error0(("undefined variable `%s`.%s"):format(tostring(name), near and " " .. near or ""), 2)
  end,
  __metatable = false,
})

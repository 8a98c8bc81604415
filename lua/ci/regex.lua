-- `ci.regex` and `ci.glob`. A regex is a table with its pattern and flags; what they compile to is Rust's
-- affair. Methods are named and behave as those of Lua's texts.

local _, native = ...
local regex = {}
local Regex = {}

local meta = {
  __name = "regex",
  __metatable = false,
  __index = function(_, key)
    local method = Regex[key]
    if method == nil then
      local known = {}
      for name in pairs(Regex) do known[#known + 1] = name end
      local near = native.nearest(tostring(key), known)
      error(("a regex has no `%s`.%s"):format(tostring(key), near and " " .. near or ""), 2)
    end
    return method
  end,
  __newindex = function() error("a regex cannot be changed; make another one.", 2) end,
  __tostring = function(self) return ("regex %q"):format(self.pattern) end,
}

local function check(self, s, name)
  if type(self) ~= "table" or native.metafield(self, "__name") ~= "regex" then
    error(("call it with a colon: regex:%s(text)."):format(name), 3)
  end
  if type(s) ~= "string" then
    error(("regex:%s takes a text, not %s."):format(name, native.a_type(s)), 3)
  end
end

-- The first match as a packed list: from, to, groups; n = 1 when there is none.
local function find(self, s, from) return table.pack(native.regex_find(self.pattern, self.flags, s, from)) end

local function start_of(init, s, name)
  if init == nil then return 1 end
  local start = math.tointeger(init)
  if not start then error(("regex:%s begins at an integer, not at %s."):format(name, native.a_type(init)), 3) end
  if start < 0 then start = #s + start + 1 end
  return math.max(1, start)
end

function Regex:matches(s)
  check(self, s, "matches")
  return native.regex_test(self.pattern, self.flags, s)
end

function Regex:find(s, init)
  check(self, s, "find")
  local found = find(self, s, start_of(init, s, "find"))
  return table.unpack(found, 1, found.n)
end

function Regex:match(s, init)
  check(self, s, "match")
  local found = find(self, s, start_of(init, s, "match"))
  return native.captured(s, table.unpack(found, 1, found.n))
end

function Regex:captures(s, init)
  check(self, s, "captures")
  local found = find(self, s, start_of(init, s, "captures"))
  if not found[1] then return nil end
  local out = { [0] = string.sub(s, found[1], found[2]) }
  for i, name in ipairs(native.regex_names(self.pattern, self.flags)) do
    out[i] = found[i + 2]
    if name ~= "" then out[name] = found[i + 2] end
  end
  return out
end

-- The place after a match: one on, so that an empty match is not found again for ever.
local function after(found)
  if found[2] < found[1] then return found[1] + 1 end
  return found[2] + 1
end

function Regex:gmatch(s)
  check(self, s, "gmatch")
  local at = 1
  return function()
    if at > #s + 1 then return nil end
    local found = find(self, s, at)
    if not found[1] then
      at = #s + 2
      return nil
    end
    at = after(found)
    return native.captured(s, table.unpack(found, 1, found.n))
  end
end

function Regex:gsub(s, with, limit)
  check(self, s, "gsub")
  local kind = type(with)
  if kind ~= "string" and kind ~= "table" and kind ~= "function" then
    error(("regex:gsub replaces by a text, a table or a function, not %s."):format(native.a_type(with)), 2)
  end
  if limit ~= nil and not math.tointeger(limit) then
    error(("regex:gsub takes an integer as limit, not %s."):format(native.a_type(limit)), 2)
  end
  local out, count, at, copied = {}, 0, 1, 1
  while at <= #s + 1 and (not limit or count < limit) do
    local found = find(self, s, at)
    if not found[1] then break end
    if kind == "string" then
      for i = 3, found.n do found[i] = found[i] or "" end
    end
    count = count + 1
    out[#out + 1] = string.sub(s, copied, found[1] - 1)
    out[#out + 1] = native.replacement(with, s, found)
    copied, at = found[2] + 1, after(found)
  end
  out[#out + 1] = string.sub(s, copied)
  return table.concat(out), count
end

function regex.regex(pattern, flags)
  pattern, flags = native.regex_check(pattern, flags)
  return setmetatable({ pattern = pattern, flags = flags }, meta)
end

function regex.glob(patterns)
  if type(patterns) ~= "table" then patterns = { patterns } end
  local translated = {}
  for at, pattern in ipairs(patterns) do translated[at] = native.wildcard(pattern) end
  if #translated == 0 then error("ci.glob takes a pattern or a list of them.", 2) end
  return function(s)
    if type(s) ~= "string" then return false end
    for _, pattern in ipairs(translated) do
      if native.regex_test(pattern, "", s) then return true end
    end
    return false
  end
end

return regex

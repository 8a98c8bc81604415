-- Files can be read and nothing else; time comes from the master's clock. What is left out of `io`
-- and `os` is said by name in `globals.lua`.

local _, native = ...

local error0, type0, tostring0, tonumber0, select0 = error, type, tostring, tonumber, select
local pack, unpack, max = table.pack, table.unpack, math.max
local find0, sub, match, gsub, find = string.find, string.sub, string.match, string.gsub, string.find
local setmetatable0 = setmetatable

local File = {}
File.__index = File
File.__name = "file"
File.__metatable = false

local function line_of(self, keep)
  if self.at > #self.text then return nil end
  local stop = find0(self.text, "\n", self.at, true)
  local line = sub(self.text, self.at, stop and (keep and stop or stop - 1) or #self.text)
  self.at = (stop or #self.text) + 1
  return line
end

local function read_one(self, format)
  if type0(format) == "number" then
    if self.at > #self.text and format > 0 then return nil end
    local part = sub(self.text, self.at, self.at + format - 1)
    self.at = self.at + #part
    return part
  end
  format = gsub(format, "^%*", "")
  if format == "l" then return line_of(self, false) end
  if format == "L" then return line_of(self, true) end
  if format == "a" then
    local rest = sub(self.text, self.at)
    self.at = #self.text + 1
    return rest
  end
  if format == "n" then
    local from, to, number = find(self.text, "^%s*([%+%-]?[%w%.]+)", self.at)
    if from then self.at = to + 1 end
    return number and tonumber0(number)
  end
  error0("bad format for 'read': " .. tostring0(format), 3)
end

function File:read(...)
  if select0("#", ...) == 0 then return line_of(self, false) end
  local out = pack(...)
  for i = 1, out.n do out[i] = read_one(self, out[i]) end
  return unpack(out, 1, out.n)
end

function File:lines(format)
  return function() return read_one(self, format or "l") end
end

function File:seek(whence, offset)
  local base = whence == "set" and 1 or whence == "end" and #self.text + 1 or self.at
  self.at = max(1, base + (offset or 0))
  return self.at - 1
end

function File:close() return true end

io = {
  open = function(path, mode)
    if mode and not match(mode, "^rb?$") then
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

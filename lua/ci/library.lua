-- The public names of the libraries. What waits suspends only the coroutine that calls it: the step, the
-- callback, the function of `ci.parallel`. Expressions and XML have files of their own.

local _, native = ...
local define = require "ci.define"
local expressions = require "ci.regex"
local xml = require "ci.xml"
local library = {}

-- Waiting --------------------------------------------------------------------------------------

function library.sleep(seconds) return native.sleep(seconds) end

-- Each function becomes a coroutine of this call; the results are under the functions' keys.
function library.parallel(functions)
  if type(functions) ~= "table" then
    error("ci.parallel takes a table of functions: ci.parallel { f, g }.", 2)
  end
  local keys, tasks = {}, {}
  for key, f in pairs(functions) do
    if f then
      if type(f) ~= "function" then
        error(("ci.parallel takes functions, not %s (at `%s`)."):format(native.a_type(f), tostring(key)), 2)
      end
      keys[#keys + 1] = key
      -- An error crosses as a value, so that it arrives as it was raised.
      tasks[#tasks + 1] = function() return pcall(f) end
    end
  end
  local ok, results = native.parallel(tasks)
  if not ok then error(results, 0) end
  local out = {}
  for at, key in ipairs(keys) do out[key] = results[at] end
  return out
end

-- Lines ----------------------------------------------------------------------------------------

local find, cut = native.find_character, string.sub

-- Calls `f` with each line of `text`, `stream` and the line's number in its log, if that is known; a batch of
-- lines comes in one call from Rust. `first` and `second` are the numbers of the first two, others follow; lines
-- that a filter has chosen have one each in `chosen`.
function native.each_line(f, text, stream, first, second, chosen)
  local from, last, n = 1, #text, 1
  if chosen or not second then
    chosen = chosen or { first }
    while from <= last do
      local at = find(text, "\n", from) or last + 1
      f(cut(text, from, at - 1), stream, chosen[n])
      from, n = at + 1, n + 1
    end
    return
  end
  -- The way of a hundred megabytes a second: nothing in it that is not needed.
  local number = first
  while from <= last do
    local at = find(text, "\n", from) or last + 1
    f(cut(text, from, at - 1), stream, number)
    from, number, second = at + 1, second, second + 1
  end
end

-- HTTP -----------------------------------------------------------------------------------------

local http = { request = function(method, url, options) return native.http(method, url, options) end }
for _, method in ipairs { "get", "post", "put", "patch", "delete", "head" } do
  http[method] = function(url, options) return native.http(method, url, options) end
end
library.http = define.namespace("ci.http", http)

-- Logs -----------------------------------------------------------------------------------------

local log = {}
for _, level in ipairs { "debug", "info", "warn", "error" } do
  log[level] = function(...)
    local parts = table.pack(...)
    for i = 1, parts.n do
      local ok, text = pcall(tostring, parts[i])
      -- What an error says of its own place is better than the place of the call.
      if not ok then error(text, text:find "^[^\n]-:%d+: " and 0 or 2) end
      parts[i] = text
    end
    native.log(level, table.concat(parts, "\t"))
  end
end
library.log = define.namespace("ci.log", log)

-- Texts and data -------------------------------------------------------------------------------

library.regex, library.glob = expressions.regex, expressions.glob
library.xml = define.namespace("ci.xml", { parse = xml.parse })

local function value(document)
  if document ~= native.null then return document end
end

library.yaml = define.namespace("ci.yaml", {
  decode = function(text)
    local documents = native.yaml_documents(text)
    if #documents > 1 then
      error(("this YAML has %d documents; use ci.yaml.decode_all."):format(#documents), 2)
    end
    return value(documents[1])
  end,
  decode_all = function(text) return native.yaml_documents(text) end,
})

library.time = define.namespace("ci.time", native.time)
library.sha256 = native.sha256

-- Versions -------------------------------------------------------------------------------------

local function written(version)
  if type(version) ~= "table" or native.metafield(version, "__name") ~= "version" then return version end
  local pre = version.pre ~= "" and "-" .. version.pre or ""
  local build = version.build ~= "" and "+" .. version.build or ""
  return ("%s.%s.%s%s%s"):format(version.major, version.minor, version.patch, pre, build)
end

local function compare(a, b) return native.semver_compare(written(a), written(b)) end

local Version = {
  __name = "version",
  __metatable = false,
  __tostring = written,
  __eq = function(a, b) return compare(a, b) == 0 end,
  __lt = function(a, b) return compare(a, b) < 0 end,
  __le = function(a, b) return compare(a, b) <= 0 end,
}

library.semver = define.namespace("ci.semver", {
  parse = function(text) return setmetatable(native.semver_parse(text), Version) end,
  compare = compare,
  matches = function(version, wanted) return native.semver_matches(written(version), wanted) end,
})

library.require_version, library.api = native.require_version, native.api

return library

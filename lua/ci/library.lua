-- The public names of the libraries: waiting, HTTP and logs. What waits suspends only the coroutine that
-- calls it: the step, the callback, the function of `ci.parallel`.

local _, native = ...
local define = require "ci.define"
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
    for i = 1, parts.n do parts[i] = tostring(parts[i]) end
    native.log(level, table.concat(parts, "\t"))
  end
end
library.log = define.namespace("ci.log", log)

return library

---@meta
-- The libraries that wait, and logs; the others are in data.lua. What waits suspends only the coroutine that calls it; it cannot be used while the
-- configuration loads, nor inside `table.sort`.

---@class ci
local ci = {}

---Waits.
---@param seconds number at most a year
function ci.sleep(seconds) end

---Runs functions as coroutines of this call, which go on while others wait. Returns their results under the same keys; the
---first error ends the others and is raised.
---@generic K
---@param functions table<K, fun(): any>
---@return table<K, any>
function ci.parallel(functions) end

---@class ci.HttpCallOptions
---@field headers? table<string, any>
---@field query? table<string, any> added to the URL
---@field json? any the body as JSON
---@field form? table<string, any> the body as a form
---@field body? string
---@field timeout? number seconds for everything together (default 30)
---@field auth? { user: string, password: string }
---@field max_size? integer largest answer in bytes (default 16 MiB)
---@field rehearsal? { status: integer, body: string? } what `halide-ci explain`, which asks nobody, takes for the answer (default: an error that says so)

---@class ci.HttpAnswer
---@field status integer
---@field ok boolean whether the status is 200 to 299
---@field headers table<string, string> lower-case names
---@field body string
---@field json? any the body, when it is JSON

ci.http = {}

---A status such as 500 is an answer; raises when there is none. Redirects are followed within the same server.
---@param url string
---@param options? ci.HttpCallOptions
---@return ci.HttpAnswer
function ci.http.get(url, options) end
---@param url string
---@param options? ci.HttpCallOptions
---@return ci.HttpAnswer
function ci.http.post(url, options) end
---@param url string
---@param options? ci.HttpCallOptions
---@return ci.HttpAnswer
function ci.http.put(url, options) end
---@param url string
---@param options? ci.HttpCallOptions
---@return ci.HttpAnswer
function ci.http.patch(url, options) end
---@param url string
---@param options? ci.HttpCallOptions
---@return ci.HttpAnswer
function ci.http.delete(url, options) end
---@param url string
---@param options? ci.HttpCallOptions
---@return ci.HttpAnswer
function ci.http.head(url, options) end
---Any method.
---@param method string
---@param url string
---@param options? ci.HttpCallOptions
---@return ci.HttpAnswer
function ci.http.request(method, url, options) end

ci.log = {}

---A line in the master's log, with file and line. Secrets are masked; a flood is cut.
---@param ... any joined by tabs
function ci.log.debug(...) end
---@param ... any
function ci.log.info(...) end
---@param ... any
function ci.log.warn(...) end
---@param ... any
function ci.log.error(...) end

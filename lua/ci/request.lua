-- What the steps that ask a server share: the request, its log, its result.

local ci = require "ci"

local request = {}

request.options = {
  url = "string",
  params = "map?", -- of the query
  body = "string?",
  form = "map?",
  json = "any",
  headers = "map?",
  cookies = "map?",
  auth = "map?", -- { user = …, password = … }
  max_size = "integer?", -- bytes of the answer
  hide_request_headers = "string[]?",
  hide_response_headers = "string[]?",
}

-- Headers that are proofs are never shown.
local PROOFS = { "authorization", "cookie", "proxy-authorization", "set-cookie" }

local function shown(headers, hidden)
  local proofs = ci.list.map(ci.list.flatten(PROOFS, hidden or {}), string.lower)
  local lines = {}
  for name, value in pairs(headers) do
    local is_hidden = ci.list.contains(proofs, name:lower())
    lines[#lines + 1] = ("  %s: %s\n"):format(name, is_hidden and "<hidden>" or tostring(value))
  end
  return table.concat(lines)
end

local function with_cookies(headers, cookies)
  local out, crumbs = {}, {}
  for name, value in pairs(headers or {}) do out[name] = value end
  for name, value in pairs(cookies or {}) do crumbs[#crumbs + 1] = name .. "=" .. tostring(value) end
  if #crumbs > 0 then out.cookie = table.concat(crumbs, "; ") end
  return out
end

function request.check(o)
  local bodies = ci.list.filter({ "body", "form", "json" }, function(name) return o[name] ~= nil end)
  if #bodies > 1 then return false, ("give one of `%s`, not several"):format(table.concat(bodies, "` and `")) end
  if type(o.url) == "string" and not o.url:find "^https?://" then
    return false, ("`url` must begin with http:// or https://, not %q"):format(o.url)
  end
  return true
end

-- The same for a request that carries something: Buildbot's `data`, which here is the configuration's own.
function request.check_sent(o)
  if o.data ~= nil and o.body == nil and o.form == nil and o.json == nil then
    return false, "what is sent is `body`, `form` or `json`; `data` is only for you"
  end
  return request.check(o)
end

-- Asks, writes the log, and returns the result: a status below 400 is a success.
function request.run(step, o, method)
  local headers = with_cookies(o.headers, o.cookies)
  local plain_url = o.url:gsub("[?#].*", ""):gsub("//[^/@]*@", "//")
  local log = step:add_log "stdio"
  log:header(("%s %s\n%s"):format(method, plain_url, shown(headers, o.hide_request_headers)))
  local ok, answer = pcall(ci.http.request, method, o.url, {
    query = o.params, headers = headers, auth = o.auth, body = o.body, form = o.form, json = o.json,
    timeout = o.timeout, max_size = o.max_size, rehearsal = { status = 200 },
  })
  if not ok then step:fail(tostring(answer)) end
  log:header(("status %d\n%s"):format(answer.status, shown(answer.headers, o.hide_response_headers)))
  if answer.body ~= "" then step:add_log("content", "text"):stdout(answer.body) end
  step:set_summary(("%s %s: %d"):format(method, plain_url, answer.status))
  return answer.status < 400 and "success" or "failure"
end

-- A step for one method.
function request.step(name, method)
  return ci.step_type {
    name = name,
    options = request.options,
    check = (method == "POST" or method == "PUT") and request.check_sent or request.check,
    run = function(step, o) return request.run(step, o, method) end,
  }
end

return request

-- Keys and passwords for git, on the worker for the time of one step: files that only its user can read,
-- outside the checkout. Nothing of them is in a command or a log.

local ci = require "ci"
local access = {}

access.options = {
  port = "integer?", -- of ssh; default 22
  ssh_private_key = "string?",
  ssh_host_key = "string?", -- one key, for whatever host: "ssh-ed25519 AAAA…"
  ssh_known_hosts = "string?", -- the text of a known_hosts file
  auth_user = "string?", -- of http
  auth_password = "string?",
  git_credentials = "string[]?", -- addresses with user and password in them
}

function access.check(o)
  if o.ssh_host_key and o.ssh_known_hosts then return false, "give one of `ssh_host_key` and `ssh_known_hosts`" end
  for _, name in ipairs { "ssh_host_key", "ssh_known_hosts", "port" } do
    if o[name] and not o.ssh_private_key then return false, ("`%s` needs `ssh_private_key`"):format(name) end
  end
  if (o.auth_user == nil) ~= (o.auth_password == nil) then
    return false, "give both of `auth_user` and `auth_password`"
  end
  return true
end

local function encoded(text)
  return (text:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- The address of `repo` with user and password, as git's credential store keeps it.
local function credential(o)
  local scheme, host = o.repo:match "^(https?)://([^/]+)"
  if not scheme then error "`auth_password` needs a `repo` that begins with https:// or http://." end
  host = host:gsub("^.*@", "")
  return ("%s://%s:%s@%s"):format(scheme, encoded(o.auth_user), encoded(o.auth_password), host)
end

local function with_newline(text) return text:sub(-1) == "\n" and text or text .. "\n" end

-- For a shell, which is what git and ssh read these with.
local function quoted(path) return "'" .. path:gsub("\\", "/"):gsub("'", "'\\''") .. "'" end

-- Brings the secrets to the worker. Returns the environment and the settings that lead git to them.
function access.prepare(step, o)
  local env, settings = { GIT_TERMINAL_PROMPT = "0" }, {}
  for name, value in pairs(o.env or {}) do env[name] = value end
  local credentials = ci.list.flatten(o.git_credentials)
  if o.auth_password then credentials[#credentials + 1] = credential(o) end

  local place = ("%s/.step-%d-"):format(step.build.builddir, step.number)
  local function keep(name, text)
    step:write_temporary_file(place .. name, with_newline(text))
    return quoted(place .. name)
  end
  if o.ssh_private_key then
    local ssh = { "ssh -o BatchMode=yes -o IdentitiesOnly=yes -i", keep("key", o.ssh_private_key) }
    if o.port then ssh[#ssh + 1] = "-p " .. o.port end
    local hosts = o.ssh_known_hosts or o.ssh_host_key and "* " .. o.ssh_host_key
    if hosts then ssh[#ssh + 1] = "-o StrictHostKeyChecking=yes -o UserKnownHostsFile=" .. keep("hosts", hosts) end
    env.GIT_SSH_COMMAND = table.concat(ssh, " ")
  end
  if #credentials > 0 then
    local file = keep("credentials", table.concat(credentials, "\n"))
    -- The empty one first: helpers of the worker's user are not asked, and learn nothing.
    settings = { "-c", "credential.helper=", "-c", "credential.helper=store --file=" .. file }
  end
  return env, settings
end

return access

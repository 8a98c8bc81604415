-- Builds a solution or a project with MSBuild. Errors and warnings are counted; a build with warnings is
-- one. The compiler's environment comes from `env`.

local ci = require "ci"
local findings = require "ci.findings"

local TARGETS = { build = "Build", rebuild = "Rebuild", clean = "Clean" }

-- `NAME:Rebuild` is one project of a solution; what builds it has no name of its own.
local function target(o)
  local mode = o.mode or "rebuild"
  if not o.project then return TARGETS[mode] end
  return mode == "build" and o.project or o.project .. ":" .. TARGETS[mode]
end

local function command(o)
  local properties = { "/p:Configuration=" .. (o.config or "release") }
  if o.platform then properties[2] = "/p:Platform=" .. o.platform end
  for name, value in pairs(o.properties or {}) do
    properties[#properties + 1] = ("/p:%s=%s"):format(name, tostring(value))
  end
  if o.defines then properties[#properties + 1] = "/p:DefineConstants=" .. table.concat(o.defines, ";") end
  return ci.list.flatten {
    o.msbuild or "msbuild", o.projectfile, "/nologo", "/maxcpucount", "/clp:NoSummary", "/t:" .. target(o),
    properties, o.extra_args,
  }
end

return ci.step_type {
  name = "msbuild",
  options = {
    projectfile = "string",
    config = "string?",
    platform = "string?",
    project = "string?",
    mode = '("build"|"rebuild"|"clean")?',
    properties = "map?",
    defines = "string[]?",
    msbuild = "string?",
    extra_args = "scalar[]?",
  },
  defaults = { halt_on_failure = true, description = "compile" },
  run = function(step, o)
    local ran, counts = findings.run(step, command(o), "", function(line)
      if line:find ": warning %u+%d+:" then return "warnings" end
      if line:find ": error %u+%d+:" or line:find ": fatal error %u+%d+:" then return "errors" end
    end)
    return findings.results(ran, counts)
  end,
}

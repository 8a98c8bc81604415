-- Makes documentation with Sphinx; its warnings are counted.

local ci = require "ci"
local findings = require "ci.findings"

local function command(o)
  local defines, tags = {}, {}
  for name, value in pairs(o.defines or {}) do
    if type(value) == "boolean" then value = value and 1 or 0 end
    defines[#defines + 1] = { "-D", ("%s=%s"):format(name, tostring(value)) }
  end
  for _, tag in ipairs(o.tags or {}) do tags[#tags + 1] = { "-t", tag } end
  return ci.list.flatten {
    o.sphinx or "sphinx-build",
    o.sphinx_builder and { "-b", o.sphinx_builder },
    tags,
    defines,
    o.mode == "full" and "-E", -- reads all files anew
    o.strict_warnings and "-W",
    o.sphinx_sourcedir or ".",
    o.sphinx_builddir,
  }
end

return ci.step_type {
  name = "sphinx",
  options = {
    sphinx_builddir = "string",
    sphinx_sourcedir = "string?",
    sphinx_builder = "string?",
    sphinx = "string?",
    tags = "string[]?",
    defines = "map?",
    strict_warnings = "boolean?",
    mode = '("incremental"|"full")?',
  },
  defaults = { halt_on_failure = true, description = "running sphinx" },
  run = function(step, o)
    local ran, counts = findings.run(step, command(o), "", function(line)
      return line:find("WARNING: ", 1, true) and "warnings" or nil
    end)
    return findings.results(ran, counts)
  end,
}

---@meta
-- The shipped steps that run tools: compilers, build systems, tests. Each is a file of a screen in `ci/steps`,
-- written with what every configuration has; whoever needs another tool copies one.

---@class ci
local ci = {}
ci.steps = {}

---@class ci.ShellSequenceEntry
---@field command ci.Renderable<any> text for the worker's shell, or a list: a program and its arguments
---@field log? ci.Renderable<string> which log its output goes to (default "stdio")
---@field halt_on_failure? boolean its failure ends the sequence (default false)
---@field flunk_on_failure? boolean its failure fails the step (default true; Buildbot's ShellArg: false)
---@field flunk_on_warnings? boolean
---@field warn_on_failure? boolean
---@field warn_on_warnings? boolean

---@class ci.ShellSequenceOptions: ci.StepOptions
---@field commands ci.Renderable<any> list of `ci.ShellSequenceEntry`

---Runs several commands, one after the other. What is worse than a failure ends the sequence always.
---```lua
---ci.steps.shell_sequence { name = "Package", commands = {
---  { command = { "make", "install" }, halt_on_failure = true },
---  { command = { "strip", "out/tool" }, flunk_on_failure = false, log = "strip" },
---  { command = "tar czf tool.tgz -C out ." },
---} }
---```
---@param options ci.ShellSequenceOptions
---@return ci.Step
function ci.steps.shell_sequence(options) end

---@class ci.SetPropertyFromCommandOptions: ci.StepOptions
---@field command ci.Renderable<any>
---@field property? ci.Renderable<string> gets what the command prints; nothing is set when it fails
---@field extract? fun(rc: integer, stdout: string, stderr: string): table<string, any>? makes properties of it, also of a command that fails
---@field strip? ci.Renderable<boolean> without white space around it (default true)
---@field include_stdout? ci.Renderable<boolean> default true
---@field include_stderr? ci.Renderable<boolean> default false; `extract` gets it always

---Runs a command and keeps what it prints as a property (at most 16 MiB), or what `extract` makes of it as several.
---```lua
---ci.steps.set_property_from_command { command = { "git", "describe" }, property = "version" }
---ci.steps.set_property_from_command { command = "vcvarsall.bat x64 && set", extract = function(rc, stdout)
---  local env = {}
---  for _, line in ipairs(ci.text.lines(stdout)) do
---    local name, value = line:match "^([^=]+)=(.*)$"
---    if name then env[name] = value end
---  end
---  return { env = env }
---end }
---```
---@param options ci.SetPropertyFromCommandOptions
---@return ci.Step
function ci.steps.set_property_from_command(options) end

---@class ci.ConfigureOptions: ci.StepOptions
---@field command? ci.Renderable<any> default { "./configure" }

---Runs a project's configure script.
---```lua
---ci.steps.configure { command = { "../configure", "--prefix=/opt/tool" }, workdir = "build/out" }
---```
---@param options ci.ConfigureOptions
---@return ci.Step
function ci.steps.configure(options) end

---@class ci.CmakeOptions: ci.StepOptions
---@field path? ci.Renderable<string> of the source
---@field generator? ci.Renderable<string>
---@field definitions? ci.Renderable<any> NAME = value (true is ON, false is OFF), or a list of "NAME=value" and "NAME:TYPE=value", which keeps its order
---@field options? ci.Renderable<any> further arguments
---@field preset? ci.Renderable<string> a configure preset
---@field build_dir? ci.Renderable<string> where it writes (default: what the preset says, or the work directory)
---@field cmake? ci.Renderable<string> the program (default "cmake")

---Configures a CMake project.
---```lua
---ci.steps.cmake { path = ".", build_dir = "out", generator = "Ninja", definitions = { "CMAKE_BUILD_TYPE=Release" } }
---ci.steps.cmake { preset = "ci" }
---```
---@param options ci.CmakeOptions
---@return ci.Step
function ci.steps.cmake(options) end

---@class ci.CmakeBuildOptions: ci.StepOptions
---@field build_dir? ci.Renderable<string> default: what the preset says, or the work directory
---@field preset? ci.Renderable<string> a build preset
---@field targets? ci.Renderable<any> default: all
---@field config? ci.Renderable<string> of generators with several, such as "Release"
---@field jobs? ci.Renderable<integer>
---@field options? ci.Renderable<any> for the build tool itself
---@field cmake? ci.Renderable<string> the program (default "cmake")

---Builds a configured CMake project, whatever its generator.
---```lua
---ci.steps.cmake_build { build_dir = "out", targets = { "all", "install" } }
---```
---@param options ci.CmakeBuildOptions
---@return ci.Step
function ci.steps.cmake_build(options) end

---@class ci.CtestOptions: ci.StepOptions
---@field preset? ci.Renderable<string> a test preset
---@field build_config? ci.Renderable<string> of generators with several, such as "Release"
---@field labels? ci.Renderable<any> only tests with one of these labels (regular expressions)
---@field exclude_labels? ci.Renderable<any>
---@field tests? ci.Renderable<any> only tests whose names match one of these (regular expressions)
---@field exclude_tests? ci.Renderable<any>
---@field jobs? ci.Renderable<integer>
---@field output_on_failure? ci.Renderable<boolean> default true
---@field options? ci.Renderable<any>
---@field ctest? ci.Renderable<string> the program (default "ctest")

---Runs the tests of a CMake project.
---```lua
---ci.steps.ctest { workdir = "out", build_config = "Release", labels = { "correctness", "generator" }, jobs = 8 }
---```
---@param options ci.CtestOptions
---@return ci.Step
function ci.steps.ctest(options) end

---@class ci.MakeOptions: ci.StepOptions
---@field targets? ci.Renderable<any> default: the makefile's own
---@field variables? ci.Renderable<table<string, any>> NAME = value, for the command line
---@field jobs? ci.Renderable<integer>
---@field directory? ci.Renderable<string> `make -C`
---@field file? ci.Renderable<string> `make -f`
---@field options? ci.Renderable<any>
---@field make? ci.Renderable<string> the program (default "make")

---Runs make.
---```lua
---ci.steps.make { targets = { "all", "check" }, jobs = 4, variables = { CC = "clang" } }
---```
---@param options ci.MakeOptions
---@return ci.Step
function ci.steps.make(options) end

---@class ci.NinjaOptions: ci.StepOptions
---@field targets? ci.Renderable<any> default: the build file's own
---@field directory? ci.Renderable<string> `ninja -C`
---@field jobs? ci.Renderable<integer>
---@field keep_going? ci.Renderable<integer> after how many failures it ends; 0 = never (default 1)
---@field options? ci.Renderable<any>
---@field ninja? ci.Renderable<string> the program (default "ninja")

---Runs ninja.
---```lua
---ci.steps.ninja { directory = "out", targets = "install" }
---```
---@param options ci.NinjaOptions
---@return ci.Step
function ci.steps.ninja(options) end

---@class ci.CargoOptions: ci.StepOptions
---@field command ci.Renderable<any> such as "test", or { "clippy", "--all-targets" }
---@field toolchain? ci.Renderable<string> such as "nightly", of rustup
---@field packages? ci.Renderable<any>
---@field features? ci.Renderable<any> a list, or "all"
---@field default_features? ci.Renderable<boolean> default true
---@field release? ci.Renderable<boolean>
---@field profile? ci.Renderable<string>
---@field target? ci.Renderable<string>
---@field locked? ci.Renderable<boolean> fail when Cargo.lock would change
---@field manifest_path? ci.Renderable<string>
---@field jobs? ci.Renderable<integer>
---@field arguments? ci.Renderable<any> for what cargo runs, after `--`
---@field cargo? ci.Renderable<string> the program (default "cargo")

---Runs cargo.
---```lua
---ci.steps.cargo { command = "test", features = "all", locked = true }
---ci.steps.cargo { command = { "clippy", "--all-targets" }, arguments = { "-D", "warnings" } }
---```
---@param options ci.CargoOptions
---@return ci.Step
function ci.steps.cargo(options) end

---@class ci.PytestOptions: ci.StepOptions
---@field paths? ci.Renderable<any> files and folders of tests (default: what its configuration says)
---@field markers? ci.Renderable<string> `pytest -m`, such as "not slow"
---@field keywords? ci.Renderable<string> `pytest -k`
---@field jobs? ci.Renderable<integer> of the plugin xdist
---@field junit? ci.Renderable<string> where it writes its report
---@field options? ci.Renderable<any>
---@field python? ci.Renderable<string> the program (default "python3")

---Runs pytest.
---```lua
---ci.steps.pytest { paths = { "tests" }, markers = "not slow", env = { PYTHONPATH = { "src", "tools" } } }
---```
---@param options ci.PytestOptions
---@return ci.Step
function ci.steps.pytest(options) end

---@class ci.TestOptions: ci.StepOptions
---@field command? ci.Renderable<any> default { "make", "test" }

---Runs a project's tests.
---```lua
---ci.steps.test { command = { "go", "test", "./..." } }
---```
---@param options ci.TestOptions
---@return ci.Step
function ci.steps.test(options) end

---A warning that does not count. What is not said is any.
---@class ci.Suppression
---@field file? string regular expression, from the beginning of the file's name
---@field text? string regular expression
---@field first? integer line
---@field last? integer line (default `first`)

---@class ci.WarningCountingShellOptions: ci.StepOptions
---@field command ci.Renderable<any>
---@field warning_pattern? ci.Renderable<string> regular expression, from a line's beginning (default "(?i).*warning[: ].*")
---@field warning_extractor? "whole_line"|"groups"|fun(line: string, groups: string[]): string?, integer?, string? file, line and text of a warning: "groups" takes the pattern's (default "whole_line": only the text)
---@field max_warn_count? ci.Renderable<integer> more are a failure
---@field directory_enter_pattern? ci.Renderable<string> regular expression whose first group is where the files of what follows are (default: make's words)
---@field directory_leave_pattern? ci.Renderable<string>
---@field suppression_file? ci.Renderable<string> on the worker, relative to `workdir`: lines `FILE : TEXT`, `FILE : TEXT : LINE`, `FILE : TEXT : FIRST-LAST`; FILE and TEXT are regular expressions
---@field suppression_list? ci.Renderable<ci.Suppression[]>

---Runs a command and counts the warnings that it prints: a log of their own, the statistic `warnings`, the property
---`warnings-count` over the whole build, and the result "warnings".
---@param options ci.WarningCountingShellOptions
---@return ci.Step
function ci.steps.warning_counting_shell(options) end

---@class ci.CompileOptions: ci.StepOptions
---@field command? ci.Renderable<any> default { "make", "all" }
---@field warning_pattern? ci.Renderable<string> regular expression, from a line's beginning (default "(?i).*warning[: ].*")
---@field warning_extractor? "whole_line"|"groups"|fun(line: string, groups: string[]): string?, integer?, string? file, line and text of a warning: "groups" takes the pattern's (default "whole_line": only the text)
---@field max_warn_count? ci.Renderable<integer> more are a failure
---@field directory_enter_pattern? ci.Renderable<string> regular expression whose first group is where the files of what follows are (default: make's words)
---@field directory_leave_pattern? ci.Renderable<string>
---@field suppression_file? ci.Renderable<string> on the worker, relative to `workdir`: lines `FILE : TEXT`, `FILE : TEXT : LINE`, `FILE : TEXT : FIRST-LAST`; FILE and TEXT are regular expressions
---@field suppression_list? ci.Renderable<ci.Suppression[]>

---Builds a project and counts the warnings, as `warning_counting_shell` does.
---```lua
---ci.steps.compile { command = { "make", "-j8" }, max_warn_count = 20, suppression_list = {
---  { file = "third_party/" }, { text = "deprecated" },
---}, warning_pattern = "([^:]+):([0-9]+):.*warning: (.*)", warning_extractor = "groups" }
---```
---@param options ci.CompileOptions
---@return ci.Step
function ci.steps.compile(options) end

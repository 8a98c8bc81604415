---@meta
-- The shipped steps that run tools: compilers, build systems, tests. Each is a file of a screen in `ci/steps`,
-- written with what every configuration has; whoever needs another tool copies one.

---@class ci
local ci = {}

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
---@field junit? ci.Renderable<string> where it writes its report, which is read (CMake 3.21 and later): see `test_results`
---@field output_on_failure? ci.Renderable<boolean> default true
---@field options? ci.Renderable<any>
---@field ctest? ci.Renderable<string> the program (default "ctest")

---Runs the tests of a CMake project; with `retry_failed_tests` those that fail again, by `--rerun-failed`.
---```lua
---ci.steps.ctest { workdir = "out", jobs = 8, junit = "report.xml", retry_failed_tests = 2 }
---ci.steps.ctest { workdir = "out", build_config = "Release", labels = { "correctness", "generator" }, jobs = 8,
---                 options = { "-T", "Test" }, test_results = "ctest:Testing/*/Test.xml" }
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

---Runs cargo. With `retry_failed_tests`, `cargo test` runs all of its programs (`--no-fail-fast`), and those tests again by name.
---```lua
---ci.steps.cargo { command = "test", test_results = "cargo", retry_failed_tests = 2 }
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
---@field junit? ci.Renderable<string> where it writes its report, which is read: see `test_results`
---@field options? ci.Renderable<any>
---@field python? ci.Renderable<string> the program (default "python3")

---Runs pytest; with `retry_failed_tests` those that fail again, by `--last-failed`.
---```lua
---ci.steps.pytest { junit = "report.xml", retry_failed_tests = 1 }
---ci.steps.pytest { paths = { "tests" }, markers = "not slow", env = { PYTHONPATH = { "src", "tools" } },
---                  junit = "report.xml" }
---```
---@param options ci.PytestOptions
---@return ci.Step
function ci.steps.pytest(options) end

---@class ci.SubunitShellCommandOptions: ci.StepOptions
---@field command ci.Renderable<any>
---@field failure_on_no_tests? ci.Renderable<boolean> no tests at all are a failure (default false)
---@field retry_command? fun(names: string[], run: integer): any as of `ci.steps.shell`

---Runs a command that prints its tests as subunit, version 1; a file of version 2 is read with `test_results = "subunit:FILE"`.
---```lua
---ci.steps.subunit_shell_command { command = "stestr last --subunit | subunit-2to1", failure_on_no_tests = true }
---```
---@param options ci.SubunitShellCommandOptions
---@return ci.Step
function ci.steps.subunit_shell_command(options) end

---@class ci.PerlModuleTestOptions: ci.StepOptions
---@field command? ci.Renderable<any> default { "prove", "--lib", "lib", "--recurse", "--verbose", "t" }
---@field retry_command? fun(names: string[], run: integer): any as of `ci.steps.shell`

---Runs the tests of a Perl module, and reads what they say: TAP.
---```lua
---ci.steps.perl_module_test {}
---```
---@param options? ci.PerlModuleTestOptions
---@return ci.Step
function ci.steps.perl_module_test(options) end

---@class ci.TestOptions: ci.StepOptions
---@field command? ci.Renderable<any> default { "make", "test" }
---@field retry_command? fun(names: string[], run: integer): any as of `ci.steps.shell`

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

---Runs a command and counts the warnings that it prints: a log of their own (each linked to its line), the statistic `warnings`, the property
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

---@class ci.TreeSizeOptions: ci.StepOptions

---Measures the step's working directory with `du` (not on Windows) and sets the property `tree-size-KiB`.
---```lua
---ci.steps.tree_size { workdir = "build" }
---```
---@param options ci.TreeSizeOptions
---@return ci.Step
function ci.steps.tree_size(options) end

---@class ci.MsbuildOptions: ci.StepOptions
---@field projectfile ci.Renderable<string> the solution or project
---@field config? ci.Renderable<string> default "release"
---@field platform? ci.Renderable<string> "x64", "Win32" …
---@field project? ci.Renderable<string> build only this one of the solution's
---@field mode? ci.Renderable<"build"|"rebuild"|"clean"> default "rebuild"
---@field properties? ci.Renderable<table<string, any>> `/p:NAME=VALUE`, by name
---@field defines? ci.Renderable<string[]> constants of the compiler
---@field msbuild? ci.Renderable<string> the program (default "msbuild")
---@field extra_args? ci.Renderable<any[]> more arguments

---Builds with MSBuild; errors and warnings are counted, and a build with warnings ends as `warnings`. The compiler's variables
---come from `env`.
---```lua
---ci.steps.msbuild { projectfile = "Halide.sln", platform = "x64", mode = "build", env = ci.property "vc_env" }
---```
---@param options ci.MsbuildOptions
---@return ci.Step
function ci.steps.msbuild(options) end

---@class ci.CppcheckOptions: ci.StepOptions
---@field binary? ci.Renderable<string> default "cppcheck"
---@field source? ci.Renderable<string|string[]> default "."
---@field enable? ci.Renderable<string[]> checks: "warning", "style" …
---@field inconclusive? ci.Renderable<boolean>
---@field extra_args? ci.Renderable<any[]>

---Checks C and C++ with cppcheck: an error that it finds fails the step, other findings are warnings.
---```lua
---ci.steps.cppcheck { source = { "src" }, enable = { "warning", "portability" }, extra_args = { "--std=c++17" } }
---```
---@param options ci.CppcheckOptions
---@return ci.Step
function ci.steps.cppcheck(options) end

---@class ci.SphinxOptions: ci.StepOptions
---@field sphinx_builddir ci.Renderable<string> where the documents go
---@field sphinx_sourcedir? ci.Renderable<string> default "."
---@field sphinx_builder? ci.Renderable<string> "html" …
---@field sphinx? ci.Renderable<string> the program (default "sphinx-build")
---@field tags? ci.Renderable<string[]>
---@field defines? ci.Renderable<table<string, any>> settings of conf.py, by name
---@field strict_warnings? ci.Renderable<boolean> a warning is an error
---@field mode? ci.Renderable<"incremental"|"full"> "full" reads every file anew (default "incremental")

---Makes documentation with Sphinx; with warnings it ends as `warnings`.
---```lua
---ci.steps.sphinx { sphinx_sourcedir = "doc", sphinx_builddir = "doc/_build", sphinx_builder = "html" }
---```
---@param options ci.SphinxOptions
---@return ci.Step
function ci.steps.sphinx(options) end

---@class ci.PylintOptions: ci.StepOptions
---@field command ci.Renderable<any> text for the worker's shell, or a list: pylint and its arguments

---Runs pylint; an error that it finds fails the step, other findings are warnings.
---```lua
---ci.steps.pylint { command = { "python3", "-m", "pylint", "halide" } }
---```
---@param options ci.PylintOptions
---@return ci.Step
function ci.steps.pylint(options) end

---@class ci.RobocopyOptions: ci.StepOptions
---@field source ci.Renderable<string>
---@field destination ci.Renderable<string>
---@field files? ci.Renderable<string[]> names or patterns (default: all)
---@field recursive? ci.Renderable<boolean> folders too, `/E`
---@field mirror? ci.Renderable<boolean> and remove what is not in `source`, `/MIR`
---@field move? ci.Renderable<boolean> remove from `source` what was copied, `/MOVE`
---@field exclude_files? ci.Renderable<string[]>
---@field exclude_dirs? ci.Renderable<string[]>
---@field custom_opts? ci.Renderable<any[]> more arguments
---@field verbose? ci.Renderable<boolean>

---Copies a tree on a Windows worker. Exit codes below 4 are successes, up to 7 warnings.
---```lua
---ci.steps.robocopy { source = "out", destination = "//server/share/out", recursive = true }
---```
---@param options ci.RobocopyOptions
---@return ci.Step
function ci.steps.robocopy(options) end

---@meta
-- The shipped steps that move files between the worker and the master, and look after them.

---@class ci
local ci = {}

---@class ci.CopyDirectoryOptions: ci.StepOptions
---@field src ci.Renderable<string> relative to the step's `workdir`
---@field dest ci.Renderable<string> the same; one that exists gets the tree inside it, as with `cp`

---Copies a directory on the worker; `timeout` is 120 s unless told otherwise.
---```lua
---ci.steps.copy_directory { src = "out", dest = "../kept" }
---```
---@param options ci.CopyDirectoryOptions
---@return ci.Step
function ci.steps.copy_directory(options) end

---@class ci.FileExistsOptions: ci.StepOptions
---@field file ci.Renderable<string> relative to the step's `workdir`

---Fails unless the file is there.
---```lua
---ci.steps.file_exists { file = "out/tool.exe" }
---```
---@param options ci.FileExistsOptions
---@return ci.Step
function ci.steps.file_exists(options) end

---@class ci.SetPropertiesFromEnvOptions: ci.StepOptions
---@field variables ci.Renderable<string|string[]>
---@field source? ci.Renderable<string> of the properties (default "WorkerEnvironment")

---Makes properties of the environment that the worker had when it connected; a variable that it does not have makes none. What
---looks like a secret by its name our own worker tells nobody. On Windows the case of names does not matter.
---```lua
---ci.steps.set_properties_from_env { variables = { "VCPKG_ROOT", "NUMBER_OF_PROCESSORS" } }
---```
---@param options ci.SetPropertiesFromEnvOptions
---@return ci.Step
function ci.steps.set_properties_from_env(options) end

---@class ci.FileDownloadOptions: ci.StepOptions
---@field mastersrc ci.Renderable<string> relative to the master's base directory
---@field workerdest ci.Renderable<string> relative to the step's `workdir`
---@field mode? ci.Renderable<string> octal digits, "0644"
---@field max_size? ci.Renderable<integer> bytes
---@field block_size? ci.Renderable<integer> bytes (default 262144)

---Brings a file of the master to the worker.
---```lua
---ci.steps.file_download { mastersrc = "toolchains/arm.cmake", workerdest = "arm.cmake" }
---```
---@param options ci.FileDownloadOptions
---@return ci.Step
function ci.steps.file_download(options) end

---@class ci.StringDownloadOptions: ci.StepOptions
---@field s ci.Renderable<string>
---@field workerdest ci.Renderable<string> relative to the step's `workdir`
---@field mode? ci.Renderable<string> octal digits, "0644"

---Writes a text into a file of the worker.
---```lua
---ci.steps.string_download { s = ci.interpolate "version=%(prop:got_revision)s\n", workerdest = "version.txt" }
---```
---@param options ci.StringDownloadOptions
---@return ci.Step
function ci.steps.string_download(options) end

---@class ci.JsonStringDownloadOptions: ci.StepOptions
---@field o any what is written
---@field workerdest ci.Renderable<string> relative to the step's `workdir`
---@field mode? ci.Renderable<string> octal digits, "0644"

---Writes a value as JSON into a file of the worker.
---```lua
---ci.steps.json_string_download { o = { targets = ci.property "targets" }, workerdest = "plan.json" }
---```
---@param options ci.JsonStringDownloadOptions
---@return ci.Step
function ci.steps.json_string_download(options) end

---@class ci.JsonPropertiesDownloadOptions: ci.StepOptions
---@field workerdest ci.Renderable<string> relative to the step's `workdir`
---@field mode? ci.Renderable<string> octal digits, "0644"

---Writes `{ "properties": …, "sourcestamps": … }` of the build into a file of the worker.
---```lua
---ci.steps.json_properties_download { workerdest = "build.json" }
---```
---@param options ci.JsonPropertiesDownloadOptions
---@return ci.Step
function ci.steps.json_properties_download(options) end

---@class ci.MultipleFileUploadOptions: ci.StepOptions
---@field workersrcs ci.Renderable<string|string[]> relative to the step's `workdir`
---@field masterdest ci.Renderable<string> a directory, relative to the master's base directory
---@field glob? ci.Renderable<boolean> `workersrcs` are patterns
---@field mode? ci.Renderable<string> octal digits, "0644"
---@field max_size? ci.Renderable<integer> bytes, of each file
---@field block_size? ci.Renderable<integer> bytes (default 262144)
---@field keep_stamp? ci.Renderable<boolean> keep the files' times
---@field url? ci.Renderable<string> a link that the step's page shows
---@field url_text? ci.Renderable<string> its words (default: the directory's name)

---Brings several files from the worker into one directory of the master.
---```lua
---ci.steps.multiple_file_upload { workersrcs = { "out/*.tgz" }, glob = true, masterdest = "packages" }
---```
---@param options ci.MultipleFileUploadOptions
---@return ci.Step
function ci.steps.multiple_file_upload(options) end

---@class ci.DownloadSecretsToWorkerOptions: ci.StepOptions
---@field files ci.Renderable<table<string, string>> path, relative to the step's `workdir` → secret

---Writes secrets into files that only the worker's user can read. They stay until something removes them: see `ci.with_secrets`.
---```lua
---ci.steps.download_secrets_to_worker { files = { [".netrc"] = ci.secret "netrc" } }
---```
---@param options ci.DownloadSecretsToWorkerOptions
---@return ci.Step
function ci.steps.download_secrets_to_worker(options) end

---@class ci.RemoveWorkerFileSecretOptions: ci.StepOptions
---@field paths ci.Renderable<string|string[]> relative to the step's `workdir`

---Removes files with secrets, also when the build has failed.
---```lua
---ci.steps.remove_worker_file_secret { paths = { ".netrc" } }
---```
---@param options ci.RemoveWorkerFileSecretOptions
---@return ci.Step
function ci.steps.remove_worker_file_secret(options) end

---@class ci.DirectoryUploadOptions: ci.StepOptions
---@field workersrc ci.Renderable<string> relative to the step's `workdir`
---@field masterdest ci.Renderable<string> relative to the master's base directory; what is there is added to
---@field compress? ci.Renderable<"gz"|"bz2"> on the way
---@field max_size? ci.Renderable<integer> bytes, of the archive that is sent and of what is in it (default 64 GiB)
---@field block_size? ci.Renderable<integer> bytes (default 262144)
---@field url? ci.Renderable<string> a link that the step's page shows
---@field url_text? ci.Renderable<string> its words (default: the directory's name)

---Brings a directory from the worker to the master. Links that lead out of it, and what is no file, are refused.
---```lua
---ci.steps.directory_upload { workersrc = "out/docs", masterdest = "docs", compress = "gz" }
---```
---@param options ci.DirectoryUploadOptions
---@return ci.Step
function ci.steps.directory_upload(options) end

---How long an artifact stays: so many newer builds of this builder that have kept some by the same step, of any branch or of the
---same one; a number of days; whichever is over first; or forever. The newest success keeps its artifacts in any case.
---@alias ci.Keep integer|"forever"|{ builds?: integer, per?: "branch", days?: number }

---@class ci.ArtifactOptions: ci.StepOptions
---@field paths ci.Renderable<string|string[]> relative to the step's `workdir`: files; directories, kept as NAME.tar.gz; patterns, which take files, or directories if they end in "/"
---@field keep? ci.Keep|ci.Renderable<any> default: as `c.www.artifacts` says, 90 days
---@field max_size? ci.Renderable<integer> bytes of each file (default: as `c.www.artifacts` says, 4 GiB)
---@field optional? ci.Renderable<boolean> finding nothing is no failure (default false)

---Keeps files with the build, in the master's store. What a pattern finds is called by its path below the folder that the
---pattern names without wildcards; everything else by its last part. The files stand on the build's page, at
---`/artifacts/BUILDER/NUMBER/FILE` and, of the newest success, `/artifacts/BUILDER/latest-success/FILE`; where a step has kept
---only one file, the step's name does for FILE. Builds of pull requests and patches are no latest success.
---```lua
---ci.steps.artifact { name = "package", paths = "packages/Halide-*.tar.gz", keep = 4 }
---```
---@param options ci.ArtifactOptions
---@return ci.Step
function ci.steps.artifact(options) end

---@class ci.FetchArtifactOptions: ci.StepOptions
---@field builder? ci.Renderable<string> the builder's name (default: this builder)
---@field build? ci.Renderable<string|integer> "latest-success" (default), or the number of a build
---@field branch? ci.Renderable<string> for the latest success: of this branch (default: any, but no pull request)
---@field names? ci.Renderable<string|string[]> patterns (default: all)
---@field workerdest? ci.Renderable<string> a directory, relative to the step's `workdir`
---@field mode? ci.Renderable<string> octal digits, "0755"

---Brings artifacts that an earlier build has kept to the worker.
---```lua
---ci.steps.fetch_artifact { builder = "llvm-linux", names = "llvm.tar.gz", workerdest = "deps" }
---```
---@param options ci.FetchArtifactOptions
---@return ci.Step
function ci.steps.fetch_artifact(options) end

---@meta
-- What the constructors take. "list" means any nesting of tables: lists are flattened, nil and false
-- left out. `data` is yours: the engine never reads it, and callbacks get the object back with it.

---@class ci.Config
---@field title? string name of the installation (default "halide-ci")
---@field title_url? string link behind the title (default: `url`)
---@field url? string public base URL (default "http://localhost:PORT/")
---@field db? { url: string } default "sqlite:///state.sqlite", relative to the base directory
---@field protocols? { port?: integer, interface?: string } where workers connect (default 9990 on all addresses)
---@field www? ci.Www the web server; none = no web server
---@field workers? any list of workers
---@field builders? any list of builders
---@field schedulers? any list of schedulers
---@field reporters? any list of reporters
---@field properties? table<string, any> properties that every build gets
---@field secrets_providers? any list of `ci.secrets.file`: where `ci.secret` and `%(secret:…)s` look
---@field limits? { cpu_seconds?: number, memory_bytes?: integer } of this file's functions: computing between two waits (default 1), memory (default 256 MiB)

---@class ci.WorkerOptions
---@field name string
---@field password string
---@field max_builds? integer builds at once over all builders (default: no limit)
---@field properties? table<string, any> properties of its builds
---@field default_properties? table<string, any> for what nothing else has set
---@field locks? any list of lock accesses that each of its builds takes
---@field notify_on_missing? any list of addresses (not available yet)
---@field missing_timeout? number seconds without connection before they are told (not available yet)
---@field keepalive_interval? number seconds between looks at a silent connection (not available yet)
---@field data? any

---@class ci.BuilderOptions
---@field name string
---@field workers any list of workers or their names
---@field factory any list of steps, or a factory
---@field tags? any list of labels
---@field description? string words for the builder's page
---@field description_format? "markdown" (not available yet; default: plain text)
---@field project? any a project or its name (not available yet)
---@field workerbuilddir? string directory below the worker's (default: `builddir`)
---@field builddir? string the default of `workerbuilddir` (default: the name, `/` replaced by `_`)
---@field workdir? ci.Renderable<string> where its steps run, below that (default "build")
---@field locks? any list of lock accesses, held for the whole build; those of a function of the build are taken once it has its worker
---@field env? ci.Renderable<table<string, any>> variables for every command
---@field properties? table<string, any>
---@field default_properties? table<string, any> for what nothing else has set
---@field collapse_requests? boolean merge waiting requests for the same source (default true)
---@field data? any

---@class ci.SecretDirectoryOptions
---@field dir string relative to the base directory
---@field suffixes? any list of endings; only files with one are secrets, named without it (default: every file)
---@field strip? boolean leave out white space around a secret (default true)

---@class ci.WorkerLockOptions
---@field name string
---@field max_count? integer counting holders at once (default 1)
---@field max_count_for_worker? table<string, integer> another count on some workers

---@class ci.MasterLockOptions
---@field name string
---@field max_count? integer counting holders at once (default 1)

---@class ci.StepType
---@field name string default name of its steps
---@field options? table<string, string> its own options and their types: any, string, integer, number, boolean, scalar, map, table, function, "text"; `[]` list, `?` optional, `|` or
---@field run fun(step: ci.RunningStep, options: table): ci.Results?
---@field check? fun(options: table): boolean, string? looks at the options when the configuration loads
---@field rename? fun(name: string, options: table): string the name that is shown
---@field defaults? table defaults of the options that every step takes

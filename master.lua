-- The Halide buildbot. Everything the master does is said here; save the file and it is in effect.

local ci = require "ci"

-- Secrets are files in the master's base directory; they never appear in logs or pages.
local GITHUB_TOKEN   = ci.secret_file "github_token.txt"
local WORKER_SECRET  = ci.secret_file "halide_bb_pass.txt"
local WEBHOOK_SECRET = ci.secret_file "webhook_token.txt"
local WWW_PASSWORD   = ci.secret_file "buildbot_www_pass.txt"

local ARTIFACTS = os.getenv "HALIDE_BB_MASTER_ARTIFACTS_DIR" or "/home/abadams/artifacts"
local HALIDE    = "https://github.com/halide/Halide.git"

local c = ci.config()

c.title     = "Halide"
c.title_url = "https://halide-lang.org"
c.url       = "https://buildbot.halide-lang.org/master/"
c.db        = { url = os.getenv "HALIDE_BB_MASTER_DB_URL" or "sqlite:///state.sqlite" }
c.protocols = { port = 9990 }

-- Workers -----------------------------------------------------------------------------------------

local function linux(name)
  return ci.worker { name = name, password = WORKER_SECRET, max_builds = 4, properties = { os = "linux" } }
end

c.workers = { linux "linux-worker-1", linux "linux-worker-4" }

-- Ordinary steps share a machine; a step that measures has it alone.
local performance = ci.worker_lock { name = "performance_lock", max_count = 9999 }
local SHARED, ALONE = performance:access "counting", performance:access "exclusive"

local step = ci.with_defaults(ci.steps, { locks = { SHARED }, halt_on_failure = true })

-- Builders ----------------------------------------------------------------------------------------

local SOURCE  = ci.builddir .. "/halide-source"
local BUILD   = ci.builddir .. "/halide-build"
local INSTALL = ci.builddir .. "/halide-install"
local ENV     = { CC = "ccache gcc", CXX = "ccache g++", CMAKE_GENERATOR = "Ninja" }

-- A function of the build is rendered just before its step runs.
local function jobs(build)
  return math.max(1, (build.worker.info.numcpus or 1) // (build.worker.max_builds or 1))
end

local HEAD = ci.renderer(function(build) return build.properties.got_revision.halide end)

local function cmake(name, ...)
  return step.shell { name = name, command = { "cmake", ... }, workdir = BUILD, env = ENV, timeout = 3600 }
end

local function ctest(label, access)
  return step.shell {
    name = "Test " .. label,
    command = { "ctest", "--output-on-failure", "--label-regex", label, "--parallel", access == ALONE and 1 or jobs },
    workdir = BUILD, env = ENV, locks = { access }, timeout = 3600,
    halt_on_failure = false, -- the other tests are worth knowing too
  }
end

local factory = ci.factory {
  step.github { name = "Get source", repo = HALIDE, branch = "main", codebase = "halide", workdir = SOURCE },
  step.make_directory { name = "Make build directory", dir = BUILD },
  cmake("Configure", "-S", SOURCE, "-B", BUILD, "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_INSTALL_PREFIX=" .. INSTALL),
  cmake("Build", "--build", BUILD, "--parallel", jobs),
  ctest("correctness", SHARED),
  ctest("performance", ALONE),
}

-- The same, and what passes is packed and brought home.
local PACKAGE = ci.interpolate("halide-%(prop:branch)s-x86-64-linux-") .. HEAD .. ".tar.gz"
local packaging = {
  factory,
  cmake("Install", "--install", BUILD),
  step.shell { name = "Package", command = { "tar", "-czf", BUILD .. "/halide.tar.gz", "-C", INSTALL, "." } },
  step.file_upload { name = "Upload package", workersrc = BUILD .. "/halide.tar.gz",
                     masterdest = ARTIFACTS .. "/" .. PACKAGE, mode = "0644" },
}

c.builders = {
  ci.builder { name = "halide-main-x86-64-linux-cmake", workers = c.workers, factory = packaging,
               tags = { "halide", "main", "linux" } },
  ci.builder { name = "halide-testbranch-x86-64-linux-cmake", workers = c.workers, factory = factory,
               tags = { "halide", "testbranch", "linux" } },
}

-- Schedulers --------------------------------------------------------------------------------------

c.schedulers = {
  ci.schedulers.single_branch {
    name = "halide-main", tree_stable_timer = 300, builders = { "halide-main-x86-64-linux-cmake" },
    change_filter = { codebase = "halide", category = ci.null, branch = "main" },
  },
  ci.schedulers.any_branch {
    name = "halide-testbranch", tree_stable_timer = 5, builders = { "halide-testbranch-x86-64-linux-cmake" },
    change_filter = { codebase = "halide", category = "pull", properties = { basename = "main" } },
  },
  ci.schedulers.force { name = "force", codebases = { "halide" }, builders = c.builders },
}

-- Web and GitHub ----------------------------------------------------------------------------------

c.www = {
  port  = 8012,
  auth  = ci.auth.user_password { halidenightly = WWW_PASSWORD },
  authz = ci.authz { allow = { control = "admins" }, roles = { admins = { "halidenightly" } } },
  change_hooks = {
    github = ci.hooks.github {
      secret = WEBHOOK_SECRET, token = GITHUB_TOKEN, codebase = "halide", skips = {},
      on_pull_request = function(event, default)
        if ci.list.contains(event.labels, "skip_buildbots") then
          return event:skip "the pull request is labelled skip_buildbots."
        end
        -- Asking the bot for a review starts its builds.
        if event.action == "review_requested" and ci.list.contains(event.reviewers, "halidebuildbots") then
          event.action = "synchronize"
        end
        return default(event)
      end,
    },
  },
}

c.reporters = { ci.reporters.github_status { token = GITHUB_TOKEN } }

return c

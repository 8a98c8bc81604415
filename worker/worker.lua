-- A worker: its name, its password, and where its master is.

local ci = require "ci"

local name = os.getenv "HALIDE_BB_WORKER_NAME"
if not name or name == "" then
  error("Environment variable HALIDE_BB_WORKER_NAME must be non-empty. "
    .. "Set it to this worker's name in master.lua: export HALIDE_BB_WORKER_NAME=linux-worker-1", 0)
end

return {
  name      = name,
  password  = ci.secret_file "halide_bb_pass.txt",
  host      = os.getenv "HALIDE_BB_MASTER_ADDR" or "buildbot.halide-lang.org",
  port      = os.getenv "HALIDE_BB_MASTER_PORT" or 9990,
  keepalive = 600, -- seconds
  max_delay = 300, -- the longest pause between two attempts to connect
}

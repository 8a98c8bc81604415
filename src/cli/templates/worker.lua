-- The configuration of a halide-ci worker. The secret stands in halide_bb_pass.txt beside this file.
local ci = require "ci"

local name = os.getenv "HALIDE_BB_WORKER_NAME"
if not name or name == "" then
  error("HALIDE_BB_WORKER_NAME is not set. Give this worker the name that master.lua has for it: "
        .. "export HALIDE_BB_WORKER_NAME=worker-1", 0)
end

return {
  name = name,
  password = ci.secret_file "halide_bb_pass.txt",
  host = os.getenv "HALIDE_BB_MASTER_ADDR" or "@HOST@",
  port = os.getenv "HALIDE_BB_MASTER_PORT" or 9990,
}

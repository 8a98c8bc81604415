-- Where the master listens.
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
c.builders = { ci.builder { name = "b", workers = "w", factory = {} } }
c.schedulers = { ci.schedulers.force { name = "f", builders = "b" } }
c.protocols = { port = "ssl:9990:privateKey=key.pem", interface = "all of them" }
c.www = { port = "tcp:8012:interface=127.0.0.1", interface = "127.0.0.1" }
return c

local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" } } }
c.change_sources = {
  ci.change_sources.git_poller { branch = "main" },
  ci.change_sources.git_poller { repo = "r", branch = "main", branches = true, poll_interval = 0 },
  ci.change_sources.git_poller { repourl = "r" },
  ci.change_sources.git_poller { repo = "r", poll_random_delay_min = 9, poll_random_delay_max = 5 },
  ci.change_sources.git_poller { repo = "r", poll_interval = 10, poll_random_delay_max = 50 },
  ci.change_sources.git_poller { repo = "--upload-pack=x" },
  ci.change_sources.git_poller { repo = "ext::sh -c x" },
  ci.change_sources.git_poller { repo = "https://x", branches = { "" }, encoding = "utf-7", auth_user = "u" },
  ci.change_sources.git_poller { repo = "https://x", ssh_host_key = "k", fetch_refspec = "x" },
  ci.change_sources.git_poller { repo = "r2", only_tags = true, branch = "main" },
  ci.change_sources.git_poler { repo = "r" },
}
return c

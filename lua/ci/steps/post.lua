-- Asks a server with POST; a status below 400 is a success.

return require("ci.request").step("post", "POST")

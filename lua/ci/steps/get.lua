-- Asks a server with GET; a status below 400 is a success.

return require("ci.request").step("get", "GET")

-- Asks a server with HEAD; a status below 400 is a success.

return require("ci.request").step("head", "HEAD")

-- Asks a server with PUT; a status below 400 is a success.

return require("ci.request").step("put", "PUT")

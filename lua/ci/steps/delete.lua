-- Asks a server with DELETE; a status below 400 is a success.

return require("ci.request").step("delete", "DELETE")

-- Asks a server with OPTIONS; a status below 400 is a success.

return require("ci.request").step("options", "OPTIONS")

local names = require "parts.loop_a"
return names

local other = require "parts.loop_b"
return { other }

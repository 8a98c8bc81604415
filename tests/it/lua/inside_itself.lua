-- What is inside itself, nested without end, or doubles with each line.
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
local unit = ci.steps.shell { name = "unit", command = "unit" }

local circle = { name = "circle" }
local itself = ci.step_group(circle)
circle.steps = { unit, itself }

local deep = unit
for _ = 1, 5000 do deep = ci.step_group { name = "deep", steps = { deep } } end

local double = unit
for _ = 1, 20 do double = ci.step_group { name = "double", steps = { double, double } } end

local fields = { name = "form" }
local form = ci.parameters.nested(fields)
fields.fields = { form }

local rows = ci.parameters.string { name = "row" }
for n = 1, 5000 do rows = ci.parameters.nested { name = "rows" .. n, fields = { rows } } end

c.builders = { ci.builder { name = "b", workers = "w", factory = { itself, deep, double } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = "b", properties = { form, rows } } }
return c

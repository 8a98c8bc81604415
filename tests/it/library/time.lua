local ci = require "ci"
local check = require "check"
local same, fails = check.same, check.fails
local time = ci.time

-- now
same(math.abs(time.now() - os.time()) <= 1, true)
same(time.now(), time.now())

-- parse
local noon <const> = 1772366400
for _, text in ipairs {
  "2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00", "2026-03-01 12:00:00Z", " 2026-03-01T12:00Z ",
  "2026-03-01T13:00:00+01:00[Europe/Berlin]", "Sun, 01 Mar 2026 12:00:00 +0000", "2026-03-01T12:00:00", "2026-03-01 12:00",
} do
  same(time.parse(text), noon)
end
same(time.parse "2026-03-01", noon - 43200)
same(time.parse("2026-03-01T12:00:00", nil, "Europe/Berlin"), noon - 3600)
same(time.parse "2026-03-01T12:00:00.5Z", noon + 0.5)
same(time.parse("01.03.2026 12:00", "%d.%m.%Y %H:%M"), noon)
same(time.parse("01.03.2026", "%d.%m.%Y"), noon - 43200)
same(time.parse("01.03.2026 12:00", "%d.%m.%Y %H:%M", "America/New_York"), noon + 5 * 3600)
same(time.parse("1772366400", "%s"), noon)
same(time.parse("2026-03-01 13:00 +0100", "%Y-%m-%d %H:%M %z"), noon)

-- format
same(time.format(noon), "2026-03-01T12:00:00Z")
same(time.format(noon, nil, "Europe/Berlin"), "2026-03-01T13:00:00+01:00")
same(time.format(noon, "%a %d %b %Y, %H:%M"), "Sun 01 Mar 2026, 12:00")
same(time.format(noon, "%Y%m%d"), "20260301")
same(time.format(noon + 0.25, "%S%.f"), "00.25")
same(time.format(-1), "1969-12-31T23:59:59Z")

-- calendar
local fields = time.fields(noon, "Asia/Tokyo")
same({ fields.year, fields.month, fields.day, fields.hour, fields.minute, fields.second }, { 2026, 3, 1, 21, 0, 0 })
same({ fields.weekday, fields.yearday, fields.offset }, { 7, 60, 32400 })
same(time.at(fields, "Asia/Tokyo"), noon)
same(time.at { year = 2026, month = 3, hour = 12 }, noon)
same(time.at { year = 2026, month = 2, day = 29, hour = 12 }, noon)
same(time.at { year = 2025, month = 15, day = 1, hour = 12 }, noon)
same(time.at { year = 2026, month = 3, day = 2, hour = -12 }, noon)
-- In the night in which clocks go forward, 02:30 is 03:30.
same(time.format(time.at({ year = 2026, month = 3, day = 29, hour = 2, minute = 30 }, "Europe/Berlin"), "%H:%M", "Europe/Berlin"), "03:30")

-- durations
for text, seconds in pairs { ["1h 30m"] = 5400, ["2 days"] = 172800, PT90S = 90, ["1.5s"] = 1.5, ["1 week"] = 604800, ["-5m"] = -300, ["90 min"] = 5400 } do
  same(time.duration(text), seconds)
end
same(time.format_duration(0.008), "8 ms")
same(time.format_duration(185), "3 min 5 s")
same(time.format_duration(7800), "2 h 10 min")

-- misuse
fails('"tomorrow" is no time; it is written like 2026-03-01T12:00:00Z', time.parse, "tomorrow")
fails("is no time", time.parse, "2026-02-30T00:00:00Z")
fails("is no time", time.parse, "x", "%Y")
fails("is no time", time.parse, "12:00", "%H:%M")
fails("what ci.time.parse takes must be a text, not an integer", time.parse, noon)
fails("there is no time zone `Mars/Olympus`", time.format, noon, nil, "Mars/Olympus")
fails("a time zone must be a name", time.format, noon, nil, 2)
fails("the format of ci.time.format is wrong", time.format, noon, "%!")
fails("a format of ci.time must be a text", time.format, noon, {})
fails("at most 1000 bytes", time.format, noon, ("x"):rep(2000))
fails("must be seconds since 1970, not a string", time.format, "now")
fails("before the year 9999", time.format, 1e300)
fails("must be seconds since 1970, not a number", time.format, 0 / 0)
fails("ci.time.at knows no `mont`. Did you mean `month`?", time.at, { year = 2026, mont = 2 })
fails("`year` of ci.time.at must be an integer, not nil", time.at, { month = 2 })
fails("`day` of ci.time.at must be an integer, not a string", time.at, { year = 2026, day = "2" })
fails("knows no such date", time.at, { year = 99999 })
fails("knows no such date", time.at, { year = 2026, day = math.maxinteger })
fails("what ci.time.at takes must be a table", time.at, noon)
fails('"soon" is no duration', time.duration, "soon")
fails("months and years have no fixed length", time.duration, "1 month")
fails("what ci.time.duration takes must be a text", time.duration, 5)
fails("seconds, not negative", time.format_duration, -1)
fails("seconds, not negative", time.format_duration, 1e300)

return check.done(60)

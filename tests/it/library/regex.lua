local ci = require "ci"
local check = require "check"
local same, fails = check.same, check.fails

-- matches, match, find
local version = ci.regex "^v(\\d+)\\.(\\d+)(?:-(rc\\d+))?$"
same(version:matches "v1.2", true)
same(version:matches "xv1.2", false)
same({ version:match "v1.2-rc3" }, { "1", "2", "rc3" })
same({ version:match "v1.2" }, { "1", "2", false })
same(version:match "1.2", nil)
same(ci.regex "l+":match "hello", "ll")
same({ ci.regex "l(l)":find "hello" }, { 3, 4, "l" })
same({ ci.regex "o":find("foo", 3) }, { 3, 3 })
same({ ci.regex "o":find("foo", -1) }, { 3, 3 })
same(ci.regex "o":find("foo", 9), nil)
same(ci.regex "^o":match("foo", 2), nil)
same(ci.regex "\\w+":match "größer als", "größer")
same(ci.regex "a|b|c":match "xxb", "b")

-- flags
same(ci.regex("ERROR", "i"):matches "an error", true)
same(ci.regex "ERROR":matches "an error", false)
same(ci.regex("^b$", "m"):matches "a\nb\nc", true)
same(ci.regex "^b$":matches "a\nb\nc", false)
same(ci.regex("a.b", "s"):matches "a\nb", true)
same(ci.regex("a b # comment", "x"):matches "ab", true)
same(ci.regex("^É.", "ims"):matches "x\né\n", true)

-- captures
local named = ci.regex "(?<key>\\w+)=(?<value>\\w+)?"
same(named:captures "x key=5", { [0] = "key=5", "key", "5", key = "key", value = "5" })
same(named:captures "key=", { [0] = "key=", "key", false, key = "key", value = false })
same(named:captures "x", nil)

-- gmatch
local all = {}
for key, value in ci.regex "(\\w)=(\\w)":gmatch "a=1, b=2" do all[#all + 1] = key .. value end
same(all, { "a1", "b2" })
local n = 0
for _ in ci.regex "":gmatch "éa" do n = n + 1 end
same(n, 3)

-- gsub
same({ ci.regex "\\d+":gsub("a1b22", "#") }, { "a#b#", 2 })
same(ci.regex "(\\w+) (\\w+)":gsub("a b", "%2 %1 %0 %%"), "b a a b %")
same(ci.regex "a(b)?":gsub("aab", "<%1>"), "<><b>")
same(ci.regex "\\w+":gsub("a b c", { a = "1", c = 3 }), "1 b 3")
same(ci.regex "(a)(x)?":gsub("aax", function(a, x) return x and "X" or a .. "!" end), "a!X")
same(ci.regex "\\w":gsub("abc", function() return nil end), "abc")
same({ ci.regex "a":gsub("aaa", "b", 2) }, { "bba", 2 })
same(ci.regex "":gsub("é", "-"), "-é-")
same(ci.regex "x*":gsub("axb", "-"), "-a--b-")
same(ci.regex "^a":gsub("aaa", "b"), "baa")
same(tostring(ci.regex "a"), 'regex "a"')
same(ci.regex("a", "i").pattern .. ci.regex("a", "i").flags, "ai")

-- misuse
fails("is no regular expression", ci.regex, "(a")
fails("unclosed group", ci.regex, "(a")
fails("look-around", ci.regex, "(?=a)")
fails("backreferences are not supported", ci.regex, "(a)\\1")
fails("must be a string, not a table", ci.regex, {})
fails("must be a string, not nil", ci.regex)
fails("no flag `q`", ci.regex, "a", "q")
fails("the flags of ci.regex must be letters", ci.regex, "a", 1)
fails("must be UTF-8", ci.regex, "\xff")
local r = ci.regex "a"
fails("call it with a colon: regex:matches(text)", function() return r.matches "a" end)
fails("regex:match takes a text, not nil", function() return r:match(nil) end)
fails("a regex has no `matche`. Did you mean `match`?", function() return r:matche "a" end)
fails("a regex cannot be changed", function() r.x = 1 end)
fails("regex:gsub replaces by a text, a table or a function, not nil", function() return r:gsub("a") end)
fails("takes an integer as limit", function() return r:gsub("a", "b", "c") end)
fails("invalid capture index", function() return r:gsub("a", "%2") end)
fails("invalid replacement value", function() return r:gsub("a", function() return {} end) end)
fails("begins at an integer", function() return r:find("a", "x") end)

-- glob
local fits = ci.glob "release/*"
same({ fits "release/1/2", fits "release", fits(nil), fits(7) }, { true, false, false, false })
same(ci.glob "v?.[0-9]" "v1.5", true)
same(ci.glob "v?.[!0-9]" "v1.5", false)
same(ci.glob { "*.c", "*.h" } "src/a.h", true)
same(ci.glob { "*.c", "*.h" } "src/a.hpp", false)
same(ci.glob "a.c" "abc", false)
same(ci.glob "[" "[", true)
same(ci.list.filter({ "a.lua", "b.c" }, ci.glob "*.lua"), { "a.lua" })
fails("ci.glob takes a pattern or a list of them", ci.glob)
fails("the pattern of ci.glob must be a string", ci.glob, { {} })
fails("takes a pattern or a list", ci.glob, {})
fails("a class such as `[a-z]` goes upwards", ci.glob, "[z-a]")

local c = check.done(60)
return c

local ci = require "ci"
local check = require "check"
local same, fails = check.same, check.fails
local semver = ci.semver

local v = semver.parse "v17.0.6-rc.2+abc"
same({ v.major, v.minor, v.patch, v.pre, v.build }, { 17, 0, 6, "rc.2", "abc" })
same(tostring(v), "17.0.6-rc.2+abc")
same(tostring(semver.parse "1.2.3"), "1.2.3")
same(semver.parse "1.10.0" > semver.parse "1.9.0", true)
same(semver.parse "1.0.0-rc.1" < semver.parse "1.0.0", true)
same(semver.parse "1.0.0" <= semver.parse "1.0.0+x", true)
same(semver.parse "1.0.0" == semver.parse "v1.0.0", true)
same(semver.parse "1.0.0" < "1.0.1", true)
same(semver.compare("1.2.3", "1.2.3"), 0)
same(semver.compare("1.2.3", semver.parse "1.2.4"), -1)
same(semver.compare("1.2.10", "1.2.9"), 1)
same(semver.matches("1.5.0", ">=1.2, <2"), true)
same(semver.matches("2.0.0", "1.2"), false)
same(semver.matches(v, "17"), false)
same(semver.matches("17.0.6", "~17.0"), true)
same(tostring(ci.list.sorted({ semver.parse "1.10.0", semver.parse "1.9.0" })[1]), "1.9.0")

fails('"1.2" is no version such as', semver.parse, "1.2")
fails("a version must be a text such as \"1.2.3\", not a number", semver.parse, 1.2)
fails("a version must be a text such as \"1.2.3\", not nil", semver.compare, "1.2.3")
fails("is no version requirement such as", semver.matches, "1.2.3", ">>1")
fails("a version requirement must be a text", semver.matches, "1.2.3")
fails("is no version requirement such as", ci.require_version, "soon")
fails("a version requirement must be a text", ci.require_version, 1)

same(ci.sha256 "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
same(ci.sha256 "\0\xff", "06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8")
fails("what ci.sha256 takes must be a string, not nil", ci.sha256)
fails("what ci.sha256 takes must be a string, not a table", ci.sha256, {})

-- An error of Rust is a text with its place, as any other.
local ok, err = pcall(ci.json.decode, "{")
same({ ok, err:find("version.lua:%d+: this is not JSON", 1) ~= nil }, { false, true })
local co = coroutine.create(function() ci.json.decode "{" end)
ok, err = coroutine.resume(co)
same({ ok, type(err) }, { false, "string" })
ok, err = xpcall(ci.json.decode, function(e) return "handled " .. type(e) end, "{")
same(err, "handled string")

return check.done(25)

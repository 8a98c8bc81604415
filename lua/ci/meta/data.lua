---@meta
-- The libraries that look at texts and data: expressions, XML, YAML, time, versions. They never wait, and may be used while
-- the configuration loads.

---@class ci
local ci = {}

---Ends the load when this program is another: `ci.require_version ">=0.3, <0.5"`.
---@param requirement string as in Cargo.toml: `>=`, `<`, `=`, `~`, `^` (the default), joined by commas
function ci.require_version(requirement) end

---A regular expression, as Rust's crate `regex` knows them: no look-around and no back references, so that no pattern takes for
---ever. An error at the line when it is malformed or too large.
---@param pattern string `(?<name>…)` names a group
---@param flags? string i = any case, m = `^` and `$` at each line, s = `.` is also a new line, x = white space is left out
---@return ci.Regex
function ci.regex(pattern, flags) end

---@class ci.Regex
---@field pattern string
---@field flags string
local Regex = {}
---Whether it is found anywhere in the text.
---@param s string
---@return boolean
function Regex:matches(s) end
---From where to where the first match goes, then its groups.
---@param s string
---@param init? integer where to begin
---@return integer?, integer?, string|false ...
function Regex:find(s, init) end
---The groups of the first match, or all of it when there are none; nil if there is no match. A group that took no part is false.
---@param s string
---@param init? integer where to begin
---@return string|false|nil ...
function Regex:match(s, init) end
---The first match as a table: [0] is all of it, then the groups by number and by name.
---@param s string
---@param init? integer where to begin
---@return table<integer|string, string|false>?
function Regex:captures(s, init) end
---An iterator over all matches, each as `match` gives it.
---@param s string
---@return fun(): string|false ...
function Regex:gmatch(s) end
---The text with its matches replaced, and their number. In a text `%1` is a group and `%0` all; a table is asked for the first
---group; a function gets the groups; nil and false keep the match.
---@param s string
---@param with string|table<string, any>|fun(...: string|false): any
---@param limit? integer
---@return string, integer
function Regex:gsub(s, with, limit) end

---Whether a text fits a pattern (or one of a list) as a whole: `*`, `?`, `[abc]`, `[!a-z]`; `*` crosses `/`. What is no text does
---not fit. It may be given where a filter takes a function.
---@param pattern string|string[]
---@return fun(text: any): boolean
function ci.glob(pattern) end

---The SHA-256 of the bytes, in hexadecimal digits.
---@param text string
---@return string
function ci.sha256(text) end

ci.xml = {}

---The document; its only child is the outermost element. Entities that a document defines itself are refused, bytes that are not
---UTF-8 are replaced, blanks between elements are left out. At most 64 MiB and 256 deep.
---@param text string
---@return ci.XmlNode
function ci.xml.parse(text) end

---An element. Paths go downwards from it: `a/b`, `*`, `//b` (at any depth), conditions `[@name]`, `[@name='x']`, `[@name!='x']`,
---`[child]`, `[child='x']`, `[1]`; an `@name` at the end is an attribute.
---@class ci.XmlNode
---@field name? string with its prefix, as it is written; nil = the document
---@field attributes table<string, string>
---@field children (ci.XmlNode|string)[]
local XmlNode = {}
---Visits the elements of a path in their order: `for test in xml:each "Site/Testing/Test[@Status='failed']" do`.
---@param path string
---@return fun(): ci.XmlNode?
function XmlNode:each(path) end
---The first element of a path.
---@param path string
---@return ci.XmlNode?
function XmlNode:find(path) end
---All text inside, or inside the first element of a path, or an attribute's value; nil if there is none.
---@param path? string
---@return string?
function XmlNode:text(path) end
---@param name string
---@return string?
function XmlNode:attr(name) end

ci.yaml = {}

---YAML 1.2: `yes`, `no`, `on` and `off` are texts. Null reads as nil, in a list as `ci.null`; keys are texts; `<<` is followed; an alias
---is the same table as its anchor. Raises for unknown tags, for a key that is there twice and for several documents. (JSON is YAML: write with
---`ci.json.encode`.)
---@param text string at most 16 MiB
---@return any
function ci.yaml.decode(text) end

---All documents of a text.
---@param text string
---@return any[]
function ci.yaml.decode_all(text) end

---Time zones are names such as "Europe/Berlin"; without one it is UTC.
ci.time = {}

---Seconds since 1970, with fractions; while the configuration loads it stands still.
---@return number
function ci.time.now() end
---Seconds since 1970. Without a format: RFC 3339 and ISO 8601 (also `2026-03-01 12:00`), and the date of a mail.
---@param text string
---@param format? string as for `format`
---@param zone? string of a text that names none
---@return number
function ci.time.parse(text, format, zone) end
---@param time number seconds since 1970
---@param format? string as strftime's: `%Y-%m-%d %H:%M:%S %:z` and so on (default RFC 3339)
---@param zone? string
---@return string
function ci.time.format(time, format, zone) end
---`weekday` is 1 on Monday, `offset` the seconds east of UTC.
---@param time number
---@param zone? string
---@return { year: integer, month: integer, day: integer, hour: integer, minute: integer, second: integer, weekday: integer, yearday: integer, offset: integer }
function ci.time.fields(time, zone) end
---The time of a date; parts outside their range carry over (`day = 32`, `hour = -1`).
---@param parts { year: integer, month: integer?, day: integer?, hour: integer?, minute: integer?, second: integer? }
---@param zone? string
---@return integer
function ci.time.at(parts, zone) end
---The seconds of a text such as "1h 30m", "2 days" or "PT90S".
---@param text string
---@return number
function ci.time.duration(text) end
---Seconds for people: "1.2 s", "3 min 5 s", "2 h 10 min".
---@param seconds number
---@return string
function ci.time.format_duration(seconds) end

ci.semver = {}

---A semantic version, also after a `v`. Versions compare: `ci.semver.parse "1.10.0" > ci.semver.parse "1.9.0"`.
---@param text string
---@return ci.Version
function ci.semver.parse(text) end
---Less than, equal to or greater than zero; build metadata does not count.
---@param a string|ci.Version
---@param b string|ci.Version
---@return integer
function ci.semver.compare(a, b) end
---Whether a version fits a requirement such as ">=1.2, <3"; a pre-release fits only where one of the same version is named.
---@param version string|ci.Version
---@param requirement string
---@return boolean
function ci.semver.matches(version, requirement) end

---@class ci.Version
---@field major integer
---@field minor integer
---@field patch integer
---@field pre string "" = none
---@field build string

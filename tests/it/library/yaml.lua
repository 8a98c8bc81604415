local ci = require "ci"
local check = require "check"
local same, fails = check.same, check.fails
local decode = ci.yaml.decode

-- what plain words mean
for text, value in pairs {
  ["7"] = 7, ["-7"] = -7, ["+7"] = 7, ["0x1F"] = 31, ["0o17"] = 15, ["017"] = 17, ["1.5"] = 1.5, ["1e3"] = 1000.0,
  [".5"] = 0.5, ["-.5"] = -0.5, [".inf"] = math.huge, ["-.Inf"] = -math.huge,
  ["true"] = true, ["False"] = false, ["yes"] = "yes", ["off"] = "off", ["1.2.3"] = "1.2.3", ["1-2"] = "1-2",
  ["0x"] = "0x", ["e5"] = "e5", ["."] = ".", ["12e"] = "12e", ["2026-03-01"] = "2026-03-01",
  ["'7'"] = "7", ['"\\u00e9\\n"'] = "é\n", ["12345678901234567890"] = 12345678901234567890.0,
  ["!!str 7"] = "7", ["!!float 7"] = 7.0, ["!!int 7"] = 7, ["! 7"] = "7", ["0xffffffffffffffff"] = "0xffffffffffffffff",
} do
  local got = decode("v: " .. text)
  same(math.type(got.v), math.type(value))
  same(got.v, value)
end
same(decode(".nan") ~= decode(".nan"), true)
for _, text in ipairs { "", "~", "null", "# comment", "---", "!!null ''" } do same(decode(text), nil) end

-- lists and maps
same(decode "a: [1, two, null]\nb: {c: d, e: ~}\nf:\n  - g\n  -\n", { a = { 1, "two", ci.null }, b = { c = "d" }, f = { "g", ci.null } })
same(ci.json.encode(decode "a: []\nb: {}"), '{"a":[],"b":{}}')
same(decode "1: a\ntrue: b\n'': c", { ["1"] = "a", ["true"] = "b", [""] = "c" })
same(decode "on:\n  push:\n    branches: [main]\n", { on = { push = { branches = { "main" } } } })
same(decode "a: |\n  x\n  y\nb: >-\n  x\n  y\n", { a = "x\ny\n", b = "x y" })
same(decode '{"a": [1, {"b": null}]}', { a = { 1, {} } })

-- anchors and merging
local data = decode "base: &b {x: 1, y: 2}\none: {<<: *b, y: 3}\ntwo: {y: 4, <<: [{z: 5}, *b]}\nsame: *b\ntext: &t hi\nagain: *t\n"
same(data.one, { x = 1, y = 3 })
same(data.two, { x = 1, y = 4, z = 5 })
same(rawequal(data.base, data.same), true)
same(data.again, "hi")

-- documents
same(ci.yaml.decode_all "--- a\n--- [b]\n---\n", { "a", { "b" }, ci.null })
same(ci.yaml.decode_all "", {})

-- misuse
local function broken(text, message) fails(message, decode, text) end
broken(("["):rep(100), "nested more than 64 deep")
broken("a: 1\na: 2", "this is not YAML: line 2: the key `a` is there twice.")
broken("a:\n\tb", "this is not YAML: line 2")
broken("a: [1", "this is not YAML: line ")
broken("a: *x", "this is not YAML: line 1")
broken("a: &x [*x]", "an alias stands inside what it names")
broken("? [a]\n: b", "a key must be a text or a number")
broken("a: !Ref b", "the tag `!Ref` is not known here")
broken("a: !!python/object:os.system b", "is not known here")
broken("a: !!int x", "`x` is no !!int")
broken("a: !!bool 1", "`1` is no !!bool")
broken("a: !!set {b}", "is not known here")
broken("<<: 1", "`<<` takes a map or a list of maps")
broken("<<: [1]", "`<<` takes a map or a list of maps")
broken("a\n---\nb", "this YAML has 2 documents; use ci.yaml.decode_all.")
broken("a: \xff", "it is not UTF-8")
fails("what ci.yaml takes must be a string, not a table", decode, {})

return check.done(80)

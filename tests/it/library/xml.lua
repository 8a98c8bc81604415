local ci = require "ci"
local check = require "check"
local same, fails = check.same, check.fails

local site = ci.xml.parse [==[
<?xml version="1.0" encoding="UTF-8"?>
<!-- what ctest writes -->
<Site Name="linux" Note="a &quot;b&quot; &#65;">
  <Testing>
    <Test Status="passed"><Name>one</Name></Test>
    <Test Status="failed">
      <Name>two</Name>
      <Results><Measurement><Value>expected &lt;1&gt;,
got 2</Value></Measurement></Results>
    </Test>
    <Test Status="failed"><Name>three</Name><Results><Measurement><Value><![CDATA[<&]]></Value></Measurement></Results></Test>
  </Testing>
</Site>]==]

local function names(path)
  local out = {}
  for node in site:each(path) do out[#out + 1] = node:text "Name" or node.name end
  return out
end

same(names "Site/Testing/Test[@Status='failed']", { "two", "three" })
same(names "Site/Testing/Test", { "one", "two", "three" })
same(names 'Site/Testing/Test[@Status!="failed"]', { "one" })
same(names "Site/Testing/Test[2]", { "two" })
same(names "Site/Testing/Test[@Status='failed'][2]", { "three" })
same(names "Site/Testing/Test[Results]", { "two", "three" })
same(names "Site/Testing/Test[Name='one']", { "one" })
same(names "Site/Testing/Test[ @Status = 'passed' ]", { "one" })
same(names "Site/*", { "Testing" })
same(names "//Test[@Status]", { "one", "two", "three" })
same(names "Site//Value", { "Value", "Value" })
same(names "//Test//Value", { "Value", "Value" })
same(names ".//Name", { "Name", "Name", "Name" })
same(names "Nothing/Test", {})
same(names "Site/Testing/Test[@Nothing]", {})

local two = site:find "//Test[Name='two']"
same(two.name, "Test")
same(two:attr "Status", "failed")
same(two:attr "status", nil)
same(two:text "Results/Measurement/Value", "expected <1>,\ngot 2")
same(two:text "Results/Nothing", nil)
same(two:text "@Status", "failed")
same(site:text "Site/@Note", 'a "b" A')
same(site:text "//@Status", "passed")
same(site:find "//Test[3]":text "Results", "<&")
same(site:find "Nothing", nil)
same(site.name, nil)
same(#site.children, 1)
same(#site:find "Site/Testing".children, 3)
same(tostring(two), "<Test>")

-- texts
same(ci.xml.parse "<a>x<b>y</b>z</a>":text(), "xyz")
same(ci.xml.parse "<a> </a>":text(), " ")
same(ci.xml.parse "<a> <b/> </a>":text(), "")
same(ci.xml.parse "<a>1 &amp; 2</a>":text(), "1 & 2")
same(ci.xml.parse "<a/>":text "a", "")
same(ci.xml.parse "\xef\xbb\xbf<a>b\r\nc</a>":text(), "b\nc")
same(ci.xml.parse "<a>\xff</a>":text(), "\u{fffd}")
same(ci.xml.parse "<n:a n:b='c'/>":find "n:a":attr "n:b", "c")
same(ci.xml.parse "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>":text(), "")
same(ci.xml.parse "<größe/>":find "größe".name, "größe")

-- broken documents
local function broken(text, message) fails(message, ci.xml.parse, text) end
broken("", "this is not XML: line 1: it has no element.")
broken("x", "here is text outside of any element")
broken("<a>\n<b></a>", "this is not XML: line 2: ")
broken("<a>\n<b>", "this is not XML: line 2: the document ends inside <b>")
broken("<a/><b/>", "one outermost element")
broken("<a b='1' b='2'/>", "the attribute `b` is there twice")
broken("<a b=1/>", "this is not XML: line 1")
broken("<a>&nbsp;</a>", "the entity `&nbsp;` is not known")
broken("<a b='&x;'/>", "this is not XML: line 1")
broken("<a>&#xffffffff;</a>", "this is not XML: line 1")
broken("<a>&</a>", "this is not XML: line 1")
broken("<?xml version='1.0' encoding='UTF-16'?><a/>", "only UTF-8 is read")
broken("<a", "tag not closed")
broken("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "the entity `&x;` is not known")

-- misuse
fails("what ci.xml.parse takes must be a string, not nil", ci.xml.parse)
fails("call it with a colon: node:text(…)", function() return two.text "Name" end)
fails("a path is a text such as", function() return two:each() end)
for _, path in ipairs { "", "/Site", "a/", "a[", "a[]", "a[b=c]", "a[@b='c]", "@a/b", "a b", "../a", "@a[1]" } do
  fails("is no path", function() return two:find(path) end)
end
fails("for an attribute use", function() return two:each "Name/@x" end)
fails("for an attribute use", function() return two:find "@x" end)
fails("node:attr takes an attribute's name", function() return two:attr() end)
fails("cannot write an element", ci.json.encode, { two })

return check.done(60)

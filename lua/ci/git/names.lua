-- Branches, revisions and repositories before they become arguments of git. Anyone may open a pull
-- request, so anyone may choose a branch's name.

local names = {}

function names.is_hex(s) return #s >= 7 and #s <= 64 and not s:find "[^0-9a-fA-F]" end

-- What git allows in a ref's name, less what could be an option or a refspec.
function names.is_ref(s)
  return s ~= ""
    and not s:find "^[-/+]"
    and not s:find "[%c%s~^:?*\\%[\127]"
    and not s:find("..", 1, true)
    and not s:find("@{", 1, true)
    and not s:find("//", 1, true)
    and not s:find "[/.]$"
end

-- Why `repo` is no repository's address; nil when it may be one. `ext::sh -c …` would be a command.
function names.wrong_repository(repo)
  if repo == "" then return "`repo` is empty" end
  if repo:find "^%-" then return "`repo` begins with a dash: git would take it for an option" end
  if repo:find "%c" then return "`repo` has a control character in it" end
  if repo:find "^%w+::" then return "`repo` names a remote helper of git, and takes an address or a path" end
end

return names

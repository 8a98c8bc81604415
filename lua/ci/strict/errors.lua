-- `pcall` and its kin cannot keep an error that ends the call (a budget that is used up, a stopped
-- step), and coroutines count against the budget that made them. The C originals know neither.

local _, native = ...

local pcall0, xpcall0, error0, type0, sub = pcall, xpcall, error, type, string.sub
local find0 = string.find

-- What a function of ours says about the user's mistake must not name a file of ours; what Rust says is
-- a text with the user's place as well, so that it can be searched like any other.
local function undecorated(err)
  err = native.told(err)
  if err == "attempt to yield across a C-call boundary" then return native.cannot_wait end
  if type0(err) == "string" and sub(err, 1, 10) == "ci/strict/" then
    local _, stop = find0(err, ": ", 1, true)
    if stop then return sub(err, stop + 1) end
  end
  return err
end

local function settle(ok, ...)
  if ok then return ok, ... end
  local err = ...
  if native.fatal(err) then error0(err, 0) end
  native.overrun()
  return ok, undecorated(err)
end

-- The budget's error comes out of a hook, and a coroutine that it kills has no hooks any more: what it
-- closes afterwards would run for ever. So no error kills a coroutine; each is caught inside and raised
-- again.
local function passed(ok, ...)
  if ok then return ... end
  error0((...), 0)
end

-- What the engine calls is called through this one; `traced` keeps who called whom.
function native.guarded(f, ...) return passed(xpcall0(f, native.traced, ...)) end

function pcall(f, ...) return settle(pcall0(f, ...)) end

function xpcall(f, handler, ...)
  local function handle(err)
    if native.fatal(err) then return err end
    return handler(undecorated(err))
  end
  return settle(xpcall0(f, handle, ...))
end

-- Each coroutine counts its own instructions: one that makes others all the time would never reach
-- the next look at the clock.
local create0, resume0, close0, yield0 = coroutine.create, coroutine.resume, coroutine.close, coroutine.yield
local running0 = coroutine.running
local made = 0
-- The coroutines of the user's.
local own = setmetatable({}, { __mode = "k" })

function coroutine.create(f)
  made = made + 1
  if made % 8 == 0 then native.tick() end
  local co = create0(type0(f) == "function" and function(...) return passed(pcall0(f, ...)) end or f)
  own[co] = true
  return co
end

native.yield = yield0

-- The coroutine that the engine runs a call in yields when it waits for the world; what yielded for
-- nobody would come round again and again, and each time with a new budget.
function coroutine.yield(...)
  if not own[running0()] then error0("nobody waits for this yield: it is not inside a coroutine of yours.", 2) end
  return yield0(...)
end

function coroutine.isyieldable(co) return own[co or running0()] == true end

-- A coroutine that waits for the world (a command, HTTP, a sleep) has not yielded to whoever resumed
-- it: that one waits too, and resumes it again when something has happened.
local function waited(co, ok, ...)
  if not ok then return settle(ok, ...) end
  if native.pending ~= nil and ... == native.pending then
    yield0(native.pending)
    return waited(co, resume0(co))
  end
  return ok, ...
end

function coroutine.resume(co, ...) return waited(co, resume0(co, ...)) end
function coroutine.close(co) return settle(close0(co)) end

local function unwrapped(co, ok, ...)
  if ok then return ... end
  local err = ...
  settle(close0(co))
  error0(err, 0)
end

function coroutine.wrap(f)
  local co = coroutine.create(f)
  return function(...) return unwrapped(co, waited(co, resume0(co, ...))) end
end

-- A finalizer runs where no budget reaches it.
local setmetatable0, rawget0 = setmetatable, rawget
function setmetatable(t, meta)
  if type0(meta) == "table" and rawget0(meta, "__gc") ~= nil then
    error0("`__gc` is not allowed here: finalizers cannot be budgeted.", 2)
  end
  local out = setmetatable0(t, meta)
  return out
end

-- What may not be changed with `=` may not be changed with `rawset` either.
local rawset0 = rawset
function rawset(t, key, value)
  if type0(t) ~= "table" then
    error0("bad argument #1 to 'rawset' (table expected, got " .. type0(t) .. ")", 2)
  end
  local protected = native.metafield(t, "__metatable")
  if protected ~= nil and protected ~= "array" then
    native.refuse_rawset(t, key)
  end
  rawset0(t, key, value)
  return t
end

-- Replaced in `globals.lua` by what knows the user's globals.
function native.refuse_rawset(_, key)
  error0(("this table cannot be changed (`%s`)."):format(tostring(key)), 3)
end

-- Builds the environment of scripts. Runs once per interpreter, before any script; `host` holds what Rust provides.
local host = ...
local G = getfenv(0)
local type, error, pairs0, next0, rawset0, rawget0 = type, error, pairs, next, rawset, rawget
local setmetatable0, getmetatable0, xpcall0, pcall0 = setmetatable, getmetatable, xpcall, pcall
local tostring0, select0, unpack0, where = tostring, select, unpack, host.where
local table0, floor, ipairs0, loadstring0, load0 = table, math.floor, ipairs, loadstring, load

-- Read-only tables are empty ones in front of the real ones.
local behind = setmetatable0({}, { __mode = 'k' })
local READONLY = 'Attempt to modify a readonly table'
local function freeze(real, index, meta)
    local front = {}
    behind[front] = real
    local mt = { __index = index or real, __newindex = function() error(READONLY, 2) end }
    mt.__metatable = meta or false
    setmetatable0(front, mt)
    return front
end

-- Errors that end the script whatever it does about them.
local ended, unwrap = host.ended, host.unwrap
local function check(ok, ...)
    if ended() then error(host.END, 0) end
    return ok, ...
end
local function plain(ok, err, ...)
    if ended() then error(host.END, 0) end
    if not ok and type(err) == 'userdata' then err = unwrap(err) end
    if not ok and type(err) == 'table' and rawget0(err, 'err') ~= nil then return false, err.err end
    return ok, err, ...
end

local env = {}
for _, name in ipairs0 { 'assert', 'error', 'gcinfo', 'ipairs', 'rawequal', 'select', 'tonumber', 'tostring', 'type',
    '_VERSION' } do
    env[name] = G[name]
end
local function real(t) return behind[t] or t end
env.pcall = function(...)
    if select0('#', ...) == 0 then error("bad argument #1 to 'pcall' (value expected)", 2) end
    return plain(pcall0(...))
end
env.xpcall = function(f, handler)
    return check(xpcall0(f, function(err)
        if type(err) == 'userdata' then err = unwrap(err) end
        return handler(err)
    end))
end
env.next = function(t, k)
    if behind[t] then return next0(behind[t], k) end
    return next0(t, k)
end
env.pairs = function(t)
    if behind[t] then return next0, behind[t], nil end
    return pairs0(t)
end
env.rawget = function(t, k) return rawget0(real(t), k) end
env.rawset = function(t, k, v)
    if behind[t] then error({ err = 'ERR ' .. READONLY }, 0) end
    return rawset0(t, k, v)
end
env.setmetatable = function(t, m)
    if behind[t] then error({ err = 'ERR ' .. READONLY }, 0) end
    return setmetatable0(t, m)
end
env.getmetatable = function(v)
    local m = getmetatable0(v)
    if m == false then return nil end
    return m
end
local unpack1 = host.unpack
-- The common case by Lua's own: it can give as many values as the stack holds. The other checks and refuses.
env.unpack = function(t, i, j)
    if i == nil and j == nil and type(t) == 'table' and #t < 8000 then return unpack0(t) end
    if type(t) == 'table' and (i == nil or type(i) == 'number') and (j == nil or type(j) == 'number') then
        local from, to = i or 1, j or #t
        if to - from < 8000 and from > -2 ^ 31 and to < 2 ^ 31 then return unpack0(t, from, to) end
    end
    return unpack1(t, i, j)
end
local function bytecode(text) return type(text) == 'string' and text:byte(1) == 27 end
local SOURCE_MAX = 2 ^ 29
env.loadstring = function(text, name)
    if type(text) ~= 'string' and type(text) ~= 'number' then
        error("bad argument #1 to 'loadstring' (string expected, got " .. (text == nil and 'no value' or type(text)) .. ')', 2)
    end
    text = tostring0(text)
    if bytecode(text) then return nil, 'bad code: precompiled chunks are refused' end
    -- Levels of long brackets are counted in an int.
    if #text > SOURCE_MAX then return nil, 'chunk is too long' end
    -- The parser works on a name of its own, which nothing keeps from the collector: up to its first NUL, it is this one.
    local held = tostring0(name or text):match('^[^%z]*')
    local f, e = loadstring0(text, held)
    if f then setfenv(f, G.__front) end
    return f, e
end
env.load = function(reader, name)
    if type(reader) ~= 'function' then
        error("bad argument #1 to '?' (function expected, got " .. (reader == nil and 'no value' or type(reader)) .. ')', 0)
    end
    local parts = {}
    while true do
        local part = reader()
        if part == nil or part == '' then break end
        if type(part) ~= 'string' then error('reader function must return a string', 0) end
        parts[#parts + 1] = part
    end
    return env.loadstring(table0.concat(parts), name or '=(load)')
end
env.collectgarbage = function(what, n)
    if what == 'count' then return collectgarbage('count') end
    return collectgarbage(what or 'collect', n)
end

local function copy(from, without)
    local to = {}
    for k, v in pairs0(from) do if not (without and without[k]) then to[k] = v end end
    return to
end
local libs = {}
local function library(name, t)
    libs[name] = t
    env[name] = freeze(t)
end
local str = copy(string)
-- Kept for scripts that look whether it is there; what it would make cannot be loaded.
str.dump = function() return '\27Lua' end
library('string', str)
local tab = copy(table)
for _, name in ipairs0 { 'insert', 'remove', 'sort', 'setn' } do
    local f = table0[name]
    tab[name] = function(t, ...)
        if behind[t] then error(READONLY, 2) end
        return f(t, ...)
    end
end
-- Not `concat`: no library holds a list, and errors of Lua's own function say where its caller stands.
for _, name in ipairs0 { 'foreach', 'foreachi', 'getn', 'maxn' } do
    local f = table0[name]
    tab[name] = function(t, ...) return f(behind[t] or t, ...) end
end
library('table', tab)
local math1 = copy(math)
math1.random = host.random
math1.randomseed = host.randomseed
library('math', math1)
library('os', { clock = os.clock })
local co = copy(coroutine)
co.resume = function(...) return plain(coroutine.resume(...)) end
library('coroutine', co)
for _, name in ipairs0 { 'cjson', 'cmsgpack', 'bit', 'struct' } do
    library(name, host[name])
end
libs.cjson.new = function()
    local t = copy(libs.cjson)
    return t
end

-- The string type's metatable must not be reached, nor those of other basic types be set.
local smt = getmetatable0('')
smt.__index = str
smt.__metatable = freeze({ __index = env.string })

-- redis.*
local api = copy(host.constants)
local both = {}
both.sha1hex = host.sha1hex
both.log = host.log
both.error_reply = host.error_reply
both.status_reply = host.status_reply
both.setresp = host.setresp
both.set_repl = host.set_repl
both.acl_check_cmd = host.acl_check_cmd
for k, v in pairs0(both) do api[k] = v end
local fapi = copy(host.constants)
fapi.log = host.log
api.call, api.pcall = host.call, host.pcall
local lapi = copy(api)
api.breakpoint = function() return false end
api.debug = function() end
api.replicate_commands = function() return true end
lapi.call, lapi.pcall = host.call, host.pcall
fapi.register_function = host.register_function
env.redis = freeze(api)
env.server = env.redis
env.__redis__err__handler = function(e) return host.handler(e) end
env.__server__err__handler = env.__redis__err__handler

local function missing(_, name)
    error("Script attempted to access nonexistent global variable '" .. tostring0(name) .. "'", 2)
end
setmetatable0(env, { __index = missing })
local front = freeze(env)
local gmeta = freeze({ __index = missing, __newindex = function() error(READONLY, 2) end })
-- The front's own metatable stays out of reach; this is what scripts see of it.
do
    local mt = { __index = env, __newindex = function() error(READONLY, 2) end, __metatable = gmeta }
    front = setmetatable0({}, mt)
    behind[front] = env
end
env._G = front
G.__front = front

-- Functions of libraries see no KEYS and no ARGV; while a library loads, there is nothing but `redis`.
local lenv = copy(env)
lenv.redis = freeze(lapi)
lenv.server = lenv.redis
setmetatable0(lenv, { __index = missing })
setmetatable0(fapi, { __index = missing })
local load_env = { redis = freeze(fapi) }
load_env.server = load_env.redis
setmetatable0(load_env, { __index = missing })
local lmeta = { __index = lenv, __newindex = function() error(READONLY, 2) end, __metatable = gmeta }
local lfront = setmetatable0({}, lmeta)
behind[lfront] = lenv
lenv._G = lfront

-- The handler: where it happened, for the message.
local function handler(err)
    if type(err) == 'userdata' then err = unwrap(err) end
    if type(err) ~= 'table' then
        err = { err = 'ERR ' .. tostring0(err) }
    end
    local level = 2
    while true do
        local ours, source, line = where(level)
        if ours == nil then break end
        if not ours then
            return { err = rawget0(err, 'err'), source = source, line = line,
                ignore = rawget0(err, 'ignore_error_stats_update') }
        end
        level = level + 1
    end
    return { err = rawget0(err, 'err') }
end
host.handler = handler

-- One result of the script under way: with many, Lua 5.1's xpcall has no room of its own for what it adds.
local current
local function one() return (current()) end

return {
    prepare = function(f) setfenv(f, front) return f end,
    run = function(f, keys, argv)
        rawset0(env, 'KEYS', keys)
        rawset0(env, 'ARGV', argv)
        current = f
        return xpcall0(one, handler)
    end,
    call_function = function(f, keys, argv)
        return xpcall0(function() return (f(keys, argv)) end, handler)
    end,
    load_library = function(f)
        setfenv(f, lfront)
        lmeta.__index = load_env
        local ok, e = xpcall0(f, handler)
        lmeta.__index = lenv
        return ok, e
    end,
}

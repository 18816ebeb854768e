"""What runs inside Redis. Each script is one atomic step.

Layout, every key under one hash tag; h is a partition's keyed hash, t a tenant's, both in base64url:

  state     inc: which state this is (random); n: number of the last record; purged: number of the last purge
  log       stream of what changed; every record has its number n, without gaps
  floors    "[tenant, route]" -> "at stored_us epoch", see floors.py
  procs     process -> "n ms": how far it has applied the log, and when it said so
  about     id -> JSON of h, t, tenant, size, route, epoch, n, stored_us, keys
  due       id by when it expires (ms)
  use       tenant -> "bytes since_ms rest": bytes held, and byte-milliseconds below a byte-second
  bs        tenant -> byte-seconds that nobody has taken yet
  taken     tenant -> "id byte_seconds until_ms": taken, and not yet booked
  t:<t>     ids of one tenant by when they were last used (ms, told once per beat)
  k:<h>     entry key -> id
  p:<h>     id -> record: what a process needs to find the entry
  e:<h>:id  m: what is known of the answer; b: its body; n: its number. With a time to live.

Numbers are doubles in Lua, exact up to 2**53. A new state begins to count at its server's microseconds, so
that no number of a state before it comes again.
"""

from __future__ import annotations

from cache.answers import ALIASES_PER_ENTRY
from cache.stores.lane import Script

LOG_RECORDS = 8_192
"""Kept, roughly; who falls further behind begins anew."""
SWEPT_PER_BEAT = 64
SWEPT_PER_KEEP = 4
EVICTED_PER_KEEP = 64
GRACE_MS = 600_000
"""What is not swept, because no gateway is left, goes by itself this much later."""
SILENT_MS = 10_000
"""A process that has said nothing for so long is forgotten."""
MAX_FLOORS = 10_000

GONE, DONE, BEHIND, FORBIDDEN, FULL = 0, 1, 2, 3, 4

_SHARED = f"""
local P = KEYS[1]
local function int(x) return string.format('%.0f', x) end
local function key(name) return P .. name end
local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
local function record(...)
  local n = redis.call('HINCRBY', key('state'), 'n', 1)
  redis.call('XADD', key('log'), 'MAXLEN', '~', {LOG_RECORDS}, '*', 'n', int(n), ...)
  return n
end
local function accrue(tenant, by, now)
  local said = redis.call('HGET', key('use'), tenant) or '0 ' .. int(now) .. ' 0'
  local bytes, since, rest = string.match(said, '(%S+) (%S+) (%S+)')
  bytes, since, rest = tonumber(bytes), tonumber(since), tonumber(rest)
  local left, seconds = math.max(0, now - since), 0
  while left > 0 and bytes > 0 do
    local step = math.min(left, math.max(1, math.floor(4e15 / bytes)))
    local held = rest + bytes * step
    seconds = seconds + math.floor(held / 1000)
    rest = math.fmod(held, 1000)
    left = left - step
  end
  if seconds > 0 then redis.call('HINCRBY', key('bs'), tenant, int(seconds)) end
  bytes = math.max(0, bytes + by)
  if bytes == 0 and rest == 0 then
    redis.call('HDEL', key('use'), tenant)
  else
    redis.call('HSET', key('use'), tenant, int(bytes) .. ' ' .. int(math.max(since, now)) .. ' ' .. int(rest))
  end
  return bytes
end
local function drop(id, now)
  local said = redis.call('HGET', key('about'), id)
  if not said then return nil end
  local a = cjson.decode(said)
  redis.call('DEL', key('e:' .. a.h .. ':' .. id))
  redis.call('HDEL', key('p:' .. a.h), id)
  for _, k in ipairs(a.keys) do
    if redis.call('HGET', key('k:' .. a.h), k) == id then redis.call('HDEL', key('k:' .. a.h), k) end
  end
  redis.call('ZREM', key('due'), id)
  redis.call('ZREM', key('t:' .. a.t), id)
  redis.call('HDEL', key('about'), id)
  accrue(a.tenant, -a.size, now)
  return a.h .. ':' .. id
end
local function drop_all(ids, now)
  local gone = {{}}
  for _, id in ipairs(ids) do gone[#gone + 1] = drop(id, now) end
  if #gone > 0 then record('op', 'd', 'gone', table.concat(gone, ' ')) end
  return #gone
end
local function sweep(limit, now)
  return drop_all(redis.call('ZRANGEBYSCORE', key('due'), '-inf', int(now), 'LIMIT', 0, limit), now)
end
local function raise(who, at, stored, epoch)
  local said = redis.call('HGET', key('floors'), who) or '0 0 0'
  local a, s, e = string.match(said, '(%S+) (%S+) (%S+)')
  at, stored = math.max(at, tonumber(a)), math.max(stored, tonumber(s))
  epoch = math.max(epoch, tonumber(e))
  if redis.call('HLEN', key('floors')) >= {MAX_FLOORS} and said == '0 0 0' then
    local all = redis.call('HVALS', key('floors'))
    redis.call('DEL', key('floors'))
    for _, value in ipairs(all) do
      a, s, e = string.match(value, '(%S+) (%S+) (%S+)')
      at, stored = math.max(at, tonumber(a)), math.max(stored, tonumber(s))
      epoch = math.max(epoch, tonumber(e))
    end
    who = cjson.encode({{'', ''}})
  end
  redis.call('HSET', key('floors'), who, int(at) .. ' ' .. int(stored) .. ' ' .. int(epoch))
end
"""

_HELLO = """
local q = cjson.decode(ARGV[1])
local now = now_ms()
if redis.call('HEXISTS', key('state'), 'inc') == 0 then
  local t = redis.call('TIME')
  local begin = tonumber(t[1]) * 1000000 + tonumber(t[2])
  redis.call('HSET', key('state'), 'inc', q.inc, 'n', int(begin), 'purged', 0)
end
local n = tonumber(redis.call('HGET', key('state'), 'n'))
if tonumber(q.n) > n then redis.call('HSET', key('state'), 'n', q.n) end
local function told(...)
  redis.call('HSET', key('state'), 'purged', int(record(...)))
end
for _, f in ipairs(q.floors) do
  local before = redis.call('HGET', key('floors'), f[1])
  raise(f[1], tonumber(f[2]), tonumber(f[3]), tonumber(f[4]))
  if redis.call('HGET', key('floors'), f[1]) ~= before then told('op', 'f', 'r', cjson.encode(f)) end
end
for _, id in ipairs(q.ids) do
  if drop_all({id}, now) > 0 then told('op', 'p', 'r', '{"entry_id":' .. cjson.encode(id) .. '}') end
end
local last = redis.call('XREVRANGE', key('log'), '+', '-', 'COUNT', 1)
local state = redis.call('HMGET', key('state'), 'inc', 'n')
return {state[1], state[2], last[1] and last[1][1] or '0-0', redis.call('HGETALL', key('floors'))}
"""

_BEAT = f"""
local process, n, full = ARGV[1], ARGV[2], ARGV[3]
local now = now_ms()
local state = redis.call('HMGET', key('state'), 'inc', 'n', 'purged')
if not state[1] then return {{{GONE}}} end
for i = 4, #ARGV, 2 do redis.call('ZADD', key('t:' .. ARGV[i]), 'XX', int(now), ARGV[i + 1]) end
sweep({SWEPT_PER_BEAT}, now)
local all = redis.call('HGETALL', key('procs'))
for i = 1, #all, 2 do
  local said = tonumber(string.match(all[i + 1], '%S+ (%S+)'))
  if said < now - {SILENT_MS} then redis.call('HDEL', key('procs'), all[i]) end
end
redis.call('HSET', key('procs'), process, n .. ' ' .. int(now))
local out = {{tonumber(n) < tonumber(state[3]) and {BEHIND} or {DONE}, state[1], state[2]}}
if full == '1' then
  out[4] = redis.call('HLEN', key('about'))
  out[5] = redis.call('HGETALL', key('use'))
end
return out
"""

_KEEP = f"""
local q = cjson.decode(ARGV[1])
local meta, body, packed = ARGV[2], ARGV[3], ARGV[4]
local now = now_ms()
if redis.call('HGET', key('state'), 'inc') ~= q.inc then return {{{GONE}}} end
for _, who in ipairs(q.who) do
  local said = redis.call('HGET', key('floors'), who)
  if said then
    local at, stored, epoch = string.match(said, '(%S+) (%S+) (%S+)')
    local late = tonumber(q.seen) < tonumber(at) or tonumber(q.stored_us) < tonumber(stored)
    if late or q.epoch < tonumber(epoch) then return {{{FORBIDDEN}}} end
  end
end
sweep({SWEPT_PER_KEEP}, now)
local gone = {{redis.call('HGET', key('k:' .. q.h), q.keys[1]) or nil}}
gone[#gone + 1] = q.id
local said = redis.call('HGET', key('use'), q.tenant) or '0'
local over = tonumber(string.match(said, '%S+')) + q.size - q.bound
for _, id in ipairs(gone) do
  local a = redis.call('HGET', key('about'), id)
  if a then over = over - cjson.decode(a).size end
end
if over > 0 then
  for _, id in ipairs(redis.call('ZRANGE', key('t:' .. q.t), 0, {EVICTED_PER_KEEP - 1})) do
    if over <= 0 then break end
    local a = redis.call('HGET', key('about'), id)
    if a and id ~= gone[1] and id ~= gone[2] then
      over = over - cjson.decode(a).size
      gone[#gone + 1] = id
    end
  end
end
drop_all(gone, now)
if over > 0 then return {{{FULL}}} end
local entry = key('e:' .. q.h .. ':' .. q.id)
local n = record('op', 'a', 'h', q.h, 'id', q.id, 'r', packed)
redis.call('HSET', entry, 'm', meta, 'b', body, 'n', int(n))
redis.call('PEXPIRE', entry, int(q.ttl_ms))
redis.call('HSET', key('p:' .. q.h), q.id, packed)
for _, k in ipairs(q.keys) do redis.call('HSET', key('k:' .. q.h), k, q.id) end
for _, name in ipairs({{'p:', 'k:'}}) do
  local name = key(name .. q.h)
  redis.call('PEXPIRE', name, int(math.max(q.ttl_ms + {GRACE_MS}, redis.call('PTTL', name))))
end
redis.call('ZADD', key('due'), int(now + q.ttl_ms), q.id)
redis.call('ZADD', key('t:' .. q.t), int(now), q.id)
redis.call('HSET', key('about'), q.id, cjson.encode({{
  h = q.h, t = q.t, tenant = q.tenant, size = q.size, route = q.route, epoch = q.epoch, n = int(n),
  stored_us = q.stored_us, keys = q.keys}}))
accrue(q.tenant, q.size, now)
return {{{DONE}}}
"""

_ALIAS = f"""
local h, id, k, raw = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local said = redis.call('HGET', key('about'), id)
if not said then return 0 end
local a = cjson.decode(said)
if a.h ~= h or #a.keys >= {ALIASES_PER_ENTRY} then return 0 end
if redis.call('HGET', key('k:' .. h), k) == id then return 1 end
a.keys[#a.keys + 1] = k
redis.call('HSET', key('about'), id, cjson.encode(a))
redis.call('HSET', key('k:' .. h), k, id)
local packed = redis.call('HGET', key('p:' .. h), id)
if packed then
  local number = string.byte(packed)
  local head = string.sub(packed, 2, 1 + 32 * number)
  packed = string.char(number + 1) .. head .. raw .. string.sub(packed, 2 + 32 * number)
  redis.call('HSET', key('p:' .. h), id, packed)
end
record('op', 'l', 'h', h, 'id', id, 'r', raw)
return 1
"""

_PURGE = f"""
local who, at, stored, epoch, id, text = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if redis.call('HEXISTS', key('state'), 'inc') == 0 then return {{{GONE}}} end
local dropped = 0
if id ~= '' then dropped = drop_all({{id}}, now_ms()) end
local n = record('op', 'p', 'r', text)
if id == '' then raise(who, at == '1' and n or 0, tonumber(stored), tonumber(epoch)) end
redis.call('HSET', key('state'), 'purged', int(n))
return {{{DONE}, int(n), dropped}}
"""

_DROP = """
local last, ids = tonumber(ARGV[1]), {}
for i = 2, #ARGV do
  local said = redis.call('HGET', key('about'), ARGV[i])
  if said and tonumber(cjson.decode(said).n) <= last then ids[#ids + 1] = ARGV[i] end
end
return drop_all(ids, now_ms())
"""

_FIND = """
local h = ARGV[1]
for i = 2, #ARGV do
  local id = redis.call('HGET', key('k:' .. h), ARGV[i])
  if id then
    local found = redis.call('HMGET', key('e:' .. h .. ':' .. id), 'm', 'b', 'n')
    if found[1] then return {i - 2, found[1], found[2], found[3]} end
  end
end
return {-1, redis.call('HLEN', key('p:' .. h))}
"""

_LOAD = """
local h, whole = ARGV[1], tonumber(ARGV[2])
local n = redis.call('HGET', key('state'), 'n') or '0'
local number = redis.call('HLEN', key('p:' .. h))
return {n, number, number <= whole and redis.call('HGETALL', key('p:' .. h)) or {}}
"""

_TAKE = """
local now = now_ms()
local all = redis.call('HGETALL', key('use'))
for i = 1, #all, 2 do accrue(all[i], 0, now) end
local bs = redis.call('HGETALL', key('bs'))
for i = 1, #bs, 2 do
  local said = ARGV[1] .. '-' .. i .. ' ' .. bs[i + 1] .. ' ' .. int(now)
  if redis.call('HSETNX', key('taken'), bs[i], said) == 1 then redis.call('HDEL', key('bs'), bs[i]) end
end
return redis.call('HGETALL', key('taken'))
"""

_BOOKED = """
local all = redis.call('HGETALL', key('taken'))
for i = 1, #all, 2 do
  for _, id in ipairs(ARGV) do
    if string.match(all[i + 1], '%S+') == id then redis.call('HDEL', key('taken'), all[i]) end
  end
end
return 1
"""


def _script(text: str) -> Script:
    return Script(_SHARED + text)


HELLO = _script(_HELLO)
BEAT = _script(_BEAT)
KEEP = _script(_KEEP)
ALIAS = _script(_ALIAS)
PURGE = _script(_PURGE)
DROP = _script(_DROP)
FIND = _script(_FIND)
LOAD = _script(_LOAD)
TAKE = _script(_TAKE)
BOOKED = _script(_BOOKED)

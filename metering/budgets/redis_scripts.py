"""What runs inside Redis: each script is one atomic step, and the same as `memory_store` does.

Layout, every key under one hash tag:
  procs    process -> "alive-until-ms number"; until is -1 once its journal was recovered
  born     family -> since when (us) the state counts it; '' -> since when there is a state
  seeded   "family bucket" -> 1
  cuts     "family process" -> from when on (us) that process counts the family by itself
  buckets  p:process -> "settled leased charge corrected unknown swept", z:process -> "amount unknown" from
           the ledger, n -> "limit percent" that was announced

Numbers are doubles in Lua: exact up to 2**53, which budgets are held below.
"""

_SHARED = """
local function int(x) return string.format('%.0f', x) end
local function read(text)
  local s, l, e, k, u, w = string.match(text, '(%S+) (%S+) (%S+) (%S+) (%S+) (%S+)')
  return {tonumber(s), tonumber(l), tonumber(e), tonumber(k), tonumber(u), tonumber(w)}
end
local function text(r)
  local words = {}
  for i = 1, 6 do words[i] = int(r[i]) end
  return table.concat(words, ' ')
end
local function now_us()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000000 + tonumber(t[2])
end
"""

EXCHANGE = (
    _SHARED
    + """
local procs, born, seeded, cuts = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local q = cjson.decode(ARGV[1])
local now = now_us()
local now_ms = math.floor(now / 1000)
local full = q.previous < 0

local until_ms, replicas, mine = {}, 0, full
local all = redis.call('HGETALL', procs)
for i = 1, #all, 2 do
  local u, n = string.match(all[i + 1], '(%S+) (%S+)')
  u = tonumber(u)
  if all[i] == q.process then
    mine = full or (u > now_ms and tonumber(n) == q.previous)
  elseif full and u >= 0 and u < now_ms - q.keep_s * 1000 then
    redis.call('HDEL', procs, all[i])
  else
    until_ms[all[i]] = u
    if u > now_ms then replicas = replicas + 1 end
  end
end
if not mine then return {0} end
until_ms[q.process] = now_ms + q.ttl_ms
redis.call('HSET', procs, q.process, int(now_ms + q.ttl_ms) .. ' ' .. int(q.number))
redis.call('HSETNX', born, '', int(now))

local function sweep(key, process, r)
  local u = until_ms[process]
  if u and u > now_ms then return end
  if r[2] == 0 and r[3] == 0 then
    if r[1] == 0 and r[4] == 0 and r[5] == 0 then redis.call('HDEL', key, 'p:' .. process) end
    return
  end
  local charge = r[3]
  if u and u < 0 then charge = 0 end
  r[1], r[2], r[3], r[6] = r[1] + charge, 0, 0, r[6] + charge
  redis.call('HSET', key, 'p:' .. process, text(r))
  if charge ~= 0 then
    redis.call('HSET', procs .. ':swept:' .. process, key, 1)
    redis.call('EXPIRE', procs .. ':swept:' .. process, q.keep_s)
  end
end

local me = 'p:' .. q.process
local at = 4
for _, a in ipairs(q.asks) do
  local key = KEYS[at + 1]
  a.key, a.spent, a.reserved, a.unknown, a.slice, a.seeded, a.told = key, 0, 0, 0, 0, true, 0
  redis.call('HSETNX', born, a.family, int(now))
  local since = a.seeds and tonumber(redis.call('HGET', born, a.family)) or 0
  if a.cut > 0 then redis.call('HSET', cuts, a.family .. ' ' .. q.process, int(a.cut)) end
  a.own = a.push
  a.own[6] = 0
  redis.call('HSET', key, me, text(a.own))
  if a.cut == 0 then redis.call('HDEL', key, 'z:' .. q.process) end
  redis.call('EXPIREAT', key, int(a.expire_s > 0 and a.expire_s or math.floor(now / 1000000) + q.keep_s))
  for w, start in ipairs(a.window) do
    local bucket = KEYS[at + w]
    local fields = redis.call('HGETALL', bucket)
    for i = 1, #fields, 2 do
      local kind, process = string.sub(fields[i], 1, 2), string.sub(fields[i], 3)
      if kind == 'p:' then
        local r = read(fields[i + 1])
        sweep(bucket, process, r)
        a.spent, a.reserved, a.unknown = a.spent + r[1] + r[4], a.reserved + r[2], a.unknown + r[5]
      elseif kind == 'z:' then
        local amount, unknown = string.match(fields[i + 1], '(%S+) (%S+)')
        a.spent, a.unknown = a.spent + tonumber(amount), a.unknown + tonumber(unknown)
      elseif kind == 'n' then
        local base, rung = string.match(fields[i + 1], '(%S+) (%S+)')
        if tonumber(base) == a.base then a.told = math.max(a.told, tonumber(rung)) end
      end
    end
    if a.seeds and tonumber(start) < since and a.seeded then
      a.seeded = redis.call('HEXISTS', seeded, a.family .. ' ' .. start) == 1
    end
  end
  at = at + #a.window
end

local function lease(a, amount, charge)
  a.reserved, a.own[2], a.own[3] = a.reserved + amount, a.own[2] + amount, a.own[3] + charge
  a.leased = true
end

local out = {1, replicas}
for _, g in ipairs(q.groups) do
  local code, which = -1, 0
  for _, need in ipairs(g) do
    local a = q.asks[need[1] + 1]
    if not a.seeded then
      code, which = -2, need[1]
      break
    elseif a.limit >= 0 and a.spent + a.reserved + need[2] > a.limit then
      code, a.refused = need[1], true
      break
    end
  end
  if code == -1 then
    for _, need in ipairs(g) do lease(q.asks[need[1] + 1], need[2], need[3]) end
  end
  out[#out + 1] = code
  out[#out + 1] = which
end

for _, a in ipairs(q.asks) do
  if a.limit >= 0 and a.seeded and not a.refused then
    a.slice = math.max(0, math.min(a.cap, math.floor((a.limit - a.spent - a.reserved) / q.share)))
    if a.slice > 0 then lease(a, a.slice, a.slice) end
  end
  if a.leased then redis.call('HSET', a.key, me, text(a.own)) end
  local reached = 0
  for _, rung in ipairs(a.rungs) do
    if rung * a.base > 0 and rung * a.base <= a.spent * 100 then reached = math.max(reached, rung) end
  end
  if reached > a.told then redis.call('HSET', a.key, 'n', int(a.base) .. ' ' .. int(reached)) end
  out[#out + 1] = table.concat({
    int(a.spent), int(a.reserved), int(a.slice), a.seeded and 1 or 0,
    int(a.told), int(math.max(a.told, reached)), int(a.unknown)}, ' ')
end
return out
"""
)

SEED_PLAN = (
    _SHARED
    + """
local born, cuts = KEYS[2], KEYS[4]
local since = tonumber(redis.call('HGET', born, '') or now_us())
return {now_us() - since >= tonumber(ARGV[1]) and 1 or 0, redis.call('HGETALL', cuts)}
"""
)

SEED = (
    _SHARED
    + """
local seeded, cuts = KEYS[3], KEYS[4]
local q = cjson.decode(ARGV[1])
for i, sums in ipairs(q.sums) do
  local key = KEYS[4 + i]
  for _, it in ipairs(sums) do
    local process, amount, unknown = it[1], it[2], it[3]
    if process == q.corrections then
      local fields = redis.call('HGETALL', key)
      for j = 1, #fields, 2 do
        if string.sub(fields[j], 1, 2) == 'p:' then amount = amount - read(fields[j + 1])[4] end
      end
      redis.call('HSET', key, 'z:' .. process, int(amount) .. ' ' .. int(unknown))
    elseif redis.call('HEXISTS', key, 'p:' .. process) == 0
        or redis.call('HEXISTS', cuts, q.family .. ' ' .. process) == 1 then
      redis.call('HSET', key, 'z:' .. process, int(amount) .. ' ' .. int(unknown))
    end
  end
  redis.call('EXPIREAT', key, int(q.expire_s))
end
if q.last then redis.call('HSET', seeded, q.family .. ' ' .. q.start, 1) end
return 1
"""
)

CLOSED = (
    _SHARED
    + """
local procs = KEYS[1]
local q = cjson.decode(ARGV[1])
redis.call('HSET', procs, q.process, '-1 0')
local swept = procs .. ':swept:' .. q.process
for i, it in ipairs(q.sums) do
  local key = KEYS[4 + i]
  if redis.call('EXISTS', key) == 1 then
    local r = read(redis.call('HGET', key, 'p:' .. q.process) or '0 0 0 0 0 0')
    redis.call('HSET', key, 'p:' .. q.process, text({it[1], 0, 0, r[4], it[2], 0}))
    redis.call('HDEL', key, 'z:' .. q.process)
  end
  redis.call('HDEL', swept, key)
end
if q.last then
  local left = redis.call('HKEYS', swept)
  for _, key in ipairs(left) do
    local known = redis.call('HGET', key, 'p:' .. q.process)
    if known then
      local r = read(known)
      redis.call('HSET', key, 'p:' .. q.process, text({r[1] - r[6], r[2], r[3], r[4], r[5], 0}))
    end
  end
  redis.call('DEL', swept)
end
return 1
"""
)

"""What runs inside Redis for the audits that processes share: one atomic step.

Layout, every key under one hash tag:

  audit:<BoundKey>     `PROCESS/COUNT` -> integer, as `state.to_fields` makes them; `gone/...` is the sum of
                       processes that are no more
  audits:heard         process by when it was last heard of (ms by the server's clock)
  audits:of:<process>  the BoundKeys that it has told tallies of
  audits:was:<process> BoundKey -> what was taken for gone of it

A process that was taken for gone and comes back is told what of `gone` is its own, and only what it has
counted since is written under its name: nothing counts twice.
"""

from __future__ import annotations

from cache.bound.state import GONE, RESET, Tally
from cache.stores.lane import Script

SILENT_MS = 24 * 3_600_000
"""A process that has said nothing for so long counts as gone."""
KEPT_S = 90 * 24 * 3600
"""A partition's audits, after their last use."""
WAS_KEPT_S = 7 * 24 * 3600
"""What is remembered of a process for its return."""
FOLDED_PER_CALL = 20

SUMMED = tuple(Tally._fields.index(name) + 1 for name in ("audited", "grey_same"))
"""From, to: the counts that are added. In Lua's numbering."""
_WRONG = tuple(Tally._fields.index(name) + 1 for name in ("different", "unknown"))
_LOW, _ARMED, _CAUSE = (Tally._fields.index(name) + 1 for name in ("low", "armed", "cause"))

_FUNCTIONS = f"""
local P, me = KEYS[1], ARGV[1]
local NAMES = {{{", ".join(f"'{name}'" for name in Tally._fields)}}}
local NEW = {{{", ".join(str(value) for value in Tally())}}}
local function int(x) return string.format('%.0f', x) end
local function key(name) return P .. name end
local function usable(hash)
  local type = redis.call('TYPE', hash).ok
  return type == 'hash' or type == 'none'
end
local function number(said)
  return #said < 16 and string.match(said, '^%-?%d+$') and tonumber(said) or nil
end
local function fields(process)
  local all = {{}}
  for i, name in ipairs(NAMES) do all[i] = process .. '/' .. name end
  return all
end
local function sane(tally)
  for i, value in ipairs(tally) do
    if i ~= {_LOW} and value < NEW[i] then return false end
  end
  return tally[{_WRONG[0]}] + tally[{_WRONG[1]}] <= tally[{SUMMED[0]}] and tally[{_LOW}] <= 0
    and tally[{SUMMED[1]}] <= tally[{SUMMED[1] - 1}] and tally[{_ARMED}] <= 1 and tally[{_CAUSE}] <= {RESET}
end
local function read(hash, process)
  local tally, some = {{}}, false
  for i, said in ipairs(redis.call('HMGET', hash, unpack(fields(process)))) do
    some = some or said
    tally[i] = said and number(said) or not said and NEW[i] or nil
    if not tally[i] then return nil end
  end
  return some and sane(tally) and tally or nil
end
local function write(hash, process, tally)
  local flat = {{}}
  for i, field in ipairs(fields(process)) do
    flat[#flat + 1] = field
    flat[#flat + 1] = int(tally[i])
  end
  redis.call('HSET', hash, unpack(flat))
end
local function pack(tally)
  local words = {{}}
  for i, value in ipairs(tally) do words[i] = int(value) end
  return table.concat(words, ' ')
end
local function unpacked(said)
  if not said then return nil end
  local tally = {{}}
  for word in string.gmatch(said, '%S+') do tally[#tally + 1] = tonumber(word) end
  return #tally == #NAMES and tally or nil
end
local function newer(one, other)
  if not other then return true end
  for i, value in ipairs(one) do
    if value ~= other[i] then return value > other[i] end
  end
  return false
end
local function summed(one, other)
  if not other then return one end
  if one[1] ~= other[1] then return one[1] > other[1] and one or other end
  local total = {{one[1]}}
  for i = {SUMMED[0]}, {SUMMED[1]} do total[i] = one[i] + other[i] end
  total[{_LOW}] = math.min(0, one[{_LOW}], other[{_LOW}])
  total[{_ARMED}] = math.max(one[{_ARMED}], other[{_ARMED}])
  total[{_CAUSE}] = math.max(one[{_CAUSE}], other[{_CAUSE}])
  return total
end
local function without(whole, part)
  if not part or whole[1] ~= part[1] then return whole end
  local rest = {{unpack(whole)}}
  for i = {SUMMED[0]}, {SUMMED[1]} do rest[i] = math.max(0, whole[i] - part[i]) end
  return rest
end
local function fold(process, name)
  local hash, was = key('audit:' .. name), key('audits:was:' .. process)
  if not usable(hash) then return end
  local tally = read(hash, process)
  if tally then
    write(hash, '{GONE}', summed(tally, read(hash, '{GONE}')))
    redis.call('HSET', was, name, pack(summed(tally, unpacked(redis.call('HGET', was, name)))))
  end
  redis.call('HDEL', hash, unpack(fields(process)))
end
"""

_EXCHANGE = f"""
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local heard, mine = key('audits:heard'), key('audits:of:' .. me)
local known = redis.call('ZSCORE', heard, me)
redis.call('ZADD', heard, int(now), me)
redis.call('EXPIRE', heard, {KEPT_S})
local silent = redis.call('ZRANGEBYSCORE', heard, '-inf', int(now - {SILENT_MS}), 'LIMIT', 0, 1)[1]
if silent then
  local names = redis.call('SPOP', key('audits:of:' .. silent), {FOLDED_PER_CALL})
  for _, name in ipairs(names) do fold(silent, name) end
  redis.call('EXPIRE', key('audits:was:' .. silent), {WAS_KEPT_S})
  if #names < {FOLDED_PER_CALL} then redis.call('ZREM', heard, silent) end
end
local was = key('audits:was:' .. me)
local returned = redis.call('EXPIRE', was, {WAS_KEPT_S}) == 1
local answer = {{known and 1 or 0}}
for i = 2, #ARGV, 2 do
  local name, told = ARGV[i], unpacked(ARGV[i + 1])
  local hash = key('audit:' .. name)
  if usable(hash) then
    local mark = returned and redis.call('HGET', was, name) or ''
    if told then
      local rest = without(told, unpacked(mark))
      if newer(rest, read(hash, me)) then write(hash, me, rest) end
      redis.call('SADD', mine, name)
    end
    redis.call('EXPIRE', hash, {KEPT_S})
    answer[#answer + 1] = mark
    answer[#answer + 1] = redis.call('HGETALL', hash)
  else
    answer[#answer + 1] = ''
    answer[#answer + 1] = 0
  end
end
redis.call('EXPIRE', mine, {KEPT_S})
return answer
"""

EXCHANGE = Script(_FUNCTIONS + _EXCHANGE)
"""KEYS: the prefix. ARGV: the process, then a BoundKey and what is told of it, as often as you like: the
counts of a Tally in their order, by blanks, or nothing. Answers whether the process was known, then for each
key what of `gone` is its own, packed in the same way, and the hash, field and value in turn, or 0 for what is
no hash."""

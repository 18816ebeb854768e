-- Sends the request in the file named by the first argument, its counter counted up from the second one, and
-- prints what was measured as one line of JSON after the word RESULT. Without a counter in it, the request is
-- always the same.

local before, after
local counter

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local template = file:read("*a")
  file:close()
  local from, to = template:find("@@@@@@@@@@@@", 1, true)
  if from then
    before, after = template:sub(1, from - 1), template:sub(to + 1)
  else
    before = template
  end
  counter = tonumber(args[2])
end

function request()
  if not after then
    return before
  end
  counter = counter + 1
  return before .. string.format("%012d", counter) .. after
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %.6f, "p50_us": %.1f, "p99_us": %.1f, "bytes": %d, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99), summary.bytes,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end

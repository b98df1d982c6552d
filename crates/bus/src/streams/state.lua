-- Counts one queue. KEYS: stream, delayed set, dead letters. ARGV: group.
-- Returns entries in the stream, deliveries not acknowledged, lag (-1 when the server can't tell), delayed, dead.
local length, pending, lag = redis.call('XLEN', KEYS[1]), 0, -1
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
-- Without a stream this is an error, and there is nothing to count.
if not groups.err then
  for _, group in ipairs(groups) do
    local about = {}
    for i = 1, #group, 2 do
      about[group[i]] = group[i + 1]
    end
    if about.name == ARGV[1] then
      pending = about.pending
      lag = about.lag or -1
    end
  end
end
return { length, pending, lag, redis.call('ZCARD', KEYS[2]), redis.call('XLEN', KEYS[3]) }

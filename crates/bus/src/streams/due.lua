-- Moves the delayed ids that have fallen due into the stream, by the server's clock.
-- KEYS: delayed set, stream. ARGV: the stream's greatest length, the most ids to move.
-- Returns the milliseconds until the next id falls due (0 when more are due already), or -1 when none is delayed.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', 0, ARGV[2])
for _, id in ipairs(due) do
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], '*', 'id', id)
  redis.call('ZREM', KEYS[1], id)
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if not first[2] then
  return -1
end
return math.max(0, tonumber(first[2]) - now)

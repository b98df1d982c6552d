-- Puts ids into the delayed set, due after a delay by the server's clock; an id that is there keeps the earlier time.
-- Wakes one waiting taker when the first id now falls due earlier than before: it knows until when to wait.
-- KEYS: delayed set, wake stream. ARGV: the delay in milliseconds, the set's greatest size, then the ids.
local time = redis.call('TIME')
local due = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(ARGV[1])
local before = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local room = tonumber(ARGV[2]) - redis.call('ZCARD', KEYS[1])
for i = 3, #ARGV do
  if room > 0 then
    room = room - redis.call('ZADD', KEYS[1], 'LT', string.format('%.0f', due), ARGV[i])
  end
end
if not before[2] or due < tonumber(before[2]) then
  redis.call('XADD', KEYS[2], 'MAXLEN', '1', '*', 'due', string.format('%.0f', due))
end
return room

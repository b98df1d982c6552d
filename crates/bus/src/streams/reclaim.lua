-- Claims deliveries that have been idle for too long; one that was delivered too often goes to the dead letters.
-- KEYS: stream, dead letters.
-- ARGV: group, consumer, idle milliseconds, cursor, the most entries, the most deliveries, the dead letters' greatest
-- length, the idle milliseconds after which a consumer without deliveries is forgotten.
-- Returns the next cursor, then entry id and task id of each claimed entry in turn.
local stream, dead, group, consumer = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local answer = redis.call('XAUTOCLAIM', stream, group, consumer, ARGV[3], ARGV[4], 'COUNT', ARGV[5])
local claimed = { answer[1] }
for _, entry in ipairs(answer[2]) do
  local id = ''
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'id' then
      id = entry[2][i + 1]
    end
  end
  local pending = redis.call('XPENDING', stream, group, entry[1], entry[1], 1)
  -- Claiming has counted this delivery already.
  local before = pending[1] and tonumber(pending[1][4]) - 1 or 0
  if before >= tonumber(ARGV[6]) then
    redis.call('XADD', dead, 'MAXLEN', '~', ARGV[7], '*', 'id', id, 'deliveries', before)
    redis.call('XACK', stream, group, entry[1])
    redis.call('XDEL', stream, entry[1])
  else
    claimed[#claimed + 1] = entry[1]
    claimed[#claimed + 1] = id
  end
end
-- Every process that ever took from the queue is a consumer; those that are long gone would pile up.
for _, known in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
  local about = {}
  for i = 1, #known, 2 do
    about[known[i]] = known[i + 1]
  end
  if about.name ~= consumer and about.pending == 0 and about.idle > tonumber(ARGV[8]) then
    redis.call('XGROUP', 'DELCONSUMER', stream, group, about.name)
  end
end
return claimed

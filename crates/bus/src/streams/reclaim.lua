-- Claims deliveries that have been idle for too long; one that was delivered too often goes to the dead letters.
-- KEYS: stream, dead letters, wake stream.
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
local function forget(from, even_with_pending)
  local consumers = redis.pcall('XINFO', 'CONSUMERS', from, group)
  -- Without a stream or a group this is an error, and there is nobody to forget.
  if consumers.err then
    return
  end
  for _, known in ipairs(consumers) do
    local about = {}
    for i = 1, #known, 2 do
      about[known[i]] = known[i + 1]
    end
    local done = about.pending == 0 or even_with_pending
    if about.name ~= consumer and done and about.idle > tonumber(ARGV[8]) then
      redis.call('XGROUP', 'DELCONSUMER', from, group, about.name)
    end
  end
end
forget(stream, false)
forget(KEYS[3], true)
return claimed

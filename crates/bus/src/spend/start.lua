-- Starts an agent's counters from its ledger, unless they run. All amounts are whole micro-dollars below 2^53.
-- KEYS: daily counter, hourly counter, then a reservation for each entry.
-- ARGV: day, hour, the day's sum, the hour's sum, milliseconds to remember reservations, then state, micro-dollars, day,
-- hour and version of each entry.
-- Returns whether they were started now.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
-- Names this run: reservations that bear another name are left over from counters that were forgotten.
local time = redis.call('TIME')
local run = time[1] .. '.' .. time[2]
for i = 3, #KEYS do
  local at = 5 + (i - 3) * 5
  redis.call('HSET', KEYS[i], 'state', ARGV[at + 1], 'micros', ARGV[at + 2], 'day', ARGV[at + 3], 'hour', ARGV[at + 4],
    'version', ARGV[at + 5], 'run', run)
  redis.call('PEXPIRE', KEYS[i], ARGV[5])
end
redis.call('HSET', KEYS[1], 'window', ARGV[1], 'micros', ARGV[3], 'run', run)
redis.call('HSET', KEYS[2], 'window', ARGV[2], 'micros', ARGV[4])
return 1

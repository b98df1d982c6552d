-- Takes over entries of the ledger as they stand, each in place of its earlier version. All amounts are whole
-- micro-dollars below 2^53.
-- KEYS: daily counter, hourly counter, then a reservation for each entry.
-- ARGV: milliseconds to remember reservations, then state, micro-dollars, day, hour and version of each entry.
-- Returns whether the counters run.
local daily = redis.call('HMGET', KEYS[1], 'window', 'micros', 'run')
if not daily[1] then
  return 0
end
local hourly = redis.call('HMGET', KEYS[2], 'window', 'micros')
local day = { window = tonumber(daily[1]), used = tonumber(daily[2]) }
local hour = { window = tonumber(hourly[1] or -1), used = tonumber(hourly[2] or 0) }
local function take(counter, window, micros)
  if counter.window == tonumber(window) then
    counter.used = math.max(0, counter.used - tonumber(micros))
  end
end
-- A window never goes back: what belongs to one that is over counts no more.
local function add(counter, window, micros)
  window = tonumber(window)
  if counter.window < window then
    counter.window, counter.used = window, 0
  end
  if counter.window == window then
    counter.used = counter.used + tonumber(micros)
  end
end
for i = 3, #KEYS do
  local at = 1 + (i - 3) * 5
  local micros, version = ARGV[at + 2], tonumber(ARGV[at + 5])
  local held = redis.call('HMGET', KEYS[i], 'micros', 'day', 'hour', 'version', 'run')
  local is_held = held[1] and held[5] == daily[3]
  if not is_held or tonumber(held[4]) < version then
    if is_held then
      take(day, held[2], held[1])
      take(hour, held[3], held[1])
    end
    add(day, ARGV[at + 3], micros)
    add(hour, ARGV[at + 4], micros)
    redis.call('HSET', KEYS[i], 'state', ARGV[at + 1], 'micros', micros, 'day', ARGV[at + 3], 'hour', ARGV[at + 4],
      'version', ARGV[at + 5], 'run', daily[3])
    redis.call('PEXPIRE', KEYS[i], ARGV[1])
  end
end
for key, counter in pairs({ [KEYS[1]] = day, [KEYS[2]] = hour }) do
  redis.call('HSET', key, 'window', string.format('%.0f', counter.window), 'micros', string.format('%.0f', counter.used))
end
return 1

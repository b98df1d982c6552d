-- Settles or releases a reservation, once. The difference to what was reserved goes to the windows it was reserved in,
-- as far as they still run. All amounts are whole micro-dollars below 2^53.
-- KEYS: daily counter, hourly counter, reservation.
-- ARGV: day, hour, what was spent, 'settled' or 'released', milliseconds to remember the reservation.
-- Returns what happened.
local daily = redis.call('HMGET', KEYS[1], 'window', 'micros', 'run')
if not daily[1] then
  return 'not_started'
end
local hourly = redis.call('HMGET', KEYS[2], 'window', 'micros')
local held = redis.call('HMGET', KEYS[3], 'state', 'micros', 'day', 'hour', 'run')
local is_held = held[1] and held[5] == daily[3]
if is_held and held[1] ~= 'open' then
  return held[1]
end
local function add(key, counter, window, micros, may_begin)
  local known = tonumber(counter[1] or -1)
  local used = tonumber(counter[2] or 0)
  if known < tonumber(window) then
    if not may_begin then
      return known
    end
    known, used = tonumber(window), 0
  elseif known > tonumber(window) and not may_begin then
    return known
  end
  local sum = math.max(0, used + micros)
  redis.call('HSET', key, 'window', string.format('%.0f', known), 'micros', string.format('%.0f', sum))
  return known
end
local spent = tonumber(ARGV[3])
if is_held then
  local change = spent - tonumber(held[2])
  add(KEYS[1], daily, held[3], change, false)
  add(KEYS[2], hourly, held[4], change, false)
else
  -- Never heard of, but the money is gone: it counts now.
  local day = add(KEYS[1], daily, ARGV[1], spent, true)
  local hour = add(KEYS[2], hourly, ARGV[2], spent, true)
  redis.call('HSET', KEYS[3], 'day', string.format('%.0f', day), 'hour', string.format('%.0f', hour), 'version', 0,
    'run', daily[3])
end
redis.call('HSET', KEYS[3], 'state', ARGV[4], 'micros', ARGV[3])
redis.call('PEXPIRE', KEYS[3], ARGV[5])
return 'now'

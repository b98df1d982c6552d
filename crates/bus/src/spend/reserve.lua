-- Reserves an amount when both caps leave room for it. All amounts are whole micro-dollars below 2^53.
-- KEYS: daily counter, hourly counter, reservation.
-- ARGV: day, hour, amount, daily cap, hourly cap, milliseconds to remember the reservation.
-- Returns what happened, and how much the refusing cap leaves.
local daily = redis.call('HMGET', KEYS[1], 'window', 'micros', 'run')
if not daily[1] then
  return { 'not_started', '0' }
end
local held = redis.call('HMGET', KEYS[3], 'state', 'run')
if held[1] and held[2] == daily[3] then
  return { held[1] == 'open' and 'granted' or 'closed', '0' }
end
local hourly = redis.call('HMGET', KEYS[2], 'window', 'micros')
-- A window never goes back: a caller whose clock is behind counts in the window that has begun.
local function roll(counter, window)
  local known = tonumber(counter[1] or -1)
  if known < tonumber(window) then
    return window, 0
  end
  return counter[1], tonumber(counter[2])
end
local day, day_used = roll(daily, ARGV[1])
local hour, hour_used = roll(hourly, ARGV[2])
local amount = tonumber(ARGV[3])
if day_used + amount > tonumber(ARGV[4]) then
  return { 'daily', string.format('%.0f', tonumber(ARGV[4]) - day_used) }
elseif hour_used + amount > tonumber(ARGV[5]) then
  return { 'hourly', string.format('%.0f', tonumber(ARGV[5]) - hour_used) }
end
redis.call('HSET', KEYS[1], 'window', day, 'micros', string.format('%.0f', day_used + amount))
redis.call('HSET', KEYS[2], 'window', hour, 'micros', string.format('%.0f', hour_used + amount))
redis.call('HSET', KEYS[3], 'state', 'open', 'micros', ARGV[3], 'day', day, 'hour', hour, 'version', 0,
  'run', daily[3])
redis.call('PEXPIRE', KEYS[3], ARGV[6])
return { 'granted', '0' }

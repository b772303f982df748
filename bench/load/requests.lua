-- The requests of one wrk run: wrk -s requests.lua URL -- KIND PATH COOKIE TO ITEMS KEYED PEOPLE_FILE SEED
--
-- Each of wrk's threads is a Lua world of its own. All know all people, and each draws from them by a seed of its own,
-- so that no two threads send the same people in the same order and no two keys are ever the same. What the threads
-- have counted is added up at the end and printed as one line of JSON.
local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

local ask, wallets, cookies = {}, {}, {}
local sent = 0
statuses, done_count = {}, 0

function init(args)
  ask = {
    kind = args[1], path = args[2], cookie = args[3], to = tonumber(args[4]), items = tonumber(args[5]),
    is_keyed = args[6] == "true",
  }
  for line in io.lines(args[7]) do
    local wallet, cookie = line:match("^(%d+) (.*)$")
    table.insert(wallets, tonumber(wallet))
    table.insert(cookies, cookie)
  end
  local seed = tonumber(args[8]) * 1000 + number
  ask.key = string.format("wrk-%d-", seed)
  math.randomseed(seed)
end

local function another_than(payer)
  local receiver = math.random(#wallets - 1)
  return wallets[receiver < payer and receiver or receiver + 1]
end

local function next_key()
  sent = sent + 1
  return ask.key .. sent
end

local function json_headers(cookie)
  return { ["Cookie"] = cookie, ["Content-Type"] = "application/json" }
end

local makers = {
  get = function()
    return wrk.format("GET", ask.path, ask.cookie ~= "" and { ["Cookie"] = ask.cookie } or {})
  end,
  transfer = function()
    local payer = math.random(#wallets)
    local headers = json_headers(cookies[payer])
    if ask.is_keyed then headers["Idempotency-Key"] = next_key() end
    local to = ask.to or another_than(payer)
    if wallets[payer] == to then to = another_than(payer) end
    return wrk.format("POST", ask.path, headers, '{"wallet_id":' .. to .. ',"amount":0.01}')
  end,
  deposit = function()
    local to = wallets[math.random(#wallets)]
    return wrk.format("POST", ask.path, json_headers(ask.cookie), '{"wallet_id":' .. to .. ',"amount":0.01}')
  end,
  bulk = function()
    local payer = math.random(#wallets)
    local items = {}
    for index = 1, ask.items do
      items[index] = '{"wallet_id":' .. another_than(payer) .. ',"amount":0.01,"idempotency_key":"' .. next_key() .. '"}'
    end
    return wrk.format("POST", ask.path, json_headers(cookies[payer]), "[" .. table.concat(items, ",") .. "]")
  end,
}

function request()
  return makers[ask.kind]()
end

function response(status, _, body)
  local name = tostring(status)
  statuses[name] = (statuses[name] or 0) + 1
  if status ~= 200 then return end
  if ask.kind ~= "bulk" then
    done_count = done_count + 1
  else
    local _, count = body:gsub('"status":"OK"', "")
    done_count = done_count + count
  end
end

function done(summary, latency)
  local total, counts = 0, {}
  for _, thread in ipairs(threads) do
    total = total + thread:get("done_count")
    for status, count in pairs(thread:get("statuses")) do counts[status] = (counts[status] or 0) + count end
  end
  local listed = {}
  for status, count in pairs(counts) do table.insert(listed, string.format('"%s":%d', status, count)) end
  local errors = summary.errors
  local ms = function(percentile) return latency:percentile(percentile) / 1000 end
  io.write(string.format(
    'RESULT {"tookMs":%.3f,"statuses":{%s},"done":%d,"failed":%d,"latencyMs":{"p50":%.3f,"p90":%.3f,"p99":%.3f,"max":%.3f}}\n',
    summary.duration / 1000, table.concat(listed, ","), total,
    errors.connect + errors.read + errors.write + errors.timeout, ms(50), ms(90), ms(99), latency.max / 1000
  ))
end

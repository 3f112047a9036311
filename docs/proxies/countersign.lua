-- Forward-auth for HAProxy: see haproxy.cfg beside this file.

local GATEWAY = "http://127.0.0.1:4001/auth/verify"

-- What the API is told of the caller, besides the session variables. Set to true if it verifies the token as well.
local KEEP_AUTHORIZATION = false

-- Whether only a gateway may say this name: in any case, and with `_` for `-`, which some APIs cannot tell apart.
local function is_ours(name)
  local plain = name:lower():gsub("_", "-")
  return plain:sub(1, 9) == "x-hasura-" or plain:sub(1, 14) == "x-countersign-"
end

-- Whether this is a cookie of the auth server, under either prefix or none.
local function is_cookie_of_ours(pair)
  local name = (pair:match("^%s*([^=]*)") or ""):lower():gsub("%s+$", "")
  name = name:gsub("^__host%-", ""):gsub("^__secure%-", "")
  return name == "csrt" or name == "cshint" or name == "csfp"
end

-- The values of a header, in a list as core.httpclient takes it. HAProxy's own lists begin at 0.
local function values(headers, name)
  local list = {}
  for i = 0, #(headers[name] or {}) do
    if headers[name] and headers[name][i] then
      list[#list + 1] = headers[name][i]
    end
  end
  return #list > 0 and list or nil
end

local function refuse(txn, status, body, headers)
  local reply = txn:reply({ status = status, body = body })
  reply:add_header("content-type", "application/json")
  reply:add_header("cache-control", "no-store")
  for name, value in pairs(headers) do
    reply:add_header(name, value)
  end
  txn:done(reply)
end

core.register_action("countersign", { "http-req" }, function(txn)
  local headers = txn.http:req_get_headers()
  if headers["upgrade"] then
    -- A WebSocket would outlive its session here.
    local body = '{"error":{"code":"BAD_REQUEST","message":"no upgrade here","action":"fix"}}'
    return refuse(txn, 400, body, {})
  end
  local asked = {}
  for _, name in ipairs({ "authorization", "cookie", "x-hasura-role" }) do
    asked[name] = values(headers, name)
  end
  local answer = core.httpclient():get({ url = GATEWAY, headers = asked, timeout = 5000 })

  if not answer or not answer.status or answer.status == 0 or answer.status >= 500 then
    local body = '{"error":{"code":"UNAVAILABLE","message":"not ready","action":"retry"}}'
    return refuse(txn, 503, body, { ["retry-after"] = "1" })
  end
  if answer.status ~= 200 then
    local challenge = answer.headers["www-authenticate"]
    return refuse(txn, answer.status, answer.body, challenge and { ["www-authenticate"] = challenge[0] } or {})
  end

  for name in pairs(headers) do
    if is_ours(name) then
      txn.http:req_del_header(name)
    end
  end
  for name, list in pairs(answer.headers) do
    if is_ours(name) then
      txn.http:req_set_header(name, list[0])
    end
  end
  if not KEEP_AUTHORIZATION then
    txn.http:req_del_header("authorization")
  end
  txn.http:req_del_header("cookie")
  for _, line in ipairs(values(headers, "cookie") or {}) do
    local kept = {}
    for pair in line:gmatch("[^;]+") do
      if not is_cookie_of_ours(pair) then
        kept[#kept + 1] = pair
      end
    end
    if #kept > 0 then
      txn.http:req_add_header("cookie", (table.concat(kept, ";"):gsub("^%s+", "")))
    end
  end
end, 0)

core.register_action("countersign_cookies", { "http-res" }, function(txn)
  local lines = values(txn.http:res_get_headers(), "set-cookie") or {}
  txn.http:res_del_header("set-cookie")
  txn.http:res_del_header("x-hasura-admin-secret")
  for _, line in ipairs(lines) do
    if not is_cookie_of_ours(line) then
      txn.http:res_add_header("set-cookie", line)
    end
  end
end, 0)

-- Asks capykeys whether a request may go on, for HAProxy 2.6 or newer with Lua. See docs/gateways.md.
--
--   setenv CAPYKEYS_ADDRESS 127.0.0.1:8081   the internal listener of capykeys; before lua-load
--   http-request lua.capykeys QUERY          what the route needs
--
-- 401 and 403 are answered here. `txn.capykeys` is `allowed` where the request may go on, and must be
-- asked for: capykeys may have been down or slow.

local address = os.getenv("CAPYKEYS_ADDRESS")

-- What the API learns of the caller.
local identity = {
    "x-capy-organization-id", "x-capy-project-id", "x-capy-key-id",
    "x-capy-user-id", "x-capy-scopes", "x-capy-auth-source",
    "x-capy-key-expires-at",
}

-- What a client learns of a refusal.
local told = { "content-type", "www-authenticate" }

local function ask(txn, needs)
    local original = txn.http:req_get_headers()
    return core.httpclient():get({
        url = "http://" .. address .. "/authorize/auth-request?" .. needs,
        -- Milliseconds, for each part of the answer.
        timeout = 1000,
        headers = {
            ["authorization"] = original["authorization"],
            ["x-api-key"] = original["x-api-key"],
            ["x-original-method"] = { txn.f:method() },
            -- As the API gets it.
            ["x-original-uri"] = { txn.f:pathq() },
            ["x-original-host"] = { txn.f:req_fhdr("host") },
        },
    })
end

local function refuse(txn, answer)
    local reply = txn:reply({ status = answer.status, body = answer.body })
    for _, name in ipairs(told) do
        for _, value in pairs(answer.headers[name] or {}) do
            reply:add_header(name, value)
        end
    end
    txn:done(reply)
end

core.register_action("capykeys", { "http-req" }, function(txn, needs)
    local answer = ask(txn, needs)
    if answer.status == 200 then
        for _, name in ipairs(identity) do
            local values = answer.headers[name] or {}
            txn.http:req_set_header(name, values[0] or "")
        end
        txn:set_var("txn.capykeys", "allowed")
    elseif answer.status == 401 or answer.status == 403 then
        refuse(txn, answer)
    end
end, 1)

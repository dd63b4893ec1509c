-- Asks Cofactor before a request goes on: http-request lua.cofactor http://ADDRESS:PORT
-- With unix@/PATH it asks there: a frontend of HAProxy's own that goes on to Cofactor over TLS.
-- Says `allowed` in txn.cofactor, or answers the client itself. Where it can do neither, the configuration denies.

-- What belongs to a connection, to a body, or is written below.
local NOT_ASKED = {
    ["connection"] = true, ["keep-alive"] = true, ["proxy-connection"] = true, ["te"] = true, ["trailer"] = true,
    ["transfer-encoding"] = true, ["upgrade"] = true, ["content-length"] = true, ["content-type"] = true,
    ["expect"] = true, ["host"] = true,
}

-- What the application is told, always: what Cofactor did not say, nobody said.
local TOLD = {
    "remote-user", "x-cofactor-method", "x-cofactor-level", "x-cofactor-verified", "x-cofactor-fail-open",
}

-- What goes to the client with an answer that is no 200.
local ANSWERED = { "location", "set-cookie", "www-authenticate", "cache-control", "retry-after", "x-cofactor-fail-closed" }

local function values(headers, name)
    local found = {}
    for _, value in pairs(headers and headers[name] or {}) do
        found[#found + 1] = value
    end
    return found
end

local function question(txn)
    local headers = {}
    for name, list in pairs(txn.http:req_get_headers()) do
        if not NOT_ASKED[name] then
            headers[name] = values({ [name] = list }, name)
        end
    end
    headers["x-forwarded-method"] = { txn.f:method() }
    headers["x-forwarded-uri"] = { txn.f:pathq() }
    return headers
end

local function check(txn, address)
    txn:set_var("txn.cofactor", "asked")
    local asked = { headers = question(txn), timeout = 2000 }
    if address:sub(1, 5) == "unix@" then
        asked.dst = address
        address = "http://cofactor"
    end
    asked.url = address .. "/v1/gateway/haproxy"
    local answer = core.httpclient():get(asked)
    if answer.status == 200 then
        for _, name in ipairs(TOLD) do
            txn.http:req_del_header(name)
            for _, value in ipairs(values(answer.headers, name)) do
                txn.http:req_set_header(name, value)
            end
        end
        local renewed = values(answer.headers, "set-cookie")[1]
        if renewed then
            txn:set_var("txn.cofactor_cookie", renewed)
        end
        txn:set_var("txn.cofactor", "allowed")
        return
    end
    local status = answer.status or 0
    local reply = txn:reply({ status = status >= 302 and status <= 499 and status or 503 })
    for _, name in ipairs(ANSWERED) do
        for _, value in ipairs(values(answer.headers, name)) do
            reply:add_header(name, value)
        end
    end
    txn:done(reply)
end

core.register_action("cofactor", { "http-req" }, check, 1)

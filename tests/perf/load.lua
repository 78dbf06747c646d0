-- SPDX-License-Identifier: Apache-2.0
-- The requests of a run (MODE), its result as one line of JSON. COMPONENTS: how many the catalog has.
local mode = os.getenv("MODE")
local components = tonumber(os.getenv("COMPONENTS") or "7000")
local run = os.getenv("RUN") or "0"
local terms = { "cobalt", "falcon", "garnet", "meadow", "nimbus", "solstice", "tundra", "willow" }
local list = "/api/catalog/entities/by-query?limit=100&filter=kind=component"
local fields = "&fullTextFilterFields=metadata.name,metadata.title,metadata.description&fullTextFilterTerm="
local sent = 0
math.randomseed(7)
if os.getenv("AUTHORIZATION") then wrk.headers["Authorization"] = os.getenv("AUTHORIZATION") end
if os.getenv("COOKIE") then wrk.headers["Cookie"] = os.getenv("COOKIE") end

local function name()
  return string.format("component-%05d", math.random(0, components - 1))
end

local makers = {
  static = function() return wrk.format("GET", "/2k.json") end,
  static_long = function() return wrk.format("GET", "/long.json") end,
  by_name = function() return wrk.format("GET", "/api/catalog/entities/by-name/component/default/" .. name()) end,
  by_query = function() return wrk.format("GET", list) end,
  ordered = function() return wrk.format("GET", "/api/catalog/entities/by-query?limit=20&orderField=metadata.name,asc") end,
  first = function() return wrk.format("GET", "/api/catalog/entities/by-query?limit=20&totalItems=exclude") end,
  list = function() return wrk.format("GET", "/api/catalog/entities?limit=20") end,
  login = function()
    return wrk.format("POST", "/api/auth/login", { ["Content-Type"] = "application/json" }, os.getenv("LOGIN"))
  end,
  full_text = function() return wrk.format("GET", list .. fields .. terms[math.random(#terms)]) end,
  facets = function() return wrk.format("GET", "/api/catalog/entity-facets?facet=kind&facet=spec.type") end,
  by_refs = function()
    local refs = {}
    for i = 1, 100 do refs[i] = '"component:default/' .. name() .. '"' end
    return wrk.format("POST", "/api/catalog/entities/by-refs", { ["Content-Type"] = "application/json" },
      '{"entityRefs":[' .. table.concat(refs, ",") .. "]}")
  end,
  write = function()
    sent = sent + 1
    local slug = string.format("w%s-%d", run, sent)
    return wrk.format("POST", "/api/organizations", { ["Content-Type"] = "application/json" },
      '{"name":"' .. slug .. '","slug":"' .. slug .. '"}')
  end,
}
request = makers[mode]

done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('RESULT {"requests":%d,"seconds":%.4f,"p50_ms":%.3f,"p99_ms":%.3f,"failed":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.status + e.timeout + e.connect + e.read + e.write))
end

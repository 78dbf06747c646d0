# SPDX-License-Identifier: Apache-2.0
"""Search with Backstage's parameters, answers and errors, on both databases. What a real Backstage answered is replayed by
tests/compat/test_golden.py; here is the general case."""
import base64
import json
import urllib.parse

import pytest

from support import wait

BY_NAME = "/api/catalog/entities/by-name"
QUERY = "/api/search/query"
DOCUMENT = {"title", "text", "componentType", "type", "namespace", "kind", "lifecycle", "owner", "location"}


def put(api, kind, name, spec, **metadata):
    entity = {"apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}
    answer = api.request("PUT", f"{BY_NAME}/{kind.lower()}/{metadata.get('namespace', 'default')}/{name}", json_body=entity)
    assert answer.status in (200, 201), answer


@pytest.fixture(scope="module")
def filled(each_server):
    api = each_server.api
    for i in range(12):
        put(api, "Component", f"svc-{i:02}", {"type": "service" if i % 2 else "website", "lifecycle": "production", "owner": "team-a"},
            description=f"Number {i} of the fleet.")
    put(api, "API", "fleet-api", {"type": "openapi", "lifecycle": "experimental", "owner": "team-b", "definition": "x: 1"})
    put(api, "System", "fleet", {"owner": "group:shop/team-c"}, namespace="shop", title="The Fleet")
    put(api, "Resource", "fleet-db", {"type": "database", "owner": "team-a"})
    wait.until(lambda: api.get("/api/search/status").json()["is_current"], what="the index")
    return api


def ask(api, raw="", **query):
    answer = api.get(QUERY + "?" + urllib.parse.urlencode(query) + raw)
    assert answer.status == 200, answer
    return answer.json()


def titles(found):
    return [result["document"]["title"] for result in found["results"]]


def refused(api, raw):
    answer = api.get(f"{QUERY}?{raw}")
    body = answer.json()
    assert set(body) == {"error", "request", "response"} and body["request"] == {"method": "GET", "url": f"/query?{raw}"}
    assert body["response"] == {"statusCode": answer.status}
    return answer.status, body["error"]["name"], body["error"]["message"]


def test_a_result_has_backstages_form(filled):
    [result] = ask(filled, term="fleet-api", pageLimit=1)["results"]
    assert result["type"] == "software-catalog" and result["rank"] == 1
    assert result["document"] == {
        "title": "fleet-api", "text": "", "componentType": "openapi", "type": "openapi", "namespace": "default", "kind": "API",
        "lifecycle": "experimental", "owner": "team-b", "location": "/catalog/default/api/fleet-api"}
    mark = result["highlight"]
    assert mark["preTag"].startswith("<") and mark["postTag"] == "</" + mark["preTag"][1:]
    plain = mark["fields"]["title"].replace(mark["preTag"], "").replace(mark["postTag"], "")
    assert plain == "fleet-api" and mark["preTag"] in mark["fields"]["title"]
    [system] = [r for r in ask(filled, term="the fleet")["results"] if r["document"]["kind"] == "System"]
    assert set(system["document"]) == DOCUMENT
    assert system["document"]["componentType"] == "other" and system["document"]["owner"] == "group:shop/team-c"
    assert system["document"]["location"] == "/catalog/shop/system/fleet" and system["document"]["title"] == "The Fleet"


def test_pages(filled):
    first = ask(filled, term="svc", pageLimit=5)
    assert first["numberOfResults"] == 12 and len(first["results"]) == 5 and "previousPageCursor" not in first
    assert base64.b64decode(first["nextPageCursor"]) == b"1"
    second = ask(filled, term="svc", pageLimit=5, pageCursor=first["nextPageCursor"])
    third = ask(filled, term="svc", pageLimit=5, pageCursor=second["nextPageCursor"])
    assert second["previousPageCursor"] == "MA==" and third["previousPageCursor"] == "MQ==" and "nextPageCursor" not in third
    assert [r["rank"] for r in second["results"]] == [6, 7, 8, 9, 10]
    assert sorted(titles(first) + titles(second) + titles(third)) == [f"svc-{i:02}" for i in range(12)]
    back = ask(filled, term="svc", pageLimit=5, pageCursor=second["previousPageCursor"])
    assert titles(back) == titles(first)
    beyond = ask(filled, term="svc", pageCursor=base64.b64encode(b"9").decode())
    assert beyond["results"] == [] and beyond["numberOfResults"] == 12 and beyond["previousPageCursor"] == "OA=="
    for cursor in ("zzz", "!!!", base64.b64encode(b"abc").decode()):
        nowhere = ask(filled, term="svc", pageCursor=cursor)
        assert nowhere == {"results": [], "numberOfResults": 12}
    assert len(ask(filled, term="svc")["results"]) == 12, "25 unless it is said"
    assert ask(filled, term="svc", pageLimit=0)["results"] == []
    assert ask(filled, term="", pageLimit=100)["numberOfResults"] == ask(filled)["numberOfResults"] >= 15


@pytest.mark.parametrize("raw, kinds", [
    ("&filters[kind]=System", {"System"}), ("&filters[kind]=system", {"System"}), ("&filters[kind][0]=System", {"System"}),
    ("&filters[kind][]=System&filters[kind][]=API", {"System", "API"}), ("&filters[kind][0]=System&filters[kind][1]=API", {"System", "API"}),
    ("&filters[type]=openapi", {"API"}), ("&filters[componentType]=database", {"Resource"}), ("&filters[namespace]=shop", {"System"}),
    ("&filters[lifecycle]=experimental", {"API"}), ("&filters[owner]=team-b", {"API"}), ("&filters[owner]=group:shop/team-c", {"System"}),
    ("&filters[kind]=API&filters[lifecycle]=production", set()), ("&filters[kind]=API&filters[lifecycle]=experimental", {"API"}),
    ("&filters[nope]=x", set()), ("&filters[kind]=", None), ("&filters[title]=fleet&filters[kind]=System", {"System"}),
    ("&filters[location]=/catalog/default/resource/fleet-db", {"Resource"}), ("&filters%5Bkind%5D=System", {"System"}),
    ("&types[0]=software-catalog&filters[kind]=System", {"System"}), ("&types=software-catalog&filters[kind]=API", {"API"}),
])
def test_filters(filled, raw, kinds):
    found = ask(filled, "&pageLimit=100" + raw, term="")
    got = {result["document"]["kind"] for result in found["results"]}
    assert got == kinds if kinds is not None else len(got) >= 4
    assert found["numberOfResults"] == len(found["results"])


def test_a_filter_is_marked(filled):
    result = ask(filled, "&filters[kind]=System", term="")["results"][0]
    mark = result["highlight"]
    assert mark["fields"] == {"kind": f"{mark['preTag']}System{mark['postTag']}"}


def test_a_term_has_no_operators(filled):
    for term in ("kind:system", "svc -svc-00", '"svc-01"', "svc*", "+svc", "svc~1", "svc^2", "*", ":", "title:svc"):
        assert isinstance(ask(filled, term=term)["results"], list)
    assert "svc-01" in titles(ask(filled, term='"svc-01"'))


def issues(message):
    assert message.startswith("Invalid query string: [\n  {\n    \"code\": \"custom\",\n")
    return json.loads(message.split(": ", 1)[1])


def test_errors_are_backstages(filled):
    status, name, message = refused(filled, "term=x&pageLimit=101")
    assert (status, name) == (400, "InputError")
    assert issues(message) == [{"code": "custom", "message": 'The page limit "101" is greater than "100"', "path": ["pageLimit"]}]
    _, _, message = refused(filled, "term=x&types[0]=software-catalog&types[1]=nope&types[2]=more")
    assert issues(message) == [{"code": "custom", "message": "Invalid input", "path": ["types", at]} for at in (1, 2)]
    _, _, message = refused(filled, f"term={'y' * 101}&pageLimit=500")
    assert issues(message) == [{"code": "custom", "message": 'The term length "101" is greater than "100"', "path": ["term"]},
                               {"code": "custom", "message": 'The page limit "500" is greater than "100"', "path": ["pageLimit"]}]
    assert filled.get(f"{QUERY}?term={'y' * 100}").status == 200
    assert refused(filled, "pageLimit=abc")[2] == "request/query/pageLimit must be integer"
    assert refused(filled, "term=a&term=b")[2] == "request/query/term must be string"
    assert refused(filled, "filters=x")[2] == "request/query/filters must be object"
    assert refused(filled, "colour=red")[2] == "Unknown query parameter 'colour'"


def test_the_task(filled):
    task = "/api/search/.backstage/scheduler/v1/tasks/{}/trigger"
    done = filled.post(task.format("search_index_software_catalog"))
    assert done.status == 200 and done.text == ""
    unknown = filled.post(task.format("search_index_nothing"))
    assert unknown.status == 404 and unknown.json()["error"]["name"] == "NotFoundError"

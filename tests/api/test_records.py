# SPDX-License-Identifier: Apache-2.0
"""Records over HTTP, on both databases: organizations and teams as anyone would use them. The engine's own
cases stand in src/platform/records/records_test*.c; here is what only shows through the whole server."""
import concurrent.futures
import itertools
import json
import sqlite3
import time
import uuid

import pytest
from support.server import FairwayServer

DEFAULT_ORGANIZATION = "00000000-0000-7000-8000-000000000001"
numbers = itertools.count()


def slug(prefix="s"):
    return f"{prefix}-{next(numbers)}-{uuid.uuid4().hex[:8]}"


def make_team(api, **values):
    answer = api.post("/api/teams", {"org_id": DEFAULT_ORGANIZATION, "name": "Team", "slug": slug(), **values})
    assert answer.status == 201, answer
    return answer


def test_first_organization_is_there(each_api):
    found = each_api.get("/api/organizations", query={"slug": "default"}).json()["items"]
    assert [o["id"] for o in found] == [DEFAULT_ORGANIZATION]
    assert each_api.get(f"/api/organizations/{DEFAULT_ORGANIZATION}").json() == found[0]


def test_an_empty_precondition_is_none_that_holds(each_api):
    """Taken for absent, it would make the change unconditional."""
    team = make_team(each_api)
    path = team.headers["Location"]
    answer = each_api.patch(path, {"name": "x"}, headers={"If-Match": ""})
    assert answer.status == 400 and answer.json()["errors"][0]["pointer"] == "header:If-Match"
    assert each_api.get(path).json()["name"] == "Team"


def test_null_gives_a_field_its_default(each_api):
    """As in a whole record that leaves it out; the column takes no null."""
    made = each_api.post("/api/service-accounts", {"name": slug("null"), "status": "disabled"})
    cleared = each_api.patch(made.headers["Location"], {"status": None})
    assert cleared.status == 200 and cleared.json()["status"] == "active", cleared


def test_life_of_a_record(each_api):
    name = slug("life")
    created = each_api.post("/api/organizations", {"name": "Acme", "slug": name, "settings": {"a": {"b": 1}}})
    assert created.status == 201, created
    record = created.json()
    path = f"/api/organizations/{record['id']}"
    assert created.headers["Location"] == path
    assert created.headers["ETag"] == '"1"'
    assert record["settings"] == {"a": {"b": 1}}
    assert record["created_at"] == record["updated_at"]

    patched = each_api.patch(path, {"settings": {"a": {"c": 2}}}, headers={"If-Match": '"1"'})
    assert (patched.status, patched.headers["ETag"]) == (200, '"2"'), patched
    assert patched.json()["settings"] == {"a": {"b": 1, "c": 2}}
    assert each_api.patch(path, {"name": "x"}, headers={"If-Match": '"1"'}).status == 412

    replaced = each_api.put(path, {"name": "Acme 2", "slug": name})
    assert replaced.status == 200 and "settings" not in replaced.json(), replaced

    assert each_api.delete(path).status == 204
    assert each_api.get(path).status == 404
    assert each_api.get(path, query={"include_deleted": True}).json()["deleted_at"]
    restored = each_api.post(f"{path}/restore")
    assert (restored.status, restored.json()["deleted_at"]) == (200, None), restored

    history = each_api.get(f"{path}/history").json()["items"]
    assert [h["action"].split(".")[1] for h in history] == ["restored", "deleted", "updated", "updated", "created"]
    assert history[-1]["before"] is None and history[-1]["after"]["name"] == "Acme"
    assert history[-2]["before"]["settings"] == {"a": {"b": 1}}
    assert history[0]["request_id"]


def test_conditional_get(each_api):
    path = make_team(each_api).headers["Location"]
    first = each_api.get(path)
    again = each_api.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert each_api.get(path, headers={"If-None-Match": '"999"'}).status == 200


@pytest.mark.parametrize("body, pointer", [
    ({"name": "T", "slug": "BAD SLUG"}, "/slug"),
    ({"name": "T"}, "/slug"),
    ({"name": "", "slug": "x"}, "/name"),
    ({"name": "T", "slug": "x", "nonsense": 1}, "/nonsense"),
    ({"name": "T", "slug": "x", "id": DEFAULT_ORGANIZATION}, "/id"),
    ({"name": "T", "slug": "x", "created_by": "me"}, "/created_by"),
    ({"name": "T", "slug": "x", "org_id": str(uuid.uuid4())}, "/org_id"),
    ({"name": "T", "slug": "x", "org_id": 7}, "/org_id"),
])
def test_refusals_name_the_field(each_api, body, pointer):
    answer = each_api.post("/api/teams", {"org_id": DEFAULT_ORGANIZATION, **body})
    assert answer.status == 422, answer
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert pointer in [e["pointer"] for e in answer.json()["errors"]], answer


def test_a_slug_is_unique_in_its_organization(each_api):
    taken = make_team(each_api).json()
    answer = each_api.post("/api/teams", {"org_id": DEFAULT_ORGANIZATION, "name": "T", "slug": taken["slug"]})
    assert answer.status == 409 and "/slug" in [e["pointer"] for e in answer.json()["errors"]], answer
    other = each_api.post("/api/organizations", {"name": "Other", "slug": slug("other")}).json()
    make_team(each_api, org_id=other["id"], slug=taken["slug"])
    # and that organization cannot go while it has a team
    refused = each_api.delete(f"/api/organizations/{other['id']}")
    assert refused.status == 409 and "1 team;" in refused.json()["detail"], refused


def test_pages_follow_each_other(each_api):
    mark = slug("page")
    made = [make_team(each_api, name=f"{mark} {i % 5}", description=None if i % 3 else f"d{i}").json()["id"]
            if i % 3 == 0 else make_team(each_api, name=f"{mark} {i % 5}").json()["id"] for i in range(23)]
    query = {"q": mark, "sort": "name,-description", "total": True}
    whole = each_api.get("/api/teams", query={**query, "limit": 500}).json()
    assert whole["total"] == len(whole["items"]) == 23
    assert {t["id"] for t in whole["items"]} == set(made)
    assert [t["id"] for t in each_api.pages("/api/teams", query, limit=4)] == [t["id"] for t in whole["items"]]

    answer, seen = each_api.get("/api/teams", query={**query, "limit": 10}), []
    while True:  # the same by the Link header
        seen += [t["id"] for t in answer.json()["items"]]
        link = answer.headers["Link"]
        if not link:
            break
        target, _, relation = link.partition(">; ")
        assert relation == 'rel="next"'
        answer = each_api.get(target.removeprefix("<"))
    assert seen == [t["id"] for t in whole["items"]]


def test_fields_of_a_list(each_api):
    team = make_team(each_api).json()
    answer = each_api.get("/api/teams", query={"slug": team["slug"], "fields": "id,slug"})
    assert answer.json()["items"] == [{"id": team["id"], "slug": team["slug"]}]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "sort=nonsense", "nonsense=1", "name[nonsense]=1", "cursor=e30",
                                   "fields=nonsense", "total=perhaps", "created_at[gt]=x", "limit=1&limit=2"])
def test_refused_queries(each_api, query):
    answer = each_api.get(f"/api/teams?{query}")
    assert answer.status == 400, answer
    assert answer.json()["errors"][0]["pointer"].startswith("query:"), answer


def test_a_request_that_is_still_running(tmp_path):
    """The first one waits for another writer of the file; the same again is told when to come back."""
    headers = {"Idempotency-Key": "running"}
    body = {"name": "Running", "slug": "running"}
    with FairwayServer(dir=tmp_path) as server, concurrent.futures.ThreadPoolExecutor(1) as pool:
        other = sqlite3.connect(server.data / "fairway.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        first = pool.submit(server.api.post, "/api/organizations", body, headers=headers)
        time.sleep(0.5)
        second = server.api.post("/api/organizations", body, headers=headers)
        other.execute("COMMIT")
        other.close()
        assert second.status == 409 and second.headers["Retry-After"] == "1", second
        assert first.result().status == 201


@pytest.mark.parametrize("query", ["name=%00", "q=%FF", "cursor=%00"])
def test_queries_that_are_no_text(each_api, query):
    assert each_api.get(f"/api/teams?{query}").status == 400


def test_a_body_with_a_byte_order_mark(each_api):
    mark = slug("bom")
    body = json.dumps({"org_id": DEFAULT_ORGANIZATION, "name": "Marked", "slug": mark}).encode()
    answer = each_api.post("/api/teams", body=b"\xef\xbb\xbf" + body, headers={"Content-Type": "application/json"})
    assert answer.status == 201 and answer.json()["slug"] == mark, answer
    again = each_api.post("/api/teams", body=b"\xef\xbb\xbf\xef\xbb\xbf" + body,
                          headers={"Content-Type": "application/json"})
    assert again.status == 400 and "not valid JSON" in again.json()["detail"], again


def test_a_repeated_post_has_one_effect(each_api):
    mark = slug("once")
    body = {"org_id": DEFAULT_ORGANIZATION, "name": "Once", "slug": mark}

    def send(_):
        return each_api.post("/api/teams", body, headers={"Idempotency-Key": mark})

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(48)))
    assert {a.status for a in answers} <= {201, 409}
    first = send(0)
    assert first.status == 201
    assert {a.body for a in answers if a.status == 201} == {first.body}
    assert first.headers["Location"] == f"/api/teams/{first.json()['id']}"
    assert first.headers["Idempotent-Replayed"] == "true"
    assert len(each_api.get("/api/teams", query={"slug": mark}).json()["items"]) == 1
    other = each_api.post("/api/teams", {**body, "name": "Twice"}, headers={"Idempotency-Key": mark})
    assert other.status == 422, other


def test_no_change_is_lost_under_contention(each_api):
    """Every writer reads, adds one, and writes under If-Match: the sum is the number of successes."""
    path = each_api.post("/api/organizations", {"name": "Sum", "slug": slug("sum"), "settings": {"n": 0}}).headers["Location"]

    def add(_):
        while True:
            read = each_api.get(path)
            written = each_api.patch(path, {"settings": {"n": read.json()["settings"]["n"] + 1}},
                                     headers={"If-Match": read.headers["ETag"]})
            if written.status == 200:
                return
            assert written.status == 412, written

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    last = each_api.get(path)
    assert last.json()["settings"]["n"] == 40
    assert last.headers["ETag"] == '"41"'


def test_records_survive_a_restart(new_server):
    server = new_server()
    path = make_team(server.api, name="Stays").headers["Location"]
    server.kill()
    server.start()
    assert server.api.get(path).json()["name"] == "Stays"


def test_body_at_fault(each_api):
    broken = each_api.request("POST", "/api/teams", "{\"name\": ", headers={"Content-Type": "application/json"})
    assert broken.status == 400, broken
    twice = each_api.request("POST", "/api/teams", "{\"name\":\"a\",\"name\":\"b\"}", headers={"Content-Type": "application/json"})
    assert twice.status == 400, twice
    nul = each_api.request("POST", "/api/teams", json.dumps({"name": "a\0b", "slug": "x", "org_id": DEFAULT_ORGANIZATION}),
                           headers={"Content-Type": "application/json"})
    assert nul.status in (400, 422), nul


def test_a_deleted_parent_gets_no_children_back(each_api):
    """A team is not restored into an organization that is deleted."""
    org = each_api.post("/api/organizations", {"name": "Gone", "slug": "gone-soon"}).json()
    team = each_api.post("/api/teams", {"name": "Left", "slug": "left", "org_id": org["id"]}).json()
    kept = each_api.delete(f"/api/organizations/{org['id']}")
    assert kept.status == 409 and "still has 1 team;" in kept.json()["detail"], kept
    assert each_api.delete(f"/api/teams/{team['id']}").status == 204
    assert each_api.delete(f"/api/organizations/{org['id']}").status == 204
    refused = each_api.post(f"/api/teams/{team['id']}/restore")
    assert refused.status == 422 and refused.json()["errors"][0] == {
        "pointer": "/org_id", "detail": "must be the id of an existing organization"}, refused
    assert each_api.get(f"/api/teams/{team['id']}").status == 404
    assert each_api.post(f"/api/organizations/{org['id']}/restore").status == 200
    assert each_api.post(f"/api/teams/{team['id']}/restore").status == 200


def test_a_pattern_is_told_in_words(each_api):
    refused = each_api.post("/api/organizations", {"name": "Acme", "slug": "Not A Slug"})
    assert refused.status == 422 and refused.json()["errors"] == [
        {"pointer": "/slug", "detail": "must be 1 to 63 lower-case letters, digits and dashes, no dash first or last"}]
    stale = each_api.get("/api/events?after=yesterday")
    assert stale.status == 400 and stale.json()["errors"][0] == {
        "pointer": "query:after", "detail": "must be the position of an event, a number of up to 18 digits"}


def test_a_name_of_spaces_is_no_name(each_api):
    answer = each_api.post("/api/organizations", {"name": "   ", "slug": "blank"})
    assert answer.status == 422, answer
    assert [(e["pointer"], e["detail"]) for e in answer.json()["errors"]] == [("/name", "must not be blank")]

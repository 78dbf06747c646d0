# SPDX-License-Identifier: Apache-2.0
"""Search in its own form: what is answered, to whom, and how soon a change is found."""
import sqlite3
import threading
import time

import pytest

from support import wait
from support.identity import new_user

BY_NAME = "/api/catalog/entities/by-name"


def put(api, name, kind="Component", namespace="default", **more):
    metadata = {"name": name, "namespace": namespace, **{k: more.pop(k) for k in ("title", "description", "tags") if k in more}}
    spec = {"type": "service", "lifecycle": "production", "owner": "team-a", **more}
    if kind in ("System", "Domain"):
        spec = {"owner": spec["owner"]}
    entity = {"apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
    answer = api.request("PUT", f"{BY_NAME}/{kind.lower()}/{namespace}/{name}", json_body=entity)
    assert answer.status in (200, 201), answer


def ask(api, q="", **query):
    answer = api.get("/api/search", query={"q": q, **query})
    assert answer.status == 200, answer
    return answer.json()


def names(page):
    return [item["name"] for item in page["items"]]


def settle(api):
    wait.until(lambda: api.get("/api/search/status").json()["is_current"], what="the index")


def test_a_change_is_found_within_a_second(each_api):
    put(each_api, "quokka", description="First text.")
    settle(each_api)
    for text in ("wombat", "numbat", "bilby"):
        put(each_api, "quokka", description=f"Now a {text}.")
        begin = time.monotonic()
        wait.until(lambda: names(ask(each_api, text)) == ["quokka"], deadline_s=5, what=f"{text}")
        assert time.monotonic() - begin < 1.0
    assert names(ask(each_api, "wombat")) == [], "what it said before is not found any more"
    assert each_api.request("DELETE", f"{BY_NAME}/component/default/quokka").status == 204
    wait.until(lambda: names(ask(each_api, "quokka")) == [], deadline_s=5, what="the end of it")


def test_what_an_item_says(each_api):
    put(each_api, "marked-one", title="Marked <b>One</b>", description="Ends with zebracrossing here.", tags=["go", "web"])
    settle(each_api)
    [item] = ask(each_api, "zebracross")["items"]
    assert item["ref"] == "component:default/marked-one" and item["type"] == "software-catalog"
    assert item["href"] == "/catalog/default/component/marked-one"
    assert item["kind"] == "Component" and item["entity_type"] == "service" and item["owner"] == "team-a"
    assert item["tags"] == ["go", "web"] and item["lifecycle"] == "production"
    assert item["title"] == "Marked <b>One</b>"
    assert "".join(piece["text"] for piece in item["title_pieces"]) == item["title"]
    assert "".join(piece["text"] for piece in item["summary"]) == "Ends with zebracrossing here."
    assert [piece["text"] for piece in item["summary"] if piece["match"]] == ["zebracross"]
    assert 0 < item["score"] < 1
    assert ask(each_api, "marked one")["items"][0]["score"] >= 0.8


def test_a_long_description_is_cut_around_what_was_found(each_api):
    put(each_api, "long-one", description="word " * 200 + "needleword " + "more " * 200)
    settle(each_api)
    [item] = ask(each_api, "needleword")["items"]
    text = "".join(piece["text"] for piece in item["summary"])
    assert "needleword" in text and len(text) < 300 and text.startswith("…") and text.endswith("…")


def test_filters_facets_and_pages(each_api):
    for i in range(25):
        put(each_api, f"pagefix-{i:02}", owner="team-x" if i < 10 else "team-y", tags=["odd"] if i % 2 else ["even"],
            lifecycle="experimental" if i < 5 else "production")
    put(each_api, "pagefix-system", kind="System", owner="team-x")
    settle(each_api)
    page = ask(each_api, "pagefix", facets="kind,owner,tag,lifecycle,type", limit=10)
    assert page["total"] == 26 and page["total_is_exact"] is True
    facets = {name: {v["value"]: v["count"] for v in values} for name, values in page["facets"].items()}
    assert facets["kind"] == {"Component": 25, "System": 1}
    assert facets["owner"] == {"team-y": 15, "team-x": 11}
    assert facets["tag"] == {"even": 13, "odd": 12}
    assert facets["lifecycle"] == {"production": 20, "experimental": 5}
    seen = names(page)
    while page["next_cursor"]:
        page = ask(each_api, "pagefix", limit=10, cursor=page["next_cursor"])
        seen += names(page)
    assert len(seen) == len(set(seen)) == 26
    for query, count in (("pagefix owner:team-x", 11), ("pagefix owner:group:default/team-x kind:component", 10),
                         ("pagefix tag:odd lifecycle:experimental", 2), ("pagefix -tag:odd", 14),
                         ("pagefix kind:system", 1), ("pagefix -kind:system", 25), ("pagefix type:library", 0),
                         ("pagefix KIND:Component OWNER:TEAM-Y", 15), ('owner:team-x tag:even', 5),
                         ("pagefix -experimental -kind:system", 20), ("agefi owner:team-y", 15)):
        assert ask(each_api, query, total="true")["total"] == count, query
    assert ask(each_api, "pagefix", kinds="system,domain", total="true")["total"] == 1
    assert ask(each_api, "kind:system kind:component pagefix", total="true")["total"] == 26


def test_phrases(each_api):
    put(each_api, "phrase-one", description="The quick brown fox jumps.")
    put(each_api, "phrase-two", description="The brown quick fox sleeps.")
    settle(each_api)
    assert names(ask(each_api, '"quick brown fox"')) == ["phrase-one"]
    assert sorted(names(ask(each_api, "quick brown fox"))) == ["phrase-one", "phrase-two"]
    assert names(ask(each_api, 'fox -"quick brown"')) == ["phrase-two"]


def test_without_words_everything_is_listed(each_api):
    settle(each_api)
    everything = ask(each_api, total="true", limit=100)
    assert everything["total"] == each_api.get("/api/search/status").json()["documents"]
    assert ask(each_api, "   ", total="true")["total"] == everything["total"]
    assert ask(each_api, "-nowhereword", total="true")["total"] == everything["total"]


HOSTILE = ["'", '"', '""', "'; DROP TABLE search_state; --", "%", "_", "\\", "*", "a*", "AND", "OR NOT", "NEAR(a b)", "(", "((((", ")",
           "a:b:c", ":", "kind:", 'kind:"', "-", "--", "-kind:", "- - -", "\"unclosed", "^a", "{a b}:c", "$1", "<script>", "&|!",
           "\u0301\u0301", "é" * 100, "a" * 500, "a " * 250, "日本語", "тест", "😀", "‮abc", "'a':1 & b", "<->", "x" * 39 + "é"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_is_typed_is_answered(each_api, text):
    page = ask(each_api, text, facets="kind")
    assert isinstance(page["items"], list)
    assert each_api.get("/api/search/query", query={"term": text[:100]}).status == 200


def test_mistakes_are_named(each_api):
    for query, field in (({"q": "a" * 501}, "query:q"), ({"limit": 0}, "query:limit"), ({"limit": 101}, "query:limit"),
                         ({"facets": "nope"}, "query:facets"), ({"colour": "red"}, "query:colour")):
        refused = each_api.get("/api/search", query=query)
        assert refused.status in (400, 422), refused
        assert refused.json()["errors"][0]["pointer"].startswith(field), refused
    for cursor in ("x", "AAAA", "bm90IGEgY3Vyc29y"):
        assert each_api.get("/api/search", query={"cursor": cursor}).status == 400
    put(each_api, "cursor-a"), put(each_api, "cursor-b")
    settle(each_api)
    cursor = ask(each_api, "cursor", limit=1)["next_cursor"]
    assert names(ask(each_api, "cursor", limit=1, cursor=cursor)) == ["cursor-b"]
    assert each_api.get("/api/search", query={"q": "other", "limit": 1, "cursor": cursor}).status == 400


def test_a_rebuild_takes_over_while_searching_goes_on(each_api):
    for i in range(30):
        put(each_api, f"rebuilt-{i:02}")
    settle(each_api)
    before = each_api.get("/api/search/status").json()
    answers, done = [], threading.Event()

    def search():
        while not done.is_set():
            answers.append(ask(each_api, "rebuilt", total="true")["total"])

    thread = threading.Thread(target=search)
    thread.start()
    try:
        job = each_api.post("/api/search/rebuild")
        assert job.status == 202, job
        put(each_api, "rebuilt-meanwhile")
        wait.until(lambda: each_api.get("/api/search/status").json()["generation"] > before["generation"], what="the swap")
        wait.until(lambda: each_api.get(f"/api/jobs/{job.json()['job_id']}").json()["state"] == "succeeded", what="the job")
    finally:
        done.set()
        thread.join()
    settle(each_api)
    assert ask(each_api, "rebuilt", total="true")["total"] == 31
    assert set(answers) <= {30, 31} and answers, answers
    assert each_api.get("/api/search/status").json()["documents"] == before["documents"] + 1


@pytest.mark.parametrize("pg", [False, True], ids=["sqlite", "postgresql"])
def test_nothing_is_lost_when_the_process_is_killed(new_server, pg):
    server = new_server(pg=pg)
    for i in range(40):
        put(server.api, f"killed-{i:02}")
        if i in (10, 25, 39):
            server.kill()
            server.start()
    settle(server.api)
    assert ask(server.api, "killed", total="true")["total"] == 40


def test_another_format_of_words_means_a_rebuild(new_server):
    """As after an update of the program, or of one that had no index: what is there is indexed by the start."""
    server = new_server()
    for i in range(5):
        put(server.api, f"upgraded-{i}")
    settle(server.api)
    server.stop()
    with sqlite3.connect(server.data / "fairway.db") as db:
        db.execute("UPDATE search_state SET format = 0")
        db.execute("DELETE FROM search_documents_a")
        db.execute("INSERT INTO search_words_a (search_words_a) VALUES ('delete-all')")
    server.start()
    settle(server.api)
    assert server.api.get("/api/search/status").json()["generation"] == 2
    assert ask(server.api, "upgraded", total="true")["total"] == 5


def test_many_changes_at_once(new_server, tmp_path):
    """A large read goes to a job; nothing is lost when the process is killed meanwhile."""
    path = tmp_path / "many.yaml"
    path.write_text("".join(
        f"---\napiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {{ name: bulk-{i:04} }}\n"
        "spec: { type: service, lifecycle: production, owner: team-a }\n" for i in range(3000)))
    config = f"catalog:\n  locations:\n    - {{ type: file, target: {path} }}\n"
    server = new_server(config=config)
    wait.until(lambda: server.api.get("/api/catalog/entities/by-query", query={"limit": 0}).json()["totalItems"] > 1000, what="the read")
    server.kill()
    server.start()
    wait.until(lambda: server.api.get("/api/search/status").json()["documents"] >= 3001, deadline_s=60, what="all of them")
    settle(server.api)
    page = ask(server.api, "bulk", total="true", limit=1)
    assert page["total"] >= 1000 and page["total_is_exact"] is False
    assert names(ask(server.api, "bulk-2999"))[0] == "bulk-2999"
    assert ask(server.api, "bulk-1234 kind:component", total="true")["items"][0]["score"] == 1


ORGANIZATION = "00000000-0000-7000-8000-000000000001"


def role(admin, name):
    return admin.get("/api/roles", query={"name": name}).json()["items"][0]["id"]


def bind(admin, user, scope, effect="allow"):
    bound = admin.post("/api/role-bindings", {"subject_kind": "user", "subject_id": user.user["id"], "role_id": role(admin, "viewer"),
                                              "effect": effect, **scope})
    assert bound.status == 201, bound


def backstage(api, term, **query):
    answer = api.get("/api/search/query", query={"term": term, **query})
    assert answer.status == 200, answer
    return answer.json()


def test_what_the_caller_may_not_read_is_not_there(admin, locked):
    teams = {}
    for slug in ("open", "secret"):
        teams[slug] = admin.post("/api/teams", {"org_id": ORGANIZATION, "name": slug, "slug": slug}).json()
        for i in range(3):
            put(admin, f"{slug}-alpha-{i}", owner=teams[slug]["entity_ref"], tags=[slug + "tag"], description=f"{slug} words")
    settle(admin)
    assert ask(admin, "alpha", total="true")["total"] == 6
    ada = new_user(admin, "ada@example.org", role=None)
    eve = new_user(admin, "eve@example.org", role=None)
    assert ada.get("/api/search", query={"q": "alpha"}).status == 403
    bind(admin, ada, {"scope_kind": "team", "scope_id": teams["open"]["id"]})
    bind(admin, eve, {"scope_kind": "platform"})
    bind(admin, eve, {"scope_kind": "team", "scope_id": teams["secret"]["id"]}, effect="deny")
    assert locked.api.get("/api/search", query={"q": "alpha"}).status == 401
    assert locked.api.get("/api/search/query", query={"term": "alpha"}).status == 401
    for reader in (ada, eve):
        page = ask(reader, "alpha", facets="owner,tag,kind")
        assert sorted(names(page)) == ["open-alpha-0", "open-alpha-1", "open-alpha-2"]
        assert page["total"] == 3 and page["facets"]["tag"] == [{"value": "opentag", "count": 3}]
        assert page["facets"]["kind"] == [{"value": "Component", "count": 3}] and len(page["facets"]["owner"]) == 1
        for text in ("secret-alpha-0", "secret words", "secrettag", "ecret-alph", "sceret-alpha-0", "tag:secrettag", '"secret words"'):
            assert not [n for n in names(ask(reader, text, total="true")) if n.startswith("secret-")], text
        found = backstage(reader, "alpha")
        assert found["numberOfResults"] == 3 and len(found["results"]) == 3
        assert backstage(reader, "secret", **{"filters[kind]": "Component"})["numberOfResults"] == 0
        assert not [n for n in names(ask(reader, limit=100)) if n.startswith("secret-")]
    assert ada.get("/api/search/status").status == 403 and ada.post("/api/search/rebuild").status == 403
    task = "/api/search/.backstage/scheduler/v1/tasks/search_index_software_catalog/trigger"
    assert ada.post(task).status == 403 and admin.post(task).status == 200

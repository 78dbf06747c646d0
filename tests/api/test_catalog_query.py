# SPDX-License-Identifier: Apache-2.0
"""Reading, writing and the past of entities, over the wire."""
import json

import pytest

BY_NAME = "/api/catalog/entities/by-name/component/default"


def component(name, **spec):
    return {"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": name},
            "spec": {"type": "service", "lifecycle": "production", "owner": "team-a", **spec}}


def put(api, name, headers=None, **spec):
    return api.request("PUT", f"{BY_NAME}/{name}", json_body=component(name, **spec), headers=headers)


def message(answer):
    return answer.json()["error"]["message"]


def test_an_entity_is_written_read_and_deleted(each_api):
    created = put(each_api, "first")
    assert created.status == 201 and created.headers["ETag"] == '"1"', created
    read = each_api.get(f"{BY_NAME}/FIRST")
    assert read.status == 200 and read.json() == created.json()
    assert put(each_api, "first", headers={"If-Match": '"7"'}, owner="team-b").status == 412
    changed = put(each_api, "first", headers={"If-Match": '"1"'}, owner="team-b")
    assert changed.status == 200 and changed.headers["ETag"] == '"2"', changed
    assert each_api.get(f"{BY_NAME}/first").json()["spec"]["owner"] == "team-b"
    assert changed.json()["metadata"]["uid"] == created.json()["metadata"]["uid"]
    assert each_api.request("DELETE", f"{BY_NAME}/first").status == 204
    gone = each_api.get(f"{BY_NAME}/first")
    assert gone.status == 404
    assert message(gone) == "No entity named 'first' found, with kind 'component' in namespace 'default'"
    assert each_api.request("DELETE", f"{BY_NAME}/first").status == 404


def test_a_bad_entity_is_refused_with_the_reason(each_api):
    other = each_api.request("PUT", f"{BY_NAME}/one", json_body=component("other"))
    assert other.status == 400 and "the path names component:default/one" in message(other), other
    bad = component("one")
    del bad["spec"]["owner"]
    refused = each_api.request("PUT", f"{BY_NAME}/one", json_body=bad)
    assert refused.status == 400 and "owner" in message(refused), refused
    assert each_api.get(f"{BY_NAME}/one").status == 404


def test_the_past_of_an_entity(each_api):
    for owner in ("a", "b", "c"):
        assert put(each_api, "past", owner=owner).status in (200, 201)
    page = each_api.get(f"{BY_NAME}/past/history", query={"limit": 2}).json()
    assert [r["revision"] for r in page["items"]] == [3, 2]
    assert page["items"][0]["valid_to"] is None
    assert page["items"][0]["valid_from"] == page["items"][1]["valid_to"]
    rest = each_api.get(f"{BY_NAME}/past/history", query={"cursor": page["next_cursor"]}).json()
    assert [r["revision"] for r in rest["items"]] == [1] and rest["next_cursor"] is None
    first = each_api.get(f"{BY_NAME}/past/history/1").json()
    assert first["entity"]["spec"]["owner"] == "a"
    then = each_api.get(f"{BY_NAME}/past/state", query={"at": first["valid_from"]}).json()
    assert then == first
    assert each_api.get(f"{BY_NAME}/past/state", query={"at": "2001-01-01T00:00:00Z"}).status == 404
    diff = each_api.get(f"{BY_NAME}/past/diff", query={"from": 1}).json()
    assert diff["changes"] == [{"op": "replace", "path": "/spec/owner", "from": "a", "value": "c"}]
    assert diff["text"] == '~ /spec/owner: "a" -> "c"\n' and diff["complete"] is True
    assert each_api.get(f"{BY_NAME}/past/history/9").status == 404
    assert each_api.get(f"{BY_NAME}/past/history", query={"cursor": "x"}).status == 400
    assert each_api.request("DELETE", f"{BY_NAME}/past").status == 204
    after = each_api.get(f"{BY_NAME}/past/history").json()["items"]
    assert after[0]["deleted"] is True and after[0]["revision"] == 3
    assert each_api.get(f"{BY_NAME}/never/history").status == 404


REFUSED = [
    ("/entities?filter=", "Empty value found for query parameter 'filter'"),
    ("/entities?limit=0", "Invalid limit, must be greater than zero"),
    ("/entities?limit=1&after=zzz", "Malformed after cursor, could not be parsed"),
    ("/entities?limit=1&after=eyJsaW1pdCI6IngifQ==", "Malformed after cursor, limit was not an number"),
    ("/entities?fields=metadata.tags[0]", 'Invalid field "metadata.tags[0]", array type fields are not supported'),
    ("/entities?x=1", "Unknown query parameter 'x'"),
    ("/entities/by-query?orderField=kind,up", "Invalid order field order, must be asc or desc"),
    ("/entities/by-query?totalItems=maybe",
     "request/query/totalItems must be equal to one of the allowed values: include, exclude"),
    ("/entities/by-name/component/default/x?fields=kind", "Unknown query parameter 'fields'"),
]


@pytest.mark.parametrize("path, words", REFUSED)
def test_bad_requests_are_refused_in_backstages_words(api, path, words):
    answer = api.get("/api/catalog" + path)
    assert answer.status == 400 and message(answer) == words, answer
    assert answer.json()["request"] == {"method": "GET", "url": path}


def test_pages_of_entities_link_to_the_next(each_api):
    for i in range(5):
        put(each_api, f"page-{i}")
    want = [f"page-{i}" for i in range(5)]
    seen, path = [], "/api/catalog/entities?filter=metadata.name%3Dpage-0&filter=metadata.name=page-1" \
        "&filter=metadata.name=page-2&filter=metadata.name=page-3&filter=metadata.name=page-4&limit=2&offset=0"
    while path:
        answer = each_api.get(path)
        seen += [e["metadata"]["name"] for e in answer.json()]
        link = answer.headers["Link"]
        assert link is None or "offset=" not in link
        path = "/api/catalog" + link[1:link.index(">")] if link else None
    assert seen == want


def test_a_long_list_comes_whole(new_server):
    server = new_server()
    many = 1500
    for i in range(many):
        entity = component(f"long-{i}")
        entity["metadata"]["description"] = "x" * 4000
        assert server.api.request("PUT", f"{BY_NAME}/long-{i}", json_body=entity).status == 201
    answer = server.api.get("/api/catalog/entities?order=asc:metadata.name")
    assert len(answer.body) > 6 * 1024 * 1024
    names = [e["metadata"]["name"] for e in json.loads(answer.body) if e["kind"] == "Component"]
    assert len(names) == many and names == sorted(names)


def test_items_of_lists_are_facets_too(each_api):
    """As in Backstage, where a list of texts has a row `path.item = true` for each."""
    for name, tags in (("tagged-a", ["go", "web"]), ("tagged-b", ["go"]), ("tagged-c", ["java"])):
        body = component(name, owner="team-tags", list=["x.y"])
        body["metadata"]["tags"] = tags
        assert each_api.request("PUT", f"{BY_NAME}/{name}", json_body=body).status == 201
    facets = each_api.get("/api/catalog/entity-facets", query=[
        ("facet", "metadata.tags.go"), ("facet", "metadata.tags.rust"), ("facet", "spec.list.x.y"),
        ("facet", "metadata.tags"), ("filter", "spec.owner=team-tags")]).json()["facets"]
    assert facets["metadata.tags.go"] == [{"value": "true", "count": 2}]
    assert facets["metadata.tags.rust"] == []
    assert facets["spec.list.x.y"] == [{"value": "true", "count": 3}]
    assert [f["value"] for f in facets["metadata.tags"]] == ["go", "java", "web"]


def test_facets_count_what_a_text_leaves(each_api):
    for name, lifecycle, title in (("texted-a", "alpha", "Quayside crane"), ("texted-b", "beta", "Lighthouse"),
                                   ("quayside-c", "beta", None)):
        body = component(name, owner="team-texts", lifecycle=lifecycle)
        if title:
            body["metadata"]["title"] = title
        assert each_api.request("PUT", f"{BY_NAME}/{name}", json_body=body).status == 201
    where = [("facet", "spec.lifecycle"), ("filter", "spec.owner=team-texts")]

    def counted(*more):
        facets = each_api.get("/api/catalog/entity-facets", query=[*where, *more]).json()["facets"]
        return {f["value"]: f["count"] for f in facets["spec.lifecycle"]}

    assert counted() == {"alpha": 1, "beta": 2} == counted(("fullTextFilterTerm", " "))
    assert counted(("fullTextFilterTerm", "QUAY")) == {"alpha": 1, "beta": 1}
    assert counted(("fullTextFilterTerm", "quay"), ("fullTextFilterFields", "metadata.title")) == {"alpha": 1}
    assert counted(("fullTextFilterTerm", "nowhere at all")) == {}
    asked = each_api.request("POST", "/api/catalog/entity-facets", json_body={
        "facets": ["spec.lifecycle"], "query": {"spec.owner": "team-texts"}, "fullTextFilter": {"term": "light"}})
    assert asked.json()["facets"] == {"spec.lifecycle": [{"value": "beta", "count": 1}]}
    long = each_api.get("/api/catalog/entity-facets", query=[*where, ("fullTextFilterTerm", "x" * 1001)])
    assert long.status >= 400 and "1000 bytes" in message(long)

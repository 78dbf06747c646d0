# SPDX-License-Identifier: Apache-2.0
"""Backstage's location operations and validate-entity: what they refuse, in Backstage's words, and dry runs."""
import base64
import json

import pytest

from support.files import Files

CATALOG = "/api/catalog"
GOOD = {"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": "good"},
        "spec": {"type": "service", "lifecycle": "x", "owner": "me"}}
UNKNOWN_KEY = """Malformed request: [
  {
    "code": "unrecognized_keys",
    "keys": [
      "colour"
    ],
    "path": [],
    "message": "Unrecognized key(s) in object: 'colour'"
  }
]"""
NO_LOCATION = """Malformed request: [
  {
    "code": "invalid_type",
    "expected": "string",
    "received": "undefined",
    "path": [
      "location"
    ],
    "message": "Required"
  }
]"""


def message(answer):
    return answer.json()["error"]["message"]


@pytest.mark.parametrize("method, path, body", [
    ("GET", "/locations?x=1", None),
    ("POST", "/locations?x=1", {"type": "url", "target": "https://h/x"}),
    ("GET", "/locations/some?x=1", None),
    ("DELETE", "/locations/some?x=1", None),
    ("GET", "/locations/by-entity/component/default/good?x=1", None),
    ("POST", "/locations/by-query?x=1", {}),
    ("POST", "/refresh?x=1", {"entityRef": "component:default/good"}),
    ("POST", "/analyze-location?x=1", {"location": {"type": "url", "target": "https://h/x"}}),
])
def test_unknown_query_parameters_are_refused(api, method, path, body):
    answer = api.request(method, CATALOG + path, json_body=body)
    assert (answer.status, message(answer)) == (400, "Unknown query parameter 'x'"), answer


@pytest.mark.parametrize("path, status", [
    ("/entities/", 200), ("/entities/by-query/?limit=0", 200), ("/locations/", 200), ("/nothing/", 404), ("/", 404),
])
def test_a_slash_at_the_end_does_not_matter(api, path, status):
    answer = api.get(CATALOG + path)
    assert answer.status == status and (status == 200 or answer.body == b""), answer


def test_a_location_with_unknown_members_is_refused(api):
    answer = api.post(f"{CATALOG}/locations", json_body={"type": "url", "target": "https://h/x", "colour": "red"})
    assert (answer.status, message(answer)) == (400, UNKNOWN_KEY), answer


@pytest.mark.parametrize("body, words", [
    ({"limit": 0}, "Limit must be a positive integer >= 1"),
    ({"limit": 1.5}, "Limit must be a positive integer >= 1"),
    ({"limit": "1"}, "request/body/limit must be number"),
    ({"cursor": ""}, "Cursor cannot be empty"),
    ({"cursor": "x"}, "Malformed cursor, unknown encoding"),
    ({"cursor": base64.b64encode(b"{}").decode()}, 'Malformed cursor: Validation error: Required at "limit"'),
    ({"query": {"$x": 1}}, 'Invalid query: Validation error: Invalid at "$x"'),
    ({"query": []}, "request/body/query must be object"),
])
def test_bad_queries_for_locations(api, body, words):
    answer = api.post(f"{CATALOG}/locations/by-query", json_body=body)
    assert (answer.status, message(answer)) == (400, words), answer


def test_locations_are_queried_page_by_page(each_api):
    for i in range(5):
        body = {"type": "url", "target": f"https://h.invalid/{i}"}
        assert each_api.post(f"{CATALOG}/locations", json_body=body).status == 201
    body = {"limit": 2, "query": {"$not": {"target": "https://h.invalid/3"}}}
    seen = []
    while body:
        page = each_api.post(f"{CATALOG}/locations/by-query", json_body=body).json()
        assert page["totalItems"] == 4
        seen += [i["target"] for i in page["items"]]
        cursor = page["pageInfo"].get("nextCursor")
        body = cursor and {"cursor": cursor}
    assert seen == [f"https://h.invalid/{i}" for i in (0, 1, 2, 4)]
    prefix = each_api.post(f"{CATALOG}/locations/by-query", json_body={"query": {"target": {"$hasPrefix": "https://h.INVALID/4"}}})
    assert [i["target"] for i in prefix.json()["items"]] == ["https://h.invalid/4"]


PARSE = "Unable to parse location ref '{}', expected '<type>:<target>', e.g. 'url:https://host/path'"


@pytest.mark.parametrize("body, name, words", [
    ({}, "InputError", "Empty request body"),
    ({"entity": GOOD}, "InputError", NO_LOCATION),
    ({"location": "url:https://h/x"}, "TypeError", "<root> must be object - type: object"),
    ({"entity": [], "location": "url:https://h/x"}, "TypeError", "<root> must be object - type: object"),
    ({"entity": GOOD, "location": "nonsense"}, "TypeError", PARSE.format("nonsense")),
    ({"entity": GOOD, "location": "url:"}, "TypeError", PARSE.format("url:")),
    ({"entity": GOOD, "location": "https://h/x"}, "TypeError",
     "Invalid location ref 'https://h/x', please prefix it with 'url:', e.g. 'url:https://h/x'"),
    ({"entity": GOOD, "location": "file:x"}, "TypeError",
     "Invalid location ref file:x, only 'url:<target>' is supported, e.g. url:https://host/path"),
])
def test_validate_tells_of_every_mistake_in_its_own_form(api, body, name, words):
    answer = api.post(f"{CATALOG}/validate-entity", json_body=body)
    assert answer.status == 400
    assert answer.json() == {"errors": [{"name": name, "message": words}]}, answer


@pytest.fixture
def files():
    with Files() as running:
        yield running


@pytest.fixture
def reading(new_server, files):
    return new_server(config=f"backend: {{ reading: {{ allow: [{{ host: '127.0.0.1:{files.port}' }}] }} }}\n").api


def component(name):
    return json.dumps(GOOD | {"metadata": {"name": name}})


def location(name, *targets):
    return json.dumps({"apiVersion": "backstage.io/v1alpha1", "kind": "Location", "metadata": {"name": name},
                       "spec": {"targets": targets}})


@pytest.mark.parametrize("switch", ["true", "YES", "1", "on", "t", "y"])
def test_a_dry_run_shows_what_is_found_from_the_last_to_the_first(reading, files, switch):
    files["/all.yaml"] = "\n---\n".join((component("a"), location("inner", "./b.yaml", "./c.yaml"), component("d")))
    files["/b.yaml"], files["/c.yaml"] = component("b"), component("c")
    answer = reading.post(f"{CATALOG}/locations?dryRun={switch}", json_body={"type": "url", "target": files.url + "/all.yaml"})
    assert answer.status == 201, answer
    names = [e["metadata"]["name"] for e in answer.json()["entities"]]
    assert names[1:] == ["d", "inner", "c", "b", "a"]
    assert reading.get(f"{CATALOG}/locations").json() == []


def test_a_dry_run_tells_of_all_targets_that_cannot_be_read(reading, files):
    files["/all.yaml"] = location("all", "./gone.yaml", "./list.yaml", "./broken.yaml")
    files["/list.yaml"], files["/broken.yaml"] = "- x\n", "a: [\n"
    answer = reading.post(f"{CATALOG}/locations?dryRun=true", json_body={"type": "url", "target": files.url + "/all.yaml"})
    assert answer.status == 400
    assert message(answer).startswith(
        f"NotFoundError: Unable to read url, no matching files found for {files.url}/gone.yaml, "
        "Error: Expected object at root, got object, "
        f"Error: YAML error at url:{files.url}/broken.yaml, line 2, column 1: "), answer


def test_a_dry_run_refuses_an_entity_that_comes_twice(reading, files):
    files["/all.yaml"] = component("a") + "\n---\n" + component("A")
    answer = reading.post(f"{CATALOG}/locations?dryRun=true", json_body={"type": "url", "target": files.url + "/all.yaml"})
    assert (answer.status, message(answer)) == (400, "Duplicate nested entity: component:default/a"), answer


def test_validate_reads_what_a_location_names(reading, files):
    files["/here.yaml"] = component("here")

    def errors(**spec):
        entity = {"apiVersion": "backstage.io/v1alpha1", "kind": "Location", "metadata": {"name": "l"}, "spec": spec}
        answer = reading.post(f"{CATALOG}/validate-entity", json_body={"entity": entity, "location": f"url:{files.url}/l.yaml"})
        return [(e["name"], e["message"]) for e in answer.json()["errors"]] if answer.status == 400 else answer.status

    gone = f"Unable to read url, no matching files found for {files.url}/gone.yaml"
    assert errors(targets=["./here.yaml"]) == 200 and errors() == 200
    assert errors(targets=["./here.yaml", "./gone.yaml"]) == [("NotFoundError", gone)]
    assert errors(target="./gone.yaml", presence="optional") == 200
    (unknown,) = errors(type="floppy", target="/x")
    assert unknown == ("InputError", "No processor was able to handle reading of floppy:/x")
    (refused,) = errors(target="https://elsewhere.invalid/x")
    assert "Reading from 'https://elsewhere.invalid/x' is not allowed" in refused[1]
    (local,) = errors(type="file", target="/etc/hostname")
    assert local[0] == "NotAllowedError"

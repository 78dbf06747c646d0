# SPDX-License-Identifier: Apache-2.0
"""Every operation of the contract is called with its examples, on a real server, and must succeed (or give the
status whose response has an example of the same name). The builds for tests check each answer against the
contract themselves: an answer that does not fit is a 500.

Path parameters come from what the example of the collection creates, else from the parameter's `example`, else from
the first item of the collection's list. The server has read examples/catalog-info.yaml: examples may speak of
component:default/cart. An operation whose parameters or body no example fills is skipped by name."""
import json
import os
import re
import urllib.parse

import pytest

from support.server import FairwayServer, binary

HERE = os.path.dirname(os.path.abspath(__file__))
DOCUMENT = os.path.join(os.path.dirname(binary() or "."), "gen", "openapi.json")
CONFIG = os.path.join(HERE, "examples", "app-config.yaml")
RANK = {"get": 1, "put": 2, "patch": 2, "post": 3, "delete": 5}


def load():
    if not os.path.exists(DOCUMENT):
        return {"paths": {}, "components": {}}
    with open(DOCUMENT, encoding="utf-8") as f:
        return json.load(f)


document = load()


def resolve(node):
    while isinstance(node, dict) and "$ref" in node:
        target = document
        for part in node["$ref"][2:].split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def record_of(op, verb):
    records = op.get("x-records") or {}
    return records.get("schema") if records.get("verb") == verb else None


def creates(path, method, op):
    """Does its example make something that operations below the path can be tried on?"""
    return method == "post" and (record_of(op, "create") or
                                 ("201" in op["responses"] and bodies(op) and path + "/{id}" in document["paths"]))


def depth(schema, seen=()):
    """How many records must be there before one of these."""
    if schema in seen:
        return 0
    properties = document["components"]["schemas"][schema]["properties"].values()
    return 1 + max([depth(p["x-references"], (*seen, schema)) for p in properties if "x-references" in p], default=0)


def rank(path, method, op):
    """Created in the order of dependence, deleted in the opposite one, then restored."""
    if creates(path, method, op):
        return (0, path.count("{"), depth(record_of(op, "create")) if record_of(op, "create") else 0)
    if record_of(op, "restore"):
        return (6, path.count("{"), depth(record_of(op, "restore")))
    if method == "delete" and record_of(op, "delete"):
        return (5, -path.count("{"), -depth(record_of(op, "delete")))
    return (RANK[method], path.count("{"), 0)


def operations():
    found = [(path, method, op) for path, item in document["paths"].items() for method, op in item.items()]
    return sorted(found, key=lambda x: rank(*x))


def media(op):
    content = resolve(op.get("requestBody") or {}).get("content") or {}
    return next(iter(content.items()), (None, {}))


def bodies(op):
    """name, value of each request example."""
    _, entry = media(op)
    named = {name: resolve(e)["value"] for name, e in (entry.get("examples") or {}).items()}
    if "example" in entry:
        named["example"] = entry["example"]
    return named


def is_stream(op):
    return any("text/event-stream" in resolve(r).get("content", {}) for r in op["responses"].values())


CASES = [(path, method, name) for path, method, op in operations() if not is_stream(op)
         for name in (bodies(op) or {None: None})]


def made_id(answer):
    """The id of what was created: at the top, or in the one object that carries it."""
    return answer["id"] if "id" in answer else next(v["id"] for v in answer.values() if isinstance(v, dict) and "id" in v)


class World:
    """What the examples have created so far."""

    def __init__(self, api):
        self.api = api
        self.made = {}  # collection path with values -> (id, answer)

    def collection_of(self, schema):
        for path, item in document["paths"].items():
            if "post" in item and record_of(item["post"], "create") == schema:
                return path
        return None

    def filled(self, template, op):
        """The path with values, and whether it names something that no example has made: its state may not fit."""
        done, borrowed = "", False
        for m in re.finditer(r"/(?:\{([^}]+)\}|[^/{]*)", template):
            if not m[1]:
                done += m[0]
                continue
            prefix = template[:m.start()]
            create = document["paths"].get(prefix, {}).get("post")
            if create and creates(prefix, "post", create):
                done += "/" + self.ensure(done, create)[0]
                continue
            parameter = next(p for p in map(resolve, op["parameters"]) if p["name"] == m[1])
            borrowed = "example" not in parameter
            value = self.first_id(done) if borrowed else parameter["example"]
            if value is None:
                pytest.skip(f"no example fills {m[0]} of {template}")
            done += "/" + urllib.parse.quote(str(value), safe="")
        return done, borrowed

    def written(self, template):
        """Whatever lies on the way and is made by PUT is put there as its example says."""
        for path, item in document["paths"].items():
            example = next(iter(bodies(item["put"]).values()), None) if "put" in item else None
            if example and not record_of(item["put"], "replace") and (template + "/").startswith(path + "/"):
                put = item["put"]
                if all("example" in p for p in map(resolve, put["parameters"]) if p["in"] == "path"):
                    # Twice, so that it has a history.
                    for body in ({**example, "metadata": {**example["metadata"], "title": "Earlier"}}, example):
                        answer = self.api.put(self.filled(path, put)[0], body)
                        assert answer.status in (200, 201, 204), f"PUT {path}: {answer}"

    def first_id(self, collection):
        answer = self.api.get(collection)
        page = answer.json() if answer.status == 200 else None
        items = page.get("items") if isinstance(page, dict) else None
        return items[0].get("id") if items else None

    def ensure(self, path, create):
        if path not in self.made:
            body = next(iter(bodies(create).values()))
            if record_of(create, "create"):
                body = self.with_references(record_of(create, "create"), body)
            answer = self.api.post(path, body)
            assert answer.status == 201, f"POST {path}: {answer}"
            self.made[path] = (made_id(answer.json()), answer)
        return self.made[path]

    def with_references(self, schema, body):
        """The ids that an example refers to are those of the referenced records' examples."""
        body, used = dict(body), set()
        for name, prop in document["components"]["schemas"][schema]["properties"].items():
            to = prop.get("x-references")
            if to and to != schema and name in body:
                template = self.collection_of(to)
                if template and "{" not in template:
                    create = document["paths"][template]["post"]
                    body[name] = self.other(template, create) if template in used else self.ensure(template, create)[0]
                    used.add(template)
        if body.get("subject_kind") == "user":  # which record an id is of, another field says
            template = self.collection_of("User")
            body["subject_id"] = self.ensure(template, document["paths"][template]["post"])[0]
        return body

    def other(self, path, create):
        """The id of a second record beside the example's."""
        if (path, "other") not in self.made:
            example = next(iter(bodies(create).values()))
            answer = self.api.post(path, {**example, "name": example["name"] + "-other"})
            assert answer.status == 201, f"POST {path}: {answer}"
            self.made[path, "other"] = (made_id(answer.json()), answer)
        return self.made[path, "other"][0]


@pytest.fixture(scope="module")
def world(binary):
    with FairwayServer(args=["--config", CONFIG]) as running:
        yield World(running.api)


def expected(op, name):
    with_same_name = [status for status, r in op["responses"].items()
                      for entry in resolve(r).get("content", {}).values() if name in (entry.get("examples") or {})]
    return with_same_name or [s for s in op["responses"] if s.startswith("2")]


@pytest.mark.parametrize("path,method,name", CASES, ids=[f"{m}-{p}" + (f"-{n}" if n else "") for p, m, n in CASES])
def test_example(world, path, method, name):
    op = document["paths"][path][method]
    if "Second factors" in op["tags"]:
        pytest.skip("needs the session of a person, which an open server has not: test_second_factors.py")
    if creates(path, method, op):
        made, answer = world.ensure(world.filled(path, op)[0], op)
        assert not record_of(op, "create") or ("ETag" in answer.headers and answer.headers["Location"].endswith(made))
        return
    kind, _ = media(op)
    body = bodies(op).get(name)
    required = resolve(op.get("requestBody") or {}).get("required")
    if body is None and required:
        pytest.skip("the body has no example")
    schema = record_of(op, "replace") or record_of(op, "patch")
    if schema:
        body = world.with_references(schema, body)
    if method == "get":
        world.written(path)
    target, borrowed = world.filled(path, op)
    query = [f"{p['name']}={p['example']}" for p in map(resolve, op["parameters"]) if p["in"] == "query" and "example" in p]
    headers = {"Content-Type": kind} if kind else {}
    text = body if isinstance(body, str) and kind and "json" not in kind else None if body is None else json.dumps(body)
    answer = world.api.request(method.upper(), target + ("?" + "&".join(query) if query else ""), text, headers=headers)
    wanted = expected(op, name) + (["409"] if borrowed and "409" in op["responses"] else [])
    assert str(answer.status) in wanted, f"{method} {target}: {answer}"
    if method == "delete":
        # what cannot be restored is made again for whoever needs it
        if path + "/restore" not in document["paths"]:
            world.made.pop(target.rsplit("/", 1)[0], None)


@pytest.mark.parametrize("path", ["/api", "/api/organizations", "/api/catalog/locations"])
def test_unknown_version_is_refused(world, path):
    answer = world.api.request("GET", path, headers={"Fairway-Version": "1999-01-01"})
    assert answer.status == 400
    assert answer.headers["Fairway-Version"] == document["info"]["version"]

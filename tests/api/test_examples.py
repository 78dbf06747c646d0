# SPDX-License-Identifier: Apache-2.0
"""Every operation of the contract is called with its examples, on a real server, and must succeed (or give the
status whose response has an example of the same name). The builds for tests check each answer against the
contract themselves: an answer that does not fit is a 500.

Path parameters come from what the example of the collection creates, else from the parameter's `example`."""
import json
import os
import re

import pytest

from support.server import FairwayServer, binary

HERE = os.path.dirname(os.path.abspath(__file__))
DOCUMENT = os.path.join(os.path.dirname(binary() or "."), "gen", "openapi.json")
CONFIG = os.path.join(HERE, "examples.yaml")
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


def rank(path, method, op):
    if record_of(op, "create"):
        return (0, path.count("{"))
    if record_of(op, "restore"):
        return (6, 0)
    return (RANK[method], -path.count("/") if method == "delete" else 0)


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
        """The path with values: {x} after a collection that can be created is the id of its example."""
        done = ""
        for part in re.findall(r"/[^/]*", template):
            m = re.fullmatch(r"/\{(.+)\}", part)
            if not m:
                done += part
                continue
            prefix = template[:template.index(part)]
            create = document["paths"].get(prefix, {}).get("post")
            if create and record_of(create, "create"):
                done += "/" + self.ensure(prefix, done, create)[0]
                continue
            value = next(resolve(p) for p in op["parameters"] if resolve(p)["name"] == m[1]).get("example")
            assert value is not None, f"the path parameter {m[1]} of {template} needs an example"
            done += "/" + str(value)
        return done

    def ensure(self, template, path, create):
        if path not in self.made:
            body = self.with_references(record_of(create, "create"), next(iter(bodies(create).values())))
            answer = self.api.post(path, body)
            assert answer.status == 201, f"POST {path}: {answer}"
            self.made[path] = (answer.json()["id"], answer)
        return self.made[path]

    def with_references(self, schema, body):
        """The ids that an example refers to are those of the referenced records' examples."""
        body = dict(body)
        for name, prop in document["components"]["schemas"][schema]["properties"].items():
            to = prop.get("x-references")
            if to and to != schema and name in body:
                template = self.collection_of(to)
                if template and "{" not in template:
                    create = document["paths"][template]["post"]
                    body[name] = self.ensure(template, template, create)[0]
        return body


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
    if record_of(op, "create"):
        _, answer = world.ensure(path, world.filled(path, op), op)
        assert "ETag" in answer.headers and answer.headers["Location"].endswith(answer.json()["id"])
        return
    kind, _ = media(op)
    body = bodies(op).get(name)
    required = resolve(op.get("requestBody") or {}).get("required")
    assert body is not None or not required, "the body needs an example"
    schema = record_of(op, "replace") or record_of(op, "patch")
    if schema:
        body = world.with_references(schema, body)
    target = world.filled(path, op)
    query = [f"{p['name']}={p['example']}" for p in map(resolve, op["parameters"]) if p["in"] == "query" and "example" in p]
    headers = {"Content-Type": kind} if kind else {}
    text = body if isinstance(body, str) and kind and "json" not in kind else None if body is None else json.dumps(body)
    answer = world.api.request(method.upper(), target + ("?" + "&".join(query) if query else ""), text, headers=headers)
    assert str(answer.status) in expected(op, name), f"{method} {target}: {answer}"
    if record_of(op, "delete"):
        # what cannot be restored is made again for whoever needs it
        if path + "/restore" not in document["paths"]:
            world.made.pop(target.rsplit("/", 1)[0], None)


@pytest.mark.parametrize("path", [p for p, m, _ in CASES if m == "get" and "{" not in p])
def test_unknown_version_is_refused(world, path):
    answer = world.api.request("GET", path, headers={"Fairway-Version": "1999-01-01"})
    assert answer.status == 400
    assert answer.headers["Fairway-Version"] == document["info"]["version"]

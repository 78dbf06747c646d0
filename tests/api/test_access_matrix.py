# SPDX-License-Identifier: Apache-2.0
"""Every operation of the contract, called by everybody, on both databases; what is answered is compared with the permission
that the contract declares and with src/modules/access/roles.yaml. A new operation is covered by being in the contract.

The things that operations speak of are real: made by the examples (as in test_examples.py), anew for whoever may destroy
them. Who calls:

    anonymous, expired key, ended session     401, whatever it is
    viewer … admin, without a role            403 without the permission; with it neither 401, 403 nor 404
    denied                                    admin, but the role viewer is denied
    narrow key                                an administrator's key with two scopes
    foreign, foreign key                      administrator of another organization: 403, or the 404 of what is not there,
                                              word for word; lists, totals and facets that hold nothing of it"""
import json
import re
import time
import uuid

import pytest
import test_examples as examples
import yaml
from support.api import Api
from support.identity import NO_LIMITS, first_admin, login, new_user
from support.server import ROOT, FairwayServer

document = examples.document
ROLES = yaml.safe_load((ROOT / "src" / "modules" / "access" / "roles.yaml").read_text())
PATTERNS = {role["name"]: role["permissions"] for role in ROLES["roles"]}
EVERYONE = ROLES["everyone"]
SHARED = {"Role", "CatalogKind"}  # readable by whoever may read them anywhere (docs/reference/access.md)
OWN = {"ApiKey"}  # of these, everybody has those that are their own
SCOPES = ["Service:read", "Team:*"]
OPERATIONS = [(path, method) for path, method, op in examples.operations() if not examples.is_stream(op) or method == "get"]
NOBODY = ("anonymous", "expired key", "ended session")


def fits(pattern, permission):
    return all(p in ("*", q) for p, q in zip(pattern.split(":"), permission.split(":")))


def holds(patterns, permission):
    return any(fits(p, permission) for p in patterns)


def permission_of(op):
    needed = op.get("x-permission")
    return f"{needed['on']}:{needed['action']}" if needed else None


def may(caller, permission):
    """What the contract and the roles say of somebody bound on the platform."""
    if caller == "narrow key":
        return holds(SCOPES, permission) or permission == "Self:read"  # any key may ask whose it is
    if permission in EVERYONE:
        return True
    if caller == "denied":
        return not holds(PATTERNS["viewer"], permission)
    return caller in PATTERNS and holds(PATTERNS[caller], permission)


def sample(schema):
    """Something that fits a schema whose body has no example."""
    schema = examples.resolve(schema)
    kind = schema.get("type")
    if "examples" in schema:
        return schema["examples"][0]
    if "default" in schema or "enum" in schema:
        return schema["default"] if "default" in schema else schema["enum"][0]
    if kind == "object":
        return {name: sample(schema["properties"][name]) for name in schema.get("required", [])}
    if kind == "array":
        return [sample(schema["items"])] * schema.get("minItems", 0)
    if schema.get("format") == "uuid":
        return str(uuid.uuid4())
    return {"string": "x" * max(schema.get("minLength", 1), 1), "integer": schema.get("minimum", 1), "boolean": False}.get(kind)


class Everybody:
    """Whoever may call, by name; who has been signed out signs in again."""

    def __init__(self, server):
        self.server = server
        self.key_ids = []
        self.admin = first_admin(server, "first@example.org")
        self.made = time.monotonic()
        soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
        self.keys = {"expired key": self.key(self.admin, ["*:*"], expires_at=soon),
                     "narrow key": self.key(self.admin, SCOPES)}
        gone = new_user(self.admin, "gone@example.org")
        assert gone.post("/api/auth/logout").status == 204
        self.people = {"ended session": gone}
        for name in (*PATTERNS, "denied", "nobody", "foreign"):
            role = {"denied": "admin", "nobody": None, "foreign": None}.get(name, name)
            self.people[name] = new_user(self.admin, f"{name}@example.org", role=role)
        self.bind("denied", "viewer", {"scope_kind": "platform"}, effect="deny")
        other = self.admin.post("/api/organizations", {"name": "Other", "slug": "other"}).json()["id"]
        self.bind("foreign", "admin", {"scope_kind": "organization", "scope_id": other})
        made = self.admin.post("/api/service-accounts", {"name": "foreign"}).json()
        self.bind(made["id"], "admin", {"scope_kind": "organization", "scope_id": other}, kind="service_account")
        self.keys["foreign key"] = self.key(self.admin, ["*:*"], service_account_id=made["id"])
        time.sleep(max(0, 4 - (time.monotonic() - self.made)))

    def key(self, owner, scopes, **more):
        made = owner.post("/api/api-keys", {"name": "k", "scopes": scopes, **more})
        assert made.status == 201, made
        self.key_ids.append(made.json()["api_key"]["id"])
        return made.json()["key"]

    def bind(self, who, role, scope, effect="allow", kind="user"):
        subject = self.people[who].user["id"] if who in self.people else who
        [found] = self.admin.get("/api/roles", query={"name": role}).json()["items"]
        made = self.admin.post("/api/role-bindings", {"subject_kind": kind, "subject_id": subject, "role_id": found["id"],
                                                      "effect": effect, **scope})
        assert made.status == 201, made

    def api(self, name):
        if name == "anonymous":
            return Api(self.server.url)
        if name in self.keys:
            return Api(self.server.url, headers={"Authorization": "Bearer " + self.keys[name]})
        return self.people[name]

    def sign_in_again(self):
        """After an operation that may have ended somebody's session."""
        if self.admin.get("/api/auth/me").status == 401:
            self.admin.headers.update(login(self.server, "first@example.org").headers)
        for name, api in self.people.items():
            if name != "ended session" and api.get("/api/auth/me").status == 401:
                api.headers.update(login(self.server, f"{name}@example.org").headers)


class World(examples.World):
    """What no example makes is the first that is there and nobody here needs, else an id that nobody has."""

    def with_references(self, schema, body):
        """Whom a binding names is somebody, too."""
        body = super().with_references(schema, body)
        if body.get("subject_kind") == "user":
            body["subject_id"] = self.ensure("/api/users", document["paths"]["/api/users"]["post"])[0]
        return body

    def first_id(self, collection):
        if collection == "/api/api-keys":  # the administrator's, whoever made one meanwhile
            made = self.api.post(collection, {"name": "spare", "scopes": ["Team:read"]})
            assert made.status == 201, made
            return made.json()["api_key"]["id"]
        answer = self.api.get(collection)
        items = answer.json().get("items", []) if answer.status == 200 and isinstance(answer.json(), dict) else []
        return next((i["id"] for i in items if i.get("id") not in (None, *self.everybody.key_ids)), str(uuid.uuid4()))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request, binary):
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with FairwayServer(auth=None, database_url=url, env=NO_LIMITS, args=["--config", examples.CONFIG]) as running:
        everybody = Everybody(running)
        world = World(everybody.admin)
        world.everybody = everybody
        yield world


class Request:
    """An operation with everything it wants, so that nothing but who calls decides."""

    def __init__(self, world, path, method, op):
        self.method = method.upper()
        kind, entry = examples.media(op)
        body = next(iter(examples.bodies(op).values()), None)
        if body is None and entry:
            body = sample(entry["schema"])
        schema = next(filter(None, (examples.record_of(op, verb) for verb in ("create", "replace", "patch"))), None)
        if schema:
            body = world.with_references(schema, body)
        if method in ("get", "delete"):
            world.written(path)
        self.target, self.is_borrowed = world.filled(path, op)
        query = [f"{p['name']}={','.join(v) if isinstance(v := p['example'], list) else v}"
                 for p in map(examples.resolve, op.get("parameters", [])) if p["in"] == "query" and "example" in p]
        self.query = "?" + "&".join(query) if query else ""
        self.headers = {"Content-Type": kind} if kind else {}
        self.body = body if body is None or (isinstance(body, str) and "json" not in kind) else json.dumps(body)

    def send(self, api, target=None):
        return api.request(self.method, (target or self.target) + self.query, self.body, headers=self.headers)


def is_placed(op, path):
    """Does what the operation is about lie in an organization? Else the platform decides."""
    name = op["x-permission"]["on"]
    fields = document["components"]["schemas"].get(name, {}).get("properties", {})
    return name in ("Organization", "Team", "Service", "RoleBinding") or \
        any(fields.get(f, {}).get("x-references") for f in ("org_id", "team_id", "service_id"))


def without_ids(answer):
    """What a refusal says, but for the ids in it and its own."""
    said = {k: v for k, v in answer.json().items() if k not in ("request_id", "instance")}
    return answer.status, re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", json.dumps(said, sort_keys=True))


def is_allowed(answer, permission):
    """Neither refused for want of this permission nor broken. Some operations ask for more: to explain somebody else's
    rights, to give a role away."""
    further = re.search(r"needs the permission (\w+:[\w-]+)", answer.text)
    asks_for_more = "do not hold" in answer.text or "an API key may not" in answer.text or (further and further[1] != permission)
    return answer.status < 500 and answer.status != 401 and (answer.status != 403 or asks_for_more)


def check_own(world, name, request, path):
    """Without the permission: one's own can be made, others' are neither seen nor touched."""
    answer = request.send(world.everybody.api(name))
    if "{" not in path:
        assert answer.status in (200, 201, 403, 422), f"{name}: {answer}"  # 422: scopes beyond one's own
        assert not [id for id in world.everybody.key_ids[:2] if id in answer.text], "those of the administrator"
        return
    assert answer.status in (403, 404), f"{name}: {answer}"
    absent = path.replace("{id}", str(uuid.uuid4()))
    assert without_ids(request.send(world.everybody.api(name), absent)) == without_ids(answer)


def check_foreign(world, name, request, path, op):
    permission = permission_of(op)
    answer = request.send(world.everybody.api(name))
    if permission in EVERYONE or (permission.split(":")[0] in SHARED and request.method == "GET"):
        assert is_allowed(answer, permission) or name.endswith(" key"), f"{name}: {answer}"  # some take a person
        return
    if op["x-permission"]["on"] in OWN:
        check_own(world, name, request, path)
        return
    if permission == "Entity:read":  # entities lie where the team lies that owns them
        assert answer.status in (200, 404), f"{name}: {answer}"
        if answer.status == 200:
            assert not re.search(r'"(metadata|name|value|ref)":', answer.text), f"{name}: {answer}"
        elif "by-name" in path:
            absent = request.send(world.everybody.api(name), request.target.replace("/example", "/absent"))
            assert without_ids(absent)[1].replace("absent", "example") == without_ids(answer)[1]
        return
    if not is_placed(op, path):
        assert answer.status == 403, f"{name}: {answer}"
        return
    if examples.record_of(op, "list") and "{" not in path:
        assert answer.status == 200, f"{name}: {answer}"
        of_here = [made for made, _ in world.made.values()]
        assert not [id for id in of_here if id in answer.text], f"{name}: {answer}"
        return
    assert answer.status in (403, 404), f"{name}: {answer}"
    if "{" in path:
        ids = re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", request.target)
        absent = request.target
        for id in ids:
            absent = absent.replace(id, str(uuid.uuid4()))
        assert without_ids(request.send(world.everybody.api(name), absent)) == without_ids(answer), \
            "what is hidden answers like what is not there"


@pytest.mark.parametrize("path,method", OPERATIONS, ids=[f"{m}-{p}" for p, m in OPERATIONS])
def test_operation(world, path, method):
    op, everybody = document["paths"][path][method], world.everybody
    request = Request(world, path, method, op)
    if op.get("security") == []:
        assert op.get("x-public") is True
        for name in ("anonymous", "nobody"):
            answer = request.send(everybody.api(name))
            assert answer.status != 401 or "401" in op["responses"], f"{name}: {answer}"
        return
    permission = permission_of(op)
    assert permission, "an operation that is not public has a permission"
    for name in NOBODY:
        answer = request.send(everybody.api(name))
        assert answer.status == 401 and answer.headers["WWW-Authenticate"] == "Bearer", f"{name}: {answer}"
    for name in ("foreign", "foreign key"):
        check_foreign(world, name, request, path, op)
    callers = [*PATTERNS, "denied", "nobody", "narrow key"]
    for name in [n for n in callers if not may(n, permission)]:
        if op["x-permission"]["on"] in OWN and name != "narrow key":
            check_own(world, name, request, path)
            continue
        answer = request.send(everybody.api(name))
        assert answer.status == 403, f"{name}: {answer}"
        assert "permission" in answer.text or "scopes" in answer.text, answer
    for name in [n for n in callers if may(n, permission)]:
        request = Request(world, path, method, op)
        answer = request.send(everybody.api(name))
        assert is_allowed(answer, permission), f"{name}: {answer}"
        assert answer.status != 404 or request.is_borrowed or "{" not in path, f"{name}: {answer}"
        if answer.status == 201 and examples.creates(path, method, op):
            world.made[request.target] = (examples.made_id(answer.json()), answer)
        if method == "delete":
            world.made.pop(request.target.rsplit("/", 1)[0], None)
        if op["x-permission"]["on"] in ("Self", "Session", "SigningKey") and method != "get":
            everybody.sign_in_again()


def test_the_roles_differ():
    """The table above says something only where some may and some may not."""
    asked = [permission_of(document["paths"][path][method]) for path, method in OPERATIONS]
    for name in (*PATTERNS, "denied", "narrow key"):
        allowed = [p for p in asked if p and may(name, p)]
        assert allowed and (name == "admin" or len(allowed) < len([p for p in asked if p])), name

# SPDX-License-Identifier: Apache-2.0
"""Services over HTTP, on both databases: the second view of the catalog's components, versions and what others
ask of them, the graph, and health checks of a server that comes and goes."""
import concurrent.futures
import http.server
import itertools
import threading
import time
import urllib.parse
import uuid

import pytest

from support import wait
from support.server import FairwayServer

ORGANIZATION = "00000000-0000-7000-8000-000000000001"
MANAGED = """
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: Managed-One, title: Managed, tags: [from-file], links: [{url: "https://example.com"}]}
spec: {type: website, lifecycle: experimental, owner: team-a, dependsOn: ["component:default/managed-two"]}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: managed-two}
spec: {type: service, lifecycle: production, owner: team-b, providesApis: [managed-api]}
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: managed-api}
spec: {type: openapi, lifecycle: production, owner: team-b, definition: "openapi: 3.0.0"}
"""
numbers = itertools.count()


def new_name(prefix="svc"):
    return f"{prefix}-{next(numbers)}-{uuid.uuid4().hex[:6]}"


# ---- a server whose health the test decides

class Target:
    """Answers with what `answers` says for the path (a status, or a function that gives one), notes each request."""

    def __init__(self):
        self.answers, self.requests, self.running, self.most = {}, [], {}, {}
        self.lock = threading.Lock()
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                path = urllib.parse.urlsplit(self.path).path
                with target.lock:
                    target.requests.append((time.monotonic(), self.command, path, dict(self.headers)))
                    target.running[path] = target.running.get(path, 0) + 1
                    target.most[path] = max(target.most.get(path, 0), target.running[path])
                wanted = target.answers.get(path, 200)
                status = wanted() if callable(wanted) else wanted
                with target.lock:
                    target.running[path] -= 1
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_HEAD = do_POST = do_OPTIONS = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def seen(self, path):
        with self.lock:
            return [r for r in self.requests if r[2] == path]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def target():
    running = Target()
    yield running
    running.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request, binary, tmp_path_factory):
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    file = tmp_path_factory.mktemp("managed") / "catalog-info.yaml"
    file.write_text(MANAGED)
    config = f"catalog: {{locations: [{{type: file, target: {file}, rules: [{{allow: [Component, API]}}]}}]}}\n"
    with FairwayServer(database_url=url, config=config, env={"FAIRWAY_HEALTH_ALLOW": "127.0.0.1"}) as running:
        running.managed_file = file
        yield running


@pytest.fixture
def api(server):
    return server.api


def make(api, **values):
    answer = api.post("/api/services", {"name": new_name(), "owner": "payments", **values})
    assert answer.status == 201, answer
    return answer.json()


def managed(api, name="managed-one"):
    items = wait.until(lambda: api.get("/api/services", query={"entity_ref": f"component:default/{name}"}).json()["items"])
    return items[0]


def entity_of(api, service):
    kind, rest = service["entity_ref"].split(":")
    answer = api.get(f"/api/catalog/entities/by-name/{kind}/{rest}")
    assert answer.status == 200, answer
    return answer.json()


def pointers(answer):
    return [e["pointer"] for e in answer.json()["errors"]]


# ---- services

def test_a_service_is_a_component(api):
    name = new_name("Cart")
    created = api.post("/api/services", {
        "name": name, "title": "Cart", "description": "Holds things.", "owner": "payments", "system": "shop",
        "tags": ["go"], "repository_url": "https://github.com/acme/cart"})
    assert created.status == 201, created
    service = created.json()
    assert service["name"] == name
    assert service["namespace"] == "default" and service["type"] == "service" and service["lifecycle"] == "production"
    assert service["owner"] == "group:default/payments" and service["system"] == "system:default/shop"
    assert service["entity_ref"] == f"component:default/{name.lower()}"
    assert service["source"] == f"api:{service['entity_ref']}"
    assert service["health"] == "unknown" and service["uptime_24h"] is None
    assert created.headers["Location"] == f"/api/services/{service['id']}"
    assert api.get(created.headers["Location"]).json() == service
    assert api.get("/api/services", query={"name": name.lower()}).json()["items"] == [service]

    entity = entity_of(api, service)
    assert entity["metadata"]["uid"] == service["id"] and entity["metadata"]["name"] == name
    assert entity["metadata"]["annotations"]["backstage.io/source-location"] == "url:https://github.com/acme/cart"
    assert entity["spec"] == {"type": "service", "lifecycle": "production", "owner": "payments", "system": "shop"}
    assert {"type": "ownedBy", "targetRef": "group:default/payments"} in entity["relations"]


def test_a_change_keeps_what_a_service_has_no_field_for(api):
    service = make(api, tags=["a", "b"], description="x", repository_url="https://example.com/r")
    path = f"/api/services/{service['id']}"
    first = api.get(path)
    patched = api.patch(path, {"description": "y", "tags": None}, headers={"If-Match": first.headers["ETag"]})
    assert patched.status == 200, patched
    assert patched.json()["description"] == "y" and "tags" not in patched.json()
    assert patched.json()["repository_url"] == "https://example.com/r"
    assert patched.headers["ETag"] != first.headers["ETag"]
    assert api.patch(path, {"description": "z"}, headers={"If-Match": first.headers["ETag"]}).status == 412
    entity = entity_of(api, service)
    assert entity["metadata"]["description"] == "y" and "tags" not in entity["metadata"]
    assert entity["spec"]["owner"] == "payments"  # as it was written

    replaced = api.put(path, {"name": service["name"], "owner": "group:default/payments", "type": "library"})
    assert replaced.status == 200, replaced
    assert replaced.json()["type"] == "library"
    assert not {"description", "repository_url"} & set(replaced.json())
    assert entity_of(api, service)["spec"]["owner"] == "payments"  # means the same
    history = api.get(f"{path}/history").json()["items"]
    assert [h["action"] for h in history] == ["services.updated", "services.updated", "services.created"]


def test_what_it_answers_can_be_sent_back(api):
    service = make(api, name=new_name("Mixed.Case"), title="T", system="shop", tags=["x"])
    path = f"/api/services/{service['id']}"
    read_only = {"id", "entity_ref", "source", "health", "uptime_24h", "created_at", "created_by", "updated_at", "updated_by"}
    answer = api.put(path, {k: v for k, v in service.items() if k not in read_only})
    assert answer.status == 200, answer
    assert answer.json() == {**service, "updated_at": answer.json()["updated_at"]}


@pytest.mark.parametrize("change, pointer", [
    ({"name": "a b"}, "/name"),
    ({"name": ""}, "/name"),
    ({"namespace": "No Space"}, "/namespace"),
    ({"owner": None}, "/owner"),
    ({"owner": ":x"}, "/owner"),
    ({"system": "system:"}, "/system"),
    ({"tags": ["UPPER CASE"]}, "/tags"),
    ({"tags": "x"}, "/tags"),
    ({"health": "healthy"}, "/health"),
    ({"entity_ref": "component:default/x"}, "/entity_ref"),
    ({"nonsense": 1}, "/nonsense"),
    ({"owner_team_id": str(uuid.uuid4())}, "/owner_team_id"),
])
def test_refusals_name_the_field(api, change, pointer):
    body = {"name": new_name(), "owner": "payments", **change}
    answer = api.post("/api/services", {k: v for k, v in body.items() if v is not None})
    assert answer.status == 422, answer
    assert any(p.startswith(pointer) for p in pointers(answer)), answer


def test_a_name_is_taken_whatever_its_case(api):
    service = make(api)
    answer = api.post("/api/services", {"name": service["name"].upper(), "owner": "x"})
    assert answer.status == 409 and pointers(answer) == ["/name"], answer
    assert api.post("/api/services", {"name": service["name"], "namespace": "other", "owner": "x"}).status == 201
    renamed = api.patch(f"/api/services/{service['id']}", {"name": "other"})
    assert renamed.status == 422 and pointers(renamed) == ["/name"], renamed


def test_a_name_is_given_once_however_many_ask(api):
    name = new_name("race")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.post("/api/services", {"name": name, "owner": "x"}), range(8)))
    assert sorted(a.status for a in answers) == [201] + [409] * 7, answers


def test_the_team_is_the_owning_group(api):
    slug = new_name("team")
    team = api.post("/api/teams", {"org_id": ORGANIZATION, "name": "T", "slug": slug}).json()
    by_team = make(api, owner=f"group:default/{slug}")
    assert by_team["owner_team_id"] == team["id"]
    answer = api.post("/api/services", {"name": new_name(), "owner_team_id": team["id"]})
    assert answer.status == 201 and answer.json()["owner"] == f"group:default/{slug}", answer
    listed = api.get("/api/services", query={"owner_team_id": team["id"]}).json()["items"]
    assert {s["id"] for s in listed} == {by_team["id"], answer.json()["id"]}
    moved = api.patch(f"/api/services/{by_team['id']}", {"owner": "someone-else"})
    assert "owner_team_id" not in moved.json() and moved.json()["owner"] == "group:default/someone-else"
    back = api.patch(f"/api/services/{by_team['id']}", {"owner_team_id": team["id"]})
    assert back.json()["owner"] == f"group:default/{slug}", back
    both = api.patch(f"/api/services/{by_team['id']}", {"owner": "third", "owner_team_id": str(uuid.uuid4())})
    assert both.status == 422 and pointers(both) == ["/owner_team_id"], both
    clash = api.post("/api/services", {"name": new_name(), "owner": "third", "owner_team_id": team["id"]})
    assert clash.status == 422 and pointers(clash) == ["/owner_team_id"], clash


def test_a_file_manages_what_it_says(api, server):
    service = managed(api)
    assert service["name"] == "Managed-One" and service["title"] == "Managed" and service["tags"] == ["from-file"]
    assert service["type"] == "website" and service["owner"] == "group:default/team-a"
    path = f"/api/services/{service['id']}"
    for answer in (api.patch(path, {"title": "x"}), api.put(path, {"name": "Managed-One", "owner": "x"}), api.delete(path)):
        assert answer.status == 409, answer
        assert str(server.managed_file) in answer.json()["detail"], answer
    assert api.get(path).json() == service
    # what hangs on it is nobody's but ours
    assert api.post(f"{path}/versions", {"version": "1.0.0"}).status == 201


def test_deleting_takes_everything_along(api):
    a, b = make(api), make(api)
    path = f"/api/services/{a['id']}"
    version = api.post(f"{path}/versions", {"version": "1.0.0"}).json()
    assert api.post(f"{path}/deployments", {"environment": "test", "version_id": version["id"]}).status == 201
    dependency = api.post("/api/service-dependencies", {"service_id": b["id"], "depends_on_service_id": a["id"]}).json()
    check = api.post(f"{path}/health-checks", {"name": "x", "endpoint": "http://example.com", "enabled": False})
    assert check.status == 201, check
    assert api.delete(path).status == 204
    assert api.get(path).status == 404
    assert api.get(f"/api/catalog/entities/by-name/component/default/{a['name']}").status == 404
    assert api.get(f"{path}/versions").status == 404
    assert api.get(f"{path}/health").status == 404
    assert api.get(f"/api/service-dependencies/{dependency['id']}").status == 404
    again = make(api, name=a["name"])
    assert again["id"] != a["id"]
    assert api.get(f"/api/services/{again['id']}/versions").json()["items"] == []


def test_entities_of_other_kinds_are_no_services(api):
    managed(api)
    everything = list(api.pages("/api/services", limit=50))
    assert {s["entity_ref"].split(":")[0] for s in everything} == {"component"}
    names = [s["entity_ref"] for s in everything]
    assert names == sorted(names, key=lambda r: r.split("/")[1])
    uid = api.get("/api/catalog/entities/by-name/api/default/managed-api").json()["metadata"]["uid"]
    assert api.get(f"/api/services/{uid}").status == 404
    assert api.delete(f"/api/services/{uid}").status == 404
    assert api.get(f"/api/services/{uid}/health").status == 404


# ---- versions, deployments, dependencies

def release(api, service, version):
    answer = api.post(f"/api/services/{service['id']}/versions", {"version": version})
    assert answer.status == 201, answer
    return answer.json()


def need(api, who, what, constraint=None, **more):
    body = {"service_id": who["id"], "depends_on_service_id": what["id"], **more}
    if constraint:
        body["version_constraint"] = constraint
    answer = api.post("/api/service-dependencies", body)
    assert answer.status == 201, answer
    return answer.json()


def state(api, dependency):
    found = api.get(f"/api/service-dependencies/{dependency['id']}").json()
    return found["status"], found.get("checked_version")


def test_versions_rank_as_semver_says(api):
    service = make(api)
    for version in ("1.10.0", "1.9.0", "2.0.0-rc.1", "2.0.0-beta.11", "2.0.0-beta.2", "1.10.0-a"):
        release(api, service, version)
    listed = api.get(f"/api/services/{service['id']}/versions", query={"sort": "-precedence", "fields": "version"})
    assert [v["version"] for v in listed.json()["items"]] == [
        "2.0.0-rc.1", "2.0.0-beta.11", "2.0.0-beta.2", "1.10.0", "1.10.0-a", "1.9.0"]
    twice = api.post(f"/api/services/{service['id']}/versions", {"version": "1.9.0"})
    assert twice.status == 409 and pointers(twice) == ["/version"], twice


@pytest.mark.parametrize("version", ["1", "1.2", "v1.2.3", "1.2.3.4", "01.2.3", "1.2.3-", "latest", "1.2.3 ", ""])
def test_a_version_is_semantic(api, version):
    answer = api.post(f"/api/services/{make(api)['id']}/versions", {"version": version})
    assert answer.status == 422 and pointers(answer) == ["/version"], answer


def test_constraints_are_checked_whenever_either_side_changes(api):
    web, cart = make(api), make(api)
    dependency = need(api, web, cart, "^1.2.0")
    assert (dependency["status"], dependency.get("checked_version")) == ("unknown", None)
    release(api, cart, "1.2.0-rc.1")
    assert state(api, dependency) == ("violated", "1.2.0-rc.1")
    release(api, cart, "1.2.5")
    assert state(api, dependency) == ("satisfied", "1.2.5")
    release(api, cart, "1.2.6-rc.1")  # a pre-release is not what counts
    assert state(api, dependency) == ("satisfied", "1.2.5")
    two = release(api, cart, "2.0.0")
    assert state(api, dependency) == ("violated", "2.0.0")
    assert dependency["id"] in [d["id"] for d in api.pages("/api/service-dependencies", {"status": "violated"})]
    changed = api.patch(f"/api/service-dependencies/{dependency['id']}", {"version_constraint": ">=1.2 <3"})
    assert changed.json()["status"] == "satisfied", changed
    history = api.get(f"/api/service-dependencies/{dependency['id']}/history").json()["items"]
    assert history[1]["after"]["status"] == "violated" and history[1]["before"]["status"] == "satisfied"
    api.patch(f"/api/service-dependencies/{dependency['id']}", {"version_constraint": "1.x"})
    assert state(api, dependency) == ("violated", "2.0.0")
    assert api.delete(f"/api/services/{cart['id']}/versions/{two['id']}").status == 204
    assert state(api, dependency) == ("satisfied", "1.2.5")
    free = api.patch(f"/api/service-dependencies/{dependency['id']}", {"version_constraint": None}).json()
    assert free["status"] == "satisfied" and "checked_version" not in free


def test_what_production_runs_counts_more_than_what_is_newest(api):
    web, cart = make(api), make(api)
    one, two = release(api, cart, "1.0.0"), release(api, cart, "2.0.0")
    dependency = need(api, web, cart, "^1")
    assert state(api, dependency) == ("violated", "2.0.0")
    deployments = f"/api/services/{cart['id']}/deployments"

    def deploy(version, environment, status):
        answer = api.post(deployments, {"version_id": version["id"], "environment": environment, "status": status})
        assert answer.status == 201, answer
        return answer.json()

    deploy(one, "staging", "succeeded")
    running = deploy(one, "production", "running")
    assert "deployed_at" not in running
    assert state(api, dependency) == ("violated", "2.0.0")
    done = api.patch(f"{deployments}/{running['id']}", {"status": "succeeded"}).json()
    assert done["deployed_at"]
    assert state(api, dependency) == ("satisfied", "1.0.0")
    newer = deploy(two, "production", "succeeded")
    assert state(api, dependency) == ("violated", "2.0.0")
    assert api.patch(f"{deployments}/{newer['id']}", {"status": "rolled_back"}).json()["deployed_at"] == newer["deployed_at"]
    assert state(api, dependency) == ("satisfied", "1.0.0")
    kept = api.delete(f"/api/services/{cart['id']}/versions/{one['id']}")
    assert kept.status == 409 and "deployments" in kept.json()["detail"], kept
    foreign = api.post(f"/api/services/{web['id']}/deployments", {"version_id": one["id"], "environment": "test"})
    assert foreign.status == 422 and pointers(foreign) == ["/version_id"], foreign


@pytest.mark.parametrize("constraint", ["abc", "^", "1.2.3.4", "1 | 2", "01.2.3", "latest", ">=1 <", "x.y"])
def test_a_malformed_constraint_is_refused(api, constraint):
    a, b = make(api), make(api)
    answer = api.post("/api/service-dependencies", {
        "service_id": a["id"], "depends_on_service_id": b["id"], "version_constraint": constraint})
    assert answer.status == 422 and pointers(answer) == ["/version_constraint"], answer


def test_a_dependency_is_said_once(api):
    a, b = make(api), make(api)
    need(api, a, b)
    answer = api.post("/api/service-dependencies", {"service_id": a["id"], "depends_on_service_id": b["id"]})
    assert answer.status == 409, answer
    need(api, a, b, type="build")
    missing = api.post("/api/service-dependencies", {"service_id": a["id"], "depends_on_service_id": str(uuid.uuid4())})
    assert missing.status == 422 and pointers(missing) == ["/depends_on_service_id"], missing
    itself = api.post("/api/service-dependencies", {"service_id": a["id"], "depends_on_service_id": a["id"]})
    assert itself.status == 422 and pointers(itself) == ["/depends_on_service_id"], itself


def test_versions_and_constraints_written_at_once_agree(api):
    cart = make(api)
    users = [make(api) for _ in range(6)]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        jobs = [pool.submit(need, api, user, cart, "^1") for user in users]
        jobs += [pool.submit(release, api, cart, f"{major}.0.0") for major in (1, 2, 3)]
        dependencies = [job.result() for job in jobs][:len(users)]
    assert {state(api, d) for d in dependencies} == {("violated", "3.0.0")}


# ---- the graph

def graph(api, service, **query):
    answer = api.get(f"/api/services/{service['id']}/dependencies", query=query)
    assert answer.status == 200, answer
    found = answer.json()
    edges = {(e["from"].split("/")[1], e["to"].split("/")[1], e["type"], e["origin"], e["satisfied"]) for e in found["edges"]}
    return found, {n["ref"].split("/")[1]: n for n in found["nodes"]}, edges


def test_the_graph_unites_entities_and_records(api):
    one, two = managed(api), managed(api, "managed-two")
    front, mail = make(api), make(api)
    release(api, mail, "1.0.0")
    need(api, front, one)
    need(api, two, mail, "^2")
    found, nodes, edges = graph(api, one)
    assert found["nodes"][0]["id"] == one["id"]
    assert edges == {
        ("managed-one", "managed-two", "dependsOn", "entity", None),
        ("managed-two", mail["name"], "runtime", "record", False),
        (front["name"], "managed-one", "runtime", "record", True),
    }
    assert nodes["managed-one"]["name"] == "Managed" and nodes["managed-one"]["kind"] == "component"
    assert nodes[mail["name"]]["owner"] == "group:default/payments" and nodes[mail["name"]]["distance"] == 2
    assert found["cycles"] == [] and found["truncated"] is False
    assert set(graph(api, one, direction="upstream", depth=1)[1]) == {"managed-one", "managed-two"}
    assert set(graph(api, one, direction="downstream")[1]) == {"managed-one", front["name"]}
    consumer = make(api)
    need(api, consumer, two)
    api_graph, nodes, edges = graph(api, two, direction="downstream", depth=1)
    assert ("managed-api", "managed-two", "apiProvidedBy", "entity", None) in edges
    assert nodes["managed-api"]["kind"] == "api" and nodes["managed-api"]["health"] is None


def test_cycles_are_told(api):
    a, b, c, d = (make(api) for _ in range(4))
    for who, what in ((a, b), (b, c), (c, a), (c, d)):
        need(api, who, what)
    found, _, edges = graph(api, a, depth=10)
    assert len(edges) == 4
    assert [sorted(group) for group in found["cycles"]] == [sorted(s["entity_ref"] for s in (a, b, c))]
    itself = api.post("/api/service-dependencies", {"service_id": d["id"], "depends_on_service_id": d["id"]})
    assert itself.status == 422, itself


@pytest.mark.parametrize("query", [{"depth": 0}, {"depth": 11}, {"depth": "x"}, {"direction": "sideways"}])
def test_bounds_of_the_graph(api, query):
    answer = api.get(f"/api/services/{make(api)['id']}/dependencies", query=query)
    assert answer.status == 400, answer


def test_impact(api):
    base, lib, web, admin, other = (make(api, owner=o) for o in ("a", "b", "b", "c", "c"))
    for who, what in ((lib, base), (web, lib), (admin, lib), (admin, base), (base, other)):
        need(api, who, what)
    slug = new_name("impact")
    team = api.post("/api/teams", {"org_id": ORGANIZATION, "name": "T", "slug": slug}).json()
    api.patch(f"/api/services/{admin['id']}", {"owner_team_id": team["id"]})
    found = api.get(f"/api/services/{base['id']}/impact").json()
    assert found["total"] == 3 and found["truncated"] is False
    assert found["owners"] == [{"owner": "group:default/b", "team_id": None, "count": 2},
                               {"owner": f"group:default/{slug}", "team_id": team["id"], "count": 1}]
    assert found["kinds"] == [{"kind": "component", "count": 3}]
    assert {n["id"] for n in found["entry_points"]} == {web["id"], admin["id"]}
    assert [n["distance"] for n in found["nodes"]] == [1, 1, 2]
    alone = api.get(f"/api/services/{web['id']}/impact").json()
    assert (alone["total"], alone["nodes"], alone["entry_points"]) == (0, [], [])


# ---- health

def add_check(api, service, endpoint, **values):
    body = {"name": new_name("check"), "endpoint": endpoint, "interval_seconds": 86400, "timeout_seconds": 2, **values}
    answer = api.post(f"/api/services/{service['id']}/health-checks", body)
    assert answer.status == 201, answer
    return answer.json()


def health(api, service, **query):
    answer = api.get(f"/api/services/{service['id']}/health", query=query)
    assert answer.status == 200, answer
    return answer.json()


def last_at(api, service):
    result = health(api, service)["checks"][0]["last_result"]
    return result and result["at"]


def run_now(api, service, check):
    """Runs it and waits for the result."""
    before = last_at(api, service)
    assert api.post(f"/api/services/{service['id']}/health-checks/{check['id']}/run").status == 202
    wait.until(lambda: last_at(api, service) != before, what="the run")
    return health(api, service)


def test_a_flapping_service(api, target):
    path = "/" + new_name("flap")
    target.answers[path] = 200
    service = make(api)
    check = add_check(api, service, target.url(path))
    assert check["status"] == "unknown" and check["last_result"] is None
    first = wait.until(lambda: (lambda h: h["status"] != "unknown" and h)(health(api, service)))
    assert first["status"] == "healthy" and first["uptime"] == {"day": 1, "week": 1, "month": 1}
    seen = []
    for status in (503, 503, 503, 200):
        target.answers[path] = status
        now = run_now(api, service, check)
        seen.append((now["status"], now["checks"][0]["failures"], now["checks"][0]["last_result"]["status_code"]))
    assert seen == [("degraded", 1, 503), ("unhealthy", 2, 503), ("unhealthy", 3, 503), ("healthy", 0, 200)]
    now = health(api, service)
    assert now["uptime"]["day"] == pytest.approx(2 / 5)
    assert sum(p["runs"] for p in now["history"]["points"]) == 5
    assert api.get(f"/api/services/{service['id']}").json()["health"] == "healthy"
    assert api.get(f"/api/services/{service['id']}").json()["uptime_24h"] == pytest.approx(2 / 5)
    assert service["id"] in [s["id"] for s in api.pages("/api/services", {"health": "healthy"})]
    listed = api.get(f"/api/services/{service['id']}/health-checks").json()["items"]
    assert listed[0]["status"] == "healthy" and listed[0]["last_result"]["ok"] is True
    told = wait.until(lambda: (lambda c: len(c) == 4 and c)(changes(api, service)))
    assert [e["to"] for e in told] == ["healthy", "degraded", "unhealthy", "healthy"]
    assert told[1] == {"service_id": service["id"], "entity_ref": service["entity_ref"], "from": "healthy", "to": "degraded"}


def changes(api, service):
    """What the events tell of the health of the service."""
    query = {"types": "services.health_changed", "subject": service["id"], "after": "0"}
    return [e["data"] for e in api.get("/api/events", query=query).json()["items"]]


def test_why_a_check_fails_is_told(api, target):
    service = make(api)
    refused = "http://127.0.0.1:1/"
    for endpoint, timeout, word in ((refused, 2, "127.0.0.1"), (target.url("/slow"), 1, "within 1.0 s"),
                                    ("http://localhost:1/", 2, "health.allow"), ("http://10.0.0.1/", 2, "health.allow"),
                                    ("http://[::1]:1/", 2, "health.allow"), ("http://nothing.invalid/", 5, "nothing.invalid")):
        target.answers["/slow"] = lambda: time.sleep(2) or 200
        check = add_check(api, service, endpoint, timeout_seconds=timeout)
        result = wait.until(lambda: api.get(
            f"/api/services/{service['id']}/health-checks/{check['id']}").json()["last_result"])
        assert result["ok"] is False and result["status_code"] is None and word in result["error"], result
        assert api.delete(f"/api/services/{service['id']}/health-checks/{check['id']}").status == 204
    assert health(api, service)["status"] == "unknown"


def test_the_request_is_as_described(api, server, target):
    service, path, secret = make(api), "/" + new_name("req"), "s3cret-" + uuid.uuid4().hex
    target.answers[path] = 418
    check = add_check(api, service, target.url(path + "?a=1"), method="POST", expected_status=418,
                      headers={"Authorization": f"Bearer {secret}"})
    assert check["headers"] == "********"
    wait.until(lambda: health(api, service)["status"] == "healthy")
    _, method, _, headers = target.seen(path)[0]
    assert method == "POST" and headers["Authorization"] == f"Bearer {secret}"
    kept = api.patch(f"/api/services/{service['id']}/health-checks/{check['id']}", {"headers": "********", "method": "HEAD"})
    assert kept.status == 200, kept
    wait.until(lambda: len(target.seen(path)) == 2)
    _, method, _, headers = target.seen(path)[1]
    assert method == "HEAD" and headers["Authorization"] == f"Bearer {secret}"
    assert secret not in server.log()
    assert secret not in api.get(f"/api/services/{service['id']}/health-checks/{check['id']}/history").text


@pytest.mark.parametrize("change, pointer", [
    ({"endpoint": "ftp://example.com"}, "/endpoint"),
    ({"endpoint": "example.com"}, "/endpoint"),
    ({"endpoint": "http://user:password@example.com/"}, "/endpoint"),
    ({"interval_seconds": 4}, "/interval_seconds"),
    ({"timeout_seconds": 31}, "/timeout_seconds"),
    ({"expected_status": 99}, "/expected_status"),
    ({"method": "DELETE"}, "/method"),
    ({"headers": "********"}, "/headers"),
    ({"headers": "text"}, "/headers"),
    ({"headers": {"Host": "x"}}, "/headers"),
    ({"headers": {"a b": "x"}}, "/headers"),
    ({"headers": {"a": "x\r\ny: z"}}, "/headers"),
    ({"headers": {f"h{i}": "x" for i in range(17)}}, "/headers"),
    ({"status": "healthy"}, "/status"),
])
def test_refused_checks(api, change, pointer):
    answer = api.post(f"/api/services/{make(api)['id']}/health-checks",
                      {"name": "x", "endpoint": "http://example.com/", "enabled": False, **change})
    assert answer.status == 422 and pointers(answer)[0].startswith(pointer), answer


def test_switched_off(api, target):
    service, path = make(api), "/" + new_name("off")
    target.answers[path] = 500
    check = add_check(api, service, target.url(path))
    item = f"/api/services/{service['id']}/health-checks/{check['id']}"
    wait.until(lambda: health(api, service)["status"] == "degraded")
    assert api.patch(item, {"enabled": False}).status == 200
    off = health(api, service)
    assert off["status"] == "unknown" and off["checks"][0]["next_run_at"] is None
    answer = api.post(f"{item}/run")
    assert answer.status == 409, answer
    assert api.post(f"/api/services/{make(api)['id']}/health-checks/{check['id']}/run").status == 404
    assert api.patch(item, {"enabled": True}).status == 200
    wait.until(lambda: health(api, service)["status"] == "degraded")


def test_the_interval_is_kept(api, target):
    service, path = make(api), "/" + new_name("beat")
    add_check(api, service, target.url(path), interval_seconds=5)
    times = [t for t, *_ in wait.until(lambda: (lambda s: len(s) >= 3 and s)(target.seen(path)), deadline_s=30)]
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert all(4 < gap < 7 for gap in gaps), gaps
    assert sum(gaps) / len(gaps) == pytest.approx(5, abs=0.6)


@pytest.mark.parametrize("query", [{"window": "91d"}, {"window": "0h"}, {"window": "x"}, {"step": "x"}, {"step": "1s"},
                                   {"step": "25h"}, {"window": "7d", "step": "5m"}, {"window": "90d", "step": "1h"},
                                   {"window": "7d", "step": "90m"}])
def test_bounds_of_the_history(api, query):
    answer = api.get(f"/api/services/{make(api)['id']}/health", query=query)
    assert answer.status == 400 and "query" in answer.text, answer


@pytest.mark.parametrize("query, step", [({}, 600), ({"window": "30m"}, 30), ({"window": "48h"}, 1800), ({"window": "7d"}, 7200),
                                         ({"window": "90d"}, 86400), ({"window": "1h", "step": "10m"}, 600),
                                         ({"window": "10d", "step": "2h"}, 7200)])
def test_steps_of_the_history(api, target, query, step):
    service = make(api)
    add_check(api, service, target.url("/" + new_name("steps")))
    wait.until(lambda: health(api, service)["status"] == "healthy")
    history = health(api, service, **query)["history"]
    assert history["step_seconds"] == step
    assert sum(p["runs"] for p in history["points"]) == 1
    assert history["points"][0]["uptime"] == 1 and history["points"][0]["average_ms"] > 0


# ---- two processes, a crash

def test_two_servers_never_run_one_check_at_once(new_server, target):
    first = new_server(pg=True, env={"FAIRWAY_HEALTH_ALLOW": "127.0.0.1"})
    second = new_server(database_url=first.database_url, env={"FAIRWAY_HEALTH_ALLOW": "127.0.0.1"})
    service, paths = make(first.api), ["/" + new_name("two") for _ in range(6)]
    for path in paths:
        target.answers[path] = lambda: time.sleep(0.15) or 200
    checks = [add_check(first.api, service, target.url(path)) for path in paths]
    deadline = time.monotonic() + 5
    servers = itertools.cycle((first, second))
    while time.monotonic() < deadline:
        for check in checks:
            path = f"/api/services/{service['id']}/health-checks/{check['id']}/run"
            assert next(servers).api.post(path).status == 202
        time.sleep(0.02)
    wait.until(lambda: all(len(target.seen(path)) >= 5 for path in paths))
    assert max(target.most[path] for path in paths) == 1


def test_a_crash_does_not_stop_the_checks(new_server, target):
    server = new_server(env={"FAIRWAY_HEALTH_ALLOW": "127.0.0.1"})
    service, path = make(server.api), "/" + new_name("crash")
    add_check(server.api, service, target.url(path), interval_seconds=5)
    wait.until(lambda: target.seen(path))
    server.kill()
    seen = len(target.seen(path))
    server.start()
    wait.until(lambda: len(target.seen(path)) > seen, deadline_s=75, what="a run after the crash")

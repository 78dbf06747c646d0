# SPDX-License-Identifier: Apache-2.0
"""What the catalog reads: files, web, Git; what goes wrong there; and that nothing good is lost by it."""
import hashlib
import hmac
import json
import subprocess

import pytest

from support.files import Files
from support.wait import until

RULES = "[Component, API, Resource, System, Domain, Group, User, Location, Template]"


def component(name, owner="team-a", extra=""):
    return ("apiVersion: backstage.io/v1alpha1\nkind: Component\n"
            f"metadata: {{ name: {name} }}\nspec: {{ type: service, lifecycle: production, owner: {owner}{extra} }}\n")


def location(name, *targets):
    return ("apiVersion: backstage.io/v1alpha1\nkind: Location\n"
            f"metadata: {{ name: {name} }}\nspec: {{ type: url, targets: [{', '.join(targets)}] }}\n")


@pytest.fixture
def files():
    with Files() as running:
        yield running


def config(files, *targets, strategy="delete", more=""):
    listed = "".join(f"    - {{ type: {t}, target: '{x}' }}\n" for t, x in targets)
    return (f"catalog:\n  orphanStrategy: {strategy}\n  processingInterval: {{ hours: 1 }}\n"
            f"  rules: [{{ allow: {RULES} }}]\n" + (f"  locations:\n{listed}" if listed else "") + more +
            f"backend:\n  reading:\n    allow: [{{ host: '127.0.0.1:{files.port}' }}]\n")


def entity(api, name, kind="component"):
    answer = api.get(f"/api/catalog/entities/by-name/{kind}/default/{name}")
    return answer.json() if answer.status == 200 else None


def source(api, target):
    for found in api.get("/api/sources", query={"limit": 100}).json()["items"]:
        if found["target"] == target:
            return found
    return None


def problems(api, target):
    return api.get(f"/api/sources/{source(api, target)['id']}/problems").json()["items"]


def register(api, target):
    answer = api.post("/api/catalog/locations", json_body={"type": "url", "target": target})
    assert answer.status == 201, answer
    return answer.json()["location"]


def read_again(api, target):
    """Reads a source now and waits until it was read."""
    before = source(api, target)["read_at"]
    assert api.post(f"/api/sources/{source(api, target)['id']}/refresh").status == 202
    until(lambda: source(api, target)["read_at"] != before, what=f"a read of {target}")


def test_an_unchanged_pass_writes_nothing(new_server, files):
    target = files.url + "/all.yaml"
    files["/all.yaml"] = location("all", "./a.yaml", "./b.yaml")
    files["/a.yaml"] = component("a") + "---\n" + component("b")
    files["/b.yaml"] = component("c")
    api = new_server(config=config(files, ("url", target))).api
    until(lambda: entity(api, "c"))
    first, head = entity(api, "a"), api.get("/api/events", headers={"Accept": "application/json"}).json()["items"]
    read_again(api, target)
    assert files.count("/a.yaml") >= 2
    assert entity(api, "a") == first
    events = api.get("/api/events", headers={"Accept": "application/json"}).json()["items"]
    assert [e for e in events if e["type"].startswith("catalog.entity")] == \
           [e for e in head if e["type"].startswith("catalog.entity")]


def test_only_what_changed_is_written(new_server, files):
    target = files.url + "/all.yaml"
    files["/all.yaml"] = component("a") + "---\n" + component("b", extra=", dependsOn: ['component:a']")
    api = new_server(config=config(files, ("url", target))).api
    until(lambda: entity(api, "b"))
    before_a, before_b = entity(api, "a"), entity(api, "b")
    files["/all.yaml"] = component("a", owner="team-b") + "---\n" + component("b", extra=", dependsOn: ['component:a']")
    read_again(api, target)
    after = entity(api, "a")
    assert after["spec"]["owner"] == "team-b"
    assert after["metadata"]["uid"] == before_a["metadata"]["uid"]
    assert after["metadata"]["etag"] != before_a["metadata"]["etag"]
    assert {"type": "ownedBy", "targetRef": "group:default/team-b"} in after["relations"]
    assert {"type": "ownedBy", "targetRef": "group:default/team-a"} not in after["relations"]
    assert {"type": "dependencyOf", "targetRef": "component:default/b"} in after["relations"]
    assert entity(api, "b") == before_b


@pytest.mark.parametrize("wrong, reason", [
    (500, "500 Internal Server Error"),
    (404, "no matching files found"),
    ("a: [unclosed", "YAML error at url:"),
    ("just text", "Expected object at root, got string"),
    (component("a").replace("kind: Component\n", ""), "must have required property 'kind'"),
    ("a: &x [1]\nb: &y [*x,*x]\n" + "".join(f"k{i}: &z{i} [*y,*y]\n" for i in range(3)) + "c: {a: 1, a: 2}\n", "YAML error at"),
])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_last_good_state_stays(database, new_server, files, wrong, reason):
    target = files.url + "/a.yaml"
    files["/a.yaml"] = component("a")
    api = new_server(pg=database == "postgresql", config=config(files, ("url", target))).api
    good = until(lambda: entity(api, "a"))
    files["/a.yaml"] = wrong
    read_again(api, target)
    assert entity(api, "a") == good
    found = problems(api, target)
    assert len(found) == 1 and reason in found[0]["message"], found
    files["/a.yaml"] = component("a", owner="team-c")
    read_again(api, target)
    assert entity(api, "a")["spec"]["owner"] == "team-c"
    assert problems(api, target) == [] and source(api, target)["state"] == "ok"


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_what_cannot_be_read_shows_on_the_location_that_names_it(database, new_server, files):
    target = files.url + "/all.yaml"
    files["/all.yaml"] = location("inner", "./b.yaml", "./c.yaml")
    files["/b.yaml"], files["/c.yaml"] = component("b"), component("c")
    api = new_server(pg=database == "postgresql", config=config(files, ("url", target))).api
    until(lambda: entity(api, "c"))
    good = entity(api, "inner", "location")
    root = next(e for e in api.get("/api/catalog/entities?filter=kind=location").json() if e["metadata"]["name"] != "inner")
    def shown():
        items = entity(api, "inner", "location")["status"]["items"]
        assert all((i["type"], i["level"]) == ("backstage.io/catalog-processing", "error") for i in items)
        return sorted(i["message"] for i in items)

    files["/b.yaml"], files["/c.yaml"] = 404, 503
    read_again(api, target)
    assert shown() == [f"Error: Unable to read url, could not read {files.url}/c.yaml, 503 Service Unavailable",
                       f"NotFoundError: Unable to read url, no matching files found for {files.url}/b.yaml"]
    files["/b.yaml"], files["/c.yaml"] = "a: [", component("c")
    read_again(api, target)
    (broken,) = shown()
    assert broken.startswith(f"Error: YAML error at url:{files.url}/b.yaml, line 2, column 1: ")
    files["/b.yaml"], files["/c.yaml"], files["/all.yaml"] = component("b"), component("c"), 500
    read_again(api, target)
    assert entity(api, "inner", "location") == good
    (item,) = entity(api, root["metadata"]["name"], "location")["status"]["items"]
    assert item["error"]["message"] == f"Unable to read url, could not read {target}, 500 Internal Server Error"
    files["/all.yaml"] = location("inner", "./b.yaml", "./c.yaml")
    read_again(api, target)
    assert entity(api, root["metadata"]["name"], "location") == root


BAD_LOCATION = (component("top") + "---\n" + location("inner", "./b.yaml")).replace("targets: [./b.yaml]", "targets: 1")


@pytest.mark.parametrize("wrong", ["a: [unclosed", "just text", 500, BAD_LOCATION])
def test_what_hangs_on_a_broken_document_stays(new_server, files, wrong):
    target = files.url + "/all.yaml"
    files["/all.yaml"] = component("top") + "---\n" + location("inner", "./b.yaml")
    files["/b.yaml"] = location("deeper", "./c.yaml") + "---\n" + component("b")
    files["/c.yaml"] = component("c")
    api = new_server(config=config(files, ("url", target))).api
    until(lambda: entity(api, "c"))
    good = [entity(api, "top"), entity(api, "inner", "location"), entity(api, "b"), entity(api, "c")]
    files["/all.yaml"] = wrong
    read_again(api, target)
    now = [entity(api, "top"), entity(api, "inner", "location"), entity(api, "b"), entity(api, "c")]
    now[1].pop("status", None)
    assert now == good
    files["/c.yaml"] = component("c", owner="later")
    read_again(api, target)
    assert entity(api, "c")["spec"]["owner"] == "later", "what can be read still is"
    files["/all.yaml"] = component("top")
    read_again(api, target)
    assert entity(api, "top") and not entity(api, "b") and not entity(api, "c")


def test_an_error_names_line_column_and_entity(new_server, files):
    target = files.url + "/a.yaml"
    files["/a.yaml"] = component("fine") + "---\n" + component("bad").replace(", owner: team-a", "")
    api = new_server(config=config(files, ("url", target))).api
    until(lambda: entity(api, "fine"))
    (problem,) = problems(api, target)
    assert problem["entity_ref"] == "component:default/bad"
    assert (problem["line"], problem["column"]) == (9, 7)
    assert "must have required property 'owner'" in problem["message"]


def test_a_refused_change_shows_on_the_entity(new_server, files):
    target = files.url + "/a.yaml"
    files["/a.yaml"] = component("a")
    api = new_server(config=config(files, ("url", target))).api
    good = until(lambda: entity(api, "a"))
    files["/a.yaml"] = component("a").replace(", owner: team-a", "")
    read_again(api, target)
    shown = entity(api, "a")
    (item,) = shown.pop("status")["items"]
    assert item["level"] == "error" and "owner" in item["message"]
    assert shown == good
    files["/a.yaml"] = component("a")
    read_again(api, target)
    assert entity(api, "a") == good


def test_redirects_endless_and_internal_sources_are_refused(new_server, files):
    files["/loop.yaml"] = files.redirect("/loop.yaml")
    files["/endless.yaml"] = files.endless
    files["/inside.yaml"] = files.redirect("http://127.0.0.1:1/x.yaml")
    api = new_server(config=config(files)).api
    wanted = {"/loop.yaml": "redirect", "/endless.yaml": "large", "/inside.yaml": "not allowed|internal|address"}
    for path in wanted:
        register(api, files.url + path)
    for path, words in wanted.items():
        target = files.url + path
        until(lambda t=target: source(api, t)["state"] == "failing", 60, what=f"{path} to fail")
        error = source(api, target)["error"]
        assert any(w in error for w in words.split("|")), (path, error)
    answer = api.post("/api/catalog/locations", query={"dryRun": True}, json_body={"type": "url", "target": "http://169.254.169.254/x"})
    assert answer.status == 400 and "is not allowed" in answer.json()["error"]["message"]


@pytest.mark.parametrize("strategy", ["delete", "keep"])
def test_what_is_no_longer_named(new_server, files, strategy):
    target = files.url + "/all.yaml"
    files["/all.yaml"] = location("all", "./a.yaml", "./b.yaml")
    files["/a.yaml"], files["/b.yaml"] = component("a"), component("b")
    api = new_server(config=config(files, ("url", target), strategy=strategy)).api
    until(lambda: entity(api, "b"))
    files["/all.yaml"] = location("all", "./a.yaml")
    read_again(api, target)
    assert entity(api, "a")
    assert bool(entity(api, "b")) == (strategy == "keep")
    files["/all.yaml"] = location("all", "./a.yaml", "./b.yaml")
    read_again(api, target)
    assert entity(api, "b")


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_kept_orphan_is_found_as_one_until_it_is_named_again(database, new_server, files):
    target = files.url + "/all.yaml"
    files["/all.yaml"] = location("all", "./a.yaml", "./b.yaml")
    files["/a.yaml"], files["/b.yaml"] = component("a"), component("b")
    text = config(files, ("url", target), strategy="keep").replace("{ hours: 1 }", "{ seconds: 1 }")
    api = new_server(pg=database == "postgresql", config=text).api
    before = until(lambda: entity(api, "b"))

    def orphans():
        found = api.get("/api/catalog/entities?filter=metadata.annotations.backstage.io/orphan=true").json()
        return [e["metadata"]["name"] for e in found]

    assert orphans() == []
    files["/all.yaml"] = location("all", "./a.yaml")
    until(lambda: orphans() == ["b"], 30)
    shown = entity(api, "b")
    assert shown["metadata"]["annotations"]["backstage.io/orphan"] == "true"
    assert shown["metadata"]["uid"] == before["metadata"]["uid"]
    assert shown["metadata"]["etag"] != before["metadata"]["etag"]
    assert shown["relations"] == before["relations"]
    history = api.get("/api/catalog/entities/by-name/component/default/b/history").json()["items"]
    assert [r["revision"] for r in history] == [2, 1]

    def events():
        found = api.get("/api/events", headers={"Accept": "application/json"}, query={"limit": 100}).json()["items"]
        return [e["type"] for e in found if e["subject"] == "component:default/b"]

    until(lambda: events() == ["catalog.entity.created", "catalog.entity.updated"], what="the events of the change")
    assert api.post("/api/catalog/refresh", json_body={"entityRef": "component:default/b"}).status == 404
    files["/all.yaml"] = location("all", "./a.yaml", "./b.yaml")
    until(lambda: orphans() == [], 30)
    assert entity(api, "b")["metadata"]["annotations"] == before["metadata"]["annotations"]


def test_an_entity_moves_between_files_and_keeps_its_uid(new_server, files):
    target = files.url + "/all.yaml"
    files["/all.yaml"] = location("all", "./a.yaml", "./b.yaml")
    files["/a.yaml"], files["/b.yaml"] = component("a") + "---\n" + component("mover"), component("b")
    api = new_server(config=config(files, ("url", target))).api
    uid = until(lambda: entity(api, "mover"))["metadata"]["uid"]
    files["/a.yaml"], files["/b.yaml"] = component("a"), component("b") + "---\n" + component("mover")
    read_again(api, target)
    moved = entity(api, "mover")
    assert moved["metadata"]["uid"] == uid
    assert moved["metadata"]["annotations"]["backstage.io/managed-by-location"].endswith("/b.yaml")


def test_the_first_of_two_claimants_keeps_an_entity_until_it_lets_go(new_server, files):
    files["/one.yaml"], files["/two.yaml"] = component("twin", owner="one"), component("twin", owner="two")
    api = new_server(config=config(files)).api
    register(api, files.url + "/one.yaml")
    until(lambda: entity(api, "twin"))
    register(api, files.url + "/two.yaml")
    until(lambda: source(api, files.url + "/two.yaml")["read_at"])
    (problem,) = problems(api, files.url + "/two.yaml")
    assert problem["name"] == "ConflictError"
    assert "/one.yaml" in problem["message"] and "/two.yaml" in problem["message"]
    assert entity(api, "twin")["spec"]["owner"] == "one"
    files["/one.yaml"] = component("other")
    read_again(api, files.url + "/one.yaml")
    until(lambda: (entity(api, "twin") or {"spec": {"owner": ""}})["spec"]["owner"] == "two", 30)
    assert problems(api, files.url + "/two.yaml") == []


def test_locations_in_a_circle_end(new_server, files):
    target = files.url + "/a.yaml"
    files["/a.yaml"] = location("a", "./b.yaml") + "---\n" + component("in-a")
    files["/b.yaml"] = location("b", "./a.yaml", "./b.yaml") + "---\n" + component("in-b", extra=", dependsOn: ['component:in-b']")
    api = new_server(config=config(files, ("url", target))).api
    until(lambda: entity(api, "in-b"))
    assert entity(api, "in-a")
    relations = entity(api, "in-b")["relations"]
    assert {"type": "dependsOn", "targetRef": "component:default/in-b"} in relations
    until(lambda: source(api, target)["read_at"])


def test_placeholders_follow_the_file_they_name(new_server, files):
    target = files.url + "/api.yaml"
    files["/api.yaml"] = ("apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: { name: words }\n"
                          "spec: { type: openapi, lifecycle: production, owner: me, definition: { $text: ./def.txt } }\n")
    files["/def.txt"] = "first"
    api = new_server(config=config(files, ("url", target))).api
    until(lambda: entity(api, "words", "api"))
    assert entity(api, "words", "api")["spec"]["definition"] == "first"
    files["/def.txt"] = "second"
    read_again(api, target)
    assert entity(api, "words", "api")["spec"]["definition"] == "second"
    del files.contents["/def.txt"]
    read_again(api, target)
    assert entity(api, "words", "api")["spec"]["definition"] == "second"
    assert "$text" in problems(api, target)[0]["message"]


def test_a_placeholder_that_fails_says_so_as_backstage_does(new_server, files):
    text = ("apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: { name: words }\n"
            "spec: { type: openapi, lifecycle: production, owner: me, definition: { $text: ./def.txt } }\n")
    files["/api.yaml"] = text
    api = new_server(config=config(files)).api
    words = ("Processor PlaceholderProcessor threw an error while preprocessing; caused by Error: "
             "Placeholder $text could not read location ./def.txt, NotFoundError: ")
    tried = api.post("/api/catalog/locations", query={"dryRun": True},
                     json_body={"type": "url", "target": files.url + "/api.yaml"})
    assert tried.status == 400 and tried.json()["error"]["message"].startswith("InputError: " + words), tried
    register(api, files.url + "/api.yaml")
    until(lambda: source(api, files.url + "/api.yaml")["read_at"])
    (problem,) = problems(api, files.url + "/api.yaml")
    assert problem["message"].startswith(words) and problem["name"] == "InputError", problem
    entity_json = {"apiVersion": "backstage.io/v1alpha1", "kind": "API", "metadata": {"name": "words"},
                   "spec": {"type": "openapi", "lifecycle": "x", "owner": "me", "definition": {"$text": "./def.txt"}}}
    body = {"entity": entity_json, "location": f"url:{files.url}/api.yaml"}
    refused = api.post("/api/catalog/validate-entity", json_body=body)
    (error,) = refused.json()["errors"]
    assert refused.status == 400 and error["message"].startswith(words), refused
    assert error["cause"]["name"] == "Error" and error["cause"]["message"].startswith("Placeholder $text")
    files["/def.txt"] = "here"
    assert api.post("/api/catalog/validate-entity", json_body=body).status == 200


def test_a_reference_without_a_kind_is_refused_everywhere(new_server, files):
    files["/a.yaml"] = component("a", extra=", dependsOn: [b]")
    api = new_server(config=config(files)).api
    cause = ('Entity reference "b" had missing or empty kind (e.g. did not start with "component:" or similar)')
    words = f"Processor BuiltinKindsEntityProcessor threw an error while postprocessing; caused by TypeError: {cause}"
    register(api, files.url + "/a.yaml")
    until(lambda: source(api, files.url + "/a.yaml")["read_at"])
    (problem,) = problems(api, files.url + "/a.yaml")
    assert (problem["message"], problem["line"]) == (words, 4)
    tried = api.post("/api/catalog/locations", query={"dryRun": True},
                     json_body={"type": "url", "target": files.url + "/a.yaml"})
    assert tried.status == 400 and tried.json()["error"]["message"] == "InputError: " + words, tried
    entity_json = {"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": "a"},
                   "spec": {"type": "x", "lifecycle": "x", "owner": "me", "dependsOn": ["b"]}}
    refused = api.post("/api/catalog/validate-entity", json_body={"entity": entity_json, "location": "url:https://h/x"})
    assert refused.json() == {"errors": [{"name": "InputError", "message": words,
                                          "cause": {"name": "TypeError", "message": cause}}]}


def test_what_lies_on_the_machine_is_not_named_from_outside(new_server, files, tmp_path):
    (tmp_path / "inside.yaml").write_text(component("inside"))
    (tmp_path / "all.yaml").write_text(location("all", "./inside.yaml").replace("type: url", "type: file"))
    files["/out.yaml"] = location("out", f"{tmp_path}/inside.yaml").replace("type: url", "type: file")
    text = config(files, ("url", files.url + "/out.yaml"))
    api = new_server(config=text).api
    until(lambda: source(api, files.url + "/out.yaml")["read_at"])
    (problem,) = problems(api, files.url + "/out.yaml")
    assert problem["name"] == "NotAllowedError" and "only its configuration" in problem["message"]
    assert entity(api, "inside") is None
    for target in (str(tmp_path), f"file://{tmp_path}"):
        refused = api.post("/api/catalog/locations", json_body={"type": "git", "target": target + "#main:x.yaml"})
        assert refused.status == 400 and "allowed type" in refused.json()["error"]["message"], refused
    named = new_server(config=config(files, ("file", str(tmp_path / "all.yaml")))).api
    until(lambda: entity(named, "inside"))


def test_kinds_that_the_rules_do_not_name_are_refused(new_server, files):
    files["/g.yaml"] = "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: { name: g }\nspec: { type: team, children: [] }\n"
    text = config(files).replace(RULES, "[Component]")
    api = new_server(config=text).api
    register(api, files.url + "/g.yaml")
    until(lambda: source(api, files.url + "/g.yaml")["read_at"])
    (problem,) = problems(api, files.url + "/g.yaml")
    assert problem["name"] == "NotAllowedError"
    assert "is not of an allowed kind for that location" in problem["message"]
    assert entity(api, "g", "group") is None


def test_a_pattern_of_rules_does_not_mind_case(new_server, files):
    files["/org/x/Groups.yaml"] = "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: { name: g }\nspec: { type: team, children: [] }\n"
    text = config(files).replace(f"{{ allow: {RULES} }}",
                                 "{ allow: [Group], locations: [{ type: url, pattern: 'HTTP://127.0.0.1:*/ORG/*/groups.yaml' }] }")
    api = new_server(config=text).api
    register(api, files.url + "/org/x/Groups.yaml")
    until(lambda: entity(api, "g", "group"))


def test_rules_of_a_location_add_to_the_usual_kinds(new_server, files):
    head = "apiVersion: backstage.io/v1alpha1\nkind: {}\nmetadata: {{ name: x }}\nspec: {}\n"
    files["/a.yaml"] = "---\n".join((component("x"), head.format("User", "{ memberOf: [] }"), head.format("System", "{ owner: me }")))
    api = new_server(config=f"catalog: {{ locations: [{{ type: url, target: '{files.url}/a.yaml', rules: [{{ allow: [User] }}] }}] }}\n"
                            f"backend: {{ reading: {{ allow: [{{ host: '127.0.0.1:{files.port}' }}] }} }}\n").api
    until(lambda: source(api, files.url + "/a.yaml")["read_at"])
    assert entity(api, "x") and entity(api, "x", "user") and not entity(api, "x", "system")
    (problem,) = problems(api, files.url + "/a.yaml")
    assert problem["name"] == "NotAllowedError" and problem["entity_ref"] == "system:default/x"


def test_files_and_folders_by_pattern(new_server, files, tmp_path):
    (tmp_path / "a/deep").mkdir(parents=True)
    (tmp_path / "a/catalog-info.yaml").write_text(component("fa"))
    (tmp_path / "a/deep/catalog-info.yaml").write_text(component("fb"))
    (tmp_path / "a/deep/other.yaml").write_text(component("not-me"))
    target = f"{tmp_path}/**/catalog-info.yaml"
    api = new_server(config=config(files, ("file", target))).api
    until(lambda: entity(api, "fa") and entity(api, "fb"))
    assert entity(api, "not-me") is None
    (tmp_path / "a/deep/catalog-info.yaml").unlink()
    (tmp_path / "catalog-info.yaml").write_text(component("fc"))
    read_again(api, target)
    assert entity(api, "fc") and entity(api, "fb") is None


def git(folder, *args):
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *args], cwd=folder, check=True,
                   capture_output=True)


def test_a_git_repository_on_a_branch(new_server, files, tmp_path):
    repository = tmp_path / "repo"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    (repository / "svc").mkdir()
    (repository / "svc/catalog-info.yaml").write_text(component("from-git"))
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "one")
    target = f"{repository}#main:**/catalog-info.yaml"
    api = new_server(config=config(files, ("git", target))).api
    until(lambda: entity(api, "from-git"))
    (repository / "svc/catalog-info.yaml").write_text(component("from-git", owner="other"))
    read_again(api, target)
    assert entity(api, "from-git")["spec"]["owner"] == "team-a", "what is not committed does not count"
    git(repository, "commit", "-qam", "two")
    read_again(api, target)
    assert entity(api, "from-git")["spec"]["owner"] == "other"


def test_a_repository_that_vanishes_takes_nothing_with_it(new_server, files, tmp_path):
    repository = tmp_path / "repo"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    (repository / "catalog-info.yaml").write_text(location("inner", files.url + "/b.yaml"))
    files["/b.yaml"] = component("b")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "one")
    target = f"{repository}#main:**/catalog-info.yaml"
    api = new_server(config=config(files, ("git", target))).api
    until(lambda: entity(api, "b"))
    repository.rename(tmp_path / "gone")
    read_again(api, target)
    assert source(api, target)["state"] == "failing"
    assert entity(api, "b") and entity(api, "inner", "location")
    (tmp_path / "gone").rename(repository)
    read_again(api, target)
    assert source(api, target)["state"] == "ok" and entity(api, "b")


def test_a_push_event_reads_the_repository_at_once(new_server, files):
    target = files.url + "/org/repo/catalog-info.yaml"
    files["/org/repo/catalog-info.yaml"] = component("pushed")
    api = new_server(config=config(files, ("url", target), more="  webhook_secret: hush\n")).api
    until(lambda: entity(api, "pushed"))
    files["/org/repo/catalog-info.yaml"] = component("pushed", owner="new")
    body = json.dumps({"repository": {"html_url": files.url + "/org/repo"}})
    bad = api.request("POST", "/api/catalog-webhooks/github", body, headers={"Content-Type": "application/json", "X-Hub-Signature-256": "sha256=00"})
    assert bad.status == 403, bad
    mac = hmac.new(b"hush", body.encode(), hashlib.sha256).hexdigest()
    good = api.request("POST", "/api/catalog-webhooks/github", body,
                    headers={"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={mac}"})
    assert good.status == 202 and good.json() == {"sources": 1}, good
    until(lambda: entity(api, "pushed")["spec"]["owner"] == "new")


def test_a_removed_location_takes_what_it_brought(new_server, files):
    files["/a.yaml"] = component("a")
    api = new_server(config=config(files)).api
    registered = register(api, files.url + "/a.yaml")
    until(lambda: entity(api, "a"))
    assert api.delete(f"/api/catalog/locations/{registered['id']}").status == 204
    assert entity(api, "a") is None
    assert api.get("/api/catalog/locations").json() == []


def test_a_restart_finds_everything_as_it_was(new_server, files):
    target = files.url + "/a.yaml"
    files["/a.yaml"] = component("a")
    server = new_server(config=config(files, ("url", target)))
    before = until(lambda: entity(server.api, "a"))
    server.stop()
    server.start()
    assert entity(server.api, "a") == before
    files["/a.yaml"] = component("a", owner="later")
    read_again(server.api, target)  # or the read that the restart itself had queued
    until(lambda: entity(server.api, "a")["spec"]["owner"] == "later", 30)


def test_a_location_changed_while_it_is_read_does_not_get_its_old_entities_back(new_server, files):
    files["/slow.yaml"] = files.slow(2, component("old"))
    files["/new.yaml"] = component("new")
    api = new_server(config=config(files, strategy="keep")).api
    registered = register(api, files.url + "/slow.yaml")
    until(lambda: files.count("/slow.yaml"))  # the read is under way
    moved = api.put(f"/api/catalog/locations/{registered['id']}", json_body={"type": "url", "target": files.url + "/new.yaml"})
    assert moved.status == 200, moved
    until(lambda: entity(api, "new"), 30)
    assert entity(api, "old") is None


def test_a_large_read_that_is_killed_is_made_good(new_server, files):
    """Large sources are written batch by batch; what is shown of relations is made at the end."""
    count = 11_000
    files["/large.yaml"] = "---\n".join(component(f"part-{i}", owner="hub") for i in range(count))
    files["/all.yaml"] = location("all", "./large.yaml", "./hub.yaml")
    files["/hub.yaml"] = ("apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: { name: hub }\n"
                          "spec: { type: team, children: [] }\n")
    target = files.url + "/all.yaml"
    server = new_server(config=config(files, ("url", target)))
    until(lambda: entity(server.api, "part-0"), what="the first batch")
    server.kill()
    server.start()
    until(lambda: source(server.api, target)["state"] == "ok", deadline_s=120, what="the whole source")
    assert entity(server.api, f"part-{count - 1}")["relations"] == [{"type": "ownedBy", "targetRef": "group:default/hub"}]
    assert len(entity(server.api, "hub", "group")["relations"]) == count
    total = server.api.get("/api/catalog/entities/by-query", query={"filter": "relations.ownedBy=group:default/hub", "limit": 0})
    assert total.json()["totalItems"] == count

# SPDX-License-Identifier: Apache-2.0
"""What POST /api/catalog/analyze-location finds in a repository, and what it guesses where it finds nothing."""
import subprocess

import pytest

from support.files import Files
from support.wait import until

HOSTS = {
    "github": ("/api/v3/repos/org/shop/contents", "{root}/blob/trunk/{path}"),
    "gitea": ("/api/v1/repos/org/shop/raw", "{root}/src/branch/trunk/{path}"),
}


def component(name):
    return ("apiVersion: backstage.io/v1alpha1\nkind: Component\n"
            f"metadata: {{ name: {name} }}\nspec: {{ type: service, lifecycle: production, owner: team-a }}\n")


FILES = {
    "catalog-info.yaml": component("shop"),
    "services/cart/catalog-info.yaml": component("cart"),
    "skeleton/catalog-info.yaml": "kind: ${{ values.kind }}\n",
    "services/cart/other.yaml": component("other"),
}


def git(folder, *args):
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *args], cwd=folder, check=True,
                   capture_output=True)


def commit(folder, files):
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")


@pytest.fixture
def host(tmp_path):
    """A code host with the repository org/shop, whose default branch is trunk."""
    repository = tmp_path / "shop"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "trunk")
    commit(repository, FILES)
    with Files() as files:
        files.serve_git("/org/shop.git", repository)
        yield files


def config(files, kind):
    base = f", apiBaseUrl: '{files.url}/api/v3'" if kind == "github" else ""
    return f"integrations:\n  {kind}: [{{ host: '127.0.0.1:{files.port}'{base} }}]\n"


def analyze(api, target, type_="url", **more):
    return api.post("/api/catalog/analyze-location", json_body={"location": {"type": type_, "target": target}, **more})


@pytest.mark.parametrize("kind", HOSTS)
def test_the_entity_files_of_a_repository_are_found(kind, host, new_server):
    raw, page = HOSTS[kind]
    for path, text in FILES.items():
        host[f"{raw}/{path}"] = text
    api = new_server(config=config(host, kind)).api
    root = f"{host.url}/org/shop"
    targets = [page.format(root=root, path=p) for p in ("catalog-info.yaml", "services/cart/catalog-info.yaml")]
    answer = analyze(api, root)
    assert answer.status == 200, answer
    found = answer.json()
    assert found["generateEntities"] == []
    # As a dry run of registering each: the generated Location first, then what the file holds.
    assert [(i["location"], i["isRegistered"], i["entity"]["kind"]) for i in found["existingEntityFiles"]] == [
        ({"type": "url", "target": t}, False, k) for t in targets for k in ("Location", "Component")]
    names = [i["entity"]["metadata"]["name"] for i in found["existingEntityFiles"] if i["entity"]["kind"] == "Component"]
    assert names == ["shop", "cart"]
    assert api.post("/api/catalog/locations", json_body={"type": "url", "target": targets[1]}).status == 201
    again = analyze(api, root + "/").json()["existingEntityFiles"]
    assert [i["isRegistered"] for i in again] == [False, False, True, True]
    other = analyze(api, root, catalogFilename="other.yaml").json()["existingEntityFiles"]
    assert [i["entity"]["metadata"]["name"] for i in other][1:] == ["other"]


def test_a_page_of_a_branch_stands_for_the_repository_at_that_branch(host, new_server, tmp_path):
    git(tmp_path / "shop", "checkout", "-qb", "next")
    commit(tmp_path / "shop", {"new/catalog-info.yaml": component("new")})
    git(tmp_path / "shop", "checkout", "-q", "trunk")
    host["/api/v1/repos/org/shop/raw/new/catalog-info.yaml"] = component("new")
    api = new_server(config=config(host, "gitea")).api
    found = analyze(api, f"{host.url}/org/shop/src/branch/next/README.md").json()["existingEntityFiles"]
    assert {i["location"]["target"] for i in found} == {f"{host.url}/org/shop/src/branch/next/new/catalog-info.yaml"}


def test_what_a_source_names_already_is_registered(host, new_server):
    host["/api/v1/repos/org/shop/raw/catalog-info.yaml"] = FILES["catalog-info.yaml"]
    target = f"{host.url}/org/shop/src/branch/trunk/catalog-info.yaml"
    text = config(host, "gitea") + f"catalog: {{ locations: [{{ type: url, target: '{target}' }}] }}\n"
    api = new_server(config=text).api
    until(lambda: api.get("/api/catalog/entities/by-name/component/default/shop").status == 200)
    found = analyze(api, f"{host.url}/org/shop").json()["existingEntityFiles"]
    assert [i["isRegistered"] for i in found] == [True, True]


def test_a_repository_without_entity_files_gets_a_guess(host, new_server):
    api = new_server(config=config(host, "github")).api
    assert analyze(api, f"{host.url}/org/shop", catalogFilename="nothing.yaml").json() == {
        "existingEntityFiles": [],
        "generateEntities": [{"fields": [], "entity": {
            "apiVersion": "backstage.io/v1alpha1", "kind": "Component",
            "metadata": {"name": "shop", "annotations": {"github.com/project-slug": "org/shop"}},
            "spec": {"type": "other", "lifecycle": "unknown"}}}]}
    absent = analyze(api, f"{host.url}/org/absent.git").json()
    assert absent["generateEntities"][0]["entity"]["metadata"]["name"] == "absent"


def test_entity_files_that_are_all_wrong_are_an_error(host, new_server):
    host["/api/v3/repos/org/shop/contents/skeleton/catalog-info.yaml"] = FILES["skeleton/catalog-info.yaml"]
    api = new_server(config=config(host, "github")).api
    answer = analyze(api, f"{host.url}/org/shop")
    assert answer.status == 400 and answer.json()["error"]["name"] == "InputError", answer


@pytest.mark.parametrize("type_, target, words", [
    ("url", "nonsense", "The given location.target is not a URL"),
    ("file", "/etc/passwd", "for the configuration to name"),
    ("git", "/srv/repository", "for the configuration to name"),
])
def test_what_is_no_address_of_a_repository_is_refused(api, type_, target, words):
    answer = analyze(api, target, type_)
    assert answer.status == 400 and words in answer.json()["error"]["message"], answer


def test_an_internal_address_is_not_asked(host, new_server):
    """No integration and no list of allowed hosts names it."""
    api = new_server().api
    answer = analyze(api, f"{host.url}/org/shop.git", "git")
    assert answer.json()["existingEntityFiles"] == [] and host.count("/org/shop.git/info/refs") == 0
    assert analyze(api, f"{host.url}/org/shop").json()["generateEntities"][0]["entity"]["metadata"] == {"name": "shop"}

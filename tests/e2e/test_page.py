# SPDX-License-Identifier: Apache-2.0
"""The page at / in Chromium, against the real program: every scenario of page.mjs, each look of it free of
accessibility violations. FAIRWAY_SHOTS=folder keeps pictures to look at."""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from support import npm, wait
from support.identity import NO_LIMITS, first_admin, grant, link_of
from support.providers import OpenIdProvider, free_port
from support.server import ROOT, FairwayServer

HERE = pathlib.Path(__file__).parent
PACKAGES = ROOT / "build" / "npm-e2e"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
LIMIT_S = 180


@pytest.fixture(scope="module")
def packages():
    """playwright-core and axe-core, installed once and kept between runs."""
    if not CHROMIUM:
        pytest.skip("chromium is not installed")
    try:
        return npm.packages(HERE, PACKAGES)
    except npm.Absent as why:
        pytest.skip(str(why))


def command(packages, url, scenario):
    shots = os.environ.get("FAIRWAY_SHOTS")
    if shots:
        pathlib.Path(shots).mkdir(parents=True, exist_ok=True)
    return ["node", str(HERE / "page.mjs"), url, str(packages), scenario, *([shots] if shots else [])]


def play(packages, url, scenario):
    env = dict(os.environ, CHROMIUM=CHROMIUM)
    done = subprocess.run(command(packages, url, scenario), capture_output=True, text=True, timeout=LIMIT_S, env=env)
    assert done.returncode == 0, done.stderr[-6000:]


def count(server):
    answer = server.api.get("/api/catalog/entities/by-query?limit=0")
    return answer.json()["totalItems"] if answer.status == 200 else 0


@pytest.fixture(scope="module")
def harbour(binary):
    """A server with the example organisation."""
    with FairwayServer(args=["--config", str(ROOT / "example" / "fairway.yaml")]) as server:
        wait.until(lambda: count(server) >= 37, what="the example organisation")
        yield server


@pytest.mark.parametrize("scenario", ["list", "facet", "search", "entity", "missing", "keyboard", "theme", "loading", "failing",
                                      "hostile"])
def test_page(packages, harbour, scenario):
    play(packages, harbour.url, scenario)


def test_empty(packages, server):
    play(packages, server.url, "empty")


def test_sign_in(packages, new_server, monkeypatch):
    """From the link of the first start into the page, out, and in again by password."""
    server = new_server(auth=None)
    monkeypatch.setenv("ONE_TIME", link_of(server))
    play(packages, server.url, "signin")


@contextlib.contextmanager
def server_with_provider(host="127.0.0.1"):
    """A server, known by host, with a real OpenID Provider."""
    why = OpenIdProvider.install()
    if why:
        pytest.skip(why)
    port = free_port()
    base = f"http://{host}:{port}"
    with OpenIdProvider(f"{base}/api/auth/providers/corp/callback") as provider:
        settings = provider.settings(title="Example login", trusted_domains=["example.org"])
        server = FairwayServer(auth=None, env=NO_LIMITS, config=json.dumps({
            "server": {"base_url": base}, "auth": {"allow": "127.0.0.1", "providers": {"corp": settings}}}))
        server.port = port
        with server:
            yield server


def test_sign_in_by_a_provider(packages, binary):
    """By its button, through the forms of a real OpenID Provider, to the page that was asked for."""
    with server_with_provider() as server:
        admin = first_admin(server)
        invited = admin.post("/api/users", {"email": "grace@example.org", "name": "Grace Hopper"})
        grant(admin, invited.json()["id"], "viewer")
        play(packages, server.url, "provider")


def component(name, description):
    return (f"apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\n"
            f"  description: {description}\nspec: {{type: service, lifecycle: production, owner: guests}}\n")


def serve_file(new_server, tmp_path, text):
    path = tmp_path / "catalog-info.yaml"
    path.write_text(text)
    config = f"catalog:\n  locations:\n    - {{type: file, target: {path}}}\n  processing_interval: 1s\n"
    return path, new_server(config=config)


def test_pages(packages, new_server, tmp_path):
    text = "---\n".join(component(f"many-{n:03}", "one of many") for n in range(120))
    _, server = serve_file(new_server, tmp_path, text)
    wait.until(lambda: count(server) >= 120, what="120 entities")
    play(packages, server.url, "pages")


def test_live(packages, new_server, tmp_path):
    """A change of the file is on the open page without anyone touching it."""
    path, server = serve_file(new_server, tmp_path, component("watched", "as it was"))
    wait.until(lambda: count(server) >= 1, what="the entity")
    with subprocess.Popen(command(packages, server.url, "live"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=dict(os.environ, CHROMIUM=CHROMIUM)) as browser:
        try:
            assert browser.stdout.readline() == "following\n", browser.stderr.read()[-4000:]
            path.write_text(component("watched", "changed while you looked"))
            _, errors = browser.communicate(timeout=LIMIT_S)
            assert browser.returncode == 0, errors[-4000:]
        finally:
            browser.kill()


def test_files(server):
    """Names with the hash of the content may be kept for ever; the page is asked for anew."""
    page = server.api.get("/", headers={"Accept-Encoding": "gzip"})
    assert page.status == 200
    assert page.headers["Content-Encoding"] == "gzip" and page.headers["Vary"] == "Accept-Encoding"
    plain = server.api.get("/", headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in plain.headers
    policy = plain.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "<script>" not in plain.text and "style=" not in plain.text
    again = server.api.get("/", headers={"If-None-Match": plain.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    assert server.api.get("/catalog/default/component/x").body == plain.body
    assets = set(part.split('"')[0] for part in plain.text.split('"/assets/')[1:])
    assert len(assets) >= 4
    for name in assets:
        answer = server.api.get("/assets/" + name)
        assert answer.status == 200 and "immutable" in answer.headers["Cache-Control"], name
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert server.api.get("/assets/nothing.js").status == 404
    refused = server.api.post("/")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert refused.headers["Content-Type"] == "application/problem+json"
    options = server.api.request("OPTIONS", "/")
    assert (options.status, options.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    head = server.api.request("HEAD", "/")
    assert (head.status, head.body) == (200, b"") and head.headers["ETag"] == plain.headers["ETag"]

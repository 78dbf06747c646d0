# SPDX-License-Identifier: Apache-2.0
"""Pages of the portal as the server makes them: readable without scripts, for whoever asks alone."""
import gzip
import json
import re

import pytest
from support.api import Api
from support.identity import PASSWORD, new_user

HTML = {"Accept": "text/html,application/xhtml+xml"}
HOSTILE = "</script><script>alert(1)</script>\"'<!-- {{boot}} {{nonce}}"


def page(api, path, status=200, **kw):
    answer = api.get(path, headers={**HTML, **kw.pop("headers", {})}, **kw)
    assert answer.status == status and answer.headers["Content-Type"] == "text/html; charset=utf-8", answer
    return answer.text


def boot(text):
    [found] = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.S)
    return json.loads(found)


def put(api, name, spec=None, **metadata):
    body = {"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": name, **metadata},
            "spec": {"type": "service", "lifecycle": "production", "owner": "team-a", **(spec or {})}}
    answer = api.put(f"/api/catalog/entities/by-name/component/default/{name}", body)
    assert answer.status in (200, 201), answer


def test_catalog_and_its_next_page(each_api):
    for i in range(101):
        put(each_api, f"row-{i:03}", description="One of many")
    text = page(each_api, "/catalog")
    assert "<title>Catalog · Fairway</title>" in text and "<h1>Catalog</h1>" in text
    assert '<a href="/catalog/default/component/row-000">row-000</a>' in text and "One of many" in text
    assert re.search(r"<p>\d+ entities</p>", text)
    [following] = re.findall(r'rel="next" href="([^"]+)"', text)
    second = page(each_api, following)
    assert "row-100</a>" in second and "row-000</a>" not in second
    found = page(each_api, "/catalog?q=row-05&kind=Component")
    assert "row-050</a>" in found and "row-060</a>" not in found and 'value="row-05"' in found
    assert "cannot be shown" in page(each_api, "/catalog?cursor=nonsense")
    [(url, answer)] = [one for one in boot(text)["answers"].items() if "/by-query" in one[0]]
    assert url.startswith("/api/catalog/entities/by-query?") and answer == each_api.get(url).json()
    assert boot(second)["answers"] == {}


def test_entity(each_api):
    put(each_api, "facts", title="Facts & figures", tags=["java", "a1"], description="Says it all",
        links=[{"url": "https://example.com/?a=1&b=2", "title": "Runbook"}, {"url": "javascript:alert(1)", "title": "Trap"}],
        spec={"system": "shop", "dependsOn": ["resource:default/db"]})
    text = page(each_api, "/catalog/default/component/facts")
    assert "<title>Facts &amp; figures · Fairway</title>" in text and "<h1>Facts &amp; figures</h1>" in text
    assert '<a rel="noopener noreferrer" href="https://example.com/?a=1&amp;b=2">Runbook</a>' in text
    html = re.sub(r"<script.*?</script>", "", text, flags=re.S)
    assert "<li>Trap</li>" in html and "javascript:" not in html
    assert '<dt>Owner</dt><dd><a href="/catalog/default/group/team-a">team-a</a></dd>' in text
    assert 'dependsOn <a href="/catalog/default/resource/db">resource:default/db</a>' in text
    assert "<dt>Tags</dt><dd>java, a1</dd>" in text
    url = "/api/catalog/entities/by-name/component/default/facts"
    assert boot(text)["answers"] == {url: each_api.get(url).json()}
    assert boot(page(each_api, "/catalog/default/component/facts?tab=x"))["answers"] == {}


def test_hostile_texts(each_api):
    put(each_api, "hostile", title=HOSTILE, description=HOSTILE, spec={"type": HOSTILE, "lifecycle": HOSTILE})
    for path in ("/catalog?q=hostile", "/catalog/default/component/hostile"):
        text = page(each_api, path)
        assert "<script>alert" not in text and "&lt;script&gt;alert(1)" in text
        assert "{{nonce}}" in text  # of the text, not a marker
    assert boot(text)["answers"].popitem()[1]["metadata"]["title"] == HOSTILE
    assert "<script>alert" not in page(each_api, "/catalog?q=%3Cscript%3Ealert(1)%3C/script%3E&cursor=%22%3E%3Cscript%3Ealert")


@pytest.mark.parametrize("path", ["/nothing", "/catalog/x", "/catalog/default/component/absent", "/catalog/%00/%22%3E/%3Cb%3E",
                                  "/catalog/default/component/a%2F..%2Fb"])
def test_nothing_at_this_address(api, path):
    text = page(api, path, status=404)
    assert "<title>Nothing at this address · Fairway</title>" in text and "<b>" not in text


def test_other_clients_get_what_they_got(api):
    for path in ("/nothing", "/assets/nothing.js"):
        answer = api.get(path)
        assert answer.status == 404 and "problem+json" in answer.headers["Content-Type"], answer
    assert api.get("/assets/nothing.js", headers=HTML).headers["Content-Type"] == "application/problem+json"
    assert api.get("/api/nothing/x", headers=HTML).status == 404
    assert api.post("/catalog", {}).status == 405


def test_headers(api):
    seen = set()
    for _ in range(3):
        answer = api.get("/catalog", headers={**HTML, "If-None-Match": "*"})
        [nonce] = set(re.findall(r'nonce="([^"]*)"', answer.text))
        policy = answer.headers["Content-Security-Policy"]
        assert f"script-src 'self' 'nonce-{nonce}';" in policy and f"style-src 'self' 'nonce-{nonce}';" in policy
        assert "unsafe" not in policy and "default-src 'none'" in policy
        assert answer.headers["Cache-Control"] == "private, no-cache" and "ETag" not in answer.headers
        assert "Cookie" in answer.headers["Vary"]
        seen.add(nonce)
    assert len(seen) == 3 and all(len(nonce) == 22 for nonce in seen)


def test_gzip_and_head(api):
    plain = api.get("/catalog", headers=HTML)
    packed = api.get("/catalog", headers={**HTML, "Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers and packed.headers["Content-Encoding"] == "gzip"
    assert b"<h1>Catalog</h1>" in gzip.decompress(packed.body) and len(packed.body) < len(plain.body)
    head = api.request("HEAD", "/catalog", headers=HTML)
    assert head.status == 200 and head.body == b"" and head.headers["Content-Length"] == plain.headers["Content-Length"]
    assert api.request("HEAD", "/nothing", headers=HTML).status == 404


def test_open(api):
    data = boot(page(api, "/"))
    assert data["auth"] == "open" and data["answers"] == {} and set(data) == {"me", "auth", "development", "version", "answers"}


def test_names_that_lead_here_from_elsewhere(api):
    """Without sign-in a page of another name must not read what the page has (DNS rebinding)."""
    assert api.get("/catalog", headers={**HTML, "Host": "attacker.example.com"}).status == 403


def test_who_is_not_signed_in(locked, admin):
    put(admin, "secret-thing", description="Only for us")
    for path in ("/catalog", "/catalog?q=secret", "/catalog/default/component/secret-thing"):
        text = page(locked.api, path)
        assert 'href="/sign-in"' in text and "Only for us" not in text
        data = boot(text)
        assert data["me"] is None and data["auth"] == "required" and data["answers"] == {}
    stranger = Api(locked.url, headers={"Cookie": "fairway_session=nonsense"})
    assert boot(page(stranger, "/catalog"))["me"] is None


def test_everybody_sees_their_own(locked, admin):
    put(admin, "hidden-thing", description="Not for everybody")
    nobody = new_user(admin, "pages1@example.org", role=None)
    partly = new_user(admin, "pages2@example.org", role=None)
    organization = admin.post("/api/organizations", {"name": "Pages", "slug": "pages"}).json()["id"]
    [viewer] = admin.get("/api/roles", query={"name": "viewer"}).json()["items"]
    bound = admin.post("/api/role-bindings", {"subject_kind": "user", "subject_id": partly.user["id"],
                                              "role_id": viewer["id"], "scope_kind": "organization", "scope_id": organization})
    assert bound.status == 201, bound
    for api, status in ((admin, 200), (nobody, 403), (partly, 404)):
        text = page(api, "/catalog/default/component/hidden-thing", status=status)
        assert ("Not for everybody" in text) == (status == 200)
        listed = page(api, "/catalog?q=hidden-thing").replace('value="hidden-thing"', "")
        assert ("hidden-thing" in listed) == (status == 200)
        data = boot(text)
        assert data["me"] == api.get("/api/auth/me").json() and len(data["answers"]) == (status == 200)


def test_the_session_cookie(locked, admin):
    signed = locked.api.post("/api/auth/login", {"email": "admin@example.org", "password": PASSWORD, "cookie": True})
    cookie = signed.headers.get("Set-Cookie")
    if not cookie:
        pytest.fail(f"no cookie: {signed}")
    browser = Api(locked.url, headers={"Cookie": cookie.split(";")[0]})
    assert boot(page(browser, "/catalog"))["me"]["user"]["email"] == "admin@example.org"

# SPDX-License-Identifier: Apache-2.0
"""Signing in by other providers: a real OpenID Provider (npm oidc-provider), one that lies in one way at a time, and a
server that answers as GitHub does; on both databases where rows decide. The ids in brackets are of OWASP ASVS 5.0."""
import concurrent.futures
import contextlib
import json
import sqlite3
import subprocess
import time
import urllib.parse

import pytest

from support.api import Api
from support.identity import NO_LIMITS, PASSWORD, first_admin, grant, new_user
from support.providers import BROWSER, SESSION, Browser, GitHubLike, Key, LyingProvider, OpenIdProvider, free_port
from support.server import FairwayServer

TRUSTED = {"trusted_domains": ["example.org"]}
ALLOW = "127.0.0.1"


def config(providers, **auth):
    return json.dumps({"auth": {"allow": ALLOW, "providers": providers, **auth}})


def start_server(providers, database_url=None, port=0, **options):
    options = {"env": NO_LIMITS, **options}
    server = FairwayServer(auth=None, config=config(providers), database_url=database_url, **options)
    server.port = port
    server.start()
    server.admin = first_admin(server)
    return server


def start_url(server, provider, return_to=None):
    return f"{server.url}/api/auth/providers/{provider}/start" + (
        "?return_to=" + urllib.parse.quote(return_to, safe="") if return_to else "")


def callback_url(server, provider, **query):
    return f"{server.url}/api/auth/providers/{provider}/callback?" + urllib.parse.urlencode(query)


def begin(server, provider, browser, return_to=None):
    page = browser.get(start_url(server, provider, return_to))
    assert page.status == 302, page
    return page


def sign_in(server, provider, fake, browser=None, return_to=None):
    """Through a provider of ours, to the last redirect."""
    browser = browser or Browser()
    page = begin(server, provider, browser, return_to)
    return browser.get(callback_url(server, provider, **fake.code(page)))


def me(server, browser):
    page = browser.get(server.url + "/api/auth/me", headers={"Accept": "application/json"})
    return json.loads(page.body) if page.status == 200 else None


def signed_in_user(server, page, browser):
    assert page.status == 302 and not page.fragment(), page
    found = me(server, browser)
    assert found and found["kind"] == "user", found
    return found["user"]


def failed(server, page, word, why=None):
    """Sent to the page with a word, without a session; the reason stands in the audit trail only."""
    assert (page.status, page.fragment()) == (302, "sign-in-failed=" + word), page
    assert page.location.startswith(server.url + "/#")
    assert SESSION + "=" not in str(page.headers)
    row = newest_audit(server, "auth.provider_sign_in_failed")
    assert row["after"]["reason"] == word
    if why:
        assert row["after"]["why"] == why, row
    return row


def newest_audit(server, action):
    answer = server.admin.get("/api/audit-logs", query={"action": action, "limit": 1})
    assert answer.status == 200 and answer.json()["items"], answer
    return server.admin.get("/api/audit-logs/" + answer.json()["items"][0]["id"]).json()


def call(server, browser, method, path, body=None):
    """As the page does it: with the cookie, and the token against pages of other sites."""
    headers = {"Accept": "application/json", "X-CSRF-Token": me(server, browser)["csrf_token"], "Sec-Fetch-Site": "same-origin"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    return browser.request(method, server.url + path, json.dumps(body) if body is not None else None, headers)


# ---- a provider that is as it should be, except for one thing

@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def both(request, binary):
    """A server with a lying provider and a GitHub, on each database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with LyingProvider() as op, GitHubLike() as hub:
        server = start_server({
            "corp": op.settings(title="Example login", sign_up=True, teams_by_name=True, teams={"ops-team": "default/operations"},
                                **TRUSTED),
            "strict": op.settings(),
            "github": hub.settings(sign_up=True, organizations=["acme"], teams={"other/crew": "crew"}, teams_by_name=True),
        }, url)
        server.op, server.hub = op, hub
        yield server
        server.close()


@pytest.fixture
def op(both):
    both.op.lie = None
    both.op.metadata = {}
    both.op.claims = {"sub": "s-1", "email": "grace@example.org", "email_verified": True, "name": "Grace Hopper", "groups": []}
    return both.op


@pytest.fixture
def hub(both):
    fresh = GitHubLike()
    for name in ("user", "emails", "orgs", "teams", "error", "api_status"):
        setattr(both.hub, name, getattr(fresh, name))
    fresh.close()
    return both.hub


def test_providers_are_listed_for_everybody_without_their_secrets(both):
    answer = both.api.get("/api/auth/providers")
    assert answer.json() == {"items": [{"id": "corp", "title": "Example login", "kind": "oidc"},
                                       {"id": "strict", "title": "strict", "kind": "oidc"},
                                       {"id": "github", "title": "GitHub", "kind": "github"}]}
    assert both.api.get("/api/auth/providers/nobody/start").status == 404
    assert both.api.get("/api/auth/providers/nobody/callback").status == 404


def test_a_sign_in_makes_an_account_and_the_next_one_finds_it(both, op):
    browser = Browser()
    page = sign_in(both, "corp", op, browser, return_to="/catalog?kind=API")
    assert page.location == both.url + "/catalog?kind=API"
    user = signed_in_user(both, page, browser)
    assert (user["email"], user["name"], user["status"]) == ("grace@example.org", "Grace Hopper", "active")
    op.claims["email"] = "moved@example.org"  # the address is no identity [10.5.2, 10.3.3]
    again = Browser()
    assert signed_in_user(both, sign_in(both, "corp", op, again), again)["id"] == user["id"]
    row = newest_audit(both, "auth.provider_sign_in")
    assert row["resource_id"] == user["id"] and row["after"] == {"provider": "corp", "issuer": op.url, "subject": "s-1"}


def test_the_request_has_pkce_by_s256_a_state_and_a_nonce_that_never_repeat(both, op):
    """[10.2.1, 10.5.1, 10.2.2]"""
    seen = [begin(both, "corp", Browser()).query() for _ in range(5)]
    for name in ("state", "nonce", "code_challenge"):
        assert len({q[name] for q in seen}) == 5 and all(len(q[name]) == 43 for q in seen)
    assert {q["redirect_uri"] for q in seen} == {both.url + "/api/auth/providers/corp/callback"}
    assert {q["code_challenge_method"] for q in seen} == {"S256"} and not any("client_secret" in q for q in seen)


def test_the_cookie_of_the_browser_is_locked_to_the_host_and_no_script_sees_it(both, op):
    page = begin(both, "corp", Browser())
    field = page.headers["Set-Cookie"]
    assert field.startswith(BROWSER + "=fwb_")
    for part in ("Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=600"):
        assert part in field.split("; ")
    assert page.headers["Cache-Control"] == "no-store"


LIES = {
    "iss": "issuer", "aud": "audience", "aud-many": "audience", "azp": "audience", "expired": "expired",
    "future": "issued in the future", "nbf": "not yet valid", "nonce": "nonce", "no-nonce": "nonce", "at_hash": "at_hash",
    "no-sub": "subject", "alg-none": "algorithm", "hs256": "algorithm", "access-token": "type", "signature": "signature",
    "own-key": "signature", "unknown-kid": "a key that is not published", "huge-token": "an answer that is too large",
    "no-id-token": "form", "mac-token": "an answer without tokens",
}


@pytest.mark.parametrize("lie", LIES)
def test_an_id_token_that_is_wrong_in_one_thing_lets_nobody_in(both, op, lie):
    """[10.5.1, 10.5.2, 10.5.4, 9.1.1, 9.1.2, 9.1.3, 9.2.1, 9.2.2, 9.2.3]"""
    op.lie = lie
    failed(both, sign_in(both, "corp", op), "not-trusted", LIES[lie])
    op.lie = None
    browser = Browser()
    signed_in_user(both, sign_in(both, "corp", op, browser), browser)


def test_userinfo_of_another_subject_lets_nobody_in(both, op):
    op.claims.pop("groups")
    op.lie = "userinfo-sub"
    failed(both, sign_in(both, "corp", op), "not-trusted", "userinfo of another subject")


def test_people_get_one_sentence_and_nothing_of_what_the_provider_said(both, op):
    op.lie = "nonce"
    browser = Browser()
    page = begin(both, "corp", browser)
    answer = browser.get(callback_url(both, "corp", **op.code(page)), headers={"Accept": "application/json"})
    assert answer.status == 502 and answer.headers["Content-Type"] == "application/problem+json"
    assert "cannot be trusted" in json.loads(answer.body)["detail"] and b"nonce" not in answer.body
    op.lie = None
    asked = op.code(begin(both, "corp", browser))
    answer = browser.get(callback_url(both, "corp", **{**asked, "code": "none"}), headers={"Accept": "application/json"})
    assert answer.status == 401 and b"leaked" not in answer.body
    assert "leaked" not in both.log() and "se:cret" not in both.log()


# ---- the state

def test_a_state_works_once(both, op):
    browser = Browser()
    query = op.code(begin(both, "corp", browser))
    signed_in_user(both, browser.get(callback_url(both, "corp", **query)), browser)
    asked = op.count("/token")
    failed(both, browser.get(callback_url(both, "corp", **query)), "expired")
    assert op.count("/token") == asked, "the provider is not asked"


def test_of_many_callbacks_with_one_state_one_gets_in(both, op):
    browser = Browser()
    query = op.code(begin(both, "corp", browser))
    cookie = browser.cookie(both.url, BROWSER)

    def come_back(_):
        one = Browser()
        one.jar = {urllib.parse.urlsplit(both.url).netloc: {BROWSER: cookie}}
        page = one.get(callback_url(both, "corp", **query))
        return page.fragment()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(come_back, range(16)))
    assert sorted(results) == [""] + ["sign-in-failed=expired"] * 15


def test_a_state_counts_only_in_the_browser_that_began(both, op):
    """[10.2.1: a request forged by another site, or a victim sent into the attacker's account]"""
    query = op.code(begin(both, "corp", Browser()))
    other = Browser()
    failed(both, other.get(callback_url(both, "corp", **query)), "expired")
    begin(both, "corp", other)  # a cookie of its own does not help
    failed(both, other.get(callback_url(both, "corp", **query)), "expired")
    failed(both, other.get(callback_url(both, "corp", code="x", iss=op.url)), "expired")
    failed(both, other.get(callback_url(both, "corp", state="x" * 43, code="x", iss=op.url)), "expired")


def test_a_state_counts_only_for_the_provider_it_was_made_for(both, op, hub):
    """Mix-up of providers. [10.2.2]"""
    browser = Browser()
    query = op.code(begin(both, "corp", browser))
    asked = len(hub.asked)
    failed(both, browser.get(callback_url(both, "github", **query)), "expired")
    failed(both, browser.get(callback_url(both, "strict", **query)), "expired")
    assert len(hub.asked) == asked
    signed_in_user(both, browser.get(callback_url(both, "corp", **query)), browser)


def test_two_tabs_of_one_browser_can_sign_in(both, op):
    browser = Browser()
    first, second = op.code(begin(both, "corp", browser)), op.code(begin(both, "corp", browser))
    signed_in_user(both, browser.get(callback_url(both, "corp", **second)), browser)
    signed_in_user(both, browser.get(callback_url(both, "corp", **first)), browser)


def test_a_code_works_once(both, op):
    """A code that was used, with a state of one's own. [10.4.1 of the provider, which refuses it]"""
    browser = Browser()
    used = op.code(begin(both, "corp", browser))
    signed_in_user(both, browser.get(callback_url(both, "corp", **used)), browser)
    thief = Browser()
    fresh = op.code(begin(both, "corp", thief))
    failed(both, thief.get(callback_url(both, "corp", **{**fresh, "code": used["code"]})), "refused", "invalid_grant")


def test_a_code_of_another_sign_in_does_not_fit_the_verifier(both, op):
    """An injected code: PKCE ties it to the sign-in that asked for it. [10.2.1]"""
    browser, victim = Browser(), Browser()
    stolen = op.code(begin(both, "corp", victim))
    fresh = op.code(begin(both, "corp", browser))
    failed(both, browser.get(callback_url(both, "corp", **{**fresh, "code": stolen["code"]})), "refused", "invalid_grant")


def test_the_issuer_of_the_answer_is_checked_when_it_is_there_and_missed_when_it_is_announced(both, op):
    """RFC 9207. [10.2.2, 10.5.3]"""
    browser = Browser()
    query = op.code(begin(both, "corp", browser))
    page = browser.get(callback_url(both, "corp", **{**query, "iss": "https://other.example"}))
    failed(both, page, "not-trusted", "an answer of another issuer")
    query = op.code(begin(both, "corp", browser))
    query.pop("iss")
    failed(both, browser.get(callback_url(both, "corp", **query)), "not-trusted", "an answer of another issuer")


def test_what_the_provider_answers_instead_of_a_code_is_told_plainly(both, op):
    browser = Browser()
    for error, word in (("access_denied", "cancelled"), ("server_error", "refused"), ("<script>", "refused")):
        query = op.code(begin(both, "corp", browser))
        query.pop("code")
        page = browser.get(callback_url(both, "corp", **query, error=error, error_description="words of theirs"))
        failed(both, page, word)
        assert "words" not in page.location
    query = op.code(begin(both, "corp", browser))
    query.pop("code")
    failed(both, browser.get(callback_url(both, "corp", **query)), "refused", "no code")


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "https://evil.example", "evil", "/a\nb", "/\tb",
                                    "javascript:alert(1)", "/" + "a" * 2000])
def test_return_to_leads_nowhere_else(both, target):
    """[3.7.2: no open redirect]"""
    page = Browser().get(start_url(both, "corp", target))
    assert page.status == 400 and not page.headers["Location"], page


# ---- who it is here

def test_an_address_is_linked_only_when_verified_and_of_a_domain_the_provider_is_trusted_with(both, op):
    """[10.3.3, 10.5.2]"""
    victim = new_user(both.admin, "victim@example.org", role=None)
    elsewhere = new_user(both.admin, "victim@elsewhere.example", role=None)
    op.claims.update(sub="s-unverified", email="victim@example.org", email_verified=False)
    failed(both, sign_in(both, "corp", op), "no-address", "no verified address")
    op.claims.pop("email_verified")
    failed(both, sign_in(both, "corp", op), "no-address")
    op.claims.update(sub="s-elsewhere", email="victim@elsewhere.example", email_verified=True)
    failed(both, sign_in(both, "corp", op), "unknown", "not trusted with the domain of the address")
    op.claims.update(sub="s-victim", email="VICTIM@example.org")
    failed(both, sign_in(both, "strict", op), "unknown")
    browser = Browser()
    assert signed_in_user(both, sign_in(both, "corp", op, browser), browser)["id"] == victim.user["id"]
    assert newest_audit(both, "auth.identity_linked")["after"]["by"] == "address"
    assert elsewhere.user["id"] != victim.user["id"]


@pytest.mark.parametrize("claims, word", [
    ({"email": "two@at@example.org"}, "no-address"), ({"email": "a" * 65 + "@example.org"}, "no-address"),
    ({"email": "a b@example.org"}, "no-address"), ({"email": ["a@example.org"]}, "no-address"), ({"email": None}, "no-address"),
    ({"email": "blank@example.org", "name": "\u00a0\u3000"}, "not-trusted"), ({"email_verified": "yes"}, "no-address")])
def test_claims_of_another_form_make_no_account(both, op, claims, word):
    op.claims.update({"sub": "s-odd", "email": "odd@example.org", **claims})
    failed(both, sign_in(both, "corp", op), word)


def test_of_two_links_that_are_taken_away_at_once_one_stays(both, op, hub):
    hub.user["id"], hub.emails = 80, []
    op.claims.update(sub="s-hasty", email="hasty@example.org")
    browser = Browser()
    signed_in_user(both, sign_in(both, "corp", op, browser), browser)
    begun = call(both, browser, "POST", "/api/auth/identities", {"provider": "github"})
    begun.headers.add_header("Location", json.loads(begun.body)["url"])
    assert browser.get(callback_url(both, "github", **hub.code(begun))).status == 302
    ids = [i["id"] for i in json.loads(browser.get(both.url + "/api/auth/identities").body)["items"]]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda id: call(both, browser, "DELETE", f"/api/auth/identities/{id}").status, ids))
    assert sorted(answers) == [204, 409]


def test_a_name_that_is_too_long_is_cut_and_one_that_is_missing_is_made(both, op):
    op.claims.update(sub="s-long", email="long@example.org", name="é" * 80)
    browser = Browser()
    assert signed_in_user(both, sign_in(both, "corp", op, browser), browser)["name"] == "é" * 50
    op.claims.update(sub="s-nameless", email="nameless@example.org")
    op.claims.pop("name")
    browser = Browser()
    assert signed_in_user(both, sign_in(both, "corp", op, browser), browser)["name"] == "nameless"


def test_without_sign_up_nobody_new_comes_in_but_who_is_invited_does(binary):
    with LyingProvider() as own:
        server = start_server({"corp": own.settings(**TRUSTED)})
        try:
            failed(server, sign_in(server, "corp", own), "unknown", "linked to nobody")
            made = server.admin.post("/api/users", {"email": "grace@example.org", "name": "G. Hopper"})
            link = server.admin.post(f"/api/users/{made.json()['id']}/one-time-link").json()["token"]
            browser = Browser()
            user = signed_in_user(server, sign_in(server, "corp", own, browser), browser)
            assert (user["id"], user["status"], user["name"]) == (made.json()["id"], "active", "G. Hopper")
            assert server.api.post("/api/auth/one-time", {"token": link, "password": "violet bus over the hill"}).status == 401
        finally:
            server.close()


def test_deactivated_and_deleted_people_stay_out(both, op):
    op.claims.update(sub="s-leaver", email="leaver@example.org")
    browser = Browser()
    user = signed_in_user(both, sign_in(both, "corp", op, browser), browser)
    assert both.admin.patch(f"/api/users/{user['id']}", body='{"status":"deactivated"}',
                            headers={"Content-Type": "application/merge-patch+json"}).status == 200
    assert me(both, browser) is None
    failed(both, sign_in(both, "corp", op), "deactivated")
    made = both.admin.post("/api/users", {"email": "left@example.org", "name": "Left", "status": "deactivated"})
    assert made.status == 201
    op.claims.update(sub="s-left", email="left@example.org")
    failed(both, sign_in(both, "corp", op), "deactivated")
    assert both.admin.delete(f"/api/users/{user['id']}").status == 204
    op.claims.update(sub="s-leaver", email="leaver@example.org")
    failed(both, sign_in(both, "corp", op), "deactivated")


# ---- teams

def make_team(server, slug, name=None):
    answer = server.admin.post("/api/teams", {"org_id": "00000000-0000-7000-8000-000000000001", "slug": slug, "name": name or slug})
    assert answer.status == 201, answer
    return answer.json()["id"]


def memberships(server, user_id):
    rows = server.admin.get("/api/team-memberships", query={"user_id": user_id}).json()["items"]
    return {row["team_id"]: row.get("source") for row in rows}


def test_teams_follow_the_groups_at_each_sign_in_and_hand_made_ones_stay(both, op):
    platform, operations, made, payments = (make_team(both, "platform"), make_team(both, "operations"), make_team(both, "by-hand"),
                                            make_team(both, "pay", "Payments"))
    op.claims.update(sub="s-teams", email="teams@example.org", groups=["platform", "ops-team", "Payments", "nothing here"])
    browser = Browser()
    user = signed_in_user(both, sign_in(both, "corp", op, browser), browser)["id"]
    assert memberships(both, user) == {platform: "corp", operations: "corp", payments: "corp"}
    assert both.admin.post("/api/team-memberships", {"team_id": made, "user_id": user, "role": "lead"}).status == 201
    op.claims["groups"] = ["platform", "by-hand"]
    sign_in(both, "corp", op)
    assert memberships(both, user) == {platform: "corp", made: None}
    op.claims["groups"] = []
    sign_in(both, "corp", op)
    assert memberships(both, user) == {made: None}
    op.claims["groups"] = "platform"  # one, as a text
    sign_in(both, "corp", op)
    assert memberships(both, user) == {platform: "corp", made: None}
    op.claims.pop("groups")
    op.claims["_claim_names"] = {"groups": "src1"}  # too many to be sent: unknown is not none
    sign_in(both, "corp", op)
    assert memberships(both, user) == {platform: "corp", made: None}
    op.claims.pop("_claim_names")
    sign_in(both, "corp", op)
    assert memberships(both, user) == {made: None}, "whoever has no groups is in none"
    answer = both.admin.post("/api/team-memberships", {"team_id": platform, "user_id": user, "source": "corp"})
    assert answer.status == 422, "nobody says it in the provider's place"


def test_the_last_administrator_is_not_taken_out_by_a_group(binary):
    with LyingProvider() as own:
        server = start_server({"corp": own.settings(sign_up=True, teams={"admins": "admins"}, **TRUSTED)})
        try:
            team = make_team(server, "admins")
            grant(server.admin, team, "admin", "team")
            own.claims["groups"] = ["admins"]
            browser = Browser()
            user = signed_in_user(server, sign_in(server, "corp", own, browser), browser)["id"]
            admin_id = server.admin.user["id"]
            [binding] = [b for b in server.admin.get("/api/role-bindings").json()["items"] if b["subject_id"] == admin_id]
            assert server.admin.delete(f"/api/role-bindings/{binding['id']}").status == 204
            own.claims["groups"] = []
            browser = Browser()
            signed_in_user(server, sign_in(server, "corp", own, browser), browser)
            rows = json.loads(browser.get(server.url + "/api/team-memberships", headers={"Accept": "application/json"}).body)
            assert [r["user_id"] for r in rows["items"]] == [user] and "provider_teams_kept" in server.log()
        finally:
            server.close()


# ---- links of one's own

def test_somebody_who_has_signed_in_links_an_account_and_unlinks_it(both, op, hub):
    hub.user["id"], hub.emails = 77, []
    op.claims.update(sub="s-linker", email="linker@example.org")
    browser = Browser()
    user = signed_in_user(both, sign_in(both, "corp", op, browser), browser)
    begun = call(both, browser, "POST", "/api/auth/identities", {"provider": "github", "return_to": "/settings"})
    assert begun.status == 200, begun
    begun.headers.add_header("Location", json.loads(begun.body)["url"])
    page = browser.get(callback_url(both, "github", **hub.code(begun)))
    assert page.location == both.url + "/settings"
    listed = json.loads(browser.get(both.url + "/api/auth/identities", headers={"Accept": "application/json"}).body)["items"]
    assert [(i["provider"], i.get("label")) for i in listed] == [("corp", "linker@example.org"), ("github", "octocat")]
    by_github = Browser()
    assert signed_in_user(both, sign_in(both, "github", hub, by_github), by_github)["id"] == user["id"]
    first, second = (i["id"] for i in listed)
    assert call(both, browser, "DELETE", f"/api/auth/identities/{first}").status == 204
    last = call(both, browser, "DELETE", f"/api/auth/identities/{second}")
    assert last.status == 409 and b"only way" in last.body
    assert call(both, browser, "DELETE", f"/api/auth/identities/{first}").status == 404
    assert newest_audit(both, "auth.identity_unlinked")["before"] == {"provider": "corp"}


def no_longer_recent(server, user_id):
    """An hour goes by: the row is moved."""
    text = f"UPDATE user_sessions SET authenticated_at = authenticated_at - 3600000000 WHERE user_id = '{user_id}'"
    if server.database_url:
        subprocess.run(["psql", "-X", "-q", "-d", server.database_url, "-c", text], check=True, stdin=subprocess.DEVNULL)
        return
    with contextlib.closing(sqlite3.connect(server.data / "fairway.db", timeout=20)) as db, db:
        db.execute(text)


def test_linking_and_unlinking_need_a_recent_sign_in(both, op, hub):
    """[7.5.1: whoever has a stolen session makes no other way in, and takes none away]"""
    hub.user["id"], hub.emails = 81, []
    op.claims.update(sub="s-recent", email="recent@example.org")
    browser = Browser()
    user = signed_in_user(both, sign_in(both, "corp", op, browser), browser)
    begun = call(both, browser, "POST", "/api/auth/identities", {"provider": "github"})
    begun.headers.add_header("Location", json.loads(begun.body)["url"])
    assert browser.get(callback_url(both, "github", **hub.code(begun))).status == 302
    listed = json.loads(browser.get(both.url + "/api/auth/identities").body)["items"]
    assert [i["provider"] for i in listed] == ["corp", "github"]
    no_longer_recent(both, user["id"])
    for method, path, body in (("POST", "/api/auth/identities", {"provider": "github"}),
                               ("DELETE", "/api/auth/identities/" + listed[1]["id"], None)):
        refused = call(both, browser, method, path, body)
        assert refused.status == 403 and "/api/auth/confirm" in json.loads(refused.body)["detail"], refused
    assert json.loads(browser.get(both.url + "/api/auth/identities").body)["items"] == listed
    sign_in(both, "corp", op, browser)  # again: that is recent
    assert call(both, browser, "POST", "/api/auth/identities", {"provider": "github"}).status == 200
    assert call(both, browser, "DELETE", "/api/auth/identities/" + listed[1]["id"]).status == 204


def test_linking_needs_a_password_anew_of_who_has_one(both, hub):
    hub.user["id"], hub.emails = 82, []
    user = new_user(both.admin, "confirms@example.org", role=None)
    no_longer_recent(both, user.user["id"])
    assert user.post("/api/auth/identities", {"provider": "github"}).status == 403
    assert user.post("/api/auth/confirm", {"password": PASSWORD}).status == 200
    assert user.post("/api/auth/identities", {"provider": "github"}).status == 200


def test_an_account_is_linked_to_one_person(both, op, hub):
    hub.user["id"] = 78
    hub.emails = [{"email": "owner-78@example.org", "primary": True, "verified": True}]
    owner = Browser()
    signed_in_user(both, sign_in(both, "github", hub, owner), owner)
    op.claims.update(sub="s-greedy", email="greedy@example.org")
    browser = Browser()
    signed_in_user(both, sign_in(both, "corp", op, browser), browser)
    begun = call(both, browser, "POST", "/api/auth/identities", {"provider": "github"})
    begun.headers.add_header("Location", json.loads(begun.body)["url"])
    failed(both, browser.get(callback_url(both, "github", **hub.code(begun))), "taken")


def test_linking_needs_the_page_and_the_session_that_began(both, op, hub):
    """A page of another site cannot begin it; a session that has ended cannot finish it. [3.5.1, 7.4.1]"""
    hub.user["id"] = 79
    op.claims.update(sub="s-careful", email="careful@example.org")
    browser = Browser()
    signed_in_user(both, sign_in(both, "corp", op, browser), browser)
    bare = browser.request("POST", both.url + "/api/auth/identities", '{"provider":"github"}',
                           {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"})
    assert bare.status == 403
    for body, status in (({"provider": "nobody"}, 422), ({"provider": "github", "return_to": "//evil.example"}, 422)):
        assert call(both, browser, "POST", "/api/auth/identities", body).status == status
    begun = call(both, browser, "POST", "/api/auth/identities", {"provider": "github"})
    begun.headers.add_header("Location", json.loads(begun.body)["url"])
    assert call(both, browser, "POST", "/api/auth/logout").status == 204
    failed(both, browser.get(callback_url(both, "github", **hub.code(begun))), "expired", "no session to link to")
    key = both.admin.post("/api/api-keys", {"name": "k", "scopes": ["*:*"], "expires_at": "2027-01-01T00:00:00Z"}).json()["key"]
    by_key = Api(both.url, headers={"Authorization": "Bearer " + key})
    assert by_key.post("/api/auth/identities", {"provider": "github"}).status == 403
    assert by_key.delete("/api/auth/identities/00000000-0000-7000-8000-000000000001").status == 403


# ---- GitHub

def test_github_signs_in_by_number_and_a_new_login_is_the_same_person(both, hub):
    hub.user.update(id=1001, login="first")
    hub.emails[1]["email"] = "gh-1001@example.org"
    browser = Browser()
    user = signed_in_user(both, sign_in(both, "github", hub, browser), browser)
    assert (user["email"], user["name"], user["avatar_url"]) == ("gh-1001@example.org", "The Octocat", "https://example.org/a.png")
    hub.user["login"] = "renamed"
    again = Browser()
    assert signed_in_user(both, sign_in(both, "github", hub, again), again)["id"] == user["id"]
    hub.user["id"], hub.user["login"] = 1002, "first"  # somebody else takes the login that is free now
    failed(both, sign_in(both, "github", hub), "unknown", "not trusted with the domain of the address")


@pytest.mark.parametrize("error", ["bad_verification_code", "incorrect_client_credentials", "redirect_uri_mismatch", "strange"])
def test_an_error_of_github_with_status_200_is_an_error(both, hub, error):
    hub.error = error
    failed(both, sign_in(both, "github", hub), "refused",
           error if error != "strange" else "the exchange of the code was refused")


def test_github_addresses_count_only_when_primary_and_verified(both, hub):
    hub.user["id"] = 1003
    for emails in ([], [{"email": "a@example.org", "primary": True, "verified": False}],
                   [{"email": "a@example.org", "primary": False, "verified": True}]):
        hub.emails = emails
        failed(both, sign_in(both, "github", hub), "no-address")


def test_who_is_in_no_organization_of_the_setting_stays_out(both, hub):
    hub.user["id"], hub.orgs = 1004, ["evil"]
    failed(both, sign_in(both, "github", hub), "not-member")


def test_github_teams_are_read_page_by_page_and_equal_names_count_in_our_organizations_only(both, hub):
    crew, tools = make_team(both, "crew"), make_team(both, "tools")
    hub.user["id"], hub.emails[1]["email"] = 1005, "gh-1005@example.org"
    hub.teams = [f"acme/t{n:03}" for n in range(250)] + ["acme/tools", "evil/platform", "other/crew", "other/tools"]
    browser = Browser()
    user = signed_in_user(both, sign_in(both, "github", hub, browser), browser)["id"]
    assert memberships(both, user) == {crew: "github", tools: "github"}
    hub.teams = ["evil/tools", "evil/crew"]  # anybody can make these
    sign_in(both, "github", hub)
    assert memberships(both, user) == {}


@pytest.mark.parametrize("path, status, word", [
    ("/api/v3/user", 401, "not-trusted"), ("/api/v3/user", 503, "unavailable"), ("/api/v3/user/emails", 403, "not-trusted"),
    ("/api/v3/user/orgs", 500, "unavailable"), ("/api/v3/user/teams", 403, "not-trusted"), ("/api/v3/user/teams", 429, "unavailable")])
def test_an_api_of_github_that_does_not_answer_lets_nobody_in(both, hub, path, status, word):
    hub.api_status = {path: status}
    failed(both, sign_in(both, "github", hub), word)


# ---- a provider with troubles, on a server of its own: what is read is kept

@pytest.fixture
def alone():
    with LyingProvider() as op:
        server = start_server({"corp": op.settings(sign_up=True, **TRUSTED)})
        server.op = op
        yield server
        server.close()


@pytest.mark.parametrize("lie, status, word, why", [
    ("metadata-issuer", 502, "not-trusted", "metadata of another issuer"),
    ("internal-token", 502, "not-trusted", "metadata without usable addresses"),
    ("redirect", 502, "not-trusted", "an answer that is not 200"),
    ("not-json", 502, "not-trusted", "an answer that is not JSON"),
    ("down", 503, "unavailable", "the provider has an error"),
])
def test_a_provider_that_cannot_be_trusted_or_reached_is_told_apart_at_the_start(alone, lie, status, word, why):
    """Its issuer is the configured one byte for byte [10.5.3]; nothing leads inside [13.2.4]."""
    alone.op.lie = lie
    answer = alone.api.get("/api/auth/providers/corp/start")
    assert answer.status == status and answer.headers["Content-Type"] == "application/problem+json"
    failed(alone, Browser().get(start_url(alone, "corp")), word, why)
    alone.op.lie = None
    browser = Browser()
    signed_in_user(alone, sign_in(alone, "corp", alone.op, browser), browser)


@pytest.mark.parametrize("lie, word, why", [
    ("huge-jwks", "not-trusted", "an answer that is too large"), ("many-keys", "not-trusted", "a key set that is none"),
    ("token-500", "unavailable", "the provider has an error")])
def test_keys_and_tokens_are_bounded(alone, lie, word, why):
    browser = Browser()
    query = alone.op.code(begin(alone, "corp", browser))
    alone.op.lie = lie
    failed(alone, browser.get(callback_url(alone, "corp", **query)), word, why)


def test_an_internal_address_that_is_not_allowed_is_not_asked():
    """[13.2.4, 5.3: server-side requests]"""
    with LyingProvider() as op:
        text = json.dumps({"auth": {"allow": "localhost", "providers": {
            "corp": {"kind": "oidc", "issuer": op.url.replace("http:", "https:"), "client_id": "x"}}}})
        with FairwayServer(auth=None, config=text, env=NO_LIMITS) as server:
            answer = server.api.get("/api/auth/providers/corp/start")
            assert answer.status == 502 and not op.asked
            assert "127.0.0.1" not in answer.text


def test_a_slow_provider_is_given_up_after_ten_seconds(alone):
    browser = Browser()
    query = alone.op.code(begin(alone, "corp", browser))
    alone.op.lie = "slow"
    begun = time.monotonic()
    failed(alone, browser.get(callback_url(alone, "corp", **query)), "unavailable", "no answer in time")
    assert 9 < time.monotonic() - begun < 20


def test_a_provider_that_is_gone_is_unavailable(alone):
    alone.op.close()
    answer = alone.api.get("/api/auth/providers/corp/start")
    assert answer.status == 503 and "does not answer" in answer.json()["detail"]


def test_new_keys_of_the_provider_are_found_and_it_is_not_asked_all_the_time(alone):
    op, browser = alone.op, Browser()
    signed_in_user(alone, sign_in(alone, "corp", op, browser), browser)
    signed_in_user(alone, sign_in(alone, "corp", op, browser), browser)
    assert op.count("/jwks") == 1 and op.count("/.well-known/openid-configuration") == 1
    op.key = Key("ES256", "next")
    signed_in_user(alone, sign_in(alone, "corp", op, browser), browser)
    assert op.count("/jwks") == 2
    op.lie = "unknown-kid"
    for _ in range(5):
        failed(alone, sign_in(alone, "corp", op), "not-trusted", "a key that is not published")
    assert op.count("/jwks") == 2, "once a minute"


def test_a_state_ends_after_ten_minutes(alone):
    """The clock of the row is moved: ten minutes are too long to wait."""
    browser = Browser()
    query = alone.op.code(begin(alone, "corp", browser))
    with sqlite3.connect(alone.data / "fairway.db", timeout=30) as db:
        [(left,)] = db.execute("SELECT expires_at FROM sign_in_states").fetchall()
        assert 590 < left / 1e6 - time.time() <= 600
        db.execute("UPDATE sign_in_states SET expires_at = expires_at - 600000000")
    failed(alone, browser.get(callback_url(alone, "corp", **query)), "expired")


def test_what_is_kept_of_a_sign_in_under_way_is_of_no_use_to_a_thief(alone):
    """The state and the cookie are hashes, the verifier is sealed. [14.2 and 11.4]"""
    browser = Browser()
    asked = begin(alone, "corp", browser).query()
    with sqlite3.connect(alone.data / "fairway.db", timeout=30) as db:
        [row] = db.execute("SELECT * FROM sign_in_states").fetchall()
    text = " ".join(map(str, row))
    assert asked["state"] not in text and browser.cookie(alone.url, BROWSER) not in text
    assert any(str(v).startswith("v1:") for v in row)
    assert asked["code_challenge"] not in text


# ---- settings

def refused(text, tmp_path):
    server = FairwayServer(auth=None, config=text, env=NO_LIMITS, dir=tmp_path)
    server.spawn()
    assert server.wait() == 2
    assert "Sanitizer" not in server.log()
    return server.log()


GOOD = {"kind": "oidc", "issuer": "https://op.example", "client_id": "x"}


@pytest.mark.parametrize("change, text", [
    ({"kind": "saml"}, "corp.kind must be oidc or github"), ({"client_id": None}, "corp.client_id is missing"),
    ({"issuer": None}, "corp.issuer is missing"), ({"issuer": "http://op.example"}, "corp.issuer must be a URL with https"),
    ({"trusted_domain": ["x"]}, "corp.trusted_domain is no key"), ({"trusted_domains": "x"}, "must be a list"),
    ({"sign_up": "yes"}, "must be true or false"), ({"teams": ["a"]}, "must be an object")])
def test_a_mistake_in_the_settings_stops_the_start(tmp_path, change, text):
    assert text in refused(config({"corp": {**GOOD, **change}}), tmp_path)


def test_the_file_of_backstage_is_understood():
    with LyingProvider() as op, GitHubLike() as hub:
        text = json.dumps({"app": {}, "backend": {}, "auth": {"environment": "production", "allow": ALLOW, "providers": {
            "guest": {}, "google": {"production": {"clientId": "x", "clientSecret": "y"}},
            "oidc": {"production": {"metadataUrl": op.url + "/.well-known/openid-configuration", "clientId": op.client_id,
                                    "clientSecret": "${OIDC_SECRET}", "prompt": "auto",
                                    "signIn": {"resolvers": [{"resolver": "emailMatchingUserEntityProfileEmail",
                                                              "allowedDomains": ["example.org"]}]}}},
            "github": {"production": {"clientId": hub.client_id, "clientSecret": "${GITHUB_SECRET}",
                                      "enterpriseInstanceUrl": hub.url,
                                      "signIn": {"resolvers": [{"resolver": "usernameMatchingUserEntityName",
                                                                "dangerouslyAllowSignInWithoutUserInCatalog": True}]}},
                       "development": {}}}}})
        secrets = {"OIDC_SECRET": op.client_secret, "GITHUB_SECRET": hub.client_secret}
        server = FairwayServer(auth=None, config=text, env={**NO_LIMITS, **secrets}).start()
        try:
            server.admin = first_admin(server)
            listed = [p["id"] for p in server.api.get("/api/auth/providers").json()["items"]]
            assert listed == ["oidc", "github"] and "google" in server.log()
            browser = Browser()
            signed_in_user(server, sign_in(server, "github", hub, browser), browser)
            new_user(server.admin, "grace@example.org")
            browser = Browser()
            assert signed_in_user(server, sign_in(server, "oidc", op, browser), browser)["email"] == "grace@example.org"
        finally:
            server.close()


def test_an_open_server_has_no_sign_in(new_server):
    server = new_server(config=config({"corp": GOOD}))
    assert server.api.get("/api/auth/providers").json() == {"items": []}


def test_an_address_may_begin_and_come_back_so_often_a_minute():
    """[2.4.1, 6.3.1]"""
    with LyingProvider() as op:
        few = {"FAIRWAY_LIMITS_AUTH_PER_MINUTE": "10", "FAIRWAY_LIMITS_AUTH_BURST": "10"}
        with FairwayServer(auth=None, config=config({"corp": op.settings()}), env=few) as server:
            statuses = [server.api.get("/api/auth/providers/corp/start").status for _ in range(12)]
            assert statuses[0] == 302 and statuses[-1] == 429 and 10 <= statuses.count(302) <= 11
            assert server.api.get("/api/auth/providers/corp/callback", query={"state": "x"}).status == 429


def test_secrets_are_in_no_log(both, op):
    for secret in (op.client_secret, GitHubLike.client_secret, "ghu_token"):
        assert secret not in both.log()


# ---- the real one

@pytest.fixture(scope="module")
def real(binary):
    why = OpenIdProvider.install()
    if why:
        pytest.skip(why)
    port = free_port()
    names = ("rs256", "es256", "eddsa")
    with OpenIdProvider(*(f"http://127.0.0.1:{port}/api/auth/providers/{name}/callback" for name in names)) as provider:
        server = start_server({name: provider.settings(name, sign_up=True, teams_by_name=True, **TRUSTED) for name in names},
                              port=port)
        server.provider = provider
        yield server
        server.close()


@pytest.mark.parametrize("client", ["rs256", "es256", "eddsa"])
def test_a_real_provider_signs_people_in(real, client):
    team = make_team(real, f"team-{client}")
    browser = Browser()
    page = begin(real, client, browser, "/catalog")
    page = real.provider.sign_in(browser, page, f"ada-{client}+team-{client}", real.url)
    assert "iss" in page.query() and "code" in page.query()
    page = browser.get(page.location)
    assert page.location == real.url + "/catalog"
    user = signed_in_user(real, page, browser)
    assert user["email"] == f"ada-{client}@example.org" and user["name"] == f"ada-{client}+team-{client} of the tests"
    assert memberships(real, user["id"]) == {team: client}


def test_a_code_of_a_real_provider_does_not_work_twice(real):
    browser = Browser()
    page = real.provider.sign_in(browser, begin(real, "rs256", browser), "twice", real.url)
    code = page.query()["code"]
    signed_in_user(real, browser.get(page.location), browser)
    fresh = real.provider.sign_in(browser, begin(real, "rs256", browser), "twice", real.url).query()
    failed(real, browser.get(callback_url(real, "rs256", **{**fresh, "code": code})), "refused", "invalid_grant")


def test_an_address_a_real_provider_has_not_verified_is_nobodys(real):
    browser = Browser()
    page = real.provider.sign_in(browser, begin(real, "rs256", browser), "unverified-eve", real.url)
    failed(real, browser.get(page.location), "no-address")

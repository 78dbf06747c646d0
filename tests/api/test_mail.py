# SPDX-License-Identifier: Apache-2.0
"""Letters: invitations, links for a forgotten password, notices; and mail servers of all manners."""
import datetime
import functools
import json
import re
import time
import urllib.parse

import pytest

from support import totp
from support.api import Api
from support.identity import PASSWORD, first_admin, login, new_user
from support.mail import MailServer, html_of, is_installed, text_of, token_of
from support.passkey import ES256, Authenticator
from support.providers import Browser, LyingProvider
from support.server import FairwayServer, run_cli
from support.wait import until

pytestmark = pytest.mark.skipif(not is_installed(), reason="python3-aiosmtpd is not installed")
PATCH = {"Content-Type": "application/merge-patch+json"}
NEW = "a meadow full of larks"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request, binary):
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with MailServer() as mail, FairwayServer(auth=None, database_url=url, env=mail.settings()) as server:
        server.mail, server.admin = mail, first_admin(server)
        yield server


def make_user(server, email, name="Ada"):
    made = server.admin.post("/api/users", {"email": email, "name": name})
    assert made.status == 201, made
    return made.json()


def jobs(server, kind, state=None):
    query = {"type": kind, "limit": 100, **({"state": state} if state else {})}
    return server.admin.get("/api/jobs", query=query).json()["items"]


def ask(server, email):
    return server.api.post("/api/auth/password-reset", {"email": email})


# ---- invitations

def test_invitation(world):
    user = make_user(world, "grace@example.org", "Grace Höpper\n")
    sent = world.admin.post(f"/api/users/{user['id']}/invitation")
    assert sent.status == 202 and sent.json()["sent"] is True and "url" not in sent.json(), "the letter alone has the link"
    row = world.mail.wait_for("grace@example.org")
    message = row["message"]
    assert message["From"] == "Fairway Tests <fairway@example.com>" and row["from"] == "fairway@example.com"
    assert message["To"] == "grace@example.org" and message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@example.com>") and message["Date"] and message["MIME-Version"] == "1.0"
    assert message.get_content_type() == "multipart/alternative"
    assert "Hello Grace Höpper" in text_of(row) and "three days" in text_of(row)
    assert f'href="{world.url}/#one-time={token_of(row)}"' in html_of(row)
    token = token_of(row)
    job = until(lambda: world.admin.get(f"/api/jobs/{sent.json()['job_id']}").json()["state"] == "succeeded")
    assert job and token not in world.admin.get("/api/jobs", query={"limit": 100}).text
    done = world.api.post("/api/auth/one-time", {"token": token, "password": PASSWORD})
    assert done.status == 200 and done.json()["user"]["status"] == "active"


def test_without_mail_the_administrator_gets_the_link(new_server):
    server = new_server(auth=None, env={"FAIRWAY_LIMITS_MODE": "off"})
    server.admin = first_admin(server)
    user = make_user(server, "ada@example.org")
    answer = server.admin.post(f"/api/users/{user['id']}/invitation")
    assert answer.status == 200 and answer.json()["sent"] is False and "No mail was sent" in answer.json()["detail"]
    assert answer.headers["Cache-Control"] == "no-store" and answer.json()["url"].endswith(answer.json()["token"])
    assert server.api.post("/api/auth/one-time", {"token": answer.json()["token"], "password": PASSWORD}).status == 200
    refused = ask(server, "ada@example.org")
    assert refused.status == 409 and "sends no mail" in refused.json()["detail"]


@pytest.mark.parametrize("env", [{"FAIRWAY_MAIL_URL": "http://mail.example.com", "FAIRWAY_MAIL_FROM": "a@b.org"},
                                 {"FAIRWAY_MAIL_URL": "smtp://mail.example.com"},
                                 {"FAIRWAY_MAIL_URL": "smtp://u:p@mail.example.com", "FAIRWAY_MAIL_FROM": "a@b.org"}])
def test_wrong_settings_are_told_at_the_start(binary, env, tmp_path):
    server = FairwayServer(env=env, dir=tmp_path)
    try:
        with pytest.raises(RuntimeError) as told:
            server.start()
        assert "mail." in str(told.value)
    finally:
        server.kill()


# ---- a forgotten password

def test_reset(world):
    ada = new_user(world.admin, "ada@example.org", role=None)
    assert ask(world, "ADA@example.org").status == 202
    row = world.mail.wait_for("ada@example.org")
    assert "within an hour" in text_of(row)
    done = world.api.post("/api/auth/one-time", {"token": token_of(row), "password": NEW})
    assert done.status == 200
    assert ada.get("/api/auth/me").status == 401, "other sessions end (ASVS 7.4.3)"
    assert world.api.post("/api/auth/one-time", {"token": token_of(row), "password": NEW}).status == 401, "once (ASVS 6.4.1)"
    login(world, "ada@example.org", NEW)
    notice = world.mail.wait_for("ada@example.org", 2)
    assert "was changed just now" in text_of(notice) and "#one-time" not in notice["data"]


def test_the_answer_tells_nothing(world):
    """Whether somebody has the address shows neither in the answer, nor in what is written (ASVS 6.3.8)."""
    new_user(world.admin, "known@example.org", role=None)
    answers, before = [], len(jobs(world, "identity.password-reset"))
    for email in ("known@example.org", "nobody@example.org", "no address at all"):
        answer = ask(world, email)
        answers.append((answer.status, answer.body, sorted(k for k in answer.headers)))
    assert answers[0] == answers[1] == answers[2] and answers[0][0] == 202
    assert len(jobs(world, "identity.password-reset")) == before + 3, "the same work for each"
    until(lambda: not jobs(world, "identity.password-reset", "queued") and not jobs(world, "identity.password-reset", "running"))
    assert world.mail.to("known@example.org") and not world.mail.to("nobody@example.org")
    page = json.dumps(jobs(world, "identity.password-reset"))
    assert "known@" not in page and "nobody@" not in page


def test_three_letters_an_hour(world):
    new_user(world.admin, "often@example.org", role=None)
    assert [ask(world, "often@example.org").status for _ in range(6)] == [202] * 6
    world.mail.wait_for("often@example.org", 3)
    until(lambda: not jobs(world, "identity.password-reset", "queued") and not jobs(world, "identity.password-reset", "running"))
    assert len(world.mail.to("often@example.org")) == 3


def test_per_client(new_server):
    with MailServer() as mail:
        env = mail.settings()
        env.update({"FAIRWAY_LIMITS_MODE": "on", "FAIRWAY_LIMITS_AUTH_PER_MINUTE": "10", "FAIRWAY_LIMITS_AUTH_BURST": "10"})
        server = new_server(auth=None, env=env)
        seen = [ask(server, f"u{i}@example.org").status for i in range(12)]
        assert seen[0] == 202 and seen[-1] == 429


def test_who_is_out_gets_no_link(world):
    user = make_user(world, "out@example.org")
    world.admin.patch(f"/api/users/{user['id']}", {"status": "deactivated"}, headers=PATCH)
    assert ask(world, "out@example.org").status == 202
    assert world.admin.post(f"/api/users/{user['id']}/invitation").status == 409
    until(lambda: not jobs(world, "identity.password-reset", "queued") and not jobs(world, "identity.password-reset", "running"))
    assert not world.mail.to("out@example.org")


# ---- notices

def test_notices_go_to_the_address_before(world):
    user = new_user(world.admin, "before@example.org", role=None)
    changed = user.post("/api/auth/password", {"current_password": PASSWORD, "new_password": NEW})
    assert changed.status == 204
    assert "password" in world.mail.wait_for("before@example.org")["message"]["Subject"]
    assert world.admin.patch(f"/api/users/{user.user['id']}", {"email": "after@example.org"}, headers=PATCH).status == 200
    assert "address" in world.mail.wait_for("before@example.org", 2)["message"]["Subject"]
    assert not world.mail.to("after@example.org")
    # However it is changed: as an entity of the catalog, too.
    path = "/api/catalog/entities/by-name/" + user.user["entity_ref"].replace(":", "/")
    entity = world.admin.get(path).json()
    entity["spec"]["profile"]["email"] = "third@example.org"
    assert world.admin.put(path, entity).status == 200
    assert "address" in world.mail.wait_for("after@example.org")["message"]["Subject"]


def told(world, address, n, sentence):
    """The n-th letter is about this, with its time, and has nothing that lets somebody in."""
    row = world.mail.wait_for(address, n)
    text = text_of(row)
    assert row["message"]["Subject"] == "A change in how you sign in to Fairway" and sentence in text, text
    at = datetime.datetime.strptime(re.search(r"\nOn (.{16} UTC), ", text).group(1), "%Y-%m-%d %H:%M UTC")
    assert abs(at - datetime.datetime.now(datetime.UTC).replace(tzinfo=None)) < datetime.timedelta(minutes=5)
    assert world.url in text and "#one-time" not in row["data"]
    return row["data"]


def test_notices_of_second_factors(world):
    """ASVS 6.3.7: whoever comes into an account another way is noticed by its owner."""
    address = "factors@example.org"
    user = new_user(world.admin, address, role=None)
    secret = user.post("/api/auth/totp").json()["secret"]
    codes = user.post("/api/auth/totp/confirm", {"code": totp.code(secret, totp.step_now())}).json()["recovery_codes"]
    letters = [told(world, address, 1, "an authenticator app was added")]
    options = user.post("/api/auth/passkeys/options").json()
    origin = world.url.replace("127.0.0.1", "localhost")
    added = user.post("/api/auth/passkeys", {"passkey": Authenticator(ES256).create(options, origin), "name": "http://evil.example"})
    assert added.status == 200, added
    letters.append(told(world, address, 2, "a passkey was added"))
    assert user.delete("/api/auth/passkeys/" + added.json()["passkey"]["id"]).status == 204
    letters.append(told(world, address, 3, "a passkey was removed"))
    codes += user.post("/api/auth/recovery-codes").json()["recovery_codes"]
    letters.append(told(world, address, 4, "new recovery codes were made"))
    challenge = world.api.post("/api/auth/login", {"email": address, "password": PASSWORD}).json()["challenge"]
    assert world.api.post("/api/auth/second-factor", {"challenge": challenge, "code": codes[0]}).status == 401, "none is told of it"
    assert world.api.post("/api/auth/second-factor", {"challenge": challenge, "code": codes[10]}).status == 200
    letters.append(told(world, address, 5, "a recovery code was used"))
    assert user.delete("/api/auth/totp").status == 204
    letters.append(told(world, address, 6, "the authenticator app was removed"))
    assert world.admin.post(f"/api/users/{user.user['id']}/second-factors/reset").status == 204
    letters.append(told(world, address, 7, "an administrator removed your second factors"))
    for word in [secret, "evil.example", *codes]:
        assert not any(word in letter for letter in letters)
    assert len(world.mail.to(address)) == 7
    assert not world.mail.to("admin@example.org"), "nobody else is told"


def test_a_reset_by_whoever_has_the_database_is_told(world):
    """The command queues the letter; the server sends it."""
    address = "reset@example.org"
    new_user(world.admin, address, role=None)
    where = ["--data", str(world.data)] + (["--database", world.database_url] if world.database_url else [])
    done = run_cli("users", "reset-second-factors", address, *where, env=world.mail.settings())
    assert done.returncode == 0, done.stderr
    assert "an administrator removed your second factors" in text_of(world.mail.wait_for(address))


def test_notices_of_accounts_at_providers(binary):
    """By its owner, and by an address the provider is trusted with: there somebody else could have done it."""
    with MailServer() as mail, LyingProvider() as corp, LyingProvider() as other:
        config = {"auth": {"allow": "127.0.0.1", "providers": {
            "corp": corp.settings(title="Example login", sign_up=True, trusted_domains=["example.org"]),
            "other": other.settings(title="Other login")}}}
        with FairwayServer(auth=None, config=json.dumps(config), env=mail.settings()) as server:
            server.mail, server.admin = mail, first_admin(server)
            come = functools.partial(come_back, server)
            address = "linked@example.org"
            new_user(server.admin, address, role=None)
            corp.claims.update(sub="s-1", email=address)
            browser = Browser()
            assert come(browser, "corp", corp, browser.get(server.url + "/api/auth/providers/corp/start")).fragment() == ""
            told(server, address, 1, "an account at a sign-in provider was linked (Example login)")
            me = json.loads(browser.get(server.url + "/api/auth/me").body)
            headers = {"Accept": "application/json", "Content-Type": "application/json", "X-CSRF-Token": me["csrf_token"],
                       "Sec-Fetch-Site": "same-origin"}
            begun = browser.request("POST", server.url + "/api/auth/identities", '{"provider":"other"}', headers)
            begun.headers.add_header("Location", json.loads(begun.body)["url"])
            assert come(browser, "other", other, begun).fragment() == ""
            told(server, address, 2, "an account at a sign-in provider was linked (Other login)")
            listed = json.loads(browser.get(server.url + "/api/auth/identities").body)["items"]
            gone = browser.request("DELETE", server.url + "/api/auth/identities/" + listed[1]["id"], None, headers)
            assert gone.status == 204, gone
            told(server, address, 3, "an account at a sign-in provider was unlinked (Other login)")
            corp.claims.update(sub="s-2", email="fresh@example.org")  # an account that is new, and one that is only used
            for _ in range(2):
                fresh = Browser()
                come(fresh, "corp", corp, fresh.get(server.url + "/api/auth/providers/corp/start"))
            until(lambda: not jobs(server, "mail.send", "queued") and not jobs(server, "mail.send", "running"))
            assert len(mail.to(address)) == 3 and not mail.to("fresh@example.org")


def come_back(server, browser, provider, fake, begun):
    query = urllib.parse.urlencode(fake.code(begun))
    return browser.get(f"{server.url}/api/auth/providers/{provider}/callback?{query}")


# ---- servers of all manners

def test_starttls_and_auth(new_server):
    with MailServer(starttls=True, auth=["fairway", "s3cret mail"]) as mail:
        env = mail.settings(starttls="required", username="fairway", password="s3cret mail", ca_file=mail.folder / "cert.pem")
        server = new_server(auth=None, env=env)
        server.admin = first_admin(server)
        user = make_user(server, "tls@example.org")
        assert server.admin.post(f"/api/users/{user['id']}/invitation").status == 202
        row = mail.wait_for("tls@example.org")
        assert row["tls"] and row["user"] == "fairway"
        assert "s3cret" not in server.log()


def test_smtps(new_server):
    with MailServer(smtps=True) as mail:
        server = new_server(auth=None, env=mail.settings(ca_file=mail.folder / "cert.pem"))
        server.admin = first_admin(server)
        user = make_user(server, "tls@example.org")
        assert server.admin.post(f"/api/users/{user['id']}/invitation").status == 202
        mail.wait_for("tls@example.org")


@pytest.mark.parametrize("how,settings,says", [
    ({}, {"starttls": "required"}, "TLS"),                                    # cannot speak TLS: nothing is sent in clear
    ({"starttls": True}, {"starttls": "required"}, "certificate"),           # somebody else's certificate
    ({"starttls": True, "auth": ["a", "b"]}, {"starttls": "required", "username": "a", "password": "wrong", "ca": True}, "mail.password"),
])
def test_what_is_not_safe_is_not_sent(new_server, how, settings, says):
    with MailServer(**how) as mail:
        if settings.pop("ca", False):
            settings["ca_file"] = mail.folder / "cert.pem"
        server = new_server(auth=None, env=mail.settings(**settings))
        server.admin = first_admin(server)
        user = make_user(server, "ada@example.org")
        job = server.admin.post(f"/api/users/{user['id']}/invitation").json()["job_id"]
        failed = until(lambda: (j := server.admin.get(f"/api/jobs/{job}").json())["state"] in ("failed", "dead") and j)
        assert failed["state"] == "failed", failed
        assert says in failed["error"] and "ada@example.org" not in failed["error"]
        assert not mail.letters()


def test_a_server_that_is_away_comes_back(world):
    world.mail.stop()
    user = make_user(world, "later@example.org")
    job = world.admin.post(f"/api/users/{user['id']}/invitation").json()["job_id"]
    failed = until(lambda: (j := world.admin.get(f"/api/jobs/{job}").json())["state"] == "failed" and j)
    assert "127.0.0.1" in failed["error"] and failed["attempt"] == 1
    world.mail.start()
    row = world.mail.wait_for("later@example.org")
    assert world.api.post("/api/auth/one-time", {"token": token_of(row), "password": PASSWORD}).status == 200
    until(lambda: world.admin.get(f"/api/jobs/{job}").json()["state"] == "succeeded")


def test_busy_is_tried_again_and_refused_is_not(world):
    try:
        world.mail.stop()
        world.mail.start(refuse="550 5.1.1 <gone@example.org>: no such user")
        user = make_user(world, "gone@example.org")
        job = world.admin.post(f"/api/users/{user['id']}/invitation").json()["job_id"]
        dead = until(lambda: (j := world.admin.get(f"/api/jobs/{job}").json())["state"] == "dead" and j)
        assert dead["attempt"] == 1 and "refused" in dead["error"] and "550" in dead["error"]
        assert "gone@example.org" not in dead["error"], "what the server says names people"
        world.mail.stop()
        world.mail.start(busy="451 4.3.0 try again later")
        user = make_user(world, "busy@example.org")
        job = world.admin.post(f"/api/users/{user['id']}/invitation").json()["job_id"]
        until(lambda: world.admin.get(f"/api/jobs/{job}").json()["state"] == "failed")
        world.mail.stop()
        world.mail.start(slow_s=0)
        world.mail.wait_for("busy@example.org")
    finally:
        world.mail.stop()
        world.mail.start(slow_s=0)


def test_a_slow_server_holds_up_nobody(new_server):
    with MailServer(slow_s=8) as mail:
        server = new_server(auth=None, env=mail.settings(timeout="1s"))
        server.admin = first_admin(server)
        user = make_user(server, "slow@example.org")
        job = server.admin.post(f"/api/users/{user['id']}/invitation").json()["job_id"]
        failed = until(lambda: (j := server.admin.get(f"/api/jobs/{job}").json())["state"] == "failed" and j)
        assert "in time" in failed["error"]
        begin = time.monotonic()
        assert ask(server, "slow@example.org").status == 202 and time.monotonic() - begin < 5
        server.admin.post(f"/api/jobs/{job}/cancel")


def test_addresses_cannot_add_recipients(world):
    """ASVS 1.3.11: no address becomes two, or a line of the dialogue."""
    for email in ("a@x.org>,<b@x.org", "a@x.org\r\nrcpt to:<b@x.org>", "a,b@x.org"):
        made = world.admin.post("/api/users", {"email": email, "name": "A"})
        if made.status == 201:
            job = world.admin.post(f"/api/users/{made.json()['id']}/invitation").json()["job_id"]
            until(lambda: world.admin.get(f"/api/jobs/{job}").json()["state"] == "dead")
    assert not [row for row in world.mail.letters() if "b@x.org" in json.dumps(row["to"])]
    assert Api(world.url).get("/api/ready").status == 200

# SPDX-License-Identifier: Apache-2.0
"""TLS of the server itself, with real certificates: renewed while connections go on, and shown by clients."""
import contextlib
import http.client
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess

import pytest
from support.api import Api
from support.identity import NO_LIMITS, first_admin, grant
from support.pg import PrivatePostgres
from support.rabbitmq import RabbitMq, free_port
from support.server import FairwayServer
from support.wait import until

ORGANIZATIONS = "/api/organizations"


class Authority:
    """Makes certificates."""

    def __init__(self, folder, name="authority"):
        self.folder, self.name = folder, name
        self.cert, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                      "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", self.key,
                      "-out", self.cert)

    def _openssl(self, *args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)

    def issue(self, name, san, usage="serverAuth", days=2):
        key, request, cert = (self.folder / f"{self.name}-{name}.{e}" for e in ("key", "csr", "pem"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={san}\nextendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n")
        self._openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                      "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days", days,
                      "-extfile", extensions, "-out", cert)
        return cert, key


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


def server_env(pair, **more):
    return {"FAIRWAY_SERVER_TLS_CERT": str(pair[0]), "FAIRWAY_SERVER_TLS_KEY": str(pair[1]), **NO_LIMITS, **more}


def context(authority, pair=None):
    made = ssl.create_default_context(cafile=authority.cert)
    if pair:
        made.load_cert_chain(*pair)
    return made


def serial(port):
    shown = ssl.get_server_certificate(("127.0.0.1", port))
    out = subprocess.run(["openssl", "x509", "-noout", "-serial"], input=shown, capture_output=True, text=True, check=True)
    return out.stdout.strip()


def serial_of(cert):
    return subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", cert], capture_output=True, text=True,
                          check=True).stdout.strip()


# ---- the server's own certificate

def test_a_renewed_certificate_drops_nobody(authority, tmp_path):
    first, second = (authority.issue(name, "DNS:localhost,IP:127.0.0.1") for name in ("first", "second"))
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(first[0].read_bytes())
    key.write_bytes(first[1].read_bytes())
    with FairwayServer(env=server_env((cert, key)), tls=context(authority)) as server:
        assert serial(server.port) == serial_of(first[0])
        kept = http.client.HTTPSConnection("127.0.0.1", server.port, context=context(authority), timeout=20)
        stream = server.api.events()
        kept.request("GET", "/api/health")
        assert kept.getresponse().read()
        cert.write_text("not a certificate")
        server.signal(signal.SIGHUP)
        until(lambda: "tls.renewal_failed" in server.log(), what="the refusal")
        assert serial(server.port) == serial_of(first[0]), "the one before stays"
        cert.write_bytes(second[0].read_bytes())
        server.signal(signal.SIGHUP)
        until(lambda: server.log().count("tls.renewal_failed") == 2, what="a key of another certificate is refused")
        key.write_bytes(second[1].read_bytes())
        server.signal(signal.SIGHUP)
        until(lambda: serial(server.port) == serial_of(second[0]), what="new connections see the new one")
        descriptor = kept.sock
        kept.request("GET", "/api/health")
        assert kept.getresponse().status == 200 and kept.sock is descriptor, "the same connection"
        made = server.api.post(ORGANIZATIONS, {"name": "Renewed", "slug": "renewed"})
        assert made.status == 201
        assert any("event" in m and m["event"] == "organizations.created" for m in stream), "the same stream"
        stream.close()
        kept.close()


@pytest.mark.parametrize("version, works", [("-tls1", False), ("-tls1_1", False), ("-tls1_2", False), ("-tls1_3", True)])
def test_openssl_gets_tls_1_3_only(authority, version, works):
    pair = authority.issue("versions", "DNS:localhost,IP:127.0.0.1")
    with FairwayServer(env=server_env(pair), tls=context(authority)) as server:
        ran = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-CAfile", authority.cert,
                              version, "-cipher", "ALL:@SECLEVEL=0", "-alpn", "h2,http/1.1", "-verify_return_error"],
                             input="", capture_output=True, text=True)
        assert ("Cipher is TLS_" in ran.stdout) == works, ran.stdout + ran.stderr
        if works:
            assert "Verify return code: 0 (ok)" in ran.stdout
            assert "ALPN protocol: h2" not in ran.stdout, "HTTP/1.1 is what is spoken"


# ---- certificates of clients

def status_with(server, tls, path=ORGANIZATIONS, **kw):
    return Api(server.url, tls=tls, **kw).get(path).status


def test_certificates_of_clients(authority, tmp_path):
    pair = authority.issue("server", "DNS:localhost,IP:127.0.0.1")
    robot = authority.issue("robot", "URI:spiffe://example.org/ci", usage="clientAuth")
    unknown = authority.issue("unknown", "DNS:unknown.example.org", usage="clientAuth")
    wrong_use = authority.issue("wrong-use", "URI:spiffe://example.org/ci", usage="serverAuth")
    stranger = Authority(tmp_path, "stranger").issue("robot", "URI:spiffe://example.org/ci", usage="clientAuth")
    env = server_env(pair, FAIRWAY_SERVER_TLS_CLIENT_CA=str(authority.cert), FAIRWAY_SERVER_TLS_CLIENTS="optional",
                     FAIRWAY_AUTH_CLIENT_CERTIFICATES="CN=nobody=x, URI:spiffe://example.org/ci=robot")
    with FairwayServer(auth=None, env=env, tls=context(authority)) as server:
        plain = context(authority)
        assert status_with(server, plain) == 401
        one_time = Api(server.url, tls=plain)
        server.api = one_time
        admin = first_admin(server)
        admin.tls = plain
        assert status_with(server, context(authority, robot)) == 401, "there is no such account"
        account = admin.post("/api/service-accounts", {"name": "robot"}).json()
        caller = Api(server.url, tls=context(authority, robot))
        assert caller.get("/api/teams").status == 403, "it may nothing yet"
        grant(admin, account["id"], "maintainer", kind="service_account")
        made = caller.post("/api/teams", {"org_id": "00000000-0000-7000-8000-000000000001", "name": "M", "slug": "m"})
        assert made.status == 201 and made.json()["created_by"] == account["id"]
        assert status_with(server, context(authority, unknown)) == 401, "a name that is not listed"
        for page in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site", "Origin": "https://x.example"}):
            refused = Api(server.url, headers=page, tls=context(authority, robot)).delete(made.headers["Location"])
            assert refused.status == 403, "a browser shows its certificate to whoever asks"
        for pair_of in (stranger, wrong_use):
            with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)):
                status_with(server, context(authority, pair_of))
        both = Api(server.url, headers=admin.headers, tls=context(authority, robot))
        assert "admin@example.org" in both.get("/api/auth/me").text, "what a request shows counts first"
        disabled = admin.patch("/api/service-accounts/" + account["id"], {"status": "disabled"})
        assert disabled.status == 200, disabled
        assert caller.get("/api/teams").status == 401


def test_without_a_certificate_no_connection(authority):
    pair = authority.issue("server", "DNS:localhost,IP:127.0.0.1")
    robot = authority.issue("robot", "URI:spiffe://example.org/ci", usage="clientAuth")
    env = server_env(pair, FAIRWAY_SERVER_TLS_CLIENT_CA=str(authority.cert), FAIRWAY_SERVER_TLS_CLIENTS="required")
    with FairwayServer(env=env, tls=context(authority, robot)) as server:
        assert server.api.get(ORGANIZATIONS).status == 200
        with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)):
            status_with(server, context(authority))
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            try:
                with context(authority).wrap_socket(raw, server_hostname="127.0.0.1") as tls:
                    tls.sendall(b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n")
                    assert tls.recv(100) == b""
            except OSError:
                pass  # that will do as well


@pytest.mark.parametrize("more, says", [
    ({"FAIRWAY_SERVER_TLS_CLIENTS": "required"}, "server.tls.client_ca"),
    ({"FAIRWAY_SERVER_TLS_CLIENTS": "required", "FAIRWAY_SERVER_TLS_CLIENT_CA": "/none.pem"}, "server.tls.client_ca"),
])
def test_authorities_that_will_not_do(authority, more, says):
    pair = authority.issue("server", "DNS:localhost,IP:127.0.0.1")
    with pytest.raises(RuntimeError, match=says):
        FairwayServer(env=server_env(pair, **more), tls=context(authority)).start()


# ---- the database over TLS, each side with a certificate

@pytest.fixture
def tls_postgres(authority):
    """Takes nobody without TLS, and nobody without a certificate of the authority whose name is the user's."""
    pair = authority.issue("postgres", "DNS:localhost,IP:127.0.0.1")
    try:
        running = PrivatePostgres()
    except FileNotFoundError as absent:
        pytest.skip(str(absent))
    with contextlib.closing(running):
        running.stop()
        for name, path in (("server.crt", pair[0]), ("server.key", pair[1]), ("root.crt", authority.cert)):
            copy = pathlib.Path(running.dir) / "data" / name
            shutil.copy(path, copy)
            copy.chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(copy, "postgres", "postgres")
        (pathlib.Path(running.dir) / "data" / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 cert\n")
        running.settings += ["ssl=on", "ssl_ca_file=root.crt", "ssl_min_protocol_version=TLSv1.3"]
        assert running.start()
        yield running


def test_postgresql_with_certificates_on_both_sides(authority, tls_postgres, tmp_path):
    app = authority.issue("app", "DNS:app", usage="clientAuth")
    stranger = Authority(tmp_path, "stranger")
    app[1].chmod(0o600)
    url = tls_postgres.url.replace("127.0.0.1", "localhost") + "?hostaddr=127.0.0.1&sslmode=verify-full"
    good = f"{url}&sslrootcert={authority.cert}&sslcert={app[0]}&sslkey={app[1]}"
    with FairwayServer(database_url=good) as server:
        assert server.api.post(ORGANIZATIONS, {"name": "Over TLS", "slug": "tls"}).status == 201
        with server.api.events() as stream:  # the listening connection has a certificate, too
            assert "retry" in next(iter(stream))
    for bad in (f"{url}&sslrootcert={authority.cert}",  # shows no certificate
                f"{url}&sslrootcert={stranger.cert}&sslcert={app[0]}&sslkey={app[1]}",  # does not trust the server
                tls_postgres.url + "?sslmode=disable"):
        with pytest.raises(RuntimeError):
            FairwayServer(database_url=bad).start()


# ---- RabbitMQ over TLS, each side with a certificate

def test_rabbitmq_with_certificates_on_both_sides(authority, tmp_path):
    cert, key = authority.issue("rabbitmq", "DNS:localhost,IP:127.0.0.1")
    app = authority.issue("app", "DNS:app", usage="clientAuth")
    stranger = Authority(tmp_path, "stranger")
    port = free_port()
    config = (f"listeners.ssl.default = 127.0.0.1:{port}\nssl_options.cacertfile = {authority.cert}\n"
              f"ssl_options.certfile = {cert}\nssl_options.keyfile = {key}\n"
              "ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n")
    if os.geteuid() == 0:  # RabbitMQ may run as a user of its own
        for path in (authority.folder, cert, key, authority.cert):
            path.chmod(0o755)
    try:
        broker = RabbitMq(config)
    except FileNotFoundError as absent:
        pytest.skip(str(absent))
    with contextlib.closing(broker.start()):
        env = {"FAIRWAY_AMQP_URL": f"amqps://guest:guest@localhost:{port}", "FAIRWAY_AMQP_TLS_CA": str(authority.cert),
               "FAIRWAY_AMQP_TLS_CERT": str(app[0]), "FAIRWAY_AMQP_TLS_KEY": str(app[1])}

        def is_connected(server):
            return "\nfairway_amqp_connected 1\n" in server.api.get("/metrics").text

        with FairwayServer(env=env) as server:
            server.api.post(ORGANIZATIONS, {"name": "Relayed", "slug": "relayed"})
            until(lambda: is_connected(server), what="the connection")
            until(lambda: "\nfairway_amqp_published_total 0\n" not in server.api.get("/metrics").text, what="an event is relayed")
        for bad in ({"FAIRWAY_AMQP_TLS_CERT": "", "FAIRWAY_AMQP_TLS_KEY": ""}, {"FAIRWAY_AMQP_TLS_CA": str(stranger.cert)}):
            with FairwayServer(env={**env, **bad}) as server:
                server.api.post(ORGANIZATIONS, {"name": "Kept", "slug": "kept"})
                until(lambda: "RabbitMQ at localhost" in server.log(), what="the refusal")
                assert not is_connected(server)

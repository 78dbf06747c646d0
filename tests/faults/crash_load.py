# SPDX-License-Identifier: Apache-2.0
"""The load of the crash test and its ledger: what was sent, what was acknowledged.

Each writer is a thread with things of its own, so it knows what state each may be in: the acknowledged
one, or the one of the request that was under way when the server died."""
import http.server
import itertools
import threading
import uuid

ORGANIZATION = "00000000-0000-7000-8000-000000000001"  # the one that every server has


class Team:
    """States are (revision, description, deleted)."""

    def __init__(self, slug):
        self.slug = slug
        self.key = str(uuid.uuid4())  # its Idempotency-Key
        self.id = None
        self.known = None
        self.pending = None

    def body(self):
        return {"org_id": ORGANIZATION, "name": self.slug, "slug": self.slug}


class Ledger:
    def __init__(self):
        self.teams = []           # acknowledged or under way; each is written by one thread only
        self.unknown = []         # creations whose answer never came
        self.locations = []       # numbers of the acknowledged locations
        self.organizations = []   # ids of the acknowledged ones
        self.generation = 0       # of the entity that is refreshed: the newest acknowledged


class Hosts:
    """The outside world, in this process: a code host with descriptors, and a receiver of webhooks."""

    def __init__(self):
        self.generation = 0
        self.received = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                name = self.path.rsplit("/", 1)[1].removesuffix(".yaml")
                self._answer(200, outer.descriptor(name).encode())

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                outer.received.append(self.headers["webhook-id"])
                self._answer(204, b"")

            def _answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                """The peer is killed in the middle of requests."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"

    def descriptor(self, name):
        return (f"apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {{ name: {name}, "
                f"description: generation {self.generation} }}\n"
                "spec: { type: service, lifecycle: production, owner: payments }\n")

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Load:
    """Runs from start() until the server dies and end() has joined the writers. The first unexpected
    answer is in error."""

    WRITERS = 4

    def __init__(self, api, ledger, hosts, numbers):
        self.api, self.ledger, self.hosts, self.numbers = api, ledger, hosts, numbers
        self.dead = threading.Event()
        self.error = None
        jobs = [self.write_teams] * self.WRITERS + [self.register, self.refresh, self.create_organizations]
        self.threads = [threading.Thread(target=self._run, args=(job,)) for job in jobs]

    def start(self):
        for thread in self.threads:
            thread.start()

    def end(self):
        self.dead.set()
        for thread in self.threads:
            thread.join()
        assert self.error is None, self.error

    def _run(self, job):
        try:
            job()
        except OSError:
            pass  # the server is gone; http.client's errors of a cut answer are below
        except Exception as unexpected:  # shown by end(), on the test's own thread
            if type(unexpected).__module__ != "http.client":
                self.error = unexpected

    def _expect(self, answer, *statuses):
        assert answer.status in statuses, answer
        return answer

    def write_teams(self):
        while not self.dead.is_set():
            team = Team(f"t{next(self.numbers)}")
            self.ledger.unknown.append(team)
            answer = self._expect(self.api.post("/api/teams", team.body(), headers={"Idempotency-Key": team.key}), 201)
            team.id, team.known = answer.json()["id"], ("1", "", "0")
            self.ledger.unknown.remove(team)
            self.ledger.teams.append(team)
            for text in ("a", "b"):
                team.pending = (str(int(team.known[0]) + 1), text, "0")
                self._expect(self.api.patch(f"/api/teams/{team.id}", {"description": text}), 200)
                team.known, team.pending = team.pending, None
            if int(team.slug[1:]) % 3 == 0:
                team.pending = (str(int(team.known[0]) + 1), team.known[1], "1")
                self._expect(self.api.delete(f"/api/teams/{team.id}"), 204)
                team.known, team.pending = team.pending, None

    def register(self):
        while not self.dead.wait(0.01):
            number = next(self.numbers)
            self._expect(self.api.post("/api/catalog/locations", {"type": "url", "target": self.hosts.url(f"e{number}.yaml")}),
                         201)
            self.ledger.locations.append(number)

    def refresh(self):
        """A change at the host, then the request to read it: a job that must not get lost."""
        while not self.dead.wait(0.02):
            self.hosts.generation += 1
            generation = self.hosts.generation
            self._expect(self.api.post("/api/catalog/refresh", {"entityRef": "component:default/refreshed"}), 200)
            self.ledger.generation = generation

    def create_organizations(self):
        while not self.dead.wait(0.01):
            slug = f"o{next(self.numbers)}"
            answer = self._expect(self.api.post("/api/organizations", {"name": slug, "slug": slug}), 201)
            self.ledger.organizations.append(answer.json()["id"])


def numbers():
    return itertools.count(1)

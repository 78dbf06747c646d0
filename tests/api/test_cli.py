# SPDX-License-Identifier: Apache-2.0
"""The command line against a real server: what is derived from the contract, what it prints, how it fails."""
import http.server
import json
import os
import pathlib
import pty
import shutil
import socket
import subprocess
import termios
import threading
import uuid

import pytest
import yaml

from support import wait
from support.server import ROOT, binary, run_cli

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_UNREACHABLE, EXIT_NOT_FOUND, EXIT_DENIED = range(6)


def slug():
    return "s" + uuid.uuid4().hex[:12]


@pytest.fixture
def organization(server):
    """The id of a new one."""
    made = server.cli("organizations", "create", "--name", "Acme", "--slug", slug(), "-o", "name")
    assert made.returncode == EXIT_OK, made.stderr
    return made.stdout.strip()


# ---- help and finding

def test_help_names_every_command(binary):
    document = json.loads(pathlib.Path(binary).parent.joinpath("gen", "openapi.json").read_text())
    top = run_cli("help").stdout
    for item in document["paths"].values():
        for op in item.values():
            words = op["operationId"].split(".")
            if op.get("x-cli", {}).get("hidden"):
                continue
            assert f"\n  {words[0]} " in top, words
            told = run_cli("help", *words)
            assert told.returncode == EXIT_OK and op["summary"] in told.stdout, words
            assert "Examples\n  fairway " in told.stdout
    assert top == run_cli("--help").stdout == run_cli("-h").stdout


def test_help_of_own_commands():
    for command in (["serve"], ["migrate"], ["backup"], ["restore"], ["doctor"], ["catalog", "validate"], ["catalog", "import"],
                    ["import", "backstage"], ["completion"], ["version"]):
        told = run_cli("help", *command)
        assert told.returncode == EXIT_OK and "Usage: fairway " + " ".join(command) in told.stdout
        assert run_cli(*command, "--help").stdout == told.stdout
    assert "--port PORT" in run_cli("serve", "--help").stdout and "--auth open|required" in run_cli("serve", "--help").stdout
    for command, own in [("migrate", "--status"), ("backup", "--no-secret-key"), ("restore", "--force")]:
        told = run_cli(command, "--help").stdout.split("\nOptions\n")[1]
        assert f"  {own} " in told and "  --data " in told and "--port" not in told, told


def test_groups_are_told_apart():
    """Groups of one tag do not all say the same."""
    rows = [line for line in run_cli("help").stdout.splitlines() if line.startswith("  catalog-")]
    said = [row.split(maxsplit=1)[1] for row in rows]
    assert said.count("What the catalog reads, in Backstage's form.") == 1, rows
    assert any("Suggest entities for a repository" in row for row in rows)


@pytest.mark.parametrize("args,told", [
    (["taems"], "did you mean 'teams'?"),
    (["teams", "lst"], "did you mean 'teams list'?"),
    (["teams", "list", "--limt", "3"], "did you mean --limit?"),
    (["--serve", "x"], "there is no option --serve"),
    (["teams", "list", "extra"], "'extra' is one argument too many; usage: fairway teams list"),
    (["teams", "get"], "ID is missing; usage: fairway teams get ID"),
    (["teams", "list", "--limit"], "--limit needs a value"),
    (["teams", "list", "--limit", "many"], "--limit is a whole number, not 'many'"),
    (["teams", "list", "--limit", "1000"], "--limit must be <= 500"),
    (["teams", "list", "--sort", "colour"], "--sort/0 must be id, -id"),
    (["teams", "list", "--total=perhaps"], "--total is true or false"),
    (["teams", "list", "--data", "{}"], "`teams list` takes no body"),
    (["teams", "list", "--follow"], "is no stream"),
    (["teams", "list", "-o", "xml"], "--output is table, json, yaml or name, not 'xml'"),
    (["teams", "list", "--timeout", "soon"], "--timeout is a time"),
    (["teams", "create"], "--org-id is missing"),
    (["organizations", "create", "--name", "x"], "--slug is missing"),
    (["organizations", "create", "--name", "x", "--slug", "NOT A SLUG"], "--slug must be 1 to 63 lower-case letters, digits and dashes"),
    (["organizations", "create", "--name", "x", "--slug", "a", "--settings", "[1"], "--settings is JSON or YAML"),
    (["organizations", "create", "--data", "@/no/such/file"], "/no/such/file cannot be read"),
    (["organizations", "patch", "x"], "needs a body"),
    (["teams", "list", "--server", "ftp://example.com"], "'ftp://example.com' is no URL of a server"),
    (["catalog", "validate", "-o", "yaml", str(ROOT / "example" / "catalog")], "--output is table or json here"),
])
def test_usage(args, told):
    """Found before anything is sent: there is no server at this address."""
    done = run_cli(*args, url="http://127.0.0.1:9")
    assert done.returncode == EXIT_USAGE, done
    assert told in done.stderr and done.stdout == ""


def test_group_without_command():
    done = run_cli("teams")
    assert done.returncode == EXIT_USAGE and "create" in done.stderr
    assert run_cli("teams", "--help").returncode == EXIT_OK


# ---- answers

def test_formats(server):
    for name in ("b", "a", "c"):
        made = server.cli("organizations", "create", "--name", name, "--slug", slug(), "--settings", "{n: 1}")
        assert made.returncode == EXIT_OK, made.stderr
    listed = server.cli("organizations", "list", "--sort", "name", "--name", "a", "--name", "b", "--name", "c", "-o", "json")
    items = json.loads(listed.stdout)["items"]
    assert [item["name"] for item in items] == ["a", "b", "c"] and items[0]["settings"] == {"n": 1}
    same = ["organizations", "list", "--sort=name", "--name=a", "--name=b", "--name=c"]
    assert yaml.safe_load(server.cli(*same, "-o", "yaml").stdout)["items"] == items
    assert server.cli(*same, "-o", "name").stdout.split() == [item["id"] for item in items]
    lines = server.cli(*same).stdout.splitlines()
    assert lines[0].split() == ["NAME", "SLUG", "ID"]
    assert [line.split() for line in lines[1:]] == [[item["name"], item["slug"], item["id"]] for item in items]
    assert server.cli(*same, "-q").stdout.splitlines()[0].split()[0] == "a"
    table = server.cli(*same, "--columns", "slug,settings.n,/settings/n").stdout.splitlines()
    assert table[0].split() == ["SLUG", "N", "N"] and table[1].split() == [items[0]["slug"], "1", "1"]
    assert "nothing" in server.cli("organizations", "list", "--name", "no such").stderr


def test_all_follows_the_pages(server, organization):
    wanted = []
    for number in range(7):
        made = server.cli("teams", "create", "--org-id", organization, "--name", f"t{number}", "--slug", slug(), "-o", "name")
        wanted.append(made.stdout.strip())
    same = ["teams", "list", "--org-id", organization, "--sort", "name", "--limit", "3"]
    page = server.cli(*same, "-o", "name")
    assert page.stdout.split() == wanted[:3]
    assert "--all, or --cursor " in server.cli(*same).stderr
    cursor = server.cli(*same).stderr.split("--cursor ")[1].strip()
    assert server.cli(*same, "--cursor", cursor, "-o", "name").stdout.split() == wanted[3:6]
    assert server.cli(*same, "--all", "-o", "name").stdout.split() == wanted
    assert [i["id"] for i in json.loads(server.cli(*same, "--all", "-o", "json").stdout)["items"]] == wanted
    assert [i["id"] for i in yaml.safe_load(server.cli(*same, "--all", "-o", "yaml").stdout)["items"]] == wanted
    assert len(server.cli(*same, "--all").stdout.splitlines()) == 8
    nothing = ["teams", "list", "--name", "no such", "--all"]
    assert json.loads(server.cli(*nothing, "-o", "json").stdout) == {"items": []}
    assert yaml.safe_load(server.cli(*nothing, "-o", "yaml").stdout) == {"items": []}


def test_filters(server, organization):
    for name in ("paid", "payments", "search"):
        server.cli("teams", "create", "--org_id", organization, "--name", name, "--slug", slug())
    found = server.cli("teams", "list", "--org-id", organization, "--name[prefix]", "pa", "--sort", "-name", "--columns", "name", "-q")
    assert found.stdout.split() == ["payments", "paid"]


def test_body(server, tmp_path):
    """--data from text, a file, standard input; flags replace its members; null empties."""
    body = tmp_path / "body.yaml"
    body.write_text("name: From a file\nslug: ignored\nsettings:\n  deep: [1, 2]\n")
    name = slug()
    made = server.cli("organizations", "create", "--data", f"@{body}", "--slug", name, "-o", "json")
    assert made.returncode == EXIT_OK, made.stderr
    made = json.loads(made.stdout)
    assert (made["name"], made["slug"], made["settings"]) == ("From a file", name, {"deep": [1, 2]})
    changed = server.cli("organizations", "patch", made["id"], "--data", "-", "-o", "json", input='{"settings": null, "name": "B"}')
    assert changed.returncode == EXIT_OK, changed.stderr
    assert json.loads(changed.stdout)["name"] == "B" and "settings" not in json.loads(changed.stdout)


def test_if_match(server, organization):
    refused = server.cli("organizations", "patch", organization, "--name", "x", "--if-match", "99")
    assert refused.returncode == EXIT_FAILED and "(412)" in refused.stderr
    assert server.cli("organizations", "patch", organization, "--name", "x", "--if-match", "1").returncode == EXIT_OK


def test_lists_inside_an_answer(server):
    """Each is a table of its own below the fields."""
    lines = server.cli("platform", "index").stdout.splitlines()
    assert lines[0].split() == ["name", "fairway"] and any(line.split() == ["links.health", "/api/health"] for line in lines)
    at = lines.index("modules")
    assert lines[at + 1].split() == ["NAME", "TITLE"]
    assert [line.split()[0] for line in lines[at + 2:]] == [m["name"] for m in server.api.get("/api").json()["modules"]]


def test_delete_and_history(server, organization):
    assert server.cli("organizations", "delete", organization).stdout == "Done.\n"
    assert server.cli("organizations", "delete", organization, "-q").returncode == EXIT_NOT_FOUND
    assert server.cli("organizations", "restore", organization).returncode == EXIT_OK
    history = server.cli("organizations", "history", organization).stdout
    assert "organizations.created" in history and "organizations.restored" in history


def test_refusals(server, organization):
    name = json.loads(server.cli("organizations", "get", organization, "-o", "json").stdout)["slug"]
    taken = server.cli("organizations", "create", "--name", "x", "--slug", name)
    assert taken.returncode == EXIT_FAILED and taken.stdout == ""
    assert "Conflict (409): " in taken.stderr and "  --slug: is taken\n" in taken.stderr and "  request " in taken.stderr
    gone = server.cli("organizations", "get", str(uuid.uuid4()))
    assert gone.returncode == EXIT_NOT_FOUND and "Not found (404)" in gone.stderr
    backstage = server.cli("catalog-entities", "by-name", "component", "default", "nobody") \
        if "by-name" in run_cli("catalog-entities").stderr else None
    if backstage:
        assert backstage.returncode == EXIT_NOT_FOUND and "NotFoundError (404)" in backstage.stderr
    assert server.cli("organizations", "get", "a/../b c").returncode == EXIT_NOT_FOUND, "it stays one path segment"


def test_unreachable():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        done = run_cli("teams", "list", url=f"http://127.0.0.1:{free.getsockname()[1]}")
    assert done.returncode == EXIT_UNREACHABLE and "Is it running?" in done.stderr
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        done = run_cli("teams", "list", "--timeout", "300ms", url=f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert done.returncode == EXIT_UNREACHABLE and "did not answer in time" in done.stderr


def test_credentials(new_server):
    server = new_server(auth=None)
    done = server.cli("teams", "list")
    assert done.returncode == EXIT_DENIED and "(401)" in done.stderr and "FAIRWAY_TOKEN" in done.stderr


class Recorder(http.server.BaseHTTPRequestHandler):
    """Answers what the test wants and keeps what was asked."""
    asked, answers = [], {}

    def log_message(self, *_):
        pass

    def do(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path, dict(self.headers), body))
        status, kind, answer = self.answers.get(self.path.split("?")[0], (404, "application/json", b"{}"))
        if callable(answer):
            answer = answer(self.path)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do


@pytest.fixture
def recorder():
    """A server whose answers the test sets: answers[path] = (status, type, bytes or function of the target)."""
    class Own(Recorder):
        asked, answers = [], {}

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Own)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    Own.url = f"http://127.0.0.1:{listening.server_port}"
    yield Own
    listening.shutdown()
    thread.join()
    listening.server_close()


def test_token_and_prefix(recorder):
    recorder.answers["/under/api/teams"] = (200, "application/json", b'{"items":[],"next_cursor":null}')
    done = run_cli("teams", "list", url=recorder.url + "/under/", env={"FAIRWAY_TOKEN": "secret"})
    assert done.returncode == EXIT_OK, done.stderr
    assert recorder.asked[0][2]["Authorization"] == "Bearer secret"


def test_hostile_server(recorder):
    """What a server says never reaches the terminal as control characters, and what is no JSON is said."""
    evil = json.dumps({"items": [{"id": "1", "name": "a\x1b[2Jb\u202ec\nd", "slug": "x"}], "next_cursor": None}).encode()
    recorder.answers["/api/teams"] = (200, "application/json", evil)
    table = run_cli("teams", "list", url=recorder.url).stdout
    assert "\x1b" not in table and "\u202e" not in table and len(table.splitlines()) == 2
    assert "\x1b" not in run_cli("teams", "list", "-o", "json", url=recorder.url).stdout
    recorder.answers["/api/teams"] = (500, "application/problem+json", b'{"title":"\\u001b[31mred","detail":"x\\u0007"}')
    assert "\x1b" not in run_cli("teams", "list", url=recorder.url).stderr
    recorder.answers["/api/teams"] = (200, "application/json", b"{")
    assert run_cli("teams", "list", url=recorder.url).returncode == EXIT_FAILED
    recorder.answers["/api/teams"] = (502, "text/html", b"<h1>bad gateway</h1>")
    assert run_cli("teams", "list", url=recorder.url).returncode == EXIT_FAILED


def on_terminal(server, args, columns, env=None):
    """What the command writes to a terminal of that width."""
    parent, child = pty.openpty()
    termios.tcsetwinsize(child, (40, columns))
    full = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
    full.update({"FAIRWAY_URL": server.url, "TERM": "xterm", **(env or {})})
    with subprocess.Popen([str(binary()), *args], stdout=child, stderr=child, stdin=subprocess.DEVNULL, env=full) as running:
        os.close(child)
        out = b""
        while True:
            try:
                piece = os.read(parent, 65536)
            except OSError:
                break
            if not piece:
                break
            out += piece
        running.wait(30)
    os.close(parent)
    return out.decode().replace("\r\n", "\n")


def test_terminal(server, organization):
    server.cli("teams", "create", "--org-id", organization, "--name", "日本語" * 10, "--slug", slug(), "--description", "long " * 60)
    args = ["teams", "list", "--org-id", organization]
    out = on_terminal(server, args, 60)
    assert out.startswith("\x1b[1m") and "…" in out
    plain = on_terminal(server, args, 60, {"NO_COLOR": "1"})
    assert "\x1b" not in plain
    for line in plain.splitlines():
        width = sum(2 if ord(c) >= 0x3000 else 1 for c in line)
        assert width <= 60, line
    assert "long " * 60 in server.cli(*args).stdout, "nothing is cut when it does not go to a screen"


# ---- streams

def test_follow(new_server):
    server = new_server()
    first = server.cli("organizations", "create", "--name", "a", "--slug", slug(), "-o", "name").stdout.strip()
    env = dict(os.environ, FAIRWAY_URL=server.url)
    with subprocess.Popen([str(binary()), "events", "list", "--follow", "--after", "0", "-o", "json"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, env=env) as following:
        try:
            assert json.loads(following.stdout.readline())["subject"] == first
            server.stop()
            server.start()  # the stream is taken up behind the last event
            second = server.cli("organizations", "create", "--name", "b", "--slug", slug(), "-o", "name").stdout.strip()
            event = json.loads(following.stdout.readline())
            assert (event["type"], event["subject"]) == ("organizations.created", second)
        finally:
            following.terminate()
            following.communicate(timeout=30)
    assert "organizations.created" in server.cli("events", "list").stdout


def test_follow_without_server():
    assert run_cli("events", "list", "-f", url="http://127.0.0.1:9").returncode == EXIT_UNREACHABLE


# ---- completion, version, reference

@pytest.mark.parametrize("words,offered,not_offered", [
    ([], {"serve", "teams", "catalog", "completion"}, {"__complete"}),
    (["teams"], {"list", "create", "restore"}, {"serve"}),
    (["teams", "list"], {"--limit", "--output", "--org-id"}, {"list"}),
    (["teams", "list", "-o"], {"table", "json", "yaml", "name"}, {"--limit"}),
    (["teams", "list", "--sort"], {"name", "-name"}, {"--limit"}),
    (["serve"], {"--port", "--config"}, {"teams"}),
    (["serve", "--auth"], {"open", "required"}, {"--port"}),
    (["serve", "--config"], set(), {"--port", "--config"}),
    (["help"], {"serve", "teams"}, {"--port"}),
    (["help", "services"], {"list", "versions"}, {"serve", "--limit"}),
    (["migrate"], {"--status", "--data"}, {"--port"}),
    (["completion"], {"bash", "zsh", "fish"}, set()),
    (["catalog"], {"validate", "import"}, {"list"}),
])
def test_completion_words(words, offered, not_offered):
    lines = {line.split("\t")[0] for line in run_cli("__complete", *words).stdout.splitlines()}
    assert offered <= lines and not (not_offered & lines)


def test_completion_in_bash(tmp_path):
    (tmp_path / "fairway").symlink_to(binary())
    script = tmp_path / "completion.bash"
    script.write_text(run_cli("completion", "bash").stdout)
    ask = f'PATH={tmp_path}:$PATH; source {script}; COMP_WORDS=(fairway teams cr); COMP_CWORD=2; _fairway; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True)
    assert done.stdout.strip() == "create", done.stderr
    for shell in ("zsh", "fish"):
        script.write_text(run_cli("completion", shell).stdout)
        if shutil.which(shell):
            subprocess.run([shell, "-n", str(script)], check=True)
    assert run_cli("completion", "tcsh").returncode == EXIT_USAGE


def test_version(server):
    told = run_cli("version").stdout
    index = server.api.get("/api").json()
    assert told == f"fairway {index['version']} (API {index['api']['version']})\n" == run_cli("--version").stdout


def test_reference_page_is_current():
    page = (ROOT / "docs" / "reference" / "cli.md").read_text()
    assert page == run_cli("help", "--markdown").stdout, "docs/reference/cli.md is out of date: run `make gen`"


# ---- catalog

COMPONENT = """apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: {name}
spec: {{type: service, lifecycle: production, owner: guests}}
"""


def test_validate(tmp_path):
    good = tmp_path / "a" / "catalog-info.yaml"
    good.parent.mkdir()
    good.write_text(COMPONENT.format(name="fine"))
    (tmp_path / "a" / "deployment.yaml").write_text("kind: Deployment\n")
    done = run_cli("catalog", "validate", "a", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (EXIT_OK, "1 entity in 1 file, 0 problems\n")
    (tmp_path / "bad.yaml").write_text(
        COMPONENT.format(name="not good") + "---\n" + COMPONENT.format(name="fine") + "---\n"
        "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: l}\nspec: {targets: [./a/catalog-info.yaml, ./gone.yaml]}\n")
    done = run_cli("catalog", "validate", "bad.yaml", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert done.returncode == EXIT_FAILED
    assert lines[0].startswith("bad.yaml:4:9: component:default/not good: ") and '"metadata.name" is not valid' in lines[0]
    assert lines[1] == "bad.yaml:16:41: there is no file ./gone.yaml"
    assert lines[2].startswith("a/catalog-info.yaml:1:1: component:default/fine: ") and "stands in" in lines[2]
    assert lines[3] == "4 entities in 2 files, 3 problems"
    found = json.loads(run_cli("catalog", "validate", "bad.yaml", "-o", "json", cwd=tmp_path).stdout)
    assert (found["files"], found["entities"], len(found["problems"])) == (2, 4, 3)
    assert found["problems"][0]["pointer"] == "/metadata/name"
    absent = run_cli("catalog", "validate", "gone.yaml", cwd=tmp_path)
    assert absent.returncode == EXIT_NOT_FOUND and "there is no catalog file at gone.yaml" in absent.stderr


def test_validate_texts(tmp_path):
    assert run_cli("catalog", "validate", "-", input=COMPONENT.format(name="x")).returncode == EXIT_OK
    broken = run_cli("catalog", "validate", "-", input="a: [1\nb: 2\n")
    assert broken.returncode == EXIT_FAILED and broken.stdout.startswith("standard input:2:")
    assert run_cli("catalog", "validate").returncode == EXIT_USAGE
    api = "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: x}\nspec:\n  type: openapi\n  lifecycle: p\n  owner: o\n" \
          "  definition: {$text: ./openapi.yaml}\n"
    (tmp_path / "api.yaml").write_text(api)
    missing = run_cli("catalog", "validate", "api.yaml", cwd=tmp_path)
    assert missing.returncode == EXIT_FAILED and "api:default/x" in missing.stdout
    (tmp_path / "openapi.yaml").write_text("openapi: 3.1.0\n")
    assert run_cli("catalog", "validate", "api.yaml", cwd=tmp_path).returncode == EXIT_OK


def entity_status(server, name):
    return server.api.get(f"/api/catalog/entities/by-name/component/default/{name}").status


def test_import_files(server, tmp_path):
    """Checked here, written there."""
    (tmp_path / "two.yaml").write_text(COMPONENT.format(name="followed"))
    (tmp_path / "catalog-info.yaml").write_text(
        COMPONENT.format(name="imported") + "---\napiVersion: backstage.io/v1alpha1\nkind: Location\n"
        "metadata: {name: l}\nspec: {target: ./two.yaml}\n")
    tried = server.cli("catalog", "import", str(tmp_path), "--dry-run")
    assert (tried.returncode, tried.stdout) == \
        (EXIT_OK, "would write component:default/imported\nwould write component:default/followed\n"), tried.stderr
    assert entity_status(server, "imported") == 404
    done = server.cli("catalog", "import", str(tmp_path))
    assert (done.returncode, done.stdout) == \
        (EXIT_OK, "created component:default/imported\ncreated component:default/followed\n"), done.stderr
    assert entity_status(server, "followed") == 200
    again = server.cli("catalog", "import", "-", input=COMPONENT.format(name="imported"))
    assert (again.returncode, again.stdout) == (EXIT_OK, "updated component:default/imported\n"), again.stderr
    bad = server.cli("catalog", "import", "-", input=COMPONENT.format(name="not good"))
    assert bad.returncode == EXIT_FAILED and "standard input:4:9: " in bad.stderr and bad.stdout == ""
    assert server.cli("catalog", "import", str(tmp_path / "gone.yaml")).returncode == EXIT_NOT_FOUND
    assert server.cli("catalog", "import").returncode == EXIT_USAGE


def test_import_url(new_server, recorder):
    host = recorder.url.removeprefix("http://")
    server = new_server(config=f"backend: {{reading: {{allow: [{{host: '{host}'}}]}}}}\n")
    recorder.answers["/catalog-info.yaml"] = (200, "text/yaml", COMPONENT.format(name="remote").encode())
    url = recorder.url + "/catalog-info.yaml"
    tried = server.cli("catalog", "import", url, "--dry-run")
    assert tried.returncode == EXIT_OK, tried.stderr
    assert f"would register url:{url}\n" in tried.stdout and "component:default/remote" in tried.stdout
    assert server.cli("catalog-locations", "list", "-o", "json").stdout.strip() == "[]"
    done = server.cli("catalog", "import", url)
    assert (done.returncode, done.stdout) == (EXIT_OK, f"registered url:{url}\n"), done.stderr
    assert "fairway sources list" in done.stderr
    wait.until(lambda: entity_status(server, "remote") == 200, what="the imported entity")
    again = server.cli("catalog", "import", url)
    assert again.returncode == EXIT_OK and again.stdout == f"known already url:{url}\n"


def test_import_backstage(server, recorder):
    """Locations and origins of two pages; what only Backstage can read is named."""
    def entities(target):
        origin = "url:https://example.com/two.yaml" if "cursor=next" in target else "file:/app/examples/all.yaml"
        page = {"items": [{"metadata": {"annotations": {"backstage.io/managed-by-origin-location": origin}}}],
                "pageInfo": {} if "cursor=next" in target else {"nextCursor": "next"}}
        return json.dumps(page).encode()

    locations = [{"data": {"id": "1", "type": "url", "target": "https://example.com/one.yaml"}}]
    recorder.answers["/api/catalog/locations"] = (200, "application/json", json.dumps(locations).encode())
    recorder.answers["/api/catalog/entities/by-query"] = (200, "application/json", entities)
    done = server.cli("import", "backstage", recorder.url, "--backstage-token", "t0k")
    assert done.returncode == EXIT_OK, done.stderr + done.stdout
    assert "registered url:https://example.com/one.yaml\n" in done.stdout
    assert "registered url:https://example.com/two.yaml\n" in done.stdout
    assert "Backstage has 2 entities. 2 locations registered" in done.stdout
    assert "  file:/app/examples/all.yaml (1 entities)\n" in done.stdout
    assert {headers["Authorization"] for _, _, headers, _ in recorder.asked} == {"Bearer t0k"}
    targets = [item["data"]["target"] for item in server.api.get("/api/catalog/locations").json()]
    assert {"https://example.com/one.yaml", "https://example.com/two.yaml"} <= set(targets)
    recorder.answers["/api/catalog/locations"] = (401, "application/json", b"{}")
    denied = server.cli("import", "backstage", recorder.url)
    assert denied.returncode == EXIT_DENIED and "--backstage-token" in denied.stderr

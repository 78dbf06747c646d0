# SPDX-License-Identifier: Apache-2.0
"""A mail server for tests.

    with MailServer() as mail:
        server = new_server(env=mail.settings())
        letter = mail.wait_for("ada@example.org")     # an email.message.EmailMessage
        mail.stop(); mail.start(refuse="550 no")      # away; back, with other manners"""
import email
import email.policy
import json
import pathlib
import re
import shutil
import subprocess
import tempfile

from support.pg import free_port
from support.wait import until

PYTHON = "/usr/bin/python3"  # the one that has Debian's packages
LINK = re.compile(r"#one-time=(fwo_[\w-]+)")


def is_installed():
    return subprocess.run([PYTHON, "-c", "import aiosmtpd"], capture_output=True).returncode == 0


class MailServer:
    def __init__(self, **how):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fairway-mail-"))
        self.port = free_port()
        self.process = None
        self.how = how
        self.read = 0
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.folder / "key.pem",
                        "-out", self.folder / "cert.pem"], check=True, capture_output=True)

    def settings(self, **more):
        scheme = "smtps" if self.how.get("smtps") else "smtp"
        env = {"FAIRWAY_MAIL_URL": f"{scheme}://127.0.0.1:{self.port}", "FAIRWAY_MAIL_FROM": "Fairway Tests <fairway@example.com>",
               "FAIRWAY_LIMITS_MODE": "off"}
        env.update({"FAIRWAY_MAIL_" + k.upper(): str(v) for k, v in more.items()})
        return env

    def start(self, **how):
        self.how = how or self.how
        (self.folder / "how.json").write_text(json.dumps(self.how))
        script = pathlib.Path(__file__).with_name("smtp_server.py")
        self.process = subprocess.Popen([PYTHON, script, self.folder, str(self.port)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"
        return self

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait(20)
            self.process.stdout.close()
            self.process = None

    def letters(self):
        path = self.folder / "letters.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        for row in rows:
            row["message"] = email.message_from_string(row["data"], policy=email.policy.default)
        return rows

    def to(self, address):
        return [row for row in self.letters() if row["to"] == [address]]

    def wait_for(self, address, n=1):
        """The n-th letter to the address."""
        return until(lambda: len(self.to(address)) >= n and self.to(address)[n - 1], deadline_s=40,
                     what=f"letter {n} to {address}")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def text_of(row):
    return row["message"].get_body(("plain",)).get_content()


def html_of(row):
    return row["message"].get_body(("html",)).get_content()


def token_of(row):
    return LINK.search(text_of(row)).group(1)

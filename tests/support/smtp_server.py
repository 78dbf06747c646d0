# SPDX-License-Identifier: Apache-2.0
"""An SMTP server of its own process (Debian's python3-aiosmtpd), told what to do by a JSON file.

    /usr/bin/python3 smtp_server.py FOLDER PORT

FOLDER/how.json, read at each connection: starttls, smtps (certificate in FOLDER/cert.pem, key.pem), auth ([user,
password]), refuse (an answer to RCPT such as "550 no such user"), busy (an answer to DATA), slow_s.
Letters are appended to FOLDER/letters.jsonl."""
import asyncio
import json
import pathlib
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

folder, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])
how = json.loads((folder / "how.json").read_text())


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if how.get("refuse"):
            return how["refuse"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        await asyncio.sleep(how.get("slow_s", 0))
        if how.get("busy"):
            return how["busy"]
        letter = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "data": envelope.content.decode("utf-8", "replace"),
                  "tls": session.ssl is not None, "user": session.auth_data}
        with open(folder / "letters.jsonl", "a") as out:
            out.write(json.dumps(letter) + "\n")
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    user, password = data.login.decode(), data.password.decode()
    return AuthResult(success=[user, password] == how["auth"], handled=False, auth_data=user)


class Server(Controller):
    def factory(self):
        context = None
        if how.get("starttls"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        more = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": bool(how.get("starttls"))} \
            if how.get("auth") else {}
        return SMTP(self.handler, hostname="mail.test", tls_context=context, require_starttls=bool(how.get("starttls")), **more)


implicit = None
if how.get("smtps"):
    implicit = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    implicit.load_cert_chain(folder / "cert.pem", folder / "key.pem")
controller = Server(Handler(), hostname="127.0.0.1", port=port, ssl_context=implicit)
controller.start()
print("ready", flush=True)
sys.stdin.read()  # until whoever started it ends
controller.stop()

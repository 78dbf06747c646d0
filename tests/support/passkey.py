# SPDX-License-Identifier: Apache-2.0
"""An authenticator and a browser in software, for tests of passkeys: keys by `cryptography`, CBOR by `fido2`.

    device = Authenticator()
    made = device.create(options, "http://localhost:3001")     # body of POST /api/auth/passkeys
    shown = device.get(options, "http://localhost:3001")       # body of POST /api/auth/passkey-sign-in

Keyword arguments bend what a test wants wrong."""
import base64
import hashlib
import json
import os
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fido2 import cbor

PRESENT, VERIFIED, MAY_SYNC, SYNCED, CREDENTIAL = 0x01, 0x04, 0x08, 0x10, 0x40
ES256, EDDSA, RS256 = -7, -8, -257


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value):
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


class Authenticator:
    def __init__(self, algorithm=ES256, flags=PRESENT | VERIFIED, counts=True):
        self.algorithm = algorithm
        self.flags = flags
        self.count = 1 if counts else 0
        self.step = 1 if counts else 0
        self.id = os.urandom(32)
        self.user_handle = None
        if algorithm == ES256:
            self.key = ec.generate_private_key(ec.SECP256R1())
        elif algorithm == EDDSA:
            self.key = ed25519.Ed25519PrivateKey.generate()
        else:
            self.key = rsa.generate_private_key(65537, 2048)

    def cose_key(self):
        public = self.key.public_key()
        if self.algorithm == ES256:
            point = public.public_numbers()
            return {1: 2, 3: ES256, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        if self.algorithm == EDDSA:
            return {1: 1, 3: EDDSA, -1: 6, -2: public.public_bytes(Encoding.Raw, PublicFormat.Raw)}
        numbers = public.public_numbers()
        return {1: 3, 3: RS256, -1: number(numbers.n), -2: number(numbers.e)}

    def sign(self, message):
        if self.algorithm == ES256:
            return self.key.sign(message, ec.ECDSA(hashes.SHA256()))
        if self.algorithm == EDDSA:
            return self.key.sign(message)
        return self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())

    @staticmethod
    def client_data(kind, challenge, origin, **more):
        return json.dumps({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False, **more}).encode()

    def auth_data(self, rp_id, flags, attested=b""):
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + struct.pack(">I", self.count) + attested

    def create(self, options, origin, *, kind="webauthn.create", rp_id=None, flags=None, challenge=None, fmt="none",
               **more):
        self.user_handle = unb64(options["user"]["id"])
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor.encode(self.cose_key())
        flags = (self.flags if flags is None else flags) | CREDENTIAL
        data = self.auth_data(rp_id or options["rp"]["id"], flags, attested)
        return {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "clientExtensionResults": {},
                "response": {"clientDataJSON": b64(self.client_data(kind, challenge or options["challenge"], origin, **more)),
                             "attestationObject": b64(cbor.encode({"fmt": fmt, "attStmt": {}, "authData": data})),
                             "transports": ["internal", "hybrid"]}}

    def get(self, options, origin, *, kind="webauthn.get", rp_id=None, flags=None, challenge=None, handle="own", **more):
        self.count += self.step
        data = self.auth_data(rp_id or options["rpId"], self.flags if flags is None else flags)
        client = self.client_data(kind, challenge or options["challenge"], origin, **more)
        response = {"clientDataJSON": b64(client), "authenticatorData": b64(data),
                    "signature": b64(self.sign(data + hashlib.sha256(client).digest()))}
        if handle:
            response["userHandle"] = b64(self.user_handle) if handle == "own" else b64(handle)
        return {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "clientExtensionResults": {},
                "response": response}

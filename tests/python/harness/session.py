"""The session protocol of kernels, written from its specification with another library than the product's: an independent
witness of the wire format, and a program that can send what a kernel never would."""

import base64
import hashlib
import hmac
import json
import os
import struct
import time

import requests
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SESSIONS = "/api/2.0/kernel-sessions"


def lp(field):
    """A field with its length before it."""
    return struct.pack(">I", len(field)) + field


def mac(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


def expand(secret, info, length):
    """HKDF-Expand of RFC 5869."""
    out, block = b"", b""
    while len(out) < length:
        block = mac(secret, block + info + bytes([len(out) // 32 + 1]))
        out += block
    return out[:length]


def labeled_extract(suite, salt, label, secret):
    return mac(salt or bytes(32), b"HPKE-v1" + suite + label + secret)


def labeled_expand(suite, secret, label, info, length):
    return expand(secret, struct.pack(">H", length) + b"HPKE-v1" + suite + label + info, length)


def exporter(shared_point, encapsulated, public, info):
    """RFC 9180, base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, export only: from the shared point to Export."""
    kem = b"KEM" + struct.pack(">H", 0x20)
    suite = b"HPKE" + struct.pack(">HHH", 0x20, 0x01, 0xFFFF)
    eae = labeled_extract(kem, b"", b"eae_prk", shared_point)
    shared = labeled_expand(kem, eae, b"shared_secret", encapsulated + public, 32)
    context = (b"\x00" + labeled_extract(suite, b"", b"psk_id_hash", b"") + labeled_extract(suite, b"", b"info_hash", info))
    secret = labeled_extract(suite, shared, b"secret", b"")
    exporter_secret = labeled_expand(suite, secret, b"exp", context, 32)
    return lambda label, length: labeled_expand(suite, exporter_secret, b"sec", label, length)


def session_keys(private, encapsulated, nonce, kernel_id):
    """The MAC key and the answer key."""
    shared = private.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    info = lp(b"sealbook kernel session v1") + lp(nonce) + lp(kernel_id.encode())
    export = exporter(shared, encapsulated, raw(private), info)
    return export(b"sealbook mac v1", 32), export(b"sealbook answer v1", 32)


def raw(private):
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def request_mac(key, path, body, session, seq, timestamp, method=b"POST"):
    text = (lp(b"sealbook request v1") + lp(method) + lp(path.encode()) + lp(hashlib.sha256(body).digest())
            + lp(session.encode()) + struct.pack(">QQ", seq, timestamp))
    return mac(key, text).hex()


def answer_key(key, seq, nonce):
    return mac(key, lp(b"sealbook answer v1") + struct.pack(">Q", seq) + lp(nonce))


def answer_aad(session, seq, organisation, scope, key, version, kind):
    return (lp(session.encode()) + struct.pack(">Q", seq) + lp(organisation.encode()) + lp(scope.encode()) + lp(key.encode())
            + struct.pack(">Q", version) + lp(kind.encode()))


class Refused(Exception):
    """The service's refusal."""

    def __init__(self, answer):
        self.status = answer.status_code
        self.code = answer.json()["error_code"]
        super().__init__(f"{self.status} {answer.text}")


class Protocol:
    """One kernel session, opened for whoever the attestation establishes."""

    def __init__(self, server, kind, credential=None, **fields):
        self.server = server
        self.http = requests.Session()
        self.http.trust_env = False
        if server.tls:
            self.http.verify = str(server.tls.authority)
        self.kernel_id = fields.setdefault("kernel_id", "kernel-of-the-test")
        self.attestation = {"kind": kind} | ({"credential": credential} if credential else {})
        private, nonce = X25519PrivateKey.generate(), os.urandom(16)
        body = {"attestation": self.attestation, "hpke_public_key": base64.b64encode(raw(private)).decode(),
                "client_nonce": base64.b64encode(nonce).decode()} | fields
        answer = self.http.post(server.host + SESSIONS, json=body)
        if answer.status_code != 200:
            raise Refused(answer)
        self.opened = answer.json()
        self.id = self.opened["session_id"]
        encapsulated = base64.b64decode(self.opened["encapsulated_key"])
        self.mac_key, self.answer_key = session_keys(private, encapsulated, nonce, self.kernel_id)
        self.seq = 0

    def request(self, verb, fields=None, *, seq=None, timestamp=None, signed_with=None, session=None):
        """A signed request that was not sent yet: path, body and headers."""
        if seq is None:
            self.seq += 1
            seq = self.seq
        timestamp = int(time.time() * 1000) if timestamp is None else timestamp
        session = session or self.id
        path, body = f"{SESSIONS}/{session}/{verb}", json.dumps(fields or {}).encode()
        signed = request_mac(signed_with or self.mac_key, path, body, session, seq, timestamp)
        headers = {"x-sealbook-seq": str(seq), "x-sealbook-timestamp": str(timestamp), "x-sealbook-mac": signed,
                   "content-type": "application/json"}
        return path, body, headers

    def send(self, path, body, headers):
        answer = self.http.post(self.server.host + path, data=body, headers=headers)
        if answer.status_code != 200:
            raise Refused(answer)
        return answer.json()

    def call(self, verb, fields=None, **how):
        return self.send(*self.request(verb, fields, **how))

    def read(self, scope, key, **how):
        return self.opened_answer(self.call("read", {"scope": scope, "key": key}, **how))

    def opened_answer(self, answer):
        aad = answer_aad(self.id, *(answer[name] for name in ("seq", "organisation", "scope", "key", "version", "kind")))
        nonce = base64.b64decode(answer["nonce"])
        cipher = AESGCM(answer_key(self.answer_key, answer["seq"], nonce))
        try:
            return cipher.decrypt(bytes(12), base64.b64decode(answer["ciphertext"]), aad).decode()
        except InvalidTag:
            raise AssertionError("the answer does not authenticate") from None

"""The wire format of kernel sessions, fixed by vectors that two independent implementations agree on: this one computes
them, the product's unit tests read them. `SEALBOOK_UPDATE_GOLDEN=1` writes them anew."""

import json
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from harness.session import answer_aad, answer_key, raw, request_mac, session_keys

VECTORS = Path(__file__).parents[1] / "vectors" / "kernel_session.json"


def computed():
    kernel, service = (X25519PrivateKey.from_private_bytes(bytes([first]) * 32) for first in (0x11, 0x22))
    encapsulated, nonce, kernel_id = raw(service), bytes(range(16)), "kernel-é-1"
    mac_key, sealing_key = session_keys(kernel, encapsulated, nonce, kernel_id)
    requests, answers = [], []
    session = "5f0c2f6e-0000-4000-8000-000000000001"
    for seq, timestamp, verb, body in ((1, 1_700_000_000_000, "read", '{"scope":"jdbc","key":"password"}'),
                                       (2**63 + 5, 1, "list", ""), (1025, 4_102_444_800_000, "close", "{}")):
        path = f"/api/2.0/kernel-sessions/{session}/{verb}"
        requests.append({"path": path, "body": body, "session": session, "seq": seq, "timestamp_ms": timestamp,
                         "mac": request_mac(mac_key, path, body.encode(), session, seq, timestamp)})
    for seq, version, kind, value in ((1, 1, "string", "planted-väl\nue".encode()), (7, 2**40, "bytes", bytes(range(256))), (8, 1, "string", b"")):
        context = {"session": session, "seq": seq, "organisation": "default", "scope": "jdbc", "key": "password",
                   "version": version, "kind": kind}
        answer_nonce = bytes([seq]) * 16
        sealed = AESGCM(answer_key(sealing_key, seq, answer_nonce)).encrypt(bytes(12), value, answer_aad(**context))
        answers.append(context | {"nonce": answer_nonce.hex(), "value": value.hex(), "ciphertext": sealed.hex()})
    return {
        "kernel_private_key": (b"\x11" * 32).hex(), "kernel_public_key": raw(kernel).hex(), "encapsulated_key": encapsulated.hex(),
        "client_nonce": nonce.hex(), "kernel_id": kernel_id, "mac_key": mac_key.hex(), "answer_key": sealing_key.hex(),
        "requests": requests, "answers": answers,
    }


def test_the_vectors_are_what_the_specification_says():
    text = json.dumps(computed(), indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("SEALBOOK_UPDATE_GOLDEN"):
        VECTORS.write_text(text)
    assert VECTORS.read_text() == text

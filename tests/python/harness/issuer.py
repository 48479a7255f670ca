"""A small OpenID Connect issuer on a free loopback port: discovery, a key set, and tokens signed with its keys."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa


class Issuer:
    """Serves until the end of the `with` block. `published` are the key ids in its key set."""

    def __init__(self):
        self.keys = {"rsa-1": ("RS256", rsa.generate_private_key(public_exponent=65537, key_size=2048)),
                     "ec-1": ("ES256", ec.generate_private_key(ec.SECP256R1())),
                     "rsa-2": ("RS256", rsa.generate_private_key(public_exponent=65537, key_size=2048))}
        self.published = ["rsa-1", "ec-1"]
        self.fetches = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(issuer.document(self.path)).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()

    def document(self, path):
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        self.fetches += 1
        return {"keys": [self.jwk(kid) for kid in self.published]}

    def jwk(self, kid):
        algorithm, key = self.keys[kid]
        kind = jwt.algorithms.RSAAlgorithm if algorithm == "RS256" else jwt.algorithms.ECAlgorithm
        return json.loads(kind.to_jwk(key.public_key())) | {"kid": kid, "alg": algorithm, "use": "sig"}

    def token(self, user, kid="rsa-1", *, signed_by=None, header=None, algorithm=None, **claims):
        """A token for a user; `signed_by` signs with another key than the header names."""
        now = int(time.time())
        payload = {"iss": self.url, "aud": "sealbook", "sub": f"id-of-{user}", "email": user, "iat": now, "exp": now + 300,
                   "jti": f"token-of-{user}"} | claims
        payload = {name: value for name, value in payload.items() if value is not None}
        own, key = self.keys[signed_by or kid]
        return jwt.encode(payload, key, algorithm=algorithm or own, headers={"kid": kid} | (header or {}))


def unsigned(token):
    """The same claims under the algorithm `none`."""
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{token.split('.')[1]}."

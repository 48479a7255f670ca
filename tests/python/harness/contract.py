"""Every answer that a test gets through `requests` (the Databricks SDK included) is held against the OpenAPI document of the
server that gave it: status, content type, body."""

import json
import re
import ssl
import urllib.request
from urllib.parse import urlsplit

import requests
from jsonschema import Draft202012Validator

_watched = {}


class Contract:
    """An OpenAPI document."""

    def __init__(self, document):
        self.document = document
        self.operations = []
        for template, methods in document["paths"].items():
            pattern = re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(template)))
            for method, operation in methods.items():
                self.operations.append((method.upper(), pattern, "{" in template, operation))
        # A path that is written out is meant before one with a segment that varies.
        self.operations.sort(key=lambda entry: entry[2])

    def check(self, method, path, status, content_type, body):
        """Raises AssertionError for an answer that the document does not announce."""
        for known, pattern, _, operation in self.operations:
            if known == method and pattern.fullmatch(path):
                answers = operation["responses"]
                break
        else:
            # Whatever is not in the document does not exist.
            answers = {"404": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}}
        where = f"{method} {path} answered {status} {content_type!r}"
        assert str(status) in answers, f"{where}; documented are {', '.join(answers)}: {body[:300]!r}"
        media = answers[str(status)]["content"].get((content_type or "").partition(";")[0].strip())
        assert media, f"{where}; documented are {', '.join(answers[str(status)]['content'])}"
        if "json" in content_type:
            validator = Draft202012Validator({"components": self.document["components"]} | media["schema"])
            errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.loads(body))]
            assert not errors, f"{where}: {'; '.join(errors)}"


def watch(server):
    """Answers of this server are checked from now on."""
    _watched[server.host] = server


def document(server):
    """The document that a server gives."""
    handlers = [urllib.request.ProxyHandler({})]
    if server.tls:
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(server.tls.authority))))
    with urllib.request.build_opener(*handlers).open(server.host + "/openapi.json", timeout=30) as answer:
        return json.load(answer)


def install():
    """From now on every request of this process is looked at."""
    send = requests.Session.send
    if getattr(send, "checks_contract", False):
        return

    def checked(session, request, **options):
        answer = send(session, request, **options)
        parts = urlsplit(request.url)
        server = _watched.get(f"{parts.scheme}://{parts.netloc}")
        if server:
            if not hasattr(server, "contract"):
                server.contract = Contract(document(server))
            server.contract.check(request.method, parts.path, answer.status_code, answer.headers.get("content-type"), answer.content)
        return answer

    checked.checks_contract = True
    requests.Session.send = checked

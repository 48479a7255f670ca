"""The OpenAPI document: valid, and true of a server that schemathesis asks everything that the document allows and much that
it does not.

`SEALBOOK_SCHEMATHESIS_SECONDS=600` lets each caller go on for so long, with sequences of requests too.

Left out of schemathesis' checks:
- positive_data_acceptance: whether a name, a token or a number is legal depends on what is stored, and a schema cannot say so.
- unsupported_method, allow_header_conformance: a method that a path does not have is answered with 404 ENDPOINT_NOT_FOUND, as
  the API that ours follows does, not with 405.
"""

import os
import re
import sys

import pytest
import requests

from harness import Server, contract, lightly_searched

LEFT_OUT = "positive_data_acceptance,unsupported_method,allow_header_conformance"
SECONDS = os.environ.get("SEALBOOK_SCHEMATHESIS_SECONDS")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    yield from lightly_searched(tmp_path_factory, "planted-value-of-the-document")


@pytest.fixture(scope="module")
def server(house):
    with Server(house).bootstrap() as server:
        server.ok("secrets", "create-scope", "--scope", "s")
        server.ok("secrets", "put", "--scope", "s", "--key", "k", "--string-value", "planted-value-of-the-document")
        yield server


def test_the_document_is_valid(server):
    from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

    document = contract.document(server)
    assert document["openapi"].startswith("3.1")
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(document)] == []
    identifiers = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(identifiers) == len(set(identifiers)) > 50


def test_an_answer_that_is_not_documented_is_noticed(server):
    document = contract.Contract(contract.document(server))
    path, kind = "/api/2.0/secrets/list", "application/json"
    document.check("GET", path, 200, kind, b'{"secrets": []}')
    document.check("GET", path, 404, kind, b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Scope s does not exist!"}')
    document.check("GET", "/nowhere", 404, kind, b'{"error_code": "ENDPOINT_NOT_FOUND", "message": "There is no GET /nowhere"}')
    for answer in ((200, kind, b"{}"), (200, "text/html", b'{"secrets": []}'), (204, kind, b""), (404, kind, b'{"message": "x"}'),
                   (405, kind, b'{"error_code": "x", "message": "x"}'), (200, kind, b'{"secrets": {}}')):
        with pytest.raises(AssertionError):
            document.check("GET", path, *answer)


@pytest.mark.parametrize("who", ["admin", "stranger", "nobody"])
def test_schemathesis_finds_nothing(house, server, who):
    token = {"admin": lambda: server.admin, "stranger": lambda: server.token(server.user("stranger")), "nobody": lambda: None}[who]()
    arguments = ["--exclude-checks", LEFT_OUT, "--continue-on-failure", "--suppress-health-check", "all", "--no-color"]
    if SECONDS:
        arguments += ["--max-time", SECONDS, "--seed", "1"]
    else:
        # Without rights most requests end early, whatever they are: the values at the borders are enough.
        phases = "coverage,fuzzing" if who == "admin" else "coverage"
        arguments += ["--phases", phases, "--max-examples", "4", "--generation-deterministic"]
    if token:
        arguments += ["--header", f"Authorization: Bearer {token}"]
    done = house.run(sys.executable, "-m", "schemathesis.cli", "run", server.host + "/openapi.json", *arguments, timeout=840)
    assert done.returncode == 0, done.out[-8000:] + done.err[-2000:]
    selected, all_of, tested = map(int, re.search(r"Selected: (\d+)/(\d+)\s+Tested: (\d+)", done.out).groups())
    assert selected == all_of == tested > 50, done.out[-2000:]
    # It asked as who it should have, to the end, and no answer was a defect of the service.
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    assert requests.get(server.host + "/api/2.0/secrets/scopes/list", headers=headers, timeout=30).status_code in ((200,) if token else (401, 429))
    metrics = requests.get(server.host + "/metrics", timeout=30).text
    assert not re.search(r'status="5\d\d"', metrics), metrics

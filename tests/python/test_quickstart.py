"""`sealbook quickstart` in an empty home, twice, and in one where the credentials are there already."""

import re

import nbformat

from harness import PLANTED


def executed(done):
    """The notebook that quickstart says it executed."""
    paths = re.findall(r"\S+\.ipynb", done.out)
    assert paths, done.out
    return nbformat.read(paths[-1], as_version=4)


def check(done):
    assert "[REDACTED]" in done.out
    assert "jupyter lab" in done.out
    document = executed(done)
    assert "[REDACTED]" in str(document)
    assert not [output for cell in document.cells for output in cell.get("outputs", []) if output.output_type == "error"]


def test_quickstart_twice(fresh_house):
    for _ in range(2):
        check(fresh_house.ok("quickstart", timeout=300))
    kernelspecs = fresh_house.python("jupyter", "kernelspec", "list", "--json")
    assert '"sealbook"' in kernelspecs.out
    listed = fresh_house.ok("secrets", "list", "--scope", "jdbc").out
    assert "username" in listed and "password" in listed


def test_quickstart_keeps_secrets_that_are_there(fresh_house):
    fresh_house.plant()
    done = fresh_house.ok("quickstart", timeout=300)
    check(done)
    # It used the planted ones: their length is what the notebook counted.
    assert f"the password has {len(PLANTED['jdbc', 'password'])} characters" in done.out

"""Fixtures of the end-to-end tests, and the list of expected failures."""

import shutil
import tomllib
from pathlib import Path

import pytest

from harness import House, Kernel, contract

contract.install()

EXPECTED = tomllib.loads((Path(__file__).parent / "expected_failures.toml").read_text()).get("failure", [])


def pytest_collection_modifyitems(items):
    """A test on the list must fail; one that passes fails the suite, so that the list never outlives its reasons."""
    reasons = {entry["test"]: entry["reason"] for entry in EXPECTED}
    for item in items:
        name = item.nodeid.removeprefix("tests/python/")
        if name in reasons:
            item.add_marker(pytest.mark.xfail(reason=reasons.pop(name), strict=True))
    collected = {item.nodeid.removeprefix("tests/python/").split("::")[0] for item in items}
    stale = [name for name in reasons if name.split("::")[0] in collected]
    if stale and not any(option in " ".join(map(str, _arguments(items))) for option in ("::", "-k")):
        raise pytest.UsageError(f"expected_failures.toml lists tests that do not exist: {stale}")


def _arguments(items):
    return items[0].config.invocation_params.args if items else []


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A user with the kernelspec installed and the planted secrets stored; searched at the end."""
    yield from _watched(tmp_path_factory, planted=True)


@pytest.fixture
def fresh_house(tmp_path_factory):
    """A user who has done nothing yet; searched at the end."""
    yield from _watched(tmp_path_factory, planted=False)


def _watched(tmp_path_factory, planted):
    house = House(tmp_path_factory.mktemp("house"))
    try:
        if planted:
            house.install().plant()
        yield house
    finally:
        house.leave()
    report = house.search()
    assert not report.findings, report.text()
    shutil.rmtree(house.root, ignore_errors=True)


@pytest.fixture(scope="module")
def kernel(house):
    """One kernel for a module's tests."""
    with Kernel(house) as kernel:
        yield kernel

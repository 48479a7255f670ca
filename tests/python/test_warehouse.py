"""examples/warehouse.ipynb: credentials from a scope open a real database, and nothing of them is shown."""

import json

import pytest

from harness import PLANTED
from harness.house import CHECKOUT
from harness.postgres import Postgres
from test_clients import outputs, succeeded

USER, PASSWORD = PLANTED["jdbc", "username"], PLANTED["jdbc", "password"]
ROWS = "INSERT INTO my_data VALUES (1, 'north', 12.5), (2, 'south', 7.25), (3, 'west', 3)"


@pytest.fixture(scope="module")
def database():
    with Postgres(USER, PASSWORD, "warehouse") as database:
        database.sql("warehouse", f"CREATE TABLE my_data (id int, name text, amount double precision); {ROWS};")
        yield database


def test_the_database_demands_scram(database):
    assert database.sql("warehouse", "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolcanlogin") == "t\n"


def test_the_example_reads_the_table_and_shows_no_credentials(house, database):
    example = json.loads((CHECKOUT / "examples" / "warehouse.ipynb").read_text())
    for cell in example["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            cell["source"] = "".join(cell["source"]).replace("5432", str(database.port))
            assert str(database.port) in cell["source"]
    path = house.notebooks / "warehouse.ipynb"
    path.write_text(json.dumps(example))
    # Offline: `cargo xtask test setup` has fetched the crates.
    done = house.sealbook("run", path, house.notebooks / "warehouse-out.ipynb", env={"CARGO_NET_OFFLINE": "true"}, timeout=600)
    succeeded(done)
    seen = "\n".join(outputs(house.notebooks / "warehouse-out.ipynb"))
    assert "3 rows" in seen
    for name in ("north", "south", "west"):
        assert name in seen
    assert "connected as [REDACTED]" in seen
    assert "password=[REDACTED]" in seen
    assert 'connection failed' in seen and 'database "no_such_database" does not exist' in seen

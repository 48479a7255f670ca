"""Notebooks run by other people's programs: papermill, nbclient, `jupyter execute`, nbconvert, and our own `run`."""

import json

import nbformat
import pytest

from harness import PLANTED

SIZE = len(PLANTED["jdbc", "password"].encode())

CELLS = [
    'let username = dbutils.secrets.get("jdbc", "username");\nlet password = dbutils.secrets.get("jdbc", "password");',
    'println!("{username} {password}");',
    "password.len()",
    "password.clone()",
    'eprintln!("{:?}", (&username, &password));',
]


def notebook(house, cells=CELLS, name="in.ipynb"):
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    document.metadata["kernelspec"] = {"name": "sealbook", "display_name": "Rust (Sealbook)", "language": "rust"}
    document.metadata["language_info"] = {"name": "rust"}
    path = house.notebooks / name
    nbformat.write(document, path)
    return path


def outputs(path):
    """Per cell: what a reader sees, streams joined."""
    seen = []
    for cell in nbformat.read(path, as_version=4).cells:
        texts = []
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                texts.append(output.text)
            elif output.output_type == "error":
                texts.append(f"{output.ename}: {output.evalue}")
            else:
                texts.append(output.data["text/plain"])
        seen.append("".join(texts))
    return seen


EXPECTED = ["", "[REDACTED] [REDACTED]\n", str(SIZE), '"[REDACTED]"', '("[REDACTED]", "[REDACTED]")\n']


def succeeded(done):
    assert done.returncode == 0, done.out + done.err


def test_papermill(house):
    succeeded(house.python("papermill", notebook(house), house.notebooks / "papermill.ipynb", timeout=280))
    assert outputs(house.notebooks / "papermill.ipynb") == EXPECTED


def test_nbclient_in_a_program(house):
    program = (
        "import nbformat, nbclient, sys\n"
        "document = nbformat.read(sys.argv[1], as_version=4)\n"
        "nbclient.NotebookClient(document, timeout=120).execute()\n"
        "nbformat.write(document, sys.argv[2])\n"
    )
    script = house.notebooks / "run_it.py"
    script.write_text(program)
    import sys

    succeeded(house.run(sys.executable, script, notebook(house), house.notebooks / "nbclient.ipynb", timeout=280))
    assert outputs(house.notebooks / "nbclient.ipynb") == EXPECTED


def test_jupyter_execute(house):
    path = notebook(house, name="executed.ipynb")
    succeeded(house.python("jupyter", "execute", "--inplace", path, timeout=280))
    assert outputs(path) == EXPECTED


def test_nbconvert(house):
    succeeded(house.python("jupyter", "nbconvert", "--to", "notebook", "--execute", "--output", "converted.ipynb",
                           notebook(house), timeout=280))
    assert outputs(house.notebooks / "converted.ipynb") == EXPECTED
    succeeded(house.python("jupyter", "nbconvert", "--to", "html", house.notebooks / "converted.ipynb", timeout=280))
    assert "[REDACTED]" in (house.notebooks / "converted.html").read_text()


def test_nbval(house):
    path = notebook(house, name="validated.ipynb")
    succeeded(house.python("jupyter", "execute", "--inplace", path, timeout=280))
    done = house.python("pytest", "-p", "no:cacheprovider", "--nbval", "--nbval-kernel-name=sealbook", path, timeout=280)
    succeeded(done)
    assert f"{len(CELLS)} passed" in done.out


def test_sealbook_run(house):
    done = house.sealbook("run", notebook(house), house.notebooks / "own.ipynb", timeout=280)
    succeeded(done)
    assert outputs(house.notebooks / "own.ipynb") == EXPECTED


def test_sealbook_run_keeps_what_there_is_when_a_cell_fails(house):
    cells = [*CELLS[:2], 'panic!("cannot log in with {password}");', 'println!("never");']
    done = house.sealbook("run", notebook(house, cells), house.notebooks / "failed.ipynb", timeout=280)
    assert done.returncode == 1, done.out + done.err
    seen = outputs(house.notebooks / "failed.ipynb")
    assert seen[1] == EXPECTED[1]
    assert "cannot log in with [REDACTED]" in seen[2]
    assert seen[3] == ""


def test_papermill_fails_when_a_cell_fails(house):
    cells = [*CELLS[:2], 'panic!("cannot log in with {password}");', 'println!("never");']
    done = house.python("papermill", notebook(house, cells), house.notebooks / "failed-papermill.ipynb", timeout=280)
    assert done.returncode != 0
    assert "cannot log in with [REDACTED]" in done.err + done.out
    document = json.loads((house.notebooks / "failed-papermill.ipynb").read_text())
    assert any(output.get("output_type") == "error" for cell in document["cells"] for output in cell.get("outputs", []))


@pytest.mark.parametrize("program", ["papermill", "sealbook"])
def test_an_unknown_secret_ends_the_run_with_its_text(house, program):
    path = notebook(house, ['let x = dbutils.secrets.get("jdbc", "missing");'])
    target = house.notebooks / f"missing-{program}.ipynb"
    done = house.sealbook("run", path, target) if program == "sealbook" else house.python("papermill", path, target)
    assert done.returncode == 1
    assert "Secret does not exist with scope: jdbc and key: missing" in done.out + done.err

"""The plugin with real papermill, as `pip install` would register it."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

PACKAGE = Path(__file__).parent.parent

PARAMETERS = """\
let rows: usize = 10; // how many rows
let table: &str = "my_data";
let rate = 0.5;
let mut retries: Option<u8> = None;
let r#type: String = String::from("csv"); // of the file
"""


@pytest.fixture
def registered(tmp_path, monkeypatch):
    """The package on the path, with the entry point that pyproject.toml declares, and nothing else of ours."""
    site = tmp_path / "site"
    information = site / "sealbook-0.dist-info"
    information.mkdir(parents=True)
    (site / "sealbook").symlink_to(PACKAGE / "sealbook")
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: sealbook\nVersion: 0\n")
    declared = (PACKAGE / "pyproject.toml").read_text().split('[project.entry-points."papermill.engine"]\n')[1]
    entry_point = declared.splitlines()[0].replace('"', "")
    (information / "entry_points.txt").write_text(f"[papermill.engine]\n{entry_point}\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    return site


def notebook(folder, cells=("",), parameters=PARAMETERS, kernel="sealbook", language="rust"):
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    document.metadata["kernelspec"] = {"name": kernel, "display_name": "Rust (Sealbook)", "language": language}
    document.metadata["language_info"] = {"name": language}
    if parameters is not None:
        cell = nbformat.v4.new_code_cell(parameters)
        cell.metadata["tags"] = ["parameters"]
        document.cells.insert(0, cell)
    path = folder / "in.ipynb"
    nbformat.write(document, path)
    return path


def papermill(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "papermill", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=cwd
    )


def prepared(folder, *arguments, **notebook_arguments):
    """Source of the injected cell."""
    source, target = notebook(folder, **notebook_arguments), folder / "out.ipynb"
    done = papermill(source, target, "--prepare-only", *arguments)
    assert done.returncode == 0, done.stderr
    cells = json.loads(target.read_text())["cells"]
    (injected,) = [cell for cell in cells if "injected-parameters" in cell["metadata"].get("tags", [])]
    return "".join(injected["source"])


def test_parameters_keep_the_types_of_the_parameters_cell(registered, tmp_path):
    assert prepared(
        tmp_path, "-p", "rows", "20", "-p", "table", 'a"b', "-p", "rate", "2", "-p", "retries", "3", "-p", "type", "json", "-p", "new", "1"
    ) == (
        "// Parameters\n"
        "let rows: usize = 20;\n"
        "let table: &'static str = \"a\\\"b\";\n"
        "let rate: f64 = 2.0;\n"
        "let mut retries: Option<u8> = Some(3);\n"
        'let r#type: String = String::from("json");\n'
        "let new: i64 = 1;\n"
    )


def test_the_injected_cell_compiles_behind_the_parameters_cell(registered, tmp_path):
    yaml = "{list: [1, 2], ratio: .nan, nothing: null, nested: {a: {b: [true]}}}"
    injected = prepared(tmp_path, "-p", "rows", "20", "-p", "type", "json", "-y", yaml, "--inject-paths")
    program = tmp_path / "main.rs"
    program.write_text(
        f"#![allow(unused, non_snake_case)]\nfn main() {{\n{PARAMETERS}\n{injected}\n"
        'println!("{rows} {type} {list:?} {ratio} {nothing:?} {nested:?} {PAPERMILL_INPUT_PATH}", type = r#type);\n}\n'
    )
    subprocess.run(["rustc", "--edition", "2024", "-o", tmp_path / "main", program], check=True)
    printed = subprocess.run([tmp_path / "main"], check=True, capture_output=True, text=True).stdout
    assert printed == f'20 json [1, 2] NaN None {{"a": {{"b": [true]}}}} {tmp_path / "in.ipynb"}\n'


@pytest.mark.parametrize("kernel,language", [("sealbook", "rust"), ("mine", "rust"), ("mine", "Rust"), ("rust", "x")])
def test_kernel_names_and_languages(registered, tmp_path, kernel, language):
    assert prepared(tmp_path, "-p", "rows", "1", kernel=kernel, language=language) == "// Parameters\nlet rows: usize = 1;\n"


def test_without_a_parameters_cell_types_are_natural(registered, tmp_path):
    assert prepared(tmp_path, "-p", "rows", "1", parameters=None) == "// Parameters\nlet rows: i64 = 1;\n"


def test_json_brings_its_dependency(registered, tmp_path):
    assert prepared(tmp_path, "-y", "mixed: [1, a]") == (
        "// Parameters\n"
        ':dep serde_json = "1"\n'
        'let mixed: Vec<serde_json::Value> = serde_json::from_str(r#"[1, "a"]"#).expect("valid JSON");\n'
    )
    declared = ':dep serde_json = { version = "1" }\nlet mixed: serde_json::Value = serde_json::Value::Null;'
    assert prepared(tmp_path, "-y", "mixed: [1, a]", parameters=declared) == (
        '// Parameters\nlet mixed: serde_json::Value = serde_json::from_str(r#"[1, "a"]"#).expect("valid JSON");\n'
    )


def test_a_type_that_only_the_compiler_knows_is_left_to_it(registered, tmp_path):
    declared = "type Port = u16;\nlet port: Port = 5432;"
    assert prepared(tmp_path, "-p", "port", "80", parameters=declared) == "// Parameters\nlet port: Port = 80;\n"


@pytest.mark.parametrize(
    "arguments,message",
    [
        (("-p", "rows", "-1"), "parameter `rows` (declared `usize` in the parameters cell): the number does not fit in usize"),
        (("-p", "rows", "ten"), "parameter `rows` (declared `usize` in the parameters cell): an integer is needed, and text was passed"),
        (
            ("-p", "type", "1234567"),
            "parameter `type` (declared `String` in the parameters cell): text is needed, and an integer was passed; "
            "to pass text that looks like something else, use -r",
        ),
        (("-p", "my-name", "1"), "parameter `my-name`: it cannot be the name of a Rust variable"),
    ],
)
def test_a_value_that_does_not_fit_stops_the_run_and_names_the_parameter(registered, tmp_path, arguments, message):
    target = tmp_path / "out.ipynb"
    done = papermill(notebook(tmp_path), target, "--prepare-only", *arguments)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(f"ParameterError: {message}")
    assert not target.exists()
    if "1234567" in arguments:
        assert "1234567" not in done.stderr


def test_help_notebook(registered, tmp_path):
    done = papermill("--help-notebook", notebook(tmp_path))
    assert done.returncode == 0, done.stderr
    shown = done.stdout.split(f"Parameters inferred for notebook '{tmp_path / 'in.ipynb'}':\n")[1]
    assert [" ".join(line.split()) for line in shown.splitlines()] == [
        "rows: usize (default 10) how many rows",
        'table: &str (default "my_data")',
        "rate: f64 (default 0.5)",
        "retries: Option<u8> (default None)",
        'type: String (default String::from("csv"))',
        "of the file",
    ]


def test_inspection_of_one_notebook_says_nothing_about_the_next(registered, tmp_path):
    program = (
        "import sys, papermill\n"
        "papermill.inspect_notebook(sys.argv[1])\n"
        "done = papermill.execute_notebook(sys.argv[2], None, {'rows': 1}, prepare_only=True)\n"
        "print(done.cells[0].source)\n"
    )
    (tmp_path / "other").mkdir()
    paths = [notebook(tmp_path), notebook(tmp_path / "other", parameters=None)]
    done = subprocess.run([sys.executable, "-c", program, *paths], capture_output=True, text=True, check=True)
    assert done.stdout == "// Parameters\nlet rows: i64 = 1;\n\n"


@pytest.mark.parametrize(
    "breakage",
    [
        "import papermill.translators as t; del t.papermill_translators",
        "import papermill.models as m; del m.Parameter",
        "import papermill.exceptions as e; del e.PapermillException",
    ],
)
def test_papermill_survives_when_the_plugin_cannot_work(registered, tmp_path, breakage):
    program = f"{breakage}\nimport importlib, sealbook.papermill as plugin\nassert plugin.Engine is None\n"
    done = subprocess.run(
        [sys.executable, "-c", "import papermill\nfor name in ('sealbook.papermill',): __import__('sys').modules.pop(name)\n" + program],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_other_kernels_are_untouched(registered, tmp_path):
    source = notebook(tmp_path, parameters="x = 1", kernel="python3", language="python")
    done = papermill(source, tmp_path / "out.ipynb", "--prepare-only", "-p", "x", "2")
    assert done.returncode == 0, done.stderr
    cells = json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    assert "".join(cells[1]["source"]) == "# Parameters\nx = 2\n"

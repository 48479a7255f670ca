"""The planted-secret search finds each form, and finds nothing where there is nothing.

Forms are made with other programs and formatters where there are any (`xxd`, `od`, Rust is covered end to end), and by
hand elsewhere.
"""

import base64
import gzip
import html
import io
import json
import textwrap
import urllib.parse
import zlib

import pytest

from planted import Secret, find, search

VALUES = {
    "password": "hunter2-planted-P@ss\"w'ord",
    "key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYplantedKEY",
    "phrase": "correct horse planted battery",
    "unicode": "pläntéd-ключ-秘密-🔑-value",
    "lines": "first planted line 1\nsecond planted line 2\n",
}


def hexdump(data):
    lines = []
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        codes = " ".join(f"{byte:02x}" for byte in row)
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{start:08x}  {codes:<48} |{shown}|")
    return "\n".join(lines)


def deflated(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def debug(text):
    """Rust's Debug of str."""
    marks = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(marks.get(character, character) for character in text) + '"'


FORMS = {
    "raw": lambda v: v,
    "in a sentence": lambda v: f"connecting as root with {v} to db",
    "debug": debug,
    "debug of debug": lambda v: debug(debug(v)),
    "debug of chars": lambda v: "[" + ", ".join(f"'{c}'" for c in v) + "]",
    "debug of bytes": lambda v: str(list(v.encode())),
    "debug of bytes, pretty": lambda v: "[\n" + "".join(f"    {b},\n" for b in v.encode()) + "]",
    "debug of bytes, hex": lambda v: "[" + ", ".join(f"{b:x}" for b in v.encode()) + "]",
    "debug of bytes, upper hex": lambda v: "[" + ", ".join(f"{b:X}" for b in v.encode()) + "]",
    "debug of bytes, 0x": lambda v: "[" + ", ".join(f"{b:#04x}" for b in v.encode()) + "]",
    "octal": lambda v: "".join(f"\\{b:03o}" for b in v.encode()),
    "code points": lambda v: str([ord(c) for c in v]),
    "json": lambda v: json.dumps({"a": v}),
    "json, all escaped": lambda v: '{"a":"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else json.dumps(c)[1:-1] for c in v) + '"}',
    "json in json": lambda v: json.dumps({"a": json.dumps({"b": json.dumps(v)})}),
    "html": lambda v: html.escape(v),
    "html, decimal": lambda v: "".join(f"&#{ord(c)};" for c in v),
    "html, hex": lambda v: "".join(f"&#x{ord(c):X};" for c in v),
    "html, tag per character": lambda v: "".join(f"<span class='x'>{html.escape(c)}</span>" for c in v),
    "percent": lambda v: urllib.parse.quote(v, safe=""),
    "percent, all": lambda v: "".join(f"%{b:02x}" for b in v.encode()),
    "percent, plus": urllib.parse.quote_plus,
    "percent, doubled": lambda v: urllib.parse.quote(urllib.parse.quote(v, safe=""), safe=""),
    "hex": lambda v: v.encode().hex(),
    "hex, upper": lambda v: v.encode().hex().upper(),
    "hex, spaced": lambda v: v.encode().hex(" "),
    "hex, colons": lambda v: v.encode().hex(":").upper(),
    "hex, \\x": lambda v: "".join(f"\\x{b:02x}" for b in v.encode()),
    "hexdump": lambda v: hexdump(("some text before " + v).encode()),
    "base64": lambda v: base64.b64encode(v.encode()).decode(),
    "base64, after one": lambda v: base64.b64encode(b"x" + v.encode() + b"y").decode(),
    "base64, after two": lambda v: base64.b64encode(b"u:" + v.encode() + b"yz").decode(),
    "base64url, no padding": lambda v: base64.urlsafe_b64encode(b"user:" + v.encode()).decode().rstrip("="),
    "base64, wrapped": lambda v: "\n".join(textwrap.wrap(base64.b64encode(b"a" * 20 + v.encode()).decode(), 16)),
    "base64, doubled": lambda v: base64.b64encode(base64.b64encode(v.encode())).decode(),
    "base64 of utf-16": lambda v: base64.b64encode(v.encode("utf-16-le")).decode(),
    "base64 of gzip": lambda v: base64.b64encode(gzip.compress(v.encode())).decode(),
    "hex of zlib": lambda v: zlib.compress(v.encode()).hex(),
    "base64 of deflate": lambda v: base64.b64encode(deflated(v.encode() * 3)).decode(),
    "utf-16": lambda v: v.encode("utf-16-le"),
    "ansi": lambda v: "".join(f"\x1b[31m{c}\x1b[0m" for c in v),
    "zero width": lambda v: "\u200b".join(v),
    "NUL": lambda v: "\0".join(v),
    "backspace": lambda v: "".join(f"x\b{c}" for c in v),
    "a character a line": lambda v: "\n".join(v),
    "spaced": lambda v: " ".join(v),
    "dotted": lambda v: ".".join(v),
    "fours": lambda v: "-".join(v[i : i + 4] for i in range(0, len(v), 4)),
    "wrapped": lambda v: "\n".join(f"| {v[i:i + 7]:<7} |" for i in range(0, len(v), 7)),
    "reversed": lambda v: v[::-1],
    "upper": lambda v: v.upper(),
    "shell": lambda v: "'" + v.replace("'", "'\\''") + "'",
    "sql": lambda v: "'" + v.replace("'", "''") + "'",
    "truncated": lambda v: v[: -(-len(v) * 4 // 5)] + "…",
}


# The lines of a multi-line value are looked for one by one, and whole.
CASES = [(name, form) for name in VALUES for form in FORMS if (name, form) != ("lines", "truncated")]


@pytest.mark.parametrize(("name", "form"), CASES)
def test_finds(name, form):
    text = FORMS[form](VALUES[name])
    data = text if isinstance(text, bytes) else text.encode()
    found = find(data, [Secret.of(name, VALUES[name]), Secret.of("other", "another-planted-thing")])
    assert {finding[0] for finding in found} == {name}


def test_finds_bytes_that_are_no_text():
    value = bytes(range(200, 232))
    for data in (value, value.hex().encode(), base64.b64encode(b"a" + value), str(list(value)).encode()):
        assert {name for name, _ in find(b"before " + data + b" after", [Secret("binary", value)])} == {"binary"}


def test_a_short_value_is_a_word():
    secrets = [Secret.of("pin", "4821")]
    assert find("the PIN is 4821.", secrets) == {("pin", "raw")}
    assert find("commit 148213 of 4821a", secrets) == set()


INNOCENT = [
    "hunter2 planted Pass", "hunter3-planted-P@ss", "wJalrXUtnFEMI/K7MDENG", "battery horse staple", "planted",
    "3f786850e387550fdab836ed7e6dc881de23001b 550e8400-e29b-41d4-a716-446655440000",
    base64.b64encode(bytes(range(256)) * 4).decode(), str(list(range(256))), "[REDACTED] " * 30,
]


@pytest.mark.parametrize("text", INNOCENT)
def test_finds_nothing_in(text):
    assert find(text, [Secret.of(name, value) for name, value in VALUES.items()]) == set()


def record(path, *messages, sender="kernel"):
    with path.open("w") as file:
        for content in messages:
            frames = [b"stream", b"<IDS|MSG>", b"", b"{}", b"{}", b"{}", json.dumps(content).encode()]
            encoded = [base64.b64encode(frame).decode() for frame in frames]
            file.write(json.dumps({"from": sender, "channel": "iopub", "frames": encoded}) + "\n")


SECRET = Secret.of("password", VALUES["password"])


def test_finds_a_value_split_over_adjacent_messages(tmp_path):
    value = VALUES["password"]
    pieces = [value[i : i + 3] for i in range(0, len(value), 3)]
    record(tmp_path / "a.frames.jsonl", *({"name": "stdout", "text": piece} for piece in pieces))
    report = search([SECRET], [tmp_path])
    assert {finding.secret for finding in report.findings} == {"password"}
    assert report.messages == len(pieces)


def test_finds_a_value_split_over_both_streams_and_over_displays(tmp_path):
    value = VALUES["password"]
    record(tmp_path / "a.frames.jsonl", {"name": "stdout", "text": value[:9]}, {"name": "stderr", "text": value[9:]})
    record(tmp_path / "b.frames.jsonl", {"text/plain": value[:9]}, {"text/plain": value[9:]})
    places = {finding.place for finding in search([SECRET], [tmp_path]).findings}
    assert any("a.frames.jsonl, merged" in place for place in places)
    assert any("b.frames.jsonl" in place for place in places)


def test_what_the_client_sent_is_not_the_kernels_leak(tmp_path):
    record(tmp_path / "a.frames.jsonl", {"code": VALUES["password"]}, sender="client")
    assert search([SECRET], [tmp_path]).findings == set()


def test_finds_values_in_the_parts_of_a_notebook(tmp_path):
    value = VALUES["password"]
    output = {"output_type": "stream", "name": "stdout", "text": [value[:8], value[8:]]}
    cell = {"cell_type": "code", "source": "", "metadata": {}, "outputs": [output]}
    (tmp_path / "n.ipynb").write_text(json.dumps({"cells": [cell]}))
    assert any("cell 0, outputs" in finding.place for finding in search([SECRET], [tmp_path]).findings)


def test_finds_values_in_keys_file_names_packed_files_and_hidden_folders(tmp_path):
    hidden = tmp_path / ".ipynb_checkpoints"
    hidden.mkdir()
    (hidden / "a.log.gz").write_bytes(gzip.compress(VALUES["key"].encode()))
    (tmp_path / "phrase correct horse planted battery.txt").write_bytes(b"empty")
    record(tmp_path / "c.frames.jsonl", {VALUES["lines"]: 1})
    secrets = [Secret.of(name, value) for name, value in VALUES.items()]
    found = {finding.secret for finding in search(secrets, [tmp_path]).findings}
    assert found == {"key", "phrase", "lines"}


def test_findings_never_show_a_value(tmp_path):
    (tmp_path / "x").write_text(VALUES["phrase"])
    shown = io.StringIO()
    print(search([Secret.of("phrase", VALUES["phrase"])], [tmp_path]).text(), file=shown)
    assert "phrase stands in" in shown.getvalue() and "battery" not in shown.getvalue()

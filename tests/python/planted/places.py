"""The places that are searched: recordings of messages, notebooks, files, folders, processes."""

import base64
import gzip
import json
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from .forms import find

# A file with zero bytes that is larger than this is binary: its views are those of the texts in it.
BINARY_BYTES_MIN = 32 * 1024
# A file larger than this is read in pieces that overlap.
PIECE_BYTES = 64 * 1024 * 1024
OVERLAP_BYTES = 1024 * 1024


@dataclass(frozen=True, order=True)
class Finding:
    """A secret stands in a place, in a form."""

    place: str
    secret: str
    form: str

    def __str__(self):
        return f"{self.secret} stands in {self.place} ({self.form})"


@dataclass
class Report:
    """What was searched, and what was found."""

    findings: set = field(default_factory=set)
    files: int = 0
    messages: int = 0
    bytes: int = 0

    def text(self):
        lines = sorted(str(finding) for finding in self.findings)
        return "\n".join([*lines, f"searched {self.files} files, {self.messages} messages, {self.bytes} bytes"])


def search(secrets, paths):
    """Searches files and folders, recursively."""
    report = Report()
    for path in paths:
        for file in _files(Path(path)):
            _search_file(report, secrets, file)
    return report


def _files(path):
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        # A kernel that ended while we looked took its folder along.
        return
    if stat.S_ISREG(mode):
        yield path
    elif stat.S_ISDIR(mode):
        for folder, _, names in os.walk(path):
            for name in sorted(names):
                file = Path(folder) / name
                # A file may go away while we look: a socket's, a lock's.
                if not file.is_symlink() and file.is_file():
                    yield file


def _search_file(report, secrets, file):
    report.files += 1
    _look(report, secrets, f"the name of {file}", os.fsencode(file.name))
    if file.name.endswith(".frames.jsonl"):
        _search_recording(report, secrets, file)
        return
    try:
        with file.open("rb") as stream:
            position = 0
            while piece := stream.read(PIECE_BYTES):
                _look(report, secrets, str(file), piece)
                position += len(piece)
                if len(piece) == PIECE_BYTES:
                    position -= OVERLAP_BYTES
                    stream.seek(position)
    except FileNotFoundError:
        return
    if file.suffix == ".ipynb":
        _search_notebook(report, secrets, file)
    elif file.suffix == ".gz":
        _look(report, secrets, f"{file} (unpacked)", gzip.decompress(file.read_bytes()))


def _look(report, secrets, place, data, deep=True):
    report.bytes += len(data)
    if deep and isinstance(data, bytes) and len(data) > BINARY_BYTES_MIN and b"\0" in data:
        # A write-ahead log holds the same pages many times, and what is no text holds no nested encodings.
        texts = sorted(set(re.findall(rb"[\t\n\r\x1b\x20-\x7e\x80-\xff]{6,}", data)))
        _look(report, secrets, f"{place}, texts in it", b"\n".join(texts))
        deep = False
    for name, form in find(data, secrets, deep):
        report.findings.add(Finding(place, name, form))


def _search_recording(report, secrets, file):
    """Each message by itself, then what a reader sees when adjacent messages are shown one after the other.

    A line is `{"from": "kernel" | "client", "channel": …, "frames": [base64, …]}`. What the client sent is not
    searched: it is the test's own text.
    """
    everything, streams = [], {"stdout": [], "stderr": [], "merged": []}
    for number, line in enumerate(file.read_text().splitlines(), 1):
        record = json.loads(line)
        if record["from"] != "kernel":
            continue
        report.messages += 1
        frames = [base64.b64decode(frame) for frame in record["frames"]]
        place = f"{file}, message {number} ({record.get('channel', '?')})"
        contents = [parsed for parsed in map(_parsed, frames) if parsed is not None]
        for frame in frames:
            # The strings of a frame of JSON come one by one below; here only what stands in it as it is.
            _look(report, secrets, place, frame, deep=_parsed(frame) is None)
        leaves = [leaf for content in contents for leaf in _leaves(content)]
        for leaf in leaves:
            _look(report, secrets, place, leaf.encode("utf-8", "surrogatepass"))
        everything.extend(leaf for content in contents for leaf in _leaves(content, keys=False))
        for content in contents:
            if isinstance(content, dict) and content.get("name") in ("stdout", "stderr") and isinstance(content.get("text"), str):
                streams[content["name"]].append(content["text"])
                streams["merged"].append(content["text"])
    for name, texts in streams.items():
        _look(report, secrets, f"{file}, {name} over all messages", "".join(texts).encode("utf-8", "surrogatepass"))
    _look(report, secrets, f"{file}, all texts joined", "".join(everything).encode("utf-8", "surrogatepass"))


def _search_notebook(report, secrets, file):
    notebook = _parsed(file.read_bytes())
    if not isinstance(notebook, dict):
        return
    joined = []
    for number, cell in enumerate(notebook.get("cells", [])):
        for part in ("source", "outputs", "metadata"):
            leaves = list(_leaves(cell.get(part)))
            for leaf in leaves:
                _look(report, secrets, f"{file}, cell {number}, {part}", leaf.encode("utf-8", "surrogatepass"))
            _look(report, secrets, f"{file}, cell {number}, {part} joined", "".join(leaves).encode("utf-8", "surrogatepass"))
            joined.extend(_leaves(cell.get(part), keys=False))
    _look(report, secrets, f"{file}, all texts joined", "".join(joined).encode("utf-8", "surrogatepass"))


def _parsed(data):
    try:
        return json.loads(data)
    except (ValueError, UnicodeDecodeError):
        return None


def _leaves(tree, keys=True):
    """Every string of a JSON tree in order, with or without its keys; a list of numbers as one text."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            if keys:
                yield key
            yield from _leaves(value, keys)
    elif isinstance(tree, list):
        if tree and all(isinstance(item, int) for item in tree):
            yield json.dumps(tree)
        else:
            for item in tree:
                yield from _leaves(item, keys)

"""Redacts a notebook on its way to the disk.

Jupyter Server calls the hook before it writes a file, for saves by people, for automatic saves and for saves by
collaboration alike; checkpoints are copies of what was written. The hook asks the process that holds what a kernel has
learnt where secrets are in the notebook's texts and replaces those places.

A notebook concerns us when one of its kernels has learnt something, or when its kernelspec is one of ours; it is then
checked for the secrets of every open kernel. All others are not looked at. When one of the notebook's own kernels has
learnt something and cannot be asked, the save is refused: better an error than a secret in a file.
"""

import json
import logging
import os

from tornado.web import HTTPError

from .declarations import tokens
from .save_channel import FOLDER_VARIABLE, Channels, Unreachable

TOKEN = "[REDACTED]"
REFUSED = (
    "Sealbook did not save {path}: its kernel has learnt secrets, and they cannot be looked for in the notebook now ({why}). "
    "Nothing was written, and the page still has your work. Save again; if that does not help, copy what you need, "
    "then restart Jupyter Server. The outputs in the page are redacted already."
)


class SaveHook:
    """The hook of one server."""

    def __init__(self, serverapp, log=None):
        self.serverapp = serverapp
        self.log = log or getattr(serverapp, "log", logging.getLogger(__name__))
        self.channels = Channels()
        # Kernels seen for a path, also those that have ended since.
        self.seen = {}

    def install(self):
        """From now on kernels offer their channel and saves are checked."""
        os.environ[FOLDER_VARIABLE] = str(self.channels.folder)
        self.serverapp.contents_manager.register_pre_save_hook(self)
        self.log.info("Sealbook redacts notebooks as they are saved.")

    @property
    def __name__(self):
        return "sealbook"

    def __call__(self, model, path, contents_manager=None, **_more):
        kernels = self.channels.names()
        own = self._own(path)
        learnt = own.intersection(kernels)
        try:
            notebook = _notebook(model, path)
        except ValueError:
            if learnt:
                raise self._refusal(path, "it is not valid JSON") from None
            return
        if notebook is None or not (learnt or (kernels and self._is_ours(notebook))):
            return
        try:
            clean = self._clean(notebook, path, kernels, learnt)
        except HTTPError:
            raise
        except Exception as error:
            if not learnt:
                raise
            self.log.error("Sealbook could not check %s", path, exc_info=True)
            raise self._refusal(path, type(error).__name__) from None
        if clean is not notebook:
            model["content"] = clean if model["type"] == "notebook" else json.dumps(clean, indent=1, ensure_ascii=False) + "\n"
            self.log.info("Sealbook hid a secret in %s before it was saved", path)

    def _clean(self, notebook, path, kernels, learnt):
        """The notebook with everything hidden; the same object when there was nothing to hide."""
        texts = _Texts()
        _walk(notebook, texts.collect)
        found = {}
        for kernel in kernels:
            try:
                for text, ranges in zip(texts.all, self.channels.find(kernel, texts.all)):
                    if ranges:
                        found.setdefault(text, []).extend(ranges)
            except Unreachable as unreachable:
                if kernel in learnt:
                    raise self._refusal(path, str(unreachable)) from None
                self.log.warning("Sealbook could not check %s for what another kernel has learnt: %s", path, unreachable)
        return _walk(notebook, lambda text, code: _hidden(text, found.get(text), code)) if found else notebook

    def _own(self, path):
        """Channels of the kernels that the notebook has or had."""
        seen = self.seen.setdefault(path, set())
        try:
            sessions = self.serverapp.session_manager
            rows = sessions.cursor.execute("SELECT kernel_id FROM session WHERE path=?", (path,)).fetchall()
            for row in rows:
                kernel = self.serverapp.kernel_manager.get_kernel(row[0])
                seen.add(self.channels.of(kernel.session.key))
        except Exception:
            self.log.debug("Sealbook could not look up the kernels of %s", path, exc_info=True)
        return seen

    def _is_ours(self, notebook):
        name = (notebook.get("metadata") or {}).get("kernelspec", {}).get("name")
        if name == "sealbook":
            return True
        try:
            return "sealbook" in self.serverapp.kernel_spec_manager.get_kernel_spec(name).metadata
        except Exception:
            return False

    def _refusal(self, path, why):
        text = REFUSED.format(path=path, why=why)
        self.log.error(text)
        return HTTPError(503, text, reason="Sealbook could not check the notebook for secrets; it was not saved")


def _notebook(model, path):
    """The notebook that a save is about, or None."""
    content = model.get("content")
    if model.get("type") == "notebook" and isinstance(content, dict):
        return content
    if model.get("type") == "file" and path.endswith(".ipynb") and isinstance(content, str) and not model.get("chunk"):
        if model.get("format") == "text" or model.get("format") is None:
            parsed = json.loads(content)
            return parsed if isinstance(parsed, dict) else None
    return None


class _Texts:
    def __init__(self):
        self.all = []
        self._known = set()

    def collect(self, text, _code):
        if text not in self._known:
            self._known.add(text)
            self.all.append(text)
        return text


# --- the notebook's format --------------------------------------------------------------------------------------------
#
# `visit(text, code)` gives the new text. What the format itself fixes (types of cells and outputs, ids, names of
# streams, versions) is not shown to it. What did not change is the same object as before.


def _walk(notebook, visit):
    changes = {}
    for name, value in notebook.items():
        if name == "cells" and isinstance(value, list):
            changes[name] = _each(value, lambda cell: _cell(cell, visit))
        elif name not in ("nbformat", "nbformat_minor"):
            changes[name] = _free(value, visit)
    return _replaced(notebook, changes)


def _cell(cell, visit):
    if not isinstance(cell, dict):
        return _free(cell, visit)
    code = cell.get("cell_type") == "code"
    changes = {}
    for name, value in cell.items():
        if name == "source":
            changes[name] = _text(value, lambda text: visit(text, code))
        elif name == "outputs" and isinstance(value, list):
            changes[name] = _each(value, lambda output: _output(output, visit))
        elif name not in ("cell_type", "id", "execution_count"):
            changes[name] = _free(value, visit)
    return _replaced(cell, changes)


def _output(output, visit):
    if not isinstance(output, dict):
        return _free(output, visit)
    changes = {}
    for name, value in output.items():
        if name == "data" and isinstance(value, dict):
            # Mime types are the format's; a mime type's lines may be a list.
            changes[name] = _replaced(value, {mime: _data(inner, visit) for mime, inner in value.items()})
        elif name == "text":
            changes[name] = _text(value, lambda text: visit(text, False))
        elif name == "traceback":
            changes[name] = _traceback(value, visit)
        elif name not in ("output_type", "execution_count", "name"):
            changes[name] = _free(value, visit)
    return _replaced(output, changes)


def _data(value, visit):
    is_lines = isinstance(value, list) and value and all(isinstance(line, str) for line in value)
    return _text(value, lambda text: visit(text, False)) if is_lines else _free(value, visit)


def _text(value, visit):
    """A text, or its lines."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        before = "".join(value)
        after = visit(before)
        return value if after == before else after.splitlines(keepends=True)
    return visit(value) if isinstance(value, str) else _free(value, lambda text, _code: visit(text))


def _traceback(value, visit):
    if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
        return _free(value, visit)
    before = "\n".join(value)
    after = visit(before, False)
    return value if after == before else after.split("\n")


def _free(value, visit):
    """What users and programs put there: every text, key and number."""
    if isinstance(value, str):
        return visit(value, False)
    if isinstance(value, dict):
        return _replaced(value, {key: _free(inner, visit) for key, inner in value.items()}, visit)
    if isinstance(value, list):
        return _each(value, lambda inner: _free(inner, visit))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        before = str(value)
        after = visit(before, False)
        return value if after == before else after
    return value


def _each(values, change):
    changed = [change(value) for value in values]
    return values if all(new is old for new, old in zip(changed, values)) else changed


def _replaced(before, changes, visit_key=None):
    after, changed = type(before)() if isinstance(before, dict) else {}, False
    for name, value in before.items():
        new_name = visit_key(name, False) if visit_key and isinstance(name, str) else name
        new = changes.get(name, value)
        changed |= new is not value or new_name != name
        while new_name in after:
            new_name += "_"
        after[new_name] = new
    return after if changed else before


def _hidden(text, ranges, code):
    """`text` with `[REDACTED]` at the ranges. In code a name is left alone: it would no longer compile."""
    if not ranges:
        return text
    data, parts, at = text.encode(), [], 0
    names = _names(text) if code else []
    for start, end in sorted(ranges):
        if any(first <= start and end <= last for first, last in names):
            continue
        if start < at:
            at = max(at, end)
            continue
        parts += [data[at:start], TOKEN.encode()]
        at = end
    return text if not parts else (b"".join(parts) + data[at:]).decode(errors="replace")


def _names(source):
    """Where the names are in a cell's source, as offsets in UTF-8."""
    at, found = 0, []
    for kind, token in tokens(source):
        size = len(token.encode())
        if kind == "word" and not token[0].isdigit():
            found.append((at, at + size))
        at += size
    return found

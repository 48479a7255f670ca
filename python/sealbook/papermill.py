"""papermill learns to write parameters in Rust.

papermill finds the writer of parameters by the kernel's name or language, knows none for Rust, and stops before a kernel
starts. It imports every `papermill.engine` entry point; this module is one, and importing it registers the writer.

Types follow the parameters cell: `let port: u16 = 5432;` keeps `u16` whatever is passed, and a value that does not fit
stops the run before it starts, naming the parameter. papermill shows the cell to `inspect` and then asks `codify` for
the new one without it; so `inspect` notes what the cell declares, for as long as that cell lives, and `codify` takes
the note.

Invariant: nothing here can break papermill. Whatever goes wrong on import is a line in the log.
"""

import logging
import threading
import weakref

logger = logging.getLogger(__name__)

KERNELS_AND_LANGUAGES = ("sealbook", "rust", "Rust")


def _define():
    from papermill.engines import NBClientEngine
    from papermill.exceptions import PapermillException
    from papermill.models import Parameter
    from papermill.translators import Translator, papermill_translators

    from . import rust
    from .declarations import declarations

    class ParameterError(PapermillException):
        """A parameter that cannot become a Rust variable."""

    inspected = threading.local()

    class RustTranslator(Translator):
        """Writes the cell of injected parameters, and reads what the parameters cell declares."""

        @classmethod
        def comment(cls, cmt_str):
            return f"// {cmt_str}".strip()

        @classmethod
        def translate(cls, val):
            val = rust.plain(val)
            return rust.literal(rust.natural_type(val), val)

        @classmethod
        def codify(cls, parameters, comment="Parameters"):
            declared, source = _take_note()
            lines = [cls.comment(comment)]
            statements = [_let(name, value, declared.get(name)) for name, value in parameters.items()]
            if any("serde_json::" in line for line in statements) and "serde_json" not in source:
                lines.append(':dep serde_json = "1"')
            return "\n".join(lines + statements) + "\n"

        @classmethod
        def inspect(cls, parameters_cell):
            source = parameters_cell["source"]
            try:
                found = declarations(source)
            except Exception:
                logger.warning("the parameters cell could not be read", exc_info=True)
                return []
            inspected.note = weakref.ref(parameters_cell), {one.name: one for one in found}, source
            return [
                Parameter(
                    name=one.name,
                    inferred_type_name=one.implied_type or "None",
                    default=one.value,
                    help=one.help,
                )
                for one in found
            ]

    def _take_note():
        cell, declared, source = getattr(inspected, "note", (lambda: None, {}, ""))
        inspected.note = (lambda: None, {}, "")
        return (declared, source) if cell() is not None else ({}, "")

    def _let(name, value, declared):
        try:
            variable, value = rust.name(name), rust.plain(value)
            mutable = "mut " if declared and declared.mutable else ""
            return f"let {mutable}{variable}: {_typed(value, declared)};"
        except rust.Unfit as unfit:
            as_declared = f" (declared `{declared.type}` in the parameters cell)" if declared and declared.type else ""
            hint = "; to pass text that looks like something else, use -r" if "text is needed" in str(unfit) else ""
            raise ParameterError(f"parameter `{name}`{as_declared}: {unfit}{hint}") from None

    def _typed(value, declared):
        written = declared.implied_type if declared else None
        known = rust.parse_type(written) if written else None
        if known is not None:
            try:
                return f"{_with_static(written)} = {rust.literal(known, value)}"
            except rust.Unfit:
                # A type that was only implied, by the form of the default, gives way.
                if declared.type:
                    raise
        natural = rust.natural_type(value)
        # The compiler judges a declared type that is not known here.
        annotation = declared.type if declared and declared.type and known is None else natural
        return f"{annotation} = {rust.literal(natural, value)}"

    def _with_static(written):
        return written.replace("&str", "&'static str").replace("&[", "&'static [")

    for name in KERNELS_AND_LANGUAGES:
        papermill_translators.register(name, RustTranslator)
    return NBClientEngine, RustTranslator


try:
    Engine, RustTranslator = _define()
except Exception:  # Whatever it is: papermill goes on without us.
    logger.warning("papermill will not be able to pass parameters to Rust notebooks", exc_info=True)
    Engine, RustTranslator = None, None

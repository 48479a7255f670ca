"""What a parameters cell declares: `let name: Type = value; // help`.

The cell is read as Rust is: strings, raw strings, characters and comments are tokens, so that a `;` or `//` inside one
ends nothing. What is not such a declaration is passed over.
"""

import re
from dataclasses import dataclass

# One token, longest first. A block comment is looked for without its nesting.
_TOKEN = re.compile(
    r"""
    (?P<line_comment> //[^\n]* )
  | (?P<block_comment> /\* .*? \*/ )
  | (?P<text> [bc]?r(?P<hashes>\#*)" .*? "(?P=hashes)
            | [bc]?" (?: \\. | [^"\\] )* "
            | b?' (?: \\u\{[0-9a-fA-F_]*\} | \\x[0-9a-fA-F]{2} | \\. | [^'\\\n] ) ' )
  | (?P<word> r\#\w+ | '\w+ | \w+ )
  | (?P<newline> \n )
  | (?P<blank> [^\S\n]+ )
  | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)

_COMMAND_LINE = re.compile(r"^[ \t]*:\w.*$", re.MULTILINE)
_LET = re.compile(r"let\s+(?P<mut>mut\s+)?(?P<name>(?:r\#)?\w+)\s*", re.DOTALL)


@dataclass(frozen=True)
class Declaration:
    """One variable of the parameters cell, as written there."""

    name: str
    mutable: bool
    type: "str | None"
    value: str
    help: str

    @property
    def implied_type(self):
        """The type as written, or the one that the value's form implies, or None."""
        return self.type or _implied(self.value)


def tokens(source):
    """The tokens of a cell as pairs of kind and text; together they are the source."""
    for match in _TOKEN.finditer(source):
        kind = match.lastgroup
        yield ("text" if kind == "hashes" else kind), match.group()


def declarations(source):
    """The declarations of a cell, in order."""
    source = _COMMAND_LINE.sub("", source)
    return [found for found in map(_declaration, _statements(source)) if found]


def _statements(source):
    """Each statement that ends with `;`, as a pair: its text without comments, and the comment behind it."""
    statement, depth, ended = "", 0, None
    for kind, token in tokens(source):
        if ended is not None:
            # Behind a `;`, up to the end of its line: a comment is its help.
            if kind == "blank":
                continue
            comment = _comment(kind, token)
            yield ended, comment or ""
            ended = None
            if comment is not None or kind == "newline":
                continue
        if kind in ("line_comment", "block_comment"):
            statement += " "
        elif token == ";" and depth <= 0:
            ended, statement, depth = statement.strip(), "", 0
        else:
            depth += (token in "([{") - (token in ")]}") if kind == "other" else 0
            statement += token
            if token == "}" and depth == 0 and not statement.lstrip().startswith("let"):
                statement = ""
    if ended is not None:
        yield ended, ""


def _comment(kind, token):
    if kind == "line_comment":
        return token.lstrip("/").strip()
    if kind == "block_comment":
        return token[2:-2].strip()
    return None


def _declaration(statement):
    text, help_text = statement
    # Attributes, and the rest of a line that was no statement.
    start = re.search(r"(?:^|\n|\])\s*(let\s)", text)
    match = _LET.match(text, start.start(1)) if start else None
    if not match:
        return None
    type_text, value = _split_at_equals(text[match.end() :])
    if value is None or not (type_text == "" or type_text.startswith(":")):
        return None
    return Declaration(
        name=match["name"].removeprefix("r#"),
        mutable=bool(match["mut"]),
        type=" ".join(type_text[1:].split()) or None,
        value=value,
        help=help_text,
    )


def _split_at_equals(text):
    at = 0
    for match in _TOKEN.finditer(text):
        if match.group() == "=":
            at = match.start()
            return text[:at].strip(), text[at + 1 :].strip()
    return text.strip(), None


_NUMBER = r"-?\s*[0-9][0-9_]*"
_IMPLIED = [
    (rf"{_NUMBER}_?([iu](?:8|16|32|64|128|size)|f32|f64)", None),
    (rf"{_NUMBER}", "i32"),
    (rf"-?\s*0(?:x[0-9a-fA-F_]+|o[0-7_]+|b[01_]+)", "i32"),
    (rf"{_NUMBER}(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]+)?_?(f32|f64)", None),
    (rf"{_NUMBER}(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]+)?", "f64"),
    (r"true|false", "bool"),
    (r"'(?:\\.[^']*|[^'\\])'", "char"),
    (r'"(?:\\.|[^"\\])*"|r(#*)".*"\1', "&str"),
    (r'"(?:\\.|[^"\\])*"\s*\.\s*(?:to_string|to_owned|into)\(\)', "String"),
    (r"(?:String::(?:from|new)|format!)\s*\(.*\)", "String"),
    (r"(?:std::path::)?PathBuf::from\s*\(.*\)", "std::path::PathBuf"),
]


def _implied(value):
    """The type of a value that says it by its form alone."""
    for pattern, name in _IMPLIED:
        match = re.fullmatch(pattern, value, re.DOTALL)
        if match:
            return name or match.group(1)
    return None

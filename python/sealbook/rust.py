"""Rust's side of a parameter: names, types, and literals of a given type.

A value has a *natural* type, used where the notebook declares none:

    bool → bool        int → i64, else u64, i128, u128        float → f64        str → String
    bytes → Vec<u8>    None → Option<String>                  list → Vec<T>      dict → BTreeMap<K, T>

Elements of one kind give their common type, `None` among them an `Option`, integers among floats an `f64`; of
different kinds, `serde_json::Value`.

`literal` writes a value as an expression of a type and refuses what does not fit. No error holds a value: a parameter
may be a credential.
"""

import json
import math
import numbers
import re
from dataclasses import dataclass

_PATHS = {"Value": "serde_json::Value", "PathBuf": "std::path::PathBuf"}
_WIDTHS = {"8": 8, "16": 16, "32": 32, "64": 64, "128": 128, "size": 64}
_RANGES = {
    sign + suffix: ((-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if sign == "i" else (0, 2**bits - 1))
    for suffix, bits in _WIDTHS.items()
    for sign in "iu"
}
_NATURAL_INTEGERS = ("i64", "u64", "i128", "u128")
_EXACT_IN_F64 = 2**53
_F32_MAX = 3.4028234663852886e38

_STRICT = (
    "as async await break const continue crate dyn else enum extern false fn for gen if impl in let loop match mod move mut "
    "pub ref return self Self static struct super trait true type unsafe use where while abstract become box do final "
    "macro override priv try typeof unsized virtual yield"
).split()
_NEVER_RAW = ("self", "Self", "super", "crate", "_")

_MAPS = ("BTreeMap", "HashMap")
_SETS = ("BTreeSet", "HashSet")


class Unfit(ValueError):
    """A value that cannot be written as a type; says why, without the value."""


@dataclass(frozen=True)
class Type:
    """A type of which literals can be written: `head` is the last segment of its path, or one of `&`, `[]`, `()`."""

    head: str
    of: tuple = ()
    length: "int | None" = None

    def __str__(self):
        inner = ", ".join(map(str, self.of))
        if self.head == "&":
            return f"&'static {inner}"
        if self.head == "[]":
            return f"[{inner}]" if self.length is None else f"[{inner}; {self.length}]"
        if self.head == "()":
            return f"({inner},)" if len(self.of) == 1 else f"({inner})"
        if self.head in _MAPS + _SETS:
            return f"std::collections::{self.head}<{inner}>"
        head = _PATHS.get(self.head, self.head)
        return f"{head}<{inner}>" if inner else head

    @property
    def needs_json(self):
        """Whether its values are written by way of `serde_json`."""
        return self.head == "Value" or any(inner.needs_json for inner in self.of)


def name(text):
    """A variable's name as Rust writes it: `type` is `r#type`."""
    if text in _NEVER_RAW or not text.isidentifier():
        raise Unfit("it cannot be the name of a Rust variable")
    return f"r#{text}" if text in _STRICT else text


# --- types ----------------------------------------------------------------------------------------------------------


def parse_type(text):
    """The `Type` of a written type, or None where literals of it cannot be written."""
    tokens = re.findall(r"'\w+|\w+|::|\S", text)
    try:
        found, rest = _parse(tokens)
    except (IndexError, ValueError):
        return None
    return found if not rest and _known(found) else None


def _parse(tokens):
    first, rest = tokens[0], tokens[1:]
    if first == "&":
        if rest[0].startswith("'"):
            rest = rest[1:]
        inner, rest = _parse(rest)
        return Type("&", (inner,)), rest
    if first == "[":
        inner, rest = _parse(rest)
        length = None
        if rest[0] == ";":
            length, rest = int(rest[1]), rest[2:]
        return Type("[]", (inner,), length), _expect(rest, "]")
    if first == "(":
        inner, rest = _several(rest, ")")
        return Type("()", inner), rest
    if first == "::":
        first, rest = rest[0], rest[1:]
    path = [first]
    while rest and rest[0] == "::":
        path.append(rest[1])
        rest = rest[2:]
    inner = ()
    if rest and rest[0] == "<":
        inner, rest = _several(rest[1:], ">")
    return Type(path[-1], inner), rest


def _several(tokens, end):
    found = []
    while tokens[0] != end:
        inner, tokens = _parse(tokens)
        found.append(inner)
        if tokens[0] == ",":
            tokens = tokens[1:]
        elif tokens[0] != end:
            raise ValueError("neither a comma nor the end")
    return tuple(found), tokens[1:]


def _expect(tokens, wanted):
    if tokens[0] != wanted:
        raise ValueError(f"no {wanted}")
    return tokens[1:]


def _known(found):
    count = len(found.of)
    if found.head == "&":
        return found.of[0] == Type("str") or (found.of[0].head == "[]" and _known(found.of[0]))
    if found.head == "[]":
        return _known(found.of[0])
    if found.head == "()":
        return all(map(_known, found.of))
    if found.head in ("Option", "Vec", *_SETS):
        return count == 1 and _known(found.of[0])
    if found.head in _MAPS:
        return count == 2 and all(map(_known, found.of))
    scalars = (*_RANGES, "f32", "f64", "bool", "char", "String", "PathBuf", "Value")
    return count == 0 and found.head in scalars


# --- natural types --------------------------------------------------------------------------------------------------


def plain(value):
    """A value made of None, bool, int, float, str, bytes, list and dict only."""
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        value = value.tolist()
    if value is None or isinstance(value, (bool, str, bytes)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, dict):
        return {plain(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(inner) for inner in value), key=repr)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)


def natural_type(value):
    """The type of a plain value where the notebook declares none."""
    return _settle(_natural(value))


# While elements are compared: the type of `None` and of what an empty list holds.
_UNKNOWN = Type("?")


def _natural(value):
    if value is None:
        return Type("Option", (_UNKNOWN,))
    if isinstance(value, bool):
        return Type("bool")
    if isinstance(value, int):
        for head in _NATURAL_INTEGERS:
            low, high = _RANGES[head]
            if low <= value <= high:
                return Type(head)
        raise Unfit("the number is too large for any of Rust's integers")
    if isinstance(value, float):
        return Type("f64")
    if isinstance(value, bytes):
        return Type("Vec", (Type("u8"),))
    if isinstance(value, list):
        return Type("Vec", (_common(value),))
    if isinstance(value, dict):
        return Type("BTreeMap", (_key_type(value), _common(value.values())))
    return Type("String")


def _key_type(value):
    key = _common(value)
    if key.head not in (*_NATURAL_INTEGERS, "bool", "String", "?"):
        raise Unfit("its keys are not all strings, or all integers")
    return key


def _common(values):
    values = list(values)
    common = _UNKNOWN
    for inner in values:
        common = _join(common, _natural(inner))
    exact = all(abs(inner) <= _EXACT_IN_F64 for inner in values if isinstance(inner, int))
    return common if common.head != "f64" or exact else Type("Value")


def _join(left, right):
    if left == right or right == _UNKNOWN:
        return left
    if left == _UNKNOWN:
        return right
    heads = {left.head, right.head}
    if "Option" in heads and "Value" not in heads:
        unwrapped = [side.of[0] if side.head == "Option" else side for side in (left, right)]
        inner = _join(*unwrapped)
        return inner if inner.head == "Value" else Type("Option", (inner,))
    if heads <= set(_NATURAL_INTEGERS):
        return Type("u128") if "u128" in heads and "u64" in heads else Type("i128") if "u128" not in heads else Type("Value")
    if "f64" in heads and heads <= {"f64", *_NATURAL_INTEGERS}:
        return Type("f64")
    if heads in ({"Vec"}, {"BTreeMap"}):
        inner = tuple(map(_join, left.of, right.of))
        if left.head == "Vec" or inner[0].head != "Value":
            return Type(left.head, inner)
    return Type("Value")


def _settle(found):
    if found == _UNKNOWN:
        return Type("String")
    return Type(found.head, tuple(map(_settle, found.of)), found.length)


# --- literals -------------------------------------------------------------------------------------------------------


def literal(wanted, value):
    """`value`, a plain one, as an expression of type `wanted`."""
    if wanted.needs_json:
        return f"serde_json::from_str({_raw_string(_json(value))}).expect(\"valid JSON\")"
    return _LITERALS.get(wanted.head, _integer)(wanted, value)


def _integer(wanted, value):
    low, high = _RANGES[wanted.head]
    if isinstance(value, bool) or not isinstance(value, int):
        raise _other("an integer", value)
    if not low <= value <= high:
        raise Unfit(f"the number does not fit in {wanted}")
    return str(value)


def _float(wanted, value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _other("a number", value)
    try:
        value = float(value)
    except OverflowError:
        raise Unfit(f"the number does not fit in {wanted}") from None
    if math.isnan(value):
        return f"{wanted}::NAN"
    if math.isinf(value):
        return f"{wanted}::INFINITY" if value > 0 else f"{wanted}::NEG_INFINITY"
    if wanted.head == "f32" and abs(value) > _F32_MAX:
        raise Unfit("the number does not fit in f32")
    return repr(value)


def _bool(_wanted, value):
    if not isinstance(value, bool):
        raise _other("true or false", value)
    return "true" if value else "false"


def _text(value):
    if not isinstance(value, str):
        raise _other("text", value)
    return '"' + "".join(_escaped(char, '"') for char in value) + '"'


def _char(_wanted, value):
    if not isinstance(value, str) or len(value) != 1:
        raise _other("one character", value)
    return f"'{_escaped(value, chr(39))}'"


def _option(wanted, value):
    return "None" if value is None else f"Some({literal(wanted.of[0], value)})"


def _elements(inner, value):
    if isinstance(value, bytes):
        value = list(value)
    if not isinstance(value, list):
        raise _other("a list", value)
    return [literal(inner, element) for element in value]


def _vec(wanted, value):
    return f"vec![{', '.join(_elements(wanted.of[0], value))}]"


def _array(wanted, value):
    elements = _elements(wanted.of[0], value)
    if wanted.length is not None and len(elements) != wanted.length:
        raise Unfit(f"a list of {wanted.length} is needed, and one of {len(elements)} was passed")
    return f"[{', '.join(elements)}]"


def _reference(wanted, value):
    return _text(value) if wanted.of[0].head == "str" else f"&{_array(wanted.of[0], value)}"


def _tuple(wanted, value):
    if not isinstance(value, list) or len(value) != len(wanted.of):
        raise _other(f"a list of {len(wanted.of)}", value)
    return f"({''.join(literal(inner, element) + ', ' for inner, element in zip(wanted.of, value)).strip()})"


def _set(wanted, value):
    return f"std::collections::{wanted.head}::from([{', '.join(_elements(wanted.of[0], value))}])"


def _map(wanted, value):
    if not isinstance(value, dict):
        raise _other("a mapping", value)
    key, inner = wanted.of
    pairs = ", ".join(f"({literal(key, k)}, {literal(inner, v)})" for k, v in value.items())
    return f"std::collections::{wanted.head}::from([{pairs}])"


_LITERALS = {
    "f32": _float,
    "f64": _float,
    "bool": _bool,
    "char": _char,
    "String": lambda _wanted, value: f"String::from({_text(value)})",
    "PathBuf": lambda _wanted, value: f"std::path::PathBuf::from({_text(value)})",
    "Option": _option,
    "Vec": _vec,
    "[]": _array,
    "&": _reference,
    "()": _tuple,
    **dict.fromkeys(_MAPS, _map),
    **dict.fromkeys(_SETS, _set),
}


def _escaped(char, quote):
    known = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0", quote: "\\" + quote}
    if char in known:
        return known[char]
    if "\ud800" <= char <= "\udfff":
        raise Unfit("the text is not valid Unicode")
    # Also what has no glyph: rustc refuses marks that turn the direction of the text around.
    return char if char.isprintable() else f"\\u{{{ord(char):x}}}"


def _json(value):
    for inner in _leaves(value):
        if isinstance(inner, bytes):
            raise Unfit("bytes have no form in JSON")
        if isinstance(inner, int) and not isinstance(inner, bool) and not -(2**63) <= inner < 2**64:
            raise Unfit("the number is too large for JSON")
        if isinstance(inner, str) and any("\ud800" <= char <= "\udfff" for char in inner):
            raise Unfit("the text is not valid Unicode")
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise Unfit("NaN and infinities have no form in JSON") from None
    return "".join(char if char.isprintable() else _json_escape(char) for char in text)


def _json_escape(char):
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _leaves(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise Unfit("its keys are not all strings")
            yield key
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value


def _raw_string(text):
    hashes = "#" * (1 + max((len(run) for run in re.findall(r'"(#*)', text)), default=0))
    return f'r{hashes}"{text}"{hashes}'


def _other(wanted, value):
    kinds = {
        type(None): "nothing (None)",
        bool: "true or false",
        int: "an integer",
        float: "a number with a fraction",
        str: "text",
        bytes: "bytes",
        list: f"a list of {len(value)}" if isinstance(value, list) else "",
        dict: "a mapping",
    }
    return Unfit(f"{wanted} is needed, and {kinds[type(value)]} was passed")

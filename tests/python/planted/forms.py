"""The forms in which a value may stand in bytes.

Two means together:

1. Needles: encodings of the value that are looked for as they are (`needles`).
2. Views: readings of the data in which an encoding has been undone (`views`): unescaped, decoded, inflated, stripped
   of what stands between the characters. Every view is searched and viewed again, to a bounded depth.
"""

import base64
import binascii
import functools
import hashlib
import html
import json
import re
import urllib.parse
import zlib
from dataclasses import dataclass

VIEW_DEPTH_MAX = 4
# Above this size only needles are looked for: libraries and core files are large, and hold no nested encodings.
VIEW_BYTES_MAX = 8 * 1024 * 1024
# Views of one piece of data, in all: nested encodings multiply.
VIEW_COUNT_MAX = 200
# What was found in a text up to this size is remembered.
REMEMBERED_BYTES_MAX = 4096
# A value this long or longer is also looked for without what stands between its letters and digits.
STRIPPED_CHARACTERS_MIN = 12


@dataclass(frozen=True)
class Secret:
    """A planted value and the name under which findings are reported."""

    name: str
    value: bytes

    @classmethod
    def of(cls, name, value):
        return cls(name, value.encode() if isinstance(value, str) else value)


def find(data, secrets, deep=True):
    """Names and forms of the secrets that stand in `data`: a set of (name, form).

    Without `deep` only needles are looked for; for data whose parts are searched one by one anyway.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogateescape")
    # Most texts of a recording (states, names, identifiers) stand in it many times.
    look = _find_remembered if len(data) <= REMEMBERED_BYTES_MAX else _find
    return set(look(data, tuple(secrets), deep))


def _find(data, secrets, deep):
    found = set()
    for path, view in all_views(data) if deep else [("", data)]:
        text = letters(view) if len(view) <= VIEW_BYTES_MAX else b""
        for secret in secrets:
            for form, hit in hits(view, text, secret):
                if hit:
                    found.add((secret.name, f"{path}{form}"))
    return frozenset(found)


_find_remembered = functools.lru_cache(maxsize=20_000)(_find)


def hits(view, text, secret):
    """Whether `secret` stands in a view, form by form; `text` is the view's letters and digits."""
    if len(secret.value) < 6:
        # A PIN inside a longer number is not that PIN.
        word = rb"(?<![A-Za-z0-9])" + re.escape(secret.value) + rb"(?![A-Za-z0-9])"
        yield "raw", re.search(word, view) is not None
        return
    for form, needle in needles(secret.value):
        if len(needle) > len(view):
            break
        yield form, needle in view
    stripped = letters(secret.value)
    if len(stripped) >= STRIPPED_CHARACTERS_MIN:
        yield "stripped", stripped in text
        yield "stripped, reversed", stripped[::-1] in text


_needles = {}


def needles(value):
    """Encodings of `value`, each under its form's name, the shortest first."""
    if value not in _needles:
        found = [(form, needle) for form, needle in dict.fromkeys(_all_needles(value)) if len(needle) >= 6]
        _needles[value] = sorted(found, key=lambda pair: len(pair[1]))
    return _needles[value]


def _all_needles(value):
    for form, part in [("", value), *parts(value)]:
        yield from ((f"{form}{name}", needle) for name, needle in _encodings(part))


def parts(value):
    """Pieces that reveal the value: the lines of a multi-line value, most of a long one."""
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        for line in lines:
            if len(line) >= 8 and not line.startswith(b"-----") and re.search(rb"[A-Za-z0-9]{6}", line):
                yield "line ", line
    most = -(-len(value) * 3 // 4)
    if most >= 12 and len(lines) <= 1:
        yield "head of ", value[:most]
        yield "tail of ", value[-most:]


def _encodings(value):
    yield "raw", value
    yield "reversed", value[::-1]
    yield "hex", binascii.hexlify(value)
    yield "hex", binascii.hexlify(value).upper()
    for name, needle in _base64_needles(value):
        yield name, needle
    text = _text(value)
    if text is not None:
        yield "reversed", text[::-1].encode()
        yield "upper case", text.upper().encode()
        yield "lower case", text.lower().encode()
        for encoding in ("utf-16-le", "utf-16-be"):
            yield "utf-16", text.encode(encoding)
            for name, needle in _base64_needles(text.encode(encoding)):
                yield f"{name} of utf-16", needle
        yield "json", json.dumps(text)[1:-1].encode()
        yield "json", json.dumps(text, ensure_ascii=False)[1:-1].encode()
        yield "html", html.escape(text).encode()
    quoted = urllib.parse.quote_from_bytes(value, safe="")
    yield "percent", quoted.encode()
    yield "percent", quoted.lower().encode()
    yield "percent", "".join(f"%{byte:02X}" for byte in value).encode()
    yield "percent", "".join(f"%{byte:02x}" for byte in value).encode()
    yield "byte list", ", ".join(str(byte) for byte in value).encode()
    yield "byte list", ",".join(str(byte) for byte in value).encode()


def _text(value):
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _base64_needles(value):
    """What stays of the value in base64 whatever stands before and after it, at each of the three alignments."""
    for alphabet, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
        for shift in range(3):
            encoded = encode(b"\0" * shift + value)
            first = (0, 2, 3)[shift]
            whole = (shift + len(value)) * 8 // 6
            core = encoded[first:whole]
            if len(core) >= 8:
                yield f"{alphabet} at {shift}", core


def all_views(data):
    """The data and every reading of it, each with the path of how it was read."""
    queue = [("", data, 0)]
    seen = set()
    count = 0
    while queue and count < VIEW_COUNT_MAX:
        path, view, depth = queue.pop(0)
        digest = hashlib.sha256(view).digest()
        if digest in seen:
            continue
        seen.add(digest)
        count += 1
        yield path, view
        if depth < VIEW_DEPTH_MAX and 6 <= len(view) <= VIEW_BYTES_MAX:
            queue.extend((f"{path}{name} > ", derived, depth + 1) for name, derived in views(view) if derived)


def views(data):
    """One step of undoing."""
    text = data.decode("utf-8", "surrogateescape")
    if "\\" in text:
        plain = _unescape(text)
        yield "unescaped", plain.encode("utf-8", "surrogatepass")
        # `\303\244` and `\xc3\xa4` are bytes to some, code points to others.
        yield "unescaped", "".join(character for character in plain if ord(character) < 256).encode("latin-1")
    if "%" in text:
        yield "unquoted", urllib.parse.unquote_to_bytes(data)
        yield "unquoted", urllib.parse.unquote_to_bytes(data.replace(b"+", b" "))
    if "&" in text:
        yield "html", html.unescape(text).encode("utf-8", "surrogatepass")
    if "<" in text:
        yield "without tags", re.sub(rb"<[^<>]*>", b"", data)
    if "\x1b" in text or re.search("[\u200b-\u200f\u2060\ufeff\u00ad\x00\x08]", text):
        plain = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]", "", text)
        plain = re.sub("[\u200b-\u200f\u2060\ufeff\u00ad\x00]", "", plain)
        yield "plain", re.sub(".\x08", "", plain).encode("utf-8", "surrogateescape")
    if re.search(rb"\s", data):
        yield "unwrapped", re.sub(rb"\s+", b"", data)
    yield "integers", _integers(text)
    yield "hex", _hex_runs(text)
    yield "dump", _dump(text)
    yield from _base64_runs(data)


def letters(data):
    """Letters and digits only, in lower case."""
    return re.sub(rb"[^A-Za-z0-9\x80-\xff]+", b"", data).lower()


_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f", "a": "\a", "e": "\x1b", "v": "\v"}


def _unescape(text):
    def one(match):
        body = match.group(1)
        for pattern in (r"u\{([0-9a-fA-F]+)\}", r"u([0-9a-fA-F]{4})", r"x([0-9a-fA-F]{2})"):
            code = re.fullmatch(pattern, body)
            if code and int(code.group(1), 16) < 0x110000:
                return chr(int(code.group(1), 16))
        if re.fullmatch("[0-7]{3}", body):
            return chr(int(body, 8))
        return _SIMPLE.get(body, body[0]) + body[1:] if body else ""

    pattern = r"\\(u\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[0-7]{3}|.)"
    plain = re.sub(pattern, one, text, flags=re.DOTALL)
    # Pairs of surrogates, as JSON writes characters outside the basic plane.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") if _paired(plain) else plain


def _paired(text):
    return re.search("[\ud800-\udbff][\udc00-\udfff]", text) is not None


def _integers(text):
    """Lists of numbers read as bytes or code points: decimal, hexadecimal, octal, binary."""
    pieces = []
    token = r"(?:0x|0o|0b|u\+)?[0-9a-f]{1,8}(?:_?u(?:8|16|32)|i32)?"
    for run in re.finditer(rf"(?<![0-9a-zA-Z])(?:{token}[\s,;:|\[\]()\"']+){{5,}}{token}(?![0-9a-zA-Z])", text, re.IGNORECASE):
        words = [re.sub(r"_?u(8|16|32)$|i32$", "", word.lower()) for word in re.split(r"[\s,;:|\[\]()\"']+", run.group(0)) if word]
        for base in (10, 16, 8, 2):
            values = [_integer(word, base) for word in words]
            pieces.append("".join(chr(value) for value in values if value is not None and (0 < value < 0xD800 or 0xDFFF < value < 0x110000)))
            pieces.append(bytes(value for value in values if value is not None and value < 256).decode("utf-8", "surrogateescape"))
    return "\n".join(piece for piece in pieces if len(piece) >= 5).encode("utf-8", "surrogateescape")


def _integer(word, base):
    for prefix, its_base in (("0x", 16), ("u+", 16), ("0o", 8), ("0b", 2)):
        if word.startswith(prefix):
            word, base = word[2:], its_base
            break
    try:
        return int(word, base)
    except ValueError:
        return None


def _hex_runs(text):
    joined = re.sub(r"(?<=[0-9a-fA-F]{2})(?:\s*[:,\- ]\s*|\\x|,?\s*0x|\s+)(?=[0-9a-fA-F]{2})", "", text)
    pieces = []
    for run in re.findall(r"[0-9a-fA-F]{12,}", joined):
        for start in (0, 1):
            even = run[start : start + (len(run) - start) // 2 * 2]
            pieces.append(_inflated(bytes.fromhex(even)))
    return b"\n".join(pieces)


def _dump(text):
    """The two columns of hexdump and xxd, joined over the lines."""
    codes, characters = [], []
    for line in text.splitlines():
        match = re.match(r"\s*[0-9a-fA-F]{4,16}:?\s+((?:[0-9a-fA-F]{2,4}\s{1,3})+)\s*\|?(.*?)\|?$", line + " ")
        if match:
            codes.append(re.sub(r"\s", "", match.group(1)))
            characters.append(match.group(2).strip("| "))
    joined = "".join(codes)
    return bytes.fromhex(joined[: len(joined) // 2 * 2]) + b"\n" + "".join(characters).encode("utf-8", "surrogateescape")


def _base64_runs(data):
    """Runs that decode as base64, read from each of the four places where a group may start."""
    runs = re.findall(rb"[A-Za-z0-9+/_\-]{16,}={0,2}", data)
    for start in range(4):
        pieces = []
        for run in runs:
            run = run.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))[start:]
            run = run[: len(run) - (len(run) % 4 == 1)]
            try:
                pieces.append(_inflated(base64.b64decode(run + b"=" * (-len(run) % 4))))
            except binascii.Error:
                pass
        yield "base64", b"\n".join(pieces)


def _inflated(data):
    for window in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):
        try:
            return zlib.decompressobj(window).decompress(data, 1024 * 1024)
        except zlib.error:
            pass
    return data

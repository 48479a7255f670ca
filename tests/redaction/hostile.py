#!/usr/bin/env python3
"""Feeds a redactor with what real formatters make of secrets, and with innocent text.

Usage: hostile.py COMMAND [ARG…]   runs `COMMAND ARG… --secret-file FILE…` (or, with --plain, `COMMAND ARG… FILE…`)
with each case on standard input. Nothing here shares code with the redactor: every form comes from Python's own
libraries or from xxd, hexdump and od.
"""
import argparse
import base64
import binascii
import csv
import gzip
import html
import io
import json
import os
import pprint
import quopri
import re
import shlex
import subprocess
import sys
import tempfile
import textwrap
import threading
import urllib.parse
import zlib
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from xml.sax.saxutils import escape as xml_escape

KEYS = {
    "token": b"plantedT0ken9xQ4vLw8Zr2Kd7",
    "hexkey": b"9f86d081884c7d659a2feaa0c55ad015",
    "password": b"Pl4nted!pass-word",
    "symbols": b"p@$$w0rd/Plant'ed\"&<x>%41\\n!",
    "unicode": "pläntéd-Schlüssel-ß→42".encode(),
    "newline": b"planted first line 77\nplanted second line 88",
    "short8": b"hunter22",
    "passphrase": b"correct horse planted staple",
    "slashes": b"wJalrXUtnFEMI/K7MDENG/bPxRfiPLANTEDKEY",
    "binary": bytes([0xFF, 0x00, 0x80, 0x7F, 0xC3, 0x28, 0x1B, 0x41, 0x99, 0x5C, 0x22, 0xFE, 0x10, 0x61, 0x42, 0xE2]),
    "dollar": b"$up3r$ecret#Planted",
}
PEM = b"-----BEGIN PRIVATE KEY-----\n" + b"\n".join(
    textwrap.fill(base64.b64encode(bytes((i * 73 + 41) % 256 for i in range(150))).decode(), 64).encode().splitlines()
) + b"\n-----END PRIVATE KEY-----\n"
PRE, POST = b"before the value: ", b" and after it.\n"


class Case:
    def __init__(self, family, name, secrets, payload, pre=PRE, post=POST, left=0.25, chunks=None):
        self.family, self.name, self.payload, self.pre, self.post = family, name, payload, pre, post
        self.secrets = secrets if isinstance(secrets, list) else [secrets]
        self.left, self.chunks = left, chunks


def text(secret):
    try:
        return secret.decode()
    except UnicodeDecodeError:
        return None


def rust_debug(s):
    out = []
    for c in s:
        simple = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\", "\0": "\\0"}
        if c in simple:
            out.append(simple[c])
        elif ord(c) < 32 or ord(c) == 127:
            out.append("\\u{%x}" % ord(c))
        else:
            out.append(c)
    return '"' + "".join(out) + '"'


def rust_char(c):
    return {"'": "'\\''", '"': "'\"'", "\n": "'\\n'", "\\": "'\\\\'"}.get(c, f"'{c}'")


def dump(tool, data):
    return subprocess.run(tool, input=data, capture_output=True, check=True).stdout


def leaks():
    for name, secret in KEYS.items():
        s = text(secret)
        yield Case("raw", name, secret, secret)
        if s is not None:
            yield from text_leaks(name, secret, s)
        yield from byte_leaks(name, secret)


def text_leaks(name, secret, s):
    def case(family, what, payload, **kw):
        payload = payload if isinstance(payload, bytes) else payload.encode()
        return Case(family, f"{name}/{what}", secret, payload, **kw)

    debug = rust_debug(s)
    yield case("debug", "debug", debug)
    yield case("debug", "nested", rust_debug(debug))
    yield case("debug", "nested3", rust_debug(rust_debug(debug)))
    yield case("debug", "struct", f'Config {{ user: "app", password: {debug} }}', left=1)
    yield case("debug", "chars", "[" + ", ".join(map(rust_char, s)) + "]")
    yield case("debug", "chars-pretty", "[\n" + "".join(f"    {rust_char(c)},\n" for c in s) + "]")
    yield case("debug", "chars-deep", "[\n" + "".join(f"                {rust_char(c)},\n" for c in s) + "]")
    yield case("debug", "python-repr", repr(s))
    yield case("debug", "python-list", repr(list(s)))
    yield case("debug", "python-ascii", ascii(s))
    yield case("debug", "unicode-escape", "".join("\\u{%x}" % ord(c) for c in s))
    yield case("debug", "u4", "".join("\\u%04x" % ord(c) for c in s))
    yield case("debug", "U8", "".join("\\U%08X" % ord(c) for c in s))
    if len(s) >= 12:
        for width in (20, 40):
            yield case("debug", f"pprint{width}", pprint.pformat(s, width=width))

    j = json.dumps(s)
    yield case("json", "dumps", j)
    yield case("json", "dumps-utf8", json.dumps(s, ensure_ascii=False))
    yield case("json", "twice", json.dumps(j))
    yield case("json", "thrice", json.dumps(json.dumps(json.dumps({"k": s}))), left=1)
    yield case("json", "slash", j.replace("/", "\\/"))
    yield case("json", "go", j.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
    yield case("json", "codepoints", json.dumps([ord(c) for c in s]))
    yield case("json", "chars", json.dumps(list(s)))
    yield case("json", "key", json.dumps({s: 1}), left=1)

    yield case("url", "quote", urllib.parse.quote(s, safe=""))
    printable = quopri.encodestring(secret).rstrip(b"\n")
    yield case("mail", "quoted-printable", printable)
    yield case("mail", "quoted-printable-tabs", quopri.encodestring(secret, quotetabs=True).rstrip(b"\n"))
    if len(secret) >= 10:
        yield case("base32", "plain", base64.b32encode(secret))
    yield case("base32", "inside", base64.b32encode(b"user=app;" + secret + b";x=1"), left=0.6)
    yield case("url", "quote-lower", re.sub(r"%..", lambda m: m[0].lower(), urllib.parse.quote(s, safe="")))
    yield case("url", "quote-safe", urllib.parse.quote(s))
    yield case("url", "plus", urllib.parse.quote_plus(s))
    yield case("url", "twice", urllib.parse.quote(urllib.parse.quote(s, safe=""), safe=""))
    yield case("url", "all", "".join("%%%02X" % b for b in secret))
    yield case("url", "all-twice", "".join("%%25%02X" % b for b in secret))

    yield case("html", "escape", html.escape(s))
    yield case("html", "twice", html.escape(html.escape(s)))
    yield case("html", "decimal", "".join(f"&#{ord(c)};" for c in s))
    yield case("html", "hex", "".join(f"&#x{ord(c):x};" for c in s))
    yield case("html", "decimal-twice", html.escape("".join(f"&#{ord(c)};" for c in s)))
    yield case("html", "span", "".join(f'<span class="c">{html.escape(c)}</span>' for c in s))
    yield case("html", "bold", "".join(f"<b>{html.escape(c)}</b>" for c in s))
    yield case("html", "svg", "".join(f'<tspan x="{i}">{html.escape(c)}</tspan>' for i, c in enumerate(s)))
    yield case("html", "xml", xml_escape(s, {'"': "&quot;", "'": "&apos;"}))

    yield case("quoting", "sql", "'" + s.replace("'", "''") + "'")
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerow(["a", s, "b"])
    yield case("quoting", "csv", buffer.getvalue().strip(), left=0.4)
    yield case("quoting", "shlex", shlex.quote(s))
    yield case("quoting", "sh-bs", "'" + s.replace("'", "'\\''") + "'")
    if "\n" not in s:
        yield case("quoting", "sh-all-bs", "".join("\\" + c for c in s))
    if secret.isascii():
        q = subprocess.run(["bash", "-c", 'printf %q "$1"', "_", secret], capture_output=True, check=True).stdout
        yield case("quoting", "printf-q", q)
        yield case("quoting", "re-escape", re.escape(s))
    yield case("quoting", "cmd", re.sub(r"([&<>|^%!\"()])", r"^\1", s))
    yield case("quoting", "powershell", re.sub(r"([`$\"'&<>!@#])", r"`\1", s))
    yield case("quoting", "libpq", "'" + s.replace("\\", "\\\\").replace("'", "\\'") + "'")
    yield case("quoting", "jdbc", "{" + s.replace("}", "}}") + "}")

    if "\n" not in s:
        yield case("terminal", "sgr", "".join(f"\x1b[31m{c}\x1b[0m" for c in s))
        yield case("terminal", "sgr-half", s[: len(s) // 2] + "\x1b[1;38;5;196m" + s[len(s) // 2 :])
        yield case("terminal", "osc8", "".join(f"\x1b]8;;http://x/{i}\x1b\\{c}\x1b]8;;\x1b\\" for i, c in enumerate(s)), left=0.7)
        for label, mark in {"zwsp": "\u200b", "zwj": "\u200d", "bom": "\ufeff", "shy": "\u00ad", "nul": "\0", "wj": "\u2060"}.items():
            yield case("terminal", label, mark.join(s))
        yield case("terminal", "overstrike", "".join(f"{c}\b{c}" for c in s))
        yield case("terminal", "underline", "".join(f"_\b{c}" for c in s))
        yield case("terminal", "typo", s[:3] + "X\b" + s[3:])
        yield case("terminal", "cr", "x" * len(s) + "\r" + s, pre=b"before\n", post=b"\nafter\n", left=1)
        yield case("terminal", "cr-fragments", "x" * 3 + s[3:] + "\r" + s[:3], pre=b"before\n", post=b"\nafter\n", left=0.3)
        yield case("terminal", "escaped-sgr", rust_debug("".join(f"\x1b[31m{c}\x1b[0m" for c in s)))
        yield case("terminal", "strike", "".join(c + "\u0336" for c in s))

        yield case("reshaped", "lines", "\n".join(s))
        yield case("reshaped", "spaced", " ".join(s))
        yield case("reshaped", "dotted", ".".join(s))
        yield case("reshaped", "dashed", "-".join(s))
        yield case("reshaped", "commas", ", ".join(s))
        yield case("reshaped", "middots", "·".join(s))
        yield case("reshaped", "nbsp", "\u00a0".join(s))
        yield case("reshaped", "indented", "\n    ".join(s))
        yield case("reshaped", "enumerated", "\n".join(f"{i}: {c}" for i, c in enumerate(s)), pre=b"before\n", post=b"\nafter\n", left=1)
        if len(s) >= 12:
            for n in (2, 4, 5):
                yield case("reshaped", f"groups{n}", " ".join(s[i : i + n] for i in range(0, len(s), n)))
            yield case("reshaped", "groups4dash", "-".join(s[i : i + 4] for i in range(0, len(s), 4)))
            for width in (8, 10, 13):
                lines = [s[i : i + width] for i in range(0, len(s), width)]
                yield case("wrapped", f"plain{width}", "\n".join(lines))
                yield case("wrapped", f"indent{width}", "\n        ".join(lines))
                yield case("wrapped", f"comment{width}", "\n// ".join(lines))
                yield case("wrapped", f"backslash{width}", "\\\n".join(lines))
                yield case("wrapped", f"concat{width}", '"\n    "'.join(lines))
                rule = "+----+-" + "-" * width + "-+--------+\n"
                rows = "".join(
                    f"| {'42' if i == 0 else '  '} | {line.ljust(width)} | {'active' if i == 0 else '      '} |\n"
                    for i, line in enumerate(lines)
                )
                yield case("wrapped", f"table{width}", rule + rows + rule, pre=b"before\n", post=b"after\n", left=0.5)
                box = "".join(f"│ {'key' if i == 0 else '   '} │ {line.ljust(width)} ┆ {'on ' if i == 0 else '   '} │\n" for i, line in enumerate(lines))
                yield case("wrapped", f"box{width}", box, pre=b"before\n", post=b"after\n", left=0.9)
                yield case("wrapped", f"gutter{width}", "".join(f" {i + 9:3} | {line}\n" for i, line in enumerate(lines)), pre=b"before\n", post=b"after\n", left=0.5)
                yield case("wrapped", f"cat-n{width}", "".join(f"{i + 1:6}\t{line}\n" for i, line in enumerate(lines)), pre=b"before\n", post=b"after\n", left=0.5)
            yield case("wrapped", "textwrap", "\n".join(textwrap.wrap("the value is " + s + " as you see", 24, initial_indent="> ", subsequent_indent="> ")), left=1)
            yield case("wrapped", "first-line-cell", f"| {s[:-2]}… | x |\n", pre=b"before\n", post=b"after\n", left=0.3)
        if len(secret) >= 8:
            yield case("reshaped", "reversed", s[::-1])
            if s.upper() != s:
                yield case("reshaped", "upper", s.upper())
            if s.lower() != s:
                yield case("reshaped", "lower", s.lower())
            yield case("reshaped", "swapcase", s.swapcase()) if s.isascii() else case("raw", "again", s)
        yield case("reshaped", "padded", s.rjust(60, "*") + "****")
        yield case("reshaped", "zero-filled", s.rjust(40, "0"), left=1)
        if len(secret) >= 16:
            cut = max(-(-len(s) * 4 // 5), 13)
            for end in ("…", "...", '"', "|", "\n", " |", "'"):
                yield case("truncated", repr(end), s[:cut] + end)
            yield Case("truncated", f"{name}/end", secret, s[:cut].encode(), post=b"")

    utf16 = s.encode("utf-16-le")
    yield case("base64", "utf16le", base64.b64encode(utf16))
    yield case("base64", "utf16be", base64.b64encode(s.encode("utf-16-be")))
    yield case("base64", "utf16", base64.b64encode(s.encode("utf-16")))
    yield case("hex", "utf16le", utf16.hex())
    yield case("raw", "utf16le", utf16)
    yield case("base64", "json-inside", base64.b64encode(json.dumps({"user": "app", "password": s}).encode()), left=1)
    yield case("base64", "jwt", b".".join(base64.urlsafe_b64encode(json.dumps(d).encode()).rstrip(b"=") for d in ({"alg": "HS256"}, {"sub": "1", "secret": s}, {"x": 1})), left=1)
    yield case("chunks", "bytes", s, chunks=1)
    yield case("chunks", "three", rust_debug(s), chunks=3)
    yield case("chunks", "seven-b64", base64.b64encode(secret), chunks=7)
    yield case("chunks", "list", repr(list(secret)), chunks=5)
    yield case("chunks", "json", json.dumps(json.dumps(s)), chunks=4)
    if "\n" not in s:
        yield case("chunks", "sgr", "".join(f"\x1b[31m{c}\x1b[0m" for c in s), chunks=6)
        yield case("chunks", "lines", "\n".join(s), chunks=2)


def byte_leaks(name, secret):
    def case(family, what, payload, **kw):
        payload = payload if isinstance(payload, bytes) else payload.encode()
        return Case(family, f"{name}/{what}", secret, payload, **kw)

    data = list(secret)
    yield case("bytes", "list", repr(data))
    yield case("bytes", "compact", json.dumps(data, separators=(",", ":")))
    yield case("bytes", "x", "[" + ", ".join("%x" % b for b in data) + "]")
    yield case("bytes", "X", "[" + ", ".join("%X" % b for b in data) + "]")
    yield case("bytes", "02x", "[" + ", ".join("%02x" % b for b in data) + "]")
    yield case("bytes", "#x", "[" + ", ".join("0x%x" % b for b in data) + "]")
    yield case("bytes", "#04x", "{" + ",".join("0x%02X" % b for b in data) + "}")
    yield case("bytes", "pretty", "[\n" + "".join(f"    {b},\n" for b in data) + "]")
    yield case("bytes", "pretty-deep", "[\n" + "".join(f"                {b},\n" for b in data) + "]")
    yield case("bytes", "pretty-hex", "[\n" + "".join(f"        0x{b:02x},\n" for b in data) + "]")
    yield case("bytes", "signed", repr([b - 256 if b > 127 else b for b in data]))
    yield case("bytes", "octal", " ".join("%03o" % b for b in data))
    yield case("bytes", "octal-0o", ", ".join("0o%o" % b for b in data))
    yield case("bytes", "binary", " ".join(f"{b:08b}" for b in data))
    yield case("bytes", "suffix", "vec![" + ", ".join(f"{b}u8" for b in data) + "]")
    yield case("bytes", "serde-debug", "Array [" + ", ".join(f"Number({b})" for b in data) + "]")
    yield case("bytes", "serde-pretty", "Array [\n" + "".join(f"    Number({b}),\n" for b in data) + "]")
    yield case("bytes", "js-object", json.dumps({str(i): b for i, b in enumerate(data)}))
    yield case("bytes", "lines", "\n".join(map(str, data)))
    yield case("bytes", "yaml", "\n".join(f"- {b}" for b in data))
    yield case("bytes", "spaces", " ".join(map(str, data)))
    yield case("bytes", "wrapped", textwrap.fill(repr(data), 40))
    yield case("bytes", "chr", "||".join(f"CHR({b})" for b in data))
    yield case("bytes", "xml", "".join(f"<b>{b}</b>" for b in data))
    yield case("bytes", "b-literal", repr(secret))
    yield case("bytes", "escape-ascii", "".join(chr(b) if 32 <= b < 127 and b not in (34, 39, 92) else {10: "\\n", 34: '\\"', 39: "\\'", 92: "\\\\"}.get(b, "\\x%02x" % b) for b in data))
    yield case("bytes", "all-x", "".join("\\x%02x" % b for b in data))
    yield case("bytes", "all-octal", "".join("\\%03o" % b for b in data))

    yield case("hex", "lower", secret.hex())
    yield case("hex", "upper", secret.hex().upper())
    for sep in (" ", ":", "-", ", "):
        yield case("hex", f"sep{sep!r}", sep.join("%02x" % b for b in data))
    yield case("hex", "upper-colon", ":".join("%02X" % b for b in data))
    yield case("hex", "twice", secret.hex().encode().hex())
    yield case("hex", "inside", b"deadbeef" + secret.hex().encode() + b"00ff", left=1)
    whole = b"user=app;" + secret + b";x=1"
    for what, tool in {
        "xxd": ["xxd"], "xxd-g1": ["xxd", "-g1"], "xxd-p": ["xxd", "-p"], "xxd-c8": ["xxd", "-c", "8"], "xxd-u": ["xxd", "-u"],
        "xxd-i": ["xxd", "-i"], "xxd-b": ["xxd", "-b"], "xxd-e": ["xxd", "-e"],
        "hexdump-C": ["hexdump", "-C"], "hexdump": ["hexdump"], "hexdump-b": ["hexdump", "-b"], "hexdump-c": ["hexdump", "-c"],
        "od-tx1": ["od", "-tx1"], "od-tx1z": ["od", "-A", "x", "-t", "x1z"], "od-c": ["od", "-c"], "od-b": ["od", "-b"],
        "od-An": ["od", "-An", "-tx1"], "od-x": ["od", "-x"], "od-u1": ["od", "-t", "u1"], "od-d1": ["od", "-t", "d1"],
    }.items():
        yield case("dump", what, dump(tool, whole), pre=b"before\n", post=b"after\n", left=0.88)

    yield case("base64", "plain", base64.b64encode(secret))
    yield case("base64", "urlsafe", base64.urlsafe_b64encode(secret).rstrip(b"="))
    for n in range(3):
        yield case("base64", f"align{n}", base64.b64encode(b"u" * (n + 3) + secret + b":xyz"), left=1)
    yield case("base64", "basic-auth", b"Authorization: Basic " + base64.b64encode(b"app:" + secret), left=1)
    yield case("base64", "wrapped76", base64.encodebytes(b"lorem ipsum dolor sit amet, consectetur " * 2 + secret + b" adipiscing elit " * 4), left=1)
    yield case("base64", "wrapped20", textwrap.fill(base64.b64encode(secret).decode(), 20))
    yield case("base64", "twice", base64.b64encode(base64.b64encode(secret)))
    yield case("base64", "thrice", base64.b64encode(base64.b64encode(base64.b64encode(secret))))
    yield case("base64", "of-hex", base64.b64encode(secret.hex().encode()))
    yield case("base64", "of-list", base64.b64encode(repr(data).encode()))
    yield case("base64", "in-json", json.dumps(base64.b64encode(secret).decode()).replace("/", "\\/"))
    yield case("base64", "in-url", urllib.parse.quote(base64.b64encode(secret), safe=""))

    long = b'{"user": "app", "note": "some text that is a little longer", "value": "' + secret + b'"}'
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = raw.compress(long) + raw.flush()
    for what, packed in {"gzip": gzip.compress(long), "zlib": zlib.compress(long), "zlib9": zlib.compress(long, 9), "deflate": deflated, "gzip-short": gzip.compress(secret), "zlib-short": zlib.compress(secret, 1)}.items():
        yield case("compressed", f"b64-{what}", base64.b64encode(packed))
        yield case("compressed", f"b64url-{what}", base64.urlsafe_b64encode(packed))
        yield case("compressed", f"b64wrap-{what}", base64.encodebytes(packed))
        if what != "deflate":
            yield case("compressed", f"hex-{what}", packed.hex())
    yield case("compressed", "twice", base64.b64encode(gzip.compress(gzip.compress(long))))
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0") + chunk(b"tEXt", b"Comment\0" + long) + chunk(b"IEND", b"")
    yield case("compressed", "png-text", base64.b64encode(png), left=1)
    ztxt = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0") + chunk(b"zTXt", b"Comment\0\0" + zlib.compress(long)) + chunk(b"IEND", b"")
    yield case("compressed", "png-ztxt", base64.b64encode(ztxt), left=1)


def chunk(kind, data):
    return len(data).to_bytes(4, "big") + kind + data + binascii.crc32(kind + data).to_bytes(4, "big")


def multi_line():
    def case(what, payload, **kw):
        return Case("multi-line", what, PEM, payload, pre=b"before\n", post=b"after\n", **kw)

    lines = PEM.decode().split("\n")
    yield case("whole", PEM)
    yield case("crlf", PEM.replace(b"\n", b"\r\n"))
    yield case("indented", "".join(f"      {line}\n" for line in lines).encode())
    yield case("one-line", lines[1].encode() + b"\n")
    yield case("last-line", lines[-3].encode() + b"\n")
    yield case("no-breaks", PEM.replace(b"\n", b"") + b"\n", left=0.6)
    yield case("spaces", PEM.replace(b"\n", b" ") + b"\n", left=0.6)
    yield case("json", json.dumps(PEM.decode()).encode() + b"\n", left=0.6)
    yield case("debug2", rust_debug(rust_debug(PEM.decode())).encode() + b"\n", left=0.6)
    yield case("base64", base64.b64encode(PEM) + b"\n")
    yield case("wrapped40", "\n".join(textwrap.wrap(PEM.decode().replace("\n", ""), 40)).encode() + b"\n", left=0.6)
    yield case("yaml", b"key: |\n" + "".join(f"  {line}\n" for line in lines).encode(), left=0.3)
    yield case("quoted", "".join(f"> {line}\n" for line in lines).encode())
    account = json.dumps({"type": "service_account", "project_id": "planted-project", "private_key_id": "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334",
                          "private_key": PEM.decode(), "client_email": "app@planted-project.example.com", "token_uri": "https://example.com/token"}, indent=2).encode()
    yield Case("multi-line", "account-key", account, PEM, pre=b"before\n", post=b"after\n")
    yield Case("multi-line", "account-whole", account, account, pre=b"before\n", post=b"\nafter\n", left=0.6)
    yield Case("multi-line", "account-compact", account, json.dumps(json.loads(account)).encode(), pre=b"before\n", post=b"\nafter\n", left=0.6)
    for dsn in (b"postgres://app:Pl4nt3d-pw@db.example.com:5432/app", b"Server=db;User Id=app;Password=Pl4nt3d-pw;", b"jdbc:mysql://db/x?user=app&password=Pl4nt3d-pw", b"amqp://app:Pl4nt3d-pw@mq//"):
        yield Case("sub-secrets", dsn.decode(), dsn, b"Pl4nt3d-pw")
        yield Case("sub-secrets", dsn.decode() + "/b64", dsn, base64.b64encode(b"Pl4nt3d-pw"))
    yield Case("sub-secrets", "trimmed", b"  planted-V4lue\n", b"planted-V4lue")
    yield Case("sub-secrets", "unquoted", b'"planted-V4lue"', b"planted-V4lue")
    yield Case("sub-secrets", "dotenv", b"USER=app\nAPI_KEY=pl4nted0123456789\nDEBUG=1\n", b"pl4nted0123456789")
    yield Case("short", "pin", b"4821", b"4821")
    yield Case("short", "pin-eq", b"4821", b"4821", pre=b"pin=", post=b";\n")


WORDS = (
    "the quick brown fox jumps over the lazy dog while a correct horse in Welcome hall staples planted trees before "
    "password rotation of the token service; secrets are planted first line then second line"
)


def innocent():
    secrets = list(KEYS.values()) + [PEM, b"4821", b"true", b"prod", b"1984", b"Welcome1", b"planted-project-password", b"postgres://app:Pl4nt3d-pw@db.example.com:5432/app"]
    plain = {
        "prose": WORDS,
        "git": "commit 9f86d081884c7d659a2feaa0c55ad01 5a3bf4f1b2b0b822cd15d6c15b0f00a08\ncommit d6c15b0f00a085a3bf4f1b2b0b822cd159f86d08\n",
        "uuid": "550e8400-e29b-41d4-a716-446655440000 6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "numbers": "148213 1984 2026 3.14159 1e10 4,821,000 48210 [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]",
        "years": "in 1984 and 1999, true or false, prod and dev, yes no on off null none",
        "names": "scope=jdbc key=password token hexkey unicode newline planted-project-name",
        "base64-image": base64.b64encode(bytes((i * i * 31 + i * 7) % 256 for i in range(3000))).decode(),
        "base64-text": base64.b64encode((WORDS * 20).encode()).decode(),
        "gzip": base64.b64encode(gzip.compress((WORDS * 20).encode())).decode(),
        "json": json.dumps({"a": [1, 2, 3], "b": "x\ny", "path": "C:\\temp\\new", "html": "<b>bold</b> &amp; &lt;"}, indent=2),
        "ansi": "\x1b[31merror\x1b[0m: \x1b[1mcannot find\x1b[0m value `x` in this scope\n --> src/lib.rs:4:8\n  |\n4 |     x\n  |     ^\n",
        "table": "+----+-------+\n| id | name  |\n+----+-------+\n| 1  | alice |\n| 2  | bob   |\n+----+-------+\n",
        "log": "\n".join(f"2026-11-24T08:36:{i:02}.{i * 7919 % 1000:03}Z INFO [main] app::db: request id={i * 104729 % 65536:04x} took {i * 31 % 97} ms from 10.0.{i}.{i * 3 % 255}" for i in range(60)),
        "dump": dump(["hexdump", "-C"], WORDS.encode()).decode(),
        "list": repr(list(WORDS.encode())),
        "percent": urllib.parse.quote(WORDS, safe=""),
        "progress": "".join(f"\r{i:3}% [{'=' * i}{' ' * (50 - i)}]" for i in range(50)),
        "crlf": WORDS.replace(" ", "\r\n"),
        "near-miss-last": "plantedT0ken9xQ4vLw8Zr2Kd8 9f86d081884c7d659a2feaa0c55ad014 hunter23",
        "near-miss-middle": "plantedT0ken9xQ5vLw8Zr2Kd7 9f86d081884c7d659a2fdaa0c55ad015 hunteR22",
        "near-miss-b64": base64.b64encode(b"plantedT0ken9xQ5vLw8Zr2Kd7").decode(),
        "near-miss-hex": b"plantedT0ken9xQ5vLw8Zr2Kd7".hex(),
        "near-miss-list": repr(list(b"plantedT0ken9xQ5vLw8Zr2Kd7")),
        "near-miss-spaced": " ".join("plantedT0ken9xQ5vLw8Zr2Kd7"),
        "near-miss-case": "plantedt0ken9xQ4vLw8Zr2Kd7",
        "near-miss-punct": "Pl4nted!pass_word Pl4nted.pass-word $up3r$ecret-Planted",
        "near-miss-passphrase": "correct-horse-planted-staple correcthorse planted staple correct_horse planted_staple",
        "hints": "AKIA… plan… …2Kd7 wJal…DKEY 9f86…",
        "half": "plantedT0ken 9f86d081884c7d65 plantedT0ke",
        "char-lines": "\n".join("innocent letters"),
        "spaced": " ".join("nothing to hide"),
        "reversed-prose": WORDS[::-1],
        "upper": WORDS.upper(),
        "pem-markers": "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
        "public": 'project_id: planted-project\n"type": "service_account"\n{\n}\n',
        "zero": "00000000 ffffffff 0x0 0xdeadbeef 00:11:22:33:44:55",
        "emoji": "naïve café — “quoted” … ‘x’ 漢字 🙂 \u200b\u00a0",
        "welcome": "Welcome 1 guest. welcome1st W e l c o m e",
        "escapes": "\\u0041\\n\\x41 %41%42 &#65; =41",
        "rust": 'fn main() {\n    let s = "a\\"b\\\\n";\n    println!("{s:?} {:02x?}", [1u8, 2, 3]);\n}\n',
    }
    for name, value in plain.items():
        yield name, secrets, value.encode()
    yield "binary", secrets, bytes(range(256)) * 3
    yield "no-newline", secrets, b"x"
    yield "empty", secrets, b""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--plain", action="store_true", help="secret files as plain arguments")
    parser.add_argument("--show", type=int, default=40, help="failures to print")
    parser.add_argument("--family")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    folder = tempfile.mkdtemp()
    files = {}
    lock = threading.Lock()

    def run(secrets, data, chunks=None):
        args = []
        for secret in secrets:
            with lock:
                if secret not in files:
                    files[secret] = os.path.join(folder, f"s{len(files)}")
                    with open(files[secret], "wb") as file:
                        file.write(secret)
            args += ([] if options.plain else ["--secret-file"]) + [files[secret]]
        if not chunks:
            return subprocess.run(options.command + args, input=data, capture_output=True, check=True).stdout
        # Small writes: the reader sees them apart when it is quick; the properties prove the rest.
        child = subprocess.Popen(options.command + args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        with ThreadPoolExecutor(1) as pool:
            out = pool.submit(child.stdout.read)
            for i in range(0, len(data), chunks):
                child.stdin.write(data[i : i + chunks])
            child.stdin.close()
            return out.result()

    def visible(data):
        return sum(chr(b).isalnum() or b > 127 for b in data)

    failures, score = [], defaultdict(lambda: [0, 0])
    everything = [c for c in [*leaks(), *multi_line()] if options.family in (None, c.family)]

    def check(case):
        out = run(case.secrets, case.pre + case.payload + case.post, case.chunks)
        kept = out.startswith(case.pre) and (out.endswith(case.post) or case.post.endswith(b"\n") and out.endswith(b"[REDACTED]"))
        core = out[len(case.pre) : len(out) - len(case.post)].replace(b"[REDACTED]", b"")
        rest = visible(core) <= case.left * visible(case.payload) and core != case.payload
        literal = all(secret not in out for secret in case.secrets)
        return case, out, kept and rest and literal and b"[REDACTED]" in out

    with ThreadPoolExecutor(4) as pool:
        for case, out, good in pool.map(check, everything):
            score[case.family][1] += 1
            score[case.family][0] += good
            if not good:
                failures.append((case.family, case.name, case.payload, out))
    if options.family in (None, "innocent"):
        for name, secrets, data in innocent():
            out = run(secrets, data)
            score["innocent"][1] += 1
            score["innocent"][0] += out == data
            if out != data:
                failures.append(("innocent", name, data, out))
    for family, name, payload, out in failures[: options.show]:
        print(f"FAIL {family} {name}\n   in  {payload[:300]!r}\n   out {out[:400]!r}")
    print("| family | right | of |\n|---|---:|---:|")
    for family, (good, all_) in score.items():
        print(f"| {family} | {good} | {all_} |")
    print(f"| all | {sum(g for g, _ in score.values())} | {sum(a for _, a in score.values())} |")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

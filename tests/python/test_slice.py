"""The main promise: the value arrives in the code, and nothing that the code prints shows it.

Each form is printed by Rust's own formatters, in a cell of its own. After each cell everything that the kernel sent is
searched; at the end of the module, every file too. `test_leak.py` runs this module against a build that does not mask.
"""

import pytest

from harness import PLANTED
from planted import search

PASSWORD = PLANTED["jdbc", "password"]
TOKEN = "[REDACTED]"

PREAMBLE = r"""
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf29ce484222325, |hash, byte| (hash ^ *byte as u64).wrapping_mul(0x100000001b3))
}
fn hex(bytes: &[u8], between: &str) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(between)
}
fn base64(bytes: &[u8]) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes.chunks(3).map(|c| {
        let n = (c[0] as u32) << 16 | (*c.get(1).unwrap_or(&0) as u32) << 8 | *c.get(2).unwrap_or(&0) as u32;
        (0..4).map(|i| if i <= c.len() { alphabet[(n >> (18 - 6 * i)) as usize & 63] as char } else { '=' }).collect::<String>()
    }).collect()
}
fn percent(text: &str) -> String {
    text.bytes().map(|b| if b.is_ascii_alphanumeric() { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}
fn json(text: &str) -> String {
    text.chars().map(|c| match c { '"' => "\\\"".into(), '\\' => "\\\\".into(), c if c.is_ascii() => c.to_string(), c => c.encode_utf16(&mut [0; 2]).iter().map(|u| format!("\\u{u:04x}")).collect() }).collect()
}
"""

# Name → cell, and the whole of standard output where it is certain.
FORMS = {
    "display": ('println!("<{pw}>");', f"<{TOKEN}>\n"),
    "print without a newline": ('print!("<{pw}>");', f"<{TOKEN}>"),
    "debug": ('println!("<{pw:?}>");', f'<"{TOKEN}">\n'),
    "debug of option of vec": ('println!("{:?}", Some(vec![&pw]));', f'Some(["{TOKEN}"])\n'),
    "debug, nested": ('println!("{:?}", format!("{pw:?}"));', None),
    "json": ('println!("{{\\"password\\": \\"{}\\"}}", json(&pw));', f'{{"password": "{TOKEN}"}}\n'),
    "unicode": ('println!("<{}>", dbutils.secrets.get("jdbc", "unicode"));', f"<{TOKEN}>\n"),
    "unicode, json": ('println!("<{}>", json(&dbutils.secrets.get("jdbc", "unicode")));', f"<{TOKEN}>\n"),
    "base64 at 0": ('println!("<{}>", base64(pw.as_bytes()));', None),
    "base64 at 1": ('println!("<{}>", base64(format!("x{pw}").as_bytes()));', None),
    "base64 at 2": ('println!("<{}>", base64(format!("u:{pw}!").as_bytes()));', None),
    "basic auth": ('println!("Authorization: Basic {}", base64(format!("reader:{pw}").as_bytes()));', None),
    "percent": ('println!("postgres://u:{}@h/d", percent(&pw));', f"postgres://u:{TOKEN}@h/d\n"),
    "hex": ('println!("<{}>", hex(pw.as_bytes(), ""));', f"<{TOKEN}>\n"),
    "hex, upper": ('println!("<{}>", hex(pw.as_bytes(), "").to_uppercase());', f"<{TOKEN}>\n"),
    "hex, colons": ('println!("<{}>", hex(pw.as_bytes(), ":"));', None),
    "bytes": ('println!("{:?}", pw.as_bytes());', None),
    "bytes, pretty": ('println!("{:#?}", pw.as_bytes());', None),
    "bytes, hex": ('println!("{:x?}", pw.as_bytes());', None),
    "bytes, 0x": ('println!("{:#04x?}", pw.as_bytes());', None),
    "chars": ('println!("{:?}", pw.chars().collect::<Vec<_>>());', None),
    "a character a line": ('for c in pw.chars() { println!("{c}"); }', None),
    "spaced": ('println!("{}", pw.chars().map(|c| c.to_string()).collect::<Vec<_>>().join(" "));', None),
    "reversed": ('println!("{}", pw.chars().rev().collect::<String>());', None),
    "upper case": ('println!("{}", pw.to_uppercase());', None),
    "ansi": ('for c in pw.chars() { print!("\\x1b[31m{c}\\x1b[0m"); } println!();', None),
    "padded": ('println!("<{pw:>60}>");', None),
    "multi-line": ('println!("{}", dbutils.secrets.get("tls", "key"));', None),
    "multi-line, lines": ('for l in dbutils.secrets.get("tls", "key").lines() { println!("- {l}"); }', None),
    "multi-line, crlf": ('println!("{}", dbutils.secrets.get("tls", "key").replace("\\n", "\\r\\n"));', None),
    "pin": ('println!("PIN {} of 104829", dbutils.secrets.get("tls", "pin"));', f"PIN {TOKEN} of 104829\n"),
    "stderr": ('eprintln!("<{pw}>");', ""),
    "both streams": ('for (i, c) in pw.chars().enumerate() { if i % 2 == 0 { print!("{c}") } else { eprint!("{c}") } '
                     'use std::io::Write; std::io::stdout().flush().unwrap(); '
                     # Two pipes keep the order of writes to both only when these are not all there at once.
                     'std::thread::sleep(std::time::Duration::from_millis(10)); }', None),
    "slow pieces": ('for c in pw.as_bytes().chunks(5) { use std::io::Write; std::io::stdout().write_all(c).unwrap(); '
                    'std::io::stdout().flush().unwrap(); std::thread::sleep(std::time::Duration::from_millis(60)); } '
                    'println!();', f"{TOKEN}\n"),
    "large output": ('for i in 0..20000 { println!("{i} {pw}"); }', "".join(f"{i} {TOKEN}\n" for i in range(20000))),
    "not utf-8 around": ('use std::io::Write; let mut o = std::io::stdout(); o.write_all(b"\\xff\\xfe").unwrap(); '
                         'o.write_all(pw.as_bytes()).unwrap(); o.write_all(b"\\xff\\n").unwrap();', None),
    "raw descriptor": ('use std::io::Write; use std::os::fd::FromRawFd; '
                       'let mut f = std::mem::ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(1) }); '
                       'f.write_all(format!("<{pw}>\\n").as_bytes()).unwrap();', f"<{TOKEN}>\n"),
    "child process": ('std::process::Command::new("echo").arg(&pw).status().unwrap();', f"{TOKEN}\n"),
    "thread": ('let copy = pw.clone(); std::thread::spawn(move || println!("<{copy}>")).join().unwrap();', f"<{TOKEN}>\n"),
}

# Cells that end in an error: the error's texts must not show the value either.
ERRORS = {
    "panic": 'panic!("login with {pw} failed");',
    "unwrap": 'Err::<(), _>(pw.clone()).unwrap();',
    "expect": 'None::<()>.expect(&pw);',
    "assert": 'assert_eq!(pw, "something else");',
    "question mark": 'Err::<(), String>(format!("bad password {pw}"))?;',
    "panic in a thread": 'let copy = pw.clone(); std::thread::spawn(move || panic!("{copy}")).join().unwrap();',
}


@pytest.fixture(scope="module", autouse=True)
def prepared(kernel):
    kernel.ok(PREAMBLE)
    kernel.ok('let pw = dbutils.secrets.get("jdbc", "password");')


def nothing_found(kernel):
    """Searches all that this kernel has sent so far."""
    report = search(kernel.house.secrets, [kernel.recording])
    # What was searched once is not searched again in the next test, whether something was found or not.
    kernel.recording.write_text("")
    assert report.messages > 0
    assert not report.findings, report.text()


def fnv(data):
    digest = 0xCBF29CE484222325
    for byte in data:
        digest = (digest ^ byte) * 0x100000001B3 % 2**64
    return digest


@pytest.mark.parametrize(("scope", "key"), PLANTED)
def test_the_value_arrives(kernel, scope, key):
    value = PLANTED[scope, key].encode()
    cell = kernel.ok(f'let v = dbutils.secrets.get("{scope}", "{key}"); println!("{{}} {{:016x}}", v.len(), fnv(v.as_bytes()));')
    assert cell.stdout == f"{len(value)} {fnv(value):016x}\n"


def test_the_value_arrives_as_bytes_and_by_name(kernel):
    size = len(PASSWORD.encode())
    assert kernel.ok('println!("{}", dbutils.secrets.get_bytes("jdbc", "password").len());').stdout == f"{size}\n"
    assert kernel.ok('println!("{}", dbutils.secrets.get(scope = "jdbc", key = "password").len());').stdout == f"{size}\n"
    assert kernel.ok('println!("{}", dbutils.secrets.get(key = "password", scope = "jdbc").len());').stdout == f"{size}\n"
    assert kernel.ok('println!("{}", dbutils.secrets.try_get("jdbc", "password").unwrap().len());').stdout == f"{size}\n"


@pytest.mark.parametrize("form", FORMS)
def test_form(kernel, form):
    code, expected = FORMS[form]
    cell = kernel.ok(code)
    nothing_found(kernel)
    assert TOKEN in cell.stdout + cell.stderr
    if expected is not None:
        assert cell.stdout == expected
    if form == "stderr":
        assert cell.stderr == f"<{TOKEN}>\n"


def test_form_expression(kernel):
    cell = kernel.ok("pw.clone()")
    nothing_found(kernel)
    assert cell.result["text/plain"] == f'"{TOKEN}"'


def test_form_html(kernel):
    cell = kernel.ok('display_html(&format!("<b>{}</b>", pw.replace(\'"\', "&quot;")));')
    nothing_found(kernel)
    assert cell.displays[0]["text/html"] == f"<b>{TOKEN}</b>"


@pytest.mark.parametrize("form", ERRORS)
def test_form_error(kernel, form):
    cell = kernel.execute(ERRORS[form])
    nothing_found(kernel)
    assert cell.status == "error"
    assert cell.error is not None and cell.reply["content"]["evalue"] == cell.error["evalue"]
    assert TOKEN in cell.stdout + cell.stderr + str(cell.error)
    # The variables of earlier cells are still there.
    assert kernel.ok('println!("{}", pw.len());').stdout == f"{len(PASSWORD.encode())}\n"


def test_form_split_over_cells(kernel):
    cells = [kernel.ok(f'print!("{{}}", &pw[{start}..{start + 4}]);') for start in range(0, 28, 4)]
    nothing_found(kernel)
    assert TOKEN in "".join(cell.stdout for cell in cells)


def test_form_compiler_error_that_quotes_a_pasted_value(kernel):
    # The paste is in the request; what the kernel sends must not repeat it.
    cell = kernel.execute(f"let x: i32 = r#\"{PASSWORD}\"#;")
    nothing_found(kernel)
    assert cell.status in ("error", "ok")


def test_form_history_and_other_replies(kernel):
    kernel.execute(f'let pasted = r#"{PASSWORD}"#;')
    for send in (lambda: kernel.client.history(hist_access_type="tail", n=10, output=True, raw=True),
                 lambda: kernel.client.complete("pw.le", 5), lambda: kernel.client.inspect("pw", 2),
                 lambda: kernel.client.is_complete(f'let x = "{PASSWORD}'), lambda: kernel.client.comm_info()):
        reply = kernel._reply(send(), 60)
        assert reply["content"].get("status", "ok") in ("ok", "complete", "incomplete", "invalid", "error")
    nothing_found(kernel)


def test_list_shows_names_only(kernel):
    cell = kernel.ok('println!("{}", dbutils.secrets.list("jdbc")); println!("{}", dbutils.secrets.list_scopes());')
    nothing_found(kernel)
    assert "password" in cell.stdout and "username" in cell.stdout and "tls" in cell.stdout


def test_user_code_cannot_see_our_environment(kernel):
    cell = kernel.ok('for (name, _) in std::env::vars() { println!("{name}"); }')
    names = cell.stdout.split()
    assert "PATH" in names
    assert [name for name in names if name.startswith(("SEALBOOK_", "JUPYTER", "JPY_"))] == []


def test_processes_show_nothing(kernel):
    # The kernel itself and at least the cell runner.
    assert kernel.photograph() >= 2
    report = search(kernel.house.secrets, [kernel.house.root / "proc"])
    assert report.files > 0 and not report.findings, report.text()


def test_reads_are_audited(kernel, house):
    reads = [record for record in house.audit() if record["actionName"] == "getSecret"]
    assert any(record["requestParams"].get("key") == "password" for record in reads)


def test_only_ciphertext_is_stored(house):
    report = search(house.secrets, [house.root / "sealbook"])
    assert report.files > 0 and not report.findings, report.text()

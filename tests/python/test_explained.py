"""What was hidden is explained, by names and counts, and a value that cannot be hidden everywhere is announced."""

import pytest

from harness import PLANTED, Kernel


@pytest.fixture(scope="module")
def kernel(house):
    house.ok("secrets", "put", "--scope", "tls", "--key", "mode", "--binary-file", "-", input="dev")
    with Kernel(house) as kernel:
        yield kernel


def redactions(kernel):
    cell = kernel.ok('for r in dbutils.secrets.redactions().iter() { println!("{} {} {} {}", r.scope, r.key, r.form, r.count); }')
    return {tuple(row[:3]): int(row[3]) for row in map(str.split, cell.stdout.splitlines())}


def test_a_session_lists_what_it_hid(kernel):
    assert redactions(kernel) == {}
    kernel.ok('let user = dbutils.secrets.get("jdbc", "username"); let password = dbutils.secrets.get("jdbc", "password");')
    cell = kernel.ok('println!("{user} {user}"); println!("{:?}", password.as_bytes());')
    assert cell.stdout == "[REDACTED] [REDACTED]\n[[REDACTED]]\n"
    listed = redactions(kernel)
    assert listed.pop(("jdbc", "username", "raw")) == 2
    [((scope, key, form), count)] = listed.items()
    assert (scope, key, count) == ("jdbc", "password", 1) and form != "raw"
    # The message says the same of itself.
    message = next(m for m in cell.messages if m["msg_type"] == "stream")
    named = {(r["scope"], r["key"], r["form"]): r["count"] for r in message["metadata"]["sealbook"]["redactions"]}
    assert named == {("jdbc", "username", "raw"): 2, ("jdbc", "password", form): 1}


def test_a_short_value_is_announced_once(kernel):
    notice = ("sealbook: the value of tls/pin is shorter than 6 bytes: it is masked only where it stands as a whole word. "
              "Use a longer value if you can.\n")
    pin = PLANTED["tls", "pin"]
    cell = kernel.ok(f'let pin = dbutils.secrets.get("tls", "pin"); println!("{{pin}} 7{{pin}}7");')
    assert cell.stderr == notice
    # As documented: inside a longer word it stays.
    assert cell.stdout == f"[REDACTED] 7{pin}7\n"
    assert kernel.ok('let pin = dbutils.secrets.get("tls", "pin");').stderr == ""


def test_a_common_word_is_announced_once_and_stays(kernel):
    cell = kernel.ok('let mode = dbutils.secrets.get("tls", "mode"); println!("{mode}");')
    assert cell.stderr == ("sealbook: the value of tls/mode is empty, a common word, a year or one repeated character: it is not "
                           "masked, because that would mask innocent text everywhere.\n")
    assert cell.stdout == "dev\n"
    assert kernel.ok('let mode = dbutils.secrets.get("tls", "mode");').stderr == ""


def test_an_ordinary_value_is_not_announced(kernel):
    assert kernel.ok('let key = dbutils.secrets.get("tls", "key");').stderr == ""

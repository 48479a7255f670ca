"""Values as Rust: each case is compiled and run, and the program itself compares what it holds."""

import datetime
import subprocess

import pytest

from sealbook import rust

NATURAL = {
    "true": (True, "bool", "true"),
    "small": (5, "i64", "5_i64"),
    "negative": (-5, "i64", "-5_i64"),
    "smallest": (-(2**63), "i64", "i64::MIN"),
    "unsigned": (2**64 - 1, "u64", "u64::MAX"),
    "wide": (-(2**100), "i128", "-(1_i128 << 100)"),
    "wider": (2**128 - 1, "u128", "u128::MAX"),
    "float": (0.1, "f64", "0.1_f64"),
    "exponent": (1e300, "f64", "1e300_f64"),
    "whole": (1e16, "f64", "1e16_f64"),
    "tiny": (5e-324, "f64", "f64::from_bits(1)"),
    "zero": (-0.0, "f64", "-0.0_f64"),
    "infinite": (float("inf"), "f64", "1.0_f64 / 0.0"),
    "minus_infinite": (float("-inf"), "f64", "-1.0_f64 / 0.0"),
    "text": ("plain", "String", '"plain"'),
    "quotes": ('a"b\'c\\d', "String", "concat!('a', '\"', 'b', '\\'', 'c', '\\\\', 'd')"),
    "lines": ("a\r\n\tb\0\x07\x1b[0m", "String", '"\\u{61}\\u{d}\\u{a}\\u{9}\\u{62}\\u{0}\\u{7}\\u{1b}[0m"'),
    "unicode": ("naïve 日本 🦀", "String", '"na\\u{ef}ve \\u{65e5}\\u{672c} \\u{1f980}"'),
    "bidi": ("a\u202eb\u200bc\ufeff", "String", '"a\\u{202e}b\\u{200b}c\\u{feff}"'),
    "braces": ("{x} {{}} %s \\u{41}", "String", '"{x} {{}} %s \\\\u{41}"'),
    "none": (None, "Option<String>", "None::<String>"),
    "bytes": (b"a\xff", "Vec<u8>", "vec![97_u8, 255]"),
    "list": ([1, -2], "Vec<i64>", "vec![1_i64, -2]"),
    "widening_list": ([1, 2**64 - 1, -1], "Vec<i128>", "vec![1_i128, u64::MAX as i128, -1]"),
    "numbers": ([1, 2.5], "Vec<f64>", "vec![1.0_f64, 2.5]"),
    "holes": ([None, "a"], "Vec<Option<String>>", 'vec![None, Some("a".to_string())]'),
    "empty": ([], "Vec<String>", "Vec::<String>::new()"),
    "nested": ([[1], []], "Vec<Vec<i64>>", "vec![vec![1_i64], vec![]]"),
    "dict": ({"b": 1, "a": 2}, "std::collections::BTreeMap<String, i64>", '[("a".to_string(), 2_i64), ("b".to_string(), 1)].into()'),
    "numbered": ({1: "x"}, "std::collections::BTreeMap<i64, String>", '[(1_i64, "x".to_string())].into()'),
    "deep": ({"a": [{"b": None}, {"b": True}]}, "std::collections::BTreeMap<String, Vec<std::collections::BTreeMap<String, Option<bool>>>>", None),
    "empty_dict": ({}, "std::collections::BTreeMap<String, String>", "Default::default()"),
    "tuple": ((1, 2), "Vec<i64>", "vec![1_i64, 2]"),
    "day": (datetime.date(2026, 1, 2), "String", '"2026-01-02"'),
}

DECLARED = {
    "i32": ("i32", 5, "5_i32"),
    "u8": ("u8", 255, "255_u8"),
    "usize": ("usize", 3, "3_usize"),
    "f32": ("f32", 0.5, "0.5_f32"),
    "f64": ("f64", 5, "5.0_f64"),
    "f32_nan_is_infinite": ("f32", float("-inf"), "f32::NEG_INFINITY"),
    "char": ("char", "'", "'\\''"),
    "str": ("&'static str", 'a"b', '"a\\"b"'),
    "option": ("Option<u16>", 5, "Some(5_u16)"),
    "no_option": ("Option<u16>", None, "None::<u16>"),
    "nested_option": ("Vec<Option<f32>>", [None, 1], "vec![None, Some(1_f32)]"),
    "array": ("[u8; 2]", [1, 2], "[1_u8, 2]"),
    "slice": ("&'static [&'static str]", ["a", "b"], '["a", "b"]'),
    "pair": ("(u8, String)", [1, "a"], '(1_u8, "a".to_string())'),
    "single": ("(u8,)", [1], "(1_u8,)"),
    "path": ("std::path::PathBuf", "/tmp/x", 'std::path::Path::new("/tmp/x").to_path_buf()'),
    "hash_map": ("std::collections::HashMap<&'static str, u8>", {"a": 1}, '[("a", 1_u8)].into()'),
    "btree_set": ("std::collections::BTreeSet<i16>", [2, 1], "[1_i16, 2].into()"),
    "empty_map": ("std::collections::HashMap<String, Vec<u8>>", {}, "Default::default()"),
}

UNFIT = [
    ("i32", 2**31),
    ("u8", -1),
    ("i32", 5.0),
    ("i32", True),
    ("i32", "5"),
    ("i32", None),
    ("f64", "5"),
    ("f64", True),
    ("f32", 1e39),
    ("f64", 10**400),
    ("bool", 1),
    ("bool", "true"),
    ("String", 5),
    ("String", None),
    ("&str", 5),
    ("char", "ab"),
    ("char", ""),
    ("Vec<i32>", 5),
    ("Vec<i32>", [1, "2"]),
    ("[u8; 2]", [1]),
    ("(u8, u8)", [1]),
    ("std::collections::BTreeMap<String, i32>", [1]),
    ("String", "\ud800"),
    ("serde_json::Value", [float("nan")]),
    ("serde_json::Value", {1: 2}),
    ("serde_json::Value", 2**64),
]


def run_rust(folder, body):
    source, binary = folder / "main.rs", folder / "main"
    source.write_text(f"#![deny(warnings)]\n#![allow(unused_mut)]\nfn main() {{\n{body}\n}}\n")
    subprocess.run(["rustc", "--edition", "2024", "-o", binary, source], check=True)
    return subprocess.run([binary], check=True, capture_output=True, text=True).stdout


def test_natural_types_compile_and_hold_the_value(tmp_path):
    body = []
    for name, (value, wanted, expected) in NATURAL.items():
        value = rust.plain(value)
        found = rust.natural_type(value)
        assert str(found) == wanted, name
        body.append(f"let v_{name}: {found} = {rust.literal(found, value)};")
        if expected is None:
            body.append(f'println!("{{v_{name}:?}}");')
        else:
            converted = f"String::from({expected})" if wanted == "String" else expected
            body.append(f"let expected: {wanted} = {converted};")
            body.append(f'assert_eq!(v_{name}, expected, "{name}");')
    assert run_rust(tmp_path, "\n".join(body)) == '{"a": [{"b": None}, {"b": Some(true)}]}\n'


def test_not_a_number(tmp_path):
    text = rust.literal(rust.parse_type("f32"), float("nan"))
    assert run_rust(tmp_path, f'let x: f32 = {text}; println!("{{x}}");') == "NaN\n"


def test_declared_types_compile_and_hold_the_value(tmp_path):
    body = []
    for name, (written, value, expected) in DECLARED.items():
        found = rust.parse_type(written)
        assert str(found) == written, name
        body.append(f"let v_{name}: {written} = {rust.literal(found, value)};")
        body.append(f"let expected: {written} = {'&' if written.startswith('&') and '[' in written else ''}{expected};")
        body.append(f'assert_eq!(v_{name}, expected, "{name}");')
    assert run_rust(tmp_path, "\n".join(body)) == ""


@pytest.mark.parametrize(("written", "value"), UNFIT)
def test_what_does_not_fit_is_refused_without_its_value(written, value):
    with pytest.raises(rust.Unfit) as refused:
        rust.literal(rust.parse_type(written), rust.plain(value))
    if isinstance(value, (int, str)) and len(str(value)) > 4:
        assert str(value) not in str(refused.value)


def test_numbers_beyond_all_integers_are_refused():
    with pytest.raises(rust.Unfit):
        rust.natural_type(2**128)


@pytest.mark.parametrize(
    ("value", "wanted", "expression"),
    [
        ([1, "a"], "Vec<serde_json::Value>", 'serde_json::from_str(r#"[1, "a"]"#).expect("valid JSON")'),
        (
            {"a": 1, "b": "x"},
            "std::collections::BTreeMap<String, serde_json::Value>",
            'serde_json::from_str(r#"{"a": 1, "b": "x"}"#).expect("valid JSON")',
        ),
        ([2**53 + 1, 0.5], "Vec<serde_json::Value>", 'serde_json::from_str(r#"[9007199254740993, 0.5]"#).expect("valid JSON")'),
        ([None, 1, "\"##\n\u202e🦀"], "Vec<serde_json::Value>", 'serde_json::from_str(r###"[null, 1, "\\"##\\n\\u202e🦀"]"###).expect("valid JSON")'),
        ([[1, True], [2]], "Vec<Vec<serde_json::Value>>", 'serde_json::from_str(r#"[[1, true], [2]]"#).expect("valid JSON")'),
    ],
)
def test_elements_of_different_kinds_are_json(value, wanted, expression):
    found = rust.natural_type(value)
    assert (str(found), rust.literal(found, value)) == (wanted, expression)


@pytest.mark.parametrize(
    "written",
    ["MyType", "Box<i32>", "impl Fn()", "fn(i32) -> i32", "Vec<MyType>", "Vec", "Vec<", "i32 i32", "", "&i32", "dyn Debug", "[u8; N]", "str"],
)
def test_types_that_only_the_compiler_knows(written):
    assert rust.parse_type(written) is None


@pytest.mark.parametrize("text", ["self", "Self", "super", "crate", "_", "a-b", "1a", "", "a b", "a;b"])
def test_names_that_no_variable_can_have(text):
    with pytest.raises(rust.Unfit):
        rust.name(text)


def test_keywords_become_raw_identifiers():
    assert [rust.name(text) for text in ("type", "gen", "async", "x", "PAPERMILL_INPUT_PATH")] == [
        "r#type",
        "r#gen",
        "r#async",
        "x",
        "PAPERMILL_INPUT_PATH",
    ]

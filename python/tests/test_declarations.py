"""What a parameters cell declares, read as Rust is."""

import pytest

from sealbook.declarations import declarations

CASES = {
    "let x: i32 = 5;": [("x", "i32", "5", "")],
    "let x: i32 = 5; // how many": [("x", "i32", "5", "how many")],
    "let x: i32 = 5; /* how many */ // or so": [("x", "i32", "5", "how many")],
    "// above\nlet x: i32 = 5;\n// below\nlet y: bool = true;": [("x", "i32", "5", ""), ("y", "bool", "true", "")],
    "let a: u8 = 1; let b: u8 = 2; // both": [("a", "u8", "1", ""), ("b", "u8", "2", "both")],
    "let mut total: f64 = 0.5;": [("total", "f64", "0.5", "")],
    "let r#type: String = String::new();": [("type", "String", "String::new()", "")],
    'let s: &str = "a;b // c"; // text': [("s", "&str", '"a;b // c"', "text")],
    'let s: &str = r#"a";"b"#; // raw': [("s", "&str", 'r#"a";"b"#', "raw")],
    "let c: char = ';';let q: char = '\\'';": [("c", "char", "';'", ""), ("q", "char", "'\\''", "")],
    "let s: &'static str = \"x\";": [("s", "&'static str", '"x"', "")],
    "let list: Vec<(u8, String)> = vec![\n    (1, String::from(\"a;\")), // one\n    (2, String::new()),\n];": [
        ("list", "Vec<(u8, String)>", 'vec![\n    (1, String::from("a;")),  \n    (2, String::new()),\n]', "")
    ],
    "let array: [u8; 3] = [0; 3]; // three": [("array", "[u8; 3]", "[0; 3]", "three")],
    "let block = { let inner = 1; inner + 1 };": [("block", None, "{ let inner = 1; inner + 1 }", "")],
    ':dep serde = "1"\nuse std::collections::BTreeMap;\nlet m: BTreeMap<String, i64> = BTreeMap::new();': [
        ("m", "BTreeMap<String, i64>", "BTreeMap::new()", "")
    ],
    "fn twice(x: i32) -> i32 { let y = 2; x * y }\nlet x: i32 = twice(2);": [("x", "i32", "twice(2)", "")],
    "#[allow(unused)]\nlet x: i32 = 5;": [("x", "i32", "5", "")],
    "let (a, b) = (1, 2);": [],
    'println!("let x: i32 = 5;");': [],
    "let x: i32;": [],
    "let x: i32 = 5": [],
    "let x: i32 == 5": [],
    "": [],
    "}}} ;;; let": [],
    "let unended = \"": [],
}


@pytest.mark.parametrize("source", CASES)
def test_declarations(source):
    assert [(one.name, one.type, one.value, one.help) for one in declarations(source)] == CASES[source]


@pytest.mark.parametrize(
    ("value", "implied"),
    [
        ("5", "i32"),
        ("-5", "i32"),
        ("5u16", "u16"),
        ("1_000_i64", "i64"),
        ("0xff", "i32"),
        ("0.5", "f64"),
        ("1.", "f64"),
        ("2e5", "f64"),
        ("2f32", "f32"),
        ("0.5_f32", "f32"),
        ("true", "bool"),
        ("'x'", "char"),
        ('"x"', "&str"),
        ('r"x"', "&str"),
        ('"x".to_string()', "String"),
        ('String::from("x")', "String"),
        ("String::new()", "String"),
        ("answer()", None),
        ('"a" == "b"', None),
        ("1 + 1", None),
    ],
)
def test_the_type_that_a_default_implies(value, implied):
    assert declarations(f"let x = {value};")[0].implied_type == implied

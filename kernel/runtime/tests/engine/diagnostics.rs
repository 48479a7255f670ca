//! What users see when a cell is wrong, and where it says that the fault is.

use sealbook_runtime::{Engine, Outcome};

use super::cells::{Notebook, Recorder};

/// Cells that cannot be parsed: the line and the column of the cell, and the compiler's words.
pub fn unfinished_code_is_placed_in_the_cell() {
    let mut notebook = Notebook::open();
    let cases = [
        ("1 +", "expected expression, found the end of the cell", "cell:1:4"),
        ("let x = ", "expected expression, found the end of the cell", "cell:1:8"),
        ("let y = (1,\n  2", "the cell has an unclosed delimiter", "cell:2:4"),
        ("let z = 5)", "unexpected closing delimiter: `)`", "cell:1:10"),
        ("let s = \"abc;", "unterminated double quote string", "cell:1:9"),
        (
            "\n// note\nlet a = 1\nlet b = 2;",
            "expected `;`, found keyword `let`",
            "cell:3:10",
        ),
        (
            "struct P { x: i32 y: i32 }",
            "expected `,`, or `}`, found `y`",
            "cell:1:18",
        ),
        ("}", "unexpected closing delimiter: `}`", "cell:1:1"),
    ];
    for (code, value, place) in cases {
        let (ename, evalue, traceback) = notebook.error(code);
        assert_eq!(evalue, value, "{code}: {ename}");
        assert!(traceback.contains(&format!("{place}\n")), "{code}: {traceback}");
        assert!(
            !traceback.contains("lib.rs") && !traceback.contains("evcxr"),
            "{code}: {traceback}"
        );
    }
    assert_eq!(notebook.result("1 + 1"), "2");
}

/// A value without `Debug` is a result all the same.
pub fn what_has_no_debug_is_named() {
    let mut notebook = Notebook::open();
    notebook.ok("struct Point { x: i32 } fn named(n: i32) -> i32 { n }");
    notebook.ok("let p = Point { x: 1 };");
    let cases = [
        ("p", "Point"),
        ("println!(\"once\"); vec![Point { x: 1 }]", "Vec<Point>"),
        ("|n: i32| n + 1", "a closure"),
        ("named", "named"),
    ];
    for (code, named) in cases {
        let shown = notebook.result(code);
        assert!(shown.contains(named) && shown.contains("no Debug"), "{code}: {shown}");
    }
    assert_eq!(notebook.result("p.x"), "1");
    let (ename, _, traceback) = notebook.error("let q = 1;\nlet n: String = p.x; p");
    assert_eq!(ename, "E0308");
    assert!(traceback.contains("cell:2:17"), "{traceback}");
}

/// Panics are placed in the cell that they are in, also when that is an earlier one.
pub fn panics_are_placed_in_their_cells() {
    let mut notebook = Notebook::open();
    notebook.counts = true;
    notebook
        .ok("\nfn outer(v: &[i32]) -> i32 {\n    fn inner(v: &[i32]) -> i32 {\n        v[9]\n    }\n    inner(v)\n}");
    let (_, _, traceback) = notebook.error("outer(&[1])");
    assert!(
        traceback.starts_with("panicked at cell [1]:4:9:\nindex out of bounds"),
        "{traceback}"
    );
    notebook.ok(
        "let f: Box<dyn Fn(i32) -> i32 + Send + Sync> = Box::new(|n| {\n    if n > 1 { panic!(\"large\") }\n    n\n});",
    );
    // The same text, on the same line, in another cell: which library it is in decides.
    assert_eq!(
        notebook.result("let g = 1;\n    if false { panic!(\"large\") }\nf(g)"),
        "1"
    );
    let (_, _, traceback) = notebook.error("1; f(2)");
    assert_eq!(traceback, "panicked at cell [3]:2:16:\nlarge");
    let (_, _, traceback) = notebook.error("let n: Option<i32> = None;\n  n.unwrap()");
    assert!(traceback.starts_with("panicked at cell [6]:2:5:"), "{traceback}");
    // The compiler takes the parentheses around a result for the place of an operator in it.
    let (_, _, traceback) = notebook.error("let n = 7u8;\n  n - std::hint::black_box(9)");
    assert!(traceback.starts_with("panicked at cell [7]:2:3:"), "{traceback}");
    // Threads, and what the cell caught.
    let ran = notebook.ok("let failed = std::thread::spawn(|| {\n    panic!(\"aside\")\n}).join().is_err();");
    assert!(
        ran.stderr().contains("panicked at cell [8]:2:5:\naside"),
        "{}",
        ran.stderr()
    );
    let ran = notebook.ok("let caught = std::panic::catch_unwind(|| outer(&[])).is_err();");
    assert!(ran.stderr().contains("panicked at cell [1]:4:9"), "{}", ran.stderr());
    let ran = notebook.ok("let text = String::from(\"a\");\n  let both = dbg!(text, 1 + 2);");
    assert_eq!(
        ran.stderr(),
        "[cell [10]:2:14] text = \"a\"\n[cell [10]:2:14] 1 + 2 = 3\n"
    );
    let (_, _, traceback) = notebook.error("fn later() -> i32 { \"text\" }");
    assert!(traceback.contains("cell [11]:1:21"), "{traceback}");
    let (_, _, traceback) = notebook.error("outer(1)");
    assert!(
        traceback.contains("cell [12]:1:7") && traceback.contains("cell [1]:2:4"),
        "{traceback}"
    );
}

/// Whatever hook a cell sets: the next panic has its place, and the user's hook hears of it.
pub fn hooks_of_users_are_kept() {
    let mut notebook = Notebook::open();
    notebook.ok("std::panic::set_hook(Box::new(|_| eprintln!(\"mine\")));");
    let ran = notebook.run("panic!(\"one\")");
    assert_eq!(ran.stderr(), "mine\n");
    let (_, evalue, traceback) = notebook.error("panic!(\"one\")");
    assert_eq!(
        (evalue.as_str(), traceback.as_str()),
        ("one", "panicked at cell:1:1:\none")
    );
    notebook.ok("let _ = std::panic::take_hook();");
    let ran = notebook.run("panic!(\"two\")");
    assert_eq!(ran.stderr(), "");
    notebook.ok("let old = std::panic::take_hook(); std::panic::set_hook(Box::new(move |info| { eprintln!(\"more\"); old(info); }));");
    for _ in 0..2 {
        let ran = notebook.run("panic!(\"three\")");
        assert_eq!(ran.stderr(), "more\n");
    }
    // Set, and taken away, by the cell that panics.
    let cases = [
        (
            "std::panic::set_hook(Box::new(|_| eprintln!(\"own\"))); panic!(\"four\")",
            "own\n",
            "cell:1:55",
        ),
        ("let _ = std::panic::take_hook(); panic!(\"four\")", "", "cell:1:34"),
        (
            "std::panic::set_hook(Box::new(|_| eprintln!(\"a\"))); std::panic::set_hook(Box::new(|_| eprintln!(\"b\"))); panic!(\"four\")",
            "b\n",
            "cell:1:105",
        ),
    ];
    for (code, said, place) in cases {
        let ran = notebook.run(code);
        assert_eq!(ran.stderr(), said, "{code}");
        let Outcome::Error { traceback, .. } = ran.outcome else {
            panic!("{code}")
        };
        assert_eq!(
            traceback,
            [format!("panicked at {place}:"), "four".to_owned()],
            "{code}"
        );
    }
    assert_eq!(notebook.result("1 + 1"), "2");
}

/// Labels and suggestions near the final expression, and errors in what evcxr rewrites.
pub fn labels_and_help_are_whole() {
    let mut notebook = Notebook::open();
    let cases: [(&str, &[&str]); 9] = [
        (
            "let v = vec![1];\nlet w = v;\nv.len()",
            &[
                "cell:3:1",
                "move occurs because `v`",
                "value moved here",
                "value borrowed here after move",
            ],
        ),
        (
            "use std::collections::{HashMap,\n    HashMapp};",
            &["cell:2:5", "HashMapp"],
        ),
        ("let n: i32 = \"5\"; n", &["cell:1:14", "expected `i32`, found `&str`"]),
        ("undefined(3); 5", &["cell:1:1", "not found in this scope"]),
        (
            "macro_rules! add { ($a:expr) => { $a + 1 } }\nadd!(\"x\")",
            &["cell:1:38", "in this macro invocation"],
        ),
        (
            "fn takes(text: String) {}\ntakes(\"abc\")",
            &["cell:2:7", "takes(\"abc\".to_string())", "cell:1:4"],
        ),
        ("let k = 5; let part = &k;", &["cell:1:16", "reference", "braces"]),
        ("use rand::Rng;", &["cell:1:5", ":dep rand"]),
        ("let n = [1];\n  return;", &["cell:2:3", "nothing to `return` from"]),
    ];
    for (code, expected) in cases {
        let (_, _, traceback) = notebook.error(code);
        let plain = without_colours(&traceback);
        for text in expected {
            assert!(plain.contains(text), "{code}: no {text:?} in\n{plain}");
        }
        assert!(!plain.contains("lib.rs") && !plain.contains("vcxr"), "{code}: {plain}");
    }
}

/// The handle of a thread that never ends has a type that code cannot write.
pub fn what_never_ends_is_kept() {
    let mut notebook = Notebook::open();
    for round in ["early", "full"] {
        notebook.ok("let h = std::thread::spawn(|| loop { std::thread::park() });");
        assert_eq!(notebook.result("h.is_finished()"), "false", "{round}");
        if round == "early" {
            sealbook_runtime::Engine::complete(&mut notebook.engine, "h.is", 4);
        }
    }
}

/// How files are written elsewhere does not matter.
pub fn foreign_line_ends_are_read() {
    let mut notebook = Notebook::open();
    assert_eq!(
        notebook.result("\u{feff}let a = 1;\r\nlet text = \"x\r\ny\";\r\ntext.len()"),
        "3"
    );
    let (_, _, traceback) = notebook.error("let a = 1;\r\nlet b: i32 = \"\";\r\n");
    assert!(traceback.contains("cell:2:14"), "{traceback}");
    assert_eq!(notebook.result("std::env::args().count()"), "1");
}

/// What shows itself and then takes its time to go is the result.
pub fn a_slow_result_is_a_result() {
    let mut notebook = Notebook::open();
    notebook.ok("struct Slow; impl Slow { fn evcxr_display(&self) {
            println!(\"EVCXR_BEGIN_CONTENT text/html\\n<p>\\nEVCXR_END_CONTENT\"); } }
        impl Drop for Slow { fn drop(&mut self) { std::thread::sleep(std::time::Duration::from_millis(700)); } }");
    assert_eq!(notebook.ok("Slow").shown(), ["result text/html=<p>"]);
}

/// A secret that became known after the cell that holds it ran: the cell's lines are quoted as they are from then on.
pub fn lines_with_secrets_are_not_changed() {
    let mut notebook = Notebook::open();
    notebook.ok("const KEY: &str = \"planted\"; struct Holder;");
    notebook.ok("fn copied<T: Clone>(_: T) {}");
    for (secret, is_changed) in [(None, true), (Some("planted"), false), (Some("another"), true)] {
        let mut recorder = Recorder {
            secret,
            ..Recorder::default()
        };
        let outcome = notebook.engine.execute("copied(Holder);", &mut recorder);
        let Outcome::Error { traceback, .. } = outcome else {
            panic!("{outcome:?}")
        };
        let text = without_colours(&traceback.join("\n"));
        let changed = "1 + const KEY: &str = \"planted\"; #[derive(Clone)]";
        assert_eq!(text.contains(changed), is_changed, "{secret:?}: {text}");
        assert!(text.contains("annotating `Holder`"), "{text}");
    }
}

fn without_colours(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| {
        plain + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}

//! Commands, input, completion, inspection, and leaving nothing behind.

use std::path::PathBuf;
use std::time::Duration;

use sealbook_runtime::{Engine, EvcxrEngine, Options, Outcome};

use super::cells::{Broker, Notebook};

pub fn commands() {
    let mut notebook = Notebook::open();
    notebook.ok("let a = 3;");
    assert!(notebook.result(":vars").contains("a: i32"));
    assert_eq!(notebook.result(":type a"), "a: i32");
    notebook.ok("let b = vec![String::new()]; let c = vec![1, 2];");
    assert_eq!(notebook.result(":type b"), "b: Vec<String>");
    assert_eq!(notebook.result(":type c"), "c: Vec<i32>");
    assert!(notebook.result(":help").contains(":dep"));
    notebook.ok(":restart");
    let (ename, _, _) = notebook.error("a");
    assert_eq!(ename, "E0425");
    notebook.ok("let a = 4;");
    assert_eq!(notebook.result("a"), "4");
    notebook.ok(":clear");
    assert_eq!(notebook.error("a").0, "E0425");
    assert_eq!(notebook.ok("!printf 'x y'").stdout(), b"x y");
    assert_eq!(notebook.error("!exit 3").1, "the command ended with exit status 3");
    assert_eq!(
        notebook.ok("%%sh\nfor i in 1 2; do\n  echo $i\ndone").stdout(),
        b"1\n2\n"
    );
    assert_eq!(notebook.ok("!echo $$ >&2; cd / && pwd").stdout(), b"/\n");
    assert_eq!(
        notebook.error(":opt fast").1,
        "unknown optimisation level \"fast\"; use :opt 0, 1, 2, 3, s or z"
    );
    assert_eq!(notebook.result(":opt 0"), "Optimization: 0\n");
    assert_eq!(notebook.result("1 + 1"), "2");
    assert_eq!(notebook.result("dbutils.secrets.list_scopes().len()"), "1");
    notebook.ok(":fmt {:#?}");
    assert_eq!(notebook.result("vec![1]"), "[\n    1,\n]");
    notebook.ok(":fmt {:?}");
    notebook.ok(":types");
    assert_eq!(notebook.result("vec![1]"), ": Vec<i32> = [1]");
    notebook.ok(":types");
    assert_eq!(notebook.result("vec![1]"), "[1]");
    for refused in [
        ":fmt {:x}",
        ":types x",
        ":type",
        ":type nobody",
        ":linker x",
        ":toolchain x",
        ":time_passes",
        ":dep",
        ":doc",
    ] {
        assert_eq!(notebook.error(refused).0, "CommandError", "{refused}");
    }
    assert_eq!(notebook.result(":show_deps"), "There are no dependencies.\n");
    let quit = notebook.ok(":quit");
    let Outcome::Ok { payload } = quit.outcome else {
        panic!()
    };
    assert_eq!(payload[0]["source"], "ask_exit");
    assert_eq!(notebook.result("1"), "1");
    assert_eq!(
        notebook.error(":no_such_command").1,
        "Unrecognised command :no_such_command"
    );
}

/// Types are found before rust-analyzer knows the standard library, and after.
pub fn types() {
    let mut notebook = Notebook::open();
    notebook.ok("struct Point<T> { x: T }");
    for round in ["early", "full"] {
        notebook.ok("let (mut list, map) = (vec![1u8], std::collections::HashMap::<String, i32>::new());");
        assert_eq!(
            notebook.result("list.push(2); (list.len(), map.len())"),
            "(2, 0)",
            "{round}"
        );
        notebook.ok("let Some(Point { x }) = Some(Point { x: 1.5 }) else { panic!() }; let boxed: Box<dyn Fn(i32) -> i32> = Box::new(|n| n + 1);");
        assert_eq!(notebook.result("(x, boxed(1))"), "(1.5, 2)", "{round}");
        assert_eq!(
            notebook.result("let next = list.iter().map(|n| n + 1).collect::<Vec<_>>(); next.len() + list.len()"),
            "4"
        );
        // Inferred from what comes later.
        notebook.ok("let seconds = 2; let time = std::time::Duration::from_secs(seconds);");
        assert_eq!(notebook.result("seconds + time.as_secs()"), "4", "{round}");
        let moved = notebook.ok("let text = String::from(\"a\"); drop(text);");
        assert_eq!(moved.shown(), [""; 0], "{round}");
        assert_eq!(notebook.error("text").0, "E0425", "{round}");
        let (ename, _, traceback) = notebook.error("let a = 1; undefined + a");
        assert_eq!(ename, "E0425");
        assert!(traceback.contains("cell:1:12"), "{round}: {traceback}");
        let (ename, _, traceback) = notebook.error("let a = vec![1]; panic!(\"{}\", a.len())");
        assert_eq!(ename, "panic");
        assert!(traceback.contains("cell:1:18"), "{round}: {traceback}");
        notebook.ok("let f = |n: i32| n + 1; let mut count = 0; let mut next = move || { count += f(1); count };");
        assert_eq!(notebook.result("(next(), next(), f(4))"), "(2, 4, 5)", "{round}");
        assert_eq!(
            notebook.result("[1, 2].iter().copied().map(&f).sum::<i32>()"),
            "5",
            "{round}"
        );
        let (_, _, traceback) = notebook.error("let number = 5; let part = &number;");
        assert!(
            traceback.contains("part") && traceback.contains("cell:1:21"),
            "{round}: {traceback}"
        );
        if round == "early" {
            notebook.engine.complete("list.le", 7);
        }
    }
}

pub fn completion_and_inspection() {
    let mut notebook = Notebook::open();
    notebook.ok("let greeting = String::from(\"hi\");");
    let found = notebook.engine.complete("let x = greeting.to_upper", 25);
    assert_eq!((found.start, found.end), (17, 25));
    assert!(
        found
            .candidates
            .iter()
            .any(|c| c.text == "to_uppercase" && c.kind == "function"),
        "{found:?}"
    );
    // Fields of the notebook's own types come first, private ones of others behind the methods.
    notebook.ok("struct Pair { zeroth: i32 } impl Pair { fn swap(&self) {} } let pair = Pair { zeroth: 1 };");
    let found = notebook.engine.complete("pair.", 5);
    assert_eq!(found.candidates[0].text, "zeroth", "{found:?}");
    let found = notebook.engine.complete("greeting.", 9);
    assert_eq!(found.candidates[0].kind, "function", "{found:?}");
    // Fields that no cell can name are not offered, and do not hide the method of the same name.
    notebook.ok("struct Long { len: u8, pub wide: u8 } let long = Long { len: 1, wide: 2 }; let list = vec![1]; let range = 1..2; let two = (1, 2);");
    let kinds = |notebook: &mut Notebook, code: &str, name: &str| {
        let found = notebook.engine.complete(code, code.len()).candidates;
        let kinds = found
            .into_iter()
            .filter(|found| found.text == name)
            .map(|found| found.kind);
        kinds.collect::<Vec<_>>().join(" ")
    };
    for (code, name, kind) in [
        ("greeting.", "vec", ""),
        ("greeting.ve", "vec", ""),
        ("list.", "buf", ""),
        ("list.", "len", "function"),
        ("list.", "len", "function"),
        ("long.", "len", "instance"),
        ("let l = &long; l.", "wide", "instance"),
        ("range.", "start", "instance"),
        ("two.", "1", "instance"),
    ] {
        assert_eq!(kinds(&mut notebook, code, name), kind, "{code}{name}");
    }
    // Nor are methods that no cell can call, as soon as the sources have been read; but those that a cell has the name of are.
    let since = std::time::Instant::now();
    while !kinds(&mut notebook, "list.", "append_elements").is_empty() {
        assert!(since.elapsed().as_secs() < 60, "offers a private method");
    }
    for (code, name, kind) in [
        ("list.", "extend_desugared", ""),
        ("list.", "append", "function"),
        ("list.", "iter", "function"),
        ("list.iter().", "map", "function"),
        ("greeting.", "to_uppercase", "function"),
        ("dbutils.secrets.", "get", "function"),
    ] {
        assert_eq!(kinds(&mut notebook, code, name), kind, "{code}{name}");
    }
    notebook.ok("impl Pair { fn append_elements(&self) {} }");
    assert_eq!(kinds(&mut notebook, "pair.", "append_elements"), "function");
    let found = notebook.engine.complete("dbutils.secrets.ge", 18);
    // The name alone: the parentheses may stand there already.
    let get = found.candidates.iter().find(|c| c.text == "get").expect("get");
    assert!(get.signature.as_ref().is_some_and(|text| text.contains('(')), "{get:?}");
    let found = notebook.engine.complete("dbut", 4);
    assert!(found.candidates.iter().any(|c| c.text == "dbutils"), "{found:?}");
    let about = notebook.engine.inspect("Vec::new()", 7, 0).unwrap();
    assert!(about.plain.contains("Constructs a new, empty"), "{about:?}");
    assert!(about.markdown.unwrap().contains("```rust\n"), "markdown");
    assert_eq!(notebook.engine.inspect("    ", 2, 0), None);
    // Both leave the state alone.
    assert_eq!(notebook.result("greeting"), "\"hi\"");
}

pub fn nothing_is_left() {
    let before = folders();
    let mut notebook = Notebook::open();
    let during = folders();
    assert_eq!(during.len(), before.len() + 1);
    notebook.ok("let child = std::process::Command::new(\"sleep\").arg(\"1000\").spawn()?; let pid = child.id();");
    let pid = notebook.result("pid");
    Box::new(notebook.engine).shutdown();
    assert_eq!(folders(), before);
    let is_there = || {
        let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline"));
        command.is_ok_and(|command| command.contains("sleep"))
    };
    // Killed processes need a moment to be gone.
    for _ in 0..100 {
        if !is_there() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("what a cell started is still there");
}

fn folders() -> Vec<PathBuf> {
    let bases = [PathBuf::from("/dev/shm"), std::env::temp_dir()];
    let entries = bases
        .iter()
        .filter_map(|base| std::fs::read_dir(base).ok())
        .flatten()
        .flatten();
    let ours = entries
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().contains("sealbook-build-"));
    let this = std::process::id();
    // Those of tests that run at the same time are not ours to count.
    ours.filter(|path| std::fs::read_to_string(path.join("lock")).is_ok_and(|pid| pid == this.to_string()))
        .collect()
}

pub fn no_toolchain_is_said() {
    #[expect(unsafe_code, reason = "the only way to hide the toolchain")]
    // SAFETY: no other thread runs yet.
    unsafe {
        std::env::set_var("PATH", "/nowhere");
        std::env::set_var("CARGO_HOME", "/nowhere");
    }
    let error = EvcxrEngine::start(Options::new(std::sync::Arc::new(Broker::default())))
        .err()
        .unwrap();
    assert!(error.0.contains("rustup") && error.0.contains("PATH"), "{error}");
}

/// A cell of many values is compiled without optimisation, unless that was chosen.
pub fn long_lists_are_not_optimised() {
    let before = folders();
    let mut notebook = Notebook::open();
    let folder = folders().into_iter().find(|folder| !before.contains(folder)).unwrap();
    // Where the compiler keeps what it knows of such cells.
    let plain = folder.join("home/plain");
    let cell = format!("let list = vec![{}]; list.len()", "String::from(\"a\"), ".repeat(250));
    // Built by cargo, and then without it.
    for _ in 0..2 {
        assert_eq!(notebook.result(&cell), "250");
        std::fs::remove_dir_all(&plain).unwrap();
    }
    assert_eq!(notebook.result("list.iter().map(String::len).sum::<usize>()"), "250");
    assert!(!plain.exists());
    notebook.ok(":opt 1");
    assert_eq!(notebook.result(&cell), "250");
    assert!(!plain.exists());
}

/// A function with many values is compiled once for all cells that use it.
pub fn long_lists_of_functions_are_compiled_once() {
    let before = folders();
    let mut notebook = Notebook::open();
    let folder = folders().into_iter().find(|folder| !before.contains(folder)).unwrap();
    let apart = folder.join("home/apart");
    let list = "\"a\".to_string(), ".repeat(250);
    notebook.ok(&format!(
        "fn table() -> Vec<String> {{ vec![{list}] }}\nfn rows() -> usize {{ table().len() }}"
    ));
    notebook.ok("let kept = 7_usize; fn other() -> i32 { 1 }");
    // One that does not use it is compiled as ever.
    assert_eq!(notebook.result("other()"), "1");
    assert!(!apart.exists());
    for (code, result) in [
        ("table().len() + kept", "257"),
        ("let mut kept = kept + 1; rows() + kept", "258"),
        ("print!(\"{}\", table()[0]); kept", "8"),
    ] {
        assert_eq!(notebook.result(code), result, "{code}");
        // The compiler leaves what it made of the function, if it accepts the code.
        assert!(holds(&apart, "work-products.bin"), "{code}");
        std::fs::remove_dir_all(&apart).unwrap();
    }
    // What only means something in its old place is compiled there, and errors are those of the cell.
    notebook.ok("mod tools { macro_rules! assert { () => { 3 } } pub(crate) use assert; } use tools::assert;");
    assert_eq!(notebook.result("table().len() + assert!()"), "253");
    assert!(!holds(&apart, "work-products.bin"));
    let (ename, _, traceback) = notebook.error("let n = 1;\nlet m: String = table();");
    assert_eq!(ename, "E0308");
    assert!(traceback.contains("2:"), "{traceback}");
    assert!(notebook.error("table();\npanic!(\"here\")").2.contains("2:1"));
    assert_eq!(notebook.result("kept"), "8");
}

/// Whether a file of this name is in the folder, or below.
fn holds(folder: &std::path::Path, name: &str) -> bool {
    let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.any(|entry| entry.file_name() == name || holds(&entry.path(), name))
}

/// Of a variable and an item of one name it is the newer that counts.
pub fn the_newest_definition_counts() {
    let mut notebook = Notebook::open();
    // A `let` cannot take over the name of a constant, so each round has its own.
    for (round, limit) in [("early", "LIMIT"), ("full", "BOUND")] {
        notebook.ok("let f = |n: i32| n + 1; let other = 7;");
        assert_eq!(notebook.result("f(1)"), "2", "{round}");
        // Alone in its cell, and not.
        notebook.ok("fn f(n: i32) -> String { format!(\"{n}!\") }");
        notebook.ok("let made = f(1);");
        assert_eq!(
            notebook.result("(&made, f(2), other)"),
            "(\"1!\", \"2!\", 7)",
            "{round}"
        );
        notebook.ok("let f = |n: i32| n + 2;");
        assert_eq!(notebook.result("f(1)"), "3", "{round}");
        assert_eq!(notebook.result("fn f() -> i32 { 9 } f()"), "9", "{round}");
        assert_eq!(notebook.result("f()"), "9", "{round}");
        notebook.ok(&format!("let {limit} = 1;"));
        assert_eq!(
            notebook.result(&format!("const {limit}: u8 = 2; {limit}")),
            "2",
            "{round}"
        );
        // Lines of cells that look like the parameters which evcxr writes.
        notebook.ok("let port = 1;");
        notebook.ok("fn port() -> u16 { 80 }");
        assert_eq!(
            notebook.result("let text = \"\nport: 8080,\n\"; (text.trim(), port())"),
            "(\"port: 8080,\", 80)",
            "{round}"
        );
        // A cell that fails changes nothing.
        notebook.ok("let g = |n: i32| n * 2;");
        assert_eq!(notebook.error("fn g() -> i32 { 1 } undefined").0, "E0425", "{round}");
        assert_eq!(notebook.result("g(4)"), "8", "{round}");
        notebook.ok("fn g() -> i32 { 1 }");
        notebook.ok("let g = 5;");
        assert_eq!(notebook.result("g"), "5", "{round}");
        if round == "early" {
            notebook.engine.complete("made.le", 7);
        }
    }
}

/// What evcxr's own lines look like, in texts of cells: as statements, and as items of every later cell.
pub fn lines_that_look_generated_are_kept() {
    const LINES: &str = "\n(\n).evcxr_display();\n    println!(\"EVCXR_PANIC_NOTIFICATION\");\n  Err(_) => {\n    \
        println!(\"EVCXR_PANIC_NOTIFICATION\");\n}).is_err() {\n    println!(\"EVCXR_PANIC_NOTIFICATION\");\n\
        \"evcxr_tokio_runtime\"\neprintln!(\"{}\", error);\n\
        println!(\"{}\", evcxr_internal_runtime::USER_ERROR_OCCURRED);\nmod evcxr_internal_runtime {\n}\n\
        #[unsafe(no_mangle)]\npub extern \"C\" fn run_user_code_1(\n\
        let h = evcxr_variable_store.take_variable::<J<!>>(stringify!(h));\n\
        evcxr_variable_store.put_variable::<J<!>>(stringify!(h), h);\n";
    let mut notebook = Notebook::open();
    let shown = format!("{LINES:?}");
    notebook.ok(&format!("const KEPT: &str = r#\"{LINES}\"#;"));
    notebook.ok(&format!(
        "macro_rules! lines {{ () => {{ stringify!({}) }} }}",
        LINES.replace(['(', ')', '{', '}'], "")
    ));
    notebook.ok("let h = |n: i32| n + 1;");
    for code in [
        "KEPT".to_owned(),
        format!("let text = r#\"{LINES}\"#;\ntext"),
        format!("/*{LINES}*/\nlet n = h(1); // {}\nKEPT", LINES.replace('\n', " ")),
        format!("r#\"{LINES}\"#"),
    ] {
        assert_eq!(notebook.result(&code), shown, "{code}");
    }
    assert_eq!(notebook.result("lines!().contains(\"dbutils\")"), "false");
    assert_eq!(notebook.result("h(2)"), "3");
    // What the lines stand for still works.
    let (ename, _, text) = notebook.error("let n: i32 = \"x\".parse()?;");
    assert!(ename.contains("ParseIntError"), "{ename}: {text}");
    let (ename, evalue, _) = notebook.error("panic!(\"boom\")");
    assert_eq!((ename.as_str(), evalue.as_str()), ("panic", "boom"));
    assert_eq!(notebook.result("vec![\n(\n1, 2\n),\n]"), "[(1, 2)]");
}

//! Asking whoever sits at the front end: by `dbutils`, by evcxr's convention, and by reading standard input.

use sealbook_runtime::{Engine, Event, Outcome};

use super::cells::{Notebook, Recorder, plain};
use super::processes::{self, Processes};

pub fn input() {
    let mut notebook = Notebook::open();
    // What the crate evcxr_input does, without the registry.
    notebook.ok("fn ask(request: &str) -> String {
            println!(\"{request}\");
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).unwrap();
            line.trim().to_owned()
        }");
    assert_eq!(
        notebook.result("ask(\"EVCXR_INPUT_REQUEST:name?\")"),
        "\"NAME? hidden: false\""
    );
    assert_eq!(
        notebook.result("ask(\"EVCXR_INPUT_REQUEST_PASSWORD:key\")"),
        "\"KEY hidden: true\""
    );
    let (ename, _, _) = notebook.error("ask(\"EVCXR_INPUT_REQUEST:refuse\")");
    assert_eq!(ename, "StdinNotImplementedError");
    assert_eq!(
        notebook.result("ask(\"EVCXR_INPUT_REQUEST:again\")"),
        "\"AGAIN hidden: false\""
    );
    // Over the private channel the answer comes whole; the crate's two functions are ours, without a registry.
    notebook.ok(":dep evcxr_input = \"1\"");
    assert_eq!(
        notebook.result("evcxr_input::get_string(\"name?\")"),
        "\"NAME?\\nhidden: false\""
    );
    assert_eq!(
        notebook.result("dbutils::password(\"key\").unwrap()"),
        "\"KEY\\nhidden: true\""
    );
    let (ename, _, _) = notebook.error("evcxr_input::get_password(\"refuse\")");
    assert_eq!(ename, "StdinNotImplementedError");
    assert_eq!(notebook.result("1 + 1"), "2");
}

/// What a cell does when `lines` are typed, and then nobody answers: its result or the error's name, and the prompts.
fn typing(notebook: &mut Notebook, lines: &[&str], code: &str) -> (String, Vec<String>) {
    let mut recorder = Recorder {
        typed: Some(lines.iter().rev().map(|line| (*line).to_owned()).collect()),
        ..Recorder::default()
    };
    let outcome = notebook.engine.execute(code, &mut recorder);
    let result = recorder.events.iter().find_map(|event| match event {
        Event::Result(data) => Some(plain(data)),
        _ => None,
    });
    let said = match outcome {
        Outcome::Error { ename, .. } => ename,
        _ => result.unwrap_or_default(),
    };
    (said, recorder.asked.into_iter().map(|request| request.prompt).collect())
}

pub fn standard_input_asks() {
    let mut notebook = Notebook::open();
    notebook.ok("use std::io::{BufRead, Read, Write};
        fn line() -> String { let mut line = String::new(); std::io::stdin().read_line(&mut line).unwrap(); line }");
    let nothing = || vec![String::new()];
    assert_eq!(
        typing(&mut notebook, &["Ada"], "line()"),
        ("\"Ada\\n\"".to_owned(), nothing())
    );
    assert_eq!(
        typing(&mut notebook, &[""], "line()"),
        ("\"\\n\"".to_owned(), nothing())
    );
    // Two lines are two requests, and an answer of two lines is one line.
    let (said, asked) = typing(&mut notebook, &["one\ntwo", "three"], "(line(), line())");
    assert_eq!((said.as_str(), asked.len()), ("(\"one two\\n\", \"three\\n\")", 2));
    // A request that was printed before is the request; the next read is one of its own.
    let printed = "println!(\"EVCXR_INPUT_REQUEST:name?\"); (line(), line())";
    let (said, asked) = typing(&mut notebook, &["a", "b"], printed);
    assert_eq!(
        (said.as_str(), asked),
        ("(\"a\\n\", \"b\\n\")", vec!["name?".to_owned(), String::new()])
    );
    let later = "println!(\"EVCXR_INPUT_REQUEST:name?\"); std::thread::sleep(std::time::Duration::from_millis(300)); (line(), line())";
    let (said, asked) = typing(&mut notebook, &["a", "b"], later);
    assert_eq!((said.as_str(), asked.len()), ("(\"a\\n\", \"b\\n\")", 2));
    // From a thread, byte by byte, and into several buffers.
    let threads = "std::thread::spawn(line).join().unwrap()";
    assert_eq!(typing(&mut notebook, &["x"], threads).0, "\"x\\n\"");
    // SAFETY: of the cells below: descriptor 0 is the process's own, and is neither closed nor left to another.
    let bytes = "use std::os::fd::FromRawFd; let mut raw = std::mem::ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(0) });
        let (mut a, mut b) = ([0; 1], [0; 5]);
        let sizes = (raw.read(&mut a)?, raw.read_vectored(&mut [std::io::IoSliceMut::new(&mut b)])?); (sizes, a, b[0])";
    let (said, asked) = typing(&mut notebook, &["yz"], bytes);
    assert_eq!((said.as_str(), asked.len()), ("((1, 2), [121], 122)", 1));
    // What was not read is not there for the next cell.
    assert_eq!(typing(&mut notebook, &["left over"], bytes).1.len(), 1);
    assert_eq!(typing(&mut notebook, &["mine"], "line()").0, "\"mine\\n\"");
    // Another file in its place is read as it is.
    // SAFETY: of the cell: the calls take numbers of open descriptors.
    let file = "let folder = std::env::temp_dir().join(format!(\"sealbook-input-{}\", std::process::id()));
        std::fs::write(&folder, \"from a file\\n\")?; let file = std::fs::File::open(&folder)?; std::fs::remove_file(&folder)?;
        unsafe extern \"C\" { fn dup(fd: i32) -> i32; fn dup2(from: i32, to: i32) -> i32; }
        let kept = unsafe { dup(0) }; unsafe { dup2(std::os::fd::AsRawFd::as_raw_fd(&file), 0) };
        let mut all = String::new(); std::io::stdin().read_to_string(&mut all)?; unsafe { dup2(kept, 0) }; all";
    assert_eq!(
        typing(&mut notebook, &[], file),
        ("\"from a file\\n\"".to_owned(), Vec::new())
    );
}

pub fn standard_input_ends() {
    let mut notebook = Notebook::open();
    notebook.ok("use std::io::{BufRead, Read}; let kept = 1;");
    // Ctrl-D.
    let all = "std::io::stdin().lines().collect::<Result<Vec<_>, _>>()?";
    let (said, asked) = typing(&mut notebook, &["one", "two", "\u{4}"], all);
    assert_eq!((said.as_str(), asked.len()), ("[\"one\", \"two\"]", 3));
    // Nobody answers: an error at once, whoever reads.
    for code in [
        all,
        "std::thread::spawn(|| std::io::stdin().lines().next()).join().unwrap()",
    ] {
        assert_eq!(typing(&mut notebook, &[], code).0, "StdinNotImplementedError");
        assert_eq!(notebook.result("kept"), "1");
    }
    // Between two cells there is nobody to ask: the end, and the thread goes on.
    notebook.ok("let reader = std::thread::spawn(|| { std::thread::sleep(std::time::Duration::from_millis(500));
        let mut line = String::new(); let read = std::io::stdin().read_line(&mut line); println!(\"read {read:?}\"); });");
    let Event::Stdout(bytes) = notebook.late() else {
        panic!()
    };
    assert_eq!(String::from_utf8(bytes).unwrap(), "read Ok(0)\n");
    assert_eq!(notebook.result("kept"), "1");
}

/// Programs are not asked for, neither while a cell reads nor before or after: they find the end of their input at once.
pub fn programs_find_no_input() {
    let mut notebook = Notebook::open();
    assert_eq!(notebook.ok("!cat").stdout(), b"");
    assert_eq!(notebook.error("!read x").1, "the command ended with exit status 1");
    notebook.ok("use std::{io::BufRead, process::Command};
        fn cat() -> i32 { Command::new(\"sh\").args([\"-c\", \"cat; ! read x\"]).status().unwrap().code().unwrap() }
        fn line() -> String { let mut line = String::new(); std::io::stdin().read_line(&mut line).unwrap(); line }");
    let (said, asked) = typing(&mut notebook, &["a", "b"], "(cat(), line(), cat(), line(), cat())");
    assert_eq!((said.as_str(), asked.len()), ("(0, \"a\\n\", 0, \"b\\n\", 0)", 2));
    // One that is given its input reads that.
    notebook.ok("Command::new(\"cat\").stdin(std::fs::File::open(\"/dev/null\")?).status()?;");
    // Copying is reading, too; and who does not wait is not made to.
    let mut recorder = Recorder {
        typed: Some(["\u{4}", "one"].map(str::to_owned).to_vec()),
        ..Recorder::default()
    };
    let copy = "std::io::copy(&mut std::io::stdin().lock(), &mut std::io::stdout().lock())?;";
    let outcome = notebook.engine.execute(copy, &mut recorder);
    assert!(matches!(outcome, Outcome::Ok { .. }), "{outcome:?}");
    assert_eq!(recorder.asked.len(), 2);
    // SAFETY: of the cell: descriptor 0 is the process's own.
    let unwaiting = "unsafe extern \"C\" { fn fcntl(fd: i32, command: i32, ...) -> i32; }
        let flags = unsafe { fcntl(0, 3) }; unsafe { fcntl(0, 4, flags | 0o4000) };
        let kind = std::io::stdin().read_line(&mut String::new()).map_err(|error| error.kind());
        unsafe { fcntl(0, 4, flags) }; kind";
    assert_eq!(
        typing(&mut notebook, &["x"], unwaiting),
        ("Err(WouldBlock)".to_owned(), Vec::new())
    );
    assert_eq!(typing(&mut notebook, &["c"], "line()").0, "\"c\\n\"");
}

/// What a cell ends with that asks and gets no answer; `action` is called when it has asked.
fn unanswered(notebook: &mut Notebook, code: &str, action: impl FnOnce() + 'static) -> String {
    let mut recorder = Recorder {
        on_input: Some(Box::new(action)),
        ..Recorder::default()
    };
    match notebook.engine.execute(code, &mut recorder) {
        Outcome::Error { ename, .. } => {
            assert!(recorder.on_input.is_none(), "{code}: has not asked");
            ename
        }
        other => panic!("{code}: {other:?}"),
    }
}

pub fn a_death_ends_the_wait_for_input() {
    let mut notebook = Notebook::open();
    let line = "let mut line = String::new(); std::io::stdin().read_line(&mut line)?;";
    let printed = format!("println!(\"EVCXR_INPUT_REQUEST:name?\"); {line}");
    let call = "let name = dbutils::input(\"name?\")?;";
    type Choose = fn(&Processes) -> i32;
    let killed: [(&str, Choose, &str); 5] = [
        (line, |all| all.worker, "Killed"),
        (call, |all| all.worker, "Killed"),
        (&printed, |all| all.worker, "Killed"),
        (call, |all| all.supervisor, "ProcessDied"),
        (line, |all| all.builder, "ProcessDied"),
    ];
    for (code, choose, expected) in killed {
        let target = choose(&Processes::of_this());
        let ename = unanswered(&mut notebook, code, move || processes::kill(target));
        assert_eq!(ename, expected, "{code}");
        assert_eq!(notebook.result("1 + 1"), "2");
    }
    // Another thread of the cell ends it, when a file says so; and one that shows as much as the call's queue holds.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("asked");
    let begin = format!("let file = std::path::PathBuf::from({file:?}); let asked = file.clone();");
    let wait = "while !asked.exists() { std::thread::yield_now(); }";
    for (end, expected) in [
        ("std::process::exit(3)", "ProcessExit"),
        ("std::process::abort()", "Abort"),
    ] {
        let code = format!("{begin} std::thread::spawn(move || {{ {wait} {end}; }}); {line}");
        let file = file.clone();
        let asked = move || std::fs::write(file, "").unwrap();
        assert_eq!(unanswered(&mut notebook, &code, asked), expected);
        std::fs::remove_file(folder.path().join("asked")).unwrap();
        assert_eq!(notebook.result("1 + 1"), "2");
    }
    // Displays are whole when they return. What is printed after the last one has no room, and is there before the death.
    let shown = folder.path().join("shown");
    let code = format!(
        "{begin} let shown = std::path::PathBuf::from({shown:?}); std::thread::spawn(move || {{ {wait}
        for _ in 0..64 {{ dbutils::display(\"x\"); }} std::println!(\"one more\"); std::fs::write(&shown, \"\").unwrap();
        loop {{ std::thread::park(); }} }}); {line}"
    );
    let worker = Processes::of_this().worker;
    let full = move || {
        std::fs::write(&file, "").unwrap();
        while !shown.exists() {
            std::thread::yield_now();
        }
        processes::kill(worker);
    };
    assert_eq!(unanswered(&mut notebook, &code, full), "Killed");
    assert_eq!(notebook.result("1 + 1"), "2");
}

pub fn a_death_after_the_cell_ends_the_wait_for_input() {
    let mut notebook = Notebook::open();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("asked");
    let code = format!(
        "let asked = std::path::PathBuf::from({file:?});
        std::thread::spawn(|| std::io::stdin().read_line(&mut String::new()));
        while !asked.exists() {{ std::thread::yield_now(); }}"
    );
    for is_builder in [false, true] {
        let all = Processes::of_this();
        let file = file.clone();
        let asked = move || {
            std::fs::write(&file, "").unwrap();
            // The copy of the process goes when the cell has ended.
            while !processes::children(all.worker).is_empty() {
                std::thread::yield_now();
            }
            std::fs::remove_file(&file).unwrap();
            processes::kill(if is_builder { all.builder } else { all.worker });
        };
        let mut recorder = Recorder {
            on_input: Some(Box::new(asked)),
            ..Recorder::default()
        };
        let outcome = notebook.engine.execute(&code, &mut recorder);
        assert!(recorder.on_input.is_none(), "has not asked");
        // The builder may die before it has said that the cell ended.
        let is_ok = matches!(outcome, Outcome::Ok { .. });
        assert!(is_builder || is_ok, "{outcome:?}");
        if is_builder && is_ok {
            // Or right after: then the next cell may be the one that hears of it.
            notebook.run("();");
        }
        assert_eq!(notebook.result("1 + 1"), "2");
    }
}

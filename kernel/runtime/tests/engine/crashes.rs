//! Cells that fail, die or are interrupted, and what is left afterwards.

use std::time::Duration;

use super::cells::Notebook;

pub fn errors_are_errors() {
    let mut notebook = Notebook::open();
    notebook.ok("let mut n = 1;");
    let (ename, evalue, traceback) = notebook.error("n += 1;\n  panic!(\"boom {}\", n);");
    assert_eq!((ename.as_str(), evalue.as_str()), ("panic", "boom 2"));
    assert_eq!(traceback, "panicked at cell:2:3:\nboom 2");
    assert_eq!(notebook.result("n"), "2");
    let (ename, evalue, _) = notebook.error("let q: i32 = \"x\".parse()?;");
    assert_eq!(
        (ename.as_str(), evalue.as_str()),
        ("ParseIntError", "invalid digit found in string")
    );
    let (ename, _, _) = notebook.error("std::panic::resume_unwind(Box::new(5));");
    assert_eq!(ename, "panic");
    let ran = notebook.ok("let caught = std::panic::catch_unwind(|| panic!(\"inside\")).is_err();");
    assert!(ran.stderr().contains("inside"), "{}", ran.stderr());
    let (ename, evalue, traceback) = notebook.error("let a = 1;\nlet b: i32 = \"text\";");
    assert_eq!((ename.as_str(), evalue.as_str()), ("E0308", "mismatched types"));
    assert!(
        traceback.contains("cell:2:14") && traceback.contains("expected `i32`, found `&str`"),
        "{traceback}"
    );
    let (_, _, traceback) = notebook.error("let s: &str = String::from(\"a\");");
    assert!(
        traceback.contains("help") && traceback.contains("&String::from"),
        "{traceback}"
    );
    assert_eq!(notebook.result("n"), "2");
}

// The cells below are text; what is `unsafe` in them runs in the cell runner. SAFETY: meant to crash there.
pub fn state_survives_crashes() {
    let mut notebook = Notebook::open();
    // A copy that a cell makes of its own process ends where the cell does.
    notebook.ok(
        // SAFETY: notebook code, in a process of its own.
        "unsafe extern \"C\" { fn fork() -> i32; } let kept = 7; if unsafe { fork() } == 0 { println!(\"copy\"); }",
    );
    notebook.ok("let kept = 8;");
    assert_eq!(notebook.result("kept"), "8");
    notebook.ok("let mut v = vec![1, 2, 3]; let text = String::from(\"kept\");");
    notebook.ok("fn forever(n: u64) -> u64 { std::hint::black_box(forever(n + 1)) + 1 }");
    let cases = [
        (
            // SAFETY: as above.
            "let p = std::hint::black_box(64) as *mut i32; unsafe { *p = 1 };",
            "SegmentationFault",
        ),
        ("std::process::exit(3);", "ProcessExit"),
        ("std::process::exit(0);", "ProcessExit"),
        ("std::process::abort();", "Abort"),
        ("println!(\"{}\", forever(1));", "StackOverflow"),
        (
            "std::thread::spawn(|| println!(\"{}\", forever(1))).join().ok();",
            "StackOverflow",
        ),
        (
            // SAFETY: as above.
            "std::thread::spawn(|| unsafe { *(std::hint::black_box(64) as *mut u8) = 1 }).join().ok();",
            "SegmentationFault",
        ),
        (
            "let huge: Vec<u8> = Vec::with_capacity(1 << 46); println!(\"{}\", huge.capacity());",
            "OutOfMemory",
        ),
        (
            "std::io::Write::flush(&mut std::io::stdout())?; std::process::Command::new(\"kill\").args([\"-9\", &std::process::id().to_string()]).status().ok(); loop {}",
            "Killed",
        ),
        (
            // SAFETY: as above; the limit is that of a process that ends with the cell.
            "unsafe extern \"C\" { fn setrlimit(what: i32, limit: *const [u64; 2]) -> i32; }
             unsafe { setrlimit(9, &[1 << 20, 1 << 20]) };
             let mut all = Vec::new(); loop { all.push(vec![1u8; 1 << 20]); }",
            "OutOfMemory",
        ),
        ("panic!(\"x\");", "panic"),
    ];
    for (code, expected) in cases {
        let dying = format!("v.push(99); print!(\"said before\"); {code}");
        let ran = notebook.run(&dying);
        let sealbook_runtime::Outcome::Error { ename, .. } = &ran.outcome else {
            panic!("{code}: {:?}", ran.outcome)
        };
        assert_eq!(ename, expected, "{code}");
        assert_eq!(ran.stdout(), b"said before", "{code}");
        if expected != "panic" {
            assert_eq!(notebook.result("(v.len(), text.as_str())"), "(3, \"kept\")", "{code}");
        }
    }
    // Two crashes in a row, then a cell with a thread, then asynchronous code.
    notebook.error("std::process::abort();");
    notebook.error("std::process::abort();");
    assert_eq!(notebook.result("std::thread::spawn(|| 5).join().unwrap()"), "5");
}

// As above. SAFETY: meant to crash there.
pub fn aborts_say_why() {
    // For the processes that this one starts from now on.
    #[expect(unsafe_code, reason = "no other way to set it for children")]
    // SAFETY: no other thread runs that looks at the environment.
    unsafe {
        std::env::set_var("RUST_BACKTRACE", "1");
    }
    let mut notebook = Notebook::open();
    notebook.ok("let kept = 7;");
    let ran = notebook.run("let wanted = std::hint::black_box(1usize << 60);\nlet v = vec![0u8; wanted]; v.len()");
    let sealbook_runtime::Outcome::Error {
        ename,
        evalue,
        traceback,
    } = &ran.outcome
    else {
        panic!("{:?}", ran.outcome)
    };
    let expected = "an allocation of 1152921504606846976 bytes failed";
    assert_eq!((ename.as_str(), evalue.as_str()), ("OutOfMemory", expected));
    assert_eq!(traceback[1..], ["Every variable is as it was before the cell."]);
    assert_eq!(ran.stderr(), "", "what the standard library says of it is in the error");
    let (ename, evalue, traceback) = notebook.error(
        // SAFETY: as above.
        "let p = std::hint::black_box(0usize) as *const i32;\nlet n = unsafe { *p };\nprintln!(\"{n}\");",
    );
    assert_eq!(
        (ename.as_str(), evalue.as_str()),
        ("SegmentationFault", "null pointer dereference occurred")
    );
    assert!(traceback.starts_with("aborted at cell:2:"), "{traceback}");
    // A panic that was caught is not what a later abort is about.
    let (ename, evalue, _) =
        notebook.error("let _ = std::panic::catch_unwind(|| panic!(\"caught\")); std::process::abort();");
    assert_eq!(
        (ename.as_str(), evalue.as_str()),
        ("Abort", "the cell aborted the process")
    );
    let (ename, evalue, _) = notebook.error(
        "struct Bad; impl Drop for Bad { fn drop(&mut self) { panic!(\"again\") } }\nlet bad = Bad; panic!(\"first\");",
    );
    assert_eq!(ename, "Abort");
    assert!(evalue.contains("panic"), "{evalue}");
    assert_eq!(notebook.result("kept"), "7");
    assert_eq!(
        notebook.result("std::backtrace::Backtrace::capture().status()"),
        "Captured"
    );
}

pub fn interrupts() {
    let mut notebook = Notebook::open();
    notebook.ok("let mut n = 1;");
    for code in [
        "n = 2; println!(\"go\"); loop { std::hint::spin_loop(); }",
        "n = 2; println!(\"go\"); std::thread::sleep(std::time::Duration::from_secs(1000));",
        "n = 2; println!(\"go\"); let (a, b) = std::sync::mpsc::channel::<i32>(); b.recv().unwrap(); drop(a);",
        "n = 2; println!(\"go\"); std::process::Command::new(\"sleep\").arg(\"1000\").status()?;",
        "n = 2; loop { println!(\"go\"); }",
    ] {
        let (ename, traceback) = notebook.interrupted(code);
        assert_eq!(ename, "KeyboardInterrupt");
        assert!(traceback.contains("Every variable is as it was"), "{traceback}");
        assert_eq!(notebook.result("n"), "1", "{code}");
    }
    let (ename, _) = notebook.interrupted("!echo go; sleep 1000");
    assert_eq!(ename, "KeyboardInterrupt");
    // With no cell running it is nothing.
    notebook.engine_interrupt();
    assert_eq!(notebook.result("n"), "1");
    // While it is being compiled: asked for before the cell can have started.
    let interrupt = sealbook_runtime::Engine::interrupt(&notebook.engine);
    let stopper = std::thread::spawn(move || {
        for _ in 0..200 {
            interrupt.interrupt();
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    let (ename, _, _) = notebook.error("std::thread::sleep(std::time::Duration::from_secs(1000));");
    stopper.join().unwrap();
    assert_eq!(ename, "KeyboardInterrupt");
    assert_eq!(notebook.result("n"), "1");
}

impl Notebook {
    fn engine_interrupt(&self) {
        sealbook_runtime::Engine::interrupt(&self.engine).interrupt();
    }
}

pub fn lost_state_is_said() {
    let mut notebook = Notebook::open();
    notebook.ok("let n = 1;");
    // A thread that ends the process between two cells.
    notebook.ok(
        "std::thread::spawn(|| { std::thread::sleep(std::time::Duration::from_millis(300)); std::process::exit(1); });",
    );
    let said = loop {
        if let sealbook_runtime::Event::Stderr(bytes) = notebook.late() {
            break String::from_utf8_lossy(&bytes).into_owned();
        }
    };
    assert!(said.contains("variables are lost"), "{said}");
    let (ename, _, _) = notebook.error("n");
    assert_eq!(ename, "E0425");
    notebook.ok("let n = 2;");
    assert_eq!(notebook.result("n"), "2");
}

pub fn connections_do_not_survive() {
    let mut notebook = Notebook::open();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    notebook.ok(&format!(
        "let mut stream = std::net::TcpStream::connect(\"{address}\")?;"
    ));
    let (_peer, _) = listener.accept().unwrap();
    let waiting = "println!(\"go\"); let mut b = [0u8; 1]; std::io::Read::read_exact(&mut stream, &mut b)?;";
    let (ename, traceback) = notebook.interrupted(waiting);
    assert_eq!(ename, "KeyboardInterrupt");
    assert!(traceback.contains(&address.to_string()), "{traceback}");
    // It is closed, rather than answering the next question with the last one's answer.
    assert_eq!(notebook.result("std::io::Read::read(&mut stream, &mut [0u8; 1])?"), "0");
}

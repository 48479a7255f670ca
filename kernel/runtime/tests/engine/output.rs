//! What cells print, show and result in.

use sealbook_runtime::Event;

use super::cells::Notebook;

pub fn results_and_state() {
    let mut notebook = Notebook::open();
    assert_eq!(notebook.result("1 + 1"), "2");
    notebook.ok("let mut names = vec![String::from(\"a\")];");
    notebook.ok("names.push(\"b\".into());");
    assert_eq!(notebook.result("names.len()"), "2");
    notebook.ok("fn double(x: i32) -> i32 { x * 2 }");
    assert_eq!(notebook.result("double(21)"), "42");
    assert_eq!(notebook.result("\"text\""), "\"text\"");
    for nothing in ["println!()", "()", "", "// only a comment", "let _x = 1;"] {
        let ran = notebook.ok(nothing);
        assert!(
            !ran.events.iter().any(|event| matches!(event, Event::Result(_))),
            "{nothing}: {:?}",
            ran.events
        );
    }
    // A type's own way to show itself wins, and is the cell's result.
    notebook.ok("struct Page; impl Page { fn evcxr_display(&self) {
            println!(\"EVCXR_BEGIN_CONTENT text/html\\n<p>\\nEVCXR_END_CONTENT\"); } }");
    assert_eq!(notebook.ok("Page").shown(), ["result text/html=<p>"]);
    let (ename, _, _) = notebook.error("Page2");
    assert_eq!(ename, "E0425");
}

pub fn output_is_raw_and_whole() {
    let mut notebook = Notebook::open();
    assert_eq!(notebook.ok("print!(\"no newline\");").stdout(), b"no newline");
    assert_eq!(notebook.ok("println!(\"next\");").stdout(), b"next\n");
    let flushed = "use std::io::Write; print!(\"flushed\"); std::io::stdout().flush()?;";
    assert_eq!(notebook.ok(flushed).stdout(), b"flushed");
    let bytes = "use std::io::Write; std::io::stdout().write_all(&[255, 254, 0, 10, 195])?;";
    assert_eq!(notebook.ok(bytes).stdout(), [255, 254, 0, 10, 195]);
    for forged in [
        "EVCXR_EXECUTION_COMPLETE",
        "EVCXR_PANIC_NOTIFICATION",
        "EVCXR_ERROR_OCCURRED",
        "EVCXR_VARIABLE_CHANGED_TYPE:x",
    ] {
        let ran = notebook.ok(&format!("println!(\"{forged}\");"));
        assert_eq!(ran.stdout(), format!("{forged}\n").into_bytes());
        assert_eq!(notebook.ok("println!(\"in step\");").stdout(), b"in step\n");
    }
    // A progress bar moves while the cell runs.
    let bar = "for i in 0..3 { print!(\"{i}\\r\"); std::io::stdout().flush()?; std::thread::sleep(std::time::Duration::from_millis(150)); }";
    let steps = notebook.ok(bar).events;
    assert_eq!(steps, [b"0\r", b"1\r", b"2\r"].map(|step| Event::Stdout(step.to_vec())));
    let ran = notebook.ok("eprint!(\"oops\"); print!(\"fine\");");
    assert_eq!((ran.stdout(), ran.stderr()), (b"fine".to_vec(), "oops".to_owned()));
}

pub fn errors_stand_after_what_was_printed_before() {
    let mut notebook = Notebook::open();
    // In one write, more than is read at once; and in many, which are read together.
    for print in [
        "print!(\"{}\", \"x\".repeat(500_000));",
        "for _ in 0..50_000 { println!(\"{}\", \"x\".repeat(9)); }",
    ] {
        let ran = notebook.ok(&format!("{print} eprint!(\"then\");"));
        assert_eq!((ran.stdout().len(), ran.stderr().as_str()), (500_000, "then"));
        assert_eq!(ran.events.last(), Some(&Event::Stderr(b"then".to_vec())), "{print}");
    }
}

pub fn displays_are_in_order() {
    let mut notebook = Notebook::open();
    let ran = notebook.ok(
        "print!(\"a\"); let handle = display(&vec![1]); print!(\"b\"); display_html(\"<b>\"); println!(\"c\");
         handle.update(2); display_table([\"n\"], [[1]]); clear_output(true);",
    );
    let expected = [
        "a",
        "display text/plain=[1]",
        "b",
        "display text/html=<b> text/plain=<b>",
        "c\n",
        "update text/plain=2",
        "display text/html=<table><thead><tr><th>n</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table> text/plain=n\n-\n1",
        "clear true",
    ];
    assert_eq!(ran.shown(), expected);
    let ids: Vec<_> = ran
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Display { display_id, data, .. } if !data.contains_key("text/html") => Some(display_id.clone()),
            _ => None,
        })
        .collect();
    assert!(ids.len() == 2 && ids[0].is_some() && ids[0] == ids[1], "{ids:?}");
    let printed =
        "for n in 0..3 { println!(\"EVCXR_BEGIN_CONTENT text/html\\n{n}\\nEVCXR_END_CONTENT\"); } print!(\"end\");";
    let expected = [
        "display text/html=0",
        "display text/html=1",
        "display text/html=2",
        "end",
    ];
    assert_eq!(notebook.ok(printed).shown(), expected);
}

pub fn late_output_is_not_lost() {
    let mut notebook = Notebook::open();
    let ran = notebook.ok("let (go, wait) = std::sync::mpsc::channel::<()>();
         std::thread::spawn(move || { wait.recv().ok(); println!(\"late\"); display(7); });");
    assert_eq!(ran.shown(), [""; 0]);
    // Dropped by the end of the next cell, which ends before the thread has printed, or after.
    let ran = notebook.ok("drop(go); std::thread::sleep(std::time::Duration::from_millis(1));");
    let mut seen = ran.shown().concat();
    while seen.matches("late\n").count() < 1 || seen.matches('7').count() < 1 {
        match notebook.late() {
            Event::Stdout(bytes) => seen.push_str(&String::from_utf8_lossy(&bytes)),
            Event::Display { data, .. } => seen.push_str(&super::cells::plain(&data)),
            other => panic!("{other:?}"),
        }
    }
    // More than a pipe holds, while no cell runs: the thread is not blocked.
    let first = notebook
        .ok("let writer = std::thread::spawn(|| { for _ in 0..50_000 { println!(\"{}\", \"x\".repeat(99)); } });");
    let ran = notebook.ok("writer.join().unwrap();");
    let mut bytes = first.stdout().len() + ran.stdout().len();
    while bytes < 5_000_000 {
        match notebook.late() {
            Event::Stdout(more) => bytes += more.len(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(bytes, 5_000_000);
}

pub fn a_large_output_is_whole() {
    let mut notebook = Notebook::open();
    let ran = notebook.ok("for i in 0..200_000 { println!(\"{i}\"); }");
    let expected: String = (0..200_000).map(|i| format!("{i}\n")).collect();
    assert!(
        ran.stdout() == expected.as_bytes(),
        "{} of {} bytes",
        ran.stdout().len(),
        expected.len()
    );
}

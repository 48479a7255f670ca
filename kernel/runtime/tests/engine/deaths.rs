//! Processes that somebody kills, each while it idles and while a cell runs; and interrupts at any time.

use std::time::{Duration, Instant};

use sealbook_runtime::{Engine, Event, Outcome};

use super::cells::{Notebook, Recorder};
use super::processes::{self, Processes};

/// Says so, and then runs for ever, with a process of its own beside it.
const ENDLESS: &str = "n = 2; let child = std::process::Command::new(\"sleep\").arg(\"1000\").spawn()?;
    println!(\"{}\", child.id()); loop { std::hint::black_box(()); }";

/// Runs [`ENDLESS`] and kills one of the processes meanwhile: the error's name and text, and the cell's own process.
fn killed(notebook: &mut Notebook, choose: fn(&Processes) -> i32) -> (String, String, i32) {
    let target = choose(&Processes::of_this());
    let mut recorder = Recorder {
        on_output: Some(Box::new(move || processes::kill(target))),
        ..Recorder::default()
    };
    let outcome = notebook.engine.execute(ENDLESS, &mut recorder);
    let printed = recorder.events.iter().find_map(|event| match event {
        Event::Stdout(bytes) => String::from_utf8_lossy(bytes).trim().parse().ok(),
        _ => None,
    });
    match outcome {
        Outcome::Error { ename, traceback, .. } => (ename, traceback.join("\n"), printed.unwrap()),
        other => panic!("{other:?}"),
    }
}

fn late_text(notebook: &Notebook) -> String {
    loop {
        if let Event::Stderr(bytes) = notebook.late() {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
    }
}

pub fn a_killed_worker() {
    let mut notebook = Notebook::open();
    notebook.ok("let mut n = 1;");
    let (ename, text, child) = killed(&mut notebook, |processes| processes.worker);
    assert_eq!(ename, "Killed");
    assert!(text.contains("Every variable is as it was"), "{text}");
    assert!(processes::is_over(child), "what the cell started is still there");
    assert_eq!(notebook.result("n"), "1");
    processes::kill(Processes::of_this().worker);
    let said = late_text(&notebook);
    assert!(said.contains("variables are lost"), "{said}");
    let (ename, _, _) = notebook.error("n");
    assert_eq!(ename, "E0425");
    notebook.ok("let n = 3;");
    assert_eq!(notebook.result("n"), "3");
}

pub fn a_killed_supervisor() {
    let mut notebook = Notebook::open();
    notebook.ok("let mut n = 1; fn kept() -> i32 { 5 }");
    let (ename, text, child) = killed(&mut notebook, |processes| processes.supervisor);
    // It would have ended what the cell started.
    processes::kill(child);
    assert_eq!(ename, "ProcessDied");
    assert!(text.contains("variables are lost"), "{text}");
    // Definitions are the builder's.
    assert_eq!(notebook.result("kept()"), "5");
    let (ename, _, _) = notebook.error("n");
    assert_eq!(ename, "E0425");
    notebook.ok("let n = 2;");
    processes::kill(Processes::of_this().supervisor);
    let ran = notebook.ok("let n = 3;");
    assert!(ran.stderr().contains("variables are lost"), "{}", ran.stderr());
    assert_eq!(notebook.result("n"), "3");
}

pub fn a_killed_builder() {
    let mut notebook = Notebook::open();
    notebook.ok("let mut n = 1;");
    let before = Processes::of_this();
    let (ename, text, child) = killed(&mut notebook, |processes| processes.builder);
    assert_eq!(ename, "ProcessDied");
    assert!(
        text.contains("builds the cells") && text.contains("Variables and definitions are lost"),
        "{text}"
    );
    for process in [before.supervisor, before.worker, child] {
        assert!(processes::is_over(process), "{process} is still there");
    }
    let (ename, _, _) = notebook.error("n");
    assert_eq!(ename, "E0425");
    // An interrupt reaches the new one.
    notebook.ok("let mut n = 2;");
    let (ename, _) = notebook.interrupted("n = 3; println!(\"go\"); loop { std::hint::spin_loop(); }");
    assert_eq!(ename, "KeyboardInterrupt");
    assert_eq!(notebook.result("n"), "2");
    // While nothing runs: said at once, and the next cell runs. So does a completion.
    for next in ["cell", "completion"] {
        processes::kill(Processes::of_this().builder);
        let said = late_text(&notebook);
        assert!(said.contains("variables and definitions are lost"), "{said}");
        if next == "completion" {
            let found = notebook.engine.complete("dbut", 4);
            assert!(found.candidates.iter().any(|c| c.text == "dbutils"), "{found:?}");
        }
        assert_eq!(notebook.result("{ let n = 4; n }"), "4");
    }
    assert_eq!(
        notebook.result("dbutils.secrets.get(\"jdbc\", \"password\").len()"),
        super::cells::PLANTED.len().to_string()
    );
}

/// And another one that is killed before it is ready: a third is started.
pub fn a_builder_killed_while_it_starts() {
    let mut notebook = Notebook::open();
    let first = Processes::of_this().builder;
    processes::kill(first);
    late_text(&notebook);
    let killer = std::thread::spawn(move || {
        let since = Instant::now();
        // Until it runs its program a new process has the command line of this one.
        let is_builder = |pid: &i32| *pid != first && processes::command(*pid).contains("cell-builder");
        while since.elapsed() < Duration::from_secs(60) {
            let second = processes::children(std::process::id() as i32)
                .into_iter()
                .find(is_builder);
            if let Some(second) = second {
                processes::kill(second);
                return Some(second);
            }
            std::thread::yield_now();
        }
        None
    });
    assert_eq!(notebook.result("6 * 7"), "42");
    let killed = killer.join().unwrap().expect("no second builder was seen");
    assert_ne!(killed, Processes::of_this().builder);
}

/// Many interrupts, at times spread over the whole of a cell: while it is analysed, built, loaded, and while it runs. How
/// long each takes is printed.
pub fn interrupts_at_any_time() {
    const ROUNDS: u64 = 200;
    let mut notebook = Notebook::open();
    notebook.ok("let mut n = 0;");
    let mut seed = u64::from(std::process::id());
    let since = Instant::now();
    notebook.ok("n += 0;");
    // Now and then it comes when the cell is over.
    let delay_us_max = since.elapsed().as_micros() as u64 * 3 / 2;
    let (mut kept, mut stopped, mut times) = (0, 0, Vec::new());
    for round in 0..ROUNDS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let delay = Duration::from_micros((seed >> 33) % delay_us_max);
        let interrupt = notebook.engine.interrupt();
        let stopper = std::thread::spawn(move || {
            std::thread::sleep(delay);
            interrupt.interrupt();
            Instant::now()
        });
        let ran = notebook.run(&format!(
            "assert_eq!(n, {kept}, \"{round}\"); n += 1; println!(\"{round}\");
             std::thread::sleep(std::time::Duration::from_millis(20));"
        ));
        let ended = Instant::now();
        let asked = stopper.join().unwrap();
        match &ran.outcome {
            // It came when the cell was over.
            Outcome::Ok { .. } => kept += 1,
            Outcome::Error { ename, .. } if ename == "KeyboardInterrupt" => {
                stopped += 1;
                times.push(ended.saturating_duration_since(asked));
            }
            other => panic!("{round}: {other:?}"),
        };
        // Nothing of it is left for a cell that is not interrupted.
        if round % 10 == 0 {
            assert_eq!(notebook.result("n"), kept.to_string(), "{round}");
        }
    }
    times.sort();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{stopped} of {ROUNDS} interrupted, median {median:.1?}, longest {longest:.1?}");
}

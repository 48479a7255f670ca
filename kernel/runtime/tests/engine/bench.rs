//! Times of common cells, printed: `cargo test --release -p sealbook-runtime --test engine -- --bench-cells`.

use std::time::{Duration, Instant};

use super::cells::Notebook;

const ROUNDS: usize = 15;

/// A kind of cell: its name and the source of its nth example.
type Kind = (&'static str, fn(usize) -> String);

/// Runs each kind of cell several times and prints medians.
#[expect(clippy::print_stdout, reason = "the program's output")]
pub fn run() {
    let since = Instant::now();
    let mut notebook = Notebook::open();
    println!("ready            {:>8.1?}", since.elapsed());
    let first = |notebook: &mut Notebook, name: &str, code: &str| {
        let since = Instant::now();
        notebook.ok(code);
        println!("{name:<16} {:>8.1?}", since.elapsed());
    };
    first(&mut notebook, "first 1+1", "1+1");
    first(&mut notebook, "first let vec", "let first_vec = vec![1, 2, 3];");
    let kinds: [Kind; 7] = [
        ("expression", |i| format!("{i} + 1")),
        ("String", |i| format!("String::from(\"{i}\")")),
        ("Vec", |i| format!("vec![{i}, 2, 3]")),
        ("println", |i| format!("println!(\"{i}\");")),
        ("let", |i| format!("let x{i} = {i};")),
        ("let Vec", |i| format!("let y{i} = vec![{i}];")),
        ("fn", |i| format!("fn f{i}() -> usize {{ {i} }}")),
    ];
    for (name, cell) in kinds {
        let mut times: Vec<Duration> = (0..ROUNDS)
            .map(|round| {
                let code = cell(round);
                let since = Instant::now();
                notebook.ok(&code);
                since.elapsed()
            })
            .collect();
        times.sort();
        println!("{name:<16} {:>8.1?}", times[ROUNDS / 2]);
    }
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|round| {
            let since = Instant::now();
            notebook.error(&format!("undefined{round}"));
            since.elapsed()
        })
        .collect();
    times.sort();
    println!("error            {:>8.1?}", times[ROUNDS / 2]);
    state(&mut notebook);
}

/// What the frozen copy of the state costs: cells that do nothing, and one that writes all of it.
#[expect(clippy::print_stdout, reason = "the program's output")]
fn state(notebook: &mut Notebook) {
    let cell = |notebook: &mut Notebook, code: &str| {
        let mut times: Vec<Duration> = (0..ROUNDS)
            .map(|_| {
                let since = Instant::now();
                notebook.ok(code);
                since.elapsed()
            })
            .collect();
        times.sort();
        times[ROUNDS / 2]
    };
    for (name, bytes) in [("10 MB", 10_000_000), ("1 GB", 1_000_000_000)] {
        notebook.ok(&format!("let mut state: Vec<u8> = vec![1; {bytes}];"));
        println!("nothing, {name:<7} {:>8.1?}", cell(notebook, "();"));
        let write = "let since = std::time::Instant::now(); state.iter_mut().step_by(4096).for_each(|byte| *byte += 1); print!(\"{:?}\", since.elapsed());";
        let ran = notebook.ok(write);
        println!(
            "write, {name:<9} {:>8} in the cell",
            String::from_utf8_lossy(&ran.stdout())
        );
    }
}

//! Times of common cells, printed: `cargo test --release -p sealbook-runtime --test engine -- --bench-cells`. With
//! `--bench-many` instead, what many cells leave behind.

use std::time::{Duration, Instant};

use sealbook_runtime::{Engine, Outcome};

use super::cells::{Notebook, Recorder};
use super::processes::Processes;

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

/// Prints, again and again, how long a cell takes to its first output and to its end, and what the worker holds.
#[expect(clippy::print_stdout, reason = "the program's output")]
pub fn many() {
    const CELLS: usize = 1000;
    const SHOWN_EVERY: usize = 100;
    let mut notebook = Notebook::open();
    let kinds: [fn(usize) -> String; 6] = [
        |i| format!("println!(\"{i}\");"),
        |i| format!("let number = {i}; number + 1"),
        |i| format!("println!(\"{i}!\");"),
        |i| format!("let list: Vec<u64> = (0..{i} % 100).collect(); list.len()"),
        |i| format!("println!(\"{i}?\");"),
        |i| format!("fn twice(x: u64) -> u64 {{ x * 2 + {i} - {i} }} twice({i})"),
    ];
    println!(
        "{:>6} {:>12} {:>12} {:>10} {:>10} {:>9}",
        "cells", "output", "end", "rss KiB", "anon KiB", "mappings"
    );
    let (mut first, mut whole) = (Vec::new(), Vec::new());
    for i in 1..=CELLS {
        let code = kinds[i % kinds.len()](i);
        let since = Instant::now();
        let (said, hear) = std::sync::mpsc::channel();
        let mut recorder = Recorder {
            on_output: Some(Box::new(move || said.send(since.elapsed()).unwrap())),
            ..Recorder::default()
        };
        let outcome = notebook.engine.execute(&code, &mut recorder);
        assert!(matches!(outcome, Outcome::Ok { .. }), "{code}: {outcome:?}");
        whole.push(since.elapsed());
        first.extend(hear.try_recv());
        if i % SHOWN_EVERY == 0 {
            let worker = Processes::of_this().worker;
            let maps = std::fs::read_to_string(format!("/proc/{worker}/maps")).unwrap_or_default();
            println!(
                "{i:>6} {:>12.1?} {:>12.1?} {:>10} {:>10} {:>9}",
                median(&mut first),
                median(&mut whole),
                held(worker, "Rss:"),
                held(worker, "Anonymous:"),
                maps.lines().count()
            );
            (first, whole) = (Vec::new(), Vec::new());
        }
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Of all of the process's memory, in KiB.
fn held(pid: i32, what: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = text.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
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

//! `cargo xtask bench redact`: throughput, latency and memory, as Markdown tables.
//!
//! Beside memcpy and the `aho-corasick` crate over the same literal variants (raw, Debug, hex, base64 at three
//! alignments, percent-encoded and so on) in the same run.

#[path = "../tests/support/random.rs"]
mod random;

use std::hint::black_box;
use std::time::{Duration, Instant};

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use random::Random;
use sealbook_redact::{Lane, Redactor, Secret, Tail};

/// Size of each text.
const TEXT_BYTES: usize = 4 << 20;

impl Random {
    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// Values of the kinds people store: keys, tokens with a common prefix, passwords, connection strings.
fn secrets(n: usize) -> Vec<Vec<u8>> {
    let mut random = Random(7);
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0..n)
        .map(|i| {
            let mut word = |n: usize| (0..n).map(|_| alphabet[random.below(62)] as char).collect::<String>();
            let value = match i % 10 {
                0..=3 => word(40),
                4..=5 => format!("sk_live_planted_{}", word(24)),
                6 => format!("{}!{}#{}", word(4), word(5), word(3)),
                7 => word(64).to_lowercase(),
                8 => word(16),
                _ => format!("postgres://app:{}@db{i}.example.com/app", word(18)),
            };
            value.into_bytes()
        })
        .collect()
}

const WORDS: &[&str] = &[
    "the",
    "of",
    "and",
    "a",
    "to",
    "in",
    "request",
    "connection",
    "value",
    "table",
    "column",
    "with",
    "from",
    "server",
    "is",
    "was",
    "error",
    "warning",
    "for",
    "that",
    "it",
    "session",
    "kernel",
    "notebook",
    "data",
    "frame",
    "rows",
    "could",
    "not",
    "be",
    "read",
    "because",
    "file",
    "while",
    "this",
    "there",
    "Rust",
    "compiler",
    "finished",
    "started",
    "every",
    "other",
];

/// Repeats a piece.
fn repeat(piece: &[u8]) -> Vec<u8> {
    piece.iter().copied().cycle().take(TEXT_BYTES).collect()
}

/// Puts pieces together until there is enough.
fn pieces(seed: u64, mut piece: impl FnMut(&mut Random) -> String) -> Vec<u8> {
    let mut random = Random(seed);
    let mut text = Vec::with_capacity(TEXT_BYTES + 256);
    while text.len() < TEXT_BYTES {
        text.extend_from_slice(piece(&mut random).as_bytes());
    }
    text
}

fn prose() -> Vec<u8> {
    pieces(1, |random| {
        let words: Vec<&str> = (0..12).map(|_| random.pick(WORDS)).collect();
        let end = if random.below(4) == 0 { '\n' } else { ' ' };
        format!("{}.{end}", words.join(" "))
    })
}

fn log() -> Vec<u8> {
    pieces(2, |random| {
        format!(
            "2026-11-24T08:{:02}:{:02}.{:06}Z {} app::{}: {} {} {} id={:08x} took={}ms peer=10.0.{}.{}:{}\n",
            random.below(60),
            random.below(60),
            random.below(1_000_000),
            random.pick(&["INFO", "WARN", "DEBUG"][..]),
            random.pick(WORDS),
            random.pick(WORDS),
            random.pick(WORDS),
            random.pick(WORDS),
            random.next() as u32,
            random.below(900),
            random.below(256),
            random.below(256),
            random.below(65536),
        )
    })
}

fn noise() -> Vec<u8> {
    let mut random = Random(3);
    (0..TEXT_BYTES * 3 / 4).map(|_| random.next() as u8).collect()
}

fn json() -> Vec<u8> {
    pieces(4, |random| {
        format!(
            "{{\"time\":\"2026-11-24T08:36:{:02}Z\",\"level\":\"info\",\"msg\":\"{} {} \\\"{}\\\"\\n\",\"rows\":{},\"path\":\"/a/{}/b\"}}\n",
            random.below(60),
            random.pick(WORDS),
            random.pick(WORDS),
            random.pick(WORDS),
            random.below(100_000),
            random.pick(WORDS),
        )
    })
}

/// A number of six digits after the point.
fn fraction(random: &mut Random) -> String {
    let sign = if random.below(3) == 0 { '-' } else { ' ' };
    format!("{sign}{}.{:06}", random.below(3), random.below(1_000_000))
}

fn csv() -> Vec<u8> {
    let mut id = 0;
    pieces(15, |random| {
        id += 1;
        let (name, day) = (random.pick(WORDS), 1 + random.below(30));
        let (share, count) = (fraction(random), random.below(1_000_000));
        format!("{id},{},{name},{count},2026-11-{day:02}\n", share.trim_start())
    })
}

fn floats() -> Vec<u8> {
    pieces(16, |random| {
        let row: Vec<String> = (0..8).map(|_| fraction(random)).collect();
        format!("{}\n", row.join(" "))
    })
}

fn data_frame() -> Vec<u8> {
    let mut id = 0;
    pieces(17, |random| {
        id += 1;
        format!(
            "{id:<7}{:>8}{:>12}{:>12}\n",
            random.below(1000),
            fraction(random),
            random.pick(WORDS)
        )
    })
}

fn boxed_table() -> Vec<u8> {
    let mut id = 0;
    pieces(18, |random| {
        id += 1;
        format!(
            "\u{2502} {id:<6} \u{2506} {:<10} \u{2506} {:<10} \u{2502}\n",
            fraction(random),
            random.pick(WORDS)
        )
    })
}

fn progress_bar() -> Vec<u8> {
    let mut done = 0;
    pieces(19, |random| {
        done = (done + 1) % 100;
        let bar = "\u{2588}".repeat(done * 40 / 100);
        format!(
            "\r{done:3}%|{bar:40}| {done}/100 [00:{:02}<00:42, {}it/s]",
            random.below(60),
            fraction(random)
        )
    })
}

/// Base64 in lines.
fn wrapped(content: &[u8]) -> Vec<u8> {
    let encoded = STANDARD.encode(content).into_bytes();
    encoded.chunks(76).flat_map(|line| [line, b"\n"].concat()).collect()
}

/// Base64 of base64 of … noise.
fn nested() -> Vec<u8> {
    let mut nested = noise()[..64 << 10].to_vec();
    while nested.len() < TEXT_BYTES / 4 {
        nested = STANDARD.encode(&nested).into_bytes();
    }
    nested
}

/// Everything that has to be decoded, in turn.
fn mixed() -> Vec<u8> {
    const PIECES: &[&str] = &[
        "\\",
        "%25",
        "&amp;",
        "\u{1b}[1m",
        "12, ",
        "'x', ",
        "| ",
        "=",
        "\n",
        "\r",
        "\0",
        "ab ",
        "%",
        "\"",
        "<b>",
        "0x6",
        "\u{a0}",
        "QUJD",
    ];
    pieces(5, |random| random.pick(PIECES).to_owned())
}

type Make = fn() -> Vec<u8>;

/// What is scanned: ordinary texts, then what is meant to be slow.
const TEXTS: &[(&str, Make)] = &[
    ("prose", prose),
    ("log lines", log),
    ("base64 of noise, wrapped", || wrapped(&noise())),
    ("base64 of prose", || {
        STANDARD.encode(&prose()[..TEXT_BYTES * 3 / 4]).into_bytes()
    }),
    ("base64 of prose, wrapped", || wrapped(&prose()[..TEXT_BYTES * 3 / 4])),
    ("JSON lines", json),
    ("rows of CSV", csv),
    ("columns of floats", floats),
    ("a data frame", data_frame),
    ("a boxed table", boxed_table),
    ("a progress bar", progress_bar),
    ("backslashes", || repeat(b"\\")),
    ("`%25`", || repeat(b"%25")),
    ("`&amp;`", || repeat(b"&amp;")),
    ("nested base64", nested),
    ("digits and commas", || {
        pieces(6, |random| format!("{}, ", random.below(256)))
    }),
    ("`1,`", || repeat(b"1,")),
    ("spaced hex", || {
        pieces(7, |random| format!("{:02x} ", random.below(256)))
    }),
    ("a colour per letter", || {
        pieces(8, |random| {
            let letter = (b'a' + random.below(26) as u8) as char;
            format!("\x1b[3{}m{letter}\x1b[0m", random.below(8))
        })
    }),
    ("tags", || repeat(b"<b>x</b>")),
    ("quoted letters", || repeat(b"'x', ")),
    ("table rows", || repeat(b"| ab | cd | ef |\n")),
    ("a prefix of keys", || repeat(b"sk_live_planted_")),
    ("zero bytes", || repeat(b"\0")),
    ("carriage returns", || repeat(b"12%\r")),
    ("random bytes", noise),
    ("percent signs", || repeat(b"%")),
    ("one letter", || repeat(b"A")),
    ("one digit", || repeat(b"7")),
    ("spaces", || repeat(b" ")),
    ("line breaks", || repeat(b"\n")),
    ("a letter a line", || {
        pieces(9, |random| format!("{}\n", (b'a' + random.below(26) as u8) as char))
    }),
    ("a number a line", || {
        pieces(10, |random| format!("{}\n", random.below(256)))
    }),
    ("numbered lines", || {
        let mut n = 0;
        pieces(11, |_| {
            n += 1;
            format!("{n}: x\n")
        })
    }),
    ("beginnings of codes", || repeat(b"\x1b[")),
    ("quotes", || repeat(b"\"")),
    ("equals signs", || repeat(b"=")),
    ("quoted-printable", || repeat(b"=3D")),
    ("ampersands", || repeat(b"&")),
    ("less-than signs", || repeat(b"<")),
    ("bars", || repeat(b"|")),
    ("zeros and ones", || pieces(12, |random| random.below(2).to_string())),
    ("hex of noise", || {
        pieces(13, |random| format!("{:016x}", random.next()))
    }),
    ("backspaces", || repeat(b"a\x08")),
    ("invisible characters", || repeat("a\u{200b}".as_bytes())),
    ("UTF-16", || {
        prose().iter().take(TEXT_BYTES / 2).flat_map(|b| [*b, 0]).collect()
    }),
    ("escaped letters", || repeat(b"\\u0041")),
    ("rows of a dump", || {
        let mut at = 0;
        pieces(14, |random| {
            at += 16;
            let cells: String = (0..16).map(|_| format!("{:02x} ", random.below(256))).collect();
            format!("{at:08x}  {cells} |................|\n")
        })
    }),
    ("all of it", mixed),
];

/// Processor time of this thread: other programs on the machine do not count.
#[expect(unsafe_code, reason = "the standard library has no clock for a thread's time")]
fn processor_time() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes to the structure that it is given.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut now) };
    assert_eq!(failed, 0, "no clock for a thread's time");
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

/// The best of a few runs; more of them where `SEALBOOK_BENCH_RUNS` says so, for a profiler.
fn time(mut run: impl FnMut()) -> Duration {
    let runs: u32 = std::env::var("SEALBOOK_BENCH_RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok())
        .unwrap_or(7);
    let mut best = Duration::MAX;
    let started = Instant::now();
    for i in 0..runs {
        let start = processor_time();
        run();
        best = best.min(processor_time() - start);
        if i > 0 && started.elapsed() > Duration::from_millis(300) * runs / 7 {
            break;
        }
    }
    best
}

fn rate(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / time.as_secs_f64() / 1e9
}

fn learn(values: &[Vec<u8>]) -> Redactor {
    let redactor = Redactor::new();
    for (i, value) in values.iter().enumerate() {
        let secret = Secret::new("bench", format!("key-{i}"), value.clone());
        let _proof = redactor.learn(&secret);
    }
    redactor
}

/// What a masker without views would have to look for.
fn variants(values: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for value in values {
        let text = String::from_utf8_lossy(value).into_owned();
        let hex: String = value.iter().map(|b| format!("{b:02x}")).collect();
        all.push(value.clone());
        all.push(text.to_uppercase().into_bytes());
        all.push(text.to_lowercase().into_bytes());
        all.push(text.chars().rev().collect::<String>().into_bytes());
        all.push(format!("{value:?}").into_bytes());
        all.push(format!("{text:?}").into_bytes());
        all.push(hex.to_uppercase().into_bytes());
        all.push(hex.into_bytes());
        for separator in [" ", ".", "-", "\n"] {
            all.push(
                text.chars()
                    .map(String::from)
                    .collect::<Vec<_>>()
                    .join(separator)
                    .into_bytes(),
            );
        }
        all.push(
            value
                .iter()
                .map(|b| format!("%{b:02X}"))
                .collect::<String>()
                .into_bytes(),
        );
        all.push(value.iter().map(|b| format!("&#{b};")).collect::<String>().into_bytes());
        for before in 0..3 {
            let encoded = STANDARD.encode([vec![0; before], value.clone()].concat());
            let end = encoded.trim_end_matches('=').len();
            all.push(encoded.as_bytes()[[0, 2, 3][before]..end - 1].to_vec());
            all.push(STANDARD.encode(&encoded.as_bytes()[4..end - 4]).into_bytes());
        }
    }
    all
}

/// Resident and peak memory of this process, in MiB.
fn memory() -> (f64, f64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        line.and_then(|l| l.split_whitespace().nth(1))
            .and_then(|n| n.parse::<f64>().ok())
            .unwrap_or(0.0)
            / 1024.0
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// The processor's name and whether it has the widest vectors that the redactor uses; the load of the machine.
fn machine() -> (String, String) {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(": "))
            .map_or("", |(_, value)| value)
    };
    let wide = if field("flags").contains("avx512_vbmi2") {
        "with"
    } else {
        "without"
    };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    (
        format!("{}, {wide} AVX-512 VBMI2", field("model name")),
        load.split(' ').next().unwrap_or_default().to_owned(),
    )
}

/// How the redactor grows with the number of secrets.
struct Growth {
    secrets: usize,
    speed: f64,
    memory: f64,
    learnt: f64,
}

/// Throughput on log lines and the time to learn one more, over the number of secrets.
fn plot(growth: &[Growth]) -> String {
    const WIDTH: f64 = 560.0;
    const HEIGHT: f64 = 260.0;
    let most = |of: fn(&Growth) -> f64| growth.iter().map(of).fold(0.0, f64::max).max(1e-9);
    let x = |n: usize| 60.0 + (n.max(1) as f64).log10() / 4.0 * (WIDTH - 120.0);
    let y = |part: f64| HEIGHT - 40.0 - part * (HEIGHT - 80.0);
    let line = |of: fn(&Growth) -> f64, colour: &str| {
        let points: Vec<String> = growth
            .iter()
            .map(|row| format!("{:.1},{:.1}", x(row.secrets), y(of(row) / most(of))))
            .collect();
        let dots: String = growth
            .iter()
            .map(|row| {
                let (x, y) = (x(row.secrets), y(of(row) / most(of)));
                format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>")
            })
            .collect();
        format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>{dots}\n",
            points.join(" ")
        )
    };
    let ticks: String = growth
        .iter()
        .map(|row| {
            format!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
                x(row.secrets),
                HEIGHT - 20.0,
                row.secrets
            )
        })
        .collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"60\" y=\"20\" fill=\"#1f6f8b\">log lines, up to {:.2} GB/s</text>\n\
         <text x=\"300\" y=\"20\" fill=\"#b5482e\">learning one more, up to {:.0} µs</text>\n{ticks}{}{}\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">secrets</text>\n</svg>\n",
        most(|row| row.speed),
        most(|row| row.learnt),
        line(|row| row.speed, "#1f6f8b"),
        line(|row| row.learnt, "#b5482e"),
        WIDTH / 2.0,
        HEIGHT - 4.0,
    )
}

/// Memory, latency and learning, then throughput: a table each.
#[expect(clippy::print_stdout, reason = "the program's output")]
fn main() {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let mut report = String::new();
    let mut tell = |line: String| {
        println!("{line}");
        report += &line;
        report.push('\n');
    };
    let before = memory().0;
    let values = secrets(1001);
    let redactor = learn(&values[..1000]);
    let after = memory().0;
    let last = Secret::new("bench", "key-1001", values[1000].clone());
    let start = Instant::now();
    let _proof = redactor.learn(&last);
    let learnt = start.elapsed();
    tell("| | |\n|---|---:|".to_owned());
    let (processor, load) = machine();
    tell(format!("| processor | {processor} |"));
    tell(format!("| load of the machine at the start | {load} |"));
    tell(format!("| memory for 1,000 secrets | {:.1} MiB |", after - before));
    tell(format!(
        "| learning the 1,001st | {:.0} µs |",
        learnt.as_secs_f64() * 1e6
    ));
    let message =
        "2026-11-24T08:36:07.123456Z INFO app::db: connection to the server was started by the notebook, 12 rows\n";
    let n = 100_000;
    // Of a single text only that text is of interest: a profiler sees nothing else.
    let each = if only.is_some() {
        Duration::ZERO
    } else {
        time(|| (0..n).for_each(|_| drop(black_box(redactor.text(black_box(message))))))
    };
    let nanoseconds = each.as_secs_f64() * 1e9 / f64::from(n);
    tell(format!(
        "| a message of {} bytes | {nanoseconds:.0} ns |",
        message.len()
    ));

    // Of a single text, what takes long is of interest.
    let sizes = if only.is_some() { &[1000][..] } else { &[1, 100, 1000] };
    let sets: Vec<Redactor> = sizes.iter().map(|n| learn(&values[..*n])).collect();
    let most = &sets[sets.len() - 1];
    let start = Instant::now();
    let literal = if only.is_some() {
        Vec::new()
    } else {
        variants(&values[..1000])
    };
    let automaton = AhoCorasick::new(&literal).ok();
    let heap = automaton.as_ref().map_or(0, AhoCorasick::memory_usage) as f64 / 1048576.0;
    let built = start.elapsed().as_secs_f64() * 1e3;
    tell(format!(
        "| aho-corasick over {} variants: to build | {built:.0} ms |",
        literal.len()
    ));
    tell(format!("| its memory | {heap:.0} MiB |"));
    tell("\n| text | 1 secret | 100 | 1,000 | 1,000, as a stream | memcpy | of memcpy | aho-corasick |".to_owned());
    tell("|---|---:|---:|---:|---:|---:|---:|---:|".to_owned());
    // For a profiler: as a stream only, or as a whole only.
    let way = std::env::var("SEALBOOK_BENCH_WAY").unwrap_or_default();
    // Of a single text, small differences are of interest.
    let digits = if only.is_some() { 3 } else { 2 };
    for (name, make) in TEXTS {
        let exact = TEXTS.iter().any(|(name, _)| only.as_deref() == Some(name));
        let asked = |only: &str| if exact { *name == only } else { name.starts_with(only) };
        if only.as_deref().is_some_and(|only| !asked(only)) {
            continue;
        }
        let text = make();
        let mut copy = vec![0; text.len()];
        let memcpy = if only.is_some() {
            0.0
        } else {
            rate(text.len(), time(|| copy.copy_from_slice(black_box(&text))))
        };
        let mut row = format!("| {name} |");
        let mut full = 0.0;
        for redactor in &sets {
            if way == "stream" {
                continue;
            }
            full = rate(text.len(), time(|| drop(black_box(redactor.bytes(black_box(&text))))));
            row += &format!(" {full:.digits$} |");
        }
        let stream = rate(
            text.len(),
            time(|| {
                if way == "whole" {
                    return;
                }
                let mut stream = most.stream(Tail::default());
                for part in text.chunks(64 << 10) {
                    black_box(stream.push(Lane::Stdout, part));
                }
                black_box(stream.finish());
            }),
        );
        let other = automaton.as_ref().filter(|_| only.is_none()).map_or(0.0, |automaton| {
            rate(
                text.len(),
                time(|| {
                    black_box(automaton.find_iter(black_box(&text)).count());
                }),
            )
        });
        let part = 100.0 * full / memcpy;
        tell(format!(
            "{row} {stream:.digits$} | {memcpy:.1} | {part:.0} % | {other:.2} |"
        ));
    }
    tell(format!(
        "\nGB/s of processor time; peak memory of the process {:.0} MiB.",
        memory().1
    ));
    if only.is_some() {
        return;
    }

    tell("\n| secrets | log lines GB/s | memory MiB | learn µs |\n|---:|---:|---:|---:|".to_owned());
    let log = log();
    let mut growth = Vec::new();
    for secrets in [1, 10, 100, 1000, 3000, 10_000] {
        let values = self::secrets(secrets + 9);
        let before = memory().0;
        let redactor = learn(&values[..secrets]);
        let memory = (memory().0 - before).max(0.0);
        // The quickest of a few: the first one may start a new chunk of memory.
        let more = values[secrets..].iter().enumerate().map(|(i, value)| {
            let secret = Secret::new("bench", format!("last-{i}"), value.clone());
            let start = Instant::now();
            let _proof = redactor.learn(&secret);
            start.elapsed().as_secs_f64() * 1e6
        });
        let learnt = more.fold(f64::MAX, f64::min);
        let speed = rate(log.len(), time(|| drop(black_box(redactor.bytes(black_box(&log))))));
        tell(format!("| {secrets} | {speed:.2} | {memory:.1} | {learnt:.0} |"));
        growth.push(Growth {
            secrets,
            speed,
            memory,
            learnt,
        });
    }
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
    let head = "# What redaction costs\n\nWritten by `cargo xtask bench redact`; 4 MiB of each text, best of a few runs, one core.\n\n";
    let tail = "\n![Growth with the number of secrets](redact-bench.svg)\n";
    let written = std::fs::write(format!("{docs}/redact-bench.md"), format!("{head}{report}{tail}"))
        .and_then(|()| std::fs::write(format!("{docs}/redact-bench.svg"), plot(&growth)));
    println!(
        "{}",
        if written.is_ok() {
            "written to docs/redact-bench.md"
        } else {
            "docs/redact-bench.md cannot be written"
        }
    );
    let most = growth.iter().map(|row| row.memory).fold(0.0, f64::max);
    println!("most memory {most:.0} MiB");
}

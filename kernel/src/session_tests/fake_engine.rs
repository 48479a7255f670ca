//! An engine for tests: each line of a cell is one command.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use sealbook_runtime::{
    Completeness, Completion, Completions, Documentation, Engine, Event, Host, InputRequest, Interrupt, MimeBundle,
    Outcome, Over,
};
use serde_json::{Value, json};

/// Longer than any test waits for something that should happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Runs `command argument` lines; see [`FakeEngine::execute`].
#[derive(Default)]
pub struct FakeEngine {
    stop: Arc<Stop>,
    /// Says that the cells' process died.
    pub over: Arc<Over>,
}

/// An interrupt that a command can wait for.
#[derive(Default)]
pub struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

impl Interrupt for Stop {
    fn interrupt(&self) {
        *self.asked.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

impl Engine for FakeEngine {
    fn execute(&mut self, code: &str, host: &mut dyn Host) -> Outcome {
        *self.stop.asked.lock().unwrap() = false;
        for line in code.lines() {
            let (command, argument) = line.split_once(' ').unwrap_or((line, ""));
            let text = argument.replace("\\n", "\n");
            match command {
                "out" => host.event(Event::Stdout(text.into_bytes())),
                "err" => host.event(Event::Stderr(text.into_bytes())),
                "raw" => host.event(Event::Stdout(vec![0xff, b'a', 0xc3])),
                "flood" => flood(argument.parse().unwrap(), host),
                "show" => host.event(display(&text, None, false)),
                "update" => host.event(display(&text, Some("d1".to_owned()), true)),
                "clear" => host.event(Event::ClearOutput { wait: true }),
                "result" => host.event(Event::Result(plain(&text))),
                "fail" => return error("Failure", &text),
                "wait" => {
                    let asked = self.stop.asked.lock().unwrap();
                    let (asked, _) = self
                        .stop
                        .changed
                        .wait_timeout_while(asked, PATIENCE, |asked| !*asked)
                        .unwrap();
                    assert!(*asked, "nobody interrupted");
                    return error("KeyboardInterrupt", "interrupted");
                }
                "ask" | "password" => {
                    let request = InputRequest {
                        prompt: text,
                        password: command == "password",
                    };
                    match host.input(request, &self.over) {
                        Ok(answer) => host.event(Event::Stdout(answer.into_bytes())),
                        Err(_) => return error("InputRefused", "no input"),
                    }
                }
                "comm" => host.event(Event::Comm {
                    msg_type: "comm_open",
                    content: bundle(json!({"comm_id": text, "target_name": "t", "data": {}, "planted": 1})),
                    metadata: MimeBundle::new(),
                    buffers: Vec::new(),
                }),
                "panic" => panic!("the fake engine was told to panic"),
                other => return error("Unknown", other),
            }
        }
        Outcome::Ok { payload: Vec::new() }
    }

    fn complete(&mut self, code: &str, cursor: usize) -> Completions {
        let start = code[..cursor]
            .rfind(|c: char| !c.is_alphanumeric())
            .map_or(0, |at| at + 1);
        let candidate = Completion {
            text: "result".to_owned(),
            kind: "keyword".to_owned(),
            signature: None,
        };
        Completions {
            start,
            end: cursor,
            candidates: vec![candidate],
        }
    }

    fn inspect(&mut self, code: &str, cursor: usize, detail_level: u8) -> Option<Documentation> {
        let known = code.get(cursor..)?.starts_with("out");
        known.then(|| Documentation {
            plain: format!("level {detail_level}"),
            markdown: Some("**out**".to_owned()),
        })
    }

    fn is_complete(&self, code: &str) -> Completeness {
        match code {
            "{" => Completeness::Incomplete {
                indent: "    ".to_owned(),
            },
            "}" => Completeness::Invalid,
            _ => Completeness::Complete,
        }
    }

    fn interrupt(&self) -> Arc<dyn Interrupt> {
        self.stop.clone()
    }

    fn shutdown(self: Box<Self>) {}
}

fn flood(bytes: usize, host: &mut dyn Host) {
    let line = [&[b'x'; 99][..], b"\n"].concat();
    let part = line.repeat(655);
    let mut left = bytes;
    while left > 0 {
        let n = left.min(part.len());
        host.event(Event::Stdout(part[..n].to_vec()));
        left -= n;
    }
}

fn display(text: &str, display_id: Option<String>, update: bool) -> Event {
    Event::Display {
        data: plain(text),
        metadata: MimeBundle::new(),
        buffers: Vec::new(),
        display_id,
        update,
    }
}

fn plain(text: &str) -> MimeBundle {
    bundle(json!({"text/plain": text}))
}

fn bundle(value: Value) -> MimeBundle {
    value.as_object().unwrap().clone()
}

fn error(ename: &str, evalue: &str) -> Outcome {
    Outcome::Error {
        ename: ename.to_owned(),
        evalue: evalue.to_owned(),
        traceback: vec![format!("{ename}: {evalue}")],
    }
}

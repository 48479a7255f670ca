//! An engine for tests: its events recorded, its `dbutils` answered from a table.

use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dbutils::protocol::{Request, Response};
use sealbook_runtime::{
    DbutilsHandler, Engine, EvcxrEngine, Event, Host, InputRefused, InputRequest, MimeBundle, Options, Outcome, Over,
};

/// The value that tests plant.
pub const PLANTED: &str = "planted-Pa55 w0rd";

/// Answers as a broker with one scope would, and records the calls.
#[derive(Default)]
pub struct Broker {
    pub calls: Mutex<Vec<String>>,
}

impl DbutilsHandler for Broker {
    fn call(&self, request: Request) -> Response {
        let args: Vec<String> = request
            .args
            .iter()
            .map(|arg| String::from_utf8_lossy(arg).into_owned())
            .collect();
        self.calls
            .lock()
            .unwrap()
            .push(format!("{} {}", request.method, args.join(" ")));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        match (request.method.as_str(), args.as_slice()) {
            ("secrets.get", ["jdbc", "password"]) => Response::Ok(vec![PLANTED.into()]),
            ("secrets.get", ["jdbc", "binary"]) => Response::Ok(vec![vec![0xff, 0, 1]]),
            ("secrets.get", [scope, key]) => Response::Err {
                code: "RESOURCE_DOES_NOT_EXIST".into(),
                message: format!("Secret does not exist with scope: {scope} and key: {key}"),
            },
            ("secrets.list", ["jdbc"]) => Response::Ok(vec!["password".into(), "1700000000000".into()]),
            ("secrets.list_scopes", []) => Response::Ok(vec!["jdbc".into(), "SEALBOOK".into()]),
            ("notebook.exit", [_]) => Response::Ok(Vec::new()),
            _ => Response::Err {
                code: "INVALID_PARAMETER_VALUE".into(),
                message: format!("unexpected {}", request.method),
            },
        }
    }
}

/// One engine and what it said.
pub struct Notebook {
    pub engine: EvcxrEngine,
    pub broker: Arc<Broker>,
    pub late: Receiver<Event>,
    /// Whether the cells have numbers.
    pub counts: bool,
    count: u64,
}

impl Notebook {
    pub fn open() -> Notebook {
        Notebook::open_with(|_| {})
    }

    pub fn open_with(change: impl FnOnce(&mut Options)) -> Notebook {
        let broker = Arc::new(Broker::default());
        let (sender, late) = mpsc::channel();
        let sender = Mutex::new(sender);
        let mut options = Options::new(broker.clone());
        options.late_output = Some(Arc::new(move |event| sender.lock().unwrap().send(event).unwrap()));
        change(&mut options);
        Notebook {
            engine: EvcxrEngine::start(options).unwrap(),
            broker,
            late,
            counts: false,
            count: 0,
        }
    }

    /// Runs a cell.
    pub fn run(&mut self, code: &str) -> Ran {
        self.count += 1;
        let mut recorder = Recorder {
            number: self.counts.then_some(self.count),
            ..Recorder::default()
        };
        let outcome = self.engine.execute(code, &mut recorder);
        Ran {
            events: recorder.events,
            outcome,
        }
    }

    /// Runs a cell that must succeed.
    pub fn ok(&mut self, code: &str) -> Ran {
        let ran = self.run(code);
        assert!(matches!(ran.outcome, Outcome::Ok { .. }), "{code}: {:?}", ran.outcome);
        ran
    }

    /// Runs a cell that must fail: name, value, traceback as one text.
    pub fn error(&mut self, code: &str) -> (String, String, String) {
        let ran = self.run(code);
        match ran.outcome {
            Outcome::Error {
                ename,
                evalue,
                traceback,
            } => (ename, evalue, traceback.join("\n")),
            other => panic!("{code}: {other:?}"),
        }
    }

    /// Runs a cell and interrupts it once it has printed something.
    pub fn interrupted(&mut self, code: &str) -> (String, String) {
        let interrupt = self.engine.interrupt();
        let mut recorder = Recorder {
            on_output: Some(Box::new(move || interrupt.interrupt())),
            ..Recorder::default()
        };
        match self.engine.execute(code, &mut recorder) {
            Outcome::Error { ename, traceback, .. } => (ename, traceback.join("\n")),
            other => panic!("{code}: {other:?}"),
        }
    }

    /// The result of a cell, as plain text.
    pub fn result(&mut self, code: &str) -> String {
        let ran = self.ok(code);
        let mut results = ran.events.iter().filter_map(|event| match event {
            Event::Result(data) => Some(plain(data)),
            _ => None,
        });
        let result = results
            .next()
            .unwrap_or_else(|| panic!("{code}: no result in {:?}", ran.events));
        assert!(results.next().is_none(), "{code}: several results");
        result
    }

    pub fn late(&self) -> Event {
        self.late.recv_timeout(Duration::from_secs(20)).unwrap()
    }
}

pub fn plain(data: &MimeBundle) -> String {
    data["text/plain"].as_str().unwrap().to_owned()
}

/// What one cell did.
#[derive(Debug)]
pub struct Ran {
    pub events: Vec<Event>,
    pub outcome: Outcome,
}

impl Ran {
    pub fn stdout(&self) -> Vec<u8> {
        let bytes = |event: &Event| match event {
            Event::Stdout(bytes) => bytes.clone(),
            _ => Vec::new(),
        };
        self.events.iter().flat_map(bytes).collect()
    }

    pub fn stderr(&self) -> String {
        let bytes = |event: &Event| match event {
            Event::Stderr(bytes) => bytes.clone(),
            _ => Vec::new(),
        };
        String::from_utf8_lossy(&self.events.iter().flat_map(bytes).collect::<Vec<u8>>()).into_owned()
    }

    /// Text and displays in order, such as `["a", "<html> <b>", "c"]`.
    pub fn shown(&self) -> Vec<String> {
        let mut shown: Vec<String> = Vec::new();
        let mut in_text = false;
        for event in &self.events {
            match event {
                Event::Stdout(bytes) => {
                    let text = String::from_utf8_lossy(bytes).into_owned();
                    match shown.last_mut().filter(|_| in_text) {
                        Some(last) => last.push_str(&text),
                        None => shown.push(text),
                    }
                }
                Event::Display { data, update, .. } => {
                    shown.push(describe(if *update { "update" } else { "display" }, data))
                }
                Event::Result(data) => shown.push(describe("result", data)),
                Event::ClearOutput { wait } => shown.push(format!("clear {wait}")),
                other => shown.push(format!("{other:?}")),
            }
            in_text = matches!(event, Event::Stdout(_));
        }
        shown
    }
}

fn describe(kind: &str, data: &MimeBundle) -> String {
    let parts: Vec<String> = data
        .iter()
        .map(|(mime, content)| format!("{mime}={}", content.as_str().unwrap()))
        .collect();
    format!("{kind} {}", parts.join(" "))
}

/// Records events; answers input with what was asked, in capitals, on two lines, unless the prompt is `refuse`; or with what
/// is to be typed, and then no more.
#[derive(Default)]
pub struct Recorder {
    pub events: Vec<Event>,
    pub on_output: Option<Box<dyn FnOnce()>>,
    /// Called when there is something to ask, which is never answered: the request waits until the cell is over.
    pub on_input: Option<Box<dyn FnOnce()>>,
    pub number: Option<u64>,
    /// Reversed.
    pub typed: Option<Vec<String>>,
    /// The requests that were answered.
    pub asked: Vec<InputRequest>,
    /// A secret that is known.
    pub secret: Option<&'static str>,
}

impl Host for Recorder {
    fn number(&self) -> Option<u64> {
        self.number
    }

    fn holds_secret(&self, code: &str) -> bool {
        self.secret.is_some_and(|secret| code.contains(secret))
    }

    fn event(&mut self, event: Event) {
        self.events.push(event);
        if let Some(action) = self.on_output.take() {
            action();
        }
    }

    fn input(&mut self, request: InputRequest, over: &Over) -> Result<String, InputRefused> {
        if let Some(action) = self.on_input.take() {
            let (sender, ended) = mpsc::channel();
            over.then(move || sender.send(()).unwrap());
            action();
            ended
                .recv_timeout(Duration::from_secs(20))
                .expect("still waits for an answer");
            return Err(InputRefused);
        }
        if let Some(typed) = &mut self.typed {
            let answer = typed.pop().ok_or(InputRefused)?;
            self.asked.push(request);
            return Ok(answer);
        }
        let answer = format!("{}\nhidden: {}", request.prompt.to_uppercase(), request.password);
        if request.prompt == "refuse" {
            Err(InputRefused)
        } else {
            Ok(answer)
        }
    }
}

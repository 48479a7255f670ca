//! The load of `cargo xtask bench service`: N connections that each send a request as soon as the answer to the last one is
//! there, for some seconds. Prints requests per second and latencies as JSON.
//!
//! ```text
//! load read  --host 127.0.0.1:1234 --connections 4 --seconds 5            sealed reads, opened; SEALBOOK_KERNEL_TOKEN
//! load plain --host … --request FILE                                      the HTTP request in FILE, again and again
//! ```
//!
//! `NNN` in FILE becomes the connection's number.
//!
//! Every answer is read whole and must be 2xx; one that is not ends the run. One thread, so that the server has the rest.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for measurements fails by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sealbook_api::sealing::{AnswerContext, EphemeralKey, SessionKeys, SignedRequest};
use sealbook_api::sessions::{OpenedSession, SealedAnswer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a read asks for; the benchmark puts it there.
const READ: &[u8] = br#"{"scope":"bench","key":"secret"}"#;
/// The client's random bytes are not random here: nothing secret hangs on a benchmark's session.
const NONCE: [u8; 16] = [7; 16];
const KERNEL: &str = "bench";

/// A connection and what was read from it beyond the last answer.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn new(host: &str) -> Self {
        let stream = TcpStream::connect(host).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: Vec::with_capacity(16 << 10),
        }
    }

    /// Sends a request and returns the body of its answer.
    async fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.stream.write_all(request).await.unwrap();
        self.buffer.clear();
        let (head, length) = loop {
            assert!(self.stream.read_buf(&mut self.buffer).await.unwrap() > 0, "closed");
            if let Some(at) = self.buffer.windows(4).position(|end| end == b"\r\n\r\n") {
                let head = std::str::from_utf8(&self.buffer[..at]).unwrap().to_ascii_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
                assert!(
                    head.starts_with("http/1.1 2"),
                    "{}",
                    String::from_utf8_lossy(&self.buffer)
                );
                let length = length.unwrap_or(0);
                break (at + 4, length);
            }
        };
        while self.buffer.len() < head + length {
            assert!(self.stream.read_buf(&mut self.buffer).await.unwrap() > 0, "closed");
        }
        self.buffer[head..head + length].to_vec()
    }
}

fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// A kernel session.
struct Session {
    id: String,
    keys: SessionKeys,
    seq: AtomicU64,
}

impl Session {
    async fn open(host: &str) -> Self {
        let token = std::env::var("SEALBOOK_KERNEL_TOKEN").unwrap();
        let key = EphemeralKey::generate();
        let body = serde_json::json!({
            "attestation": { "kind": "kernel-token", "credential": token },
            "hpke_public_key": STANDARD.encode(key.public()),
            "kernel_id": KERNEL,
            "client_nonce": STANDARD.encode(NONCE),
        });
        let request = post("/api/2.0/kernel-sessions", "", body.to_string().as_bytes());
        let answer = Connection::new(host).await.ask(&request).await;
        let opened: OpenedSession = serde_json::from_slice(&answer).unwrap();
        let encapsulated = STANDARD.decode(opened.encapsulated_key).unwrap();
        Self {
            id: opened.session_id,
            keys: key.open(&encapsulated, &NONCE, KERNEL).unwrap(),
            seq: AtomicU64::new(1),
        }
    }

    /// One read, whose answer is opened.
    async fn read(&self, connection: &mut Connection) {
        let path = format!("/api/2.0/kernel-sessions/{}/read", self.id);
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        let timestamp_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        let mac = self.keys.sign(&SignedRequest {
            method: "POST",
            path: &path,
            body: READ,
            session: &self.id,
            seq,
            timestamp_ms,
        });
        let headers =
            format!("x-sealbook-seq: {seq}\r\nx-sealbook-timestamp: {timestamp_ms}\r\nx-sealbook-mac: {mac}\r\n");
        let answer = connection.ask(&post(&path, &headers, READ)).await;
        let answer: SealedAnswer = serde_json::from_slice(&answer).unwrap();
        let context = AnswerContext::of(&self.id, seq, &answer);
        let (nonce, ciphertext) = (
            STANDARD.decode(&answer.nonce).unwrap(),
            STANDARD.decode(&answer.ciphertext).unwrap(),
        );
        // What opens is what was sealed for this very read.
        drop(self.keys.open_answer(&context, &nonce, ciphertext).unwrap());
    }
}

/// What each connection does.
enum Load {
    Read(Session),
    Plain(Vec<u8>),
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|word| word == name).unwrap();
        arguments[at + 1].clone()
    };
    let host = option("--host");
    let connections: usize = option("--connections").parse().unwrap();
    let time = Duration::from_secs_f64(option("--seconds").parse().unwrap());
    let load = Arc::new(match arguments[0].as_str() {
        "read" => Load::Read(Session::open(&host).await),
        "plain" => Load::Plain(std::fs::read(option("--request")).unwrap()),
        other => panic!("no load is called {other}"),
    });

    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..connections {
        let (load, host) = (Arc::clone(&load), host.clone());
        tasks.spawn(async move {
            let mut connection = Connection::new(&host).await;
            let own = match &*load {
                Load::Read(_) => Vec::new(),
                Load::Plain(request) => String::from_utf8_lossy(request)
                    .replace("NNN", &format!("{number:03}"))
                    .into_bytes(),
            };
            let mut latencies = Vec::new();
            while started.elapsed() < time {
                let sent = Instant::now();
                match &*load {
                    Load::Read(session) => session.read(&mut connection).await,
                    Load::Plain(_) => drop(connection.ask(&own).await),
                }
                latencies.push(sent.elapsed());
            }
            latencies
        });
    }
    let mut latencies: Vec<Duration> = tasks.join_all().await.concat();
    let elapsed = started.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{}",
        serde_json::json!({
            "per_second": latencies.len() as f64 / elapsed, "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0),
        })
    );
}

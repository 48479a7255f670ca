//! Crates that a notebook adds with `:dep`, and asynchronous code. The crates are folders, so no registry is asked.

use std::fs;
use std::path::Path;

use super::cells::Notebook;

/// Writes a crate with this source.
fn write(folder: &Path, name: &str, source: &str) {
    let folder = folder.join(name);
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(
        folder.join("Cargo.toml"),
        format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n"),
    )
    .unwrap();
    fs::write(folder.join("src/lib.rs"), source).unwrap();
}

pub fn dependencies() {
    #[expect(unsafe_code, reason = "the only way to be offline")]
    // SAFETY: no other thread runs yet.
    unsafe {
        std::env::set_var("CARGO_NET_OFFLINE", "true");
    }
    let crates = tempfile::tempdir().unwrap();
    let path = |name: &str| crates.path().join(name).display().to_string();
    write(crates.path(), "counting", "pub fn next() -> u32 { 1 }");
    let mut notebook = Notebook::open();
    notebook.ok("let kept = vec![1];");
    let ran = notebook.ok(&format!(":dep counting = {{ path = {:?} }}", path("counting")));
    assert!(ran.stderr().contains("Compiling counting"), "{}", ran.stderr());
    assert_eq!(notebook.result("counting::next()"), "1");
    // The next build sees what was changed in the folder.
    write(crates.path(), "counting", "pub fn next() -> u32 { 22 }");
    assert_eq!(notebook.result("counting::next()"), "22");
    let (_, evalue, traceback) = notebook.error(":dep no-such-crate-anywhere = \"1\"");
    assert!(
        evalue.contains("no-such-crate-anywhere") && traceback.contains("offline"),
        "{evalue}\n{traceback}"
    );
    assert_eq!(notebook.result("(kept.len(), counting::next())"), "(1, 22)");
    // As much of tokio as a cell with `.await` needs.
    write(
        crates.path(),
        "tokio",
        "pub mod runtime {
            use std::task::{Context, Poll, Waker};
            pub struct Runtime;
            impl Runtime {
                pub fn new() -> std::io::Result<Runtime> { Ok(Runtime) }
                pub fn block_on<F: Future>(&self, future: F) -> F::Output {
                    let mut future = std::pin::pin!(future);
                    loop {
                        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                            return done;
                        }
                    }
                }
            }
        }",
    );
    notebook.ok(&format!(":dep tokio = {{ path = {:?} }}", path("tokio")));
    notebook.ok("async fn five() -> u8 { 5 }");
    notebook.ok("let waited = five().await;");
    assert_eq!(notebook.result("waited + five().await"), "10");
    let (ename, evalue, _) = notebook.error("let n: u8 = async { \"x\".parse() }.await?;");
    assert_eq!(
        (ename.as_str(), evalue.as_str()),
        ("ParseIntError", "invalid digit found in string")
    );
}

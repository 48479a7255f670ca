//! What the kernel says about the language of its cells (`kernel_info_reply`, `language_info` of notebooks).

pub mod items;
pub mod literals;
pub mod rewrite;

use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

/// `language_info` as in the messaging protocol.
#[must_use]
pub fn info() -> Value {
    json!({
        "name": "rust",
        "version": version(),
        "mimetype": "text/rust",
        "file_extension": ".rs",
        "pygments_lexer": "rust",
        "codemirror_mode": "rust",
        // The exporter of nbconvert that needs nothing but this description.
        "nbconvert_exporter": "script",
    })
}

/// Version of the compiler on the path, empty when there is none. Asked once; later calls return at once.
#[must_use]
pub fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let output = Command::new("rustc").arg("--version").output();
        let text = output
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .unwrap_or_default();
        // `rustc 1.95.0 (…)`
        text.split_whitespace().nth(1).unwrap_or_default().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_compiler() {
        let info = info();
        assert!(info["version"].as_str().unwrap().starts_with("1."), "{info}");
        assert_eq!(info["file_extension"], ".rs");
    }
}

//! The environment that user code, build scripts and `env!` see: an allow list.
//!
//! Why: a kernel inherits the credentials of what started it (a hub's token, a cloud's keys); printed by a cell they
//! would end in the notebook.

use std::ffi::{OsStr, OsString};

/// Names that are passed.
const ALLOWED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TERM",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "LIBRARY_PATH",
    "PKG_CONFIG_PATH",
    "CC",
    "CXX",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
];

/// Beginnings of names that are passed.
const ALLOWED_PREFIXES: &[&str] = &[
    "LC_",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTR",
    "CARGO_SOURCE_",
    "RUSTUP_",
];

/// Cargo's own variables that are passed; the others describe the build that started us, and would steer ours.
const ALLOWED_CARGO: &[&str] = &["CARGO_HOME", "CARGO_BUILD_JOBS", "CARGO_TERM_COLOR"];

/// Proxies, passed without their credentials.
const PROXIES: &[&str] = &["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY"];

/// Beginnings of names that are never passed, not even on request.
const NEVER_PREFIXES: &[&str] = &["SEALBOOK_", "JUPYTERHUB_", "JPY_"];

/// Parts of names that are passed on request only.
const CREDENTIAL_PARTS: &[&str] = &[
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "CREDENTIAL",
    "API_KEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
];

/// Whether a variable of this name is likely to hold a credential.
pub fn looks_like_credential(name: &str) -> bool {
    let name = name.to_uppercase();
    CREDENTIAL_PARTS.iter().any(|part| name.contains(part))
}

/// What of `vars` the child processes get; `requested` are names passed on purpose.
pub fn allowed(
    vars: impl IntoIterator<Item = (OsString, OsString)>,
    requested: &[String],
) -> Vec<(OsString, OsString)> {
    vars.into_iter()
        .filter_map(|(name, value)| pass(name, value, requested))
        .collect()
}

fn pass(name: OsString, value: OsString, requested: &[String]) -> Option<(OsString, OsString)> {
    let text = name.to_str()?.to_owned();
    let upper = text.to_uppercase();
    if NEVER_PREFIXES.iter().any(|prefix| upper.starts_with(prefix)) {
        return None;
    }
    if requested.contains(&text) {
        return Some((name, value));
    }
    if looks_like_credential(&text) {
        return None;
    }
    if PROXIES.contains(&upper.as_str()) {
        return Some((name, without_credentials(&value)?));
    }
    let is_allowed = upper == "NO_PROXY"
        || ALLOWED.contains(&text.as_str())
        || ALLOWED_CARGO.contains(&text.as_str())
        || ALLOWED_PREFIXES.iter().any(|prefix| text.starts_with(prefix));
    is_allowed.then_some((name, value))
}

/// `http://user:password@host:1` as `http://host:1`.
fn without_credentials(value: &OsStr) -> Option<OsString> {
    let value = value.to_str()?;
    let (scheme, rest) = value
        .split_once("://")
        .map_or(("", value), |(scheme, rest)| (scheme, rest));
    let end = rest.find('/').unwrap_or(rest.len());
    let host = rest[..end].rsplit_once('@').map_or(&rest[..end], |(_, host)| host);
    let separator = if scheme.is_empty() { "" } else { "://" };
    Some(format!("{scheme}{separator}{host}{}", &rest[end..]).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_allowed_passes() {
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("PATH", "/bin", Some("/bin")),
            ("CARGO_HOME", "/c", Some("/c")),
            ("CARGO_REGISTRIES_X_INDEX", "i", Some("i")),
            ("CARGO_REGISTRY_TOKEN", "planted", None),
            ("CARGO_MANIFEST_DIR", "/m", None),
            ("CARGO_ENCODED_RUSTFLAGS", "-x", None),
            ("AWS_SECRET_ACCESS_KEY", "planted", None),
            ("ASKED_FOR_TOKEN", "planted", Some("planted")),
            ("SEALBOOK_TOKEN", "planted", None),
            ("JUPYTERHUB_API_TOKEN", "planted", None),
            ("JPY_API_TOKEN", "planted", None),
            ("SOMETHING_ELSE", "x", None),
            (
                "https_proxy",
                "http://u:planted@proxy:3128/x",
                Some("http://proxy:3128/x"),
            ),
            ("HTTP_PROXY", "u:planted@proxy:1", Some("proxy:1")),
            ("no_proxy", "localhost", Some("localhost")),
            ("LC_ALL", "C", Some("C")),
        ];
        let requested = [
            "ASKED_FOR_TOKEN".to_owned(),
            "SEALBOOK_TOKEN".to_owned(),
            "JPY_API_TOKEN".to_owned(),
        ];
        for (name, value, expected) in cases {
            let passed = allowed([(OsString::from(name), OsString::from(value))], &requested);
            let expected: Vec<_> = expected
                .iter()
                .map(|value| (OsString::from(name), OsString::from(value)))
                .collect();
            assert_eq!(passed, expected, "{name}");
        }
    }
}

//! System packages and cargo tools that the tests need.

use std::path::Path;

use crate::step;

/// A Debian package, and a file that is there when it need not be installed.
struct Package {
    name: &'static str,
    present: fn() -> bool,
    why: &'static str,
}

const PACKAGES: &[Package] = &[
    Package {
        name: "python3-venv",
        present: has_venv,
        why: "the Python environment of the end-to-end tests",
    },
    Package {
        name: "postgresql",
        present: has_postgres,
        why: "the database of the warehouse example",
    },
    Package {
        name: "softhsm2",
        present: || on_path("softhsm2-util"),
        why: "PKCS#11 tests without a hardware module",
    },
    Package {
        name: "chromium",
        present: || on_path("chromium"),
        why: "JupyterLab in a browser",
    },
    Package {
        name: "g++",
        present: || on_path("c++") || on_path("g++"),
        why: "libFuzzer",
    },
    Package {
        name: "nodejs",
        present: || on_path("node"),
        why: "JupyterHub's proxy",
    },
    Package {
        name: "npm",
        present: || on_path("npm"),
        why: "JupyterHub's proxy",
    },
];

/// Installs the system packages that are missing.
///
/// # Errors
/// Names what is missing and how to install it by hand.
pub fn install_missing() -> Result<(), String> {
    let missing: Vec<&Package> = PACKAGES.iter().filter(|package| !(package.present)()).collect();
    if missing.is_empty() {
        println!("── system packages: all there");
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    let by_hand = format!(
        "The tests need:\n{}\nInstall them and run again, for example: sudo apt-get install {}",
        missing
            .iter()
            .map(|package| format!("  {}: {}", package.name, package.why))
            .collect::<Vec<_>>()
            .join("\n"),
        names.join(" "),
    );
    if !on_path("apt-get") {
        return Err(format!("there is no apt-get on this machine. {by_hand}"));
    }
    let root = is_root();
    if !root && !on_path("sudo") {
        return Err(format!("installing needs root, and there is no sudo. {by_hand}"));
    }
    let apt = |arguments: &[&str]| {
        let mut command = if root {
            step::command("apt-get")
        } else {
            step::command("sudo")
        };
        if !root {
            // -n: fail with a text rather than wait for a password that nobody types.
            command.args(["-n", "--preserve-env=DEBIAN_FRONTEND", "apt-get"]);
        }
        command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments);
        command
    };
    step::quiet("apt-get update", &mut apt(&["update"])).map_err(|error| format!("{error}\n{by_hand}"))?;
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(&names);
    step::quiet(&format!("apt-get install {}", names.join(" ")), &mut apt(&install))
        .map_err(|error| format!("{error}\n{by_hand}"))
}

/// Installs cargo-nextest when it is missing.
///
/// # Errors
/// When cargo cannot install it.
pub fn install_nextest() -> Result<(), String> {
    if step::cargo()
        .args(["nextest", "--version"])
        .output()
        .is_ok_and(|output| output.status.success())
    {
        println!("── cargo-nextest: there");
        return Ok(());
    }
    // A folder of its own for its build, so that it does not touch the product's.
    let mut install = step::cargo();
    install
        .args([
            "install",
            "--quiet",
            "cargo-nextest",
            "--locked",
            "--version",
            "0.9.143",
            "--target-dir",
        ])
        .arg(crate::workspace::tools().join("nextest-build"));
    step::quiet("cargo install cargo-nextest", &mut install)
}

/// Crates that the example notebooks and the tests use with `:dep`, exactly as they name them: fetched here, used offline there.
const NOTEBOOK_CRATES: &[&str] = &[
    "postgres = \"=0.19.14\"",
    "indicatif = \"=0.18.6\"",
    "evcxr_input = \"=1.0.0\"",
];

/// Fetches what the example notebooks depend on.
///
/// # Errors
/// When cargo cannot fetch it.
pub fn fetch_notebook_crates() -> Result<(), String> {
    let folder = crate::workspace::tools().join("notebook-crates");
    let manifest = format!(
        "[package]\nname = \"notebook-crates\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[lib]\npath = \"lib.rs\"\n\n\
         [workspace]\n\n[dependencies]\n{}\n",
        NOTEBOOK_CRATES.join("\n"),
    );
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join("Cargo.toml"), manifest))
        .and_then(|()| std::fs::write(folder.join("lib.rs"), "//! Nothing: only the dependencies count.\n"));
    written.map_err(|error| format!("{}: {error}", folder.display()))?;
    step::quiet(
        "crates of the example notebooks",
        step::cargo().args(["fetch", "--quiet"]).current_dir(&folder),
    )
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

fn has_venv() -> bool {
    step::command("python3")
        .args([
            "-c",
            "import venv, ensurepip, sys; sys.exit(sys.version_info < (3, 10))",
        ])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// The server's programs are not on PATH on Debian.
fn has_postgres() -> bool {
    on_path("postgres")
        || std::fs::read_dir("/usr/lib/postgresql").is_ok_and(|versions| {
            versions
                .flatten()
                .any(|version| version.path().join("bin/postgres").is_file())
        })
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(Path::new("/proc/self")).is_ok_and(|own| own.uid() == 0)
}

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

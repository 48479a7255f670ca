//! `dbutils.secrets` in cells, and what cells cannot see.

use super::cells::{Notebook, PLANTED};

pub fn secrets_arrive() {
    let mut notebook = Notebook::open();
    let length = PLANTED.len().to_string();
    for call in [
        "dbutils.secrets.get(\"jdbc\", \"password\").len()",
        "dbutils.secrets.get(scope = \"jdbc\", key = \"password\").len()",
        "dbutils.secrets.get(key = \"password\", scope = \"jdbc\").len()",
        "dbutils.secrets.get_bytes(\"jdbc\", \"password\").len()",
        "dbutils.secrets.try_get(\"jdbc\", \"password\").unwrap().len()",
    ] {
        assert_eq!(notebook.result(call), length, "{call}");
    }
    let (ename, evalue, traceback) = notebook.error("let a = 1;\nlet b = dbutils.secrets.get(\"jdbc\", \"nope\");");
    assert_eq!(
        (ename.as_str(), evalue.as_str()),
        ("panic", "Secret does not exist with scope: jdbc and key: nope")
    );
    assert!(traceback.starts_with("panicked at cell:2:25:"), "{traceback}");
    let missing = notebook.result("dbutils.secrets.try_get(\"x\", \"y\")");
    assert_eq!(missing, "Err(Secret does not exist with scope: x and key: y)");
    let binary = notebook.result("dbutils.secrets.try_get(\"jdbc\", \"binary\").unwrap_err().to_string()");
    assert!(binary.contains("get_bytes"), "{binary}");
    let table = "name  backend_type\n----  ------------\njdbc  SEALBOOK";
    assert_eq!(notebook.result("dbutils.secrets.list_scopes()"), table);
    assert_eq!(notebook.result("dbutils.secrets.listScopes()"), table);
    assert_eq!(
        notebook.result("dbutils.secrets.list(\"jdbc\")[0].key.clone()"),
        "\"password\""
    );
    assert!(
        notebook
            .result("dbutils.secrets.help()")
            .starts_with("get(scope, key): String -> ")
    );
    assert_eq!(notebook.result("dbutils.secrets.help(\"get\")").lines().count(), 1);
    notebook.ok(":clear");
    assert_eq!(
        notebook.result("dbutils.secrets.get(\"jdbc\", \"password\").len()"),
        length
    );
    notebook.ok(":restart");
    assert_eq!(
        notebook.result("dbutils.secrets.get(\"jdbc\", \"password\").len()"),
        length
    );
    let (ename, evalue, _) = notebook.error("dbutils.notebook.exit(\"done\"); println!(\"not reached\");");
    assert_eq!((ename.as_str(), evalue.as_str()), ("SystemExit", "0"));
    assert!(
        notebook
            .broker
            .calls
            .lock()
            .unwrap()
            .contains(&"notebook.exit done".to_owned())
    );
}

pub fn the_environment_is_an_allow_list() {
    #[expect(unsafe_code, reason = "the only way to plant a variable")]
    // SAFETY: no other thread runs yet.
    unsafe {
        std::env::set_var("JUPYTERHUB_API_TOKEN", PLANTED);
        std::env::set_var("SOME_PASSWORD", PLANTED);
        std::env::set_var("ON_PURPOSE", "passed");
    }
    let mut notebook = Notebook::open_with(|options| options.pass_env.push("ON_PURPOSE".into()));
    let names = notebook.result("std::env::vars().map(|(name, _)| name).collect::<Vec<_>>()");
    assert!(
        names.contains("\"PATH\"") && names.contains("\"ON_PURPOSE\""),
        "{names}"
    );
    for hidden in ["TOKEN", "PASSWORD", "SEALBOOK", "EVCXR_CONFIG"] {
        assert!(!names.contains(hidden), "{hidden} in {names}");
    }
    assert_eq!(notebook.result("option_env!(\"SOME_PASSWORD\")"), "None");
    assert_eq!(
        notebook.ok("!echo \"[$SOME_PASSWORD$JUPYTERHUB_API_TOKEN]\"").stdout(),
        b"[]\n"
    );
    let open = notebook.result(
        "std::fs::read_dir(\"/proc/self/fd\")?.flatten().filter_map(|e| std::fs::read_link(e.path()).ok())
         .filter(|p| !p.ends_with(\"fd\")).count()",
    );
    assert_eq!(
        open, "6",
        "but for the folder itself: standard input, output, error, the channel, where starts are told, and what is typed"
    );
    // Programs that a cell starts get the first three of them only.
    assert_eq!(
        notebook
            .ok("std::process::Command::new(\"sh\").args([\"-c\", \"ls /proc/$$/fd\"]).status()?;")
            .stdout(),
        b"0\n1\n2\n"
    );
}

pub fn strangers_are_refused() {
    use dbutils::protocol::{Request, Response};
    let mut notebook = Notebook::open();
    let folder = notebook.result("std::env::current_exe().is_ok()");
    assert_eq!(folder, "true");
    let socket = std::fs::read_dir("/dev/shm")
        .unwrap()
        .chain(std::fs::read_dir(std::env::temp_dir()).unwrap())
        .flatten()
        .map(|entry| entry.path().join("dbutils.sock"))
        .filter(|path| path.exists())
        .max_by_key(|path| std::fs::metadata(path).unwrap().modified().unwrap())
        .unwrap();
    let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    let request = Request {
        method: "secrets.get".into(),
        args: vec!["jdbc".into(), "password".into()],
    };
    request.write_to(&mut stream).unwrap();
    match Response::read_from(&mut stream).unwrap() {
        Response::Err { code, .. } => assert_eq!(code, "PERMISSION_DENIED"),
        Response::Ok(_) => panic!("a process outside the notebook got a secret"),
    }
    assert_eq!(notebook.broker.calls.lock().unwrap().len(), 0);
}

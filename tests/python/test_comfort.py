"""What a user meets besides Rust: commands, the shell, dependencies without a network."""

import time

from harness import Kernel


def test_commands_answer_in_words(kernel):
    kernel.ok("let planted_number = 5; let planted_list = vec![String::new()];")
    variables = kernel.ok(":vars").result
    assert "planted_number: i32" in variables["text/plain"] and "planted_list: Vec<String>" in variables["text/plain"]
    assert kernel.ok(":type planted_list").result["text/plain"] == "planted_list: Vec<String>"
    assert kernel.ok(":t planted_number").result["text/plain"] == "planted_number: i32"
    help_text = kernel.ok(":help").result["text/plain"]
    assert all(command in help_text for command in (":dep", ":vars", ":type", ":help"))
    unknown = kernel.execute(":no_such_command")
    assert unknown.status == "error" and unknown.error["evalue"]
    assert kernel.ok("planted_number").result["text/plain"] == "5"


def test_the_shell_has_the_environment_of_the_cells(house):
    environment = {"SEALBOOK_PASS_ENV": "PLANTED_PASSED", "PLANTED_PASSED": "yes", "PLANTED_KEPT": "never", "JUPYTERHUB_API_TOKEN": "never"}
    with Kernel(house, **environment) as kernel:
        cell = kernel.ok("!env")
        names = dict(line.split("=", 1) for line in cell.stdout.splitlines() if "=" in line)
        assert names["PLANTED_PASSED"] == "yes" and "PATH" in names
        assert not {"PLANTED_KEPT", "JUPYTERHUB_API_TOKEN"} & set(names)
        assert not [name for name in names if name.startswith(("SEALBOOK_", "JPY_"))]
        seen = kernel.ok('let mut names: Vec<String> = std::env::vars().map(|(name, _)| name).collect(); names.sort(); println!("{}", names.join("\\n"));')
        # Those that the shell and the evaluator set for themselves aside, they are the same.
        own = {"_", "PWD", "SHLVL", "OLDPWD", "RUST_BACKTRACE", "EVCXR_IS_RUNTIME"}
        assert set(names) - own == set(seen.stdout.split()) - own
        assert kernel.ok("%%sh\nprintf a; printf b >&2").stdout == "a"


def test_a_dependency_without_a_network_is_a_clear_error_in_time(house):
    # A proxy that refuses, as a machine without a network does.
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "CARGO_HTTP_PROXY": "http://127.0.0.1:9"}
    with Kernel(house, **nowhere) as kernel:
        kernel.ok("let kept = 7;")
        started = time.monotonic()
        cell = kernel.execute(':dep planted-crate-of-nobody = "1"')
        assert time.monotonic() - started < 90
        text = "\n".join([cell.error["evalue"], *cell.error["traceback"]])
        assert cell.status == "error" and "planted-crate-of-nobody" in text
        assert "network" in text or "offline" in text, text
        # It costs nothing but itself.
        assert kernel.ok("kept + 1").result["text/plain"] == "8"

//! Running cells: the exact messages, in their exact order.

use sealbook_e2e::{Channel, FrontEnd};
use serde_json::json;

#[test]
fn a_session_from_start_to_shutdown() {
    let mut front = FrontEnd::start();

    let request = front.execute("println!(\"planted output\"); 6 * 7");
    front.expect_stream(&request, "stdout", "planted output\n");
    front.expect_result(&request, "42");
    let reply = front.expect_ok(&request);
    assert_eq!(reply["execution_count"], 1);
    assert_eq!(reply["user_expressions"], json!({}));
    assert_eq!(reply["payload"], json!([]));

    front.check("let kept = String::from(\"still here\");", "");
    front.check("print!(\"no newline\");", "no newline");
    front.check("println!(\"{kept}\");", "still here\n");

    // An empty cell is a cell.
    let request = front.execute("");
    front.expect_ok(&request);

    let request = front.execute("eprintln!(\"to stderr\");");
    front.expect_stream(&request, "stderr", "to stderr\n");
    front.expect_ok(&request);

    assert!(front.shut_down().success());
}

#[test]
fn errors_are_told_once_on_iopub_and_again_in_the_reply() {
    let mut front = FrontEnd::start();
    front.check("let kept = 7;", "");

    let request = front.execute("let wrong: i32 = \"text\";");
    let (ename, evalue) = front.expect_error(&request);
    assert!(
        ename.contains("E0308") || evalue.contains("mismatched types"),
        "{ename}: {evalue}"
    );

    let request = front.execute("panic!(\"on purpose\");");
    front.skip_streams(&request);
    let (_, evalue) = front.expect_error(&request);
    assert!(evalue.contains("on purpose"), "{evalue}");

    let request = front.execute("Err::<(), String>(\"a failed question mark\".into())?;");
    front.skip_streams(&request);
    let (_, evalue) = front.expect_error(&request);
    assert!(evalue.contains("a failed question mark"), "{evalue}");

    front.check_result("kept", "7");
    assert!(front.shut_down().success());
}

#[test]
fn secrets_are_masked_in_every_message() {
    let mut front = FrontEnd::start_planted();
    front.check("let password = dbutils.secrets.get(\"jdbc\", \"password\");", "");
    front.check_result("password.len()", "29");
    front.check("println!(\"<{password}>\");", "<[REDACTED]>\n");
    front.check_result("password.clone()", "\"[REDACTED]\"");
    let request = front.execute("eprintln!(\"{password:?}\");");
    front.expect_stream(&request, "stderr", "\"[REDACTED]\"\n");
    front.expect_ok(&request);

    let request = front.execute("panic!(\"cannot log in with {password}\");");
    front.skip_streams(&request);
    let (_, evalue) = front.expect_error(&request);
    assert!(evalue.contains("cannot log in with [REDACTED]"), "{evalue}");
    assert!(front.shut_down().success());
}

#[test]
fn silent_cells_and_cells_outside_history_count_nothing() {
    let mut front = FrontEnd::start();
    let request = front.send_execute_with("let x = 5; x", json!({"silent": true}));
    front.expect_status(&request, "busy");
    front.expect_ok(&request);
    let request = front.send_execute_with("println!(\"shown\");", json!({"store_history": false}));
    front.expect_status(&request, "busy");
    front.expect(&request, "execute_input");
    front.expect_stream(&request, "stdout", "shown\n");
    front.expect_ok(&request);
    let request = front.execute("x + 1");
    front.expect_result(&request, "6");
    assert_eq!(front.expect_ok(&request)["execution_count"], 1);
    assert!(front.shut_down().success());
}

#[test]
fn user_expressions_are_answered_in_the_reply() {
    let mut front = FrontEnd::start();
    let expressions = json!({"user_expressions": {"sum": "1 + 2", "wrong": "no_such_variable"}});
    let request = front.send_execute_with("let x = 5;", expressions);
    front.expect_status(&request, "busy");
    front.expect(&request, "execute_input");
    let reply = front.expect_ok(&request);
    assert_eq!(reply["user_expressions"]["sum"]["status"], "ok");
    assert_eq!(reply["user_expressions"]["sum"]["data"]["text/plain"], "3");
    assert_eq!(reply["user_expressions"]["wrong"]["status"], "error");
    assert!(front.shut_down().success());
}

#[test]
fn a_failing_cell_stops_the_cells_that_wait() {
    let mut front = FrontEnd::start();
    let first = front.send_execute("std::thread::sleep(std::time::Duration::from_millis(700)); let x: i32 = \"no\";");
    let second = front.send_execute("println!(\"never\");");
    let third = front.send_execute("println!(\"never\");");
    front.expect_status(&first, "busy");
    front.expect(&first, "execute_input");
    front.expect_error(&first);
    for request in [&second, &third] {
        front.expect_status(request, "busy");
        front.expect_idle(request);
        let reply = front.expect_reply(request, "execute_reply");
        assert!(reply["status"] == "error" || reply["status"] == "aborted", "{reply:?}");
    }
    // What comes after is run again.
    front.check_result("1 + 1", "2");

    let first = front.send_execute_with("let x: i32 = \"no\";", json!({"stop_on_error": false}));
    let second = front.send_execute("2 + 2");
    front.expect_status(&first, "busy");
    front.expect(&first, "execute_input");
    front.expect_error(&first);
    front.expect_status(&second, "busy");
    front.expect(&second, "execute_input");
    front.expect_result(&second, "4");
    front.expect_ok(&second);
    assert!(front.shut_down().success());
}

#[test]
fn an_interrupt_ends_a_busy_loop_and_keeps_the_variables() {
    let mut front = FrontEnd::start();
    front.check("let kept = 7;", "");
    let request = front.execute("println!(\"started\"); loop { std::hint::black_box(()); }");
    front.expect_stream(&request, "stdout", "started\n");
    let interrupt = front.send(Channel::Control, "interrupt_request", json!({}));
    assert_eq!(front.expect_reply(&interrupt, "interrupt_reply")["status"], "ok");
    front.expect_status(&interrupt, "busy");
    front.expect_status(&interrupt, "idle");
    let (ename, _) = front.expect_error(&request);
    assert_eq!(ename, "KeyboardInterrupt");
    front.check_result("kept", "7");
    assert!(front.shut_down().success());
}

#[test]
fn large_output_comes_whole_and_in_few_messages() {
    let mut front = FrontEnd::start();
    let request = front.execute("for i in 0..200_000 { println!(\"line {i}\"); }");
    let expected: String = (0..200_000).map(|i| format!("line {i}\n")).collect();
    let messages = front.expect_stream(&request, "stdout", &expected);
    front.expect_ok(&request);
    assert!(messages < 500, "{messages} stream messages");
    assert!(front.shut_down().success());
}

#[test]
fn a_cell_can_ask_for_input() {
    let mut front = FrontEnd::start();
    let code = "println!(\"got {}\", evcxr_input::get_string(\"name? \"));";
    let request = front.send_execute_with(":dep evcxr_input", json!({}));
    front.expect_status(&request, "busy");
    front.expect(&request, "execute_input");
    front.skip_streams(&request);
    front.expect_ok(&request);
    let request = front.send_execute_with(code, json!({"allow_stdin": true}));
    front.expect_status(&request, "busy");
    front.expect(&request, "execute_input");
    let asked = front.expect_input_request(&request);
    assert_eq!(asked.content["prompt"], "name? ");
    assert_eq!(asked.content["password"], false);
    front.answer(&asked, "an answer");
    front.expect_stream(&request, "stdout", "got an answer\n");
    front.expect_ok(&request);
    assert!(front.shut_down().success());
}

//! The other requests, bad messages, other transports.

use sealbook_e2e::{Bytes, Channel, FrontEnd, House, Message, Object, Signer};
use serde_json::{Value, json};

/// How often a question about code is asked until the engine is ready for it; each asking takes seconds.
const ASKED_MAX: usize = 10;

#[test]
fn kernel_info_says_what_the_kernel_is() {
    let mut front = FrontEnd::start();
    for channel in [Channel::Shell, Channel::Control] {
        let info = front.ask(channel, "kernel_info_request", json!({}));
        assert_eq!(info["status"], "ok");
        assert_eq!(info["implementation"], "sealbook");
        assert!(
            info["protocol_version"]
                .as_str()
                .is_some_and(|version| version.starts_with("5.")),
            "{info:?}"
        );
        let language = &info["language_info"];
        assert_eq!(language["name"], "rust");
        assert_eq!(language["file_extension"], ".rs");
        assert_eq!(language["mimetype"], "text/rust");
        assert_eq!(language["pygments_lexer"], "rust");
        assert_eq!(language["codemirror_mode"], "rust");
        assert!(
            language["version"]
                .as_str()
                .is_some_and(|version| version.starts_with("1.")),
            "{language}"
        );
    }
    assert!(front.shut_down().success());
}

#[test]
fn questions_about_code_are_answered() {
    let mut front = FrontEnd::start();
    front.check("let numbers = vec![1, 2, 3];", "");

    // The cursor counts code points, not bytes.
    let code = "let é🔑 = 1; numbers.is_emp";
    let mut complete = || {
        front.ask(
            Channel::Shell,
            "complete_request",
            json!({"code": code, "cursor_pos": code.chars().count()}),
        )
    };
    // A front end gets an empty answer in time while the analysis of the standard library is still being read.
    let reply = (0..ASKED_MAX)
        .map(|_| complete())
        .find(|reply| reply["matches"] != json!([]))
        .expect("an answer with matches");
    assert_eq!(reply["matches"], json!(["is_empty"]));
    assert_eq!(reply["cursor_end"], code.chars().count());
    assert_eq!(reply["cursor_start"], code.chars().count() - "is_emp".len());

    for (code, status) in [
        ("1 + 1", "complete"),
        ("fn f() {", "incomplete"),
        ("fn f() }", "invalid"),
    ] {
        let reply = front.ask(Channel::Shell, "is_complete_request", json!({"code": code}));
        assert_eq!(reply["status"], status, "{code}");
    }

    let history = front.ask(
        Channel::Shell,
        "history_request",
        json!({"hist_access_type": "tail", "n": 1, "raw": true, "output": false}),
    );
    assert_eq!(history["history"][0][2], "let numbers = vec![1, 2, 3];");

    assert_eq!(
        front.ask(Channel::Shell, "comm_info_request", json!({}))["comms"],
        json!({})
    );
    assert!(front.shut_down().success());
}

#[test]
fn a_comm_to_an_unknown_target_is_closed() {
    let mut front = FrontEnd::start();
    let content = json!({"comm_id": "planted-comm", "target_name": "nobody", "data": {}});
    let request = front.send(Channel::Shell, "comm_open", content);
    front.expect_status(&request, "busy");
    assert_eq!(front.expect(&request, "comm_close")["comm_id"], "planted-comm");
    front.expect_idle(&request);
    assert!(front.shut_down().success());
}

#[test]
fn malformed_and_badly_signed_messages_are_dropped() {
    let mut front = FrontEnd::start();
    let signer = front.signer();
    let good = || {
        let content: Object = serde_json::from_value(json!({"code": "println!(\"never\");", "silent": false})).unwrap();
        Message::new("execute_request", "session", content)
    };
    let frames = |signer: &Signer| good().encode(signer);
    let with = |index: usize, bytes: &'static [u8]| {
        let mut frames = frames(&signer);
        frames[index] = Bytes::from_static(bytes);
        frames
    };
    let bad: Vec<Vec<Bytes>> = vec![
        // Signed with another key, not signed, changed after signing.
        frames(&Signer::new(b"another key")),
        with(1, b""),
        with(5, b"{\"code\":\"println!(1)\"}"),
        // Not messages at all.
        vec![Bytes::from_static(b"")],
        vec![Bytes::from_static(b"<IDS|MSG>")],
        frames(&signer)[..4].to_vec(),
        vec![Bytes::from_static(b"\xff"); 9],
        with(2, b"[]"),
        with(2, b"\xff\xfe"),
    ];
    for channel in [Channel::Shell, Channel::Control] {
        for frames in &bad {
            front.send_frames(channel, frames.clone());
        }
    }
    // Well signed, but no request: a header without a type, content that is no request.
    let odd = [json!({}), json!({"code": 5}), json!({"code": null, "silent": "yes"})];
    for content in odd {
        let content: Object = serde_json::from_value(content).unwrap();
        let message = Message::new("execute_request", "session", content);
        front.send_frames(Channel::Shell, message.encode(&signer));
    }
    front.settle();
    front.check_result("40 + 2", "42");

    // The same message twice: the second is a replay.
    let message = Message::new("kernel_info_request", front.session(), Object::new());
    let frames = message.encode(&signer);
    front.send_frames(Channel::Shell, frames.clone());
    front.send_frames(Channel::Shell, frames);
    assert_eq!(front.settle(), ["kernel_info_reply"]);

    front.check_result("40 + 2", "42");
    assert!(front.shut_down().success());
}

#[test]
fn ipc_and_unsigned_connections_work() {
    let house = House::new();
    let prefix = house.root().join("tmp/kernel");
    let connection: Value = json!({"transport": "ipc", "ip": prefix.to_str(), "key": ""});
    let mut front = FrontEnd::start_in(house, connection);
    front.check_result("40 + 2", "42");
    assert!(front.shut_down().success());
}

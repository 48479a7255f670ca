//! Pasted secrets, and parameters as controls.

use dbutils::protocol::{Request, Response};
use sealbook_runtime::DbutilsHandler;
use serde_json::{Value, json};

use super::fake_engine::FakeEngine;
use super::front_end::{FrontEnd, input, message, stream};

const VALUE: &str = "planted-value-0123456789";

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_secret_is_not_run_and_its_source_is_replaced() {
    let mut kernel = FrontEnd::start().await;
    let secret = sealbook_redact::Secret::new("jdbc", "password", VALUE.as_bytes().to_vec());
    let _ = kernel.redactor.learn(&secret);
    let answer = kernel.execute(&format!("out before\nlet p = \"{VALUE}\";")).await;
    assert_eq!(answer.iopub[0], input(1, "out before\nlet p = \"[REDACTED]\";"));
    let (msg_type, content) = &answer.iopub[1];
    assert_eq!((msg_type.as_str(), answer.iopub.len()), ("stream", 2));
    assert!(
        content["text"]
            .as_str()
            .unwrap()
            .contains("scope \"jdbc\", key \"password\""),
        "{content}"
    );
    assert_eq!(
        answer.reply.1["payload"],
        json!([{
            "source": "set_next_input", "replace": true,
            "text": "out before\nlet p = dbutils.secrets.get(\"jdbc\", \"password\");",
        }])
    );
    assert_eq!(answer.reply.1["status"], "ok");
    // Names and near misses run.
    let near = VALUE.replace('9', "8");
    assert_eq!(
        kernel.execute(&format!("out \"{near}\"")).await.iopub[1..],
        [stream("stdout", &format!("\"{near}\""))]
    );
    kernel.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_widget_is_a_control_whose_changes_arrive() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut kernel = FrontEnd::with(Box::new(move |broker, _| {
        sender.send(broker).unwrap();
        Ok(Box::new(FakeEngine::default()))
    }))
    .await;
    let broker = receiver.recv().unwrap();
    let call = |method: &str, args: &[&str]| {
        let request = Request {
            method: method.to_owned(),
            args: args.iter().map(|arg| arg.as_bytes().to_vec()).collect(),
        };
        let broker = broker.clone();
        tokio::task::spawn_blocking(move || match broker.call(request) {
            Response::Ok(fields) => Ok(fields
                .into_iter()
                .map(|field| String::from_utf8(field).unwrap())
                .collect::<Vec<_>>()),
            Response::Err { message, .. } => Err(message),
        })
    };
    kernel.execute("out a").await;
    call("widgets.dropdown", &["env", "dev", "Where", "dev", "prod"])
        .await
        .unwrap()
        .unwrap();
    let mut opened = Vec::new();
    for _ in 0..3 {
        opened.push(kernel.next(|_, message| message.msg_type() == "comm_open").await);
    }
    let models: Vec<&Value> = opened
        .iter()
        .map(|open| &open.content["data"]["state"]["_model_name"])
        .collect();
    assert_eq!(models, ["LayoutModel", "DescriptionStyleModel", "DropdownModel"]);
    assert_eq!(Value::Object(opened[2].metadata.clone()), json!({"version": "2.1.0"}));
    let shown = kernel.next(|_, message| message.msg_type() == "display_data").await;
    assert_eq!(shown.content["data"]["text/plain"], "Where: dev");
    let id = opened[2].content["comm_id"].as_str().unwrap().to_owned();
    assert_eq!(
        shown.content["data"]["application/vnd.jupyter.widget-view+json"]["model_id"],
        json!(id)
    );
    // The user chooses; the cell sees it; declaring again keeps it.
    let update = json!({"comm_id": id, "data": {"method": "update", "state": {"index": 1}, "buffer_paths": []}});
    let changed = kernel.send("comm_msg", update).await;
    assert_eq!(kernel.broadcasts(&changed).await, []);
    assert_eq!(
        call("widgets.get", &["env"]).await.unwrap(),
        Ok(vec!["prod".to_owned()])
    );
    let ask = json!({"comm_id": id, "data": {"method": "request_state"}});
    let asked = kernel.send("comm_msg", ask).await;
    let state = kernel.broadcasts(&asked).await;
    assert_eq!(
        (state[0].0.as_str(), &state[0].1["data"]["state"]["index"]),
        ("comm_msg", &json!(1))
    );
    let listed = kernel
        .ask("comm_info_request", json!({"target_name": "jupyter.widget"}))
        .await;
    assert_eq!(listed.reply.1["comms"].as_object().unwrap().len(), 3);
    call("widgets.remove", &["env"]).await.unwrap().unwrap();
    let listed = kernel.ask("comm_info_request", json!({})).await;
    assert_eq!(
        listed.reply,
        message("comm_info_reply", json!({"status": "ok", "comms": {}}))
    );
    let missing = call("widgets.get", &["env"]).await.unwrap();
    assert_eq!(
        missing,
        Err("InputWidgetNotDefined: No input widget named env is defined".to_owned())
    );
    let unknown = call("no.such", &[]).await.unwrap();
    assert!(unknown.unwrap_err().contains("no.such"));
    kernel.shutdown().await;
}

//! The outputs of one cell, built from iopub messages as the notebook format wants them.

use serde_json::{Map, Value, json};

use super::notebook::split;

/// Outputs of the cell that runs.
#[derive(Debug, Default)]
pub struct Outputs {
    items: Vec<Item>,
    clear_before_next: bool,
}

#[derive(Debug)]
struct Item {
    display_id: Option<String>,
    value: Entry,
}

#[derive(Debug)]
enum Entry {
    Stream { name: String, text: String },
    Other(Value),
}

impl Outputs {
    /// Takes a message; true when it changed the outputs.
    pub fn take(&mut self, msg_type: &str, content: &Map<String, Value>) -> bool {
        let field = |name: &str| content.get(name).cloned().unwrap_or(Value::Null);
        let display_id = content
            .get("transient")
            .and_then(|transient| transient["display_id"].as_str());
        match msg_type {
            "stream" => {
                self.clear_if_asked();
                let (name, text) = (text_of(&field("name")), text_of(&field("text")));
                match self.items.last_mut().map(|item| &mut item.value) {
                    Some(Entry::Stream { name: last, text: all }) if *last == name => all.push_str(&text),
                    _ => self.push(None, Entry::Stream { name, text }),
                }
            }
            "display_data" => {
                self.clear_if_asked();
                let value =
                    json!({"output_type": msg_type, "data": data(&field("data")), "metadata": field("metadata")});
                self.push(display_id.map(str::to_owned), Entry::Other(value));
            }
            "execute_result" => {
                self.clear_if_asked();
                let value = json!({
                    "output_type": msg_type, "execution_count": field("execution_count"), "data": data(&field("data")),
                    "metadata": field("metadata"),
                });
                self.push(display_id.map(str::to_owned), Entry::Other(value));
            }
            "update_display_data" => {
                for item in &mut self.items {
                    if let (Entry::Other(value), true) = (&mut item.value, item.display_id.as_deref() == display_id) {
                        value["data"] = data(&field("data"));
                        value["metadata"] = field("metadata");
                    }
                }
            }
            "error" => {
                let value = json!({
                    "output_type": msg_type, "ename": field("ename"), "evalue": field("evalue"),
                    "traceback": field("traceback"),
                });
                self.push(None, Entry::Other(value));
            }
            "clear_output" if field("wait") == true => self.clear_before_next = true,
            "clear_output" => self.items.clear(),
            _ => return false,
        }
        true
    }

    /// The outputs as in the file.
    pub fn to_values(&self) -> Vec<Value> {
        let value = |item: &Item| match &item.value {
            Entry::Stream { name, text } => json!({"output_type": "stream", "name": name, "text": split(text)}),
            Entry::Other(value) => value.clone(),
        };
        self.items.iter().map(value).collect()
    }

    fn push(&mut self, display_id: Option<String>, value: Entry) {
        self.items.push(Item { display_id, value });
    }

    fn clear_if_asked(&mut self) {
        if std::mem::take(&mut self.clear_before_next) {
            self.items.clear();
        }
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A data bundle: texts as lists of lines, JSON as it is.
fn data(bundle: &Value) -> Value {
    let Value::Object(bundle) = bundle else {
        return json!({});
    };
    let entry = |(mime, value): (&String, &Value)| {
        let lines = match value {
            Value::String(text) if !mime.ends_with("json") && !is_base64(mime) => split(text),
            other => other.clone(),
        };
        (mime.clone(), lines)
    };
    Value::Object(bundle.iter().map(entry).collect())
}

fn is_base64(mime: &str) -> bool {
    (mime.starts_with("image/") && mime != "image/svg+xml") || mime == "application/pdf"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_notebook_format() {
        let mut outputs = Outputs::default();
        let messages = [
            ("stream", json!({"name": "stdout", "text": "a\nb"})),
            ("stream", json!({"name": "stdout", "text": "c\n"})),
            ("stream", json!({"name": "stderr", "text": "e"})),
            (
                "display_data",
                json!({"data": {"text/plain": "x\ny", "image/png": "AA\n", "application/json": {"k": 1}},
                "metadata": {}, "transient": {"display_id": "d"}}),
            ),
            (
                "execute_result",
                json!({"data": {"text/plain": "3"}, "metadata": {}, "execution_count": 1, "transient": {}}),
            ),
            (
                "update_display_data",
                json!({"data": {"text/plain": "new"}, "metadata": {}, "transient": {"display_id": "d"}}),
            ),
            ("status", json!({"execution_state": "idle"})),
        ];
        for (msg_type, content) in &messages {
            assert_eq!(
                outputs.take(msg_type, content.as_object().unwrap()),
                *msg_type != "status"
            );
        }
        assert_eq!(
            Value::from(outputs.to_values()),
            json!([
                {"output_type": "stream", "name": "stdout", "text": ["a\n", "bc\n"]},
                {"output_type": "stream", "name": "stderr", "text": ["e"]},
                {"output_type": "display_data", "data": {"text/plain": ["new"]}, "metadata": {}},
                {"output_type": "execute_result", "execution_count": 1, "data": {"text/plain": ["3"]}, "metadata": {}},
            ])
        );
    }

    #[test]
    fn clears_now_or_before_the_next_output() {
        let mut outputs = Outputs::default();
        let stream = |text: &str| json!({"name": "stdout", "text": text}).as_object().unwrap().clone();
        outputs.take("stream", &stream("a"));
        outputs.take("clear_output", json!({"wait": true}).as_object().unwrap());
        assert_eq!(outputs.to_values().len(), 1);
        outputs.take("stream", &stream("b"));
        assert_eq!(
            outputs.to_values(),
            [json!({"output_type": "stream", "name": "stdout", "text": ["b"]})]
        );
        outputs.take("clear_output", json!({"wait": false}).as_object().unwrap());
        assert_eq!(outputs.to_values().len(), 0);
    }
}

//! `dbutils.widgets`: named parameters. A job's parameters win over defaults; in a notebook each is an ipywidgets
//! control, and what the user chooses there wins.
//!
//! ```text
//! declare ─► layout, style and control models as comms ─► display of the control's view
//! front end ─ comm_msg update ─► the value          request_state ─► the model's state
//! ```

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::Refusal;
use crate::comms::Comms;
use crate::output::Output;
use crate::session::{Object, object};

/// Parameters of one notebook.
const WIDGETS_MAX: usize = 1_000;
/// Version of the widgets' messaging, in the metadata of `comm_open`.
const WIDGETS_PROTOCOL: &str = "2.1.0";
const BASE: (&str, &str) = ("@jupyter-widgets/base", "2.0.0");
const CONTROLS: (&str, &str) = ("@jupyter-widgets/controls", "2.0.0");

/// The parameters of one kernel.
pub struct Widgets {
    /// What the job was given.
    job: Map<String, Value>,
    /// Whether there is nobody to show controls to.
    in_job: bool,
    declared: Mutex<Vec<Widget>>,
}

/// A declared parameter. The front end's messages change it.
struct Widget {
    name: String,
    comm: String,
    models: Vec<String>,
    control: Arc<Mutex<Control>>,
}

/// Kind and value of one parameter.
#[derive(Debug, Clone)]
struct Control {
    kind: Kind,
    label: String,
    choices: Vec<String>,
    value: String,
    chosen: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Dropdown,
    Combobox,
    Multiselect,
}

impl Widgets {
    /// The parameters that the environment of this process gives.
    pub fn from_environment() -> Widgets {
        let job = std::env::var("SEALBOOK_PARAMETERS")
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok());
        Widgets::new(job.unwrap_or_default(), std::env::var_os("SEALBOOK_RUN_ID").is_some())
    }

    fn new(job: Map<String, Value>, in_job: bool) -> Widgets {
        Widgets {
            job,
            in_job,
            declared: Mutex::default(),
        }
    }

    /// `widgets.text`, `.dropdown`, `.combobox`, `.multiselect`: name, default, label, choices.
    pub fn declare(
        &self,
        method: &str,
        arguments: &[&str],
        screen: Option<(&Output, &Arc<Comms>)>,
    ) -> Result<(), Refusal> {
        let [name, default, label, choices @ ..] = arguments else {
            return Err(Refusal::new("MALFORMED_REQUEST", super::texts::malformed_call(method)));
        };
        let kind = match method {
            "widgets.dropdown" => Kind::Dropdown,
            "widgets.combobox" => Kind::Combobox,
            "widgets.multiselect" => Kind::Multiselect,
            _ => Kind::Text,
        };
        let strict = matches!(kind, Kind::Dropdown | Kind::Multiselect);
        if strict && !choices.contains(default) {
            let message = format!("The default value of the input widget named {name} is not one of its choices");
            return Err(Refusal::new("INVALID_PARAMETER_VALUE", message));
        }
        let mut declared = self.lock();
        let given = self.job.get(*name).and_then(Value::as_str);
        let earlier = declared
            .iter()
            .find(|widget| widget.name == *name)
            .map(|widget| lock(&widget.control).clone());
        let value = match (given, earlier) {
            (Some(given), _) => given.to_owned(),
            // A cell that declares it again keeps what the user has chosen.
            (None, Some(earlier)) if earlier.kind == kind && earlier.choices == *choices => earlier.value,
            _ => (*default).to_owned(),
        };
        let label = if label.is_empty() { name } else { label };
        let mut control = Control {
            kind,
            label: (*label).to_owned(),
            choices: choices.iter().map(|choice| (*choice).to_owned()).collect(),
            value: String::new(),
            chosen: Vec::new(),
        };
        control.set_value(&value);
        if strict && control.chosen.is_empty() {
            let message = format!("The value given for the input widget named {name} is not one of its choices");
            return Err(Refusal::new("INVALID_PARAMETER_VALUE", message));
        }
        if let Some(at) = declared.iter().position(|widget| widget.name == *name) {
            close(&declared.remove(at), screen);
        }
        if declared.len() >= WIDGETS_MAX {
            return Err(Refusal::new(
                "RESOURCE_LIMIT_EXCEEDED",
                format!("a notebook can have {WIDGETS_MAX} input widgets"),
            ));
        }
        let mut widget = Widget {
            name: (*name).to_owned(),
            comm: new_id(),
            models: Vec::new(),
            control: Arc::new(Mutex::new(control)),
        };
        if let (Some((output, comms)), false) = (screen, self.in_job) {
            show(&mut widget, output, comms);
        }
        declared.push(widget);
        Ok(())
    }

    /// `widgets.get`.
    pub fn value(&self, name: &str) -> Result<String, Refusal> {
        let declared = self.lock();
        let widget = declared.iter().find(|widget| widget.name == name);
        let value = widget.map(|widget| lock(&widget.control).value.clone());
        value
            .or_else(|| self.job.get(name).and_then(Value::as_str).map(str::to_owned))
            .ok_or_else(|| undefined(name))
    }

    /// `widgets.remove`.
    pub fn remove(&self, name: &str, screen: Option<(&Output, &Arc<Comms>)>) -> Result<(), Refusal> {
        let mut declared = self.lock();
        let at = declared
            .iter()
            .position(|widget| widget.name == name)
            .ok_or_else(|| undefined(name))?;
        close(&declared.remove(at), screen);
        Ok(())
    }

    /// `widgets.remove_all`.
    pub fn remove_all(&self, screen: Option<(&Output, &Arc<Comms>)>) {
        for widget in self.lock().drain(..) {
            close(&widget, screen);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Widget>> {
        lock(&self.declared)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn undefined(name: &str) -> Refusal {
    Refusal::new(
        "RESOURCE_DOES_NOT_EXIST",
        format!("InputWidgetNotDefined: No input widget named {name} is defined"),
    )
}

fn new_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

impl Control {
    /// Takes a value as text: of a multiselect, choices joined by commas.
    fn set_value(&mut self, value: &str) {
        let place = |wanted: &str| self.choices.iter().position(|choice| choice == wanted);
        self.chosen = match self.kind {
            Kind::Multiselect => value.split(',').filter_map(place).collect(),
            Kind::Dropdown => place(value).into_iter().collect(),
            Kind::Text | Kind::Combobox => Vec::new(),
        };
        self.value = value.to_owned();
    }

    /// Takes a change from the front end.
    fn update(&mut self, state: &Map<String, Value>) {
        let index = |value: &Value| {
            value
                .as_u64()
                .map(|index| index as usize)
                .filter(|index| *index < self.choices.len())
        };
        match (
            self.kind,
            state.get("value").and_then(Value::as_str),
            state.get("index"),
        ) {
            (Kind::Text | Kind::Combobox, Some(value), _) => self.value = value.to_owned(),
            (Kind::Dropdown, _, Some(at)) => self.choose(index(at).into_iter().collect()),
            (Kind::Multiselect, _, Some(Value::Array(at))) => self.choose(at.iter().filter_map(index).collect()),
            _ => {}
        }
    }

    fn choose(&mut self, chosen: Vec<usize>) {
        let texts: Vec<&str> = chosen.iter().map(|at| self.choices[*at].as_str()).collect();
        self.value = texts.join(",");
        self.chosen = chosen;
    }

    fn style_name(&self) -> &'static str {
        match self.kind {
            Kind::Text => "TextStyleModel",
            _ => "DescriptionStyleModel",
        }
    }

    fn state(&self, layout: &str, style: &str) -> Value {
        let (name, own) = match self.kind {
            Kind::Text => ("Text", json!({"value": self.value, "continuous_update": false})),
            Kind::Combobox => (
                "Combobox",
                json!({
                    "value": self.value, "options": self.choices, "ensure_option": false, "continuous_update": false,
                }),
            ),
            Kind::Dropdown => (
                "Dropdown",
                json!({"_options_labels": self.choices, "index": self.chosen.first()}),
            ),
            Kind::Multiselect => (
                "SelectMultiple",
                json!({"_options_labels": self.choices, "index": self.chosen, "rows": 5}),
            ),
        };
        let mut state = model(CONTROLS, &format!("{name}Model"), CONTROLS, &format!("{name}View"));
        state.extend(object(own));
        state.extend(object(json!({
            "description": self.label, "disabled": false, "layout": format!("IPY_MODEL_{layout}"),
            "style": format!("IPY_MODEL_{style}"), "tooltip": null, "tabbable": null, "_dom_classes": [],
        })));
        Value::Object(state)
    }
}

fn model(model: (&str, &str), model_name: &str, view: (&str, &str), view_name: &str) -> Object {
    object(json!({
        "_model_module": model.0, "_model_module_version": model.1, "_model_name": model_name,
        "_view_module": view.0, "_view_module_version": view.1, "_view_name": view_name, "_view_count": null,
    }))
}

/// Opens the comms of a control and displays it.
fn show(widget: &mut Widget, output: &Output, comms: &Arc<Comms>) {
    let (layout, style) = (new_id(), new_id());
    let control = lock(&widget.control).clone();
    let layout_state = model(BASE, "LayoutModel", BASE, "LayoutView");
    let mut style_state = model(CONTROLS, control.style_name(), BASE, "StyleView");
    style_state.insert("description_width".to_owned(), "".into());
    let models = [
        (layout.clone(), Value::Object(layout_state)),
        (style.clone(), Value::Object(style_state)),
        (widget.comm.clone(), control.state(&layout, &style)),
    ];
    for (id, state) in models {
        let shared = (id == widget.comm).then(|| Arc::clone(&widget.control));
        let (fixed, layout, style) = (state.clone(), layout.clone(), style.clone());
        let handler = move |data: &Object| {
            let state = || match &shared {
                Some(control) => lock(control).state(&layout, &style),
                None => fixed.clone(),
            };
            match data.get("method").and_then(Value::as_str) {
                Some("update") => {
                    if let (Some(control), Some(Value::Object(changed))) = (&shared, data.get("state")) {
                        lock(control).update(changed);
                    }
                    None
                }
                Some("request_state") => Some(object(
                    json!({"method": "update", "state": state(), "buffer_paths": []}),
                )),
                _ => None,
            }
        };
        comms.opened(&id, "jupyter.widget", Some(Box::new(handler)));
        let open = json!({
            "comm_id": id, "target_name": "jupyter.widget", "data": {"state": state, "buffer_paths": []},
        });
        output.message("comm_open", object(open), object(json!({"version": WIDGETS_PROTOCOL})));
        widget.models.push(id);
    }
    let view = json!({"model_id": widget.comm, "version_major": 2, "version_minor": 0});
    let text = format!("{}: {}", control.label, control.value);
    let data = json!({"text/plain": text, "application/vnd.jupyter.widget-view+json": view});
    output.message(
        "display_data",
        object(json!({"data": data, "metadata": {}, "transient": {}})),
        Object::new(),
    );
}

/// Closes the comms of a control, which removes it from the screen.
fn close(widget: &Widget, screen: Option<(&Output, &Arc<Comms>)>) {
    let Some((output, comms)) = screen else { return };
    for id in widget.models.iter().rev() {
        comms.closed(id);
        output.message("comm_close", object(json!({"comm_id": id, "data": {}})), Object::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widgets(job: Value) -> Widgets {
        Widgets::new(object(job), true)
    }

    #[test]
    fn defaults_job_values_and_choices() {
        let widgets = widgets(json!({"given": "b", "free": "f"}));
        let declare = |method: &str, arguments: &[&str]| widgets.declare(method, arguments, None);
        declare("widgets.text", &["t", "default", ""]).unwrap();
        declare("widgets.dropdown", &["given", "a", "", "a", "b"]).unwrap();
        declare("widgets.multiselect", &["m", "a", "", "a", "b"]).unwrap();
        for (name, value) in [("t", "default"), ("given", "b"), ("m", "a"), ("free", "f")] {
            assert_eq!(widgets.value(name).as_deref(), Ok(value));
        }
        assert!(
            declare("widgets.dropdown", &["d", "c", "", "a", "b"])
                .unwrap_err()
                .message
                .contains("named d")
        );
        assert!(
            declare("widgets.dropdown", &["given", "a", "", "a"])
                .unwrap_err()
                .message
                .contains("named given")
        );
        assert_eq!(declare("widgets.text", &["t"]).unwrap_err().code, "MALFORMED_REQUEST");
        widgets.remove("t", None).unwrap();
        assert_eq!(
            widgets.value("t").unwrap_err().message,
            "InputWidgetNotDefined: No input widget named t is defined"
        );
        widgets.remove_all(None);
        assert!(widgets.value("m").is_err());
    }

    #[test]
    fn the_front_end_changes_values_within_the_choices() {
        let mut control = Control {
            kind: Kind::Multiselect,
            label: "l".to_owned(),
            choices: vec!["a".to_owned(), "b".to_owned()],
            value: String::new(),
            chosen: Vec::new(),
        };
        let cases = [
            (json!({"index": [1, 0]}), "b,a"),
            (json!({"index": [7]}), ""),
            (json!({"index": 1}), ""),
            (json!({"value": "x"}), ""),
            (json!({"index": [1]}), "b"),
        ];
        for (state, expected) in cases {
            control.update(&object(state.clone()));
            assert_eq!(control.value, expected, "{state}");
        }
        let state = control.state("l1", "s1");
        assert_eq!(
            (&state["_model_name"], &state["index"]),
            (&json!("SelectMultipleModel"), &json!([1]))
        );
    }
}

//! `dbutils.widgets`: named parameters with defaults; a job's parameters win over them.

use crate::call::call_text;
use crate::help::Help;

/// The commands of `dbutils.widgets`.
#[derive(Debug)]
pub struct Widgets {
    _private: (),
}

impl Widgets {
    pub(crate) const THE: Widgets = Widgets { _private: () };

    /// Declares a parameter with free text.
    ///
    /// # Panics
    /// With the kernel's text when the parameter cannot be declared.
    #[track_caller]
    pub fn text(&self, name: impl AsRef<str>, default_value: impl ToString, label: impl AsRef<str>) {
        self.declare(
            "widgets.text",
            name.as_ref(),
            &default_value.to_string(),
            &[],
            label.as_ref(),
        );
    }

    /// Declares a choice of one of `choices`.
    ///
    /// # Panics
    /// With the kernel's text when the parameter cannot be declared, for example if the default is no choice.
    #[track_caller]
    pub fn dropdown<C: AsRef<str>>(
        &self,
        name: impl AsRef<str>,
        default_value: impl ToString,
        choices: impl AsRef<[C]>,
        label: impl AsRef<str>,
    ) {
        let choices: Vec<&str> = choices.as_ref().iter().map(AsRef::as_ref).collect();
        self.declare(
            "widgets.dropdown",
            name.as_ref(),
            &default_value.to_string(),
            &choices,
            label.as_ref(),
        );
    }

    /// Declares a choice of one of `choices`, or free text.
    ///
    /// # Panics
    /// With the kernel's text when the parameter cannot be declared.
    #[track_caller]
    pub fn combobox<C: AsRef<str>>(
        &self,
        name: impl AsRef<str>,
        default_value: impl ToString,
        choices: impl AsRef<[C]>,
        label: impl AsRef<str>,
    ) {
        let choices: Vec<&str> = choices.as_ref().iter().map(AsRef::as_ref).collect();
        self.declare(
            "widgets.combobox",
            name.as_ref(),
            &default_value.to_string(),
            &choices,
            label.as_ref(),
        );
    }

    /// Declares a choice of any of `choices`; [`Widgets::get`] gives them joined by commas.
    ///
    /// # Panics
    /// With the kernel's text when the parameter cannot be declared.
    #[track_caller]
    pub fn multiselect<C: AsRef<str>>(
        &self,
        name: impl AsRef<str>,
        default_value: impl ToString,
        choices: impl AsRef<[C]>,
        label: impl AsRef<str>,
    ) {
        let choices: Vec<&str> = choices.as_ref().iter().map(AsRef::as_ref).collect();
        self.declare(
            "widgets.multiselect",
            name.as_ref(),
            &default_value.to_string(),
            &choices,
            label.as_ref(),
        );
    }

    /// The current value of a parameter.
    ///
    /// # Panics
    /// When there is no such parameter.
    #[track_caller]
    pub fn get(&self, name: impl AsRef<str>) -> String {
        match call_text("widgets.get", &[name.as_ref()]) {
            Ok(fields) => fields.into_iter().next().unwrap_or_default(),
            Err(error) => panic!("{error}"),
        }
    }

    /// Removes a parameter.
    ///
    /// # Panics
    /// When there is no such parameter.
    #[track_caller]
    pub fn remove(&self, name: impl AsRef<str>) {
        if let Err(error) = call_text("widgets.remove", &[name.as_ref()]) {
            panic!("{error}");
        }
    }

    /// Removes every parameter.
    ///
    /// # Panics
    /// When the kernel does not answer.
    #[track_caller]
    pub fn remove_all(&self) {
        if let Err(error) = call_text("widgets.remove_all", &[]) {
            panic!("{error}");
        }
    }

    /// [`Widgets::remove_all`] by its original name.
    ///
    /// # Panics
    /// As [`Widgets::remove_all`].
    #[track_caller]
    #[expect(non_snake_case, reason = "the original's spelling")]
    pub fn removeAll(&self) {
        self.remove_all();
    }

    /// One line per command.
    pub fn help(&self) -> Help {
        Help::group("widgets")
    }

    #[track_caller]
    fn declare(&self, method: &str, name: &str, default_value: &str, choices: &[&str], label: &str) {
        let mut args = vec![name, default_value, label];
        args.extend(choices);
        if let Err(error) = call_text(method, &args) {
            panic!("{error}");
        }
    }
}

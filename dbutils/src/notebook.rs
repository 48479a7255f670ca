//! `dbutils.notebook`: ending a notebook with a value, running others.

use crate::call::call_text;
use crate::cell;
use crate::help::Help;

/// The commands of `dbutils.notebook`.
#[derive(Debug)]
pub struct Notebook {
    _private: (),
}

impl Notebook {
    pub(crate) const THE: Notebook = Notebook { _private: () };

    /// Ends the notebook successfully with `value`. The rest of the cell does not run.
    ///
    /// # Panics
    /// When the kernel does not answer.
    #[track_caller]
    pub fn exit(&self, value: impl ToString) -> ! {
        match call_text("notebook.exit", &[&value.to_string()]) {
            Ok(_) => cell::exit(),
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs another notebook with `arguments` and returns its exit value.
    ///
    /// # Panics
    /// When the notebook cannot be run, fails, or takes longer than `timeout_seconds` (0: no limit).
    #[track_caller]
    pub fn run<K: AsRef<str>, V: AsRef<str>>(
        &self,
        path: impl AsRef<str>,
        timeout_seconds: u64,
        arguments: impl IntoIterator<Item = (K, V)>,
    ) -> String {
        let timeout = timeout_seconds.to_string();
        let pairs: Vec<(K, V)> = arguments.into_iter().collect();
        let mut args = vec![path.as_ref(), timeout.as_str()];
        for (name, value) in &pairs {
            args.extend([name.as_ref(), value.as_ref()]);
        }
        match call_text("notebook.run", &args) {
            Ok(fields) => fields.into_iter().next().unwrap_or_default(),
            Err(error) => panic!("{error}"),
        }
    }

    /// One line per command.
    pub fn help(&self) -> Help {
        Help::group("notebook")
    }
}

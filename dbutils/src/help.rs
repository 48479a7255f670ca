//! `help()`: one line per command, `signature -> sentence`.

use std::fmt;

/// A command's name, signature and sentence.
type Command = (&'static str, &'static str, &'static str);

/// Name, sentence and commands of every group.
const COMMANDS: &[(&str, &str, &[Command])] = &[
    (
        "secrets",
        "Utilities for working with secrets",
        &[
            ("get", "get(scope, key): String", "the value of a secret"),
            (
                "get_bytes",
                "get_bytes(scope, key): Vec<u8>",
                "the value of a secret, as bytes",
            ),
            (
                "try_get",
                "try_get(scope, key): Result<String, SecretError>",
                "the value, or why it cannot be had",
            ),
            ("list", "list(scope): SecretList", "metadata of the secrets in a scope"),
            ("list_scopes", "list_scopes(): ScopeList", "the scopes that you may see"),
            (
                "redactions",
                "redactions(): RedactionList",
                "which secrets were hidden in this session's output, and how",
            ),
        ],
    ),
    (
        "widgets",
        "Utilities for the parameters of a notebook",
        &[
            (
                "text",
                "text(name, default_value, label)",
                "declares a parameter with free text",
            ),
            (
                "dropdown",
                "dropdown(name, default_value, choices, label)",
                "declares a choice of one",
            ),
            (
                "combobox",
                "combobox(name, default_value, choices, label)",
                "declares a choice or free text",
            ),
            (
                "multiselect",
                "multiselect(name, default_value, choices, label)",
                "declares a choice of several",
            ),
            ("get", "get(name): String", "the current value of a parameter"),
            ("remove", "remove(name)", "removes a parameter"),
            ("remove_all", "remove_all()", "removes every parameter"),
        ],
    ),
    (
        "notebook",
        "Utilities for ending a notebook and running others",
        &[
            ("exit", "exit(value)", "ends the notebook successfully with a value"),
            (
                "run",
                "run(path, timeout_seconds, arguments): String",
                "runs another notebook and returns its exit value",
            ),
        ],
    ),
    (
        "fs",
        "Utilities for local files",
        &[
            ("ls", "ls(dir): FileList", "lists a folder"),
            (
                "head",
                "head(file, max_bytes): String",
                "the first bytes of a file, as text",
            ),
            ("put", "put(file, contents, overwrite): bool", "writes text to a file"),
            ("rm", "rm(path, recurse): bool", "removes a file or a folder"),
            ("mkdirs", "mkdirs(dir): bool", "makes a folder and those above it"),
        ],
    ),
    (
        "comms",
        "Utilities for messages to and from the front end",
        &[
            ("open", "open(target, message): Comm", "opens a comm at the front end"),
            (
                "register",
                "register(target)",
                "lets the front end open comms to a target",
            ),
            ("unregister", "unregister(target)", "takes a target back"),
            (
                "accept",
                "accept(target, timeout): Option<(Comm, CommMessage)>",
                "the next comm that the front end opened to a target",
            ),
        ],
    ),
];

/// Text of a `help()`.
///
/// `dbutils.secrets.help("get")` reaches the kernel as `dbutils.secrets.help().of("get")`.
#[derive(Clone, PartialEq, Eq)]
pub struct Help {
    group: &'static str,
    text: String,
}

impl Help {
    /// The groups.
    pub(crate) fn modules() -> Help {
        let line = |(group, sentence, _): &(&str, &str, _)| format!("{group}: DbUtils.{group} -> {sentence}");
        Help {
            group: "",
            text: COMMANDS.iter().map(line).collect::<Vec<_>>().join("\n"),
        }
    }

    /// The commands of one group.
    pub(crate) fn group(group: &'static str) -> Help {
        Help {
            group,
            text: lines(group, |_| true),
        }
    }

    /// One command of this group, in either spelling; a group, if this is the help of all.
    pub fn of(&self, command: impl AsRef<str>) -> Help {
        let command = command.as_ref();
        let plain = |name: &str| name.replace('_', "").to_lowercase();
        if let Some((group, ..)) = COMMANDS
            .iter()
            .find(|(group, ..)| self.group.is_empty() && *group == command)
        {
            return Help::group(group);
        }
        let mut text = lines(self.group, |name| plain(name) == plain(command));
        if text.is_empty() {
            let dot = if self.group.is_empty() { "" } else { "." };
            let group = self.group;
            text = format!(
                "There is no {command:?} in dbutils{dot}{group}; dbutils{dot}{group}.help() lists what there is"
            );
        }
        Help {
            group: self.group,
            text,
        }
    }
}

fn lines(group: &str, wanted: impl Fn(&str) -> bool) -> String {
    let lines: Vec<String> = COMMANDS
        .iter()
        .filter(|(name, ..)| *name == group)
        .flat_map(|(_, _, commands)| commands.iter())
        .filter(|(name, ..)| wanted(name))
        .map(|(_, signature, sentence)| format!("{signature} -> {sentence}"))
        .collect();
    lines.join("\n")
}

impl fmt::Display for Help {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Help {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

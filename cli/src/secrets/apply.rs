//! `sealbook secrets apply`: from a declaration to the few requests that make it true.
//!
//! ```toml
//! [scopes.jdbc]
//! acls = { datascience = "READ", alice = "MANAGE" }
//!
//! [scopes.jdbc.secrets]
//! password = { file = "password.txt" }   # put when there is none, or when the file is newer than the secret
//! token = { stdin = true }               # put when there is none; all of standard input
//! username = {}                          # must exist already
//! api-key = { file = "k", expires = "2027-01-31" }   # or "never"; without it, as the service has it
//! ```
//!
//! 1. Read the declaration, and nothing else if it is wrong.
//! 2. Compare with what the service has: a list of changes.
//! 3. Print them; unless it is a dry run, make them, in an order in which each is possible.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use clap::Args;
use sealbook_api::client::Client;
use sealbook_api::{ErrorCode, Permission};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};
use crate::output::{self, Format};
use crate::service;
use crate::value::text_of;

/// Arguments of `apply`.
#[derive(Debug, Args)]
#[command(after_help = "\
A declaration:
  [scopes.jdbc]
  acls = { datascience = \"READ\", alice = \"MANAGE\" }
  [scopes.jdbc.secrets]
  password = { file = \"password.txt\" }   # put when there is none, or when the file is newer than the secret
  token = { stdin = true }               # put when there is none; all of standard input
  username = {}                          # must exist already
  api-key = { file = \"k\", expires = \"2027-01-31\" }   # or \"never\"; put again when the service has another expiry
Files are looked for beside the declaration. Text values lose one line end at their end.")]
pub struct Apply {
    /// The declaration, in TOML: see below
    #[arg(long, short = 'f', value_name = "FILE")]
    file: PathBuf,
    /// Only print what would change
    #[arg(long)]
    dry_run: bool,
    /// Also withdraw grants and delete secrets that declared scopes have and the declaration has not
    #[arg(long)]
    prune: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declaration {
    scopes: BTreeMap<String, Scope>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Scope {
    initial_manage_principal: Option<String>,
    acls: BTreeMap<String, Permission>,
    secrets: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Value {
    file: Option<PathBuf>,
    stdin: bool,
    expires: Option<String>,
    /// What `expires` says: at a moment, or never. `None` when it says nothing.
    #[serde(skip)]
    expiry: Option<Option<i64>>,
}

/// One thing that differs.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
enum Change {
    CreateScope {
        scope: String,
        #[serde(skip)]
        initial_manage_principal: Option<String>,
    },
    Grant {
        scope: String,
        principal: String,
        permission: Permission,
        #[serde(skip_serializing_if = "Option::is_none")]
        was: Option<Permission>,
    },
    Put {
        scope: String,
        key: String,
        from: PathBuf,
        replaces: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at: Option<i64>,
    },
    DeleteSecret {
        scope: String,
        key: String,
    },
    Withdraw {
        scope: String,
        principal: String,
        was: Permission,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::CreateScope { scope, .. } => write!(f, "+ scope {scope}"),
            Change::Grant {
                scope,
                principal,
                permission,
                was: None,
            } => write!(f, "+ grant {scope} {principal} {permission}"),
            Change::Grant {
                scope,
                principal,
                permission,
                was: Some(was),
            } => write!(f, "~ grant {scope} {principal} {was} -> {permission}"),
            Change::Put {
                scope,
                key,
                from,
                replaces,
                expires_at,
            } => {
                let sign = if *replaces { '~' } else { '+' };
                match from.to_str() {
                    Some("-") => write!(f, "{sign} secret {scope}/{key} from standard input")?,
                    _ => write!(f, "{sign} secret {scope}/{key} from {}", from.display())?,
                }
                match expires_at {
                    Some(_) => write!(f, ", expires {}", output::time(*expires_at)),
                    None => Ok(()),
                }
            }
            Change::DeleteSecret { scope, key } => write!(f, "- secret {scope}/{key}"),
            Change::Withdraw { scope, principal, was } => write!(f, "- grant {scope} {principal} {was}"),
        }
    }
}

impl Apply {
    /// Makes the declaration true, or says what would.
    pub async fn run(self, format: Format) -> Outcome {
        let declaration = read(&self.file)?;
        let client = service::client()?;
        let mut changes = Vec::new();
        for (name, scope) in &declaration.scopes {
            let current = Current::of(&client, name).await?;
            changes.extend(compare(name, scope, &current, self.prune)?);
        }
        if format == Format::Table {
            for change in &changes {
                output::line(&change.to_string())?;
            }
            if changes.is_empty() {
                output::line("nothing to change")?;
            }
        }
        if !self.dry_run {
            for change in &changes {
                make(&client, change).await?;
            }
        }
        if format == Format::Json {
            output::json(&serde_json::json!({ "dry_run": self.dry_run, "changes": changes }))?;
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Declaration, Failure> {
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::io(format!("read {}", path.display()), &error))?;
    let mut declaration: Declaration = toml::from_str(&text).map_err(|error| {
        // Not the line itself, which may hold what should not be in the file: a value.
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or_else(String::new, |before| {
            format!(", line {}", before.matches('\n').count() + 1)
        });
        Failure::usage(format!(
            "{}{line}: this is no declaration of scopes: {}",
            path.display(),
            error.message()
        ))
        .hint("Nothing was changed. `sealbook secrets apply --help` shows an example.")
    })?;
    let beside = path.parent().unwrap_or(Path::new("."));
    let mut from_stdin = 0;
    for scope in declaration.scopes.values_mut() {
        for value in scope.secrets.values_mut() {
            from_stdin += usize::from(value.stdin);
            if value.stdin && value.file.is_some() {
                return Err(Failure::usage("a secret has both file and stdin; nothing was changed"));
            }
            value.file = value.file.take().map(|file| beside.join(file));
            value.expiry = match value.expires.as_deref() {
                None => None,
                Some("never") => Some(None),
                Some(text) => Some(Some(crate::moment::fixed(text).map_err(|why| {
                    Failure::usage(format!("{}: expires: {why}; nothing was changed", path.display()))
                })?)),
            };
        }
    }
    if from_stdin > 1 {
        return Err(Failure::usage(
            "more than one secret has stdin = true, but there is one standard input; nothing was changed",
        ));
    }
    Ok(declaration)
}

/// What the service has of one scope.
#[derive(Debug, Default)]
struct Current {
    exists: bool,
    acls: BTreeMap<String, Permission>,
    secrets: BTreeMap<String, Existing>,
}

/// A secret that the service has.
#[derive(Debug, Clone, Copy)]
struct Existing {
    /// When it was last put, in milliseconds since 1970.
    put_at: i64,
    /// When it expires, in milliseconds since 1970.
    expires_at: Option<i64>,
}

impl Current {
    async fn of(client: &Client, scope: &str) -> Result<Self, Failure> {
        let secrets = match client.describe_secrets(scope).await {
            Ok(secrets) => secrets,
            Err(error)
                if error
                    .api()
                    .is_some_and(|refusal| refusal.error_code == ErrorCode::ResourceDoesNotExist) =>
            {
                return Ok(Self::default());
            }
            Err(error) => return Err(service::failed(error)),
        };
        let acls = client.list_acls(scope).await.map_err(service::failed)?;
        Ok(Self {
            exists: true,
            acls: acls.into_iter().map(|acl| (acl.principal, acl.permission)).collect(),
            secrets: secrets
                .into_iter()
                .map(|secret| {
                    let existing = Existing {
                        put_at: secret.last_updated_timestamp,
                        expires_at: secret.expires_at,
                    };
                    (secret.key, existing)
                })
                .collect(),
        })
    }
}

/// Creations first, withdrawals last: so nobody loses a right that a later change needs.
fn compare(name: &str, declared: &Scope, current: &Current, prune: bool) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::new();
    let scope = || name.to_owned();
    if !current.exists {
        changes.push(Change::CreateScope {
            scope: scope(),
            initial_manage_principal: declared.initial_manage_principal.clone(),
        });
    }
    for (principal, permission) in &declared.acls {
        let was = current.acls.get(principal).copied();
        if was != Some(*permission) {
            changes.push(Change::Grant {
                scope: scope(),
                principal: principal.clone(),
                permission: *permission,
                was,
            });
        }
    }
    for (key, value) in &declared.secrets {
        if let Some(from) = source(name, key, value, current.secrets.get(key))? {
            let expires_at = value.expiry.flatten();
            if expires_at.is_some_and(|expiry| expiry <= crate::moment::now()) {
                return Err(Failure::new(format!(
                    "secret {name}/{key} would have to be put, but the declaration says that it has expired; nothing was changed"
                ))
                .hint("Give it a later `expires`, or take it out of the declaration."));
            }
            changes.push(Change::Put {
                scope: scope(),
                key: key.clone(),
                from,
                replaces: current.secrets.contains_key(key),
                expires_at,
            });
        }
    }
    if prune {
        let undeclared = current
            .secrets
            .keys()
            .filter(|key| !declared.secrets.contains_key(*key));
        changes.extend(undeclared.map(|key| Change::DeleteSecret {
            scope: scope(),
            key: key.clone(),
        }));
        let undeclared = current
            .acls
            .iter()
            .filter(|(principal, _)| !declared.acls.contains_key(*principal));
        changes.extend(undeclared.map(|(principal, was)| Change::Withdraw {
            scope: scope(),
            principal: principal.clone(),
            was: *was,
        }));
    }
    Ok(changes)
}

/// Where the value is to be put from, if it must be put: it is not there, its file is newer, or its expiry is another.
fn source(scope: &str, key: &str, value: &Value, existing: Option<&Existing>) -> Result<Option<PathBuf>, Failure> {
    let other_expiry =
        existing.is_some_and(|existing| value.expiry.is_some_and(|wanted| wanted != existing.expires_at));
    match (&value.file, existing) {
        // A file that cannot be read stops everything before anything is changed.
        (Some(file), existing) => {
            let modified = modified_ms(file)?;
            let newer = existing.is_none_or(|existing| modified > existing.put_at);
            Ok((newer || other_expiry).then(|| file.clone()))
        }
        (None, existing) if value.stdin => Ok((existing.is_none() || other_expiry).then(|| "-".into())),
        (None, None) => Err(Failure::new(format!(
            "secret {scope}/{key} does not exist, and the declaration says no value; nothing was changed"
        ))
        .hint("Give it a file or stdin = true, or put it first: sealbook secrets put")),
        (None, Some(_)) if other_expiry => Err(Failure::new(format!(
            "secret {scope}/{key} has another expiry than the declaration says, which changes only with a new value; \
             nothing was changed"
        ))
        .hint("Give it a file or stdin = true, or put it anew: sealbook secrets put --expires TIME")),
        (None, Some(_)) => Ok(None),
    }
}

fn modified_ms(file: &Path) -> Result<i64, Failure> {
    let modified = std::fs::metadata(file)
        .and_then(|metadata| metadata.modified())
        .map_err(|error| Failure::io(format!("read {}", file.display()), &error).hint("Nothing was changed."))?;
    Ok(modified
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_millis() as i64))
}

async fn make(client: &Client, change: &Change) -> Outcome {
    let result = match change {
        Change::CreateScope {
            scope,
            initial_manage_principal,
        } => client.create_scope(scope, initial_manage_principal.as_deref()).await,
        Change::Grant {
            scope,
            principal,
            permission,
            ..
        } => client.put_acl(scope, principal, *permission).await,
        Change::Put {
            scope,
            key,
            from,
            expires_at,
            ..
        } => {
            // Text where it is text, one line end at its end left out, as `put` reads standard input.
            let value = text_of(from)?;
            client.put_expiring_secret(scope, key, &value, *expires_at).await
        }
        Change::DeleteSecret { scope, key } => client.delete_secret(scope, key).await,
        Change::Withdraw { scope, principal, .. } => client.delete_acl(scope, principal).await,
    };
    result.map_err(service::failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(text: &str) -> Scope {
        toml::from_str(text).unwrap()
    }

    fn existing(put_at: i64) -> Existing {
        Existing {
            put_at,
            expires_at: Some(32_472_144_000_000),
        }
    }

    fn current() -> Current {
        Current {
            exists: true,
            acls: BTreeMap::from([("alice".into(), Permission::Manage), ("bob".into(), Permission::Read)]),
            secrets: BTreeMap::from([("password".into(), existing(i64::MAX)), ("old".into(), existing(0))]),
        }
    }

    fn texts(scope: &Scope, current: &Current, prune: bool) -> Vec<String> {
        let changes = compare("jdbc", scope, current, prune).unwrap();
        changes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_differences_are_changes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display();
        let scope = declared(&format!(
            "acls = {{ alice = 'MANAGE', bob = 'WRITE', team = 'READ' }}\n\
             [secrets]\npassword = {{ file = '{path}' }}\nold = {{ file = '{path}' }}\nnew = {{ stdin = true }}"
        ));
        assert_eq!(
            texts(&scope, &current(), false),
            [
                "~ grant jdbc bob READ -> WRITE".to_owned(),
                "+ grant jdbc team READ".to_owned(),
                "+ secret jdbc/new from standard input".to_owned(),
                format!("~ secret jdbc/old from {path}"),
            ]
        );
        assert_eq!(texts(&scope, &Current::default(), false)[0], "+ scope jdbc");
    }

    #[test]
    fn another_expiry_puts_the_value_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display().to_string();
        let puts = |key: &str, source: &str, expiry: Option<Option<i64>>| {
            let mut scope = declared(&format!("[secrets]\n{key} = {{ {source} }}"));
            scope.secrets.get_mut(key).unwrap().expiry = expiry;
            compare("jdbc", &scope, &current(), false).map(|changes| {
                changes
                    .iter()
                    .filter_map(|change| match change {
                        Change::Put { expires_at, .. } => Some(*expires_at),
                        _ => None,
                    })
                    .collect::<Vec<_>>()
            })
        };
        let file = format!("file = '{path}'");
        let later = Some(32_472_144_000_001);
        assert_eq!(
            puts("password", &file, Some(current().secrets["password"].expires_at)).unwrap(),
            []
        );
        assert_eq!(puts("password", &file, None).unwrap(), []);
        assert_eq!(puts("password", &file, Some(later)).unwrap(), [later]);
        assert_eq!(puts("password", "stdin = true", Some(None)).unwrap(), [None]);
        assert!(puts("password", "", Some(later)).is_err());
        assert!(puts("password", &file, Some(Some(1))).is_err(), "in the past");
    }

    #[test]
    fn what_is_there_stays_unless_pruned() {
        let scope = declared("acls = { alice = 'MANAGE' }\n[secrets]\npassword = {}");
        assert_eq!(texts(&scope, &current(), false), [""; 0]);
        assert_eq!(
            texts(&scope, &current(), true),
            ["- secret jdbc/old", "- grant jdbc bob READ"]
        );
    }

    #[test]
    fn wrong_declarations_are_refused_before_anything_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scopes.toml");
        for text in [
            "[scopes.s]\nacl = {}",
            "[scopes.s.secrets]\nk = { value = 'planted' }",
            "[scopes.s.acls]\nbob = 'ADMIN'",
            "[scopes.s.secrets]\na = { stdin = true }\nb = { stdin = true }",
            "[scopes.s.secrets]\na = { stdin = true, file = 'f' }",
            "[scopes.s.secrets]\na = { stdin = true, expires = '90d' }",
            "x = 1",
        ] {
            std::fs::write(&path, text).unwrap();
            let failure = format!("{:?}", read(&path).unwrap_err());
            assert!(!failure.contains("planted"), "{failure}");
        }
        assert!(compare("s", &declared("[secrets]\nk = {}"), &Current::default(), false).is_err());
        let missing = declared("[secrets]\nold = { file = '/nowhere/planted' }");
        assert!(compare("s", &missing, &current(), false).is_err());
    }
}

//! Finds learnt secrets in a text.

use std::sync::{PoisonError, RwLock};

use zeroize::Zeroizing;

use crate::{Form, Secret};

/// A stretch of text that reveals a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Match {
    pub start: usize,
    pub end: usize,
    pub secret: u32,
    pub form: Form,
}

/// What a scan of a text found.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub matches: Vec<Match>,
    /// Where a secret may have begun whose rest is not there yet.
    pub live: Option<Live>,
}

/// A possible beginning of a secret at the end of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Live {
    /// Where it begins.
    pub from: usize,
    /// How many bytes of the secret are there.
    pub bytes: usize,
    /// Which secret.
    pub secret: u32,
}

#[derive(Default)]
pub(crate) struct Index {
    secrets: RwLock<Vec<Known>>,
}

struct Known {
    scope: String,
    key: String,
    forms: Vec<(Form, Zeroizing<Vec<u8>>)>,
}

impl Index {
    pub(crate) fn learn(&self, secret: &Secret) -> Option<String> {
        let mut forms = Vec::new();
        let value = secret.bytes();
        if value.len() >= 6 {
            forms.push((Form::Raw, Zeroizing::new(value.to_vec())));
            let hex: String = value.iter().map(|b| format!("{b:02x}")).collect();
            forms.push((Form::Hex, Zeroizing::new(hex.to_uppercase().into_bytes())));
            forms.push((Form::Hex, Zeroizing::new(hex.into_bytes())));
            let debug = format!("{:?}", String::from_utf8_lossy(value));
            forms.push((
                Form::Escaped,
                Zeroizing::new(debug.as_bytes()[1..debug.len() - 1].to_vec()),
            ));
        }
        let known = Known {
            scope: secret.scope().into(),
            key: secret.key().into(),
            forms,
        };
        self.secrets.write().unwrap_or_else(PoisonError::into_inner).push(known);
        (value.len() < 6).then(|| format!("{}/{} is too short to be hidden", secret.scope(), secret.key()))
    }

    pub(crate) fn name(&self, secret: u32) -> (String, String) {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        let known = &secrets[secret as usize];
        (known.scope.clone(), known.key.clone())
    }

    /// `complete`: nothing follows the text.
    pub(crate) fn scan(&self, text: &[u8], complete: bool) -> Scan {
        let mut scan = Scan::default();
        if cfg!(feature = "leak-for-tests") {
            return scan;
        }
        for (i, known) in self
            .secrets
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .enumerate()
        {
            for (form, needle) in &known.forms {
                for start in memchr::memmem::find_iter(text, needle.as_slice()) {
                    scan.matches.push(Match {
                        start,
                        end: start + needle.len(),
                        secret: i as u32,
                        form: *form,
                    });
                }
                let most = needle.len().min(text.len() + 1);
                if let Some(n) = (1..most).rev().find(|&n| text.ends_with(&needle[..n]))
                    && !complete
                    && scan.live.is_none_or(|live| text.len() - n < live.from)
                {
                    scan.live = Some(Live {
                        from: text.len() - n,
                        bytes: n,
                        secret: i as u32,
                    });
                }
            }
        }
        scan
    }
}

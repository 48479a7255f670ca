//! A root key in a local file: `0600`, made at the first start; wider modes are refused.
//!
//! ```text
//! file     sealbook-root-key-v1 <64 hexadecimal digits>\n
//! wrapped  version(1) | nonce(12) | AES-256-GCM(root key, nonce, key, aad = context)
//! ```

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use sealbook_api::SecretBytes;
use zeroize::Zeroize;

use super::{Kms, KmsContext};
use crate::Pending;
use crate::clock::Entropy;
use crate::envelope::{AeadKey, lp};
use crate::error::Error;

const HEADER: &str = "sealbook-root-key-v1 ";
const WRAP_VERSION: u8 = 1;

/// The local-file provider.
#[derive(Debug)]
pub struct FileKms {
    key: AeadKey,
    id: String,
    entropy: std::sync::Arc<dyn Entropy>,
}

impl FileKms {
    /// Opens the key file, or makes one when there is none.
    ///
    /// # Errors
    /// An unreadable, malformed or too widely readable file; the message names it and what to do.
    pub fn open_or_create(path: &Path, entropy: std::sync::Arc<dyn Entropy>) -> Result<Self, Error> {
        match File::open(path) {
            Ok(file) => Self::read(path, file, entropy),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Self::create(path, entropy.as_ref())?;
                let file = File::open(path).map_err(|error| cannot("read", path, &error))?;
                Self::read(path, file, entropy)
            }
            Err(error) => Err(cannot("read", path, &error)),
        }
    }

    fn read(path: &Path, mut file: File, entropy: std::sync::Arc<dyn Entropy>) -> Result<Self, Error> {
        let shown = path.display();
        let metadata = file.metadata().map_err(|error| cannot("read", path, &error))?;
        if metadata.mode() & 0o077 != 0 {
            return Err(Error::unavailable(format!(
                "the key file {shown} can be read by other users (mode {:04o}): run `chmod 600 {shown}`, and if others \
                 may have read it, change the stored secrets where they are used",
                metadata.mode() & 0o7777
            )));
        }
        let mut text = String::new();
        let parsed = file.read_to_string(&mut text).ok().and_then(|_| parse(&text));
        text.zeroize();
        let Some(key) = parsed else {
            return Err(Error::unavailable(format!(
                "{shown} is not a Sealbook key file: put the right file back; without it no secret in this data folder \
                 can be opened"
            )));
        };
        let id = format!(
            "file:{}",
            path.file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into())
        );
        let aead = AeadKey::new(key.expose())?;
        Ok(Self { key: aead, id, entropy })
    }

    fn create(path: &Path, entropy: &dyn Entropy) -> Result<(), Error> {
        let mut key = [0_u8; 32];
        entropy.fill(&mut key)?;
        let mut text = String::from(HEADER);
        for byte in key {
            text.push_str(&format!("{byte:02x}"));
        }
        text.push('\n');
        key.zeroize();
        // Written beside and renamed, so that a crash leaves no half key file.
        let draft = path.with_extension("new");
        let written = File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(&draft, path))
            .and_then(|()| path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all()));
        text.zeroize();
        written.map_err(|error| cannot("write", path, &error))
    }
}

impl Kms for FileKms {
    fn key_id(&self) -> &str {
        &self.id
    }

    fn wrap<'a>(&'a self, key: &'a SecretBytes, context: &'a KmsContext<'a>) -> Pending<'a, Result<Vec<u8>, Error>> {
        Box::pin(async move {
            let mut wrapped = vec![WRAP_VERSION];
            wrapped.extend(self.key.seal(self.entropy.as_ref(), key.expose(), &encode(context))?);
            Ok(wrapped)
        })
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8], context: &'a KmsContext<'a>) -> Pending<'a, Result<SecretBytes, Error>> {
        Box::pin(async move {
            let opened = match wrapped.split_first() {
                Some((&WRAP_VERSION, sealed)) => self.key.open(sealed, &encode(context)),
                _ => None,
            };
            opened.ok_or_else(|| {
                Error::unavailable(format!(
                    "the root key {} does not open this database's keys: it is another data folder's key file, or the \
                     database was changed. Put the key file back that belongs to this database",
                    self.id
                ))
            })
        })
    }
}

fn parse(text: &str) -> Option<SecretBytes> {
    let digits = text.strip_prefix(HEADER)?.trim_end();
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let bytes: Option<Vec<u8>> = (0..64)
        .step_by(2)
        .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
        .collect();
    bytes.map(SecretBytes::new)
}

fn encode(context: &KmsContext<'_>) -> Vec<u8> {
    let mut aad = Vec::new();
    lp(&mut aad, b"sealbook kms v1");
    lp(&mut aad, context.organisation.as_bytes());
    lp(&mut aad, context.purpose.as_bytes());
    aad.extend(context.version.to_be_bytes());
    aad
}

fn cannot(verb: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::unavailable(format!("cannot {verb} the key file {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemEntropy;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    fn now<T>(mut future: Pending<'_, T>) -> T {
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("the file provider never waits"),
        }
    }

    const CONTEXT: KmsContext<'static> = KmsContext {
        organisation: "default",
        purpose: "kek",
        version: 1,
    };

    #[test]
    fn keys_come_back_under_their_own_context_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        let kms = FileKms::open_or_create(&path, Arc::new(SystemEntropy)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let key = SecretBytes::new(vec![7; 32]);
        let wrapped = now(kms.wrap(&key, &CONTEXT)).unwrap();
        let again = FileKms::open_or_create(&path, Arc::new(SystemEntropy)).unwrap();
        assert_eq!(now(again.unwrap(&wrapped, &CONTEXT)).unwrap().expose(), key.expose());
        for context in [
            KmsContext {
                organisation: "other",
                ..CONTEXT
            },
            KmsContext {
                purpose: "audit",
                ..CONTEXT
            },
            KmsContext { version: 2, ..CONTEXT },
        ] {
            assert!(now(again.unwrap(&wrapped, &context)).is_err(), "{context:?}");
        }
        for at in 0..wrapped.len() {
            let mut tampered = wrapped.clone();
            tampered[at] ^= 1;
            assert!(now(again.unwrap(&tampered, &CONTEXT)).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        FileKms::open_or_create(&path, Arc::new(SystemEntropy)).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o666] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = FileKms::open_or_create(&path, Arc::new(SystemEntropy)).unwrap_err();
            assert!(error.message().contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn anything_but_a_key_file_is_refused_without_being_echoed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        for bad in ["", "planted", "sealbook-root-key-v1 00", "sealbook-root-key-v2 planted"] {
            std::fs::write(&path, bad).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            let error = FileKms::open_or_create(&path, Arc::new(SystemEntropy)).unwrap_err();
            assert!(error.message().contains("not a Sealbook key file"), "{error}");
            assert!(!error.message().contains("planted"), "{error}");
        }
    }
}

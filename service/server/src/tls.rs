//! TLS 1.2 and 1.3 on accepted connections, with aws-lc-rs. The original's command line speaks only 1.2.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use tokio_rustls::TlsAcceptor;

use crate::error::ServeError;
use crate::settings::TlsFiles;

/// What makes TLS of connections.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ServeError> {
    let chain = certificates(&files.certificate)?;
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unreadable("private key", &files.key, &error))?;
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| ServeError::new(format!("TLS cannot be set up: {error}")))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| {
            let why = match error {
                rustls::Error::InconsistentKeys(_) => "the key is not the certificate's".to_owned(),
                other => other.to_string(),
            };
            ServeError::new(format!(
                "certificate {} and key {} cannot be used: {why}",
                files.certificate.display(),
                files.key.display()
            ))
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ServeError> {
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable("certificate", path, &error))?;
    if chain.is_empty() {
        return Err(ServeError::new(format!(
            "the file {} holds no certificate: give the PEM file with the server's certificate chain",
            path.display()
        )));
    }
    Ok(chain)
}

fn unreadable(what: &str, path: &Path, error: &rustls::pki_types::pem::Error) -> ServeError {
    use rustls::pki_types::pem::Error;
    let why = match error {
        Error::Io(error) => error.to_string(),
        Error::NoItemsFound => "there is none in it; a PEM file is expected".to_owned(),
        // A parser's own words may hold a part of the file.
        _ => "it is not PEM".to_owned(),
    };
    ServeError::new(format!("the {what} {} cannot be read: {why}", path.display()))
}

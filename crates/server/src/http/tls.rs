//! Certificates: given ones, or one of our own that is made at the first start.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use store::files;

/// Where certificate and key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
    /// The authorities that sign the certificates of things, PEM; none, and things need no certificate.
    pub client_authority: Option<PathBuf>,
}

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{place}: {source}")]
    File {
        /// The file.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds no certificate or key, or they do not fit.
    #[error("{place}: {problem}")]
    Content {
        /// The file.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Generate(#[from] rcgen::Error),
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> TlsError + '_ {
    move |source| TlsError::File { place: path.display().to_string(), source }
}

fn content(path: &Path, problem: impl ToString) -> TlsError {
    TlsError::Content { place: path.display().to_string(), problem: problem.to_string() }
}

/// Makes a key and a certificate signed by itself for `names`, unless the files are there already. Browsers warn of
/// it until somebody trusts it; what it brings is that passwords do not cross the air in clear.
pub fn ensure_self_signed(paths: &Paths, names: &[String]) -> Result<(), TlsError> {
    if files::exists(&paths.certificate) && files::exists(&paths.key) {
        return Ok(());
    }
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "Manmul");
    for name in names {
        parameters.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.as_str().try_into()?),
        });
    }
    let certificate = parameters.self_signed(&key)?;
    files::write_atomic(&paths.key, key.serialize_pem().as_bytes()).map_err(file_error(&paths.key))?;
    files::write_atomic(&paths.certificate, certificate.pem().as_bytes()).map_err(file_error(&paths.certificate))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = files::read(path).map_err(file_error(path))?;
    let found: Result<Vec<_>, _> = rustls_pemfile::certs(&mut bytes.as_slice()).collect();
    match found {
        Ok(found) if found.is_empty() => Err(content(path, "no certificate in it")),
        Ok(found) => Ok(found),
        Err(error) => Err(content(path, error)),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = files::read(path).map_err(file_error(path))?;
    rustls_pemfile::private_key(&mut bytes.as_slice())
        .map_err(|error| content(path, error))?
        .ok_or_else(|| content(path, "no private key in it"))
}

/// What HTTPS is served with.
pub fn http_config(paths: &Paths) -> Result<Arc<ServerConfig>, TlsError> {
    server_config(paths, None, &[b"http/1.1"])
}

/// What MQTT over TLS is served with. Things may show a certificate when an authority for them is given.
pub fn mqtt_config(paths: &Paths) -> Result<Arc<ServerConfig>, TlsError> {
    server_config(paths, paths.client_authority.as_deref(), &[])
}

fn server_config(paths: &Paths, authority: Option<&Path>, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| content(&paths.certificate, error))?;
    let builder = match authority {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| content(path, error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| content(path, error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(certificates(&paths.certificate)?, private_key(&paths.key)?)
        .map_err(|error| content(&paths.certificate, error))?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_once_and_serves() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let paths = Paths { certificate: at("c.pem"), key: at("k.pem"), client_authority: Some(at("c.pem")) };
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        ensure_self_signed(&paths, &names).unwrap();
        let first = files::read(&paths.certificate).unwrap();
        ensure_self_signed(&paths, &names).unwrap();
        assert_eq!(files::read(&paths.certificate).unwrap(), first);
        http_config(&paths).unwrap();
        mqtt_config(&paths).unwrap();
        let error = http_config(&Paths { key: paths.certificate.clone(), ..paths }).unwrap_err().to_string();
        assert!(error.ends_with("c.pem: no private key in it"), "{error}");
    }
}

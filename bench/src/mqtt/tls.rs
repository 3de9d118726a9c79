//! A certificate for the brokers that are measured, and clients that trust it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::load;

/// The name in the certificate.
const NAME: &str = "localhost";

/// A certificate with its key, in files that go with the value.
pub(super) struct Identity {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    connector: TlsConnector,
    _folder: TempDir,
}

impl Identity {
    pub(super) fn new() -> anyhow::Result<Self> {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
        let folder = TempDir::new()?;
        let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
        #[expect(clippy::disallowed_methods, reason = "files of the peers, not of the product")]
        {
            std::fs::write(&certificate, made.cert.pem())?;
            std::fs::write(&key, made.signing_key.serialize_pem())?;
        }
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone())?;
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self { certificate, key, connector: TlsConnector::from(Arc::new(config)), _folder: folder })
    }

    /// An open stream over TLS.
    pub(super) async fn dial(&self, address: SocketAddr) -> anyhow::Result<TlsStream<TcpStream>> {
        Ok(self.connector.connect(ServerName::try_from(NAME)?, load::dial(address).await?).await?)
    }
}

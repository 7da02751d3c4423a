//! Questions that only `extractor check` asks: one layer each.

use futures::FutureExt;
use tokio_tungstenite::MaybeTlsStream;

use super::certificate::{self, Description};
use super::site::{Error, Site};
use super::transport::{ConnectError, Transport};

/// Who answers on the engine's port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Version of TLS, such as `TLSv1_2`.
    pub protocol: String,
    /// The server's certificate; `None` when it is not strict DER.
    pub certificate: Option<Description>,
}

impl Site {
    /// Opens a TLS connection to the engine and closes it; `None` without TLS.
    ///
    /// # Errors
    /// There is no connection, or one of the certificates is refused. A server with TLS 1.3 may refuse
    /// ours only later.
    pub async fn probe_tls(&self) -> Result<Option<Peer>, Error> {
        let (transport, address) = self.transport();
        Ok(transport.peer(address).boxed().await?)
    }

    /// Opens a websocket and closes it, whatever the engine says on it. There is none on Qlik Cloud,
    /// where sockets are for apps only.
    ///
    /// # Errors
    /// Nobody is signed in, or the upgrade is refused.
    pub async fn probe_socket(&self) -> Result<(), Error> {
        self.open_and_close().boxed().await
    }

    /// Asks the repository for the changes of the last moment; `None` when it is not used.
    ///
    /// # Errors
    /// It has no such service, or refuses the user.
    pub async fn probe_changes(&self) -> Result<Option<()>, Error> {
        match self.repository() {
            Some(repository) => Ok(Some(repository.probe_changes(self.login()).await?)),
            None => Ok(None),
        }
    }
}

impl Transport {
    async fn peer(&self, address: &super::address::Address) -> Result<Option<Peer>, ConnectError> {
        let connecting = self.open_stream(address);
        let stream = match tokio::time::timeout(self.connect_timeout, connecting).await {
            Ok(stream) => stream?,
            Err(_) => {
                return Err(ConnectError::Timeout {
                    address: address.authority(),
                    after: self.connect_timeout,
                });
            }
        };
        let MaybeTlsStream::Rustls(stream) = &stream else { return Ok(None) };
        let (_, connection) = stream.get_ref();
        let first = connection.peer_certificates().and_then(|chain| chain.first());
        Ok(Some(Peer {
            protocol: connection
                .protocol_version()
                .map_or_else(|| "TLS".to_owned(), |version| format!("{version:?}")),
            certificate: first.and_then(certificate::describe),
        }))
    }
}

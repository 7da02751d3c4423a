//! Questions that only `extractor check` asks: one layer each.

use futures::FutureExt;
use tokio_tungstenite::MaybeTlsStream;

use super::call_error::CallError;
use super::certificate::{self, Description};
use super::data_model::Metadata;
use super::engine::Engine;
use super::settings::{Auth, name};
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

/// How a site serves data models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataModels {
    /// By REST under this path: the cheap way.
    Rest(&'static str),
    /// Not by REST: apps are opened with their data.
    OpenWithData,
    /// The app that was asked for has none; another one may tell.
    NotKnown,
}

impl Site {
    /// Opens a TLS connection to the engine and closes it; `None` without TLS.
    ///
    /// # Errors
    /// There is no connection, or one of the certificates is refused. A server with TLS 1.3 may refuse
    /// ours only later.
    pub async fn probe_tls(&self) -> Result<Option<Peer>, Error> {
        Ok(self.inner.transport.peer(&self.inner.address).boxed().await?)
    }

    /// Opens a websocket and closes it, whatever the engine says on it. There is none on Qlik Cloud,
    /// where sockets are for apps only.
    ///
    /// # Errors
    /// Nobody is signed in, or the upgrade is refused.
    pub async fn probe_socket(&self) -> Result<(), Error> {
        let permit = self.inner.limiter.acquire().await;
        let open = self.inner.open_session(None).boxed().await?;
        self.inner.close_session(open, None).await;
        drop(permit);
        Ok(())
    }

    /// Connects to the engine and asks its version (`None`: too old to say).
    ///
    /// # Errors
    /// The engine cannot be reached, or refuses the user.
    pub async fn probe_engine(&self) -> Result<Option<String>, Error> {
        if let Some(tenant) = &self.inner.tenant {
            // A tenant's engine opens sessions for apps only.
            tenant.probe(&self.inner.login).await?;
            return Ok(None);
        }
        let permit = self.inner.limiter.acquire().await;
        let open = self.inner.open_session(None).await?;
        let engine = Engine::new(&open.session, &self.inner.settings.timeouts);
        let result = engine.version().await;
        self.inner.close_session(open, result.as_ref().err().map(CallError::class)).await;
        drop(permit);
        Ok(result?)
    }

    /// Asks the repository its version; `None` when it is not used.
    ///
    /// # Errors
    /// It cannot be reached, or refuses the user.
    pub async fn probe_repository(&self) -> Result<Option<String>, Error> {
        match &self.inner.repository {
            Some(repository) => Ok(Some(repository.version(&self.inner.login).await?)),
            None => Ok(None),
        }
    }

    /// Finds out how the site serves data models, with an app that was reloaded.
    ///
    /// # Errors
    /// The REST service is there and does not answer.
    pub async fn probe_data_models(&self, app_id: &str) -> Result<DataModels, Error> {
        let found = self.inner.metadata.read(&self.inner.login, app_id).await;
        if let Metadata::Trouble(error) = found {
            return Err(error.into());
        }
        Ok(match self.inner.metadata.path() {
            Some(Some(path)) => DataModels::Rest(path),
            Some(None) => DataModels::OpenWithData,
            None => DataModels::NotKnown,
        })
    }

    /// Asks the repository for the changes of the last moment; `None` when it is not used.
    ///
    /// # Errors
    /// It has no such service, or refuses the user.
    pub async fn probe_changes(&self) -> Result<Option<()>, Error> {
        match &self.inner.repository {
            Some(repository) => Ok(Some(repository.probe_changes(&self.inner.login).await?)),
            None => Ok(None),
        }
    }

    /// What the certificates of the settings say of themselves, with the setting each is from.
    #[must_use]
    pub fn certificates(&self) -> Vec<(&'static str, Description)> {
        let settings = &self.inner.settings;
        let client = match &settings.auth {
            Auth::Certificate { certificate, .. } => Some(certificate),
            _ => None,
        };
        [
            (name::CLIENT_CERTIFICATE, client),
            (name::ROOT_CERTIFICATE, settings.root_certificates.as_ref()),
        ]
        .into_iter()
        .filter_map(|(setting, text)| Some((setting, certificate::describe_all(text?).ok()?)))
        .flat_map(|(setting, all)| all.into_iter().map(move |one| (setting, one)))
        .collect()
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

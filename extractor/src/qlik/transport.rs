//! One websocket: name lookup, TCP, TLS and the upgrade, each with its own error.
//!
//! Never sends a ping: Qlik's proxy does not relay them, and after one the next request was never
//! answered. Pings of the server are answered by the library.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WebSocketError, http};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_with_config};

use super::address::Address;
use super::class::Class;
use super::settings::name;
use super::tls::{self, HandshakeProblem};

/// A connected websocket.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why no websocket came about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name is unknown.
    #[error("cannot find the host `{host}`; check `{}`", name::HOST_PORT)]
    UnknownHost {
        /// Host.
        host: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// Nobody listens, or a firewall says so.
    #[error("`{address}` refused the connection; check the port in `{}`", name::HOST_PORT)]
    Refused {
        /// Host and port.
        address: String,
    },
    /// There is no way to the host.
    #[error("cannot reach `{address}`")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// TLS failed.
    #[error("no secure connection to `{address}`: {problem}")]
    Tls {
        /// Host and port.
        address: String,
        /// Why.
        problem: HandshakeProblem,
    },
    /// The other side closed before the upgrade was through.
    #[error(
        "`{address}` closed the connection during the handshake; when client certificates are used, it \
         may not accept `{}`",
        name::CLIENT_CERTIFICATE
    )]
    Closed {
        /// Host and port.
        address: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// An HTTP answer instead of the upgrade.
    #[error("`{address}` answered the websocket request with HTTP {status}: {}", explain_status(*.status))]
    Status {
        /// Host and port.
        address: String,
        /// HTTP status.
        status: u16,
    },
    /// What answers speaks no websocket.
    #[error("what answers at `{address}` is no websocket server: {reason}")]
    Protocol {
        /// Host and port.
        address: String,
        /// Why.
        reason: String,
    },
    /// It took too long.
    #[error(
        "no connection to `{address}` within {after:?}; check `{}`, or raise `{}`",
        name::HOST_PORT,
        name::CONNECT_TIMEOUT
    )]
    Timeout {
        /// Host and port.
        address: String,
        /// Time limit.
        after: Duration,
    },
}

impl ConnectError {
    /// What can be done about it.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            // Name servers and networks fail for a while, too.
            Self::UnknownHost { .. }
            | Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::Closed { .. }
            | Self::Timeout { .. } => Class::Later,
            Self::Tls { .. } | Self::Protocol { .. } => Class::Setup,
            Self::Status { status, .. } => class_of_status(*status),
        }
    }
}

/// What an HTTP status of a Qlik service means for us, whatever was asked.
pub(super) fn class_of_status(status: u16) -> Class {
    match status {
        300..=399 | 401 => Class::SignIn,
        403 => Class::Denied,
        404 | 410 => Class::NotFound,
        405 | 501 => Class::Missing,
        408 | 425 | 429 | 500 | 502..=599 => Class::Later,
        _ => Class::Failed,
    }
}

/// What an HTTP status at sign-in or upgrade means, and which setting to look at.
pub(super) fn explain_status(status: u16) -> String {
    match status {
        300..=399 => format!(
            "redirected to a login page, so nobody is signed in; check `{}` and the virtual proxy in `{}`",
            name::TOKEN,
            name::HOST_PORT
        ),
        400 => format!(
            "the virtual proxy in `{}` may not be linked to this proxy service",
            name::HOST_PORT
        ),
        401 => format!(
            "not signed in; check `{}`, or `{}` and `{}`",
            name::TOKEN,
            name::USER_DIRECTORY,
            name::USER_ID
        ),
        403 => format!(
            "refused; the user of `{}` may not, or the host of `{}` is not in the virtual proxy's host \
             allow list",
            name::USER_ID,
            name::HOST_PORT
        ),
        404 => format!("there is nothing; check the virtual proxy in `{}`", name::HOST_PORT),
        500..=599 => "the server is in trouble".to_owned(),
        _ => "unexpected".to_owned(),
    }
}

/// How to open sockets to one site.
#[derive(Clone)]
pub(super) struct Transport {
    /// TLS configuration.
    pub(super) tls: Arc<ClientConfig>,
    /// Time limit for everything until the socket is usable.
    pub(super) connect_timeout: Duration,
    /// Largest message in bytes.
    pub(super) message_bytes: usize,
}

impl Transport {
    /// Opens a socket to `url`, which is one of `address`, with `headers` on the upgrade request.
    pub(super) async fn connect(
        &self,
        address: &Address,
        url: &str,
        headers: &HeaderMap,
    ) -> Result<Socket, ConnectError> {
        match timeout(self.connect_timeout, self.connect_now(address, url, headers)).await {
            Ok(result) => result,
            Err(_) => Err(ConnectError::Timeout {
                address: address.authority(),
                after: self.connect_timeout,
            }),
        }
    }

    async fn connect_now(
        &self,
        address: &Address,
        url: &str,
        headers: &HeaderMap,
    ) -> Result<Socket, ConnectError> {
        let mut request = url.into_client_request().map_err(|error| ConnectError::Protocol {
            address: address.authority(),
            reason: error.to_string(),
        })?;
        for (header, value) in headers {
            request.headers_mut().insert(header, value.clone());
        }
        let stream = self.open_stream(address).await?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(self.message_bytes))
            .max_frame_size(Some(self.message_bytes));
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _)) => Ok(socket),
            Err(error) => Err(upgrade_error(address, error)),
        }
    }

    pub(super) async fn open_stream(
        &self,
        address: &Address,
    ) -> Result<MaybeTlsStream<TcpStream>, ConnectError> {
        let host = address.host();
        let targets: Vec<_> = tokio::net::lookup_host((host.as_str(), address.port()))
            .await
            .map_err(|source| ConnectError::UnknownHost { host: host.clone(), source })?
            .collect();
        let tcp = TcpStream::connect(targets.as_slice()).await.map_err(|source| {
            let address = address.authority();
            match source.kind() {
                io::ErrorKind::ConnectionRefused => ConnectError::Refused { address },
                _ => ConnectError::Unreachable { address, source },
            }
        })?;
        // Requests are small and waited for. A socket that refuses the option still works.
        if let Err(error) = tcp.set_nodelay(true) {
            tracing::debug!(%error, "cannot switch off Nagle's algorithm");
        }
        if !address.is_secure() {
            return Ok(MaybeTlsStream::Plain(tcp));
        }
        let name = ServerName::try_from(host).map_err(|error| ConnectError::Protocol {
            address: address.authority(),
            reason: error.to_string(),
        })?;
        match TlsConnector::from(self.tls.clone()).connect(name, tcp).await {
            Ok(stream) => Ok(MaybeTlsStream::Rustls(stream)),
            Err(error) => Err(stream_error(address, error)),
        }
    }
}

fn stream_error(address: &Address, error: io::Error) -> ConnectError {
    let address = address.authority();
    match tls::explain(&error) {
        Some(problem) => ConnectError::Tls { address, problem },
        None => ConnectError::Closed { address, source: error },
    }
}

fn upgrade_error(address: &Address, error: WebSocketError) -> ConnectError {
    match error {
        WebSocketError::Http(response) => ConnectError::Status {
            address: address.authority(),
            status: http::Response::status(&response).as_u16(),
        },
        WebSocketError::Io(error) => stream_error(address, error),
        WebSocketError::ConnectionClosed | WebSocketError::AlreadyClosed => ConnectError::Closed {
            address: address.authority(),
            source: io::ErrorKind::UnexpectedEof.into(),
        },
        // With TLS 1.3 a refused client certificate shows only now.
        error => match tls::explain(&error) {
            Some(problem) => ConnectError::Tls { address: address.authority(), problem },
            None => {
                ConnectError::Protocol { address: address.authority(), reason: error.to_string() }
            }
        },
    }
}

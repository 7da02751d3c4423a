//! TLS towards a Qlik site.
//!
//! Qlik's services present certificates signed by the site's own root: one DNS name (the machine's at
//! install time), no key usage, no extended key usage. So a host is often reached by a name that its
//! certificate does not have, and there is a mode that verifies the chain and ignores the name. Older
//! sites may have certificates without any name, or signed with SHA-1; the errors say so.
//! There is no process-wide state: the crypto provider is given to each configuration.

use std::error::Error as StdError;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, Error as RustlsError, InconsistentKeys, OtherError,
    RootCertStore,
};
use secrecy::SecretString;

use super::pem::{self, PemError};
use super::settings::{Auth, Settings, name};
use super::verifier::Verifier;
pub use super::verifier::{PeerProblem, Verification};

/// Why certificates and keys of the settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The client certificate's text.
    #[error("{0}")]
    Certificate(PemError),
    /// The key's text.
    #[error("{0}")]
    Key(PemError),
    /// The key is of a kind that TLS does not use.
    #[error("holds a key that cannot be used for TLS: {0}")]
    KeyUnusable(String),
    /// Certificate and key are of different pairs.
    #[error("does not belong to the client certificate")]
    KeyMismatch,
    /// The root certificates' text.
    #[error("{0}")]
    Roots(PemError),
    /// A root certificate is not X.509.
    #[error("holds a certificate that cannot be a root: {0}")]
    RootUnusable(String),
    /// The TLS library refused the configuration.
    #[error("cannot be used for TLS: {0}")]
    Library(String),
}

impl TlsError {
    /// The setting to change.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Certificate(_) | Self::Library(_) => name::CLIENT_CERTIFICATE,
            Self::Key(PemError::PasswordMissing | PemError::PasswordWrong) => name::KEY_PASSWORD,
            Self::Key(_) | Self::KeyUnusable(_) | Self::KeyMismatch => name::CLIENT_KEY,
            Self::Roots(_) | Self::RootUnusable(_) => name::ROOT_CERTIFICATE,
        }
    }
}

/// Why a TLS handshake failed, found in whatever error it was wrapped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeProblem {
    /// We refused the server's certificate.
    #[error(transparent)]
    Peer(#[from] PeerProblem),
    /// The server refused our certificate, or that we had none.
    #[error(
        "the server refused the client certificate (alert `{alert}`); set `{}` and `{}` to \
         the certificate exported for this machine",
        name::CLIENT_CERTIFICATE,
        name::CLIENT_KEY
    )]
    ClientRefused {
        /// TLS alert.
        alert: String,
    },
    /// There is no version or cipher that both know; servers with TLS 1.2 answer the same when they
    /// miss a client certificate.
    #[error(
        "the server ended the handshake (alert `{alert}`): it wants a client certificate (`{}`), or it \
         has neither TLS 1.3 nor TLS 1.2 with an ECDHE cipher",
        name::CLIENT_CERTIFICATE
    )]
    NothingInCommon {
        /// TLS alert.
        alert: String,
    },
    /// What answers does not speak TLS.
    #[error(
        "what answers does not speak TLS; use `ws://` or another port in `{}`",
        name::HOST_PORT
    )]
    NoTls,
    /// Something else.
    #[error("{0}")]
    Other(String),
}

/// Checks a PEM text of root certificates.
///
/// # Errors
/// The text holds no certificate that can be a root.
pub fn check_roots(text: &str) -> Result<(), TlsError> {
    let certificates = pem::certificates(text).map_err(TlsError::Roots)?;
    root_store(&certificates).map(|_| ())
}

/// Checks a client certificate and its key, also that they belong together.
///
/// # Errors
/// One of the texts cannot be read, the password is wrong, or the key is another certificate's.
pub fn check_client(
    certificate: &str,
    key: &SecretString,
    password: Option<&SecretString>,
) -> Result<(), TlsError> {
    client_pair(certificate, key, password).map(|_| ())
}

/// TLS configuration of a site, the same for websockets and REST.
///
/// # Errors
/// Certificates or keys of the settings cannot be used.
pub(super) fn client_config(settings: &Settings) -> Result<Arc<ClientConfig>, TlsError> {
    let library = |error: RustlsError| TlsError::Library(error.to_string());
    let verifier = verifier(settings.verification, settings.root_certificates.as_deref())?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(library)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match &settings.auth {
        Auth::Certificate { certificate, key, key_password, .. } => {
            let (chain, key) = client_pair(certificate, key, key_password.as_ref())?;
            builder.with_client_auth_cert(chain, key).map_err(library)?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

/// Finds out why a handshake failed, from the error of whatever library reports it; `None` when TLS has
/// nothing to do with it.
pub(super) fn explain(error: &(dyn StdError + 'static)) -> Option<HandshakeProblem> {
    let error = find_rustls(error)?;
    Some(match error {
        RustlsError::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
            match inner.downcast_ref::<PeerProblem>() {
                Some(problem) => HandshakeProblem::Peer(problem.clone()),
                None => HandshakeProblem::Other(error.to_string()),
            }
        }
        RustlsError::AlertReceived(alert) => {
            use rustls::AlertDescription as Alert;
            match alert {
                Alert::CertificateRequired
                | Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied
                | Alert::NoCertificate
                | Alert::DecryptError => {
                    HandshakeProblem::ClientRefused { alert: format!("{alert:?}") }
                }
                Alert::HandshakeFailure | Alert::ProtocolVersion | Alert::InsufficientSecurity => {
                    HandshakeProblem::NothingInCommon { alert: format!("{alert:?}") }
                }
                _ => HandshakeProblem::Other(format!("the server ended the handshake: {alert:?}")),
            }
        }
        RustlsError::InvalidMessage(_) => HandshakeProblem::NoTls,
        other => HandshakeProblem::Other(other.to_string()),
    })
}

fn find_rustls<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a RustlsError> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<RustlsError>() {
            return Some(found);
        }
        // An `io::Error` hides its inner error: `source()` is the inner error's source.
        current = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// Verifier of the settings; without roots of their own, those of the operating system count.
fn verifier(mode: Verification, roots: Option<&str>) -> Result<Verifier, TlsError> {
    let (roots, pinned) = match roots {
        _ if mode == Verification::Off => (RootCertStore::empty(), Vec::new()),
        Some(text) => {
            let certificates = pem::certificates(text).map_err(TlsError::Roots)?;
            (root_store(&certificates)?, certificates)
        }
        None => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            (roots, Vec::new())
        }
    };
    Ok(Verifier { mode, roots, pinned, provider: provider() })
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn root_store(certificates: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots
            .add(certificate.clone())
            .map_err(|error| TlsError::RootUnusable(error.to_string()))?;
    }
    Ok(roots)
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn client_pair(
    certificate: &str,
    key: &SecretString,
    password: Option<&SecretString>,
) -> Result<Pair, TlsError> {
    let chain = pem::certificates(certificate).map_err(TlsError::Certificate)?;
    let key = pem::private_key(key, password).map_err(TlsError::Key)?;
    match CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider()) {
        Ok(_) => Ok((chain, key)),
        Err(RustlsError::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(TlsError::KeyMismatch)
        }
        Err(RustlsError::InvalidCertificate(error)) => Err(TlsError::Library(error.to_string())),
        Err(error) => Err(TlsError::KeyUnusable(error.to_string())),
    }
}

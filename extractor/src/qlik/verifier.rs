//! Verifies the certificate that a server presents, in one of three modes, with errors that say what to
//! change.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error as RustlsError, OtherError, RootCertStore,
    SignatureScheme,
};

use super::certificate::describe;
use super::settings::name;

/// What is verified of a server's certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// It is signed by a trusted root and names the host.
    #[default]
    Full,
    /// It is signed by a trusted root, whatever host it names.
    ChainOnly,
    /// Nothing. Anybody on the way can read and change everything.
    Off,
}

/// What is wrong with the certificate that a server presented.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerProblem {
    /// Nobody we trust signed it.
    #[error(
        "the certificate of the server is issued by `{issuer}`, which is not trusted; \
         set `{}` to the site's root.pem",
        name::ROOT_CERTIFICATE
    )]
    UnknownIssuer {
        /// Who signed it.
        issuer: String,
    },
    /// It names a trusted root as its issuer, and another key signed it: the site was installed again,
    /// or the root is another site's of the same name.
    #[error(
        "the certificate of the server is issued by another `{issuer}` than the trusted one; \
         set `{}` to the root.pem of this installation",
        name::ROOT_CERTIFICATE
    )]
    OtherIssuer {
        /// Who signed it.
        issuer: String,
    },
    /// It is for other hosts.
    #[error(
        "the certificate of the server is for `{}` and not for `{host}`; use that name in `{}`, \
         or set `{}` to false", names.join("`, `"), name::HOST_PORT, name::VALIDATE_HOST_NAME
    )]
    OtherName {
        /// Host that we connected to.
        host: String,
        /// Names in the certificate.
        names: Vec<String>,
    },
    /// It has a common name only.
    #[error(
        "the certificate of the server (`{subject}`) has no subject alternative name, only a common \
         name, which is not enough to identify `{host}`; set `{}` to false",
        name::VALIDATE_HOST_NAME
    )]
    NoName {
        /// Host that we connected to.
        host: String,
        /// Subject of the certificate.
        subject: String,
    },
    /// Its time is over, or has not come.
    #[error(
        "the certificate of the server is valid from {not_before} to {not_after} only; \
         renew it, or correct the clock of this machine"
    )]
    OutOfDate {
        /// Valid from.
        not_before: String,
        /// Valid until.
        not_after: String,
    },
    /// It is signed with SHA-1 or another algorithm that is no longer safe.
    #[error(
        "the certificate of the server is signed in a way that is no longer accepted (SHA-1 on old \
         sites); renew it, or set `{}` to false",
        name::VERIFY_CERTIFICATES
    )]
    OldSignature,
    /// Something else.
    #[error("the certificate of the server is not acceptable: {0}")]
    Other(String),
}

/// Verifies server certificates in one of the three modes, with errors of our own.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) mode: Verification,
    /// Who may have signed the server's certificate.
    pub(super) roots: RootCertStore,
    /// Certificates of the settings: one that the server itself presents is trusted as it is.
    pub(super) pinned: Vec<CertificateDer<'static>>,
    /// Signature algorithms.
    pub(super) provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), PeerProblem> {
        let problem = |error| peer_problem(error, certificate, server_name);
        let parsed = ParsedCertificate::try_from(certificate).map_err(problem)?;
        if self.pinned.iter().any(|pinned| pinned == certificate) {
            check_dates(certificate, now)?;
        } else {
            verify_server_cert_signed_by_trust_anchor(
                &parsed,
                &self.roots,
                intermediates,
                now,
                self.provider.signature_verification_algorithms.all,
            )
            .map_err(problem)?;
        }
        if self.mode == Verification::Full {
            verify_server_name(&parsed, server_name).map_err(problem)?;
        }
        Ok(())
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        if self.mode != Verification::Off {
            self.verify(end_entity, intermediates, server_name, now).map_err(|problem| {
                RustlsError::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(
                    problem,
                ))))
            })?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        if self.mode == Verification::Off {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        if self.mode == Verification::Off {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn check_dates(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), PeerProblem> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs());
    match describe(certificate) {
        Some(description) if !description.is_valid_at(now) => Err(out_of_date(certificate)),
        _ => Ok(()),
    }
}

fn out_of_date(certificate: &CertificateDer<'_>) -> PeerProblem {
    let text = |time| {
        jiff::Timestamp::try_from(time).map_or_else(|_| "?".to_owned(), |time| time.to_string())
    };
    match describe(certificate) {
        Some(description) => PeerProblem::OutOfDate {
            not_before: text(description.not_before),
            not_after: text(description.not_after),
        },
        None => PeerProblem::Other("it is not valid now".to_owned()),
    }
}

fn peer_problem(
    error: RustlsError,
    certificate: &CertificateDer<'_>,
    server_name: &ServerName<'_>,
) -> PeerProblem {
    use CertificateError as Why;
    let RustlsError::InvalidCertificate(why) = error else {
        return PeerProblem::Other(error.to_string());
    };
    let description = describe(certificate);
    let issuer = || {
        description
            .as_ref()
            .map_or_else(|| "?".to_owned(), |description| description.issuer.clone())
    };
    match why {
        Why::UnknownIssuer => PeerProblem::UnknownIssuer { issuer: issuer() },
        Why::BadSignature => PeerProblem::OtherIssuer { issuer: issuer() },
        Why::Expired
        | Why::ExpiredContext { .. }
        | Why::NotValidYet
        | Why::NotValidYetContext { .. } => out_of_date(certificate),
        Why::NotValidForName | Why::NotValidForNameContext { .. } => {
            let host = server_name.to_str().into_owned();
            match description {
                Some(description) if description.names.is_empty() => {
                    PeerProblem::NoName { host, subject: description.subject }
                }
                Some(description) => PeerProblem::OtherName { host, names: description.names },
                None => PeerProblem::OtherName { host, names: vec!["?".to_owned()] },
            }
        }
        Why::UnsupportedSignatureAlgorithmContext { .. }
        | Why::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => PeerProblem::OldSignature,
        other => PeerProblem::Other(other.to_string()),
    }
}

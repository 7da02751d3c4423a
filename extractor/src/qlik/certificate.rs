//! What a certificate says of itself, for error messages and for `check`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::pem::{self, PemError};

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Subject, such as `CN=QlikClient`.
    pub subject: String,
    /// Issuer, such as `CN=qlik.example.com-CA`.
    pub issuer: String,
    /// DNS names and IP addresses it is valid for. Qlik's own server certificates have one.
    pub names: Vec<String>,
    /// Valid from.
    pub not_before: SystemTime,
    /// Valid until.
    pub not_after: SystemTime,
}

impl Description {
    /// Whether `now` lies within its validity.
    #[must_use]
    pub fn is_valid_at(&self, now: SystemTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// How long it is still valid at `now`; `None` when it no longer is.
    #[must_use]
    pub fn remaining(&self, now: SystemTime) -> Option<Duration> {
        self.not_after.duration_since(now).ok()
    }
}

/// Describes every certificate of a PEM text, in order. Certificates that are not strict DER are left
/// out: TLS may still accept them.
///
/// # Errors
/// The text holds no certificate.
pub fn describe_all(pem_text: &str) -> Result<Vec<Description>, PemError> {
    Ok(pem::certificates(pem_text)?.iter().filter_map(describe).collect())
}

/// Describes one certificate; `None` when it is not strict DER.
pub(super) fn describe(certificate: &CertificateDer<'_>) -> Option<Description> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let tbs = certificate.tbs_certificate();
    let names = match tbs.get_extension::<SubjectAltName>() {
        Ok(Some((_, names))) => names.0.iter().filter_map(text_of).collect(),
        _ => Vec::new(),
    };
    Some(Description {
        subject: tbs.subject().to_string(),
        issuer: tbs.issuer().to_string(),
        names,
        not_before: tbs.validity().not_before.to_system_time(),
        not_after: tbs.validity().not_after.to_system_time(),
    })
}

fn text_of(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
                return Some(Ipv4Addr::from(octets).to_string());
            }
            <[u8; 16]>::try_from(bytes).ok().map(|octets| Ipv6Addr::from(octets).to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_described() {
        let mut parameters = rcgen::CertificateParams::new(vec![
            "qlik.example.com".to_owned(),
            "10.0.0.7".to_owned(),
        ])
        .unwrap();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "qlik.example.com");
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2030, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = parameters.self_signed(&key).unwrap().pem();

        let all = describe_all(&format!("{pem}{pem}")).unwrap();
        assert_eq!(all.len(), 2);
        let description = &all[0];
        assert_eq!(description.subject, "CN=qlik.example.com");
        assert_eq!(description.issuer, "CN=qlik.example.com");
        assert_eq!(description.names, ["qlik.example.com", "10.0.0.7"]);
        assert!(description.is_valid_at(parameters.not_before.into()));
        assert!(!description.is_valid_at(SystemTime::UNIX_EPOCH));
        assert_eq!(
            description.remaining(SystemTime::from(parameters.not_after) - Duration::from_secs(9)),
            Some(Duration::from_secs(9))
        );
        assert_eq!(describe_all("nothing"), Err(PemError::NoCertificate));
    }
}

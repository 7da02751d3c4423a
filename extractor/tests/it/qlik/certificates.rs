//! Certificates as a Qlik site makes them: a root of its own, a server certificate with one DNS name and
//! a client certificate without any, none with key usage or extended key usage.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::server::WebPkiClientVerifier;

/// A site's root, and what it signs.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, PEM texts.
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        Self::named("qlik.example.com-CA")
    }

    pub(super) fn named(common_name: &str) -> Self {
        let mut parameters = named(common_name, &[]);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self { issuer: CertifiedIssuer::self_signed(parameters, key).unwrap() }
    }

    /// The root certificate, PEM.
    pub(super) fn root(&self) -> String {
        self.issuer.pem()
    }

    pub(super) fn server(&self, host: &str) -> Pair {
        self.sign(&named(host, &[host]))
    }

    pub(super) fn server_with_common_name_only(&self, host: &str) -> Pair {
        self.sign(&named(host, &[]))
    }

    pub(super) fn expired_server(&self, host: &str) -> Pair {
        let mut parameters = named(host, &[host]);
        parameters.not_before = rcgen::date_time_ymd(2010, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2020, 1, 1);
        self.sign(&parameters)
    }

    /// A certificate that is its own root and says so.
    pub(super) fn self_signed_server(&self, host: &str) -> Pair {
        let mut parameters = named(host, &[host]);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    pub(super) fn client(&self) -> Pair {
        self.sign(&named("QlikClient", &[]))
    }

    fn sign(&self, parameters: &CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// TLS of a server; clients must have a certificate of this authority when `mutual`.
    pub(super) fn tls(&self, pair: &Pair, mutual: bool) -> Arc<ServerConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if mutual {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(self.root().as_bytes()).unwrap()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let chain = vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
        Arc::new(builder.with_single_cert(chain, key).unwrap())
    }
}

fn named(common_name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut parameters = CertificateParams::new(hosts).unwrap();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, common_name);
    parameters
}

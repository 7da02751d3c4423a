//! Certificates as a Qlik Sense site makes and exports them: an own root, a server certificate with
//! exactly one DNS name, a client certificate `CN=QlikClient` without a subject alternative name;
//! RSA-2048 and SHA-256 throughout, neither key usage nor extended key usage, and Qlik's own
//! extensions, which are not critical.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use pkcs8::{EncodePrivateKey, LineEnding, PrivateKeyInfoRef, SecretDocument};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer,
    KeyPair, PKCS_RSA_SHA256, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// Why certificates could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Generating failed.
    #[error("generate the certificates for `{host_name}`")]
    Generate {
        /// Name in the server certificate.
        host_name: String,
        /// Cause.
        #[source]
        source: rcgen::Error,
    },
    /// A private key could not be encoded.
    #[error("encode a private key")]
    Key(#[source] pkcs8::Error),
    /// A private key could not be written as PEM.
    #[error("write a private key as PEM")]
    Pem(#[source] pkcs8::der::Error),
    /// The TLS library refused the certificates.
    #[error("set up TLS with the site's certificates")]
    Tls(#[source] rustls::Error),
    /// The verifier of client certificates could not be made.
    #[error("set up the check of client certificates")]
    Verifier(#[source] rustls::server::VerifierBuilderError),
    /// A PEM text could not be read back.
    #[error("read back a generated PEM text")]
    ReadBack(#[source] rustls::pki_types::pem::Error),
}

/// A site's certificates as PEM texts. Cloning is cheap.
#[derive(Clone)]
pub struct Certificates(Arc<Texts>);

struct Texts {
    host_name: String,
    root: String,
    server: String,
    server_key: String,
    client: String,
    client_key: SecretDocument,
    client_key_pkcs1: String,
    client_key_pkcs8: String,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates").field("host_name", &self.0.host_name).finish_non_exhaustive()
    }
}

impl Certificates {
    /// New certificates of a site whose machine is called `host_name`.
    pub fn generate(host_name: &str) -> Result<Self, CertificateError> {
        let failed =
            |source| CertificateError::Generate { host_name: host_name.to_owned(), source };
        let machine = host_name.split('.').next().unwrap_or(host_name);

        let root_key = new_key().map_err(failed)?;
        let mut root = parameters(&format!("{host_name}-CA"));
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_certificate = root.self_signed(&root_key).map_err(failed)?;
        let issuer = Issuer::new(root, root_key);

        let server_key = new_key().map_err(failed)?;
        let mut server = parameters(host_name);
        server.subject_alt_names =
            vec![rcgen::SanType::DnsName(host_name.try_into().map_err(failed)?)];
        server.custom_extensions = own_extensions(machine);
        let server = server.signed_by(&server_key, &issuer).map_err(failed)?;

        let client_key = new_key().map_err(failed)?;
        let mut client = parameters("QlikClient");
        client.custom_extensions = own_extensions("QlikClient");
        let client = client.signed_by(&client_key, &issuer).map_err(failed)?;

        let client_document = document(&client_key)?;
        let pkcs8 = client_document.to_pem("PRIVATE KEY", LineEnding::LF);
        Ok(Self(Arc::new(Texts {
            host_name: host_name.to_owned(),
            root: root_certificate.pem(),
            server: server.pem(),
            server_key: pkcs1(&document(&server_key)?)?,
            client: client.pem(),
            client_key_pkcs1: pkcs1(&client_document)?,
            client_key_pkcs8: pkcs8.map_err(CertificateError::Pem)?.to_string(),
            client_key: client_document,
        })))
    }

    /// The certificates for `host_name` that this process made before, or new ones.
    pub fn shared(host_name: &str) -> Result<Self, CertificateError> {
        static MADE: LazyLock<Mutex<HashMap<String, Certificates>>> = LazyLock::new(Mutex::default);
        let mut made = crate::lock(&MADE);
        if let Some(found) = made.get(host_name) {
            return Ok(found.clone());
        }
        let new = Self::generate(host_name)?;
        made.insert(host_name.to_owned(), new.clone());
        Ok(new)
    }

    /// `root.pem`: the site's own root.
    pub fn root_pem(&self) -> &str {
        &self.0.root
    }

    /// `client.pem`: the certificate that clients show.
    pub fn client_pem(&self) -> &str {
        &self.0.client
    }

    /// `client_key.pem` as the QMC exports it: PKCS#1 (`RSA PRIVATE KEY`), not encrypted.
    pub fn client_key_pem(&self) -> &str {
        &self.0.client_key_pkcs1
    }

    /// The same key as PKCS#8 (`PRIVATE KEY`).
    pub fn client_key_pkcs8_pem(&self) -> &str {
        &self.0.client_key_pkcs8
    }

    /// The same key as PKCS#8 encrypted with a password (`ENCRYPTED PRIVATE KEY`, PBES2 with PBKDF2
    /// and AES-256 as OpenSSL writes it).
    pub fn client_key_encrypted_pem(&self, password: &str) -> Result<String, CertificateError> {
        // Salt and initialisation vector come from random UUIDs: 122 random bits each, ample for a
        // key that protects nothing.
        let salt = *uuid::Uuid::new_v4().as_bytes();
        let iv = *uuid::Uuid::new_v4().as_bytes();
        let parameters =
            pkcs8::pkcs5::pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(2048, &salt, iv)
                .map_err(|error| CertificateError::Key(error.into()))?;
        let key: PrivateKeyInfoRef<'_> = self
            .0
            .client_key
            .decode_msg()
            .map_err(|error: pkcs8::der::Error| CertificateError::Key(error.into()))?;
        let encrypted =
            key.encrypt_with_params(parameters, password).map_err(CertificateError::Key)?;
        let pem = encrypted
            .to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF)
            .map_err(CertificateError::Pem)?;
        Ok(pem.to_string())
    }

    /// Writes `client.pem`, `client_key.pem`, `root.pem` into `folder`, which is created, with the
    /// names of the QMC's export.
    pub fn write_to(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("client.pem"), self.client_pem())?;
        std::fs::write(folder.join("client_key.pem"), self.client_key_pem())?;
        std::fs::write(folder.join("root.pem"), self.root_pem())
    }

    /// TLS of the engine and repository ports: only clients with a certificate of this root.
    pub fn mutual_tls(&self) -> Result<ServerConfig, CertificateError> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&self.0.root)?).map_err(CertificateError::Tls)?;
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots))
            .build()
            .map_err(CertificateError::Verifier)?;
        ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.server_chain()?, self.server_key()?)
            .map_err(CertificateError::Tls)
    }

    /// TLS of the proxy port: clients need no certificate.
    pub(crate) fn server_tls(&self) -> Result<ServerConfig, CertificateError> {
        ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(self.server_chain()?, self.server_key()?)
            .map_err(CertificateError::Tls)
    }

    fn server_chain(&self) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
        Ok(vec![certificate(&self.0.server)?, certificate(&self.0.root)?])
    }

    fn server_key(&self) -> Result<PrivateKeyDer<'static>, CertificateError> {
        PrivateKeyDer::from_pem_slice(self.0.server_key.as_bytes())
            .map_err(CertificateError::ReadBack)
    }
}

fn certificate(pem: &str) -> Result<CertificateDer<'static>, CertificateError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(CertificateError::ReadBack)
}

fn new_key() -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_for(&PKCS_RSA_SHA256)
}

fn parameters(common_name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    parameters.distinguished_name = name;
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2120, 1, 1);
    parameters
}

/// Qlik marks its certificates with extensions below 1.3.6.1.5.5.7.13; clients must not stumble.
fn own_extensions(text: &str) -> Vec<CustomExtension> {
    // A DER UTF8String; the texts here are far shorter than the 127 bytes of a one-byte length.
    let text: Vec<u8> = text.bytes().take(100).collect();
    let mut content = vec![0x0c, u8::try_from(text.len()).unwrap_or(0)];
    content.extend(text);
    vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 13, 3], content)]
}

fn document(key: &KeyPair) -> Result<SecretDocument, CertificateError> {
    let der = key.serialize_der();
    let info = PrivateKeyInfoRef::try_from(der.as_slice()).map_err(CertificateError::Key)?;
    info.to_pkcs8_der().map_err(CertificateError::Key)
}

/// A PKCS#8 document of an RSA key is a wrapper around its PKCS#1 form.
fn pkcs1(document: &SecretDocument) -> Result<String, CertificateError> {
    let info: PrivateKeyInfoRef<'_> = document
        .decode_msg()
        .map_err(|error: pkcs8::der::Error| CertificateError::Key(error.into()))?;
    pkcs8::der::pem::encode_string("RSA PRIVATE KEY", LineEnding::LF, info.private_key.as_bytes())
        .map_err(|error| CertificateError::Pem(error.into()))
}

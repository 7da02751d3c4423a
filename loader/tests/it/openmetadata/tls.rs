//! Certificates.

use std::{net::SocketAddr, sync::Arc};

use loader::sink::{
    Fatal,
    openmetadata::{
        OpenMetadataSink, Settings,
        settings::{
            LoadSettings, Pem, ServerSettings, ServiceKind, ServiceSettings, TableSettings,
            TlsSettings, VerifySsl,
        },
    },
};
use rcgen::{CertifiedIssuer, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// An authority, and a certificate of it for `localhost` with its key.
struct Certificates {
    authority: CertifiedIssuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
    key: KeyPair,
}

fn certificates() -> Certificates {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    Certificates { authority, certificate, key }
}

/// A server that answers everything with what a healthy OpenMetadata would say of itself.
async fn serve(certificates: &Certificates, wants_client: bool) -> SocketAddr {
    let builder = ServerConfig::builder();
    let builder = if wants_client {
        let mut roots = RootCertStore::empty();
        roots.add(certificates.authority.der().clone()).expect("a root");
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().expect("a verifier");
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certificates.key.serialize_der()));
    let config = builder
        .with_single_cert(vec![certificates.certificate.der().clone()], key)
        .expect("a configuration");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut socket) = acceptor.accept(socket).await else { return };
                let mut buffer = [0; 4096];
                if socket.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    let body = r#"{"version":"1.12.6","name":"bot","serviceType":"QlikSense"}"#;
                    let head =
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                    let text = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    socket.write_all(text.as_bytes()).await.ok();
                    socket.shutdown().await.ok();
                }
            });
        }
    });
    address
}

async fn connect(address: SocketAddr, tls: TlsSettings) -> Result<OpenMetadataSink, Fatal> {
    let url = format!("https://localhost:{}/api", address.port());
    let server = ServerSettings {
        tls,
        backoff: (std::time::Duration::from_millis(1), std::time::Duration::from_millis(2)),
        patience: Some(std::time::Duration::from_millis(50)),
        ..ServerSettings::new(url, Some("secret".to_owned().into()))
    };
    let service = ServiceSettings {
        name: "prod".to_owned(),
        kind: ServiceKind::QlikSense,
        host_port: None,
        display_url: None,
    };
    let (tables, load) = (TableSettings::default(), LoadSettings::default());
    OpenMetadataSink::connect(Settings { server, service, tables, load }, CancellationToken::new())
        .await
}

#[tokio::test]
async fn a_private_authority_has_to_be_named() {
    let certificates = certificates();
    let address = serve(&certificates, false).await;
    let fatal = connect(address, TlsSettings::default()).await.expect_err("not trusted");
    assert_eq!(fatal.exit_code, 3);
    assert!(fatal.message.contains("sslConfig.caCertificate"), "{}", fatal.message);

    let ca = Some(Pem::Text(certificates.authority.pem().into()));
    connect(address, TlsSettings { ca, ..TlsSettings::default() }).await.expect("trusted");

    let verify = VerifySsl::Ignore;
    connect(address, TlsSettings { verify, ..TlsSettings::default() }).await.expect("not checked");
}

#[tokio::test]
async fn a_server_may_want_a_certificate_of_ours() {
    let certificates = certificates();
    let address = serve(&certificates, true).await;
    let ca = Some(Pem::Text(certificates.authority.pem().into()));
    let without = TlsSettings { ca: ca.clone(), ..TlsSettings::default() };
    let fatal = connect(address, without.clone()).await.expect_err("no certificate");
    assert!(fatal.message.contains("cannot be reached"), "{}", fatal.message);

    let identity = vec![
        Pem::Text(certificates.certificate.pem().into()),
        Pem::Text(certificates.key.serialize_pem().into()),
    ];
    connect(address, TlsSettings { identity, ..without }).await.expect("with a certificate");
}

#[tokio::test]
async fn certificates_that_cannot_be_read_are_mistakes_of_the_configuration() {
    let address: SocketAddr = "127.0.0.1:1".parse().expect("an address");
    let missing = || Pem::File("/nowhere/ca.pem".into());
    let text = || Pem::Text("not PEM".to_owned().into());
    for tls in [
        TlsSettings { ca: Some(missing()), ..TlsSettings::default() },
        TlsSettings { ca: Some(text()), ..TlsSettings::default() },
        TlsSettings { identity: vec![missing()], ..TlsSettings::default() },
        TlsSettings { identity: vec![text()], ..TlsSettings::default() },
    ] {
        let fatal = connect(address, tls).await.expect_err("a mistake");
        assert_eq!(fatal.exit_code, 2, "{}", fatal.message);
        assert!(fatal.message.contains("sslConfig"), "{}", fatal.message);
    }
}

#[tokio::test]
async fn patience_ends() {
    let address: SocketAddr = "127.0.0.1:1".parse().expect("an address");
    let fatal = connect(address, TlsSettings::default()).await.expect_err("nobody there");
    assert_eq!(fatal.exit_code, 3);
    assert!(fatal.message.contains("hostPort"), "{}", fatal.message);
}

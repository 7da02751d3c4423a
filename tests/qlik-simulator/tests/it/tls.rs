//! Who gets in.

use qlik_simulator::{Certificates, Mode, Settings};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{self, Client, HOST};

/// Asks for `/` over TLS; the answer is the first bytes, or why there were none.
async fn ask(
    site: &qlik_simulator::Running,
    url: &str,
    own: Option<&Certificates>,
) -> std::io::Result<String> {
    let tcp = TcpStream::connect(client::authority(url)).await?;
    let tls = client::tls(site, own).expect("TLS");
    let mut stream = tls.connect(ServerName::try_from(HOST).expect("a name"), tcp).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn only_the_sites_own_client_certificate_is_accepted() {
    let site = client::site().await;
    let other = Certificates::generate("other.example").expect("certificates");
    for url in [site.engine_url(), site.qrs_url()] {
        ask(&site, &url, None).await.expect_err("no certificate");
        ask(&site, &url, Some(&other)).await.expect_err("a certificate of another site");
        let answer = ask(&site, &url, Some(site.certificates())).await.expect("an answer");
        // No user is named.
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
}

#[tokio::test]
async fn the_user_must_be_named() {
    let site = client::site().await;
    for headers in [vec![], vec![("X-Qlik-User", "anna")], vec![("X-Qlik-User", "UserId=anna")]] {
        let refused = Client::try_connect(&site, "/app/engineData", &headers).await;
        assert!(refused.is_err(), "{headers:?}");
    }
    for user in ["UserDirectory=CORP;UserId=x", "UserDirectory=CORP; UserId=anna%2Ekeller"] {
        let headers = [("X-Qlik-User", user)];
        let mut client =
            Client::try_connect(&site, "/app/engineData", &headers).await.expect("a websocket");
        let user = client.call(-1, "GetAuthenticatedUser", json!([])).await;
        assert!(user["qReturn"].as_str().expect("a text").starts_with("UserDirectory=CORP;"));
    }
}

#[tokio::test]
async fn plain_mode_needs_nothing() {
    let site = client::start(Settings { mode: Mode::Plain, ..Settings::default() }).await;
    let url = format!("{}/app/engineData", site.engine_url());
    assert!(url.starts_with("ws://127.0.0.1:"), "{url}");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("a websocket");
    let opening = futures::StreamExt::next(&mut socket).await.expect("a frame").expect("a frame");
    assert!(opening.to_text().expect("a text").contains("OnConnected"));
}

#[test]
fn exported_files_and_forms_of_the_key() {
    let own = Certificates::shared(HOST).expect("certificates");
    let folder = tempfile::tempdir().expect("a folder");
    own.write_to(&folder.path().join("exported")).expect("the files are written");
    let read = |name: &str| {
        std::fs::read_to_string(folder.path().join("exported").join(name)).expect("a file")
    };
    assert!(read("root.pem").starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(read("client.pem").starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(read("client_key.pem").starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    assert!(own.client_key_pkcs8_pem().starts_with("-----BEGIN PRIVATE KEY-----"));

    let encrypted = own.client_key_encrypted_pem("example").expect("a key");
    assert!(encrypted.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"), "{encrypted}");
    let (_, document) = pkcs8::SecretDocument::from_pem(&encrypted).expect("PEM");
    let info: pkcs8::EncryptedPrivateKeyInfoRef<'_> = document.decode_msg().expect("PKCS#8");
    info.decrypt("wrong").expect_err("another password");
    let decrypted = info.decrypt("example").expect("the password");
    let plain = rustls::pki_types::PrivatePkcs8KeyDer::from_pem_slice(
        own.client_key_pkcs8_pem().as_bytes(),
    );
    assert_eq!(decrypted.as_bytes(), plain.expect("a key").secret_pkcs8_der());
}

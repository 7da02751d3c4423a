//! TLS and the upgrade: what works, and what the errors say.

use extractor::qlik::settings::{Auth, name};
use extractor::qlik::tls::Verification;
use extractor::qlik::{Class, Settings};

use super::certificates::{Authority, Pair};
use super::server::{Behaviour, Server};
use super::{chain, fast, plain, site};

struct Qlik {
    authority: Authority,
    server: Server,
}

async fn start(server: impl Fn(&Authority) -> Pair, mutual: bool) -> Qlik {
    let authority = Authority::new();
    let tls = authority.tls(&server(&authority), mutual);
    let server = Server::start(Behaviour { tls: Some(tls), ..Behaviour::default() }).await;
    Qlik { authority, server }
}

impl Qlik {
    fn settings(&self, verification: Verification) -> Settings {
        let client = self.authority.client();
        let auth = Auth::Certificate {
            certificate: client.certificate,
            key: client.key.into(),
            key_password: None,
            user_directory: "CORP É".to_owned(),
            user_id: "dana@corp".to_owned(),
        };
        let mut settings =
            fast(Settings::new(format!("wss://localhost:{}", self.server.port()), auth));
        settings.root_certificates = Some(self.authority.root());
        settings.verification = verification;
        settings
    }
}

/// Connects, and expects an error with these words.
async fn check_error(settings: Settings, class: Class, words: &[&str]) {
    let error = site(settings).probe_engine().await.unwrap_err();
    let text = chain(&error);
    assert_eq!(error.class(), class, "{text}");
    for word in words {
        assert!(text.contains(word), "no `{word}` in: {text}");
    }
}

#[tokio::test]
async fn with_the_right_certificates_everything_works() {
    let qlik = start(|authority| authority.server("localhost"), true).await;
    for verification in [Verification::Full, Verification::ChainOnly, Verification::Off] {
        let site = site(qlik.settings(verification));
        assert_eq!(site.probe_engine().await.unwrap().as_deref(), Some("12.2528.0"));
    }
    qlik.server.see(|seen| {
        let user = seen.sessions[0].header("x-qlik-user").unwrap();
        assert_eq!(user, "UserDirectory=CORP%20%C3%89; UserId=dana%40corp");
    });
    let described = site(qlik.settings(Verification::Full)).certificates();
    let subjects: Vec<_> =
        described.iter().map(|(setting, one)| (*setting, one.subject.as_str())).collect();
    assert_eq!(
        subjects,
        [
            (name::CLIENT_CERTIFICATE, "CN=QlikClient"),
            (name::ROOT_CERTIFICATE, "CN=qlik.example.com-CA")
        ]
    );
}

#[tokio::test]
async fn a_stranger_is_not_trusted() {
    let qlik = start(|authority| authority.server("localhost"), false).await;
    for verification in [Verification::Full, Verification::ChainOnly] {
        let mut settings = qlik.settings(verification);
        settings.root_certificates = Some(Authority::named("other-CA").root());
        let words = ["issued by `CN=qlik.example.com-CA`", name::ROOT_CERTIFICATE];
        check_error(settings, Class::Setup, &words).await;

        // The site was installed again: the same name, another key.
        let mut settings = qlik.settings(verification);
        settings.root_certificates = Some(Authority::new().root());
        let words = ["another `CN=qlik.example.com-CA`", name::ROOT_CERTIFICATE];
        check_error(settings, Class::Setup, &words).await;
    }
    let mut settings = qlik.settings(Verification::Off);
    settings.root_certificates = Some(Authority::named("other-CA").root());
    site(settings).probe_engine().await.unwrap();
}

#[tokio::test]
async fn a_host_is_known_by_another_name() {
    let qlik = start(|authority| authority.server("qlik-server.corp.local"), false).await;
    let words = ["qlik-server.corp.local", "`localhost`", name::VALIDATE_HOST_NAME];
    check_error(qlik.settings(Verification::Full), Class::Setup, &words).await;
    site(qlik.settings(Verification::ChainOnly)).probe_engine().await.unwrap();
}

#[tokio::test]
async fn a_certificate_with_a_common_name_only() {
    let qlik = start(|authority| authority.server_with_common_name_only("localhost"), false).await;
    let words = ["CN=localhost", "only a common name", name::VALIDATE_HOST_NAME];
    check_error(qlik.settings(Verification::Full), Class::Setup, &words).await;
    site(qlik.settings(Verification::ChainOnly)).probe_engine().await.unwrap();
}

#[tokio::test]
async fn an_expired_certificate() {
    let qlik = start(|authority| authority.expired_server("localhost"), false).await;
    for verification in [Verification::Full, Verification::ChainOnly] {
        let words = ["2010-01-01", "2020-01-01"];
        check_error(qlik.settings(verification), Class::Setup, &words).await;
    }
}

#[tokio::test]
async fn a_server_certificate_that_is_itself_the_root_is_trusted() {
    // Self-signed, and marked as an authority, as OpenSSL does unasked.
    let authority = Authority::new();
    let pair = authority.self_signed_server("localhost");
    let tls = authority.tls(&pair, false);
    let server = Server::start(Behaviour { tls: Some(tls), ..Behaviour::default() }).await;
    let qlik = Qlik { authority, server };
    let mut settings = qlik.settings(Verification::Full);
    settings.root_certificates = Some(pair.certificate);
    site(settings).probe_engine().await.unwrap();
}

#[tokio::test]
async fn a_server_that_wants_a_client_certificate_says_so() {
    let qlik = start(|authority| authority.server("localhost"), true).await;
    let words = [name::CLIENT_CERTIFICATE, name::CLIENT_KEY, "refused the client certificate"];

    let mut settings = qlik.settings(Verification::Full);
    settings.auth = Auth::None;
    check_error(settings, Class::Setup, &words).await;

    let stranger = Authority::new().client();
    let mut settings = qlik.settings(Verification::Full);
    if let Auth::Certificate { certificate, key, .. } = &mut settings.auth {
        *certificate = stranger.certificate;
        *key = stranger.key.into();
    }
    check_error(settings, Class::Setup, &words).await;
}

#[tokio::test]
async fn a_key_of_another_certificate_is_found_before_connecting() {
    let qlik = start(|authority| authority.server("localhost"), true).await;
    let mut settings = qlik.settings(Verification::Full);
    if let Auth::Certificate { key, .. } = &mut settings.auth {
        *key = qlik.authority.client().key.into();
    }
    let problems = settings.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].setting, name::CLIENT_KEY);
    assert!(problems[0].message.contains("does not belong"), "{problems:?}");
}

#[tokio::test]
async fn a_port_without_tls() {
    let server = Server::start(Behaviour::default()).await;
    let mut settings = plain(&server);
    settings.engine_url = format!("wss://localhost:{}", server.port());
    check_error(settings, Class::Setup, &["does not speak TLS", name::HOST_PORT]).await;
}

#[tokio::test]
async fn nobody_listens() {
    let port = {
        let listener = tokio::net::TcpListener::bind("localhost:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let settings = fast(Settings::new(format!("ws://localhost:{port}"), Auth::None));
    let words = ["refused the connection", name::HOST_PORT];
    check_error(settings, Class::Later, &words).await;

    let settings = fast(Settings::new("ws://no-such-host.invalid", Auth::None));
    check_error(settings, Class::Later, &["no-such-host.invalid", name::HOST_PORT]).await;
}

#[tokio::test]
async fn an_upgrade_that_is_refused() {
    for (status, class, words) in [
        (302, Class::SignIn, ["login page", name::TOKEN]),
        (401, Class::SignIn, ["401", name::USER_ID]),
        (403, Class::Denied, ["403", name::HOST_PORT]),
        (404, Class::NotFound, ["404", name::HOST_PORT]),
        (503, Class::Later, ["503", "in trouble"]),
    ] {
        let server = Server::start(Behaviour {
            upgrade: Box::new(move |_, _| status),
            ..Behaviour::default()
        })
        .await;
        check_error(plain(&server), class, &words).await;
    }
}

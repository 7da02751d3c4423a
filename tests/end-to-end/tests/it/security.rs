//! Kafka over TLS and SASL: what gets in, and what an operator is told who does not. Needs a real
//! broker with these listeners, because the mock cluster has neither.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, http::HeaderMap, http::StatusCode, routing::post};
use base64::{Engine as _, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use end_to_end::{admin::Serving, stage};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

use crate::{tls::OverTls, world::World};

/// A password that no broker knows, and that must not show anywhere.
const WRONG: &str = "hunter2-is-wrong";

/// A real broker's listeners.
struct Listeners {
    certificates: String,
    user: String,
    password: String,
}

impl Listeners {
    /// `None`, with a message, when the environment names none.
    fn of_environment() -> Option<Self> {
        let needed = ["KAFKA_BOOTSTRAP", "KAFKA_BOOTSTRAP_SSL", "KAFKA_BOOTSTRAP_MTLS"];
        let needed =
            needed.iter().chain(&["KAFKA_BOOTSTRAP_SASL_SSL", "KAFKA_BOOTSTRAP_SASL_PLAINTEXT"]);
        if let Some(missing) = needed.into_iter().find(|name| env::var(name).is_err()) {
            println!("skipped: {missing} names no listener of a real broker");
            return None;
        }
        let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        Some(Self {
            certificates: variable("KAFKA_CERTS"),
            user: variable("KAFKA_USER"),
            password: variable("KAFKA_PASSWORD"),
        })
    }

    fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.certificates)
    }

    /// TLS, trusting the authority in this file.
    fn tls(&self, authority: &str) -> Value {
        json!({"security.protocol": "SSL", "ssl.ca.location": self.file(authority)})
    }

    /// TLS with a client's certificate.
    fn mutual(&self, certificate: &str, key: &str) -> Value {
        let own = json!({
            "ssl.certificate.location": self.file(certificate),
            "ssl.key.location": self.file(key),
        });
        merged(self.tls("ca.pem"), own)
    }

    /// A user's name and password.
    fn sasl(&self, protocol: &str, mechanism: &str, password: &str) -> Value {
        let own = json!({
            "security.protocol": protocol,
            "sasl.mechanism": mechanism,
            "sasl.username": self.user,
            "sasl.password": password,
        });
        merged(self.tls("ca.pem"), own)
    }

    /// The broker's own certificate, for another server of the same machine.
    fn server(&self) -> ServerConfig {
        let certificates = CertificateDer::pem_file_iter(self.file("server.pem"));
        let certificates = certificates.and_then(Iterator::collect).expect("certificates");
        let key = PrivateKeyDer::from_pem_file(self.file("server.key")).expect("a key");
        let builder = ServerConfig::builder().with_no_client_auth();
        builder.with_single_cert(certificates, key).expect("they belong together")
    }

    /// Tokens.
    fn oauth(&self, own: Value) -> Value {
        let properties = json!({"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"});
        merged(merged(self.tls("ca.pem"), properties), own)
    }
}

fn merged(mut properties: Value, own: Value) -> Value {
    let (Value::Object(all), Value::Object(own)) = (&mut properties, own) else {
        panic!("properties are objects")
    };
    all.extend(own);
    properties
}

fn listener(name: &str) -> String {
    env::var(format!("KAFKA_BOOTSTRAP_{name}")).expect("checked before")
}

#[tokio::test(flavor = "multi_thread")]
async fn both_stages_work_over_every_kind_of_listener() {
    let Some(kafka) = Listeners::of_environment() else { return };
    let mutual_encrypted = merged(
        kafka.mutual("client.pem", "client.encrypted.key"),
        json!({"ssl.key.password": kafka.password}),
    );
    let tokens = json!({
        "enable.sasl.oauthbearer.unsecure.jwt": true,
        "sasl.oauthbearer.config": "principal=qlik",
    });
    let right = kafka.password.as_str();
    let cases = [
        ("SSL", kafka.tls("ca.pem")),
        ("MTLS", kafka.mutual("client.pem", "client.key")),
        ("MTLS", mutual_encrypted),
        ("SASL_SSL", kafka.sasl("SASL_SSL", "SCRAM-SHA-512", right)),
        ("SASL_SSL", kafka.sasl("SASL_SSL", "SCRAM-SHA-256", right)),
        ("SASL_SSL", kafka.sasl("SASL_SSL", "PLAIN", right)),
        ("SASL_PLAINTEXT", kafka.sasl("SASL_PLAINTEXT", "SCRAM-SHA-512", right)),
        ("SASL_SSL", kafka.oauth(tokens)),
    ];
    for (name, properties) in cases {
        println!("{name} {}", properties["sasl.mechanism"]);
        let world = World::with_sample_apps().await;
        world.use_kafka(&listener(name), &properties);
        world.extract(&[]).await;
        world.load(&[]).await;
        assert_eq!(world.entities("dashboards").len(), world.apps.len(), "{name} {properties}");
    }
}

/// The secret that the token endpoint knows.
const SECRET: &str = "the-secret-of-the-client";

/// Properties that ask a provider for tokens.
fn oidc(endpoint: &str, secret: &str) -> Value {
    json!({
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.token.endpoint.url": endpoint,
        "sasl.oauthbearer.client.id": "qlik-metadata",
        "sasl.oauthbearer.client.secret": secret,
        "sasl.oauthbearer.scope": "kafka",
    })
}

/// A provider whose tokens are good for so many seconds and say `qlik`, unsigned, as the broker accepts
/// them; its URL, and how many it gave.
async fn token_endpoint(lifetime: u64, tls: Option<ServerConfig>) -> (String, Arc<AtomicUsize>) {
    let given = Arc::new(AtomicUsize::new(0));
    let counted = given.clone();
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("qlik-metadata:{SECRET}")));
    let give = async move |headers: HeaderMap, body: String| {
        let authorised = headers.get("authorization").is_some_and(|it| *it == basic);
        if !authorised || body != "grant_type=client_credentials&scope=kafka" {
            let refusal = json!({"error": "invalid_client", "error_description": "unknown"});
            return (StatusCode::UNAUTHORIZED, Json(refusal));
        }
        counted.fetch_add(1, Ordering::SeqCst);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.expect("after 1970").as_secs();
        let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = json!({"sub": "qlik", "scope": "kafka", "iat": now, "exp": now + lifetime});
        let token = format!("{}.{}.", part(json!({"alg": "none"})), part(claims));
        let answer = json!({"access_token": token, "token_type": "Bearer", "expires_in": lifetime});
        (StatusCode::OK, Json(answer))
    };
    let give = move |headers: HeaderMap, body: String| {
        let give = give.clone();
        async move { give(headers, body).await }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let routes = Router::new().route("/token", post(give));
    let scheme = if let Some(tls) = tls {
        let listener = OverTls(listener, TlsAcceptor::from(Arc::new(tls)));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        "https"
    } else {
        tokio::spawn(async move { axum::serve(listener, routes).await });
        "http"
    };
    (format!("{scheme}://{at}/token"), given)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_stages_sign_in_with_tokens_of_a_provider() {
    let Some(kafka) = Listeners::of_environment() else { return };
    let world = World::with_sample_apps().await;
    let (endpoint, given) = token_endpoint(600, None).await;
    let properties = kafka.oauth(oidc(&endpoint, SECRET));
    world.use_kafka(&listener("SASL_SSL"), &properties);
    // Topics are made by somebody else.
    let refused = stage::run("extractor", &world.config, &["run", "--once"]).await.with_code(3);
    assert!(refused.stderr.contains("create all topics by hand"), "{}", refused.stderr);
    world.use_kafka(&listener("PLAINTEXT"), &json!({}));
    world.extract(&[]).await;
    world.rename_app(world.apps.keys().next().expect("an app"), "Another title");
    world.use_kafka(&listener("SASL_SSL"), &properties);
    let before = given.load(Ordering::SeqCst);
    for (stage, args) in [
        ("extractor", &["run", "--once", "--log-level", "debug"][..]),
        ("loader", &["run", "--until-end", "--log-level", "debug"]),
        ("loader", &["check"]),
        ("loader", &["replay", "--from", "beginning"]),
    ] {
        let ended = stage::run(stage, &world.config, args).await.with_code(0);
        let said = ended.stdout + &ended.stderr;
        assert!(!said.contains(SECRET) && !said.contains("eyJ"), "a secret: {said}");
    }
    assert_eq!(world.entities("dashboards").len(), world.apps.len());
    // The newest token serves all clients of a process.
    assert_eq!(given.load(Ordering::SeqCst) - before, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_that_stays_renews_its_token() {
    let Some(kafka) = Listeners::of_environment() else { return };
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let (endpoint, given) = token_endpoint(10, Some(kafka.server())).await;
    let authority = json!({"https.ca.location": kafka.file("ca.pem")});
    let properties = kafka.oauth(merged(oidc(&endpoint, SECRET), authority));
    world.use_kafka(&listener("SASL_SSL"), &properties);
    let loader = Serving::start("loader", &world.config, &["run"]);
    let events = r#"loader_events_total{topic="dashboards",result="#;
    loader.until("/metrics", &format!("{events}\"created\"}} {}", world.apps.len())).await;
    // Two lifetimes and more, for each of its clients.
    let before = given.load(Ordering::SeqCst);
    let renewed = async {
        while given.load(Ordering::SeqCst) < before + 5 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), renewed).await.expect("renewed");
    world.rename_app(world.apps.keys().next().expect("an app"), "Another title");
    world.use_kafka(&listener("PLAINTEXT"), &json!({}));
    world.extract(&[]).await;
    loader.until("/metrics", &format!("{events}\"updated\"}} 1")).await;
    let ended = loader.end().await;
    let said = ended.stdout + &ended.stderr;
    assert!(!said.contains(SECRET) && !said.contains("eyJ"), "a secret: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_is_told_why_in_one_error() {
    let Some(kafka) = Listeners::of_environment() else { return };
    let world = World::with_sample_apps().await;
    // The topics are there, as for a loader in production.
    world.extract(&[]).await;
    let foreign = kafka.mutual("other-client.pem", "other-client.key");
    let locked = merged(
        kafka.mutual("client.pem", "client.encrypted.key"),
        json!({"ssl.key.password": WRONG}),
    );
    let bad_config = json!({
        "enable.sasl.oauthbearer.unsecure.jwt": true,
        "sasl.oauthbearer.config": format!("{WRONG}=qlik"),
    });
    let (endpoint, _) = token_endpoint(600, None).await;
    let incomplete = json!({"sasl.oauthbearer.method": "oidc", "sasl.oauthbearer.client.id": "a"});
    let nobody = "http://127.0.0.1:9/token";
    let wrong = |protocol, mechanism| kafka.sasl(protocol, mechanism, WRONG);
    let cases = [
        ("SASL_SSL", wrong("SASL_SSL", "SCRAM-SHA-512"), 3, "invalid credentials"),
        ("SASL_PLAINTEXT", wrong("SASL_PLAINTEXT", "PLAIN"), 3, "Invalid username or password"),
        ("SSL", kafka.tls("other-ca.pem"), 3, "certificate verify failed"),
        ("MTLS", kafka.tls("ca.pem"), 3, "alert bad certificate"),
        ("MTLS", foreign, 3, "alert bad certificate"),
        ("MTLS", locked, 2, "ssl.key.location"),
        ("SASL_SSL", kafka.oauth(json!({})), 2, "OAUTHBEARER"),
        ("SASL_SSL", kafka.oauth(bad_config), 3, "Unrecognized sasl.oauthbearer.config"),
        ("SASL_SSL", kafka.oauth(incomplete), 2, "sasl.oauthbearer.client.secret"),
        ("SASL_SSL", kafka.oauth(oidc(&endpoint, WRONG)), 3, "HTTP 401 invalid_client"),
        ("SASL_SSL", kafka.oauth(oidc(nobody, WRONG)), 3, "does not answer"),
        ("PLAINTEXT", json!({"no.such.property": WRONG}), 2, "no.such.property"),
        ("PLAINTEXT", json!({"security.protocol": WRONG}), 2, "security.protocol"),
    ];
    for (name, properties, code, reason) in cases {
        println!("{name} {reason}");
        world.use_kafka(&listener(name), &properties);
        for (stage, args) in [("extractor", ["run", "--once"]), ("loader", ["run", "--until-end"])]
        {
            let ended = stage::run(stage, &world.config, &args).await.with_code(code);
            let said = &ended.stderr;
            assert!(said.contains(reason) && said.contains("kafka.properties"), "{said}");
            assert!(!said.contains(WRONG) && !ended.stdout.contains(WRONG), "a secret: {said}");
            assert!(!said.contains("panicked"), "{said}");
            let errors =
                said.lines().filter(|line| line.contains("ERROR") || line.starts_with("error"));
            assert_eq!(errors.count(), 1, "one error: {said}");
        }
    }
    assert_eq!(world.entities("dashboards").len(), 0, "nothing was loaded");
}

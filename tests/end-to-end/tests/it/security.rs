//! Kafka over TLS and SASL: what gets in, and what an operator is told who does not. Needs a real
//! broker with these listeners, because the mock cluster has neither.

use std::env;

use end_to_end::stage;
use serde_json::{Value, json};

use crate::world::World;

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
    let oidc = json!({
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": "a",
        "sasl.oauthbearer.client.secret": WRONG,
    });
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
        ("SASL_SSL", kafka.oauth(oidc), 2, "not supported in this build"),
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

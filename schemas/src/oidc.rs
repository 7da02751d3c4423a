//! Tokens of an OpenID Connect provider, for brokers that want SASL OAUTHBEARER: an OAuth client's id
//! and secret are exchanged for a token at the provider's token endpoint (client credentials).
//!
//! librdkafka does the same when it is built with libcurl, with these very properties. Here it is not:
//! its clients ask the stages for tokens.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::blocking::Client;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use url::Url;

/// Time limit of one request: librdkafka waits for the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A token that does not say how long it is good for is used that long.
const UNKNOWN_LIFETIME: Duration = Duration::from_secs(300);
/// A token is shared by all clients of a process while it is good for so long.
const WORTHWHILE: Duration = Duration::from_secs(30);
/// Most of a refusal that is told.
const MAX_REASON: usize = 200;

/// How tokens are had. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Token endpoint.
    pub url: Url,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretString,
    /// Scope, where the provider wants one.
    pub scope: Option<String>,
    /// Certificate authorities (PEM) to trust besides the machine's.
    pub ca_pem: Option<String>,
}

/// A token.
#[derive(Clone, Debug)]
pub struct Token {
    /// What the broker is shown.
    pub value: SecretString,
    /// When it ends, milliseconds since the epoch.
    pub expires_at: i64,
}

/// Why there is no token. Texts hold no secrets.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The client could not be made.
    #[error("failed to set up the client of the token endpoint; check `https.ca.location`")]
    Setup(#[source] reqwest::Error),
    /// No answer.
    #[error("the token endpoint {url} does not answer ({reason})")]
    Unreachable {
        /// Token endpoint.
        url: String,
        /// Causes, outermost first.
        reason: String,
    },
    /// An answer that says no.
    #[error("the token endpoint {url} refuses: HTTP {status} {reason}")]
    Refused {
        /// Token endpoint.
        url: String,
        /// HTTP status.
        status: u16,
        /// `error` and `error_description` of the answer, or its beginning.
        reason: String,
    },
    /// An answer without a token.
    #[error("the answer of the token endpoint {url} holds no `access_token`; is the URL right?")]
    NoToken {
        /// Token endpoint.
        url: String,
    },
    /// The thread that asks panicked.
    #[error("asking the token endpoint failed unexpectedly")]
    Panicked,
}

/// A source of tokens; cheap to clone. Clones share the newest token.
#[derive(Clone, Debug)]
pub struct Tokens {
    connection: Connection,
    newest: Arc<Mutex<Option<Token>>>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<f64>,
}

/// A number, which some write as a text (Entra ID's older endpoint).
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    })
}

#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: String,
    error_description: String,
}

impl Tokens {
    /// Nothing is contacted yet.
    #[must_use]
    pub fn new(connection: Connection) -> Self {
        Self { connection, newest: Arc::default() }
    }

    /// Who signs in.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.connection.client_id
    }

    /// A token: the newest while it is good for half a minute, else a new one. Blocks for 10 s at most.
    ///
    /// # Errors
    /// When the endpoint gives none.
    pub fn token(&self) -> Result<Token, TokenError> {
        // Held while asking: several clients start at the same time, and one token is enough.
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let usable = now() + millis(WORTHWHILE);
        if let Some(token) = newest.as_ref().filter(|token| token.expires_at > usable) {
            return Ok(token.clone());
        }
        // A blocking client must not be made on a thread of an async runtime, as the caller's may be.
        let token = std::thread::scope(|scope| {
            scope.spawn(|| self.ask()).join().unwrap_or(Err(TokenError::Panicked))
        })?;
        Ok(newest.insert(token).clone())
    }

    fn ask(&self) -> Result<Token, TokenError> {
        let Connection { url, client_id, client_secret, scope, ca_pem } = &self.connection;
        let mut client = Client::builder().timeout(TIMEOUT);
        if let Some(pem) = ca_pem {
            let bundle = reqwest::Certificate::from_pem_bundle(pem.as_bytes());
            for certificate in bundle.map_err(TokenError::Setup)? {
                client = client.add_root_certificate(certificate);
            }
        }
        let client = client.build().map_err(TokenError::Setup)?;
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = scope {
            form.append_pair("scope", scope);
        }
        let request = client
            .post(url.clone())
            .basic_auth(client_id, Some(client_secret.expose_secret()))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(form.finish());
        let named = url.to_string();
        let unreachable = |error: reqwest::Error| TokenError::Unreachable {
            url: named.clone(),
            reason: causes(&error.without_url()),
        };
        let response = request.send().map_err(unreachable)?;
        let status = response.status();
        let body = response.text().map_err(unreachable)?;
        if !status.is_success() {
            return Err(TokenError::Refused {
                url: named.clone(),
                status: status.as_u16(),
                reason: refusal(&body),
            });
        }
        let answer: Answer =
            serde_json::from_str(&body).map_err(|_| TokenError::NoToken { url: named.clone() })?;
        let expires_at = expiry(&answer, now());
        Ok(Token { value: answer.access_token.into(), expires_at })
    }
}

/// When a token ends: as the endpoint says, or as the token itself says where it is a JSON web token.
#[expect(clippy::cast_possible_truncation, reason = "a time beyond i64 saturates")]
fn expiry(answer: &Answer, now: i64) -> i64 {
    if let Some(seconds) = answer.expires_in.filter(|seconds| *seconds > 0.0) {
        return now.saturating_add((seconds * 1000.0) as i64);
    }
    let claims = answer.access_token.split('.').nth(1);
    let claims = claims.and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok());
    let claims = claims.and_then(|bytes| serde_json::from_slice::<Claims>(&bytes).ok());
    match claims.and_then(|claims| claims.exp) {
        Some(seconds) => (seconds * 1000.0) as i64,
        None => now.saturating_add(millis(UNKNOWN_LIFETIME)),
    }
}

/// What a refusal says (RFC 6749, 5.2).
fn refusal(body: &str) -> String {
    let told = match serde_json::from_str::<Refusal>(body) {
        Ok(Refusal { error, error_description }) if !error.is_empty() => {
            format!("{error} {error_description}")
        }
        _ => body.to_owned(),
    };
    told.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_REASON).collect()
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn now() -> i64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_token() {
        let check = |json: &str, expected: i64| {
            let answer: Answer = serde_json::from_str(json).expect("an answer");
            assert_eq!(expiry(&answer, 1_000_000), expected, "{json}");
        };
        check(r#"{"access_token": "opaque", "expires_in": 60}"#, 1_060_000);
        check(r#"{"access_token": "opaque", "expires_in": "60"}"#, 1_060_000);
        check(r#"{"access_token": "opaque", "expires_in": "soon"}"#, 1_300_000);
        check(r#"{"access_token": "opaque"}"#, 1_300_000);
        // {"alg":"none"}.{"exp":2000}
        check(r#"{"access_token": "eyJhbGciOiJub25lIn0.eyJleHAiOjIwMDB9."}"#, 2_000_000);
        check(r#"{"access_token": "a.b.c"}"#, 1_300_000);
        check(r#"{"access_token": "x", "expires_in": 1e300}"#, i64::MAX);
    }

    #[test]
    fn what_a_refusal_says() {
        let check = |body: &str, expected: &str| assert_eq!(refusal(body), expected);
        check(
            r#"{"error": "invalid_client", "error_description": "Bad credentials"}"#,
            "invalid_client Bad credentials",
        );
        check("<html>\n  No </html>", "<html> No </html>");
        check(&"x".repeat(500), &"x".repeat(MAX_REASON));
    }
}

//! A client for Confluent-compatible schema registries.
//!
//! The URL may have a path (Apicurio serves the API below `/apis/ccompat/v7`), which is kept.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, StatusCode, header::CONTENT_TYPE};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// How to reach a registry.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Base URL, with its path.
    pub url: Url,
    /// User and password (HTTP basic).
    pub basic: Option<(String, SecretString)>,
    /// Bearer token.
    pub bearer: Option<SecretString>,
    /// Certificate authorities (PEM) to trust besides the machine's.
    pub ca_pem: Option<String>,
    /// Certificate and key (PEM) for mutual TLS.
    pub client_pem: Option<SecretString>,
    /// Time limit of one request.
    pub timeout: Duration,
}

/// Why a request failed. Texts never hold credentials.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The client could not be made: bad certificates.
    #[error("failed to set up the schema registry client for {url}; check `kafka.schemaRegistry`")]
    Setup {
        /// Base URL.
        url: String,
        /// Cause.
        #[source]
        source: reqwest::Error,
    },
    /// No answer.
    #[error(
        "failed to {action} at the schema registry {url}; is it running, and is `kafka.schemaRegistry.url` right?"
    )]
    Unreachable {
        /// What was attempted.
        action: String,
        /// Base URL.
        url: String,
        /// Cause.
        #[source]
        source: reqwest::Error,
    },
    /// An answer that says no.
    #[error("the schema registry {url} refused to {action}: HTTP {status} {message}")]
    Refused {
        /// What was attempted.
        action: String,
        /// Base URL.
        url: String,
        /// HTTP status.
        status: u16,
        /// The registry's own words.
        message: String,
    },
    /// An answer that is not the registry's.
    #[error(
        "the answer of {url} to {action} is not a schema registry's; is the path of `kafka.schemaRegistry.url` complete (Apicurio: `/apis/ccompat/v7`)?"
    )]
    NotARegistry {
        /// What was attempted.
        action: String,
        /// Base URL.
        url: String,
    },
}

impl RegistryError {
    /// Whether waiting may help: no answer, or a server's temporary trouble.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => matches!(status, 408 | 425 | 429 | 500 | 502..=504),
            Self::Setup { .. } | Self::NotARegistry { .. } => false,
        }
    }
}

/// Client of one registry; cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry {
    client: Client,
    connection: Connection,
}

#[derive(Deserialize)]
struct Id {
    id: u32,
}

#[derive(Deserialize)]
struct SchemaText {
    schema: String,
}

#[derive(Deserialize)]
struct IsCompatible {
    is_compatible: bool,
}

impl Registry {
    /// A client; nothing is contacted yet.
    ///
    /// # Errors
    /// When certificates cannot be read.
    pub fn new(connection: Connection) -> Result<Self, RegistryError> {
        let fail = |source| RegistryError::Setup { url: connection.url.to_string(), source };
        let mut builder = Client::builder().timeout(connection.timeout);
        if let Some(pem) = &connection.ca_pem {
            for certificate in
                reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(fail)?
            {
                builder = builder.add_root_certificate(certificate);
            }
        }
        if let Some(pem) = &connection.client_pem {
            let identity =
                reqwest::Identity::from_pem(pem.expose_secret().as_bytes()).map_err(fail)?;
            builder = builder.identity(identity);
        }
        Ok(Self { client: builder.build().map_err(fail)?, connection })
    }

    /// Registers a schema under a subject and returns its id. Registering the same schema again
    /// gives the same id.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses, as for an incompatible schema (409).
    pub async fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        let action = format!("register a schema for `{subject}`");
        let path = ["subjects", subject, "versions"];
        let request = self.request(Method::POST, &path).json(&json!({"schema": schema}));
        Ok(self.send::<Id>(request, &action).await?.id)
    }

    /// Text of the schema with this id.
    ///
    /// # Errors
    /// When the registry cannot be reached or does not know the id (404).
    pub async fn schema(&self, id: u32) -> Result<String, RegistryError> {
        let action = format!("read the schema {id}");
        let request = self.request(Method::GET, &["schemas", "ids", &id.to_string()]);
        Ok(self.send::<SchemaText>(request, &action).await?.schema)
    }

    /// Sets the compatibility level of a subject; allowed before its first version.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses.
    pub async fn set_compatibility(&self, subject: &str, level: &str) -> Result<(), RegistryError> {
        let action = format!("set the compatibility of `{subject}` to {level}");
        let request =
            self.request(Method::PUT, &["config", subject]).json(&json!({"compatibility": level}));
        self.send::<Value>(request, &action).await.map(drop)
    }

    /// Whether a schema is compatible with all versions of a subject; `None` when the subject has
    /// none yet.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses.
    pub async fn is_compatible(
        &self,
        subject: &str,
        schema: &str,
    ) -> Result<Option<bool>, RegistryError> {
        let action = format!("check a schema against `{subject}`");
        // All versions: `versions/latest` looks at one only, even under a transitive level.
        let path = ["compatibility", "subjects", subject, "versions"];
        let request = self.request(Method::POST, &path).json(&json!({"schema": schema}));
        match self.send::<IsCompatible>(request, &action).await {
            Ok(answer) => Ok(Some(answer.is_compatible)),
            Err(RegistryError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.connection.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let mut request = self
            .client
            .request(method, url)
            .header(CONTENT_TYPE, MEDIA_TYPE)
            .header(reqwest::header::ACCEPT, MEDIA_TYPE);
        if let Some((user, password)) = &self.connection.basic {
            request = request.basic_auth(user, Some(password.expose_secret()));
        }
        if let Some(token) = &self.connection.bearer {
            request = request.bearer_auth(token.expose_secret());
        }
        request
    }

    async fn send<T: for<'de> Deserialize<'de>>(
        &self,
        request: RequestBuilder,
        action: &str,
    ) -> Result<T, RegistryError> {
        let url = || self.connection.url.to_string();
        let unreachable = |source: reqwest::Error| RegistryError::Unreachable {
            action: action.to_owned(),
            url: url(),
            source: source.without_url(),
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|_| RegistryError::NotARegistry {
                action: action.to_owned(),
                url: url(),
            });
        }
        Err(RegistryError::Refused {
            action: action.to_owned(),
            url: url(),
            status: status.as_u16(),
            message: refusal(status, &body),
        })
    }
}

/// The registry's `message`, else what the status means.
fn refusal(status: StatusCode, body: &[u8]) -> String {
    let message = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|body| body.get("message")?.as_str().map(str::to_owned));
    let advice = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            " (check the credentials in `kafka.schemaRegistry`)"
        }
        _ => "",
    };
    let reason = || status.canonical_reason().unwrap_or_default().to_owned();
    message.unwrap_or_else(reason) + advice
}

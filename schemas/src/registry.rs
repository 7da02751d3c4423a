//! A client for Confluent-compatible schema registries.
//!
//! The URL may have a path (Apicurio serves the API below `/apis/ccompat/v7`), which is kept.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, StatusCode, header::CONTENT_TYPE};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::{
    Topic,
    codec::{self, Schema},
};

/// What HTTP calls 404. A registry says in words of its own what it does not know; this is a wrong path.
const NO_PAGE: &str = "Not Found";
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// Compatibility of our subjects: every version ever registered can be read with the newest.
const COMPATIBILITY: &str = "BACKWARD_TRANSITIVE";

/// How the subject of a topic's values is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SubjectNaming {
    /// `<topic>-value` (Confluent's `TopicNameStrategy`).
    #[default]
    Topic,
    /// The record's full name, `qlik.metadata.Dashboard` (`RecordNameStrategy`).
    Record,
    /// `<topic>-<record's full name>` (`TopicRecordNameStrategy`).
    TopicRecord,
}

impl SubjectNaming {
    /// Subject of the values of the topic with this full name; `None` for topics without events.
    #[must_use]
    pub fn subject(self, kind: Topic, topic: &str) -> Option<String> {
        let record = || match codec::current(kind)? {
            Schema::Record(record) => Some(record.name.to_string()),
            _ => None,
        };
        match self {
            Self::Topic => codec::current(kind).map(|_| format!("{topic}-value")),
            Self::Record => record(),
            Self::TopicRecord => record().map(|record| format!("{topic}-{record}")),
        }
    }
}

/// How to reach a registry.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Subjects of our topics.
    pub naming: SubjectNaming,
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
    /// The registered versions and ours do not fit together.
    #[error(
        "the schema of this version is not compatible with those that the schema registry {url} has for `{subject}`{messages}; is the subject another product's, or was it written by a newer extractor?"
    )]
    Incompatible {
        /// Base URL.
        url: String,
        /// Subject.
        subject: String,
        /// The registry's own words, with a colon in front; empty when it has none.
        messages: String,
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
            Self::Setup { .. } | Self::Incompatible { .. } | Self::NotARegistry { .. } => false,
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
    #[serde(default)]
    messages: Vec<String>,
}

/// How a schema came to have its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Id in the registry.
    pub id: u32,
    /// Whether it is new.
    pub is_new: bool,
    /// The registry did not allow to set the subject's compatibility, in its own words: whoever may
    /// should set it to `BACKWARD_TRANSITIVE`.
    pub level_refused: Option<String>,
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

    /// Subject of the values of a topic; `None` for topics without events.
    #[must_use]
    pub fn subject(&self, kind: Topic, topic: &str) -> Option<String> {
        self.connection.naming.subject(kind, topic)
    }

    /// The id of a schema under a subject. One that is registered needs the right to read only; a new
    /// one is checked against every registered version, and registered when it fits them.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses, and [`RegistryError::Incompatible`].
    pub async fn ensure(&self, subject: &str, schema: &str) -> Result<Registered, RegistryError> {
        if let Some(id) = self.lookup(subject, schema).await? {
            return Ok(Registered { id, is_new: false, level_refused: None });
        }
        let level_refused = match self.set_compatibility(subject, COMPATIBILITY).await {
            Ok(()) => None,
            // Many may register a schema without the right to change levels.
            Err(RegistryError::Refused { status: 403, message, .. }) => Some(message),
            Err(error) => return Err(error),
        };
        if let Some(answer) = self.compatibility(subject, schema).await?
            && !answer.is_compatible
        {
            let messages = answer.messages.join("; ");
            let messages = if messages.is_empty() { messages } else { format!(": {messages}") };
            let (url, subject) = (self.connection.url.to_string(), subject.to_owned());
            return Err(RegistryError::Incompatible { url, subject, messages });
        }
        let id = self.register(subject, schema).await?;
        Ok(Registered { id, is_new: true, level_refused })
    }

    /// The id of a schema under a subject; `None` when it is not registered there.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses.
    pub async fn lookup(&self, subject: &str, schema: &str) -> Result<Option<u32>, RegistryError> {
        let action = format!("look up a schema of `{subject}`");
        let path = ["subjects", subject];
        let request = self.request(Method::POST, &path).json(&json!({"schema": schema}));
        match self.send::<Id>(request, &action).await {
            Ok(found) => Ok(Some(found.id)),
            Err(RegistryError::Refused { status: 404, message, .. })
                if !message.ends_with(NO_PAGE) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
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
        let answer = self.compatibility(subject, schema).await?;
        Ok(answer.map(|answer| answer.is_compatible))
    }

    async fn compatibility(
        &self,
        subject: &str,
        schema: &str,
    ) -> Result<Option<IsCompatible>, RegistryError> {
        let action = format!("check a schema against `{subject}`");
        // All versions: `versions/latest` looks at one only, even under a transitive level.
        let path = ["compatibility", "subjects", subject, "versions"];
        let request = self.request(Method::POST, &path).query(&[("verbose", "true")]);
        match self.send::<IsCompatible>(request.json(&json!({"schema": schema})), &action).await {
            Ok(answer) => Ok(Some(answer)),
            Err(RegistryError::Refused { status: 404, message, .. })
                if !message.ends_with(NO_PAGE) =>
            {
                Ok(None)
            }
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

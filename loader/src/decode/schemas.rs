//! Schemas of the registry by id: asked once each, however many records need them.

use std::{collections::HashMap, time::Duration};

use ::schemas::registry::{Registry, RegistryError};
use apache_avro::Schema;
use tracing::warn;

use crate::{error_text, sink::Fatal};

/// Ids kept at most. A topic has one per version of its schema; anything else is garbage that happens
/// to start with a zero byte, and is forgotten all at once.
const MAX_KEPT: usize = 1000;
/// First and longest wait between two attempts to reach the registry.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// What is known of an id.
#[derive(Clone, Debug, PartialEq)]
pub enum Known {
    /// The schema.
    Schema(Schema),
    /// There is none, or none that could be used, for this reason.
    Missing(String),
}

/// What is known so far.
#[derive(Debug, Default)]
pub struct Schemas {
    known: HashMap<u32, Known>,
}

impl Schemas {
    /// What is known of an id.
    #[must_use]
    pub fn get(&self, id: u32) -> Option<&Known> {
        self.known.get(&id)
    }

    /// Keeps an answer.
    pub fn learn(&mut self, id: u32, known: Known) {
        if self.known.len() >= MAX_KEPT {
            self.known.clear();
        }
        self.known.insert(id, known);
    }

    /// Whether a schema was ever read: then the registry is the right one.
    #[must_use]
    pub fn has_any(&self) -> bool {
        self.known.values().any(|known| matches!(known, Known::Schema(_)))
    }
}

/// Asks the registry for a schema, as long as it takes. `trusted` says that it answered before.
///
/// # Errors
/// [`Fatal`] when asking again is pointless: credentials refused, or no registry at that URL.
pub async fn fetch(registry: &Registry, id: u32, trusted: bool) -> Result<Known, Fatal> {
    let mut wait = RETRY.0;
    loop {
        let error = match registry.schema(id).await {
            Ok(text) => return Ok(parsed(id, &text)),
            Err(error) => error,
        };
        match &error {
            // A page not found says so in HTTP's words, a registry in its own.
            RegistryError::Refused { status: 404, message, .. }
                if trusted || message != "Not Found" =>
            {
                return Ok(Known::Missing(format!(
                    "the value was written with the schema {id}, which the schema registry does not know: {message}"
                )));
            }
            error if error.is_transient() => {
                warn!(
                    error = error_text(error),
                    schema = id,
                    retry_in_seconds = wait.as_secs(),
                    "waiting for the schema registry"
                );
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY.1);
            }
            error => {
                return Err(Fatal {
                    message: format!(
                        "{}; check `kafka.schemaRegistry` (with Apicurio, the URL ends with `/apis/ccompat/v7`)",
                        error_text(error)
                    ),
                    exit_code: 3,
                });
            }
        }
    }
}

fn parsed(id: u32, text: &str) -> Known {
    match Schema::parse_str(text) {
        Ok(schema) => Known::Schema(schema),
        Err(error) => Known::Missing(format!(
            "the value was written with the schema {id}, which is no Avro schema: {}",
            error_text(&error)
        )),
    }
}

//! Published values → events, with the schema that wrote each: an older extractor may have written it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use schemas::{
    Event, Topic,
    codec::{self, DecodeError, Frame, Schema, WriterId},
    config::Kafka,
    registry::{Registry, RegistryError},
};
use tracing::warn;

use crate::error_chain;

/// Schemas kept at most. A topic has one per version; more are not ours, and are forgotten at once.
const MAX_KEPT: usize = 1000;

/// Reads published values; asks the registry for each schema once.
pub struct Decoder {
    registry: Option<Registry>,
    known: Mutex<HashMap<u32, Arc<Schema>>>,
}

/// Why a value cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no event.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It is not framed.
    #[error("the value has neither of the two encodings")]
    Frame,
    /// Its schema cannot be had.
    #[error("the schema {id} that wrote the value could not be read")]
    Registry {
        /// Id in the registry.
        id: u32,
        /// Cause.
        #[source]
        source: RegistryError,
    },
    /// What the registry has under the id is no schema.
    #[error("the schema {id} of the schema registry is no Avro schema")]
    NoSchema {
        /// Id in the registry.
        id: u32,
    },
}

impl Decoder {
    /// A decoder; nothing is contacted yet.
    ///
    /// # Errors
    /// The registry's settings cannot be used.
    pub fn new(kafka: &Kafka) -> Result<Self, RegistryError> {
        let registry = kafka.registry.clone().map(Registry::new).transpose()?;
        Ok(Self { registry, known: Mutex::default() })
    }

    /// Reads a value of a topic. Without a registry a value of one is read with the newest schema.
    ///
    /// # Errors
    /// The value is no event of this topic, or its schema cannot be had.
    pub async fn decode(&self, topic: Topic, value: &[u8]) -> Result<Event, ReadError> {
        let frame = Frame::parse(value).map_err(|_| ReadError::Frame)?;
        let schema = match (frame.writer, &self.registry) {
            (WriterId::Registry(id), Some(registry)) => Some(self.schema(registry, id).await?),
            _ => None,
        };
        Ok(codec::decode(topic, &frame, schema.as_deref())?)
    }

    /// A schema of the registry; `None` when there is no registry, or it does not give it, which is
    /// logged.
    pub(crate) async fn registered(&self, id: u32) -> Option<Arc<Schema>> {
        let schema = self.schema(self.registry.as_ref()?, id).await;
        schema
            .inspect_err(|error| warn!(error = error_chain(error), "values are read as the newest"))
            .ok()
    }

    async fn schema(&self, registry: &Registry, id: u32) -> Result<Arc<Schema>, ReadError> {
        if let Some(known) = self.known().get(&id) {
            return Ok(known.clone());
        }
        let text = registry.schema(id).await;
        let text = text.map_err(|source| ReadError::Registry { id, source })?;
        let schema = Schema::parse_str(&text).map_err(|_| ReadError::NoSchema { id })?;
        let schema = Arc::new(schema);
        let mut known = self.known();
        if known.len() >= MAX_KEPT {
            known.clear();
        }
        known.insert(id, schema.clone());
        Ok(schema)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Arc<Schema>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use apache_avro::writer::datum::GenericDatumWriter;
    use axum::{Json, Router, extract::Path, http::StatusCode, routing::get};
    use schemas::{config::Document, event::Dashboard};
    use serde_json::{Value, json};

    use super::*;

    /// The newest schema with its fields in another order, as another version may have it.
    fn other_schema() -> Value {
        let text = codec::current_text(Topic::Dashboards).expect("dashboards have a schema");
        let mut schema: Value = serde_json::from_str(text).expect("JSON");
        let fields = schema["fields"].as_array_mut().expect("a record");
        let first = fields.remove(0);
        fields.push(first);
        schema
    }

    async fn registry(asked: Arc<AtomicUsize>) -> Kafka {
        let answer = move |Path(id): Path<u32>| {
            let asked = asked.clone();
            async move {
                asked.fetch_add(1, Ordering::SeqCst);
                match id {
                    7 => Ok(Json(json!({"schema": other_schema().to_string()}))),
                    8 => Ok(Json(json!({"schema": "nonsense"}))),
                    _ => Err((StatusCode::NOT_FOUND, "{\"message\": \"not found\"}")),
                }
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().route("/schemas/ids/{id}", get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let text = format!("kafka: {{bootstrapServers: 'b:1', schemaRegistry: {{url: '{url}'}}}}");
        let mut problems = schemas::config::Problems::default();
        let document = Document::parse(&text, &[]).expect("YAML");
        let raw: schemas::config::RawKafka = document.read("kafka", &mut problems);
        raw.validate(&mut problems)
    }

    fn framed(id: u32, dashboard: &Dashboard) -> Vec<u8> {
        let schema = Schema::parse_str(&other_schema().to_string()).expect("a schema");
        let writer = GenericDatumWriter::builder(&schema).build().expect("a writer");
        let datum = writer.write_ser_to_vec(dashboard).expect("a datum");
        [[0].as_slice(), &id.to_be_bytes(), &datum].concat()
    }

    #[tokio::test]
    async fn a_value_is_read_with_the_schema_that_wrote_it_asked_for_once() {
        let asked = Arc::new(AtomicUsize::new(0));
        let decoder = Decoder::new(&registry(asked.clone()).await).expect("a decoder");
        let dashboard = Dashboard {
            service: "qlik".to_owned(),
            app_id: "a".to_owned(),
            title: "Sales".to_owned(),
            tags: vec!["x".to_owned()],
            ..Dashboard::default()
        };
        let value = framed(7, &dashboard);
        for _ in 0..2 {
            match decoder.decode(Topic::Dashboards, &value).await.expect("an event") {
                Event::Dashboard(read) => assert_eq!(*read, dashboard),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);

        let read = async |id| decoder.decode(Topic::Dashboards, &framed(id, &dashboard)).await;
        assert!(matches!(read(8).await, Err(ReadError::NoSchema { id: 8 })));
        assert!(matches!(read(9).await, Err(ReadError::Registry { id: 9, .. })));
        assert!(matches!(decoder.decode(Topic::Dashboards, b"x").await, Err(ReadError::Frame)));
        // What a registry wrote is not read with a guess: here it is no dashboard at all.
        let blind = Decoder { registry: None, known: Mutex::default() };
        let guessed = blind.decode(Topic::Dashboards, &value).await;
        assert!(!matches!(guessed, Ok(Event::Dashboard(read)) if *read == dashboard));
    }

    #[tokio::test]
    async fn single_object_encoding_needs_no_registry() {
        let decoder = Decoder { registry: None, known: Mutex::default() };
        let dashboard = Dashboard { title: "Sales".to_owned(), ..Dashboard::default() };
        let event = Event::Dashboard(Box::new(dashboard));
        let writer = codec::single_object_writer(Topic::Dashboards);
        let value = codec::encode(&event, writer).expect("encoded");
        assert_eq!(decoder.decode(Topic::Dashboards, &value).await.expect("an event"), event);
    }
}

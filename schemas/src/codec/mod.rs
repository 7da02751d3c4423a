//! Avro encoding and decoding of events, in either framing.
//!
//! Values are written with the current schema and read with the schema that wrote them, resolved to
//! the current one: every version that was ever published can be read.

mod framing;
mod schema;

pub use apache_avro::Schema;
use apache_avro::{
    from_value, reader::datum::GenericDatumReader, types::Value, writer::datum::GenericDatumWriter,
};

pub use self::{
    framing::{Frame, FrameError, WriterId},
    schema::{PublishedSchema, current, current_text, published, published_by_fingerprint},
};
use crate::{Event, Topic, event};

/// Why a value could not be encoded. A defect of ours, never of the input.
#[derive(Debug, thiserror::Error)]
#[error("failed to encode a {topic} event with its Avro schema")]
pub struct EncodeError {
    /// Topic of the event.
    pub topic: Topic,
    /// What the Avro library says.
    #[source]
    pub source: apache_avro::Error,
}

/// Why bytes are not an event.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The first bytes are neither framing.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Single-object encoding with a fingerprint that no published schema has.
    #[error(
        "no published schema of the topic `{topic}` has the fingerprint {fingerprint:016x}; was it written by a newer extractor?"
    )]
    UnknownFingerprint {
        /// Topic the record was read from.
        topic: Topic,
        /// Fingerprint of the writer's schema.
        fingerprint: u64,
    },
    /// Topics that hold no events of ours.
    #[error("the topic `{0}` holds no events")]
    NotAnEventTopic(Topic),
    /// The payload does not fit the writer's schema, or that schema is incompatible with ours.
    #[error("the value does not fit the Avro schema of the topic `{topic}`")]
    Avro {
        /// Topic the record was read from.
        topic: Topic,
        /// What the Avro library says.
        #[source]
        source: Box<apache_avro::Error>,
    },
}

/// Writes events; `writer` says which framing.
///
/// # Errors
/// [`EncodeError`] when the event does not fit its schema.
pub fn encode(event: &Event, writer: WriterId) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = framing::header(writer);
    bytes.append(&mut datum(event)?);
    Ok(bytes)
}

/// How events of `topic` are framed without a schema registry.
///
/// # Panics
/// Never: topics without events get the fingerprint 0.
#[must_use]
pub fn single_object_writer(topic: Topic) -> WriterId {
    WriterId::Fingerprint(current(topic).map_or(0, schema::fingerprint))
}

/// Reads an event in single-object encoding, or in Confluent's wire format when `registered` is
/// the schema that the registry gives for the frame's id.
///
/// # Errors
/// [`DecodeError`] when the bytes are no event of this topic.
pub fn decode(
    topic: Topic,
    frame: &Frame<'_>,
    registered: Option<&Schema>,
) -> Result<Event, DecodeError> {
    let reader = current(topic).ok_or(DecodeError::NotAnEventTopic(topic))?;
    let writer = match (frame.writer, registered) {
        (_, Some(schema)) => schema,
        (WriterId::Fingerprint(fingerprint), None) => published_by_fingerprint(topic, fingerprint)
            .ok_or(DecodeError::UnknownFingerprint { topic, fingerprint })?,
        // An id without its schema can only be read as the newest version.
        (WriterId::Registry(_), None) => reader,
    };
    let avro = |source| DecodeError::Avro { topic, source: Box::new(source) };
    let value = value_of(frame.payload, writer, reader).map_err(avro)?;
    event_of(topic, &value).map_err(avro)
}

fn value_of(payload: &[u8], writer: &Schema, reader: &Schema) -> apache_avro::AvroResult<Value> {
    let mut payload = payload;
    GenericDatumReader::builder(writer)
        .maybe_reader_schema((writer != reader).then_some(reader))
        .build()?
        .read_value(&mut payload)
}

fn event_of(topic: Topic, value: &Value) -> apache_avro::AvroResult<Event> {
    Ok(match topic {
        Topic::Dashboards => Event::Dashboard(Box::new(from_value::<event::Dashboard>(value)?)),
        Topic::Charts => Event::Chart(Box::new(from_value::<event::Chart>(value)?)),
        Topic::DataModels => Event::DataModel(Box::new(from_value::<event::DataModel>(value)?)),
        Topic::Lineage => Event::Lineage(Box::new(from_value::<event::Lineage>(value)?)),
        Topic::Runs | Topic::DeadLetters => Event::Run(Box::new(from_value::<event::Run>(value)?)),
    })
}

/// The bare Avro datum of an event, without framing.
fn datum(event: &Event) -> Result<Vec<u8>, EncodeError> {
    let topic = event.topic();
    let fail = |source| EncodeError { topic, source };
    let Some(schema) = current(topic) else { return Ok(Vec::new()) };
    let writer = GenericDatumWriter::builder(schema).build().map_err(fail)?;
    match event {
        Event::Dashboard(e) => writer.write_ser_to_vec(e.as_ref()),
        Event::Chart(e) => writer.write_ser_to_vec(e.as_ref()),
        Event::DataModel(e) => writer.write_ser_to_vec(e.as_ref()),
        Event::Lineage(e) => writer.write_ser_to_vec(e.as_ref()),
        Event::Run(e) => writer.write_ser_to_vec(e.as_ref()),
    }
    .map_err(fail)
}

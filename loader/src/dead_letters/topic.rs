//! The topic of dead letters: created when missing, as the loader is the one who writes to it.

use std::time::Duration;

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    types::RDKafkaErrorCode,
};
use schemas::{Topic, config::Kafka};
use tracing::{info, warn};

use crate::{
    error_text,
    source::{
        Error,
        client::{ClientLog, with_defaults},
    },
};

/// Dead letters are kept this long.
const THIRTY_DAYS_MS: &str = "2592000000";
/// Time limit for the brokers to create it.
const LIMIT: Duration = Duration::from_secs(30);

/// Creates the topic. A failure is logged only: without dead letters everything else goes on, and
/// writing one will say what is wrong.
///
/// # Errors
/// When librdkafka refuses the properties.
pub async fn create(kafka: &Kafka) -> Result<(), Error> {
    let name = kafka.topics.name(Topic::DeadLetters);
    if kafka.tokens.is_some() {
        // rdkafka's admin client never asks for tokens (fede1024/rust-rdkafka#757).
        warn!(
            topic = name,
            "could not create the topic of dead letters: a client that signs in with tokens of a provider cannot; create it, or events that are given up will stop the loader"
        );
        return Ok(());
    }
    let admin: AdminClient<ClientLog> = with_defaults(kafka, &[])
        .create_with_context(ClientLog::new(kafka))
        .map_err(Error::client)?;
    let partitions = i32::try_from(kafka.partitions).unwrap_or(i32::MAX);
    let topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(kafka.replication_factor))
        .set("cleanup.policy", "delete")
        .set("retention.ms", THIRTY_DAYS_MS);
    let options = AdminOptions::new().operation_timeout(Some(LIMIT)).request_timeout(Some(LIMIT));
    match admin.create_topics([&topic], &options).await.map(|mut results| results.pop()) {
        Ok(Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists)))) => {}
        Ok(Some(Err((topic, code)))) => {
            warn!(topic, reason = %code, "could not create the topic of dead letters; create it, or events that are given up will stop the loader");
        }
        Ok(_) => info!(topic = name, partitions, "created the topic of dead letters"),
        Err(error) => {
            warn!(
                topic = name,
                error = error_text(&error),
                "could not create the topic of dead letters; create it, or events that are given up will stop the loader"
            );
        }
    }
    Ok(())
}

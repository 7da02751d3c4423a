//! Registry, brokers, topics.

use std::time::Instant;

use schemas::{Topic, codec, config::Kafka, registry::Registry};

use super::steps::{Step, Steps};
use crate::{error_chain, kafka};

/// The steps that Kafka is for.
pub(super) async fn steps(steps: &mut Steps, kafka: &Kafka) {
    if let Some(connection) = &kafka.registry {
        let started = Instant::now();
        let result = match Registry::new(connection.clone()) {
            Ok(registry) => compatible(&registry, kafka).await,
            Err(error) => Err(error_chain(&error)),
        };
        steps.done(Step::Registry, started, result);
    }
    let started = Instant::now();
    let partitions = match kafka::look(kafka).await {
        Ok(partitions) => partitions,
        Err(error) => {
            steps.done(Step::Brokers, started, Err(error_chain(&error)));
            return;
        }
    };
    steps.done(Step::Brokers, started, Ok(format!("`{}` answer", kafka.bootstrap_servers)));
    let started = Instant::now();
    let missing: Vec<_> = Topic::ALL
        .iter()
        .filter(|topic| !partitions.contains_key(topic))
        .map(|topic| kafka.topics.name(*topic))
        .collect();
    let found = match (missing.is_empty(), kafka.create_topics) {
        (true, _) => Ok("every topic is there".to_owned()),
        (false, true) => Ok(format!("the first run creates {}", missing.join(", "))),
        (false, false) => {
            Err(format!("missing, and `kafka.createTopics` is false: {}", missing.join(", ")))
        }
    };
    steps.done(Step::Topics, started, found);
    for warning in kafka::warnings(kafka, &partitions).await {
        steps.note(Step::Topics, started, &warning);
    }
}

async fn compatible(registry: &Registry, kafka: &Kafka) -> Result<String, String> {
    let mut registered = 0;
    for topic in Topic::ALL {
        let Some(schema) = codec::current_text(topic) else { continue };
        let Some(subject) = registry.subject(topic, &kafka.topics.name(topic)) else { continue };
        match registry.is_compatible(&subject, schema).await.map_err(|error| error_chain(&error))? {
            Some(true) => registered += 1,
            Some(false) => {
                return Err(format!(
                    "the schema of `{subject}` is not compatible with the registered versions; is the registry another product's, or this extractor older than the last one?"
                ));
            }
            None => {}
        }
    }
    Ok(format!("{registered} subjects are registered and compatible"))
}

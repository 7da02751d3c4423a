//! Topics: created when missing, warned about when they cannot keep the promises.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    types::RDKafkaErrorCode,
};
use schemas::{Topic, config::Kafka};
use tracing::{info, warn};

use super::{
    Error, REQUEST_TIMEOUT,
    client::{self, client_config},
    drop_aside,
};

/// Tombstones stay this long: a loader that was away longer needs `loader reconcile`.
const THIRTY_DAYS_MS: &str = "2592000000";

/// Between two looks for new topics.
const PAUSE: Duration = Duration::from_millis(200);

/// Number of partitions of each topic.
pub type Partitions = HashMap<Topic, u32>;

/// Makes sure that every topic exists and returns the numbers of partitions. With
/// `kafka.createTopics: false` nothing is created and settings are not looked at.
///
/// # Errors
/// When the brokers cannot be reached, or a topic is missing and cannot be created.
pub async fn ensure(kafka: &Kafka) -> Result<Partitions, Error> {
    let mut found = partitions(kafka).await?;
    let missing: Vec<Topic> =
        Topic::ALL.into_iter().filter(|topic| !found.contains_key(topic)).collect();
    if !missing.is_empty() {
        if !kafka.create_topics {
            return Err(Error::MissingTopic {
                topic: kafka.topics.name(missing[0]),
                advice: "create it, or set `kafka.createTopics: true`".to_owned(),
            });
        }
        if kafka.tokens.is_some() {
            return Err(Error::MissingTopic {
                topic: kafka.topics.name(missing[0]),
                advice: "a client that signs in with tokens of a provider cannot create it; create all topics by hand (docs/configuration.md, \"Kafka with tokens\")".to_owned(),
            });
        }
        create(kafka, &missing).await?;
        found = settled(kafka).await?;
    }
    if let Some(topic) = Topic::ALL.into_iter().find(|topic| !found.contains_key(topic)) {
        return Err(Error::MissingTopic {
            topic: kafka.topics.name(topic),
            advice: "it was created but does not show up; check the brokers".to_owned(),
        });
    }
    for warning in warnings(kafka, &found).await {
        warn!("{warning}");
    }
    Ok(found)
}

/// What of existing topics is not as it should be, though nothing breaks at once: other numbers of
/// partitions (a loader replica then does not see an app whole, and waits for what another one loads),
/// no compaction. With `kafka.createTopics: false` settings are not looked at: that is for users without
/// the rights.
pub async fn warnings(kafka: &Kafka, found: &Partitions) -> Vec<String> {
    let mut warnings = Vec::new();
    let counts: Vec<(Topic, u32)> =
        Topic::STATE.iter().filter_map(|topic| Some((*topic, *found.get(topic)?))).collect();
    if counts.windows(2).any(|pair| matches!(pair, [one, other] if one.1 != other.1)) {
        let names: Vec<_> = counts
            .iter()
            .map(|(topic, count)| format!("`{}` ({count})", kafka.topics.name(*topic)))
            .collect();
        warnings.push(format!(
            "the topics {} have different numbers of partitions: several loaders are slower, because none sees an app whole; to mend it, delete them: the next run makes and fills them again",
            names.join(", ")
        ));
    }
    if kafka.create_topics && kafka.tokens.is_none() {
        warnings.extend(settings_warnings(kafka, found).await);
    }
    warnings
}

/// Numbers of partitions of those of our topics that exist; nothing is created.
///
/// # Errors
/// When the brokers cannot be reached.
pub async fn look(kafka: &Kafka) -> Result<Partitions, Error> {
    partitions(kafka).await
}

/// Partitions of our topics that exist. Lists all topics of the cluster: asking for one by name may
/// create it where brokers create topics automatically.
async fn partitions(kafka: &Kafka) -> Result<Partitions, Error> {
    let consumer = client::consumer(kafka, &[])?;
    let asked = kafka.clone();
    let listed = tokio::task::spawn_blocking(move || {
        let metadata = client::metadata(&asked, &consumer, None, REQUEST_TIMEOUT);
        drop_aside(consumer);
        metadata
    });
    let metadata = match listed.await {
        Ok(metadata) => metadata?,
        Err(_) => return Ok(Partitions::new()),
    };
    let ours = metadata.topics().iter().filter(|topic| !topic.partitions().is_empty());
    let ours = ours.filter_map(|topic| {
        let count = u32::try_from(topic.partitions().len()).ok()?;
        Some((kafka.topics.topic(topic.name())?, count))
    });
    Ok(ours.collect())
}

/// The partitions once every topic shows up: brokers learn of new topics one after the other.
async fn settled(kafka: &Kafka) -> Result<Partitions, Error> {
    let deadline = Instant::now() + REQUEST_TIMEOUT;
    loop {
        let found = partitions(kafka).await?;
        if found.len() == Topic::ALL.len() || Instant::now() >= deadline {
            return Ok(found);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn create(kafka: &Kafka, missing: &[Topic]) -> Result<(), Error> {
    let admin = admin(kafka)?;
    let names: Vec<String> = missing.iter().map(|topic| kafka.topics.name(*topic)).collect();
    let partitions = i32::try_from(kafka.partitions).unwrap_or(i32::MAX);
    let new = missing.iter().zip(&names).map(|(topic, name)| {
        let replication = TopicReplication::Fixed(kafka.replication_factor);
        let new = NewTopic::new(name, partitions, replication);
        if topic.is_compacted() {
            new.set("cleanup.policy", "compact").set("delete.retention.ms", THIRTY_DAYS_MS)
        } else {
            new.set("cleanup.policy", "delete").set("retention.ms", THIRTY_DAYS_MS)
        }
    });
    let options = AdminOptions::new()
        .operation_timeout(Some(REQUEST_TIMEOUT))
        .request_timeout(Some(REQUEST_TIMEOUT));
    let new: Vec<NewTopic<'_>> = new.collect();
    let results =
        admin.create_topics(&new, &options).await.map_err(Error::unreachable(kafka, ""))?;
    for result in results {
        match result {
            Ok(topic) => info!(topic, partitions, "created a topic"),
            // Somebody else was faster.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                return Err(Error::CreateTopic { topic, reason: code.to_string() });
            }
        }
    }
    Ok(())
}

/// Compaction cannot be read everywhere; what cannot be read is not worth stopping for.
async fn settings_warnings(kafka: &Kafka, found: &Partitions) -> Vec<String> {
    let Ok(admin) = admin(kafka) else { return Vec::new() };
    let present = Topic::STATE.into_iter().filter(|topic| found.contains_key(topic));
    let names: Vec<String> = present.map(|topic| kafka.topics.name(topic)).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let resources: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
    let described = match admin.describe_configs(&resources, &options).await {
        Ok(described) => described,
        Err(error) => {
            return vec![format!(
                "the settings of the topics could not be read ({error}); make sure that they are compacted"
            )];
        }
    };
    let mut warnings = Vec::new();
    for (name, described) in names.iter().zip(described) {
        let policy =
            described.ok().and_then(|resource| resource.get("cleanup.policy")?.value.clone());
        if let Some(policy) = policy.filter(|policy| policy != "compact") {
            warnings.push(format!(
                "the topic `{name}` is not compacted (`cleanup.policy={policy}`): old records will be lost, or never go away; set `cleanup.policy=compact`"
            ));
        }
    }
    warnings
}

fn admin(kafka: &Kafka) -> Result<AdminClient<DefaultClientContext>, Error> {
    client_config(kafka, &[]).create().map_err(Error::client)
}

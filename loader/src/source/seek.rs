//! Where a pass over the topics starts.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    error::KafkaError,
    types::RDKafkaErrorCode,
};
use schemas::{
    Topic, TopicNames,
    config::{Kafka, client_properties},
};

use super::{
    Error, TopicPartition,
    client::{ClientLog, blocking, plain_consumer, with_defaults},
};

/// librdkafka's `RD_KAFKA_OFFSET_INVALID`: an offset that is asked for.
const INVALID: i64 = -1001;
/// Wait between two attempts.
const RETRY: Duration = Duration::from_millis(500);

/// Where to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// With the first record there is.
    Beginning,
    /// With the first record written at that time (milliseconds since the epoch) or later.
    Time(i64),
    /// With that offset.
    Offset {
        /// Offset.
        offset: i64,
        /// In this partition number only; the others are not read.
        partition: Option<i32>,
    },
}

impl std::str::FromStr for From {
    type Err = String;

    /// `beginning`, a time in RFC 3339, `offset:N`, or `offset:PARTITION/N`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "beginning" {
            return Ok(Self::Beginning);
        }
        if let Some(place) = text.strip_prefix("offset:") {
            let (partition, offset) = match place.split_once('/') {
                Some((partition, offset)) => (Some(partition), offset),
                None => (None, place),
            };
            let partition = partition.map(str::parse::<u16>).transpose().ok();
            return match (partition, offset.parse::<i64>()) {
                (Some(partition), Ok(offset)) if offset >= 0 => {
                    Ok(Self::Offset { offset, partition: partition.map(i32::from) })
                }
                _ => Err(format!(
                    "`{text}` is no offset such as `offset:1234` (of every partition) or `offset:3/1234` (of partition 3 only)"
                )),
            };
        }
        let time: jiff::Timestamp = text.parse().map_err(|_| {
            format!(
                "`{text}` is neither `beginning`, a time such as `2026-11-24T08:00:00Z`, nor an offset such as `offset:1234` or `offset:3/1234`"
            )
        })?;
        Ok(Self::Time(time.as_millisecond()))
    }
}

/// Ends of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// First offset that there is.
    pub low: i64,
    /// One past the last.
    pub high: i64,
}

/// Offsets to start from, within what there is; partitions that are not to be read are left out.
///
/// # Errors
/// When the brokers do not answer within `limit`, each.
pub async fn start_offsets(
    kafka: &Kafka,
    partitions: &BTreeMap<Topic, i32>,
    from: From,
    limit: Duration,
) -> Result<BTreeMap<TopicPartition, i64>, Error> {
    let marks = watermarks(kafka, partitions, limit).await?;
    Ok(match from {
        From::Beginning => marks.iter().map(|(at, marks)| (*at, marks.low)).collect(),
        From::Offset { offset, partition } => marks
            .iter()
            .filter(|(at, _)| partition.is_none_or(|partition| partition == at.partition))
            // An offset beyond the end would make the consumer start again at the beginning.
            .map(|(at, marks)| (*at, offset.clamp(marks.low, marks.high)))
            .collect(),
        From::Time(millis) => {
            let times = offsets_for_time(kafka, marks.keys().copied().collect(), millis, limit);
            let times = times.await?;
            let start = |at: &TopicPartition, marks: &Watermarks| {
                // No record is that new.
                times.get(at).map_or(marks.high, |offset| (*offset).clamp(marks.low, marks.high))
            };
            marks.iter().map(|(at, marks)| (*at, start(at, marks))).collect()
        }
    })
}

/// Ends of all partitions of some topics.
///
/// # Errors
/// When the brokers do not answer within `limit`, each.
pub async fn watermarks(
    kafka: &Kafka,
    partitions: &BTreeMap<Topic, i32>,
    limit: Duration,
) -> Result<BTreeMap<TopicPartition, Watermarks>, Error> {
    let all: Vec<TopicPartition> = partitions
        .iter()
        .flat_map(|(topic, count)| {
            (0..*count).map(|partition| TopicPartition { topic: *topic, partition })
        })
        .collect();
    let names = kafka.topics.clone();
    let consumer = consumer(kafka, None)?;
    let asked = blocking(move || {
        let mut marks = BTreeMap::new();
        for at in all {
            let (low, high) =
                consumer.fetch_watermarks(&names.name(at.topic), at.partition, limit)?;
            marks.insert(at, Watermarks { low, high });
        }
        Ok(marks)
    });
    asked.await.map_err(|source| Error::request("ask for the ends of the topics", source))
}

/// First offsets at or after a time; partitions without are left out.
async fn offsets_for_time(
    kafka: &Kafka,
    partitions: Vec<TopicPartition>,
    millis: i64,
    limit: Duration,
) -> Result<BTreeMap<TopicPartition, i64>, Error> {
    let names = kafka.topics.clone();
    // Asking for times is for members of a group, whether they have joined or not.
    let consumer = consumer(kafka, Some("qlik-metadata-loader-replay"))?;
    let asked = blocking(move || {
        let places = partitions.into_iter().map(|at| (at, millis));
        let answer = consumer.offsets_for_times(list(&names, places)?, limit)?;
        Ok(offsets(&names, &answer))
    });
    asked.await.map_err(|source| Error::request("ask for the offsets at a time", source))
}

/// Committed offsets of a group that nobody joins.
///
/// # Errors
/// When the brokers do not answer within `limit`.
pub async fn committed(
    kafka: &Kafka,
    group: &str,
    partitions: Vec<TopicPartition>,
    limit: Duration,
) -> Result<BTreeMap<TopicPartition, i64>, Error> {
    let committed = committed_with_notes(kafka, group, partitions, limit).await?;
    Ok(committed.into_iter().map(|(at, (offset, _))| (at, offset)).collect())
}

/// Committed offsets with the text that was committed with each.
///
/// # Errors
/// As [`committed`].
pub(super) async fn committed_with_notes(
    kafka: &Kafka,
    group: &str,
    partitions: Vec<TopicPartition>,
    limit: Duration,
) -> Result<BTreeMap<TopicPartition, (i64, String)>, Error> {
    let deadline = Instant::now() + limit;
    loop {
        let (names, partitions) = (kafka.topics.clone(), partitions.clone());
        let consumer = consumer(kafka, Some(group))?;
        let asked = blocking(move || {
            let places = list(&names, partitions.into_iter().map(|at| (at, INVALID)))?;
            let answer = consumer.committed_offsets(places, limit)?;
            Ok(offsets_with_notes(&names, &answer))
        });
        match asked.await {
            Err(error) if is_coordinator_moving(&error) && Instant::now() < deadline => {
                tokio::time::sleep(RETRY).await;
            }
            answer => {
                return answer.map_err(|source| Error::request("read committed offsets", source));
            }
        }
    }
}

/// Commits offsets of a group that nobody joins.
///
/// # Errors
/// When the brokers refuse.
pub async fn commit(
    kafka: &Kafka,
    group: &str,
    places: BTreeMap<TopicPartition, i64>,
) -> Result<(), Error> {
    let names = kafka.topics.clone();
    let consumer = consumer(kafka, Some(group))?;
    let asked = blocking(move || consumer.commit(&list(&names, places)?, CommitMode::Sync));
    asked.await.map_err(|source| Error::request("commit offsets", source))
}

/// After a broker's restart groups are at home nowhere for some seconds.
fn is_coordinator_moving(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::CoordinatorNotAvailable
        )
    )
}

fn consumer(kafka: &Kafka, group: Option<&str>) -> Result<BaseConsumer<ClientLog>, Error> {
    let mut ours = vec![("enable.auto.commit", "false"), ("allow.auto.create.topics", "false")];
    ours.extend(group.map(|group| ("group.id", group)));
    let mut config = with_defaults(kafka, &ours);
    if group.is_none() && client_properties(kafka, &[]).contains_key("group.id") {
        config.remove("group.id");
    }
    plain_consumer(kafka, &config).map_err(Error::client)
}

fn list(
    names: &TopicNames,
    places: impl IntoIterator<Item = (TopicPartition, i64)>,
) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for (at, offset) in places {
        list.add_partition_offset(&names.name(at.topic), at.partition, Offset::from_raw(offset))?;
    }
    Ok(list)
}

fn offsets(names: &TopicNames, list: &TopicPartitionList) -> BTreeMap<TopicPartition, i64> {
    offsets_with_notes(names, list).into_iter().map(|(at, (offset, _))| (at, offset)).collect()
}

fn offsets_with_notes(
    names: &TopicNames,
    list: &TopicPartitionList,
) -> BTreeMap<TopicPartition, (i64, String)> {
    let elements = list.elements();
    let known = elements.iter().filter_map(|element| {
        let topic = names.topic(element.topic())?;
        match (element.error(), element.offset()) {
            (Ok(()), Offset::Offset(offset)) => {
                let at = TopicPartition { topic, partition: element.partition() };
                Some((at, (offset, element.metadata().to_owned())))
            }
            _ => None,
        }
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_read() {
        let check = |text: &str, expected: From| assert_eq!(text.parse(), Ok(expected), "{text}");
        check("beginning", From::Beginning);
        check("1970-01-01T00:00:01Z", From::Time(1000));
        check("1970-01-01T01:00:01+01:00", From::Time(1000));
        check("offset:12", From::Offset { offset: 12, partition: None });
        check("offset:3/12", From::Offset { offset: 12, partition: Some(3) });
        for bad in ["", "yesterday", "offset:", "offset:-1", "offset:a/1", "offset:1/", "-5"] {
            assert!(bad.parse::<From>().is_err(), "{bad}");
        }
    }
}

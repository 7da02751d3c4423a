//! Topics and partitions.

use std::{fmt, str::FromStr};

/// One of the topics, without its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// One record per Qlik app, compacted.
    Dashboards,
    /// One record per visualization on a sheet, compacted.
    Charts,
    /// One record per table of an app, per app's master items and per data file, compacted.
    DataModels,
    /// One record per edge, compacted.
    Lineage,
    /// Start and end of every extractor run, kept for a time.
    Runs,
    /// Events that the loader gave up, kept for a time.
    DeadLetters,
}

impl Topic {
    /// The four compacted topics that hold the state of a site; all have one partition count.
    pub const STATE: [Self; 4] = [Self::Dashboards, Self::Charts, Self::DataModels, Self::Lineage];
    /// All topics.
    pub const ALL: [Self; 6] = [
        Self::Dashboards,
        Self::Charts,
        Self::DataModels,
        Self::Lineage,
        Self::Runs,
        Self::DeadLetters,
    ];

    /// Name without the prefix: `dashboards`, `charts`, `datamodels`, `lineage`, `runs`, `deadletters`.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Dashboards => "dashboards",
            Self::Charts => "charts",
            Self::DataModels => "datamodels",
            Self::Lineage => "lineage",
            Self::Runs => "runs",
            Self::DeadLetters => "deadletters",
        }
    }

    /// Whether the topic is compacted (`cleanup.policy=compact`).
    #[must_use]
    pub fn is_compacted(self) -> bool {
        Self::STATE.contains(&self)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.suffix())
    }
}

impl FromStr for Topic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|topic| topic.suffix() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::suffix).join(", ");
            format!("unknown topic `{text}`; known are {known}")
        })
    }
}

/// Full topic names: prefix and [`Topic::suffix`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicNames {
    prefix: String,
}

impl TopicNames {
    /// Prefix of all topics when nothing is configured.
    pub const DEFAULT_PREFIX: &'static str = "qlik.metadata.";
    /// Kafka's limit for a topic name, in bytes.
    pub const MAX_LENGTH: usize = 249;

    /// Names below `prefix`, which is put in front as it is (with its final dot, if it has one).
    ///
    /// # Errors
    /// When Kafka would refuse the names: characters other than letters, digits, `.`, `_`, `-`,
    /// or more than [`Self::MAX_LENGTH`] bytes.
    pub fn new(prefix: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if let Some(bad) = prefix.chars().find(|c| !allowed(*c)) {
            return Err(format!(
                "Kafka topic names cannot contain `{bad}`; use letters, digits, `.`, `_` and `-`"
            ));
        }
        let longest = Topic::ALL.iter().map(|topic| topic.suffix().len()).max().unwrap_or(0);
        if prefix.len() + longest > Self::MAX_LENGTH {
            return Err(format!("topic names would be longer than {} bytes", Self::MAX_LENGTH));
        }
        Ok(Self { prefix: prefix.to_owned() })
    }

    /// Full name of a topic.
    #[must_use]
    pub fn name(&self, topic: Topic) -> String {
        format!("{}{}", self.prefix, topic.suffix())
    }

    /// Which topic a full name is; `None` for a foreign one.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<Topic> {
        name.strip_prefix(&self.prefix)?.parse().ok()
    }
}

impl Default for TopicNames {
    fn default() -> Self {
        Self { prefix: Self::DEFAULT_PREFIX.to_owned() }
    }
}

/// Partition of a record: Kafka's own partitioner (murmur2) over `text` alone, see
/// [`Event::partition_text`](crate::Event::partition_text). `partitions` must not be 0.
#[must_use]
pub fn partition_for(text: &str, partitions: u32) -> u32 {
    (murmur2(text.as_bytes()) & 0x7fff_ffff) % partitions.max(1)
}

/// `org.apache.kafka.common.utils.Utils.murmur2`.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut h: u32 = 0x9747_b28c ^ length;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        k = k.wrapping_mul(M);
        k ^= k >> 24;
        k = k.wrapping_mul(M);
        h = h.wrapping_mul(M) ^ k;
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            h ^= u32::from(*byte) << (8 * index);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^ (h >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values of Kafka's own unit test (`UtilsTest.testMurmur2`).
    #[test]
    fn murmur2_is_kafkas() {
        let cases: [(&str, i32); 7] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
            ("", 275_646_681),
        ];
        for (text, expected) in cases {
            assert_eq!(murmur2(text.as_bytes()), expected.cast_unsigned(), "{text}");
        }
    }

    #[test]
    fn names_go_both_ways() {
        let names = TopicNames::new("site-a.").expect("valid");
        for topic in Topic::ALL {
            assert_eq!(names.topic(&names.name(topic)), Some(topic));
        }
        assert_eq!(names.topic("other.charts"), None);
        assert!(TopicNames::new("a b").is_err());
        assert!(TopicNames::new(&"x".repeat(245)).is_err());
    }
}

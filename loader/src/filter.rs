//! Which records a pass over the topics is about.

use std::collections::HashSet;

use schemas::Topic;

use crate::source::{Record, TopicPartition};

/// Which records.
#[derive(Clone, Debug, Default)]
pub enum Filter {
    /// All of them.
    #[default]
    All,
    /// Those whose key fits a pattern.
    Keys(Vec<KeyPattern>),
    /// Those with these keys, and those at these places.
    Exactly {
        /// Topics and keys.
        keys: HashSet<(Topic, Vec<u8>)>,
        /// Partitions and offsets.
        places: HashSet<(TopicPartition, i64)>,
    },
}

impl Filter {
    /// Whether a record is one of them.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        match self {
            Self::All => true,
            Self::Keys(patterns) => {
                let key = record.key.as_deref().unwrap_or_default();
                patterns.iter().any(|pattern| pattern.matches(key))
            }
            Self::Exactly { keys, places } => {
                let key = record.key.as_ref();
                places.contains(&(record.at, record.offset))
                    || key.is_some_and(|key| keys.contains(&(record.at.topic, key.clone())))
            }
        }
    }
}

/// A key, or the start of keys when it ends with `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPattern {
    text: String,
    is_prefix: bool,
}

impl KeyPattern {
    fn matches(&self, key: &[u8]) -> bool {
        match self.is_prefix {
            true => key.starts_with(self.text.as_bytes()),
            false => key == self.text.as_bytes(),
        }
    }
}

impl std::str::FromStr for KeyPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a key cannot be empty".to_owned());
        }
        Ok(match text.strip_suffix('*') {
            Some(start) => Self { text: start.to_owned(), is_prefix: true },
            None => Self { text: text.to_owned(), is_prefix: false },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_end() {
        let check = |pattern: &str, key: &str, expected: bool| {
            let pattern: KeyPattern = pattern.parse().expect("pattern");
            assert_eq!(pattern.matches(key.as_bytes()), expected, "{pattern:?} {key}");
        };
        check("p/app", "p/app", true);
        check("p/app", "p/app/x", false);
        check("p/app*", "p/app/x", true);
        check("p/app/*", "p/app", false);
        check("*", "anything", true);
        assert!("".parse::<KeyPattern>().is_err());
    }
}

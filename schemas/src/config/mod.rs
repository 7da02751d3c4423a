//! The one YAML file that serves both stages (and OpenMetadata's own workflow files).
//!
//! A stage reads its own blocks with [`Document::read`] and knows the other's by name only. Values
//! may hold `${VAR}`, `${VAR:-default}` and `${file:PATH}`, which are replaced when their block is
//! read, so that a stage needs only its own secrets. Every mistake is collected, none stops the rest.

mod interpolate;
mod kafka;
mod pem;
mod read;
mod service;
mod span;

use std::{fmt, path::Path};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use self::{
    kafka::{Kafka, RawKafka, client_properties},
    pem::pem,
    service::service_name,
    span::Span,
};

/// Top-level blocks that somebody reads: ours, and those of an OpenMetadata workflow file.
const KNOWN_BLOCKS: [&str; 13] = [
    "source",
    "workflowConfig",
    "kafka",
    "extractor",
    "loader",
    // Of OpenMetadata's workflow files, whatever release; they mean nothing here.
    "sink",
    "processor",
    "stage",
    "bulkSink",
    "ingestionPipelineFQN",
    "pipelineRunId",
    "enableStreamableLogs",
    "ingestionRunnerName",
];

/// A mistake in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Full key, such as `kafka.schemaRegistry.url`; empty for the file as a whole.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// All mistakes of a configuration; as an error, one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds a mistake.
    pub fn add(&mut self, key: impl Into<String>, message: impl Into<String>) {
        let problem = Problem { key: key.into(), message: message.into() };
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    /// The mistakes, in the order they were found.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.0
    }

    /// Passes `value` on when there was no mistake.
    ///
    /// # Errors
    /// All mistakes otherwise.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "the configuration has {count} mistake{}", if count == 1 { "" } else { "s" })?;
        for Problem { key, message } in &self.0 {
            match key.as_str() {
                "" => write!(f, "\n  {message}")?,
                key => write!(f, "\n  {key}: {message}")?,
            }
        }
        Ok(())
    }
}

/// A configuration file, parsed and overridden, not yet read into types.
#[derive(Clone, Debug, Default)]
pub struct Document {
    root: Value,
}

impl Document {
    /// Reads a YAML file and applies overrides of the form `path.to.key=value`, the value in YAML.
    ///
    /// # Errors
    /// When the file cannot be read, is no YAML, or an override is malformed.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, overrides).map_err(|problems| problems.of_file(path)),
            Err(error) => {
                problems.add("", format!("failed to read `{}`: {error}", path.display()));
                Err(problems)
            }
        }
    }

    /// As [`Self::load`], from text. An empty text is an empty configuration.
    ///
    /// # Errors
    /// When the text is no YAML mapping, or an override is malformed.
    pub fn parse(text: &str, overrides: &[String]) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        // Without the lines around a mistake: they may hold a secret.
        let options = serde_saphyr::options! { with_snippet: false };
        let mut root = match serde_saphyr::from_str_with_options::<Value>(text, options) {
            Ok(Value::Null) => Value::Object(Map::new()),
            Ok(root @ Value::Object(_)) => root,
            Ok(_) => {
                problems.add("", "is not a mapping of blocks such as `source:` and `kafka:`");
                return Err(problems);
            }
            Err(_) if text.trim().is_empty() => Value::Object(Map::new()),
            Err(error) => {
                problems.add("", format!("is not valid YAML: {error}"));
                return Err(problems);
            }
        };
        for text in overrides {
            if let Err(message) = apply_override(&mut root, text) {
                problems
                    .add(format!("--set {}", text.split('=').next().unwrap_or_default()), message);
            }
        }
        problems.into_result(Self { root })
    }

    /// Reports top-level keys that neither stage nor OpenMetadata knows.
    pub fn check_blocks(&self, problems: &mut Problems) {
        for name in self.root.as_object().into_iter().flat_map(Map::keys) {
            if !KNOWN_BLOCKS.contains(&name.as_str()) {
                problems.add(name, format!("unknown block; known are {}", KNOWN_BLOCKS.join(", ")));
            }
        }
    }

    /// Whether something stands at a dotted path.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.at(path).is_some_and(|value| !value.is_null())
    }

    /// Reads the block at a dotted path, its default when it is absent. Unknown keys, values of a
    /// wrong type and placeholders that cannot be filled are reported with their full key, each,
    /// and the rest is read.
    pub fn read<T: DeserializeOwned + Default>(&self, path: &str, problems: &mut Problems) -> T {
        let Some(value) = self.at(path).filter(|value| !value.is_null()) else {
            return T::default();
        };
        let mut value = value.clone();
        interpolate::all(&mut value, path, &|name| std::env::var(name).ok(), problems);
        read::tolerantly(value, path, problems)
    }

    fn at(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(&self.root, |value, name| value.get(name))
    }
}

impl Problems {
    fn of_file(mut self, path: &Path) -> Self {
        for problem in self.0.iter_mut().filter(|problem| problem.key.is_empty()) {
            problem.key = path.display().to_string();
        }
        self
    }
}

/// Sets `path.to.key=value` in the tree, making mappings on the way.
fn apply_override(root: &mut Value, text: &str) -> Result<(), String> {
    let (path, value) =
        text.split_once('=').ok_or_else(|| "expected the form `path.to.key=value`".to_owned())?;
    let value = match serde_saphyr::from_str::<Value>(value) {
        // `key=` and texts that are no YAML of their own stay texts.
        Ok(Value::Null) | Err(_) => Value::String(value.to_owned()),
        Ok(value) => value,
    };
    let mut place = root;
    for name in path.trim().split('.') {
        if name.is_empty() {
            return Err("the path has an empty part".to_owned());
        }
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(members) = place else { return Err("not a mapping".to_owned()) };
        place = members.entry(name).or_insert(Value::Null);
    }
    *place = value;
    Ok(())
}

#[cfg(test)]
mod tests;

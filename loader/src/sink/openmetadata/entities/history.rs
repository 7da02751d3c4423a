//! The versions of an entity, to tell our texts from people's when the current version does not say:
//! servers without `sourceHash`, and 2.x, which clears it when a person edits the entity. Pure.

use std::collections::HashMap;

use serde_json::Value;

use super::super::{hash::Record, map::Naming, names::folded};
use super::stored::Stored;

/// Versions, newest first, the current one included.
#[derive(Debug, Default)]
pub(super) struct History {
    versions: Vec<(Stored, String)>,
}

impl History {
    /// Reads the answer to `GET /{type}/{id}/versions`, whose versions are JSON texts.
    pub(super) fn of(answer: &Value, naming: &Naming) -> Self {
        let items = answer.get("versions").and_then(Value::as_array);
        let versions = items.into_iter().flatten().filter_map(|item| {
            let parsed: Option<Value> = match item {
                Value::String(text) => serde_json::from_str(text).ok(),
                object => Some(object.clone()),
            };
            let entity = parsed?;
            let author = entity.get("updatedBy").and_then(Value::as_str).unwrap_or_default();
            Some((Stored::of(&entity, naming), author.to_owned()))
        });
        Self { versions: versions.collect() }
    }

    /// What we recorded with our last write.
    pub(super) fn record(&self) -> Option<Record> {
        self.versions.iter().find_map(|(stored, _)| stored.record())
    }

    /// Descriptions of columns, by folded name, as of the newest version all of whose were ours.
    pub(super) fn our_columns(&self) -> Option<HashMap<String, String>> {
        let ours = |stored: &Stored| {
            stored.record().is_some_and(|record| record.columns == stored.columns_mark())
        };
        let (stored, _) = self.versions.iter().find(|(stored, _)| ours(stored))?;
        let described = stored
            .columns
            .iter()
            .filter_map(|column| Some((folded(&column.name), column.description.clone()?)));
        Some(described.collect())
    }

    /// Descriptions of columns that one of `users` wrote, by folded name.
    pub(super) fn columns_by(&self, users: &[String], stored: &Stored) -> HashMap<String, String> {
        let by_users = |name: &str| {
            self.is_by(users, stored, |version| {
                version.column(name).and_then(|(_, column)| column.description.clone())
            })
        };
        let described = stored
            .columns
            .iter()
            .filter_map(|column| Some((column.name.as_str(), column.description.clone()?)));
        described
            .filter(|(name, _)| by_users(name))
            .map(|(name, text)| (folded(name), text))
            .collect()
    }

    /// Whether one of `users` wrote the value that the newest version has: the oldest version of the
    /// unbroken run with the same value is the one that brought it.
    ///
    /// Sound only where every write that is stored makes a version, as on servers without
    /// `sourceHash`: elsewhere a write without a new version puts our name under a person's version.
    /// False, too, when the history does not show the value that `stored` has: it may leave out what
    /// is kept as a relation, such as owners.
    pub(super) fn is_by<T: PartialEq>(
        &self,
        users: &[String],
        stored: &Stored,
        value: impl Fn(&Stored) -> T,
    ) -> bool {
        let Some((newest, author)) = self.versions.first() else { return false };
        let current = value(stored);
        if value(newest) != current {
            return false;
        }
        let run = self.versions.iter().take_while(|(stored, _)| value(stored) == current);
        let author = run.last().map_or(author, |(_, author)| author);
        users.contains(author)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::version::Features;
    use super::*;

    fn history(versions: &[Value]) -> History {
        let features = Features::of(&"1.2.0".parse().expect("a version"));
        let naming = Naming { service: "prod".to_owned(), features };
        let texts: Vec<_> =
            versions.iter().map(|version| Value::from(version.to_string())).collect();
        History::of(&json!({"entityType": "chart", "versions": texts}), &naming)
    }

    #[test]
    fn the_author_of_a_value_is_who_brought_it() {
        let users = ["bot".to_owned()];
        let check = |versions: &[Value], expected| {
            let history = history(versions);
            let stored = history.versions.first().map(|(stored, _)| stored.clone());
            let stored = stored.unwrap_or_default();
            let by_bot = history.is_by(&users, &stored, |version| version.description.clone());
            assert_eq!(by_bot, expected, "{versions:?}");
        };
        check(&[json!({"description": "d", "updatedBy": "bot"})], true);
        check(&[json!({"description": "d", "updatedBy": "dana"})], false);
        // A later change of something else does not change who wrote the text.
        check(
            &[
                json!({"description": "d", "updatedBy": "bot", "displayName": "n"}),
                json!({"description": "d", "updatedBy": "dana"}),
                json!({"description": "c", "updatedBy": "bot"}),
            ],
            false,
        );
        check(
            &[
                json!({"description": "d", "updatedBy": "dana", "displayName": "n"}),
                json!({"description": "d", "updatedBy": "bot"}),
            ],
            true,
        );
        check(&[], false);
    }

    #[test]
    fn the_newest_record_counts() {
        let record = Record {
            content: 1,
            description: 2,
            display_name: 3,
            owners: 4,
            columns: 5,
            project: 6,
        };
        let older = Record { content: 9, ..record };
        let history = history(&[
            json!({"description": "edited"}),
            json!({"sourceHash": record.encode()}),
            json!({"sourceHash": older.encode()}),
        ]);
        assert_eq!(history.record(), Some(record));
    }
}

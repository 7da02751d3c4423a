//! Searches: `fieldQuery` (wildcards on one field) and a small part of `query`.
//!
//! Tables are found through indexes unless the last part of the pattern has a wildcard; other kinds, and such
//! patterns, are looked at one by one.

use std::sync::Arc;

use uuid::Uuid;

use crate::entity::Entity;
use crate::fqn;
use crate::kind::Kind;
use crate::problem::Problem;
use crate::render::writer::Object;
use crate::render::{Fields, View};
use crate::store::{Include, Store};

/// The text of the error when no search engine answers.
pub(crate) const ENGINE_DOWN: &str = "Connect to http://127.0.0.1:9200 failed: Connection refused";

/// What is looked for.
pub(crate) struct Search {
    pub(crate) kind: Kind,
    pub(crate) wanted: Wanted,
    pub(crate) include: Include,
    pub(crate) from: usize,
    pub(crate) size: usize,
}

/// The condition on an entity.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Everything,
    /// A field that matches a pattern with `*` and `?`.
    Field {
        name: String,
        pattern: String,
    },
    /// A word in the name.
    Word(String),
}

impl Wanted {
    /// Parses the `q` of a query: `*`, `field:value` or words.
    pub(crate) fn of_query(q: &str) -> Self {
        match q.split_once(':') {
            _ if q.is_empty() || q == "*" => Self::Everything,
            Some((name, pattern)) => Self::Field {
                name: name.trim().trim_end_matches(".keyword").to_owned(),
                pattern: pattern.trim().trim_matches('"').to_owned(),
            },
            None => Self::Word(q.to_lowercase()),
        }
    }
}

/// The kind of a search index.
///
/// # Errors
/// 500, as from the search engine, for an index that does not exist.
pub(crate) fn index(name: Option<&str>) -> Result<Kind, Problem> {
    let name = name.unwrap_or("table_search_index");
    Kind::of_index(name).ok_or_else(|| {
        Problem::Unhandled(format!("[search_phase_execution_exception] no such index [{name}]"))
    })
}

impl Search {
    /// The answer of the search engine as JSON.
    pub(crate) fn run(&self, view: &View<'_>) -> Vec<u8> {
        let found: Vec<Arc<Entity>> = self
            .candidates(view.store, view.rules.search_ignores_case)
            .into_iter()
            .filter_map(|id| view.store.get(id))
            .filter(|entity| {
                self.include.admits(entity.deleted)
                    && !view.store.unindexed.contains(&entity.id)
                    && self.matches(entity, view.rules.search_ignores_case)
            })
            .map(Arc::clone)
            .collect();
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        object.number("took", 1);
        object.flag("timed_out", false);
        let mut hits = Object::new(object.key("hits"));
        let mut total = Object::new(hits.key("total"));
        total.text("relation", "eq");
        total.number("value", found.len());
        total.end();
        hits.number("max_score", "1.0");
        hits.list("hits", found.iter().skip(self.from).take(self.size), |out, entity| {
            self.hit(view, entity, out);
            true
        });
        hits.end();
        object.end();
        out
    }

    fn hit(&self, view: &View<'_>, entity: &Entity, out: &mut Vec<u8>) {
        let mut object = Object::new(out);
        object.text("_index", &format!("{}_search_index", entity.kind));
        object.text("_id", &entity.id.to_string());
        object.number("_score", "1.0");
        let source = View {
            store: view.store,
            rules: view.rules,
            base: view.base,
            fields: Fields::All,
            include: Include::Live,
            fresh: false,
        };
        source.entity(entity, object.key("_source"));
        object.end();
    }

    /// Everything that may match.
    fn candidates(&self, store: &Store, ignores_case: bool) -> Vec<Uuid> {
        let lower = |text: &str| text.to_lowercase();
        match &self.wanted {
            Wanted::Field { name, pattern }
                if self.kind == Kind::Table && name == "fullyQualifiedName" =>
            {
                if !ignores_case && lower(pattern) != *pattern {
                    return Vec::new();
                }
                let pattern = lower(pattern);
                if !has_wildcard(&pattern) {
                    return store.tables_called(&pattern).to_vec();
                }
                let last = fqn::parts(&pattern).last().map_or("", |last| fqn::unquote(last));
                if !has_wildcard(last) {
                    return store.tables_named(last).to_vec();
                }
            }
            Wanted::Word(word) if self.kind == Kind::Table => {
                return store.tables_named(word).to_vec();
            }
            Wanted::Field { name, pattern } if name == "email" && !has_wildcard(pattern) => {
                return store.people_at(&lower(pattern)).to_vec();
            }
            _ => {}
        }
        store.listing(self.kind).map(|listing| listing.ids(self.include)).unwrap_or_default()
    }

    fn matches(&self, entity: &Entity, ignores_case: bool) -> bool {
        if entity.kind != self.kind {
            return false;
        }
        match &self.wanted {
            Wanted::Everything => true,
            Wanted::Word(word) => {
                let has = |text: &str| {
                    text.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|w| w == word)
                };
                entity.name.to_lowercase() == *word
                    || has(&entity.name)
                    || entity.display_name.as_deref().is_some_and(has)
            }
            Wanted::Field { name, pattern } => {
                let value = match &**name {
                    "fullyQualifiedName" => Some(&*entity.fqn),
                    "name" => Some(&*entity.name),
                    "displayName" => entity.display_name.as_deref(),
                    other => entity.plain_text(other),
                };
                // Old releases keep the lower-cased value and compare it with the pattern as it is.
                let pattern = if ignores_case { pattern.to_lowercase() } else { pattern.clone() };
                value.is_some_and(|value| wildcard(&pattern, &value.to_lowercase()))
            }
        }
    }
}

fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

/// Whether `text` matches `pattern`, in which `*` stands for any characters and `?` for one.
fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || text.get(t) == Some(c) => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                // The last star takes one character more.
                Some((star, taken)) => {
                    retry = Some((star, taken + 1));
                    p = star + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|c| *c == '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        fn check(pattern: &str, text: &str, expected: bool) {
            assert_eq!(wildcard(pattern, text), expected, "{pattern} {text}");
        }
        check("*.tab", "s.d.x.tab", true);
        check("*.tab", "s.d.x.tabs", false);
        check("s.*.*.tab", "s.d.x.tab", true);
        check("s.*.*.tab", "s.tab", false);
        check("*", "", true);
        check("", "", true);
        check("", "a", false);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("*a*b*", "xxaxxbxx", true);
        check("*a*b*", "xxbxxaxx", false);
    }

    #[test]
    fn queries() {
        fn check(q: &str, expected: Wanted) {
            assert_eq!(Wanted::of_query(q), expected, "{q}");
        }
        check("*", Wanted::Everything);
        check("", Wanted::Everything);
        check("Tab", Wanted::Word("tab".to_owned()));
        let email = Wanted::Field { name: "email".to_owned(), pattern: "a@b.c".to_owned() };
        check("email.keyword:a@b.c", email);
    }
}

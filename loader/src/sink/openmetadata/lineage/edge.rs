//! The details of one stored edge, and what becomes of them when events say something about it. Pure.
//!
//! One pair of entities has one edge in OpenMetadata, while several events may speak of it: two apps
//! that load the same table into the same file, or the charts of a dashboard that read one table. Each
//! event is a contribution, and the edge is gone with its last one:
//!
//! * the columns that a chart reads are the entries whose `toColumn` is the chart;
//! * every other contribution is noted in the edge's description, one line each, as
//!   `- <app id>/<edge hash>`: the last two parts of the event's key.
//!
//! While an edge has one noted contribution, its columns are replaced; with several, entries are only
//! added, because they do not say whose they are.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::version::Features;
use crate::sink::FieldChange;

/// Source of our edges.
const SOURCE: &str = "DashboardLineage";
/// Line of the description above the contributions.
const MARK: &str = "Lineage of Qlik, kept by the loader; contributions:";

/// How columns flow into one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Qualified name of the column, or of the chart.
    pub(super) to: String,
    /// Qualified names, in order and each once.
    pub(super) from: Vec<String>,
    /// Expression.
    pub(super) function: Option<String>,
}

/// Details of an edge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Details {
    pub(super) entries: BTreeSet<Entry>,
    pub(super) sql: Option<String>,
    /// What people wrote above our mark.
    pub(super) text: String,
    pub(super) has_mark: bool,
    pub(super) contributions: BTreeSet<String>,
    source: Option<String>,
    authors: Vec<String>,
    has_pipeline: bool,
}

/// What an event says about an edge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contribution {
    /// `<app id>/<edge hash>`.
    pub(super) id: String,
    /// Qualified name of the chart whose columns the entries are.
    pub(super) chart: Option<String>,
    pub(super) entries: Vec<Entry>,
    pub(super) sql: Option<String>,
}

/// What becomes of an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is as it should be, or is not there and should not be.
    Stays,
    /// Somebody else's: left alone.
    Foreign,
    /// To be written.
    Write(Box<Details>),
    /// To be removed.
    Remove,
}

impl Details {
    /// Reads the `lineageDetails` of a stored edge.
    pub(super) fn of(value: &Value) -> Self {
        let text =
            |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (own, has_mark, contributions) =
            read_description(text("description").unwrap_or_default());
        let columns = value.get("columnsLineage").and_then(Value::as_array);
        Self {
            entries: columns.into_iter().flatten().filter_map(Entry::of).collect(),
            sql: text("sqlQuery").map(str::to_owned),
            text: own,
            has_mark,
            contributions,
            source: text("source").map(str::to_owned),
            authors: [text("createdBy"), text("updatedBy")]
                .into_iter()
                .flatten()
                .map(str::to_owned)
                .collect(),
            has_pipeline: value.get("pipeline").is_some_and(|pipeline| !pipeline.is_null()),
        }
    }

    /// Whether we wrote it. Edges that a person drew or changed have another source or author.
    pub(super) fn is_ours(&self, us: Us<'_>) -> bool {
        let our_source = !us.features.lineage_source || self.source.as_deref() == Some(SOURCE);
        let by_us =
            us.users.is_empty() || self.authors.iter().all(|author| us.users.contains(author));
        let evidence = self.has_mark || !self.authors.is_empty();
        our_source && !self.has_pipeline && (us.overrides || (by_us && evidence))
    }

    /// The `lineageDetails` of a request.
    pub(super) fn body(&self, features: &Features) -> Value {
        let mut body = Map::new();
        if features.lineage_source {
            body.insert("source".to_owned(), json!(SOURCE));
        }
        body.insert("columnsLineage".to_owned(), self.entries.iter().map(Entry::body).collect());
        body.insert("description".to_owned(), json!(self.description()));
        if let Some(sql) = &self.sql {
            body.insert("sqlQuery".to_owned(), json!(sql));
        }
        Value::Object(body)
    }

    fn description(&self) -> String {
        let mut text = self.text.clone();
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(MARK);
        for contribution in &self.contributions {
            text.push_str("\n- ");
            text.push_str(contribution);
        }
        text
    }

    /// What is different from an edge that is stored.
    pub(super) fn changes(&self, stored: &Self) -> Vec<FieldChange> {
        let mut changes = Vec::new();
        let mut push = |field: &str, from, to| FieldChange::push(&mut changes, field, from, to);
        let ends: BTreeSet<_> = stored.entries.symmetric_difference(&self.entries).collect();
        let targets: BTreeSet<&str> = ends.into_iter().map(|entry| entry.to.as_str()).collect();
        for to in targets {
            let of = |details: &Self| -> Value {
                details.entries.iter().filter(|entry| entry.to == to).map(Entry::body).collect()
            };
            push(&format!("columnsLineage.{to}"), of(stored), of(self));
        }
        push("sqlQuery", json!(stored.sql), json!(self.sql));
        push("contributions", json!(stored.contributions), json!(self.contributions));
        changes
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.entries == other.entries
            && self.sql == other.sql
            && self.text == other.text
            && self.has_mark == other.has_mark
            && self.contributions == other.contributions
    }
}

/// Our part of a description, and what is above it.
fn read_description(text: &str) -> (String, bool, BTreeSet<String>) {
    let Some((above, below)) = text.split_once(MARK) else {
        return (text.trim().to_owned(), false, BTreeSet::new());
    };
    let lines = below.lines().filter_map(|line| line.trim().strip_prefix("- "));
    (above.trim().to_owned(), true, lines.map(|line| line.trim().to_owned()).collect())
}

impl Entry {
    pub(super) fn new(to: String, mut from: Vec<String>, function: Option<&str>) -> Self {
        from.sort_unstable();
        from.dedup();
        from.shrink_to_fit();
        let function = function.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        Self { to, from, function }
    }

    fn of(value: &Value) -> Option<Self> {
        let to = value.get("toColumn")?.as_str()?.to_owned();
        let from = value.get("fromColumns").and_then(Value::as_array);
        let from = from.into_iter().flatten().filter_map(|c| Some(c.as_str()?.to_owned()));
        Some(Self::new(to, from.collect(), value.get("function").and_then(Value::as_str)))
    }

    fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("fromColumns".to_owned(), json!(self.from));
        body.insert("toColumn".to_owned(), json!(self.to));
        if let Some(function) = &self.function {
            body.insert("function".to_owned(), json!(function));
        }
        Value::Object(body)
    }
}

/// Whose edges are ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Us<'a> {
    pub(super) features: &'a Features,
    /// Names that we write or wrote as; empty when unknown.
    pub(super) users: &'a [String],
    /// Whether edges of others with our source count as ours.
    pub(super) overrides: bool,
}

/// What becomes of an edge when `added` events speak of it and `removed` ones do not any more. The
/// entries of an edge that leads to a dashboard belong to the charts that they name.
pub(super) fn merge(
    stored: Option<&Details>,
    added: &[Contribution],
    removed: &[Contribution],
    leads_to_dashboard: bool,
    us: Us<'_>,
) -> Fate {
    if stored.is_some_and(|details| !details.is_ours(us)) {
        return Fate::Foreign;
    }
    let mut edge = stored.cloned().unwrap_or_default();
    edge.has_mark = true;
    for contribution in added.iter().chain(removed) {
        if let Some(chart) = &contribution.chart {
            edge.entries.retain(|entry| entry.to != *chart);
        }
        edge.contributions.remove(&contribution.id);
    }
    let whole = added.iter().filter(|c| c.chart.is_none()).min_by(|a, b| a.id.cmp(&b.id));
    if let Some(first) = whole {
        // Without other contributions everything that speaks of this edge is at hand.
        let is_all = edge.contributions.is_empty();
        if is_all && !leads_to_dashboard {
            edge.entries.clear();
        }
        // The statement of the least contribution counts, in whatever order they come.
        let is_least = edge.contributions.first().is_none_or(|least| first.id < *least);
        let kept = if is_all { None } else { edge.sql.take() };
        edge.sql = match is_least {
            true => first.sql.clone().or(kept),
            false => kept.or_else(|| first.sql.clone()),
        };
    }
    for contribution in added {
        edge.entries.extend(contribution.entries.iter().cloned());
        if contribution.chart.is_none() || contribution.entries.is_empty() {
            edge.contributions.insert(contribution.id.clone());
        }
    }
    let is_empty =
        edge.contributions.is_empty() && (edge.entries.is_empty() || !leads_to_dashboard);
    match stored {
        None if is_empty => Fate::Stays,
        Some(_) if is_empty => Fate::Remove,
        Some(stored) if edge.says_the_same(stored) => Fate::Stays,
        _ => Fate::Write(Box::new(edge)),
    }
}

#[cfg(test)]
#[path = "edge_tests.rs"]
mod tests;

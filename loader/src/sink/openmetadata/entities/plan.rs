//! What has to be written so that an entity is what Qlik says, but for what people edited. Pure.
//!
//! A value belongs to a person when it is not the one that our last write recorded (see
//! [`hash`](super::super::hash)). Such a value stays, on every version of the server; ours follows
//! Qlik. Since a bot's PUT does not change texts that are there, ours are changed by PATCH, before the
//! PUT that stores the new record: after a crash in between, the old record says that there is still
//! something to do.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::{
    super::{
        hash::{self, Record},
        map::{self, Column, Detail, Draft},
        names::folded,
        tags::Tags,
        version::Features,
    },
    stored::{Stored, StoredColumn},
};

/// Which stored values are ours.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ours {
    pub(super) display_name: bool,
    pub(super) description: bool,
    pub(super) owners: bool,
    pub(super) columns: OurColumns,
}

/// Which columns' descriptions are ours.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum OurColumns {
    #[default]
    None,
    All,
    /// Those with this text, by folded name.
    With(HashMap<String, String>),
}

impl Ours {
    /// As our last write recorded it.
    pub(super) fn of(record: &Record, stored: &Stored) -> Self {
        let display_name = stored.display_name.as_deref();
        Self {
            display_name: record.display_name == hash::display_name_mark(display_name),
            description: record.description
                == hash::description_mark(stored.description.as_deref()),
            owners: record.owners == hash::owners_mark(stored.owners.iter().map(String::as_str)),
            columns: if record.columns == stored.columns_mark() {
                OurColumns::All
            } else {
                OurColumns::None
            },
        }
    }

    /// Everything, for `overrideMetadata`.
    pub(super) fn everything() -> Self {
        Self { display_name: true, description: true, owners: true, columns: OurColumns::All }
    }
}

/// Where stored values that may be a person's differ from what Qlik says: only then it matters whose
/// they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Conflicts {
    /// Display name, description or owners.
    pub(super) entity: bool,
    /// Descriptions of columns.
    pub(super) columns: bool,
}

impl Conflicts {
    pub(super) fn between(draft: &Draft, stored: &Stored) -> Self {
        Self {
            entity: differs(stored.display_name.as_deref(), Some(&draft.display_name))
                || differs(stored.description.as_deref(), draft.description.as_deref())
                || owners_differ(draft, stored),
            columns: draft.columns().iter().any(|column| {
                stored.column(&column.name).is_some_and(|(_, stored)| {
                    differs(stored.description.as_deref(), column.description.as_deref())
                })
            }),
        }
    }
}

/// Whether a stored text says something else than ours.
fn differs(stored: Option<&str>, wanted: Option<&str>) -> bool {
    stored.is_some() && !hash::same_text(stored, wanted)
}

fn owners_differ(draft: &Draft, stored: &Stored) -> bool {
    !draft.owners.is_empty()
        && !stored.owners.is_empty()
        && !same_set(&draft.owners, &stored.owners)
}

fn same_set(a: &[String], b: &[String]) -> bool {
    let a: HashSet<_> = a.iter().collect();
    a == b.iter().collect()
}

/// What to write.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// The entity as it should be afterwards: what Qlik says and what people edited.
    pub(super) entity: Draft,
    /// What to record with it.
    pub(super) record: Record,
    /// Operations of a PATCH to send first.
    pub(super) patch: Vec<Value>,
    /// Members to send with the PUT as they are.
    pub(super) extras: Map<String, Value>,
    /// The PUT has to be one that overrides (2.x): the complete list of tags to send with it.
    pub(super) override_tags: Option<Vec<Value>>,
    /// The stored entity is already like that, but for the record.
    pub(super) is_stored: bool,
    /// Values of people that stay.
    pub(super) kept: u64,
}

/// Plans the update of a stored entity. Without `tags`, the entity's tags are nobody's business.
pub(super) fn plan(
    draft: &Draft,
    stored: &Stored,
    ours: &Ours,
    features: &Features,
    tags: Option<&Tags>,
) -> Plan {
    let mut entity = draft.clone();
    let mut record = draft.record();
    let mut patch = Vec::new();
    let mut kept = 0;
    let mut needs_override = false;

    if let Some(name) = &stored.display_name
        && differs(Some(name), Some(&draft.display_name))
    {
        if !ours.display_name {
            entity.display_name.clone_from(name);
            kept += 1;
        } else if features.override_metadata {
            needs_override = true;
        } else if features.put_keeps_display_name {
            patch.push(replace("/displayName", &draft.display_name));
        }
    }
    if differs(stored.description.as_deref(), draft.description.as_deref()) {
        if ours.description {
            patch.push(set_or_remove("/description", draft.description.as_deref()));
        } else {
            entity.description.clone_from(&stored.description);
            kept += 1;
        }
    }
    if draft.owners.is_empty() && ours.owners {
        // Nothing to say about owners now; those that we wrote stay ours.
        record.owners = hash::owners_mark(stored.owners.iter().map(String::as_str));
    } else if owners_differ(draft, stored) {
        if ours.owners {
            needs_override |= features.put_keeps_owners;
        } else {
            // An absent list leaves the stored owners alone.
            entity.owners.clear();
            kept += 1;
        }
    }
    if let Detail::DataModel { columns, .. } = &mut entity.detail {
        for column in columns {
            kept += plan_column(column, stored, &ours.columns, &mut patch);
        }
    }
    let removed: HashSet<_> = stored
        .tags
        .iter()
        .filter(|tag| tags.is_some_and(|tags| tags.is_ours(&tag.fqn, &tag.label_type)))
        .filter(|tag| !draft.tags.contains(&tag.fqn))
        .map(|tag| tag.fqn.as_str())
        .collect();
    let override_tags = needs_override.then(|| {
        let stay = stored.tags.iter().filter(|tag| !removed.contains(tag.fqn.as_str()));
        let new = draft.tags.iter().filter(|fqn| !stored.tags.iter().any(|t| t.fqn == **fqn));
        stay.map(|tag| tag.label.clone()).chain(new.map(|fqn| map::tag_label(fqn))).collect()
    });
    if !needs_override {
        // From the end, so that the positions of the others stay what they are.
        for (position, tag) in stored.tags.iter().enumerate().rev() {
            if removed.contains(tag.fqn.as_str()) {
                patch.push(json!({"op": "remove", "path": format!("/tags/{position}")}));
            }
        }
    }
    // A PUT adds tags; those that are there keep the label that they have.
    entity.tags.retain(|fqn| !stored.tags.iter().any(|tag| tag.fqn == *fqn));
    if let Detail::Chart { dashboards, .. } = &mut entity.detail {
        // Without them the PUT would take the chart off its dashboards (seen).
        dashboards.clone_from(&stored.dashboards);
    }
    let is_stored = patch.is_empty()
        && !needs_override
        && entity.tags.is_empty()
        && is_stored(&entity, stored, features);
    Plan {
        entity,
        record,
        patch,
        extras: if features.put_drops_data_products || needs_override {
            stored.data_products.clone()
        } else {
            Map::new()
        },
        override_tags,
        is_stored,
        kept,
    }
}

/// Plans one column; returns how many values of people stay.
fn plan_column(
    column: &mut Column,
    stored: &Stored,
    ours: &OurColumns,
    patch: &mut Vec<Value>,
) -> u64 {
    let Some((position, stored)) = stored.column(&column.name) else { return 0 };
    let mut kept = 0;
    if differs(stored.description.as_deref(), column.description.as_deref()) {
        if is_our_column(stored, ours) {
            let path = format!("/columns/{position}/description");
            patch.push(set_or_remove(&path, column.description.as_deref()));
        } else {
            column.description.clone_from(&stored.description);
            kept += 1;
        }
    }
    if stored.display_name.is_some() {
        // A bot's PUT keeps it anyway; another user's would not.
        column.display_name.clone_from(&stored.display_name);
    }
    kept
}

fn is_our_column(stored: &StoredColumn, ours: &OurColumns) -> bool {
    match ours {
        OurColumns::None => false,
        OurColumns::All => true,
        OurColumns::With(texts) => texts
            .get(&folded(&stored.name))
            .is_some_and(|text| hash::same_text(Some(text), stored.description.as_deref())),
    }
}

/// Whether the server already shows what a PUT of `entity` would store.
fn is_stored(entity: &Draft, stored: &Stored, features: &Features) -> bool {
    let same = |stored: &Option<String>, wanted: Option<&str>| {
        stored.as_deref().unwrap_or_default() == wanted.unwrap_or_default()
    };
    let common = !stored.deleted
        && same(&stored.display_name, Some(&entity.display_name))
        && hash::same_text(stored.description.as_deref(), entity.description.as_deref())
        && (entity.owners.is_empty() || same_set(&entity.owners, &stored.owners))
        // The server's times only move forward.
        && (!features.life_cycle || entity.updated_at <= stored.updated_at);
    // What a server without `sourceHash` does not compare, it does not store either.
    let project = !features.source_hash || same(&stored.project, entity.project.as_deref());
    let url = same(&stored.source_url, entity.source_url.as_deref());
    common
        && match &entity.detail {
            Detail::Dashboard { charts, data_models } => {
                project
                    && url
                    && same_set(charts, &stored.charts)
                    && same_set(data_models, &stored.data_models)
            }
            Detail::Chart { chart_type, .. } => url && same(&stored.chart_type, Some(chart_type)),
            Detail::DataModel { columns, sql } => {
                project
                    && (!features.compares_sql || same(&stored.sql, sql.as_deref()))
                    && columns.len() == stored.columns.len()
                    && columns.iter().all(|column| is_stored_column(column, stored))
            }
        }
}

fn is_stored_column(column: &Column, stored: &Stored) -> bool {
    stored.column(&column.name).is_some_and(|(_, stored)| {
        stored.data_type == column.data_type
            && stored.unique == column.unique
            && stored.display_name == column.display_name
            && hash::same_text(stored.description.as_deref(), column.description.as_deref())
    })
}

fn replace(path: &str, value: &str) -> Value {
    json!({"op": "replace", "path": path, "value": value})
}

fn set_or_remove(path: &str, value: Option<&str>) -> Value {
    match value {
        Some(value) => replace(path, value),
        None => json!({"op": "remove", "path": path}),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;

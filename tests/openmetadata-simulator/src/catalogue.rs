//! The catalogue as plain JSON: whole, by kind, and masked for comparisons of end states.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::api::Api;
use crate::kind::Kind;
use crate::lineage::write_details;
use crate::render::{Fields, View};
use crate::store::{Include, Store};

/// What [`masked`] leaves out: ids, times, links and what follows from them.
const MASKED: [&str; 10] = [
    "id",
    "href",
    "updatedAt",
    "updatedBy",
    "createdAt",
    "createdBy",
    "changeDescription",
    "incrementalChangeDescription",
    "followers",
    "entityStatus",
];

fn view<'a>(api: &'a Api, store: &'a Store, base: &'a str) -> View<'a> {
    View {
        store,
        rules: &api.rules,
        base,
        fields: Fields::All,
        include: Include::All,
        fresh: false,
    }
}

fn to_value(view: &View<'_>, id: Uuid) -> Option<Value> {
    let entity = view.store.get(id)?;
    let mut text = Vec::new();
    view.entity(entity, &mut text);
    serde_json::from_slice(&text).ok()
}

/// The entities of `kind`, deleted ones included, sorted by name, with every property.
pub(crate) fn entities(api: &Api, kind: Kind) -> Vec<Value> {
    let base = api.base("localhost");
    let state = api.state();
    let view = view(api, &state.store, &base);
    let ids =
        state.store.listing(kind).map(|listing| listing.ids(Include::All)).unwrap_or_default();
    ids.into_iter().filter_map(|id| to_value(&view, id)).collect()
}

/// The entity of `kind` called `fqn`, deleted or not, with every property.
pub(crate) fn entity(api: &Api, kind: Kind, fqn: &str) -> Option<Value> {
    let base = api.base("localhost");
    let state = api.state();
    let id = state.store.find(kind, fqn)?.id;
    to_value(&view(api, &state.store, &base), id)
}

/// The version of every entity, by `<type> <FQN>`.
pub(crate) fn versions(api: &Api) -> BTreeMap<String, String> {
    let state = api.state();
    let mut versions = BTreeMap::new();
    for kind in Kind::ALL {
        let ids =
            state.store.listing(kind).map(|listing| listing.ids(Include::All)).unwrap_or_default();
        for entity in ids.into_iter().filter_map(|id| state.store.get(id)) {
            versions.insert(format!("{kind} {}", entity.fqn), entity.version.to_string());
        }
    }
    versions
}

/// Every edge: `{from: {type, fullyQualifiedName}, to: …, details}`, sorted by their ends.
pub(crate) fn edges(api: &Api) -> Vec<Value> {
    let state = api.state();
    let mut edges = BTreeMap::new();
    for edge in state.store.lineage.all() {
        let end =
            |id| state.store.get(id).map_or_else(String::new, |entity| entity.fqn.to_string());
        let mut text = Vec::new();
        write_details(&edge.details, &api.rules, &mut text);
        let details: Value = serde_json::from_slice(&text).unwrap_or_default();
        let (from, to) = (end(edge.from.1), end(edge.to.1));
        let value = json!({
            "from": {"type": edge.from.0.entity_type(), "fullyQualifiedName": from},
            "to": {"type": edge.to.0.entity_type(), "fullyQualifiedName": to},
            "details": details,
        });
        edges.insert((edge.from.0, from, edge.to.0, to), value);
    }
    edges.into_values().collect()
}

/// The catalogue for comparisons: `{"entities": {type: [entity, sorted by FQN]}, "lineage": [edge]}`. Ids, times
/// and authors are left out, references are `{type, fullyQualifiedName}`, lists of references are sorted. Versions
/// stay: loading the same twice must not raise them.
pub(crate) fn masked(api: &Api) -> Value {
    let mut by_type = Map::new();
    for kind in Kind::ALL {
        let mut list: Vec<Value> = entities(api, kind).into_iter().map(mask).collect();
        list.sort_by_cached_key(|entity| entity["fullyQualifiedName"].to_string());
        if !list.is_empty() {
            by_type.insert(kind.entity_type().to_owned(), Value::Array(list));
        }
    }
    let lineage: Vec<Value> = edges(api).into_iter().map(mask).collect();
    json!({"entities": by_type, "lineage": lineage})
}

fn mask(value: Value) -> Value {
    match value {
        Value::Object(map) if is_reference(&map) => json!({
            "type": map["type"],
            "fullyQualifiedName": map["fullyQualifiedName"],
        }),
        Value::Object(map) => Value::Object(
            map.into_iter()
                .filter(|(key, _)| !MASKED.contains(&key.as_str()))
                .map(|(key, value)| (key, mask(value)))
                .collect(),
        ),
        Value::Array(items) => {
            let references = items.iter().all(|item| item.as_object().is_some_and(is_reference));
            let mut items: Vec<Value> = items.into_iter().map(mask).collect();
            if references {
                items.sort_by_cached_key(Value::to_string);
            }
            Value::Array(items)
        }
        other => other,
    }
}

fn is_reference(map: &Map<String, Value>) -> bool {
    ["id", "type", "fullyQualifiedName", "href"].iter().all(|key| map.contains_key(*key))
        && !map.contains_key("version")
}

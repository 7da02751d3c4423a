//! Deletes of entities, by the name that their key gives: no request names anything outside of the
//! service.

use serde_json::Value;

use super::{
    client::{Call, Failure},
    core::Core,
    fqn,
    map::Kind,
    state::{Known, Lookup},
};
use crate::sink::{Fatal, Item, Outcome, Planned, PlannedChange};

/// Deletes the entities of the items; one outcome for each item, in order.
pub(super) async fn entities(core: &Core, items: &[&Item]) -> Result<Vec<Outcome>, Fatal> {
    let deletes = items
        .iter()
        .map(|item| async move {
            let Some((kind, name)) = core.naming.of_key(item.topic, &item.key) else {
                return Ok(foreign(core, item));
            };
            match entity(core, kind, &name).await {
                Ok(()) => Ok(Outcome::Deleted),
                Err(Failure::Missing(_)) => Ok(Outcome::Deleted),
                Err(failure) => core.outcome(&format!("delete `{}`", item.key), failure),
            }
        })
        .collect();
    core.concurrently(deletes).await
}

/// Deletes one entity, softly unless told otherwise; one that is not there or deleted costs no write.
pub(super) async fn entity(core: &Core, kind: Kind, name: &str) -> Result<(), Failure> {
    let hard = core.load.hard_delete;
    match core.directory.lookup(kind, name) {
        Lookup::Absent => return Ok(()),
        Lookup::Known(known) if known.deleted && !hard => return Ok(()),
        Lookup::Known(_) | Lookup::Unasked => {}
    }
    if kind == Kind::Dashboard {
        // A server from about 1.8 on deletes the charts that are on no other dashboard as well (seen
        // on 1.12.6): what is known of them does not hold any more.
        let Some((dashboard, _)) = core.read(kind, name, "charts", None).await? else {
            return Ok(());
        };
        if !hard && dashboard.get("deleted").and_then(Value::as_bool) == Some(true) {
            return Ok(());
        }
        let charts = dashboard.get("charts").and_then(Value::as_array);
        for chart in charts.into_iter().flatten().filter_map(|c| c.get("name")?.as_str()) {
            core.directory.doubt(Kind::Chart, chart);
        }
        core.set_relink(name, false);
    }
    let fqn = core.naming.fqn(kind, name);
    if core.only_looks() {
        return plan(core, kind, name, fqn).await;
    }
    let path = format!("{}{}", kind.path(), fqn::path(&["name", &fqn]));
    let query = vec![("hardDelete", hard.to_string()), ("recursive", "false".to_owned())];
    core.columns.forget(kind, name);
    let result = core.client.send(&Call::delete(path, query)).await;
    match (hard, &result) {
        (true, _) | (_, Err(Failure::Missing(_))) => core.directory.remove(kind, name),
        _ => core.directory.doubt(kind, name),
    }
    if let (false, Ok(_), Lookup::Known(mut known)) =
        (hard, &result, core.directory.lookup(kind, name))
    {
        known.deleted = true;
        core.directory.set(kind, name, known);
    }
    result.map(|_| ())
}

/// Takes an entity for deleted if there is one, and tells so.
async fn plan(core: &Core, kind: Kind, name: &str, fqn: String) -> Result<(), Failure> {
    let Some((entity, _)) = core.read(kind, name, "", None).await? else { return Ok(()) };
    if core.load.hard_delete || entity.get("deleted").and_then(Value::as_bool) != Some(true) {
        let change = PlannedChange::Delete;
        core.plan(&Planned { kind: kind.entity_type(), name: fqn, change, fields: Vec::new() });
    }
    let mut known = Known::of(&entity);
    known.deleted = true;
    core.directory.set(kind, name, known);
    Ok(())
}

/// The outcome of a key of another service.
pub(super) fn foreign(core: &Core, item: &Item) -> Outcome {
    let reason = format!("`{}` is not a key of service `{}`", item.key, core.naming.service);
    Outcome::Rejected { reason }
}

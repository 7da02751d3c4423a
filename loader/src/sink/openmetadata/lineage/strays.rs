//! What edges hold of events that no topic knows: the edges that lead to our entities are read one
//! target at a time, because OpenMetadata has no list of them.

use std::sync::atomic::Ordering;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use schemas::{event::Node, hash};
use serde_json::{Value, json};

use super::{
    super::{
        client::Failure,
        core::Core,
        map::Kind,
        reconcile::{Alive, Stray, StrayEdge, Strays},
        state,
    },
    delete::{end_of, our_end},
    edge::{Contribution, Details},
    write::{self, Side},
};
use crate::sink::Outcome;

/// An entity of ours that edges may lead to.
#[derive(Clone, Debug)]
struct Target {
    kind: Kind,
    id: String,
    name: String,
}

/// Lists what no topic knows. Targets that are strays themselves are looked at too: their edges go
/// before them.
pub(in super::super) async fn strays(core: &Core, alive: &Alive) -> Result<Strays, Failure> {
    let mut found = Strays::default();
    if core.no_service.load(Ordering::Relaxed) {
        return Ok(found);
    }
    for kind in [Kind::Dashboard, Kind::DataModel] {
        let mut targets = Vec::new();
        state::for_each(&core.client, &core.naming, kind, |entity| {
            let text = |name: &str| entity.get(name).and_then(Value::as_str).map(str::to_owned);
            let is_deleted = entity.get("deleted").and_then(Value::as_bool) == Some(true);
            if let (Some(id), Some(name), false) = (text("id"), text("name"), is_deleted) {
                targets.push(Target { kind, id, name });
            }
        })
        .await?;
        let at_a_time = core.client.max_concurrency();
        let mut looked = stream::iter(targets.into_iter().map(|target| of(core, alive, target)))
            .buffer_unordered(at_a_time);
        while let Some((total, strays)) = looked.try_next().await? {
            found.total += total;
            found.strays.extend(strays);
        }
    }
    // The order of answers is nobody's business.
    found.strays.sort_by_cached_key(|stray| json!(stray).to_string());
    Ok(found)
}

/// How many events the edges that lead to an entity hold, and those of them that are unknown.
async fn of(core: &Core, alive: &Alive, target: Target) -> Result<(usize, Vec<Stray>), Failure> {
    let around = match write::read(core, target.kind.entity_type(), &target.id, (1, 0)).await {
        Ok(around) => around,
        // Deleted meanwhile.
        Err(Failure::Missing(_)) => return Ok((0, Vec::new())),
        Err(failure) => return Err(failure),
    };
    let users = core.users();
    let us = write::us(core, &users);
    let (mut total, mut strays) = (0, Vec::new());
    for (source, to, details) in write::edges(&around, "upstreamEdges") {
        if to != target.id || !details.is_ours(us) {
            continue;
        }
        let Some(from) = end_of(&around, &source) else { continue };
        let stray = |event: String, chart: Option<String>| {
            Stray::Edge(StrayEdge {
                from: from.fqn.clone(),
                to: core.naming.fqn(target.kind, &target.name),
                event,
                chart,
                target: (target.kind, target.name.clone()),
                source_id: source.clone(),
            })
        };
        let charts = match target.kind {
            Kind::Dashboard => charts(core, &target.name, &around, &source, &details),
            Kind::Chart | Kind::DataModel => Vec::new(),
        };
        let says_nothing = details.contributions.is_empty()
            && (target.kind != Kind::Dashboard || details.entries.is_empty());
        if says_nothing && is_ours(core, &from.fqn) {
            // Written by us, but not because of any event: no loader of today made it.
            total += 1;
            strays.push(stray(String::new(), None));
        }
        total += details.contributions.len() + charts.len();
        let unknown = details.contributions.iter().filter(|event| !alive.has_edge(event));
        strays.extend(unknown.map(|event| stray(event.clone(), None)));
        let unknown = charts.into_iter().filter(|(event, _)| !alive.has_edge(event));
        strays.extend(unknown.map(|(event, chart)| stray(event, Some(chart))));
    }
    Ok((total, strays))
}

/// The events whose columns an edge to a dashboard holds: they are not noted, but the ends of a table
/// of the app and a chart tell which event it was. What starts elsewhere cannot be told, and stays.
fn charts(
    core: &Core,
    app_id: &str,
    around: &Value,
    source: &str,
    details: &Details,
) -> Vec<(String, String)> {
    let nodes = around.get("nodes").and_then(Value::as_array);
    let model = nodes.into_iter().flatten().find(|node| {
        node.get("id").and_then(Value::as_str) == Some(source)
            && node.get("type").and_then(Value::as_str) == Some(Kind::DataModel.entity_type())
    });
    let Some(table) = model.and_then(|model| super::delete::table_of(core, model, app_id)) else {
        return Vec::new();
    };
    let mut events = Vec::new();
    for entry in &details.entries {
        let name = super::super::fqn::split(&entry.to).pop().unwrap_or_default();
        let Some(object_id) = name.strip_prefix(&format!("{app_id}_")) else { continue };
        let ends = json!({
            "from": Node::data_model(app_id, &table),
            "to": Node::chart(app_id, object_id),
        });
        events.push((format!("{app_id}/{}", hash::of_json(&ends)), entry.to.clone()));
    }
    events.sort_unstable();
    events.dedup();
    events
}

/// Takes away from an edge what it holds of an unknown event; the edge goes with the last one.
pub(in super::super) async fn remove_stray(
    core: &Core,
    stray: &StrayEdge,
) -> Result<bool, Failure> {
    let (kind, name) = &stray.target;
    let Some(known) = core.find(*kind, name).await? else { return Ok(false) };
    let Some(id) = known.id() else { return Ok(false) };
    let to = our_end(core, *kind, name, id);
    let _guard = core.edge_locks.of(&to.id).await;
    let around = write::read(core, to.entity_type, &to.id, (1, 0)).await?;
    let upstream = write::upstream_of(core, &around, to.entity_type, &to.id);
    let Some(stored) = upstream.get(&stray.source_id) else { return Ok(false) };
    let Some(from) = end_of(&around, &stray.source_id) else { return Ok(false) };
    let removed = Contribution {
        id: stray.event.clone(),
        chart: stray.chart.clone(),
        ..Contribution::default()
    };
    let side = Side { from: &from, to: &to, stored: Some(stored) };
    let outcome = write::write(core, &side, &[], &[removed]).await?;
    Ok(matches!(outcome, Outcome::Updated | Outcome::Deleted))
}

/// Whether a qualified name is one of the service.
fn is_ours(core: &Core, fqn: &str) -> bool {
    super::super::fqn::split(fqn).first() == Some(&core.naming.service)
}

//! What the service holds and no topic knows.

use std::{collections::HashSet, sync::atomic::Ordering};

use schemas::{Topic, key};
use serde::Serialize;
use serde_json::Value;

use super::{
    client::Failure,
    core::Core,
    delete, lineage,
    map::Kind,
    state::{self, name_number},
};

/// Keys that the topics hold.
#[derive(Debug, Default)]
pub struct Alive {
    names: [HashSet<u128>; 3],
    /// Events of edges, by what edges note of them.
    edges: HashSet<u128>,
}

/// Something in the service that no topic knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Stray {
    /// An entity.
    Entity {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// What people call it.
        display_name: Option<String>,
    },
    /// What an edge holds of an event.
    Edge(StrayEdge),
}

/// What an edge holds of an event that no topic knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StrayEdge {
    /// Qualified name of where the edge starts.
    pub from: String,
    /// Qualified name of where it leads.
    pub to: String,
    /// The last two parts of the event's key: `<app id>/<hash of both ends>`; empty when the edge
    /// notes no event at all.
    pub event: String,
    /// Qualified name of the chart whose columns they are, on edges that lead to dashboards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart: Option<String>,
    /// Id and kind of the entity that the edge leads to.
    #[serde(skip)]
    pub(super) target: (Kind, String),
    /// Id of the entity where it starts.
    #[serde(skip)]
    pub(super) source_id: String,
}

/// Strays, and how many entities or edges there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Strays {
    /// Entities that are not deleted, or events that edges of ours hold: what a guard compares the number of strays with.
    pub total: usize,
    /// Dashboards first, which take charts with them.
    pub strays: Vec<Stray>,
}

impl Alive {
    pub(super) fn add(&mut self, core: &Core, topic: Topic, key: &str) {
        if topic == Topic::Lineage {
            if let Some(parts) = key::parse(&core.naming.service, key) {
                self.edges.insert(name_number(&lineage::event_id(&parts)));
            }
        } else if let Some((kind, name)) = core.naming.of_key(topic, key)
            && let Some(names) = self.names.get_mut(kind as usize)
        {
            names.insert(name_number(&name));
        }
    }

    fn has(&self, kind: Kind, name: &str) -> bool {
        self.names.get(kind as usize).is_some_and(|names| names.contains(&name_number(name)))
    }

    /// Whether a topic holds the event that an edge notes so.
    pub(super) fn has_edge(&self, event: &str) -> bool {
        self.edges.contains(&name_number(event))
    }
}

/// Lists what is not alive.
pub(super) async fn strays(core: &Core, alive: &Alive) -> Result<Strays, Failure> {
    let mut found = Strays::default();
    if core.no_service.load(Ordering::Relaxed) {
        return Ok(found);
    }
    for kind in Kind::ALL {
        state::for_each(&core.client, &core.naming, kind, |entity| {
            let text = |name: &str| entity.get(name).and_then(Value::as_str).map(str::to_owned);
            let Some(name) = text("name") else { return };
            if entity.get("deleted").and_then(Value::as_bool) == Some(true) {
                return;
            }
            found.total += 1;
            if !alive.has(kind, &name) {
                found.strays.push(Stray::Entity { kind, name, display_name: text("displayName") });
            }
        })
        .await?;
    }
    Ok(found)
}

/// Whether no topic knows it.
pub(super) fn is_stray(alive: &Alive, stray: &Stray) -> bool {
    match stray {
        Stray::Entity { kind, name, .. } => !alive.has(*kind, name),
        Stray::Edge(edge) => !alive.has_edge(&edge.event),
    }
}

/// Deletes a stray; false when it was gone already.
pub(super) async fn remove(core: &Core, stray: &Stray) -> Result<bool, Failure> {
    let removed = match stray {
        Stray::Entity { kind, name, .. } => delete::entity(core, *kind, name).await.map(|()| true),
        Stray::Edge(edge) => lineage::remove_stray(core, edge).await,
    };
    match removed {
        Err(Failure::Missing(_)) => Ok(false),
        removed => removed,
    }
}

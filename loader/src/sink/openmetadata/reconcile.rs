//! What the service holds and no topic knows.

use std::collections::HashSet;

use schemas::Topic;
use serde::Serialize;
use serde_json::Value;

use super::{
    client::Failure,
    core::Core,
    delete,
    map::Kind,
    state::{self, name_number},
};

/// Keys that the topics hold.
#[derive(Debug, Default)]
pub struct Alive {
    names: [HashSet<u128>; 3],
}

/// An entity of the service that no topic knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stray {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What people call it.
    pub display_name: Option<String>,
}

/// Strays, and how many entities there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Strays {
    /// Entities that are not deleted: what a guard compares the number of strays with.
    pub total: usize,
    /// Dashboards first, which take charts with them.
    pub strays: Vec<Stray>,
}

impl Alive {
    pub(super) fn add(&mut self, core: &Core, topic: Topic, key: &str) {
        if let Some((kind, name)) = core.naming.of_key(topic, key)
            && let Some(names) = self.names.get_mut(kind as usize)
        {
            names.insert(name_number(&name));
        }
    }

    fn has(&self, kind: Kind, name: &str) -> bool {
        self.names.get(kind as usize).is_some_and(|names| names.contains(&name_number(name)))
    }
}

/// Lists what is not alive.
pub(super) async fn strays(core: &Core, alive: &Alive) -> Result<Strays, Failure> {
    let mut found = Strays::default();
    for kind in Kind::ALL {
        state::for_each(&core.client, &core.naming, kind, |entity| {
            let text = |name: &str| entity.get(name).and_then(Value::as_str).map(str::to_owned);
            let Some(name) = text("name") else { return };
            if entity.get("deleted").and_then(Value::as_bool) == Some(true) {
                return;
            }
            found.total += 1;
            if !alive.has(kind, &name) {
                found.strays.push(Stray { kind, name, display_name: text("displayName") });
            }
        })
        .await?;
    }
    Ok(found)
}

/// Deletes a stray; false when it was gone already.
pub(super) async fn remove(core: &Core, stray: &Stray) -> Result<bool, Failure> {
    match delete::entity(core, stray.kind, &stray.name).await {
        Ok(()) => Ok(true),
        Err(Failure::Missing(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

//! Deleting and restoring.

use std::sync::Arc;

use super::Writing;
use crate::entity::Entity;
use crate::kind::Kind;
use crate::problem::Problem;
use crate::store::{Include, Store};

impl Writing<'_> {
    /// Deletes an entity: softly, or for good with `hard`. Deleting a deleted one softly changes nothing.
    ///
    /// # Errors
    /// 400 when it contains others and `recursive` is not set; 500 for good deletes of a poisoned data model.
    pub(crate) fn delete(
        &self,
        store: &mut Store,
        entity: &Arc<Entity>,
        hard: bool,
        recursive: bool,
    ) -> Result<Arc<Entity>, Problem> {
        self.actor.may("Delete")?;
        if hard && entity.is_poisoned() {
            return Err(Problem::Unhandled("null".to_owned()));
        }
        if !recursive && store.has_children(entity.id) {
            return Err(Problem::Bad(format!("{} is not empty", entity.kind)));
        }
        self.delete_children(store, entity, hard)?;
        if entity.kind == Kind::Dashboard && self.rules.delete_cascades_to_charts {
            self.delete_exclusive_charts(store, entity, hard)?;
        }
        if hard {
            let answer = store.get(entity.id).map_or_else(|| Arc::clone(entity), Arc::clone);
            store.remove(entity.id);
            return Ok(answer);
        }
        Ok(if entity.deleted { Arc::clone(entity) } else { self.set_deleted(store, entity, true) })
    }

    fn delete_children(
        &self,
        store: &mut Store,
        entity: &Entity,
        hard: bool,
    ) -> Result<(), Problem> {
        let include = if hard { Include::All } else { Include::Live };
        for kind in Kind::ALL {
            let ids = store
                .children(entity.id, kind)
                .map(|listing| listing.ids(include))
                .unwrap_or_default();
            for id in ids {
                if let Some(child) = store.get(id).map(Arc::clone) {
                    self.delete(store, &child, hard, true)?;
                }
            }
        }
        Ok(())
    }

    /// Deletes the charts of a dashboard that are on no other live dashboard.
    fn delete_exclusive_charts(
        &self,
        store: &mut Store,
        dashboard: &Entity,
        hard: bool,
    ) -> Result<(), Problem> {
        for id in &dashboard.charts {
            let Some(chart) = store.get(*id).map(Arc::clone) else { continue };
            if !on_another_live_dashboard(store, &chart, dashboard) && (hard || !chart.deleted) {
                self.delete(store, &chart, hard, true)?;
            }
        }
        Ok(())
    }

    /// `PUT /{entity}/restore`.
    ///
    /// # Errors
    /// For an entity that is not deleted: 500 with a null pointer, 404 in old releases (recorded).
    pub(crate) fn restore(
        &self,
        store: &mut Store,
        entity: &Arc<Entity>,
    ) -> Result<Arc<Entity>, Problem> {
        self.actor.may("EditAll")?;
        if !entity.deleted {
            return Err(if self.rules.plain_errors {
                Problem::Unhandled(
                    "Cannot invoke \"org.openmetadata.service.util.RestUtil$PutResponse.getEntity()\" because \
                     \"response\" is null"
                        .to_owned(),
                )
            } else {
                Problem::missing(entity.kind.entity_type(), entity.id)
            });
        }
        for kind in Kind::ALL {
            let deleted =
                store.children(entity.id, kind).map(|listing| listing.ids(Include::Deleted));
            for id in deleted.unwrap_or_default() {
                if let Some(child) = store.get(id).map(Arc::clone) {
                    self.restore(store, &child)?;
                }
            }
        }
        if entity.kind == Kind::Dashboard && self.rules.delete_cascades_to_charts {
            self.restore_charts(store, entity);
        }
        Ok(self.set_deleted(store, entity, false))
    }

    /// Restores the charts of a dashboard that comes back, when none of their other dashboards is deleted.
    pub(super) fn restore_charts(&self, store: &mut Store, dashboard: &Entity) {
        for id in &dashboard.charts {
            let Some(chart) = store.get(*id).map(Arc::clone) else { continue };
            let others_live = chart
                .dashboards
                .iter()
                .filter(|other| **other != dashboard.id)
                .all(|other| store.get(*other).is_none_or(|other| !other.deleted));
            if chart.deleted && others_live {
                self.set_deleted(store, &chart, false);
            }
        }
    }
}

fn on_another_live_dashboard(store: &Store, chart: &Entity, dashboard: &Entity) -> bool {
    chart
        .dashboards
        .iter()
        .filter(|other| **other != dashboard.id)
        .any(|other| store.get(*other).is_some_and(|other| !other.deleted))
}

//! Events: one Rust type per Avro schema in `avro/`, whose `doc` attributes explain every field.
//!
//! Times are milliseconds since the epoch. Optional fields are `None` when Qlik does not say.

mod chart;
mod dashboard;
mod datamodel;
mod lineage;
mod run;

use serde_json::Value;

pub use self::{
    chart::{AuxiliaryExpression, AuxiliaryRole, Chart, ChartType, Dimension, Grouping, Measure},
    dashboard::{CustomProperty, Dashboard, Owner, Project, Sheet},
    datamodel::{DataModel, DataModelKind, DataType, Field, File, KeyType},
    lineage::{ColumnLineage, Lineage, Node, Origin, Resolution, node},
    run::{EventCount, FailedApp, Phase, Run},
};
use crate::{Topic, hash, json, key};

/// Milliseconds since the epoch.
pub type Millis = i64;

/// Any event.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A Qlik app.
    Dashboard(Box<Dashboard>),
    /// A visualization.
    Chart(Box<Chart>),
    /// A table, an app's master items, or a data file.
    DataModel(Box<DataModel>),
    /// An edge.
    Lineage(Box<Lineage>),
    /// Start or end of an extractor run.
    Run(Box<Run>),
}

impl Event {
    /// Topic that the event goes to.
    #[must_use]
    pub fn topic(&self) -> Topic {
        match self {
            Self::Dashboard(_) => Topic::Dashboards,
            Self::Chart(_) => Topic::Charts,
            Self::DataModel(_) => Topic::DataModels,
            Self::Lineage(_) => Topic::Lineage,
            Self::Run(_) => Topic::Runs,
        }
    }

    /// Key of the record: the identity of what the event is about.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Dashboard(e) => key::dashboard(&e.service, &e.app_id),
            Self::Chart(e) => key::chart(&e.service, &e.app_id, &e.object_id),
            Self::DataModel(e) => e.key(),
            Self::Lineage(e) => key::edge(&e.service, &e.app_id, &e.edge_hash()),
            Self::Run(e) => e.service.clone(),
        }
    }

    /// Text whose hash is the partition: the app id, a data file's path, or the service of a run.
    #[must_use]
    pub fn partition_text(&self) -> &str {
        match self {
            Self::Dashboard(e) => &e.app_id,
            Self::Chart(e) => &e.app_id,
            Self::DataModel(e) => e.partition_text(),
            Self::Lineage(e) => &e.app_id,
            Self::Run(e) => &e.service,
        }
    }

    /// Hash of what the event says, without when it was observed: equal hash, nothing new.
    #[must_use]
    pub fn content_hash(&self) -> String {
        let mut value = json::of_event(self);
        if let Value::Object(members) = &mut value {
            members.remove("observed_at");
        }
        hash::of_json(&value)
    }
}

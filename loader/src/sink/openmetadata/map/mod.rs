//! From events to what an entity should be, for the version of a server. Pure.

mod body;
mod canonical;
pub(super) mod text;

pub(super) use self::body::tag_label;

use schemas::event::{Chart, Dashboard, DataModel, DataModelKind, DataType, Field, KeyType};
use schemas::key;

use self::text::Style;
use super::{
    fqn,
    hash::{self, Record},
    names,
    version::Features,
};

/// Kind of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A Qlik app.
    Dashboard,
    /// A visualization.
    Chart,
    /// A table, file, or an app's master items.
    DataModel,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Dashboard, Self::Chart, Self::DataModel];

    /// First part of the path.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Dashboard => "/dashboards",
            Self::Chart => "/charts",
            Self::DataModel => "/dashboard/datamodels",
        }
    }

    /// Type in references.
    pub(super) fn entity_type(self) -> &'static str {
        match self {
            Self::Dashboard => "dashboard",
            Self::Chart => "chart",
            Self::DataModel => "dashboardDataModel",
        }
    }
}

/// The service and the rules for names in it.
#[derive(Clone, Debug)]
pub(super) struct Naming {
    /// Bare name, first part of record keys.
    pub(super) service: String,
    pub(super) features: Features,
}

impl Naming {
    /// Qualified name of the service.
    pub(super) fn service_fqn(&self) -> String {
        fqn::quoted(&self.service)
    }

    /// Qualified name of one of our entities.
    pub(super) fn fqn(&self, kind: Kind, name: &str) -> String {
        match kind {
            Kind::Dashboard | Kind::Chart => fqn::join(&[&self.service, name]),
            Kind::DataModel if self.features.model_fqn_unquoted_service => {
                format!("{}.model.{}", self.service, fqn::quoted(name))
            }
            Kind::DataModel => fqn::join(&[&self.service, "model", name]),
        }
    }

    /// Name of the dashboard of an app.
    pub(super) fn dashboard(&self, app_id: &str) -> String {
        names::dashboard(self.features.names, app_id)
    }

    /// Name of a chart.
    pub(super) fn chart(&self, app_id: &str, object_id: &str) -> String {
        names::chart(self.features.names, app_id, object_id)
    }

    /// Name of the data model of a table.
    pub(super) fn table(&self, app_id: &str, table: &str) -> String {
        names::table(self.features.names, app_id, table)
    }

    /// Kind and name of the entity that a record's key is about.
    pub(super) fn of_key(&self, topic: schemas::Topic, key: &str) -> Option<(Kind, String)> {
        let parts = key::parse(&self.service, key)?;
        match topic {
            schemas::Topic::Dashboards => Some((Kind::Dashboard, self.dashboard(parts.app_id))),
            schemas::Topic::Charts => Some((Kind::Chart, self.chart(parts.app_id, parts.rest))),
            schemas::Topic::DataModels => Some((Kind::DataModel, self.model_of_key(&parts))),
            _ => None,
        }
    }

    fn model_of_key(&self, parts: &key::Parts<'_>) -> String {
        if parts.app_id == key::FILE {
            names::file(parts.rest)
        } else {
            self.table(parts.app_id, parts.rest)
        }
    }

    fn style(&self) -> Style {
        if self.features.sanitises_html { Style::Escaped } else { Style::Markdown }
    }
}

/// A column of a data model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// The Qlik name when `name` is not quite that.
    pub(super) display_name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) data_type: &'static str,
    pub(super) data_type_display: &'static str,
    pub(super) unique: bool,
}

/// What the kinds do not share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// Qualified names of charts in reading order, and of data models.
    Dashboard { charts: Vec<String>, data_models: Vec<String> },
    /// The server's chart type, and the dashboards it is on.
    Chart { chart_type: &'static str, dashboards: Vec<String> },
    /// Columns, and the load statements.
    DataModel { columns: Vec<Column>, sql: Option<String> },
}

/// What an entity should be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draft {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) fqn: String,
    /// The app it belongs to; files have none.
    pub(super) app_id: Option<String>,
    pub(super) display_name: String,
    pub(super) description: Option<String>,
    pub(super) source_url: Option<String>,
    /// Stream or space.
    pub(super) project: Option<String>,
    /// Raw names at first, qualified names once the tags exist.
    pub(super) tags: Vec<String>,
    /// Ids of users.
    pub(super) owners: Vec<String>,
    /// End of the reload, milliseconds since the epoch.
    pub(super) updated_at: Option<i64>,
    pub(super) detail: Detail,
}

/// What an app's dashboard should be.
pub(super) fn dashboard(event: &Dashboard, naming: &Naming) -> Draft {
    let name = naming.dashboard(&event.app_id);
    let mut charts: Vec<_> = event
        .sheets
        .iter()
        .flat_map(|sheet| &sheet.chart_ids)
        .map(|id| naming.fqn(Kind::Chart, &naming.chart(&event.app_id, id)))
        .collect();
    remove_repeated(&mut charts);
    let mut data_models: Vec<_> = event
        .data_model_keys
        .iter()
        .filter_map(|text| key::parse(&naming.service, text))
        .map(|parts| naming.fqn(Kind::DataModel, &naming.model_of_key(&parts)))
        .collect();
    remove_repeated(&mut data_models);
    let properties = event.custom_properties.iter().filter_map(|property| {
        Some(format!("{}: {}", text::line(&property.name)?, text::line(&property.value)?))
    });
    Draft {
        kind: Kind::Dashboard,
        fqn: naming.fqn(Kind::Dashboard, &name),
        name,
        app_id: Some(event.app_id.clone()),
        display_name: text::display_name(Some(&event.title), &event.app_id),
        description: text::own(event.description.as_deref()),
        source_url: event.url.clone(),
        project: event.project.as_ref().and_then(|project| text::line(&project.name)),
        tags: event.tags.iter().filter_map(|tag| text::line(tag)).chain(properties).collect(),
        owners: Vec::new(),
        updated_at: event.last_reload_at,
        detail: Detail::Dashboard { charts, data_models },
    }
}

/// What the chart of a visualization should be.
pub(super) fn chart(event: &Chart, naming: &Naming) -> Draft {
    let name = naming.chart(&event.app_id, &event.object_id);
    Draft {
        kind: Kind::Chart,
        fqn: naming.fqn(Kind::Chart, &name),
        name,
        app_id: Some(event.app_id.clone()),
        display_name: text::chart_name(event),
        description: text::chart_description(event, naming.style()),
        source_url: event.url.clone(),
        project: None,
        tags: event.tags.iter().filter_map(|tag| text::line(tag)).collect(),
        owners: Vec::new(),
        updated_at: None,
        detail: Detail::Chart {
            chart_type: naming.features.chart_type(event.chart_type),
            dashboards: Vec::new(),
        },
    }
}

/// What the data model of a table, a file or an app's master items should be.
pub(super) fn data_model(event: &DataModel, naming: &Naming) -> Draft {
    let app_id = event.app_id.as_deref().unwrap_or_default();
    let table = event.table.as_deref().unwrap_or_default();
    let (name, display_name) = match (&event.file, event.kind) {
        (Some(file), _) => (names::file(&file.path), text::display_name(Some(&file.path), "file")),
        (None, DataModelKind::MasterItems) => {
            (naming.table(app_id, table), "Master items".to_owned())
        }
        (None, _) => (naming.table(app_id, table), text::display_name(Some(table), "table")),
    };
    Draft {
        kind: Kind::DataModel,
        fqn: naming.fqn(Kind::DataModel, &name),
        name,
        app_id: event.app_id.clone().filter(|_| event.file.is_none()),
        display_name,
        description: text::data_model_description(event),
        source_url: None,
        project: None,
        tags: Vec::new(),
        owners: Vec::new(),
        updated_at: event.modified_at,
        detail: Detail::DataModel {
            columns: columns(&event.fields, naming),
            sql: text::own(event.statement.as_deref()),
        },
    }
}

fn columns(fields: &[Field], naming: &Naming) -> Vec<Column> {
    let field_names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    let column = |field: &Field, name: Option<String>| {
        let name = name?;
        Some(Column {
            display_name: (name != field.name).then(|| text::line(&field.name)).flatten(),
            description: text::column_description(field, naming.style()),
            data_type: data_type(field.data_type, &naming.features),
            data_type_display: data_type_display(field.data_type),
            // A perfect key is unique in its table as well; `PRIMARY_KEY` on several columns would
            // read as one key of several columns.
            unique: matches!(field.key_type, Some(KeyType::PrimaryKey | KeyType::PerfectKey)),
            name,
        })
    };
    fields
        .iter()
        .zip(names::columns(&field_names))
        .filter_map(|(field, name)| column(field, name))
        .collect()
}

fn data_type(data_type: DataType, features: &Features) -> &'static str {
    match data_type {
        DataType::String => "STRING",
        DataType::Integer => "BIGINT",
        DataType::Double => "DOUBLE",
        DataType::Date => "DATE",
        DataType::Timestamp => "TIMESTAMP",
        DataType::Time => "TIME",
        DataType::Interval => "INTERVAL",
        DataType::Boolean => "BOOLEAN",
        DataType::Measure if features.measure_type => "MEASURE",
        DataType::Measure | DataType::Dimension | DataType::Unknown => "UNKNOWN",
    }
}

/// Lower-case, as the server makes it anyway.
fn data_type_display(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Unknown => "unknown",
        DataType::String => "string",
        DataType::Integer => "integer",
        DataType::Double => "double",
        DataType::Date => "date",
        DataType::Timestamp => "timestamp",
        DataType::Time => "time",
        DataType::Interval => "interval",
        DataType::Boolean => "boolean",
        DataType::Measure => "measure",
        DataType::Dimension => "dimension",
    }
}

fn remove_repeated(items: &mut Vec<String>) {
    let mut seen = std::collections::HashSet::new();
    items.retain(|item| seen.insert(item.clone()));
}

impl Draft {
    /// The columns of a data model.
    pub(super) fn columns(&self) -> &[Column] {
        match &self.detail {
            Detail::DataModel { columns, .. } => columns,
            _ => &[],
        }
    }

    /// Hash of everything that is sent.
    pub(super) fn content(&self) -> u64 {
        hash::content(&canonical::of(self))
    }

    /// What is to be recorded with the entity when it is written.
    pub(super) fn record(&self) -> Record {
        self.record_with(self.content())
    }

    /// The same where [`Draft::content`] is known already.
    pub(super) fn record_with(&self, content: u64) -> Record {
        Record {
            content,
            description: hash::description_mark(self.description.as_deref()),
            display_name: hash::display_name_mark(Some(&self.display_name)),
            owners: hash::owners_mark(self.owners.iter().map(String::as_str)),
            columns: hash::columns_mark(
                self.columns().iter().map(|c| (c.name.as_str(), c.description.as_deref())),
            ),
            project: hash::project_mark(self.project.as_deref()),
        }
    }
}

#[cfg(test)]
mod tests;

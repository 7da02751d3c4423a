//! The kinds of entities: names, paths, parents, properties.

mod properties;

use std::fmt;

use crate::schema::Class;
use crate::schema::classes::{
    CREATE_BOT, CREATE_CHART, CREATE_CLASSIFICATION, CREATE_DASHBOARD, CREATE_DASHBOARD_SERVICE,
    CREATE_DATA_MODEL, CREATE_DATA_PRODUCT, CREATE_DATABASE, CREATE_DATABASE_SCHEMA,
    CREATE_DATABASE_SERVICE, CREATE_DOMAIN, CREATE_TABLE, CREATE_TAG, CREATE_TEAM, CREATE_USER,
};
use crate::version::Rules;

/// A kind of entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `dashboardService`
    DashboardService,
    /// `databaseService`
    DatabaseService,
    /// `database`
    Database,
    /// `databaseSchema`
    DatabaseSchema,
    /// `table`
    Table,
    /// `dashboard`
    Dashboard,
    /// `chart`
    Chart,
    /// `dashboardDataModel`
    DataModel,
    /// `classification`
    Classification,
    /// `tag`
    Tag,
    /// `user`
    User,
    /// `team`
    Team,
    /// `bot`
    Bot,
    /// `domain`
    Domain,
    /// `dataProduct`
    DataProduct,
}

/// How a property that is plain JSON takes part in an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// A difference is a change: the version rises.
    Changes,
    /// Not looked at: stored only along with a change elsewhere.
    Ignored,
    /// `sourceHash`: stored; whether the version rises depends on the release.
    Hash,
}

/// Entity types that may stand in a lineage request though no such entity exists here.
const FOREIGN_TYPES: [&str; 9] = [
    "container",
    "topic",
    "pipeline",
    "mlmodel",
    "searchIndex",
    "storedProcedure",
    "apiEndpoint",
    "metric",
    "directory",
];

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 15] = [
        Self::DashboardService,
        Self::DatabaseService,
        Self::Database,
        Self::DatabaseSchema,
        Self::Table,
        Self::Dashboard,
        Self::Chart,
        Self::DataModel,
        Self::Classification,
        Self::Tag,
        Self::User,
        Self::Team,
        Self::Bot,
        Self::Domain,
        Self::DataProduct,
    ];

    /// The entity type, as in references and lineage paths.
    pub fn entity_type(self) -> &'static str {
        match self {
            Self::DashboardService => "dashboardService",
            Self::DatabaseService => "databaseService",
            Self::Database => "database",
            Self::DatabaseSchema => "databaseSchema",
            Self::Table => "table",
            Self::Dashboard => "dashboard",
            Self::Chart => "chart",
            Self::DataModel => "dashboardDataModel",
            Self::Classification => "classification",
            Self::Tag => "tag",
            Self::User => "user",
            Self::Team => "team",
            Self::Bot => "bot",
            Self::Domain => "domain",
            Self::DataProduct => "dataProduct",
        }
    }

    /// The path below `/api/v1/`.
    pub fn collection(self) -> &'static str {
        match self {
            Self::DashboardService => "services/dashboardServices",
            Self::DatabaseService => "services/databaseServices",
            Self::Database => "databases",
            Self::DatabaseSchema => "databaseSchemas",
            Self::Table => "tables",
            Self::Dashboard => "dashboards",
            Self::Chart => "charts",
            Self::DataModel => "dashboard/datamodels",
            Self::Classification => "classifications",
            Self::Tag => "tags",
            Self::User => "users",
            Self::Team => "teams",
            Self::Bot => "bots",
            Self::Domain => "domains",
            Self::DataProduct => "dataProducts",
        }
    }

    /// The kind whose [`Self::entity_type`] is `name`.
    pub fn of_type(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.entity_type() == name)
    }

    /// The kind with the search index `name`.
    pub(crate) fn of_index(name: &str) -> Option<Self> {
        let (base, suffix) =
            name.split_at_checked(name.len().checked_sub("_search_index".len())?)?;
        if suffix != "_search_index" {
            return None;
        }
        Some(match base {
            "table" => Self::Table,
            "dashboard" => Self::Dashboard,
            "chart" => Self::Chart,
            "dashboard_data_model" => Self::DataModel,
            "database" => Self::Database,
            "database_schema" => Self::DatabaseSchema,
            "database_service" => Self::DatabaseService,
            "dashboard_service" => Self::DashboardService,
            "user" => Self::User,
            "team" => Self::Team,
            "tag" => Self::Tag,
            "classification" => Self::Classification,
            "domain" => Self::Domain,
            "data_product" => Self::DataProduct,
            _ => return None,
        })
    }

    /// Whether the real server has an entity type `name` that does not exist here.
    pub(crate) fn is_foreign(name: &str) -> bool {
        FOREIGN_TYPES.contains(&name)
    }

    pub(crate) fn create_class(self) -> &'static Class {
        match self {
            Self::DashboardService => &CREATE_DASHBOARD_SERVICE,
            Self::DatabaseService => &CREATE_DATABASE_SERVICE,
            Self::Database => &CREATE_DATABASE,
            Self::DatabaseSchema => &CREATE_DATABASE_SCHEMA,
            Self::Table => &CREATE_TABLE,
            Self::Dashboard => &CREATE_DASHBOARD,
            Self::Chart => &CREATE_CHART,
            Self::DataModel => &CREATE_DATA_MODEL,
            Self::Classification => &CREATE_CLASSIFICATION,
            Self::Tag => &CREATE_TAG,
            Self::User => &CREATE_USER,
            Self::Team => &CREATE_TEAM,
            Self::Bot => &CREATE_BOT,
            Self::Domain => &CREATE_DOMAIN,
            Self::DataProduct => &CREATE_DATA_PRODUCT,
        }
    }

    /// The Java class of the entity.
    pub(crate) fn entity_class(self) -> &'static str {
        match self {
            Self::DashboardService => "org.openmetadata.schema.entity.services.DashboardService",
            Self::DatabaseService => "org.openmetadata.schema.entity.services.DatabaseService",
            Self::Database => "org.openmetadata.schema.entity.data.Database",
            Self::DatabaseSchema => "org.openmetadata.schema.entity.data.DatabaseSchema",
            Self::Table => "org.openmetadata.schema.entity.data.Table",
            Self::Dashboard => "org.openmetadata.schema.entity.data.Dashboard",
            Self::Chart => "org.openmetadata.schema.entity.data.Chart",
            Self::DataModel => "org.openmetadata.schema.entity.data.DashboardDataModel",
            Self::Classification => "org.openmetadata.schema.entity.classification.Classification",
            Self::Tag => "org.openmetadata.schema.entity.classification.Tag",
            Self::User => "org.openmetadata.schema.entity.teams.User",
            Self::Team => "org.openmetadata.schema.entity.teams.Team",
            Self::Bot => "org.openmetadata.schema.entity.Bot",
            Self::Domain => "org.openmetadata.schema.entity.domains.Domain",
            Self::DataProduct => "org.openmetadata.schema.entity.domains.DataProduct",
        }
    }

    /// The property of the Create request that names the parent, and the parent's kind.
    pub(crate) fn parent(self) -> Option<(&'static str, Self)> {
        Some(match self {
            Self::Dashboard | Self::Chart | Self::DataModel => ("service", Self::DashboardService),
            Self::Database => ("service", Self::DatabaseService),
            Self::DatabaseSchema => ("database", Self::Database),
            Self::Table => ("databaseSchema", Self::DatabaseSchema),
            Self::Tag => ("classification", Self::Classification),
            Self::Domain => ("parent", Self::Domain),
            _ => return None,
        })
    }

    pub(crate) fn is_service(self) -> bool {
        matches!(self, Self::DashboardService | Self::DatabaseService)
    }

    /// Whether the kind has `PUT /bulk` and `DELETE /deleteStale`, where the release has them.
    pub(crate) fn has_bulk(self) -> bool {
        !self.is_service() && !matches!(self, Self::User | Self::Team | Self::Bot)
    }

    pub(crate) fn has_columns(self) -> bool {
        matches!(self, Self::Table | Self::DataModel)
    }

    /// The properties that are plain JSON, with how an update treats them.
    pub(crate) fn plain(self) -> &'static [(&'static str, Comparison)] {
        use Comparison::{Changes, Hash, Ignored};
        match self {
            Self::Dashboard => &[
                ("dashboardType", Ignored),
                ("sourceUrl", Changes),
                ("project", Ignored),
                ("sourceHash", Hash),
            ],
            Self::Chart => &[("chartType", Changes), ("sourceUrl", Changes), ("sourceHash", Hash)],
            Self::DataModel => &[
                ("dataModelType", Ignored),
                ("sql", Changes),
                ("project", Ignored),
                ("sourceUrl", Changes),
                ("sourceHash", Hash),
            ],
            Self::DashboardService | Self::DatabaseService => {
                &[("serviceType", Ignored), ("connection", Changes)]
            }
            Self::Database | Self::DatabaseSchema => {
                &[("retentionPeriod", Changes), ("sourceUrl", Changes), ("sourceHash", Hash)]
            }
            Self::Table => &[
                ("tableType", Changes),
                ("tableConstraints", Changes),
                ("viewDefinition", Changes),
                ("schemaDefinition", Changes),
                ("sourceUrl", Changes),
                ("fileFormat", Ignored),
                ("sourceHash", Hash),
            ],
            Self::Classification | Self::Tag => {
                &[("mutuallyExclusive", Changes), ("provider", Ignored), ("style", Changes)]
            }
            Self::User => &[
                ("email", Changes),
                ("timezone", Changes),
                ("isBot", Changes),
                ("isAdmin", Changes),
                ("roles", Changes),
            ],
            Self::Team => &[("teamType", Changes), ("email", Changes)],
            Self::Bot => &[("botUser", Changes)],
            Self::Domain => &[("domainType", Changes), ("style", Changes)],
            Self::DataProduct => &[("style", Changes)],
        }
    }

    /// The properties of the entity, of every release, in the order of its answers.
    pub(crate) fn properties(self) -> &'static [&'static str] {
        properties::of(self)
    }

    /// Whether a server with `rules` has the property `name` on this kind: what `fields=` may ask for.
    pub(crate) fn has_property(self, name: &str, rules: &Rules) -> bool {
        let exists = match name {
            "owner" => rules.code <= 104,
            "owners" => rules.code >= 105,
            "domain" => rules.single_domain,
            "domains" => rules.code >= 109,
            "lifeCycle" => rules.code >= 102,
            "certification" => rules.code >= 106,
            "sourceHash" => rules.source_hash,
            "incrementalChangeDescription" => rules.incremental_change,
            "entityStatus" => rules.entity_status,
            "dashboards" => rules.code >= 105,
            "viewDefinition" => rules.code <= 104,
            "schemaDefinition" => rules.code >= 105,
            "sourceUrl" => self != Self::DataModel || rules.code >= 109,
            _ => true,
        };
        exists && self.properties().contains(&name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entity_type())
    }
}

//! The request classes, property by property, as the generated models of each release have them.

use super::choices::{
    CHART_TYPE, COLUMN_DATA_TYPE, CONSTRAINT, DASHBOARD_SERVICE_TYPE, DASHBOARD_TYPE,
    DATA_MODEL_TYPE, DOMAIN_TYPE, LABEL_STATE, LABEL_TYPE, LINEAGE_SOURCE, TAG_SOURCE, TEAM_TYPE,
};
use super::{Class, Field, Shape};

const fn field(name: &'static str, shape: Shape) -> Field {
    Field::new(name, shape)
}

const fn name() -> Field {
    field("name", Shape::Name).required()
}

const fn wide_name() -> Field {
    field("name", Shape::WideName).required()
}

const fn text(name: &'static str) -> Field {
    field(name, Shape::Text)
}

const fn owner() -> Field {
    field("owner", Shape::Object(&ENTITY_REFERENCE)).until(104)
}

const fn owners() -> Field {
    field("owners", Shape::Objects(&ENTITY_REFERENCE)).since(105)
}

const fn tags() -> Field {
    field("tags", Shape::Objects(&TAG_LABEL))
}

const fn domain() -> Field {
    text("domain").until(108)
}

const fn domains() -> Field {
    field("domains", Shape::Texts).since(109)
}

const fn data_products() -> Field {
    field("dataProducts", Shape::Texts)
}

const fn life_cycle() -> Field {
    field("lifeCycle", Shape::Object(&LIFE_CYCLE)).since(102)
}

const fn source_hash() -> Field {
    field("sourceHash", Shape::Hash)
}

/// A getter of the common interface, which Jackson takes for a property; its value is ignored.
const fn reviewers() -> Field {
    field("reviewers", Shape::Free).since(104)
}

pub(crate) static CREATE_DASHBOARD: Class = Class {
    name: "org.openmetadata.schema.api.data.CreateDashboard",
    closed: true,
    fields: &[
        name(),
        text("displayName"),
        text("description"),
        field("dashboardType", Shape::Choice(&DASHBOARD_TYPE)),
        text("sourceUrl"),
        text("project"),
        field("charts", Shape::Texts),
        field("dataModels", Shape::Texts),
        tags(),
        owner(),
        owners(),
        text("service").required(),
        field("extension", Shape::Free),
        domain(),
        domains(),
        data_products(),
        life_cycle(),
        source_hash(),
        reviewers(),
    ],
};

pub(crate) static CREATE_CHART: Class = Class {
    name: "org.openmetadata.schema.api.data.CreateChart",
    closed: true,
    fields: &[
        name(),
        text("displayName"),
        text("description"),
        field("chartType", Shape::Choice(&CHART_TYPE)),
        text("sourceUrl"),
        tags(),
        owner(),
        owners(),
        text("service").required(),
        domain(),
        domains(),
        data_products(),
        life_cycle(),
        source_hash(),
        field("dashboards", Shape::Texts).since(105),
        field("extension", Shape::Free).since(109),
        reviewers(),
    ],
};

pub(crate) static CREATE_DATA_MODEL: Class = Class {
    name: "org.openmetadata.schema.api.data.CreateDashboardDataModel",
    closed: true,
    fields: &[
        name(),
        text("displayName"),
        text("description"),
        tags(),
        data_products().since(102),
        owner(),
        owners(),
        text("service").required(),
        field("serviceType", Shape::Choice(&DASHBOARD_SERVICE_TYPE)),
        field("dataModelType", Shape::Choice(&DATA_MODEL_TYPE)).required(),
        text("sourceUrl").since(109),
        text("sql"),
        field("columns", Shape::Objects(&COLUMN)).required(),
        text("project"),
        domain(),
        domains(),
        life_cycle(),
        source_hash(),
        field("extension", Shape::Free).since(105),
        reviewers(),
    ],
};

pub(crate) static CREATE_DASHBOARD_SERVICE: Class = Class {
    name: "org.openmetadata.schema.api.services.CreateDashboardService",
    closed: true,
    fields: &[
        name(),
        text("displayName"),
        text("description"),
        field("serviceType", Shape::Choice(&DASHBOARD_SERVICE_TYPE)).required(),
        field("connection", Shape::Object(&CONNECTION)),
        tags(),
        owner(),
        owners(),
        data_products().since(103),
        domain(),
        domains(),
        field("ingestionRunner", Shape::Object(&ENTITY_REFERENCE)).since(108),
        field("style", Shape::Free).since(200),
        reviewers(),
    ],
};

pub(crate) static CREATE_DATABASE_SERVICE: Class = Class {
    name: "org.openmetadata.schema.api.services.CreateDatabaseService",
    closed: true,
    fields: &[
        wide_name(),
        text("displayName"),
        text("description"),
        text("serviceType").required(),
        field("connection", Shape::Object(&CONNECTION)),
        tags(),
        owner(),
        owners(),
        data_products().since(103),
        domain(),
        domains(),
        field("ingestionRunner", Shape::Object(&ENTITY_REFERENCE)).since(108),
        field("style", Shape::Free).since(200),
        reviewers(),
    ],
};

pub(crate) static CREATE_DATABASE: Class = Class {
    name: "org.openmetadata.schema.api.data.CreateDatabase",
    closed: true,
    fields: &[
        wide_name(),
        text("displayName"),
        text("description"),
        tags(),
        owner(),
        owners(),
        text("service").required(),
        field("default", Shape::Flag),
        text("retentionPeriod"),
        field("extension", Shape::Free),
        text("sourceUrl"),
        domain(),
        domains(),
        data_products(),
        life_cycle(),
        source_hash(),
        reviewers(),
    ],
};

pub(crate) static CREATE_DATABASE_SCHEMA: Class = Class {
    name: "org.openmetadata.schema.api.data.CreateDatabaseSchema",
    closed: true,
    fields: &[
        wide_name(),
        text("displayName"),
        text("description"),
        owner(),
        owners(),
        text("database").required(),
        tags(),
        text("retentionPeriod"),
        field("extension", Shape::Free),
        text("sourceUrl"),
        domain(),
        domains(),
        data_products(),
        life_cycle(),
        source_hash(),
        reviewers(),
    ],
};

pub(crate) static CREATE_TABLE: Class = Class {
    name: "org.openmetadata.schema.api.data.CreateTable",
    closed: true,
    fields: &[
        wide_name(),
        text("displayName"),
        text("description"),
        text("tableType"),
        field("columns", Shape::Objects(&COLUMN)).required(),
        field("tableConstraints", Shape::Free),
        field("tablePartition", Shape::Free),
        field("tableProfilerConfig", Shape::Free),
        owner(),
        owners(),
        text("databaseSchema").required(),
        tags(),
        text("viewDefinition").until(104),
        text("schemaDefinition").since(105),
        text("retentionPeriod"),
        field("extension", Shape::Free),
        text("sourceUrl"),
        domain(),
        domains(),
        data_products(),
        text("fileFormat"),
        life_cycle(),
        source_hash(),
        text("locationPath").since(105),
        text("processedLineage").since(107),
        reviewers(),
    ],
};

pub(crate) static CREATE_CLASSIFICATION: Class = Class {
    name: "org.openmetadata.schema.api.classification.CreateClassification",
    closed: false,
    fields: &[
        name(),
        text("displayName"),
        text("description").required(),
        text("provider"),
        field("mutuallyExclusive", Shape::Flag),
        owners(),
        domain(),
        domains(),
    ],
};

pub(crate) static CREATE_TAG: Class = Class {
    name: "org.openmetadata.schema.api.classification.CreateTag",
    closed: false,
    fields: &[
        text("classification"),
        text("parent"),
        name(),
        text("displayName"),
        text("description").required(),
        field("style", Shape::Free),
        text("provider"),
        field("mutuallyExclusive", Shape::Flag),
        domain(),
        domains(),
    ],
};

pub(crate) static CREATE_USER: Class = Class {
    name: "org.openmetadata.schema.api.teams.CreateUser",
    closed: false,
    fields: &[
        wide_name(),
        text("description"),
        text("displayName"),
        text("email").required(),
        text("timezone"),
        field("isBot", Shape::Flag),
        field("isAdmin", Shape::Flag),
        field("roles", Shape::Free),
        field("teams", Shape::Free),
        field("authenticationMechanism", Shape::Free),
    ],
};

pub(crate) static CREATE_TEAM: Class = Class {
    name: "org.openmetadata.schema.api.teams.CreateTeam",
    closed: false,
    fields: &[
        field("teamType", Shape::Choice(&TEAM_TYPE)).required(),
        wide_name(),
        text("email"),
        text("displayName"),
        text("description"),
    ],
};

pub(crate) static CREATE_BOT: Class = Class {
    name: "org.openmetadata.schema.api.CreateBot",
    closed: false,
    fields: &[wide_name(), text("displayName"), text("description"), text("botUser").required()],
};

pub(crate) static CREATE_DOMAIN: Class = Class {
    name: "org.openmetadata.schema.api.domains.CreateDomain",
    closed: false,
    fields: &[
        field("domainType", Shape::Choice(&DOMAIN_TYPE)).required(),
        name(),
        text("displayName"),
        text("description").required(),
        field("style", Shape::Free),
        text("parent"),
        owner(),
        owners(),
    ],
};

pub(crate) static CREATE_DATA_PRODUCT: Class = Class {
    name: "org.openmetadata.schema.api.domains.CreateDataProduct",
    closed: false,
    fields: &[
        name(),
        text("displayName"),
        text("description").required(),
        field("style", Shape::Free),
        owner(),
        owners(),
        domain().required(),
        domains().required(),
    ],
};

pub(crate) static ENTITY_REFERENCE: Class = Class {
    name: "org.openmetadata.schema.type.EntityReference",
    closed: true,
    fields: &[
        field("id", Shape::Uuid).required(),
        text("type").required(),
        text("name"),
        text("fullyQualifiedName"),
        text("description"),
        text("displayName"),
        field("deleted", Shape::Flag),
        field("inherited", Shape::Flag),
        text("href"),
    ],
};

/// The server has defaults for all but `tagFQN` (recorded: a label of nothing else is accepted).
pub(crate) static TAG_LABEL: Class = Class {
    name: "org.openmetadata.schema.type.TagLabel",
    closed: true,
    fields: &[
        text("tagFQN").required(),
        text("name"),
        text("displayName"),
        text("description"),
        field("style", Shape::Free),
        field("source", Shape::Choice(&TAG_SOURCE)),
        field("labelType", Shape::Choice(&LABEL_TYPE)),
        field("state", Shape::Choice(&LABEL_STATE)),
        text("href"),
        text("reason").since(200),
        field("appliedAt", Shape::Free).since(200),
        text("appliedBy").since(200),
        field("metadata", Shape::Free).since(200),
    ],
};

pub(crate) static COLUMN: Class = Class {
    name: "org.openmetadata.schema.type.Column",
    closed: true,
    fields: &[
        field("name", Shape::ColumnName).required(),
        text("displayName"),
        field("dataType", Shape::Choice(&COLUMN_DATA_TYPE)).required(),
        field("arrayDataType", Shape::Choice(&COLUMN_DATA_TYPE)),
        field("dataLength", Shape::Integer),
        field("precision", Shape::Integer),
        field("scale", Shape::Integer),
        text("dataTypeDisplay"),
        text("description"),
        text("fullyQualifiedName"),
        tags(),
        field("constraint", Shape::Choice(&CONSTRAINT)),
        field("ordinalPosition", Shape::Integer),
        text("jsonSchema"),
        field("children", Shape::Objects(&COLUMN)),
        field("profile", Shape::Free),
        field("customMetrics", Shape::Free),
        field("extension", Shape::Free).since(200),
    ],
};

static LIFE_CYCLE: Class = Class {
    name: "org.openmetadata.schema.type.LifeCycle",
    closed: true,
    fields: &[
        field("created", Shape::Object(&ACCESS_DETAILS)),
        field("updated", Shape::Object(&ACCESS_DETAILS)),
        field("accessed", Shape::Object(&ACCESS_DETAILS)),
    ],
};

static ACCESS_DETAILS: Class = Class {
    name: "org.openmetadata.schema.type.AccessDetails",
    closed: true,
    fields: &[
        field("timestamp", Shape::Integer).required(),
        field("accessedBy", Shape::Object(&ENTITY_REFERENCE)),
        text("accessedByAProcess"),
    ],
};

static CONNECTION: Class = Class {
    name: "org.openmetadata.schema.type.ServiceConnection",
    closed: true,
    fields: &[field("config", Shape::Free)],
};

pub(crate) static ADD_LINEAGE: Class = Class {
    name: "org.openmetadata.schema.api.lineage.AddLineage",
    closed: true,
    fields: &[field("edge", Shape::Object(&ENTITIES_EDGE)).required()],
};

static ENTITIES_EDGE: Class = Class {
    name: "org.openmetadata.schema.type.EntitiesEdge",
    closed: true,
    fields: &[
        field("fromEntity", Shape::Object(&ENTITY_REFERENCE)).required(),
        field("toEntity", Shape::Object(&ENTITY_REFERENCE)).required(),
        text("description"),
        field("lineageDetails", Shape::Object(&LINEAGE_DETAILS)),
    ],
};

/// Unknown properties of this class and of [`COLUMN_LINEAGE`] are ignored (recorded).
pub(crate) static LINEAGE_DETAILS: Class = Class {
    name: "org.openmetadata.schema.type.LineageDetails",
    closed: false,
    fields: &[
        text("sqlQuery"),
        field("columnsLineage", Shape::Objects(&COLUMN_LINEAGE)),
        field("pipeline", Shape::Object(&ENTITY_REFERENCE)),
        text("description"),
        field("source", Shape::Choice(&LINEAGE_SOURCE)).since(102),
        field("tempLineageTables", Shape::Free).since(113),
    ],
};

static COLUMN_LINEAGE: Class = Class {
    name: "org.openmetadata.schema.type.ColumnLineage",
    closed: false,
    fields: &[field("fromColumns", Shape::Texts), text("toColumn"), text("function")],
};

//! The Create requests. The open ones are of kinds that only tests write.

use super::super::choices::{
    CHART_TYPE, DASHBOARD_SERVICE_TYPE, DASHBOARD_TYPE, DATA_MODEL_TYPE, DOMAIN_TYPE, TEAM_TYPE,
};
use super::parts::{COLUMN, CONNECTION, ENTITY_REFERENCE};
use super::{
    Class, Shape, data_products, domain, domains, field, life_cycle, name, owner, owners,
    reviewers, source_hash, tags, text, wide_name,
};

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

//! The classes inside requests: references, tags, columns, life cycles, connections, lineage.

use super::super::choices::{
    COLUMN_DATA_TYPE, CONSTRAINT, LABEL_STATE, LABEL_TYPE, LINEAGE_SOURCE, TAG_SOURCE,
};
use super::{Class, Shape, field, tags, text};

pub(super) static ENTITY_REFERENCE: Class = Class {
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
pub(super) static TAG_LABEL: Class = Class {
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

pub(super) static COLUMN: Class = Class {
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

pub(super) static LIFE_CYCLE: Class = Class {
    name: "org.openmetadata.schema.type.LifeCycle",
    closed: true,
    fields: &[
        field("created", Shape::Object(&ACCESS_DETAILS)),
        field("updated", Shape::Object(&ACCESS_DETAILS)),
        field("accessed", Shape::Object(&ACCESS_DETAILS)),
    ],
};

pub(super) static ACCESS_DETAILS: Class = Class {
    name: "org.openmetadata.schema.type.AccessDetails",
    closed: true,
    fields: &[
        field("timestamp", Shape::Integer).required(),
        field("accessedBy", Shape::Object(&ENTITY_REFERENCE)),
        text("accessedByAProcess"),
    ],
};

pub(super) static CONNECTION: Class = Class {
    name: "org.openmetadata.schema.type.ServiceConnection",
    closed: true,
    fields: &[field("config", Shape::Free)],
};

pub(crate) static ADD_LINEAGE: Class = Class {
    name: "org.openmetadata.schema.api.lineage.AddLineage",
    closed: true,
    fields: &[field("edge", Shape::Object(&ENTITIES_EDGE)).required()],
};

pub(super) static ENTITIES_EDGE: Class = Class {
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

pub(super) static COLUMN_LINEAGE: Class = Class {
    name: "org.openmetadata.schema.type.ColumnLineage",
    closed: false,
    fields: &[field("fromColumns", Shape::Texts), text("toColumn"), text("function")],
};

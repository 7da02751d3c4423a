//! The enumerations of the request schemas and since when each value exists.

/// An enumeration: its Java class and its values.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) class: &'static str,
    values: &'static [Value],
}

/// A value with the first and the last release that knows it.
#[derive(Debug)]
struct Value(&'static str, u16, u16);

const ALWAYS: u16 = 101;
const EVER: u16 = u16::MAX;

const fn always(name: &'static str) -> Value {
    Value(name, ALWAYS, EVER)
}

const fn since(code: u16, name: &'static str) -> Value {
    Value(name, code, EVER)
}

impl Choice {
    /// The value called `name`, when the release `code` knows it.
    pub(crate) fn value(&self, name: &str, code: u16) -> Option<&'static str> {
        self.values
            .iter()
            .find(|Value(value, from, to)| *value == name && (*from..=*to).contains(&code))
            .map(|Value(value, ..)| *value)
    }
}

pub(crate) const CHART_TYPE: Choice = Choice {
    class: "org.openmetadata.schema.type.ChartType",
    values: &[
        always("Line"),
        always("Table"),
        always("Bar"),
        always("Area"),
        always("Pie"),
        always("Histogram"),
        always("Scatter"),
        always("Text"),
        always("BoxPlot"),
        always("Other"),
        since(109, "Gauge"),
        since(109, "Map"),
        since(109, "Graph"),
        since(109, "Heatmap"),
        since(109, "Timeline"),
        since(110, "SanKey"),
    ],
};

pub(crate) const DASHBOARD_TYPE: Choice = Choice {
    class: "org.openmetadata.schema.type.DashboardType",
    values: &[always("Dashboard"), always("Report")],
};

pub(crate) const DATA_MODEL_TYPE: Choice = Choice {
    class: "org.openmetadata.schema.type.DataModelType",
    values: &[
        always("TableauDataModel"),
        always("TableauPublishedDatasource"),
        always("TableauEmbeddedDatasource"),
        always("SupersetDataModel"),
        always("MetabaseDataModel"),
        always("LookMlView"),
        always("LookMlExplore"),
        always("PowerBIDataModel"),
        Value("QlikSenseDataModel", ALWAYS, 103),
        since(104, "QlikDataModel"),
        since(104, "QuickSightDataModel"),
        since(106, "SigmaDataModel"),
        since(107, "PowerBIDataFlow"),
        since(107, "MicroStrategyDataset"),
        since(108, "ThoughtSpotDataModel"),
        since(200, "ModeDataModel"),
        since(200, "PowerBIDatamart"),
        since(200, "SapS4HanaCdsView"),
        since(200, "SsrsDataModel"),
        since(200, "OmniDataModel"),
    ],
};

pub(crate) const DASHBOARD_SERVICE_TYPE: Choice = Choice {
    class: "org.openmetadata.schema.api.services.CreateDashboardService$DashboardServiceType",
    values: &[
        always("Superset"),
        always("Looker"),
        always("Tableau"),
        always("Redash"),
        always("Metabase"),
        always("PowerBI"),
        always("Mode"),
        always("CustomDashboard"),
        always("DomoDashboard"),
        always("QuickSight"),
        always("QlikSense"),
        always("Lightdash"),
        since(103, "MicroStrategy"),
        since(104, "QlikCloud"),
        since(104, "Sigma"),
        since(106, "PowerBIReportServer"),
        since(108, "ThoughtSpot"),
        since(200, "Grafana"),
        since(200, "Hex"),
        since(200, "Ssrs"),
        since(200, "SapS4Hana"),
        since(200, "Omni"),
    ],
};

pub(crate) const COLUMN_DATA_TYPE: Choice = Choice {
    class: "org.openmetadata.schema.type.ColumnDataType",
    values: &[
        always("NUMBER"),
        always("TINYINT"),
        always("SMALLINT"),
        always("INT"),
        always("BIGINT"),
        always("BYTEINT"),
        always("BYTES"),
        always("FLOAT"),
        always("DOUBLE"),
        always("DECIMAL"),
        always("NUMERIC"),
        always("TIMESTAMP"),
        always("TIMESTAMPZ"),
        always("TIME"),
        always("DATE"),
        always("DATETIME"),
        always("INTERVAL"),
        always("STRING"),
        always("MEDIUMTEXT"),
        always("TEXT"),
        always("CHAR"),
        always("LONG"),
        always("VARCHAR"),
        always("BOOLEAN"),
        always("BINARY"),
        always("VARBINARY"),
        always("ARRAY"),
        always("BLOB"),
        always("LONGBLOB"),
        always("MEDIUMBLOB"),
        always("MAP"),
        always("STRUCT"),
        always("UNION"),
        always("SET"),
        always("GEOGRAPHY"),
        always("ENUM"),
        always("JSON"),
        always("UUID"),
        always("VARIANT"),
        always("GEOMETRY"),
        always("BYTEA"),
        always("AGGREGATEFUNCTION"),
        always("ERROR"),
        always("FIXED"),
        always("RECORD"),
        always("NULL"),
        always("SUPER"),
        always("HLLSKETCH"),
        always("PG_LSN"),
        always("PG_SNAPSHOT"),
        always("TSQUERY"),
        always("TXID_SNAPSHOT"),
        always("XML"),
        always("MACADDR"),
        always("TSVECTOR"),
        always("UNKNOWN"),
        always("CIDR"),
        always("INET"),
        always("CLOB"),
        always("ROWID"),
        always("LOWCARDINALITY"),
        always("YEAR"),
        always("POINT"),
        always("POLYGON"),
        always("TUPLE"),
        always("SPATIAL"),
        always("TABLE"),
        always("NTEXT"),
        always("IMAGE"),
        always("IPV4"),
        always("IPV6"),
        always("DATETIMERANGE"),
        always("HLL"),
        always("LARGEINT"),
        always("QUANTILE_STATE"),
        always("AGG_STATE"),
        always("BITMAP"),
        always("UINT"),
        always("BIT"),
        always("MONEY"),
        since(108, "MEASURE HIDDEN"),
        since(108, "MEASURE VISIBLE"),
        since(108, "MEASURE"),
        since(108, "KPI"),
        since(108, "HEIRARCHY"),
        since(200, "HIERARCHYID"),
    ],
};

pub(crate) const CONSTRAINT: Choice = Choice {
    class: "org.openmetadata.schema.type.ColumnConstraint",
    values: &[always("NULL"), always("NOT_NULL"), always("UNIQUE"), always("PRIMARY_KEY")],
};

pub(crate) const LINEAGE_SOURCE: Choice = Choice {
    class: "org.openmetadata.schema.type.LineageDetails$Source",
    values: &[
        always("Manual"),
        always("ViewLineage"),
        always("QueryLineage"),
        always("PipelineLineage"),
        always("DashboardLineage"),
        always("DbtLineage"),
        since(103, "SparkLineage"),
        since(104, "OpenLineage"),
        since(104, "ExternalTableLineage"),
        since(107, "CrossDatabaseLineage"),
        since(107, "ChildAssets"),
    ],
};

pub(crate) const TAG_SOURCE: Choice = Choice {
    class: "org.openmetadata.schema.type.TagLabel$TagSource",
    values: &[always("Classification"), always("Glossary")],
};

pub(crate) const LABEL_TYPE: Choice = Choice {
    class: "org.openmetadata.schema.type.TagLabel$LabelType",
    values: &[
        always("Manual"),
        always("Propagated"),
        always("Automated"),
        always("Derived"),
        since(108, "Generated"),
    ],
};

pub(crate) const LABEL_STATE: Choice = Choice {
    class: "org.openmetadata.schema.type.TagLabel$State",
    values: &[always("Suggested"), always("Confirmed")],
};

pub(crate) const DOMAIN_TYPE: Choice = Choice {
    class: "org.openmetadata.schema.api.domains.CreateDomain$DomainType",
    values: &[always("Source-aligned"), always("Consumer-aligned"), always("Aggregate")],
};

pub(crate) const TEAM_TYPE: Choice = Choice {
    class: "org.openmetadata.schema.api.teams.CreateTeam$TeamType",
    values: &[
        always("Group"),
        always("Department"),
        always("Division"),
        always("BusinessUnit"),
        always("Organization"),
    ],
};

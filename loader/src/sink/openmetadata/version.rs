//! What the server can do, derived from the version that it reports.
//!
//! Every request schema of OpenMetadata refuses unknown members, so a body is built for one version.
//! Facts marked *seen* were observed on running servers 1.2.0-SNAPSHOT and 1.12.6; everything about
//! other versions rests on their published request models and sources.

use std::{fmt, str::FromStr};

use schemas::event::ChartType;

/// Version of a server: `1.12.6`, `1.2.0-SNAPSHOT`, `2.0.7.1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Major and minor version: what features depend on.
    pub line: (u32, u32),
    /// Patch version.
    pub patch: u32,
    text: String,
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        let mut parts = numbers.split('.').map(str::parse::<u32>);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor)), patch @ (None | Some(Ok(_)))) => {
                let patch = patch.and_then(Result::ok).unwrap_or_default();
                Ok(Self { line: (major, minor), patch, text: text.to_owned() })
            }
            _ => Err(format!("`{text}` is not a version such as `1.12.6`")),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether this sink can work with a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// Between 1.1.1 and the newest line known here.
    Supported,
    /// Older than 1.1.1.
    TooOld,
    /// Newer than the lines known here: treated like the newest one, with a notice.
    Newer,
}

impl Version {
    /// Whether this sink can work with it.
    #[must_use]
    pub fn support(&self) -> Support {
        match (self.line, self.patch) {
            ((0, _) | (1, 0), _) | ((1, 1), 0) => Support::TooOld,
            ((1 | 2, _), _) => Support::Supported,
            _ => Support::Newer,
        }
    }
}

/// How the owner of an entity is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerField {
    /// `owner`, one reference; up to 1.4.
    One,
    /// `owners`, a list; from 1.5.
    Many,
}

impl OwnerField {
    /// Name of the member in requests, answers and `fields=`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "owner",
            Self::Many => "owners",
        }
    }
}

/// What names of entities may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRules {
    /// Up to 1.2 (seen): at most 128 characters of `[\w'\- .&()%]`.
    Narrow,
    /// From 1.3: at most 256 characters, no `::`. The further refusals of 2.0 (`>`, `"`, control
    /// characters) are applied to every version, so that an upgrade does not change identities.
    Wide,
}

/// How a wildcard search of qualified names compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchCase {
    /// A lower-case pattern finds names in any case: 1.2 and 1.12.6 (both seen).
    Lower,
    /// Not known.
    Unknown,
}

/// What differs between versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// Member for owners.
    pub owners: OwnerField,
    /// Member for domains; `None` in 1.1, whose releases do not agree.
    pub domains: Option<&'static str>,
    /// `sourceHash` is stored. A snapshot of 1.2 lacks it, so [`Features::source_hash_in_doubt`].
    pub source_hash: bool,
    /// Ask the server whether it has `sourceHash` before relying on it.
    pub source_hash_in_doubt: bool,
    /// `lifeCycle` is accepted.
    pub life_cycle: bool,
    /// Gauge, Map, Graph, Heatmap, Timeline are chart types.
    pub more_chart_types: bool,
    /// `SanKey` is a chart type.
    pub sankey: bool,
    /// `MEASURE` is a data type of columns.
    pub measure_type: bool,
    /// Type of a Qlik data model.
    pub data_model_type: &'static str,
    /// Data models take a `sourceUrl`.
    pub data_model_source_url: bool,
    /// Data models take `dataProducts`.
    pub data_model_data_products: bool,
    /// Charts take `dashboards`, and a PUT without it unlinks the chart (seen on 1.12.6).
    pub chart_dashboards: bool,
    /// Edges have a `source`.
    pub lineage_source: bool,
    /// Edges from a data model may carry columns; `None`: to be found out. 1.2 answers 400, 1.12.6
    /// takes them (both seen).
    pub model_columns: Option<bool>,
    /// `PUT /{type}/bulk`. First version unknown; seen on 1.12.6.
    pub bulk: bool,
    /// `overrideMetadata=true` of bulk requests has an effect. Not seen on a real server.
    pub override_metadata: bool,
    /// A bot's PUT leaves a stored display name alone: 1.2 (seen), 2.0 (not seen).
    pub put_keeps_display_name: bool,
    /// A bot's PUT leaves stored owners alone: 2.0 (not seen).
    pub put_keeps_owners: bool,
    /// A bot's PUT without `dataProducts` removes them; not on 1.12.6 (seen).
    pub put_drops_data_products: bool,
    /// A bot's PUT removes the certification; not on 1.12.6 (seen), read in sources of 1.8 – 1.11.
    pub put_drops_certification: bool,
    /// Changed `sql` alone is stored; not on 1.2 (seen).
    pub compares_sql: bool,
    /// Rules for entity names.
    pub names: NameRules,
    /// Data models' qualified names start with the service's bare name instead of its quoted one:
    /// 1.2 (seen), not 1.12.6 (seen).
    pub model_fqn_unquoted_service: bool,
    /// Descriptions go through a sanitiser that drops what looks like an unknown HTML tag, such as
    /// Qlik's `<Year={2020}>`: read in sources of 2.x, not in 1.12.6 (seen).
    pub sanitises_html: bool,
    /// Service type `QlikCloud` exists.
    pub qlik_cloud: bool,
    /// How a wildcard search compares.
    pub search_case: SearchCase,
}

impl Features {
    /// Features of a version; one newer than those known here is treated like 2.0.
    #[must_use]
    pub fn of(version: &Version) -> Self {
        let v = version.line;
        Self {
            owners: if v < (1, 5) { OwnerField::One } else { OwnerField::Many },
            domains: match v {
                (1, ..=1) => None,
                (1, ..=8) => Some("domain"),
                _ => Some("domains"),
            },
            source_hash: v >= (1, 2),
            source_hash_in_doubt: v == (1, 2),
            life_cycle: v >= (1, 2),
            more_chart_types: v >= (1, 9),
            sankey: v >= (1, 10),
            measure_type: v >= (1, 8),
            data_model_type: if v < (1, 4) { "QlikSenseDataModel" } else { "QlikDataModel" },
            data_model_source_url: v >= (1, 9),
            data_model_data_products: v >= (1, 2),
            chart_dashboards: v >= (1, 5),
            lineage_source: v >= (1, 2),
            model_columns: match v {
                (1, ..=2) => Some(false),
                (1, ..=11) => None,
                _ => Some(true),
            },
            bulk: v >= (1, 12),
            override_metadata: v >= (2, 0),
            put_keeps_display_name: !((1, 3)..(2, 0)).contains(&v),
            put_keeps_owners: v >= (2, 0),
            put_drops_data_products: v < (1, 12),
            put_drops_certification: ((1, 8)..=(1, 11)).contains(&v),
            compares_sql: v >= (1, 3),
            names: if v < (1, 3) { NameRules::Narrow } else { NameRules::Wide },
            model_fqn_unquoted_service: v < (1, 12),
            sanitises_html: v >= (1, 13),
            qlik_cloud: v >= (1, 4),
            search_case: if v <= (1, 2) || v >= (1, 12) {
                SearchCase::Lower
            } else {
                SearchCase::Unknown
            },
        }
    }

    /// The server's name of a chart type; types that it does not know become `Other`.
    #[must_use]
    pub fn chart_type(&self, chart_type: ChartType) -> &'static str {
        let more = |name| if self.more_chart_types { name } else { "Other" };
        match chart_type {
            ChartType::Other => "Other",
            ChartType::Line => "Line",
            ChartType::Table => "Table",
            ChartType::Bar => "Bar",
            ChartType::Area => "Area",
            ChartType::Pie => "Pie",
            ChartType::Histogram => "Histogram",
            ChartType::Scatter => "Scatter",
            ChartType::Text => "Text",
            ChartType::BoxPlot => "BoxPlot",
            ChartType::Sankey if self.sankey => "SanKey",
            ChartType::Sankey => "Other",
            ChartType::Gauge => more("Gauge"),
            ChartType::Map => more("Map"),
            ChartType::Graph => more("Graph"),
            ChartType::Heatmap => more("Heatmap"),
            ChartType::Timeline => more("Timeline"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(version: &str) -> Features {
        Features::of(&version.parse().expect("a version"))
    }

    #[test]
    fn versions_are_read_with_suffixes() {
        let check = |text: &str, line, patch| {
            let version: Version = text.parse().expect("a version");
            assert_eq!((version.line, version.patch), (line, patch));
            assert_eq!(version.to_string(), text);
        };
        check("1.12.6", (1, 12), 6);
        check("1.2.0-SNAPSHOT", (1, 2), 0);
        check("2.0.7.1", (2, 0), 7);
        check("1.9.0-rc1+abc", (1, 9), 0);
        check("1.13", (1, 13), 0);
        for bad in ["", "1", "x.y.z", "1.2.x"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }

    #[test]
    fn supported_versions() {
        let check = |text: &str, expected| {
            assert_eq!(text.parse::<Version>().expect("a version").support(), expected, "{text}");
        };
        check("0.13.2", Support::TooOld);
        check("1.0.9", Support::TooOld);
        check("1.1.0", Support::TooOld);
        check("1.1.1", Support::Supported);
        check("1.14.0", Support::Supported);
        check("2.7.0", Support::Supported);
        check("3.0.0", Support::Newer);
    }

    #[test]
    fn features_change_at_the_right_versions() {
        assert_eq!(features("1.4.8").owners, OwnerField::One);
        assert_eq!(features("1.5.0").owners, OwnerField::Many);
        assert_eq!(features("1.1.7").domains, None);
        assert_eq!(features("1.8.12").domains, Some("domain"));
        assert_eq!(features("1.9.0").domains, Some("domains"));
        assert_eq!(features("2.0.0").domains, Some("domains"));
        assert!(!features("1.1.1").source_hash && features("1.3.0").source_hash);
        assert_eq!(features("1.3.4").data_model_type, "QlikSenseDataModel");
        assert_eq!(features("1.4.0").data_model_type, "QlikDataModel");
        assert_eq!(features("1.2.9").names, NameRules::Narrow);
        assert_eq!(features("1.3.0").names, NameRules::Wide);
        assert!(!features("1.11.9").bulk && features("1.12.0").bulk);
        assert!(features("1.2.0-SNAPSHOT").put_keeps_display_name);
        assert!(!features("1.12.6").put_keeps_display_name);
        assert!(features("2.0.1").put_keeps_display_name);
        assert_eq!(features("3.1.0"), features("2.0.0"));
    }

    #[test]
    fn chart_types_fall_back_to_other() {
        let check = |version: &str, chart_type, expected| {
            assert_eq!(features(version).chart_type(chart_type), expected, "{version}");
        };
        check("1.8.12", ChartType::Gauge, "Other");
        check("1.9.0", ChartType::Gauge, "Gauge");
        check("1.9.0", ChartType::Sankey, "Other");
        check("1.10.0", ChartType::Sankey, "SanKey");
        check("1.1.1", ChartType::BoxPlot, "BoxPlot");
    }
}

//! What the hash of an entity is made of: everything that is sent, in an order that does not depend on
//! the event's, without the version's names of members. Not in it: the dashboards of a chart, which the
//! dashboards say; the project of a data model, which its app says.
//!
//! Written as text at once: this is done for every event of a replay, and nearly always to find that
//! nothing is new.

use serde::Serialize;

use super::{Column, Detail, Draft};

/// The canonical form of an entity.
pub(super) fn of(draft: &Draft) -> impl Serialize + '_ {
    let detail = match &draft.detail {
        Detail::Dashboard { charts, data_models } => {
            Canonical::Dashboard(draft.project.as_deref(), sorted(charts), sorted(data_models))
        }
        Detail::Chart { chart_type, .. } => Canonical::Chart(chart_type),
        Detail::DataModel { columns, sql } => {
            Canonical::DataModel(columns.iter().map(column).collect(), sql.as_deref())
        }
    };
    (
        &draft.name,
        &draft.display_name,
        &draft.description,
        &draft.source_url,
        sorted(&draft.tags),
        sorted(&draft.owners),
        draft.updated_at,
        detail,
    )
}

#[derive(Serialize)]
#[serde(untagged)]
enum Canonical<'a> {
    Dashboard(Option<&'a str>, Vec<&'a str>, Vec<&'a str>),
    Chart(&'a str),
    DataModel(Vec<CanonicalColumn<'a>>, Option<&'a str>),
}

/// A column as requests have it, members in alphabetical order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CanonicalColumn<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    constraint: Option<&'a str>,
    data_type: &'a str,
    data_type_display: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    name: &'a str,
}

fn column(column: &Column) -> CanonicalColumn<'_> {
    CanonicalColumn {
        constraint: column.unique.then_some("UNIQUE"),
        data_type: column.data_type,
        data_type_display: column.data_type_display,
        description: column.description.as_deref(),
        display_name: column.display_name.as_deref(),
        name: &column.name,
    }
}

fn sorted(items: &[String]) -> Vec<&str> {
    let mut items: Vec<_> = items.iter().map(String::as_str).collect();
    items.sort_unstable();
    items
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Kind, body};
    use super::*;

    fn draft(kind: Kind, detail: Detail) -> Draft {
        Draft {
            kind,
            name: "n".into(),
            fqn: "s.n".into(),
            app_id: None,
            display_name: "N \"q\" \u{7}".into(),
            description: None,
            source_url: Some("https://x/ü".into()),
            project: Some("P".into()),
            tags: vec!["b".into(), "a".into()],
            owners: Vec::new(),
            updated_at: Some(5),
            detail,
        }
    }

    /// Stored hashes are made of this text: another one writes every entity anew.
    #[test]
    fn the_text_stays_what_it_was() {
        let check = |draft: &Draft, detail: serde_json::Value| {
            let was = json!([
                draft.name,
                draft.display_name,
                draft.description,
                draft.source_url,
                ["a", "b"],
                [],
                draft.updated_at,
                detail
            ]);
            assert_eq!(serde_json::to_string(&of(draft)).expect("JSON"), was.to_string());
        };
        let dashboard = Detail::Dashboard {
            charts: vec!["s.2".into(), "s.1".into()],
            data_models: vec!["s.m".into()],
        };
        check(&draft(Kind::Dashboard, dashboard), json!(["P", ["s.1", "s.2"], ["s.m"]]));
        let chart = Detail::Chart { chart_type: "Bar", dashboards: vec!["s.d".into()] };
        check(&draft(Kind::Chart, chart), json!("Bar"));
        let columns = [("a", true), ("b", false)].map(|(name, full)| Column {
            name: name.into(),
            display_name: full.then(|| "A".into()),
            description: full.then(|| "what".into()),
            data_type: "STRING",
            data_type_display: "string",
            unique: full,
        });
        let bodies: Vec<_> = columns.iter().map(body::column).collect();
        let model = Detail::DataModel { columns: columns.to_vec(), sql: None };
        check(&draft(Kind::DataModel, model), json!([bodies, null]));
    }
}

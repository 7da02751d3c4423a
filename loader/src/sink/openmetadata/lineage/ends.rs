//! The ends of edges: which entity a node is, and which of its columns an event means. Pure.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use schemas::event::{ColumnLineage, Lineage, Node, node};

use super::{
    super::{
        fqn,
        map::{Kind, Naming},
        names,
        tables::Table,
    },
    edge::Entry,
};

/// Which entity a node is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum EndRef {
    /// A data model or a dashboard of ours; `chart` is the qualified name of the chart meant.
    Ours { kind: Kind, name: String, chart: Option<String> },
    /// A table of a database.
    Table(node::DatabaseTable),
}

impl EndRef {
    /// The entity of a node. A chart cannot carry columns in OpenMetadata, so it is part of its
    /// dashboard, whose columns are its charts.
    pub(super) fn of(node: &Node, naming: &Naming) -> Self {
        let model = |name| Self::Ours { kind: Kind::DataModel, name, chart: None };
        match node {
            Node::DataFile(file) => model(names::file(&file.path)),
            Node::DataModel(table) => model(naming.table(&table.app_id, &table.table)),
            Node::Chart(chart) => Self::Ours {
                kind: Kind::Dashboard,
                name: naming.dashboard(&chart.app_id),
                chart: Some(
                    naming.fqn(Kind::Chart, &naming.chart(&chart.app_id, &chart.object_id)),
                ),
            },
            Node::Dashboard(app) => Self::Ours {
                kind: Kind::Dashboard,
                name: naming.dashboard(&app.app_id),
                chart: None,
            },
            Node::DatabaseTable(table) => Self::Table(table.clone()),
        }
    }

    /// The entity, whichever of its charts is meant.
    pub(super) fn entity(self) -> Self {
        match self {
            Self::Ours { kind, name, .. } => Self::Ours { kind, name, chart: None },
            Self::Table(_) => self,
        }
    }

    /// Qualified name of the chart that is meant.
    pub(super) fn chart(&self) -> Option<&str> {
        match self {
            Self::Ours { chart, .. } => chart.as_deref(),
            Self::Table(_) => None,
        }
    }
}

/// An entity at the end of an edge.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) entity_type: &'static str,
    pub(super) id: String,
    /// Qualified name.
    pub(super) fqn: String,
}

/// The columns of an end.
#[derive(Clone, Debug)]
pub(super) enum Columns {
    /// None that edges could name.
    None,
    /// Of a data model: qualified name of the model, names of its columns.
    Model(String, Arc<HashSet<String>>),
    /// Of a database table.
    Table(Arc<Table>),
    /// The chart of a dashboard.
    Chart(String),
}

impl Columns {
    /// Those of an entity that have these qualified names.
    pub(super) fn named<'a>(end: &End, names: impl Iterator<Item = &'a String>) -> Self {
        match end.entity_type {
            "table" => Self::Table(Arc::new(Table::with_columns(&end.id, &end.fqn, names))),
            "dashboardDataModel" => {
                let last = |name: &String| fqn::split(name).pop();
                Self::Model(end.fqn.clone(), Arc::new(names.filter_map(last).collect()))
            }
            _ => Self::None,
        }
    }

    /// Qualified name of the column that Qlik calls `name`.
    fn find(&self, name: &str) -> Option<String> {
        match self {
            Self::None => None,
            Self::Model(model, columns) => {
                let distinct = names::distinct_column(name);
                let column =
                    if columns.contains(&distinct) { distinct } else { names::plain_column(name) };
                columns.contains(&column).then(|| fqn::child(model, &column))
            }
            Self::Table(table) => table.column(name),
            Self::Chart(chart) => Some(chart.clone()),
        }
    }

    /// Pairs of columns of the same name: of this end, and of `to`, a data model.
    fn pairs(&self, to: &Self) -> Vec<(String, String)> {
        let Self::Model(model, columns) = to else { return Vec::new() };
        let source = |column: &str| match self {
            Self::Model(own, columns) => columns.contains(column).then(|| fqn::child(own, column)),
            Self::Table(table) => table.column(column),
            Self::None | Self::Chart(_) => None,
        };
        let mut pairs: Vec<(String, String)> = columns
            .iter()
            .filter_map(|column| Some((source(column)?, fqn::child(model, column))))
            .collect();
        pairs.sort_unstable();
        pairs
    }

    /// Whether a missing column may yet come with a later event.
    fn may_grow(&self) -> bool {
        matches!(self, Self::Model(..))
    }
}

/// The entries of an edge that an event gives.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entries {
    pub(super) entries: Vec<Entry>,
    /// Columns that an end does not have.
    pub(super) dropped: u64,
    /// Some of them may come with a later event.
    pub(super) may_come: bool,
}

/// Translates columns to the qualified names of the ends' columns; the server would drop what it does
/// not know without a word, or refuse the whole edge.
pub(super) fn entries(columns: &[ColumnLineage], from: &Columns, to: &Columns) -> Entries {
    let mut result = Entries::default();
    let mut seen = BTreeSet::new();
    let (unnamed, named): (Vec<_>, Vec<_>) = columns.iter().partition(|column| is_any(column));
    for column in named {
        let target = match (&column.to_column, to) {
            (_, Columns::Chart(chart)) => Some(chart.clone()),
            (Some(name), to) => to.find(name),
            (None, _) => None,
        };
        let Some(target) = target else {
            // Ends without columns, such as a dashboard as a whole, are no loss.
            if !matches!(to, Columns::None) {
                result.dropped += 1;
                result.may_come |= to.may_grow() && column.to_column.is_some();
            }
            continue;
        };
        let mut sources = Vec::with_capacity(column.from_columns.len());
        for name in &column.from_columns {
            match from.find(name) {
                Some(source) => sources.push(source),
                None if matches!(from, Columns::None) => {}
                None => {
                    result.dropped += 1;
                    result.may_come |= from.may_grow();
                }
            }
        }
        if sources.is_empty() {
            continue;
        }
        let entry = Entry::new(target, sources, column.expression.as_deref());
        if seen.insert(entry.clone()) {
            result.entries.push(entry);
        }
    }
    if !unnamed.is_empty() {
        // What has a line of its own is not among the columns that nobody names.
        let taken: BTreeSet<String> = result.entries.iter().map(|entry| entry.to.clone()).collect();
        for (source, target) in from.pairs(to) {
            if !taken.contains(&target) {
                result.entries.push(Entry::new(target, vec![source], None));
            }
        }
    }
    result
}

/// Whether a line stands for all columns that no other line names, each from the one of its name.
pub(super) fn is_any(column: &ColumnLineage) -> bool {
    matches!(column.from_columns.as_slice(), [only] if only == "*")
        && column.to_column.as_deref() == Some("*")
}

/// Whether an edge says no more than the `charts` of a dashboard: nothing is written for it.
pub(super) fn is_membership(event: &Lineage) -> bool {
    match (&event.from, &event.to) {
        (Node::Chart(chart), Node::Dashboard(app)) => chart.app_id == app.app_id,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(columns: &[&str]) -> Columns {
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        Columns::Model("s.model.m".to_owned(), Arc::new(columns))
    }

    fn line(from: &[&str], to: Option<&str>) -> ColumnLineage {
        ColumnLineage {
            from_columns: from.iter().map(|name| (*name).to_owned()).collect(),
            to_column: to.map(str::to_owned),
            expression: Some(" a+b ".to_owned()),
        }
    }

    #[test]
    fn columns_become_qualified_names() {
        let from = model(&["a.b", "ID", &names::distinct_column("Id"), "x__reserved__quote__y"]);
        let found = entries(
            &[line(&["a.b", "ID"], Some("c")), line(&["Id", "x\"y"], Some("c"))],
            &from,
            &model(&["c"]),
        );
        assert_eq!(found.dropped, 0);
        let names: Vec<_> = found.entries.iter().map(|e| e.from.clone()).collect();
        assert_eq!(
            names,
            [
                ["s.model.m.\"a.b\"".to_owned(), "s.model.m.ID".to_owned()],
                [
                    format!("s.model.m.{}", names::distinct_column("Id")),
                    "s.model.m.x__reserved__quote__y".to_owned(),
                ],
            ]
        );
        assert_eq!(found.entries[0].function.as_deref(), Some("a+b"));
    }

    #[test]
    fn a_star_is_every_column_of_the_same_name() {
        let (from, to) = (model(&["a", "b", "c"]), model(&["b", "c", "d"]));
        let found = entries(&[line(&["*"], Some("*")), line(&["a"], Some("c"))], &from, &to);
        let pairs: Vec<_> = found.entries.iter().map(|e| (e.from.clone(), e.to.as_str())).collect();
        let one = |name: &str| vec![name.to_owned()];
        assert_eq!(
            pairs,
            [(one("s.model.m.a"), "s.model.m.c"), (one("s.model.m.b"), "s.model.m.b")]
        );
        assert_eq!(found.dropped, 0);
        let none = entries(&[line(&["*"], Some("*"))], &from, &Columns::None);
        assert_eq!((none.entries.len(), none.dropped), (0, 0));
    }

    #[test]
    fn unknown_columns_are_counted() {
        let check = |columns: &[ColumnLineage], to: &Columns, expected: (usize, u64, bool)| {
            let found = entries(columns, &model(&["a"]), to);
            assert_eq!((found.entries.len(), found.dropped, found.may_come), expected);
        };
        let to = model(&["c"]);
        check(&[line(&["a", "z"], Some("c"))], &to, (1, 1, true));
        check(&[line(&["z"], Some("c"))], &to, (0, 1, true));
        check(&[line(&["A"], Some("c"))], &to, (0, 1, true));
        check(&[line(&["a"], Some("z"))], &to, (0, 1, true));
        check(&[line(&["a"], None)], &to, (0, 1, false));
        check(&[line(&["a"], Some("c"))], &Columns::None, (0, 0, false));
        check(&[line(&["a"], None)], &Columns::Chart("s.c".into()), (1, 0, false));
        let twice = [line(&["a"], Some("c")), line(&["a"], Some("c"))];
        check(&twice, &to, (1, 0, false));
    }
}

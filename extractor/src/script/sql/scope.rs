//! Names that a query can refer to.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::{SelectColumn, Star};

/// Result of a query or a table: its columns as far as they are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Output {
    pub(super) columns: Vec<SelectColumn>,
    /// Tables whose columns come through without being named.
    pub(super) stars: Vec<Star>,
    /// Origins of any other column, for what a table function makes of its arguments.
    pub(super) any: BTreeSet<(usize, String)>,
    /// Whether it has columns of any names: fields of the elements of a list that has no name itself.
    /// With one they may be values: `SELECT SUM(u * rate) FROM UNNEST(a) AS u`.
    pub(super) has_fields: bool,
}

impl Output {
    /// Columns that all come from the same.
    pub(super) fn of(
        names: impl IntoIterator<Item = String>,
        any: BTreeSet<(usize, String)>,
    ) -> Self {
        let column = |name| SelectColumn { name, origins: any.clone(), ..SelectColumn::default() };
        Self { columns: names.into_iter().map(column).collect(), any, ..Self::default() }
    }

    /// Origins of all its columns together.
    pub(super) fn every(&self) -> impl Iterator<Item = (usize, String)> + '_ {
        let columns = self.columns.iter().flat_map(|column| column.origins.iter().cloned());
        columns.chain(self.stars.iter().map(|star| (star.table, "*".to_owned())))
    }

    /// Takes columns out.
    pub(super) fn remove<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let names: BTreeSet<String> = names.map(str::to_lowercase).collect();
        self.columns.retain(|column| !names.contains(&column.name.to_lowercase()));
        for star in &mut self.stars {
            star.except.extend(names.iter().cloned());
        }
    }

    pub(super) fn column(&self, name: &str) -> Option<&SelectColumn> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// Tables that may have a column of that name.
    pub(super) fn open<'a>(&'a self, name: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.stars
            .iter()
            .filter(move |star| !star.except.iter().any(|other| other.eq_ignore_ascii_case(name)))
            .map(|star| star.table)
    }
}

/// Something in a `FROM` clause.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    /// Names that qualify its columns, lower-case: the alias, or the parts of the table's name.
    pub(super) names: Vec<String>,
    /// Whether the name is an alias.
    pub(super) is_alias: bool,
    pub(super) result: Rc<Output>,
    /// Columns that the query itself takes from it by a qualified name, lower-case.
    pub(super) known: BTreeSet<String>,
}

impl Relation {
    /// Whether qualifiers such as `schema.table` name it.
    pub(super) fn is_named(&self, qualifiers: &[String]) -> bool {
        !qualifiers.is_empty() && self.names.ends_with(qualifiers)
    }
}

/// Common table expressions by lower-case name.
pub(super) type Ctes = Rc<HashMap<String, Rc<Output>>>;

/// What an expression of a query can see.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) ctes: &'a Ctes,
    pub(super) relations: &'a [Relation],
    /// Columns that `USING` and `NATURAL` make one of several, lower-case: index of the relation
    /// whose value it is.
    pub(super) shared: &'a HashMap<String, Vec<usize>>,
    pub(super) outer: Option<&'a Self>,
}

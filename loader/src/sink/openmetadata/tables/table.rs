//! A table of a database, and its columns by name. Pure.

use serde_json::Value;

use super::super::{fqn, names::folded};

/// A table of the catalogue.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Table {
    pub(in super::super) id: String,
    pub(in super::super) fqn: String,
    /// Nested ones included, by folded name. Thousands of tables are remembered, so what follows from
    /// the name is left out.
    columns: Vec<Column>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    name: Box<str>,
    /// The name without regard to case, if that is another one.
    folded: Option<Box<str>>,
    /// Qualified name, if it is not that of a child of the table.
    fqn: Option<Box<str>>,
}

impl Column {
    fn folded(&self) -> &str {
        self.folded.as_deref().unwrap_or(&self.name)
    }
}

impl Table {
    /// A table as the server shows it; `None` without id and name.
    pub(super) fn of(entity: &Value) -> Option<Self> {
        let id = entity.get("id")?.as_str()?;
        let table = entity.get("fullyQualifiedName")?.as_str()?;
        let mut pending: Vec<(&Value, String)> =
            super::children(entity, "columns").map(|column| (column, table.to_owned())).collect();
        let mut names = Vec::new();
        while let Some((column, parent)) = pending.pop() {
            let Some(name) = column.get("name").and_then(Value::as_str) else { continue };
            let own = column.get("fullyQualifiedName").and_then(Value::as_str);
            let own = own.map_or_else(|| fqn::child(&parent, name), str::to_owned);
            pending.extend(super::children(column, "children").map(|child| (child, own.clone())));
            names.push((name.to_owned(), own));
        }
        Some(Self::new(id, table, names))
    }

    /// A table of which the columns with these qualified names are known.
    pub(in super::super) fn with_columns<'a>(
        id: &str,
        fqn: &str,
        columns: impl Iterator<Item = &'a String>,
    ) -> Self {
        let names = columns.map(|column| {
            let name = fqn::split(column).pop().unwrap_or_default();
            (name, column.clone())
        });
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        names.dedup();
        Self::new(id, fqn, names)
    }

    fn new(id: &str, fqn: &str, names: Vec<(String, String)>) -> Self {
        let column = |(name, own): (String, String)| Column {
            folded: Some(folded(&name)).filter(|folded| *folded != name).map(String::into),
            fqn: (own != fqn::child(fqn, &name)).then(|| own.into()),
            name: name.into(),
        };
        let mut columns: Vec<_> = names.into_iter().map(column).collect();
        columns.sort_by(|a, b| a.folded().cmp(b.folded()));
        columns.shrink_to_fit();
        Self { id: id.to_owned(), fqn: fqn.to_owned(), columns }
    }

    /// How many columns it has.
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// Qualified name of a column: spelled exactly so, else the only one in another case.
    pub(in super::super) fn column(&self, name: &str) -> Option<String> {
        let folded = folded(name);
        let start = self.columns.partition_point(|column| column.folded() < folded.as_str());
        let rest = self.columns.get(start..)?;
        let end = rest.partition_point(|column| column.folded() == folded);
        let alike = rest.get(..end)?;
        let exact = alike.iter().find(|column| *column.name == *name);
        let column = match (exact, alike) {
            (Some(column), _) | (None, [column]) => column,
            (None, _) => return None,
        };
        let own = column.fqn.as_deref().map(str::to_owned);
        Some(own.unwrap_or_else(|| fqn::child(&self.fqn, &column.name)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_found_in_any_case_unless_that_is_ambiguous() {
        let table = Table::of(&json!({
            "id": "1", "fullyQualifiedName": "s.d.x.t",
            "columns": [
                {"name": "Amount", "fullyQualifiedName": "s.d.x.t.Amount"},
                {"name": "a.b"},
                {"name": "ID"}, {"name": "id"},
                {"name": "s", "children": [{"name": "inner"}]},
            ],
        }))
        .expect("a table");
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(table.column(name).as_deref(), expected, "{name}");
        };
        check("Amount", Some("s.d.x.t.Amount"));
        check("AMOUNT", Some("s.d.x.t.Amount"));
        check("a.b", Some("s.d.x.t.\"a.b\""));
        check("ID", Some("s.d.x.t.ID"));
        check("Id", None);
        check("inner", Some("s.d.x.t.s.inner"));
        check("nope", None);
    }
}

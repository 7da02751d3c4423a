//! Rows that the script itself writes down (inline data, generated rows): loops walk through them
//! with `Peek` and `NoOfRows`, and build table names from them.

use std::rc::Rc;

use crate::script::eval::Value;

/// Most rows that are followed.
pub(crate) const MAX_ROWS: usize = 1000;

/// Most cells that one table keeps.
pub(crate) const MAX_CELLS: usize = 20_000;

/// Known rows of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rows {
    pub(crate) names: Vec<Rc<str>>,
    pub(crate) rows: Vec<Vec<Value>>,
}

impl Rows {
    /// Rows with the names of their columns; `None` when there are too many to follow.
    pub(crate) fn new(names: Vec<Rc<str>>, rows: Vec<Vec<Value>>) -> Option<Rc<Self>> {
        let cells = names.len().saturating_mul(rows.len());
        (rows.len() <= MAX_ROWS && cells <= MAX_CELLS).then(|| Rc::new(Self { names, rows }))
    }

    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|each| &**each == name)
    }

    /// Value of a cell; `Null` when the row is too short.
    pub(crate) fn cell(&self, row: usize, column: usize) -> Value {
        self.rows.get(row).and_then(|cells| cells.get(column)).cloned().unwrap_or(Value::Null)
    }

    /// These rows and those of a table with the same columns.
    pub(crate) fn append(&self, other: &Self) -> Option<Rc<Self>> {
        let columns: Option<Vec<usize>> =
            self.names.iter().map(|name| other.column(name)).collect();
        let columns = columns.filter(|_| self.names.len() == other.names.len())?;
        let mut rows = self.rows.clone();
        for row in 0..other.rows.len() {
            rows.push(columns.iter().map(|&column| other.cell(row, column)).collect());
        }
        Self::new(self.names.clone(), rows)
    }
}

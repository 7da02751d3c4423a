//! Rows that the script writes, through field lists and conditions, as far as they are known.

use std::rc::Rc;

use super::Machine;
use super::view::{Row, View};
use crate::script::eval::{self, Value};
use crate::script::model::{Relation, Rows};
use crate::script::statement::{ItemKind, Load};

impl Machine<'_> {
    /// Rows of a `LOAD`'s output.
    pub(super) fn project_rows(&self, load: &Load, input: &Relation) -> Option<Rc<Rows>> {
        let rows = input.rows.as_ref()?;
        if load.groups || load.repeats || load.items.len() > 64 {
            return None;
        }
        let mut names: Vec<Rc<str>> = Vec::new();
        for item in &load.items {
            match item.kind {
                ItemKind::Star => names.extend(rows.names.iter().cloned()),
                _ => names.push(item.name.as_str().into()),
            }
        }
        let mut output: Vec<Vec<Value>> = Vec::new();
        for index in 0..rows.rows.len() {
            let row = Row { rows, index, written: output.len() };
            let view = View { machine: self, row: Some(row) };
            if let Some(filter) = &load.filter {
                match eval::condition(filter, &view) {
                    Some(true) => {}
                    Some(false) => continue,
                    None => return None,
                }
            }
            let mut cells = Vec::with_capacity(names.len());
            for item in &load.items {
                match &item.kind {
                    ItemKind::Star => {
                        cells.extend((0..rows.names.len()).map(|column| rows.cell(index, column)));
                    }
                    ItemKind::Field(name) => match rows.column(name) {
                        Some(column) => cells.push(rows.cell(index, column)),
                        None => cells.push(Value::unknown(name)),
                    },
                    ItemKind::Expression { text, .. } => cells.push(eval::evaluate(text, &view)),
                }
            }
            if !(load.distinct && output.contains(&cells)) {
                output.push(cells);
            }
        }
        Rows::new(names, output)
    }

    /// Distinct values of a field, when every table that has it has known rows.
    pub(super) fn field_values(&self, field: &str) -> Option<Vec<Value>> {
        let tables = self.tables_with(field);
        if tables.is_empty() {
            return None;
        }
        let mut values: Vec<Value> = Vec::new();
        for key in tables {
            let table = self.state.tables.get(&*key).filter(|table| table.certain)?;
            let rows = table.relation.rows.as_ref()?;
            let column = rows.column(field)?;
            for index in 0..rows.rows.len() {
                let value = rows.cell(index, column);
                if !matches!(value, Value::Null) && !values.contains(&value) {
                    values.push(value);
                }
            }
        }
        Some(values)
    }
}

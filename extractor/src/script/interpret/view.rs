//! What expressions and expansions can see of the machine: variables, the current row, and the
//! data model as far as the script alone decides it.

use super::Machine;
use super::control::choice_of;
use crate::script::eval::{self, Names, Value};
use crate::script::expand::Variables;
use crate::script::lex::token::{Tokens, tokenize};
use crate::script::model::{Rows, Table};

/// A look at the machine, for a row of a table where there is one.
#[derive(Clone, Copy)]
pub(super) struct View<'m, 'i> {
    pub(super) machine: &'m Machine<'i>,
    pub(super) row: Option<Row<'m>>,
}

/// A row that is being read.
#[derive(Clone, Copy)]
pub(super) struct Row<'m> {
    pub(super) rows: &'m Rows,
    pub(super) index: usize,
    /// How many rows were kept before it.
    pub(super) written: usize,
}

impl Variables for View<'_, '_> {
    fn variable(&self, name: &str) -> Option<Value> {
        self.machine.variable(name)
    }

    fn evaluate(&self, expression: &str) -> Value {
        eval::evaluate(expression, self)
    }

    fn include(&self, path: &str) -> Option<String> {
        self.machine.include(path)
    }
}

impl Names for View<'_, '_> {
    fn field(&self, name: &str) -> Option<Value> {
        let row = self.row?;
        let column = row.rows.column(name)?;
        Some(row.rows.cell(row.index, column))
    }

    fn variable(&self, name: &str) -> Option<Value> {
        self.machine.variable(name)
    }

    fn assume(&self, condition: &str, yes: &Value, no: &Value) -> Option<bool> {
        if self.row.is_some() {
            return None;
        }
        let known = self.appends(yes).or_else(|| self.appends(no).map(|appends| !appends));
        known.or_else(|| self.machine.worlds.assume(choice_of(condition)))
    }

    fn model(&self, function: &str, arguments: &[Value]) -> Option<Value> {
        let text = |index: usize| arguments.get(index).and_then(Value::known_text);
        let number = |index: usize| arguments.get(index).and_then(Value::number);
        match function {
            "recno" => self.row.and_then(|row| count(row.index + 1)),
            "rowno" => self.row.and_then(|row| count(row.written + 1)),
            "iterno" => self.row.map(|_| Value::Number(1.0)),
            // An app that is reloaded in part runs both ways.
            "ispartialreload" => None,
            "noofrows" => {
                let name = text(0)?;
                let Some(table) = self.table(&name) else { return self.absent(&name) };
                count(table.relation.rows.as_ref()?.rows.len())
            }
            "nooffields" => {
                let name = text(0)?;
                let Some(table) = self.table(&name) else { return self.absent(&name) };
                if table.relation.is_closed() { count(table.relation.fields.len()) } else { None }
            }
            "fieldname" => {
                let table = self.table(&text(1)?)?;
                let index = index_of(number(0)?)?;
                let mut names = table.relation.fields.names();
                let name = if table.relation.is_closed() { names.nth(index) } else { return None };
                Some(name.map_or(Value::Null, |name| Value::text(name)))
            }
            "tablenumber" => {
                let name = text(0)?;
                match self.machine.state.tables.get(&*name) {
                    Some(table) if table.certain => {
                        let order = self.machine.table_order();
                        count(order.iter().position(|each| **each == *name)?)
                    }
                    Some(_) => None,
                    None if self.machine.state.flags.binary.is_some() => None,
                    None => Some(Value::Null),
                }
            }
            "nooftables" => {
                let tables = &self.machine.state.tables;
                let certain = self.machine.state.flags.binary.is_none()
                    && tables.iter().all(|(_, table)| table.certain);
                certain.then(|| count(self.machine.table_order().len())).flatten()
            }
            "tablename" => {
                let certain = self.machine.state.flags.binary.is_none()
                    && self.machine.state.tables.iter().all(|(_, table)| table.certain);
                let order = certain.then(|| self.machine.table_order())?;
                let index = crate::script::eval::to_index(number(0)?)?;
                Some(order.get(index).map_or(Value::Null, |name| Value::text(name)))
            }
            "peek" => self.peek(arguments),
            "fieldvalue" => {
                let values = self.machine.field_values(&text(0)?)?;
                Some(values.get(index_of(number(1)?)?).cloned().unwrap_or(Value::Null))
            }
            "fieldvaluecount" => count(self.machine.field_values(&text(0)?)?.len()),
            _ => None,
        }
    }
}

impl View<'_, '_> {
    /// Whether a text that goes before a load may do so: `CONCATENATE (T)` when the table is there.
    /// `None` for other texts.
    fn appends(&self, value: &Value) -> Option<bool> {
        let Value::Text(text) = value else { return None };
        let all = tokenize(text);
        let tokens = Tokens { text, all: &all };
        let named = tokens.is_word(0, "concatenate") && tokens.is_symbol(1, "(");
        let name = tokens.name_at(2).filter(|_| named && tokens.is_symbol(3, ")"))?;
        Some(self.machine.table_key(&name).is_some())
    }

    /// What tells of a table that is not there is null; `None` when it may be there after all.
    fn absent(&self, name: &str) -> Option<Value> {
        let machine = self.machine;
        // A log tells better than a script of which a part may not be given.
        let may_be_there = machine.state.flags.binary.is_some()
            || machine.trace.is_some()
            || machine.has_open_names
            || machine.table_key(name).is_some();
        (!may_be_there).then_some(Value::Null)
    }

    fn table(&self, name: &str) -> Option<&Table> {
        self.machine.state.tables.get(name).map(|table| &**table).filter(|table| table.certain)
    }

    /// `Peek(field, row, table)` on rows that the script wrote.
    fn peek(&self, arguments: &[Value]) -> Option<Value> {
        if self.row.is_some() {
            return None; // Of the table that is being loaded: not followed.
        }
        let field = arguments.first().and_then(Value::known_text)?;
        let table = match arguments.get(2) {
            Some(name) => name.known_text()?,
            None => self.machine.state.flags.last_table.clone()?,
        };
        let rows = self.table(&table)?.relation.rows.as_ref()?;
        let column = rows.column(&field)?;
        let row = match arguments.get(1) {
            Some(row) => row.number()?,
            None => -1.0,
        };
        let row = if row < 0.0 { row + count_of(rows.rows.len())? } else { row };
        let row = crate::script::eval::to_index(row)?;
        Some(rows.cell(row, column))
    }
}

fn count_of(count: usize) -> Option<f64> {
    u32::try_from(count).ok().map(f64::from)
}

fn count(number: usize) -> Option<Value> {
    count_of(number).map(Value::Number)
}

/// Index of a number that counts from 1.
fn index_of(number: f64) -> Option<usize> {
    crate::script::eval::to_index(number - 1.0)
}

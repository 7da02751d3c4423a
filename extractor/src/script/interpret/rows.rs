//! Rows that the script writes, through field lists and conditions, as far as they are known.

use std::collections::HashSet;
use std::rc::Rc;

use super::Machine;
use super::view::{Row, View};
use crate::script::eval::{self, Value};
use crate::script::lex::part;
use crate::script::lex::token::{Tokens, tokenize};
use crate::script::limits;
use crate::script::model::{Relation, Rows};
use crate::script::statement::{Item, ItemKind, Load, split};

impl Machine<'_> {
    /// Rows of a `LOAD`'s output.
    pub(super) fn project_rows(&self, load: &Load, input: &Relation) -> Option<Rc<Rows>> {
        let rows = input.rows.as_ref()?;
        if load.groups || load.repeats || load.items.len() > 64 {
            return None;
        }
        if load.items.iter().any(is_aggregated) {
            return self.aggregate_rows(load, rows);
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

    /// The one row that aggregations make of all. Of those only `Concat` is followed: it makes lists
    /// of fields and values that later statements are made of.
    fn aggregate_rows(&self, load: &Load, rows: &Rows) -> Option<Rc<Rows>> {
        let mut kept = Vec::new();
        for index in 0..rows.rows.len() {
            let row = Some(Row { rows, index, written: kept.len() });
            match &load.filter {
                None => kept.push(index),
                Some(filter) => match eval::condition(filter, &View { machine: self, row }) {
                    Some(true) => kept.push(index),
                    Some(false) => {}
                    None => return None,
                },
            }
        }
        let names = load.items.iter().map(|item| Rc::from(item.name.as_str())).collect();
        let cells = load.items.iter().map(|item| match &item.kind {
            ItemKind::Expression { text, .. } => {
                self.aggregated(text, rows, &kept).unwrap_or_else(|| Value::unknown(text))
            }
            _ => Value::unknown(&item.name),
        });
        Rows::new(names, vec![cells.collect()])
    }

    /// Value of an expression over several rows; `None` when it is not known.
    fn aggregated(&self, text: &str, rows: &Rows, kept: &[usize]) -> Option<Value> {
        let all = tokenize(text);
        let tokens = Tokens { text, all: &all };
        let mut made = String::new();
        let mut from = 0;
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            if !tokens.is_word(at - 1, "concat") || !tokens.is_symbol(at, "(") {
                continue;
            }
            let end = tokens.after_parenthesis(at);
            let value = self.concatenated(&tokens, at + 1, end.checked_sub(1)?, rows, kept)?;
            made.push_str(part(text, from, token.start));
            made.push_str(&format!("'{}'", value.replace('\'', "''")));
            from = tokens.get(end - 1)?.end;
            at = end;
        }
        made.push_str(part(text, from, text.len()));
        let value = eval::evaluate(&made, &View { machine: self, row: None });
        (!value.is_unknown()).then_some(value)
    }

    /// `Concat([DISTINCT] value [, delimiter [, weight]])`, its arguments between two tokens.
    fn concatenated(
        &self,
        tokens: &Tokens<'_>,
        from: usize,
        to: usize,
        rows: &Rows,
        kept: &[usize],
    ) -> Option<String> {
        let distinct = tokens.is_word(from, "distinct");
        let from = from + usize::from(distinct);
        let arguments = split(tokens, from, to);
        let argument = |index: usize, row: Option<Row<'_>>| {
            let (from, to) = *arguments.get(index)?;
            Some(eval::evaluate(tokens.span(from, to), &View { machine: self, row }))
        };
        let delimiter = match argument(1, None) {
            Some(delimiter) => delimiter.known_text()?,
            None => "".into(),
        };
        let mut values: Vec<(f64, Rc<str>)> = Vec::new();
        let mut length = 0;
        for &index in kept {
            let row = Some(Row { rows, index, written: index });
            let value = argument(0, row)?;
            if matches!(value, Value::Null) {
                continue;
            }
            let shown = value.known_text()?;
            let weight = match argument(2, row) {
                Some(weight) => weight.number()?,
                None => 0.0,
            };
            length += shown.len() + delimiter.len();
            if length > limits::MAX_VALUE {
                return None;
            }
            values.push((weight, shown));
        }
        values.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        if distinct {
            let mut seen = HashSet::new();
            values.retain(|(_, shown)| seen.insert(Rc::clone(shown)));
        }
        let values: Vec<&str> = values.iter().map(|(_, shown)| &**shown).collect();
        Some(values.join(&delimiter))
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

/// Whether an element of a field list makes one value of all rows.
fn is_aggregated(item: &Item) -> bool {
    const AGGREGATIONS: [&str; 13] = [
        "concat",
        "sum",
        "count",
        "min",
        "max",
        "avg",
        "only",
        "mode",
        "median",
        "stdev",
        "minstring",
        "maxstring",
        "firstsortedvalue",
    ];
    let ItemKind::Expression { text, .. } = &item.kind else { return false };
    let all = tokenize(text);
    let tokens = Tokens { text, all: &all };
    (0..all.len()).any(|at| tokens.is_any_word(at, &AGGREGATIONS) && tokens.is_symbol(at + 1, "("))
}

//! Columns that `PIVOT`, `UNPIVOT` and `MATCH_RECOGNIZE` make.

use std::collections::{BTreeSet, HashMap};

use sqlparser::ast::{Expr, ExprWithAlias, Measure, SymbolDefinition, TableAlias, Value};

use super::SelectColumn;
use super::expression::mentioned;
use super::from::relation;
use super::resolve::Resolver;
use super::rows::Site;
use super::scope::{Output, Relation, Scope};

impl Resolver<'_> {
    /// The columns of a pivot: one for each value and each aggregate.
    pub(super) fn pivoted(
        &mut self,
        aggregates: &[ExprWithAlias],
        values: &[ExprWithAlias],
        scope: &Scope<'_>,
    ) -> Output {
        let mut made = Output::default();
        let aggregates: Vec<(Option<&str>, SelectColumn)> = aggregates
            .iter()
            .map(|each| {
                let alias = each.alias.as_ref().map(|alias| alias.value.as_str());
                (alias, self.column(String::new(), &each.expr, scope))
            })
            .collect();
        for (_, column) in &aggregates {
            made.any.extend(column.origins.iter().cloned());
        }
        let several = aggregates.len() > 1;
        for value in values {
            for (alias, column) in &aggregates {
                let name = name(value, *alias, several, self.dialect);
                if made.column(&name).is_none() {
                    let origins = if alias.is_some() { &column.origins } else { &made.any };
                    let column = SelectColumn { name, origins: origins.clone(), expression: None };
                    made.columns.push(column);
                }
            }
        }
        made
    }
}

/// Symbols of a pattern that are told apart at most.
const MAX_SYMBOLS: usize = 100;

impl Resolver<'_> {
    /// Columns that a `MATCH_RECOGNIZE` makes: `A.price AS start` is the price of a row.
    pub(super) fn measured(
        &mut self,
        measures: &[Measure],
        symbols: &[SymbolDefinition],
        site: &Site<'_>,
    ) -> Vec<SelectColumn> {
        let shared = HashMap::new();
        let Site { ctes, outer, relations } = *site;
        // Rows are named by the symbols of the pattern, and those that it does not define.
        let mut rows: Vec<Relation> = relations.to_vec();
        let mut names: BTreeSet<String> =
            symbols.iter().map(|each| each.symbol.value.to_lowercase()).collect();
        for measure in measures {
            let qualified = mentioned(&measure.expr).0.into_iter();
            names.extend(qualified.filter_map(|parts| match parts.as_slice() {
                [symbol, _] => Some(symbol.to_lowercase()),
                _ => None,
            }));
        }
        if let Some(row) = relations.first() {
            let named = |name| Relation { names: vec![name], is_alias: true, ..row.clone() };
            rows.extend(names.into_iter().take(MAX_SYMBOLS).map(named));
        }
        let mut scope = Scope { ctes, relations: &rows, shared: &shared, outer };
        let mut made = Vec::new();
        for measure in measures {
            let is_plain = mentioned(&measure.expr).0.iter().all(|parts| parts.len() == 1);
            scope.relations = if is_plain { relations } else { &rows };
            made.push(self.column(measure.alias.value.clone(), &measure.expr, &scope));
        }
        made
    }
}

/// Name of a pivot's column: that of the value, and of the aggregate where it has one. BigQuery puts
/// this first; Spark leaves it out where there is only one.
fn name(
    value: &ExprWithAlias,
    aggregate: Option<&str>,
    several: bool,
    dialect: Option<&str>,
) -> String {
    let bare = matches!(dialect, Some("bigquery" | "databricks" | "hive" | "duckdb" | "redshift"));
    let own = match (&value.alias, &value.expr) {
        (Some(alias), _) => alias.value.clone(),
        (None, Expr::Identifier(name)) => name.value.clone(),
        (None, Expr::Value(literal)) if bare => match &literal.value {
            Value::SingleQuotedString(text) => text.clone(),
            other => other.to_string(),
        },
        (None, other) => {
            // `[2024]` is a name, though other dialects read a list of one.
            let text = other.to_string();
            let name = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            name.map_or_else(|| text.clone(), str::to_owned)
        }
    };
    match (aggregate, dialect) {
        (Some(aggregate), Some("bigquery")) => format!("{aggregate}_{own}"),
        (Some(_), Some("databricks" | "hive")) if !several => own,
        (Some(aggregate), _) => format!("{own}_{aggregate}"),
        (None, _) => own,
    }
}

/// Takes columns out of a relation and puts others in.
pub(super) fn reshape(
    relations: &mut [Relation],
    at: usize,
    gone: &BTreeSet<String>,
    made: &Output,
    alias: Option<&TableAlias>,
) {
    let Some(inner) = relations.get_mut(at) else { return };
    let mut result = Output::clone(&inner.result);
    result.columns.retain(|column| !gone.contains(&column.name.to_lowercase()));
    for star in &mut result.stars {
        star.except.extend(gone.iter().cloned());
        star.except.extend(made.columns.iter().map(|column| column.name.to_lowercase()));
    }
    result.columns.extend(made.columns.iter().cloned());
    let names = std::mem::take(&mut inner.names);
    *inner = relation(std::rc::Rc::new(result), names, alias);
}

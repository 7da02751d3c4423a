//! Names of columns → the relations that have them. A name is resolved only where a valid query
//! leaves no choice.

use std::collections::BTreeSet;

use super::SelectColumn;
use super::expression::{item_expression, mentioned, own_function};
use super::resolve::Resolver;
use super::scope::{Relation, Scope};
use sqlparser::ast::{Expr, Select as SelectAst};

/// Origins of a column, and the expression that made it.
type Found = (BTreeSet<(usize, String)>, Option<String>);

impl Resolver<'_> {
    /// Origins of a column by its qualified name, and the expression that made it.
    pub(super) fn resolve_name(&mut self, parts: &[String], scope: &Scope<'_>) -> Found {
        let Some((column, qualifiers)) = parts.split_last() else { return Default::default() };
        let lower: Vec<String> = qualifiers.iter().map(|part| part.to_lowercase()).collect();
        if lower.is_empty() {
            return self.resolve_unqualified(column, scope);
        }
        let mut current = Some(scope);
        while let Some(scope) = current {
            if let Some(relation) = scope.relations.iter().find(|each| each.is_named(&lower)) {
                return take(relation, column);
            }
            // `alias.struct.field`
            for end in (1..lower.len()).rev() {
                let head = lower.get(..end).unwrap_or_default();
                if let Some(relation) = scope.relations.iter().find(|each| each.is_named(head)) {
                    return take_path(relation, parts.get(end..).unwrap_or_default());
                }
            }
            // `element.field`: a column that a function or a subquery made, and a part of it.
            let made = parts.first().and_then(|first| {
                let mut relations = scope.relations.iter();
                relations.find(|each| each.result.column(first).is_some()).zip(Some(first))
            });
            if let Some((relation, first)) = made {
                return take(relation, first);
            }
            // The objects of a SOQL query see none around it.
            current = scope.outer.filter(|_| self.dialect != Some(super::SOQL));
        }
        // `Owner.Name` of the one table there is: a path of its own.
        match scope.relations {
            [only] => take(only, &parts.join(".")),
            _ => {
                self.note(format!("column `{}` belongs to no table of the query", parts.join(".")));
                Default::default()
            }
        }
    }

    /// Origins of what is written like a column and may be a function of the database, if it is a
    /// column.
    pub(super) fn resolve_pseudo(&mut self, name: &str, scope: &Scope<'_>) -> Option<Found> {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let elsewhere = (is("level") && !self.hierarchical)
            || own_function(name).is_some_and(|dialect| self.dialect != Some(dialect));
        if elsewhere {
            return Some(self.resolve_unqualified(name, scope));
        }
        let mut current = Some(scope);
        while let Some(scope) = current {
            let mut relations = scope.relations.iter();
            if let Some(relation) = relations.find(|each| each.result.column(name).is_some()) {
                return Some(take(relation, name));
            }
            current = scope.outer;
        }
        None
    }

    /// Whether a name is that of a relation, and its whole row the value: `row_to_json(t)`.
    fn is_row(&self, relation: &Relation, name: &str) -> bool {
        const DIALECTS: [&str; 4] = ["postgres", "redshift", "bigquery", "duckdb"];
        relation.is_alias
            && relation.names.last().is_some_and(|last| last == name)
            && self.dialect.is_some_and(|dialect| DIALECTS.contains(&dialect))
    }

    fn resolve_unqualified(&mut self, column: &str, scope: &Scope<'_>) -> Found {
        let lower = column.to_lowercase();
        if let Some(owners) = scope.shared.get(&lower) {
            let mut origins = BTreeSet::new();
            let mut expression = None;
            for &owner in owners {
                if let Some(relation) = scope.relations.get(owner) {
                    let (found, made_by) = take(relation, column);
                    origins.extend(found);
                    expression = expression.or(made_by);
                }
            }
            return (origins, expression);
        }
        // A valid query has the column in one relation only: where it is known to be, it is.
        let knows = |relation: &&Relation| {
            relation.result.column(column).is_some()
                || relation.known.contains(&lower)
                || relation.result.open(column).any(|table| {
                    self.tables.get(table).is_some_and(|name| self.catalogue.has(name, column))
                })
        };
        if let Some(relation) = scope.relations.iter().find(knows) {
            return take(relation, column);
        }
        // `UPPER(a) AS a, a || 'x'`: the table has the column, and it comes first.
        let earlier = self.earlier.iter().find(|it| it.name.eq_ignore_ascii_case(column));
        let itself = |it: &SelectColumn| {
            it.origins.iter().any(|(_, name)| name.eq_ignore_ascii_case(column))
        };
        if let Some(earlier) = earlier.filter(|it| !itself(it)) {
            return (earlier.origins.clone(), earlier.expression.clone());
        }
        if let Some(row) = scope.relations.iter().find(|it| self.is_row(it, &lower)) {
            return (row.result.every().collect(), None);
        }
        let lacks = |table: usize| {
            self.tables.get(table).is_some_and(|name| self.catalogue.lacks(name, column))
        };
        let mut open = scope
            .relations
            .iter()
            .filter(|relation| relation.result.open(column).any(|table| !lacks(table)));
        match (open.next(), open.next()) {
            (Some(only), None) => take(only, column),
            // No other has it: a field of the elements, which hides those of queries around it.
            (None, _) => {
                match (scope.relations.iter().find(|it| it.result.has_fields), scope.outer) {
                    (Some(elements), _) => take(elements, column),
                    (None, Some(outer)) => self.resolve_unqualified(column, outer),
                    (None, None) => {
                        self.missed = true;
                        Default::default()
                    }
                }
            }
            (Some(_), Some(_)) => {
                self.note(format!("column `{column}` may belong to several tables of the query"));
                Default::default()
            }
        }
    }
}

/// A relation's column and the expression that made it.
fn take(relation: &Relation, column: &str) -> Found {
    if let Some(found) = relation.result.column(column) {
        return (found.origins.clone(), found.expression.clone());
    }
    let open = relation.result.open(column).map(|table| (table, column.to_owned()));
    (open.chain(relation.result.any.iter().cloned()).collect(), None)
}

/// What a path such as `struct.field` leads to: a column that a query made is taken as a whole.
fn take_path(relation: &Relation, path: &[String]) -> Found {
    let dotted = path.join(".");
    let made = path.first().filter(|first| relation.result.column(first).is_some());
    match made {
        Some(first) if relation.result.column(&dotted).is_none() => take(relation, first),
        _ => take(relation, &dotted),
    }
}

/// Remembers which columns the query takes from each relation by a qualified name.
pub(super) fn note_known(relations: &mut [Relation], select: &SelectAst, conditions: &[&Expr]) {
    if relations.len() < 2 {
        return;
    }
    let expressions = select.projection.iter().filter_map(item_expression);
    for expression in expressions.chain(conditions.iter().copied()) {
        for parts in mentioned(expression).0 {
            let Some((column, qualifiers)) = parts.split_last() else { continue };
            let lower: Vec<String> = qualifiers.iter().map(|part| part.to_lowercase()).collect();
            if let Some(relation) = relations.iter_mut().find(|each| each.is_named(&lower)) {
                relation.known.insert(column.to_lowercase());
            }
        }
    }
}

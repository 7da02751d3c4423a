//! `FROM` clauses: tables, subqueries and joins → the relations that a query sees.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use sqlparser::ast::{
    Expr, ExprWithAlias, FunctionArg, FunctionArgExpr, Ident, JoinConstraint, JoinOperator,
    JsonTableColumn, LateralView, ObjectName, ObjectNamePart, PivotValueSource, TableAlias,
    TableFactor, TableWithJoins,
};

use super::expression::{column_name, mentioned};
use super::prepare::is_stand_in;
use super::resolve::Resolver;
use super::scope::{Ctes, Output, Relation, Scope};
use super::{SelectColumn, Star};

impl Resolver<'_> {
    pub(super) fn from<'b>(
        &mut self,
        from: &'b TableWithJoins,
        ctes: &Ctes,
        outer: Option<&Scope<'_>>,
        relations: &mut Vec<Relation>,
        shared: &mut HashMap<String, Vec<usize>>,
        conditions: &mut Vec<&'b Expr>,
    ) {
        self.factor(&from.relation, ctes, outer, relations, shared, conditions);
        for join in &from.joins {
            let before = relations.len();
            self.factor(&join.relation, ctes, outer, relations, shared, conditions);
            let Some((constraint, kept)) = join_constraint(&join.join_operator) else { continue };
            match constraint {
                JoinConstraint::On(condition) => conditions.push(condition),
                JoinConstraint::Using(columns) | JoinConstraint::UsingAlias(columns, _) => {
                    for column in columns {
                        let Some(name) = lower_parts(column).pop() else { continue };
                        let left = shared
                            .get(&name)
                            .cloned()
                            .unwrap_or_else(|| owners(relations, before, &name));
                        let owners = match kept {
                            Kept::Left => left,
                            Kept::Right => vec![before],
                            Kept::Both => left.into_iter().chain([before]).collect(),
                        };
                        shared.insert(name, owners);
                    }
                }
                JoinConstraint::Natural | JoinConstraint::None => {}
            }
        }
    }

    fn factor<'b>(
        &mut self,
        factor: &'b TableFactor,
        ctes: &Ctes,
        outer: Option<&Scope<'_>>,
        relations: &mut Vec<Relation>,
        shared: &mut HashMap<String, Vec<usize>>,
        conditions: &mut Vec<&'b Expr>,
    ) {
        match factor {
            TableFactor::Table { name, alias, args, .. } => {
                let parts = object_parts(name);
                let lower: Vec<String> = parts.iter().map(|part| part.to_lowercase()).collect();
                let cte = match lower.as_slice() {
                    [single] => ctes.get(single).cloned(),
                    _ => None,
                };
                // `_SYS_BIC` views of HANA take parameters and are tables all the same.
                let is_view = lower.iter().any(|schema| schema.starts_with("_sys_bic"));
                let result = match cte {
                    Some(result) => result,
                    None if args.is_some() && !is_view => {
                        let list = args.iter().flat_map(|args| &args.args);
                        let list = list.filter_map(function_argument).collect();
                        let site = Site { ctes, outer, relations: relations.as_slice() };
                        self.function(&parts, list, alias.as_ref(), &site)
                    }
                    None => {
                        let star = self.table(parts).map(|table| Star { table, ..Star::default() });
                        Rc::new(Output { stars: star.into_iter().collect(), ..Output::default() })
                    }
                };
                relations.push(relation(result, lower, alias.as_ref()));
            }
            TableFactor::Derived { subquery, alias, lateral, .. } => {
                let shared_so_far = HashMap::new();
                let scope =
                    Scope { ctes, relations: relations.as_slice(), shared: &shared_so_far, outer };
                let outer = if *lateral { Some(&scope) } else { outer };
                let result = self.query(subquery, ctes, outer);
                relations.push(relation(result, Vec::new(), alias.as_ref()));
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let before = relations.len();
                self.from(table_with_joins, ctes, outer, relations, shared, conditions);
                if let Some(alias) = alias {
                    // The alias hides the names inside.
                    let mut result = Output::default();
                    for inner in relations.drain(before..) {
                        result.columns.extend(inner.result.columns.iter().cloned());
                        result.stars.extend(inner.result.stars.iter().cloned());
                    }
                    relations.push(relation(Rc::new(result), Vec::new(), Some(alias)));
                }
            }
            TableFactor::Pivot {
                table,
                aggregate_functions,
                value_column,
                value_source,
                alias,
                ..
            } => {
                let before = relations.len();
                self.factor(table, ctes, outer, relations, shared, conditions);
                let Some(inner) = relations.get(before).cloned() else { return };
                let site = Site { ctes, outer, relations: std::slice::from_ref(&inner) };
                let used = aggregate_functions.iter().map(|each| &each.expr).chain(value_column);
                let used = used.flat_map(|each| mentioned(each).0).filter_map(|mut it| it.pop());
                let used: BTreeSet<String> = used.map(|name| name.to_lowercase()).collect();
                let values: Vec<&Expr> =
                    aggregate_functions.iter().map(|each| &each.expr).collect();
                let names = match value_source {
                    PivotValueSource::List(list) => list.iter().map(pivot_name).collect(),
                    PivotValueSource::Any(_) | PivotValueSource::Subquery(_) => Vec::new(),
                };
                let made = self.made(values, &names, &site);
                reshape(relations, before, &used, &made, alias.as_ref());
            }
            TableFactor::Unpivot { table, value, name, columns, alias, .. } => {
                let before = relations.len();
                self.factor(table, ctes, outer, relations, shared, conditions);
                let Some(inner) = relations.get(before).cloned() else { return };
                let site = Site { ctes, outer, relations: std::slice::from_ref(&inner) };
                let used: Vec<&Expr> = columns.iter().map(|each| &each.expr).collect();
                let gone = used.iter().flat_map(|each| mentioned(each).0);
                let gone: BTreeSet<String> =
                    gone.filter_map(|mut it| it.pop()).map(|name| name.to_lowercase()).collect();
                let names = column_name(value).and_then(|mut parts| parts.pop());
                let mut made =
                    Output::clone(&self.made(used, &names.into_iter().collect::<Vec<_>>(), &site));
                made.columns
                    .push(SelectColumn { name: name.value.clone(), ..SelectColumn::default() });
                reshape(relations, before, &gone, &made, alias.as_ref());
            }
            TableFactor::MatchRecognize { table, alias, .. } => {
                let before = relations.len();
                self.factor(table, ctes, outer, relations, shared, conditions);
                if let (Some(alias), Some(inner)) = (alias, relations.get_mut(before)) {
                    inner.names.push(alias.name.value.to_lowercase());
                }
            }
            TableFactor::TableFunction { expr, alias } => {
                let names = function_columns(&[], alias.as_ref());
                let site = Site { ctes, outer, relations: relations.as_slice() };
                let made = self.made(vec![expr], &names, &site);
                relations.push(relation(made, Vec::new(), alias.as_ref()));
            }
            TableFactor::Function { name, args, alias, .. } => {
                let lower = lower_parts(name);
                let names = function_columns(&lower, alias.as_ref());
                let site = Site { ctes, outer, relations: relations.as_slice() };
                let list = args.iter().filter_map(function_argument).collect();
                let made = self.made(list, &names, &site);
                relations.push(relation(made, lower, alias.as_ref()));
            }
            TableFactor::UNNEST { array_exprs, alias, .. } => {
                let names = function_columns(&[], alias.as_ref());
                let site = Site { ctes, outer, relations: relations.as_slice() };
                let made = self.made(array_exprs.iter().collect(), &names, &site);
                relations.push(relation(made, Vec::new(), alias.as_ref()));
            }
            TableFactor::JsonTable { json_expr, columns, alias, .. } => {
                let mut names = Vec::new();
                json_names(columns, &mut names);
                let site = Site { ctes, outer, relations: relations.as_slice() };
                let made = self.made(vec![json_expr], &names, &site);
                relations.push(relation(made, Vec::new(), alias.as_ref()));
            }
            TableFactor::OpenJsonTable { json_expr, columns, alias, .. } => {
                let mut names: Vec<String> =
                    columns.iter().map(|column| column.name.value.clone()).collect();
                if names.is_empty() {
                    names = ["key", "value", "type"].map(str::to_owned).to_vec();
                }
                let site = Site { ctes, outer, relations: relations.as_slice() };
                let made = self.made(vec![json_expr], &names, &site);
                relations.push(relation(made, Vec::new(), alias.as_ref()));
            }
            TableFactor::XmlTable { passing, columns, alias, .. } => {
                let names: Vec<String> =
                    columns.iter().map(|column| column.name.value.clone()).collect();
                let site = Site { ctes, outer, relations: relations.as_slice() };
                let list = passing.arguments.iter().map(|each| &each.expr).collect();
                let made = self.made(list, &names, &site);
                relations.push(relation(made, Vec::new(), alias.as_ref()));
            }
            TableFactor::SemanticView { alias, .. } => {
                relations.push(relation(Rc::default(), Vec::new(), alias.as_ref()));
            }
            TableFactor::UnpivotExpr { .. } => {}
        }
    }
}

impl Resolver<'_> {
    /// `LATERAL VIEW explode(a.list) view AS element`.
    pub(super) fn lateral_view(
        &mut self,
        view: &LateralView,
        ctes: &Ctes,
        outer: Option<&Scope<'_>>,
        relations: &mut Vec<Relation>,
    ) {
        let names: Vec<String> =
            view.lateral_col_alias.iter().map(|name| name.value.clone()).collect();
        let site = Site { ctes, outer, relations: relations.as_slice() };
        let made = self.made(vec![&view.lateral_view], &names, &site);
        relations.push(relation(made, lower_parts(&view.lateral_view_name), None));
    }

    /// What a function makes of expressions over the relations before it: each column may take
    /// from each of them.
    pub(super) fn made(
        &mut self,
        from: Vec<&Expr>,
        names: &[String],
        site: &Site<'_>,
    ) -> Rc<Output> {
        let shared = HashMap::new();
        let scope = Scope {
            ctes: site.ctes,
            relations: site.relations,
            shared: &shared,
            outer: site.outer,
        };
        let mut any = BTreeSet::new();
        for expression in from {
            any.extend(self.column(String::new(), expression, &scope).origins);
        }
        let columns = names.iter().map(|name| SelectColumn {
            name: name.clone(),
            origins: any.clone(),
            expression: None,
        });
        Rc::new(Output { columns: columns.collect(), stars: Vec::new(), any })
    }
}

/// Where a table function stands.
pub(super) struct Site<'a> {
    ctes: &'a Ctes,
    relations: &'a [Relation],
    outer: Option<&'a Scope<'a>>,
}

fn function_argument(argument: &FunctionArg) -> Option<&Expr> {
    match argument {
        FunctionArg::Named { arg: FunctionArgExpr::Expr(arg), .. }
        | FunctionArg::ExprNamed { arg: FunctionArgExpr::Expr(arg), .. }
        | FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) => Some(arg),
        _ => None,
    }
}

/// Columns of a table function's result: those of Snowflake's `FLATTEN` and of `STRING_SPLIT`, or
/// the one that has the alias's name.
pub(super) fn function_columns(name: &[String], alias: Option<&TableAlias>) -> Vec<String> {
    let own: &[&str] = match name.last().map(String::as_str) {
        Some("flatten") => &["value", "key", "index", "path", "seq", "this"],
        Some("string_split") => &["value", "ordinal"],
        _ => &[],
    };
    if !own.is_empty() {
        return own.iter().map(|&name| name.to_owned()).collect();
    }
    let Some(alias) = alias else { return Vec::new() };
    // A column list of the alias takes the place of this name.
    let count = alias.columns.len().max(1);
    vec![alias.name.value.clone(); count]
}

fn json_names(columns: &[JsonTableColumn], names: &mut Vec<String>) {
    let mut todo: Vec<&JsonTableColumn> = columns.iter().rev().collect();
    while let Some(column) = todo.pop() {
        match column {
            JsonTableColumn::Named(named) => names.push(named.name.value.clone()),
            JsonTableColumn::ForOrdinality(name) => names.push(name.value.clone()),
            JsonTableColumn::Nested(nested) => todo.extend(nested.columns.iter().rev()),
        }
    }
}

/// Name of the column that `PIVOT` makes of a value.
fn pivot_name(value: &ExprWithAlias) -> String {
    match (&value.alias, &value.expr) {
        (Some(alias), _) => alias.value.clone(),
        (None, Expr::Identifier(name)) => name.value.clone(),
        (None, other) => {
            // `[2024]` is a name, though other dialects read a list of one.
            let text = other.to_string();
            let name = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            name.map_or_else(|| text.clone(), str::to_owned)
        }
    }
}

/// Takes columns out of a relation and puts others in.
fn reshape(
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
    *inner = relation(Rc::new(result), names, alias);
}

/// Which side's value a shared column has.
#[derive(Clone, Copy)]
enum Kept {
    Left,
    Right,
    Both,
}

fn join_constraint(operator: &JoinOperator) -> Option<(&JoinConstraint, Kept)> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::CrossJoin(constraint)
        | JoinOperator::Semi(constraint)
        | JoinOperator::LeftSemi(constraint)
        | JoinOperator::Anti(constraint)
        | JoinOperator::LeftAnti(constraint)
        | JoinOperator::StraightJoin(constraint)
        | JoinOperator::AsOf { constraint, .. } => Some((constraint, Kept::Left)),
        JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::RightSemi(constraint)
        | JoinOperator::RightAnti(constraint) => Some((constraint, Kept::Right)),
        JoinOperator::FullOuter(constraint) => Some((constraint, Kept::Both)),
        JoinOperator::CrossApply
        | JoinOperator::OuterApply
        | JoinOperator::ArrayJoin
        | JoinOperator::LeftArrayJoin
        | JoinOperator::InnerArrayJoin => None,
    }
}

/// The relation on the left of a join that a shared column comes from: the first that can have it.
fn owners(relations: &[Relation], before: usize, name: &str) -> Vec<usize> {
    relations
        .iter()
        .take(before)
        .position(|relation| {
            relation.result.column(name).is_some() || relation.result.open(name).next().is_some()
        })
        .into_iter()
        .collect()
}

fn relation(result: Rc<Output>, names: Vec<String>, alias: Option<&TableAlias>) -> Relation {
    // What stands in for a variable after a table, as in `FROM t $(vWhere)`, is no alias.
    let (names, result) = match alias.filter(|alias| !is_stand_in(&alias.name.value)) {
        Some(alias) => (vec![alias.name.value.to_lowercase()], renamed(&result, alias)),
        None => (names, result),
    };
    Relation { names, result, known: BTreeSet::new() }
}

/// A result with the column names that an alias gives: `AS t (a, b)`.
pub(super) fn renamed(result: &Rc<Output>, alias: &TableAlias) -> Rc<Output> {
    if alias.columns.is_empty() {
        return Rc::clone(result);
    }
    let mut renamed = Output::clone(result);
    for (column, name) in renamed.columns.iter_mut().zip(&alias.columns) {
        column.name.clone_from(&name.name.value);
    }
    Rc::new(renamed)
}

fn object_parts(name: &ObjectName) -> Vec<String> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(Ident { value, .. }) => value.clone(),
            ObjectNamePart::Function(function) => function.name.value.clone(),
        })
        .flat_map(|part| {
            // BigQuery quotes a whole path: `project.dataset.table`.
            let dotted = name.0.len() == 1 && part.matches('.').count() == 2;
            if dotted { part.split('.').map(str::to_owned).collect() } else { vec![part] }
        })
        .collect()
}

pub(super) fn lower_parts(name: &ObjectName) -> Vec<String> {
    object_parts(name).into_iter().map(|part| part.to_lowercase()).collect()
}

//! `FROM` clauses: tables, subqueries and joins → the relations that a query sees.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use sqlparser::ast::{
    Expr, FunctionArguments, Ident, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart,
    PivotValueSource, Query, TableAlias, TableFactor, TableWithJoins,
};

use super::expression::{column_name, mentioned};
use super::pivot::reshape;
use super::prepare::is_stand_in;
use super::resolve::{Resolver, text_value};
use super::rows::{
    Site, function_argument, function_columns, is_column, is_placeholder, json_names,
};
use super::scope::{Ctes, Output, Relation, Scope};
use super::{SelectColumn, Star, Unknown};

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
            self.join(join, ctes, outer, relations, shared, conditions);
        }
    }

    /// A further relation, and the columns that it shares with those before it.
    pub(super) fn join<'b>(
        &mut self,
        join: &'b Join,
        ctes: &Ctes,
        outer: Option<&Scope<'_>>,
        relations: &mut Vec<Relation>,
        shared: &mut HashMap<String, Vec<usize>>,
        conditions: &mut Vec<&'b Expr>,
    ) {
        let before = relations.len();
        match (&join.relation, &join.join_operator) {
            (
                TableFactor::Derived { subquery, alias, .. },
                JoinOperator::CrossApply | JoinOperator::OuterApply,
            ) => self.derived(subquery, alias.as_ref(), true, ctes, outer, relations),
            (
                TableFactor::Table { name, alias, .. },
                JoinOperator::ArrayJoin
                | JoinOperator::LeftArrayJoin
                | JoinOperator::InnerArrayJoin,
            ) => {
                let site = Site { ctes, outer, relations: relations.as_slice() };
                let made = self.elements(&object_parts(name), alias.as_ref(), &site);
                relations.push(relation(made, Vec::new(), alias.as_ref()));
            }
            (relation, _) => self.factor(relation, ctes, outer, relations, shared, conditions),
        }
        let Some((constraint, kept)) = join_constraint(&join.join_operator) else { return };
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
                // Views of HANA take parameters and are tables all the same.
                let is_view = lower.iter().any(|schema| schema.starts_with("_sys_bic"))
                    || args.iter().flat_map(|args| &args.args).any(is_placeholder);
                let result = match cte {
                    Some(result) => result,
                    None if args.is_some() && !is_view => {
                        let list = args.iter().flat_map(|args| &args.args);
                        let list = list.filter_map(function_argument).collect();
                        let site = Site { ctes, outer, relations: relations.as_slice() };
                        self.function(&parts, list, alias.as_ref(), &site)
                    }
                    // BigQuery: `FROM t o, o.items i`
                    None if is_column(&lower, relations) => {
                        let site = Site { ctes, outer, relations: relations.as_slice() };
                        self.elements(&parts, alias.as_ref(), &site)
                    }
                    None => {
                        let star = self.table(parts).map(|table| Star { table, ..Star::default() });
                        Rc::new(Output { stars: star.into_iter().collect(), ..Output::default() })
                    }
                };
                relations.push(relation(result, lower, alias.as_ref()));
            }
            TableFactor::Derived { subquery, alias, lateral, .. } => {
                self.derived(subquery, alias.as_ref(), *lateral, ctes, outer, relations);
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
                let used = aggregate_functions.iter().map(|each| &each.expr).chain(value_column);
                let used = used.flat_map(|each| mentioned(each).0).filter_map(|mut it| it.pop());
                let used: BTreeSet<String> = used.map(|name| name.to_lowercase()).collect();
                let values = match value_source {
                    PivotValueSource::List(list) => list.as_slice(),
                    PivotValueSource::Any(_) | PivotValueSource::Subquery(_) => &[],
                };
                let shared = HashMap::new();
                let relation = std::slice::from_ref(&inner);
                let scope = Scope { ctes, relations: relation, shared: &shared, outer };
                let made = self.pivoted(aggregate_functions, values, &scope);
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
            TableFactor::MatchRecognize { table, measures, symbols, alias, .. } => {
                let before = relations.len();
                self.factor(table, ctes, outer, relations, shared, conditions);
                let site =
                    Site { ctes, outer, relations: relations.get(before..).unwrap_or_default() };
                let made = self.measured(measures, symbols, &site);
                if let Some(inner) = relations.get_mut(before) {
                    let result = Rc::make_mut(&mut inner.result);
                    result.remove(made.iter().map(|column| column.name.as_str()));
                    result.columns.extend(made);
                }
                if let (Some(alias), Some(inner)) = (alias, relations.get_mut(before)) {
                    inner.names.push(alias.name.value.to_lowercase());
                }
            }
            TableFactor::TableFunction { expr, alias } => {
                let site = Site { ctes, outer, relations: relations.as_slice() };
                let alias = alias.as_ref();
                let made = match expr {
                    Expr::Function(call) => {
                        let list = match &call.args {
                            FunctionArguments::List(list) => list.args.as_slice(),
                            _ => &[],
                        };
                        let list = list.iter().filter_map(function_argument).collect();
                        self.function(&object_parts(&call.name), list, alias, &site)
                    }
                    // `TABLE('db.s.t')`
                    Expr::Value(_) => {
                        let name = text_value(expr).unwrap_or_else(|| expr.to_string());
                        self.function(&[name], Vec::new(), alias, &site)
                    }
                    other => self.made(vec![other], &function_columns("", alias), &site),
                };
                relations.push(relation(made, Vec::new(), alias));
            }
            TableFactor::Function { name, args, alias, .. } => {
                let site = Site { ctes, outer, relations: relations.as_slice() };
                let list = args.iter().filter_map(function_argument).collect();
                let made = self.function(&object_parts(name), list, alias.as_ref(), &site);
                relations.push(relation(made, lower_parts(name), alias.as_ref()));
            }
            TableFactor::UNNEST { array_exprs, alias, with_offset, with_offset_alias, .. } => {
                let names = function_columns("", alias.as_ref());
                let site = Site { ctes, outer, relations: relations.as_slice() };
                let mut made = self.made(array_exprs.iter().collect(), &names, &site);
                if alias.is_none() {
                    Rc::make_mut(&mut made).has_fields = true;
                }
                if *with_offset {
                    let name = with_offset_alias.as_ref().map_or("offset", |it| &it.value);
                    let position = Output::of([name.to_owned()], BTreeSet::new());
                    Rc::make_mut(&mut made).columns.extend(position.columns);
                }
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
            TableFactor::SemanticView { name, alias, .. } => {
                let name = object_parts(name).join(".");
                self.unknown.insert(Unknown::function(&name, None));
                relations.push(relation(Rc::default(), Vec::new(), alias.as_ref()));
            }
            TableFactor::UnpivotExpr { .. } => {}
        }
    }
}

impl Resolver<'_> {
    /// A subquery; one that is lateral sees the relations before it.
    fn derived(
        &mut self,
        subquery: &Query,
        alias: Option<&TableAlias>,
        lateral: bool,
        ctes: &Ctes,
        outer: Option<&Scope<'_>>,
        relations: &mut Vec<Relation>,
    ) {
        let shared = HashMap::new();
        let scope = Scope { ctes, relations: relations.as_slice(), shared: &shared, outer };
        let outer = if lateral { Some(&scope) } else { outer };
        let result = self.query(subquery, ctes, outer);
        relations.push(relation(result, Vec::new(), alias));
    }
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

/// A relation with the names that qualify its columns.
pub(super) fn relation(
    result: Rc<Output>,
    names: Vec<String>,
    alias: Option<&TableAlias>,
) -> Relation {
    // What stands in for a variable after a table, as in `FROM t $(vWhere)`, is no alias.
    let alias = alias.filter(|alias| !is_stand_in(&alias.name.value));
    let is_alias = alias.is_some();
    let (names, result) = match alias {
        Some(alias) => (vec![alias.name.value.to_lowercase()], renamed(&result, alias)),
        None => (names, result),
    };
    Relation { names, result, is_alias, known: BTreeSet::new() }
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

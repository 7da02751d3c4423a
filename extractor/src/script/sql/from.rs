//! `FROM` clauses: tables, subqueries and joins → the relations that a query sees.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use sqlparser::ast::{
    Expr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, TableAlias, TableFactor,
    TableWithJoins,
};

use super::Star;
use super::prepare::is_stand_in;
use super::resolve::Resolver;
use super::scope::{Ctes, Output, Relation, Scope};

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
                let is_view = lower.first().is_some_and(|schema| schema.starts_with("_sys_bic"));
                let result = match cte {
                    Some(result) => result,
                    None if args.is_some() && !is_view => Rc::default(),
                    None => {
                        let star = self.table(parts).map(|table| Star { table, ..Star::default() });
                        Rc::new(Output { columns: Vec::new(), stars: star.into_iter().collect() })
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
            TableFactor::Pivot { table, alias, .. }
            | TableFactor::Unpivot { table, alias, .. }
            | TableFactor::MatchRecognize { table, alias, .. } => {
                let before = relations.len();
                self.factor(table, ctes, outer, relations, shared, conditions);
                if let (Some(alias), Some(inner)) = (alias, relations.get_mut(before)) {
                    inner.names.push(alias.name.value.to_lowercase());
                }
            }
            TableFactor::TableFunction { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::UNNEST { alias, .. }
            | TableFactor::JsonTable { alias, .. }
            | TableFactor::OpenJsonTable { alias, .. }
            | TableFactor::XmlTable { alias, .. }
            | TableFactor::SemanticView { alias, .. } => {
                relations.push(relation(Rc::default(), Vec::new(), alias.as_ref()));
            }
            TableFactor::UnpivotExpr { .. } => {}
        }
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

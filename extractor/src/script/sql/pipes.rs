//! BigQuery's and Spark's pipes: `FROM t |> WHERE a > 1 |> SELECT b`, one step after the other.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use sqlparser::ast::{
    AssignmentTarget, Expr, ExprWithAliasAndOrderBy, Ident, PipeOperator, PivotValueSource,
    SelectItem, SetExpr,
};

use super::expression::mentioned;
use super::from::lower_parts;
use super::pivot::reshape;
use super::resolve::Resolver;
use super::rows::Site;
use super::scope::{Ctes, Output, Relation, Scope};
use super::wildcards::unite;
use super::{SelectColumn, Unknown};

/// Steps that are followed at most: each may copy all columns.
const MAX_STEPS: usize = 200;

impl Resolver<'_> {
    /// What comes out of the last step.
    pub(super) fn piped(
        &mut self,
        body: &SetExpr,
        steps: &[PipeOperator],
        ctes: &Ctes,
        outer: Option<&Scope<'_>>,
    ) -> Rc<Output> {
        let mut relations: Vec<Relation> = Vec::new();
        let mut shared: HashMap<String, Vec<usize>> = HashMap::new();
        let mut conditions: Vec<&Expr> = Vec::new();
        match body {
            // Its tables keep their names.
            SetExpr::Select(select) if select.projection.is_empty() => {
                for from in &select.from {
                    self.from(from, ctes, outer, &mut relations, &mut shared, &mut conditions);
                }
            }
            body => relations.push(unnamed(self.body(body, ctes, outer))),
        }
        if steps.len() > MAX_STEPS {
            self.note(format!(
                "more than {MAX_STEPS} steps of a query: the others are not followed"
            ));
        }
        for step in steps.iter().take(MAX_STEPS) {
            if let PipeOperator::Join(join) = step {
                self.join(join, ctes, outer, &mut relations, &mut shared, &mut conditions);
                continue;
            }
            let scope = Scope { ctes, relations: &relations, shared: &shared, outer };
            if let Some(changed) = self.step(step, &scope) {
                relations = changed;
                shared.clear();
            }
        }
        let scope = Scope { ctes, relations: &relations, shared: &shared, outer };
        for condition in conditions {
            for query in mentioned(condition).1 {
                self.query(query, ctes, Some(&scope));
            }
        }
        Rc::new(self.all(&scope))
    }

    /// The relations after a step; none when it changes no columns.
    fn step(&mut self, step: &PipeOperator, scope: &Scope<'_>) -> Option<Vec<Relation>> {
        let mut result = Output::default();
        match step {
            PipeOperator::Select { exprs } => {
                for item in exprs {
                    self.item(item, scope, &mut result);
                }
            }
            PipeOperator::Extend { exprs } => {
                for item in exprs {
                    self.item(item, scope, &mut result);
                }
                // The tables before keep their names.
                let mut relations = scope.relations.to_vec();
                relations.push(unnamed(Rc::new(result)));
                return Some(relations);
            }
            PipeOperator::Aggregate { full_table_exprs, group_by_expr } => {
                // Groups come first.
                for each in group_by_expr.iter().chain(full_table_exprs) {
                    self.item(&item(each), scope, &mut result);
                }
            }
            PipeOperator::Set { assignments } => {
                let mut made = Vec::new();
                for assignment in assignments {
                    let AssignmentTarget::ColumnName(name) = &assignment.target else { continue };
                    let Some(name) = lower_parts(name).pop() else { continue };
                    made.push(self.column(name, &assignment.value, scope));
                }
                result = self.all(scope);
                result.remove(made.iter().map(|column| column.name.as_str()));
                result.columns.extend(made);
            }
            PipeOperator::Drop { columns } => {
                result = self.all(scope);
                result.remove(columns.iter().map(|column| column.value.as_str()));
            }
            PipeOperator::Rename { mappings } => {
                let mut made = Vec::new();
                for mapping in mappings {
                    let column = Expr::Identifier(mapping.ident.clone());
                    made.push(self.column(mapping.alias.value.clone(), &column, scope));
                }
                result = self.all(scope);
                result.remove(mappings.iter().map(|mapping| mapping.ident.value.as_str()));
                result.columns.extend(made);
            }
            PipeOperator::As { alias } => {
                return Some(vec![named(Rc::new(self.all(scope)), alias)]);
            }
            PipeOperator::Union { queries, .. } => {
                result = self.all(scope);
                for query in queries {
                    let other = self.query(query, scope.ctes, scope.outer);
                    unite(&mut result, &other);
                }
            }
            PipeOperator::Intersect { queries, .. } | PipeOperator::Except { queries, .. } => {
                for query in queries {
                    self.query(query, scope.ctes, scope.outer);
                }
                return None;
            }
            PipeOperator::Where { expr } => {
                for query in mentioned(expr).1 {
                    self.query(query, scope.ctes, Some(scope));
                }
                return None;
            }
            PipeOperator::Call { function, alias } => {
                self.unknown.insert(Unknown::function(&function.name.to_string(), None));
                let relation = unnamed(Rc::default());
                return Some(vec![match alias {
                    Some(alias) => named(relation.result, alias),
                    None => relation,
                }]);
            }
            PipeOperator::Pivot { aggregate_functions, value_column, value_source, alias } => {
                let used = aggregate_functions.iter().flat_map(|each| mentioned(&each.expr).0);
                let used = used.filter_map(|mut parts| parts.pop());
                let used = used.chain(value_column.last().map(|column| column.value.clone()));
                let gone: BTreeSet<String> = used.map(|name| name.to_lowercase()).collect();
                let values = match value_source {
                    PivotValueSource::List(list) => list.as_slice(),
                    PivotValueSource::Any(_) | PivotValueSource::Subquery(_) => &[],
                };
                let made = self.pivoted(aggregate_functions, values, scope);
                return Some(self.reshaped(&gone, &made, alias.as_ref(), scope));
            }
            PipeOperator::Unpivot { value_column, name_column, unpivot_columns, alias } => {
                let columns: Vec<Expr> =
                    unpivot_columns.iter().map(|name| Expr::Identifier(name.clone())).collect();
                let site =
                    Site { ctes: scope.ctes, relations: scope.relations, outer: scope.outer };
                let names = [value_column.value.clone()];
                let made = self.made(columns.iter().collect(), &names, &site);
                let mut made = Output::clone(&made);
                let name = name_column.value.clone();
                made.columns.push(SelectColumn { name, ..SelectColumn::default() });
                let gone = unpivot_columns.iter().map(|name| name.value.to_lowercase()).collect();
                return Some(self.reshaped(&gone, &made, alias.as_ref(), scope));
            }
            PipeOperator::Limit { .. }
            | PipeOperator::OrderBy { .. }
            | PipeOperator::TableSample { .. }
            | PipeOperator::Join(_) => return None,
        }
        Some(vec![unnamed(Rc::new(result))])
    }

    fn reshaped(
        &mut self,
        gone: &BTreeSet<String>,
        made: &Output,
        alias: Option<&Ident>,
        scope: &Scope<'_>,
    ) -> Vec<Relation> {
        let mut relations = vec![unnamed(Rc::new(self.all(scope)))];
        reshape(&mut relations, 0, gone, made, None);
        match alias {
            Some(alias) => {
                relations.into_iter().map(|relation| named(relation.result, alias)).collect()
            }
            None => relations,
        }
    }
}

fn item(each: &ExprWithAliasAndOrderBy) -> SelectItem {
    let expr = each.expr.expr.clone();
    match &each.expr.alias {
        Some(alias) => SelectItem::ExprWithAlias { expr, alias: alias.clone() },
        None => SelectItem::UnnamedExpr(expr),
    }
}

fn unnamed(result: Rc<Output>) -> Relation {
    Relation { names: Vec::new(), is_alias: false, result, known: BTreeSet::new() }
}

fn named(result: Rc<Output>, alias: &Ident) -> Relation {
    Relation { names: vec![alias.value.to_lowercase()], is_alias: true, ..unnamed(result) }
}

//! Which common table expressions see themselves.

use sqlparser::ast::{Cte, SetExpr, SetOperator, TableFactor, TableWithJoins};

/// Dialects that want `RECURSIVE` of a query that reads itself.
const TOLD: [&str; 10] = [
    "postgres",
    "mysql",
    "bigquery",
    "redshift",
    "databricks",
    "hive",
    "presto",
    "athena",
    "duckdb",
    "clickhouse",
];

/// Whether a query that reads a table of its own name reads itself: a later part of a union does,
/// what any other query reads is a table. `told`: by `RECURSIVE`.
pub(super) fn is_recursive(cte: &Cte, told: bool, dialect: Option<&str>) -> bool {
    let mut body = &*cte.query.body;
    while let SetExpr::Query(inner) = body {
        body = &inner.body;
    }
    if !matches!(body, SetExpr::SetOperation { op: SetOperator::Union, .. }) {
        return false;
    }
    if told {
        return true;
    }
    let needs_telling = dialect.is_some_and(|dialect| TOLD.contains(&dialect));
    !needs_telling && !starts_with(body, &cte.alias.name.value)
}

/// Whether the first part of a union reads a table of a name, which then is none of its own.
fn starts_with(body: &SetExpr, name: &str) -> bool {
    let mut todo: Vec<&SetExpr> = vec![body];
    while let Some(body) = todo.pop() {
        match body {
            SetExpr::SetOperation { left, .. } => todo.push(left),
            SetExpr::Query(query) => todo.push(&query.body),
            SetExpr::Select(select)
                if select.from.iter().any(|from| reads(from, name, &mut todo)) =>
            {
                return true;
            }
            _ => {}
        }
    }
    false
}

/// Whether a table of a name is among those of a `FROM`; its subqueries are put on the list.
fn reads<'a>(from: &'a TableWithJoins, name: &str, todo: &mut Vec<&'a SetExpr>) -> bool {
    let mut factors: Vec<&TableFactor> = vec![&from.relation];
    factors.extend(from.joins.iter().map(|join| &join.relation));
    while let Some(factor) = factors.pop() {
        match factor {
            TableFactor::Table { name: table, .. } => {
                let single = match table.0.as_slice() {
                    [single] => single.as_ident(),
                    _ => None,
                };
                if single.is_some_and(|single| single.value.eq_ignore_ascii_case(name)) {
                    return true;
                }
            }
            TableFactor::Derived { subquery, .. } => todo.push(&subquery.body),
            TableFactor::NestedJoin { table_with_joins, .. } => {
                factors.push(&table_with_joins.relation);
                factors.extend(table_with_joins.joins.iter().map(|join| &join.relation));
            }
            TableFactor::Pivot { table, .. } | TableFactor::Unpivot { table, .. } => {
                factors.push(table);
            }
            _ => {}
        }
    }
    false
}

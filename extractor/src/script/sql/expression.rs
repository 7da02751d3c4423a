//! Columns that flow into the value of an SQL expression. Conditions, window and sort
//! specifications decide which value it is; they are no origins.

use std::collections::BTreeSet;

use sqlparser::ast::{AccessExpr, Expr, InTarget, Query, SelectItem, Subscript, Value};

use super::calls::call;
use crate::script::expression::SELECTORS_ARE_ORIGINS;

/// What an expression is made of.
#[derive(Default)]
pub(super) struct Parts<'a> {
    /// Columns by their qualified names.
    pub(super) columns: Vec<Vec<String>>,
    /// Names that are functions unless the query has columns of these names.
    pub(super) pseudo: Vec<String>,
    /// Relations whose columns it takes all, by their qualified lower-case names; all relations for
    /// an empty one: `HASH(t.*)`.
    pub(super) wildcards: Vec<Vec<String>>,
    /// Subqueries whose value it takes.
    pub(super) values: Vec<&'a Query>,
    /// Subqueries in conditions.
    pub(super) conditions: Vec<&'a Query>,
}

/// Parts of an expression's value. Walks with a list of its own: operators chain deep.
pub(super) fn parts(expression: &Expr) -> Parts<'_> {
    let mut parts = Parts::default();
    let mut todo: Vec<(&Expr, bool)> = vec![(expression, true)];
    while let Some((expression, value)) = todo.pop() {
        visit(expression, value, &mut parts, &mut todo);
    }
    // The list was walked from its end.
    parts.columns.reverse();
    parts
}

/// Qualified columns anywhere in an expression, and its subqueries.
pub(super) fn mentioned(expression: &Expr) -> (Vec<Vec<String>>, Vec<&Query>) {
    let mut parts = Parts::default();
    let mut columns = Vec::new();
    let mut todo: Vec<(&Expr, bool)> = vec![(expression, true)];
    while let Some((expression, _)) = todo.pop() {
        let from = todo.len();
        visit(expression, true, &mut parts, &mut todo);
        // Conditions are mentioned too.
        for (_, value) in todo.iter_mut().skip(from) {
            *value = true;
        }
        columns.append(&mut parts.columns);
    }
    let mut queries = parts.values;
    queries.append(&mut parts.conditions);
    (columns, queries)
}

/// Columns that an equality of a join's condition compares: `a.x = b.x`.
pub(super) fn column_name(expression: &Expr) -> Option<Vec<String>> {
    match expression {
        Expr::Identifier(name)
            if name.quote_style.is_none()
                && (is_pseudo(&name.value) || own_function(&name.value).is_some()) =>
        {
            None
        }
        Expr::Identifier(name) => Some(vec![name.value.clone()]),
        Expr::CompoundIdentifier(names) => {
            Some(names.iter().map(|name| name.value.clone()).collect())
        }
        Expr::Nested(inner) => column_name(inner),
        _ => None,
    }
}

/// Functions that are written without parentheses.
pub(super) fn is_pseudo(name: &str) -> bool {
    const NAMES: [&str; 33] = [
        "sysdate",
        "systimestamp",
        "rownum",
        "connect_by_isleaf",
        "connect_by_iscycle",
        "rowid",
        "level",
        "user",
        "uid",
        "current_date",
        "current_time",
        "current_timestamp",
        "current_user",
        "session_user",
        "localtimestamp",
        "default",
        "nextval",
        "currval",
        "system_user",
        "current_schema",
        "current_catalog",
        "current_database",
        "current_role",
        "current_utcdate",
        "current_utctime",
        "current_utctimestamp",
        "utc_date",
        "utc_time",
        "utc_timestamp",
        "localtime",
        "current_server",
        "current_sqlid",
        "current_path",
    ];
    // `@v` is a variable of the database.
    name.starts_with('@') || NAMES.iter().any(|pseudo| name.eq_ignore_ascii_case(pseudo))
}

/// Functions that only one database writes without parentheses, and its dialect: columns to others.
pub(super) fn own_function(name: &str) -> Option<&'static str> {
    const NAMES: [(&str, &str); 7] = [
        ("date", "teradata"),
        ("time", "teradata"),
        ("today", "informix"),
        ("current", "informix"),
        ("dbservername", "informix"),
        ("sitename", "informix"),
        ("uid", "oracle"),
    ];
    NAMES.iter().find(|(own, _)| name.eq_ignore_ascii_case(own)).map(|&(_, dialect)| dialect)
}

fn visit<'a>(
    expression: &'a Expr,
    value: bool,
    parts: &mut Parts<'a>,
    todo: &mut Vec<(&'a Expr, bool)>,
) {
    let condition = value && SELECTORS_ARE_ORIGINS;
    match expression {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
            if value {
                match (column_name(expression), expression) {
                    (Some(column), _) => parts.columns.push(column),
                    (None, Expr::Identifier(name)) => parts.pseudo.push(name.value.clone()),
                    (None, _) => {}
                }
            }
        }
        Expr::Lambda(lambda) => {
            // Its parameters are no columns.
            let inner = self::parts(&lambda.body);
            let parameters: &[_] = lambda.params.as_ref();
            let is_parameter = |column: &Vec<String>| {
                let mut parameters = parameters.iter();
                let first = column.first();
                first.is_some_and(|it| {
                    parameters.any(|each| each.name.value.eq_ignore_ascii_case(it))
                })
            };
            if value {
                parts.columns.extend(inner.columns.into_iter().filter(|it| !is_parameter(it)));
                parts.values.extend(inner.values);
            }
            parts.conditions.extend(inner.conditions);
        }
        Expr::Subquery(query) => {
            if value {
                parts.values.push(query);
            } else {
                parts.conditions.push(query);
            }
        }
        Expr::Exists { subquery, .. } => parts.conditions.push(subquery),
        Expr::In { expr, target, .. } => {
            todo.push((expr, value));
            match target {
                InTarget::List(list) => todo.extend(list.iter().map(|each| (each, value))),
                InTarget::Subquery(query) => parts.conditions.push(query),
                InTarget::Unnest(inner) => todo.push((inner, value)),
                InTarget::Table { .. } => {}
            }
        }
        Expr::Case { operand, conditions, else_result, .. } => {
            todo.extend(operand.iter().map(|operand| (&**operand, condition)));
            for branch in conditions {
                todo.push((&branch.condition, condition));
                todo.push((&branch.result, value));
            }
            todo.extend(else_result.iter().map(|result| (&**result, value)));
        }
        Expr::Function(function) => call(function, value, parts, todo),
        Expr::CompoundFieldAccess { root, access_chain } => {
            // `alias.column[1]`: the dots before the first element are those of a column's name.
            match column_name(root) {
                Some(mut names) => {
                    names.extend(access_chain.iter().map_while(|access| match access {
                        AccessExpr::Dot(Expr::Identifier(name)) => Some(name.value.clone()),
                        _ => None,
                    }));
                    if value {
                        parts.columns.push(names);
                    }
                }
                None => todo.push((root, value)),
            }
            for access in access_chain {
                match access {
                    // `x.y.z` after a call or an element: the names say nothing of a column.
                    AccessExpr::Dot(_) => {}
                    AccessExpr::Subscript(Subscript::Index { index }) => todo.push((index, value)),
                    AccessExpr::Subscript(Subscript::Slice { .. }) => {}
                }
            }
        }
        Expr::JsonAccess { value: inner, .. } => todo.push((inner, value)),
        Expr::BinaryOp { left, right, .. } => {
            todo.push((right, value));
            todo.push((left, value));
        }
        Expr::IsDistinctFrom(a, b) | Expr::IsNotDistinctFrom(a, b) => {
            todo.extend([(&**a, value), (&**b, value)]);
        }
        Expr::AnyOp { left, right, .. } | Expr::AllOp { left, right, .. } => {
            todo.extend([(&**left, value), (&**right, value)]);
        }
        Expr::Between { expr, low, high, .. } => {
            todo.extend([(&**expr, value), (&**low, value), (&**high, value)]);
        }
        Expr::Like { expr, pattern, .. }
        | Expr::ILike { expr, pattern, .. }
        | Expr::SimilarTo { expr, pattern, .. }
        | Expr::RLike { expr, pattern, .. } => {
            todo.extend([(&**expr, value), (&**pattern, value)]);
        }
        Expr::IsFalse(inner)
        | Expr::IsNotFalse(inner)
        | Expr::IsTrue(inner)
        | Expr::IsNotTrue(inner)
        | Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::IsUnknown(inner)
        | Expr::IsNotUnknown(inner)
        | Expr::Nested(inner)
        | Expr::OuterJoin(inner)
        | Expr::Prior(inner)
        | Expr::IsJson { expr: inner, .. }
        | Expr::IsNormalized { expr: inner, .. }
        | Expr::UnaryOp { expr: inner, .. }
        | Expr::Convert { expr: inner, .. }
        | Expr::Cast { expr: inner, .. }
        | Expr::AtTimeZone { timestamp: inner, .. }
        | Expr::Extract { expr: inner, .. }
        | Expr::Ceil { expr: inner, .. }
        | Expr::Floor { expr: inner, .. }
        | Expr::Collate { expr: inner, .. }
        | Expr::Prefixed { value: inner, .. }
        | Expr::Named { expr: inner, .. } => todo.push((inner, value)),
        Expr::Position { expr, r#in } => todo.extend([(&**expr, value), (&**r#in, value)]),
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            todo.push((expr, value));
            todo.extend(substring_from.iter().map(|each| (&**each, value)));
            todo.extend(substring_for.iter().map(|each| (&**each, value)));
        }
        Expr::Trim { expr, trim_what, trim_characters, .. } => {
            todo.push((expr, value));
            todo.extend(trim_what.iter().map(|each| (&**each, value)));
            todo.extend(trim_characters.iter().flatten().map(|each| (each, value)));
        }
        Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
            todo.extend([(&**expr, value), (&**overlay_what, value), (&**overlay_from, value)]);
            todo.extend(overlay_for.iter().map(|each| (&**each, value)));
        }
        Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
            todo.extend(sets.iter().flatten().map(|each| (each, value)));
        }
        Expr::Tuple(list) => todo.extend(list.iter().map(|each| (each, value))),
        Expr::Struct { values, .. } => todo.extend(values.iter().map(|each| (each, value))),
        Expr::Dictionary(fields) => {
            todo.extend(fields.iter().map(|field| (&*field.value, value)));
        }
        Expr::Map(map) => {
            for entry in &map.entries {
                todo.extend([(&*entry.key, value), (&*entry.value, value)]);
            }
        }
        Expr::Array(array) => todo.extend(array.elem.iter().map(|each| (each, value))),
        Expr::Interval(interval) => todo.push((&interval.value, value)),
        Expr::MemberOf(member) => todo.extend([(&*member.value, value), (&*member.array, value)]),
        Expr::Value(literal) => {
            // `$1` is a column of a file on a stage.
            if value && let Some(column) = stage_column(&literal.value) {
                parts.columns.push(vec![column.to_owned()]);
            }
        }
        Expr::TypedString(_)
        | Expr::MatchAgainst { .. }
        | Expr::Wildcard(_)
        | Expr::QualifiedWildcard(..) => {}
    }
}

/// `$1`, `$2` …: columns by position.
fn stage_column(value: &Value) -> Option<&str> {
    match value {
        Value::Placeholder(name) => {
            let digits = name.strip_prefix('$')?;
            (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
                .then_some(name.as_str())
        }
        _ => None,
    }
}

/// Every expression of a select list.
pub(super) fn item_expression(item: &SelectItem) -> Option<&Expr> {
    match item {
        SelectItem::UnnamedExpr(expr)
        | SelectItem::ExprWithAlias { expr, .. }
        | SelectItem::ExprWithAliases { expr, .. } => Some(expr),
        SelectItem::QualifiedWildcard(..) | SelectItem::Wildcard(_) => None,
    }
}

/// The same columns once.
pub(super) fn unique(columns: Vec<Vec<String>>) -> BTreeSet<Vec<String>> {
    columns.into_iter().collect()
}

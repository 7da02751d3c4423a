//! Calls of functions: which of their arguments flow into the value.

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::expression::Parts;
use super::from::lower_parts;
use super::functions::{is_method, selects};
use super::keywords::is_keyword;
use super::rows::function_argument;
use crate::script::expression::SELECTORS_ARE_ORIGINS;

/// Adds what a call is made of.
pub(super) fn call<'a>(
    function: &'a Function,
    value: bool,
    parts: &mut Parts<'a>,
    todo: &mut Vec<(&'a Expr, bool)>,
) {
    let name = function.name.to_string().to_ascii_lowercase();
    if matches!(name.as_str(), "percentile_cont" | "percentile_disc" | "mode") {
        // `PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY x)`: a value of what is sorted.
        todo.extend(function.within_group.iter().map(|order| (&order.expr, value)));
    }
    let list = match &function.args {
        FunctionArguments::None => return,
        FunctionArguments::Subquery(query) => {
            if value {
                parts.values.push(query);
            } else {
                parts.conditions.push(query);
            }
            return;
        }
        FunctionArguments::List(list) => &list.args,
    };
    if let Some(column) = old_cast(function, list) {
        if value {
            parts.columns.push(column);
        }
        return;
    }
    if value {
        parts.columns.extend(of_method(function, list));
    }
    let count = list.len();
    for (index, argument) in list.iter().enumerate() {
        if is_keyword(&name, list, index) {
            continue;
        }
        if value && !name.starts_with("count") {
            parts.wildcards.extend(wildcard(argument));
        }
        let Some(argument) = function_argument(argument) else { continue };
        // `XMLELEMENT("name", value)`: the element's name.
        if index == 0 && name == "xmlelement" && matches!(argument, Expr::Identifier(_)) {
            continue;
        }
        let selects = selects(&name, index, count);
        todo.push((argument, value && (!selects || SELECTORS_ARE_ORIGINS)));
    }
}

/// The relation whose columns are all given to a function: `HASH(t.*)`.
fn wildcard(argument: &FunctionArg) -> Option<Vec<String>> {
    let (FunctionArg::Unnamed(argument)
    | FunctionArg::Named { arg: argument, .. }
    | FunctionArg::ExprNamed { arg: argument, .. }) = argument;
    match argument {
        FunctionArgExpr::QualifiedWildcard(name) => Some(lower_parts(name)),
        FunctionArgExpr::Wildcard | FunctionArgExpr::WildcardWithOptions(_) => Some(Vec::new()),
        FunctionArgExpr::Expr(_) => None,
    }
}

/// The column that a method is called of: `t.document.value('/a', 'int')`.
fn of_method(function: &Function, arguments: &[FunctionArg]) -> Option<Vec<String>> {
    let mut names: Vec<String> = function
        .name
        .0
        .iter()
        .map(|part| part.as_ident().map(|name| name.value.clone()))
        .collect::<Option<_>>()?;
    let method = names.pop()?;
    let literal = matches!(
        arguments.first(),
        Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(_))))
    );
    let schema = matches!(names.as_slice(), [only] if only.eq_ignore_ascii_case("dbo"));
    (!names.is_empty() && !schema && is_method(&method, arguments.len(), literal)).then_some(names)
}

/// Teradata's `t.column (DECIMAL(10, 2))`, which looks like a call.
fn old_cast(function: &Function, arguments: &[FunctionArg]) -> Option<Vec<String>> {
    const TYPES: [&str; 14] = [
        "decimal",
        "dec",
        "numeric",
        "integer",
        "int",
        "bigint",
        "smallint",
        "byteint",
        "float",
        "varchar",
        "char",
        "date",
        "timestamp",
        "format",
    ];
    let parts = &function.name.0;
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(first)) = arguments.first()? else {
        return None;
    };
    let name = match first {
        Expr::Identifier(name) => name.value.clone(),
        Expr::Function(inner) => inner.name.to_string(),
        _ => return None,
    };
    let is_type = TYPES.iter().any(|each| name.eq_ignore_ascii_case(each));
    // `a (VARCHAR(10))`: without a qualifier it is one when its type has a size.
    let is_sized = match first {
        Expr::Function(inner) => match &inner.args {
            FunctionArguments::List(list) => list.args.iter().all(|size| {
                matches!(size, FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(_))))
            }),
            _ => false,
        },
        _ => false,
    };
    if !is_type || !(parts.len() == 2 || (parts.len() == 1 && is_sized)) {
        return None;
    }
    parts.iter().map(|part| part.as_ident().map(|name| name.value.clone())).collect()
}

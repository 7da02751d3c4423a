//! Rows that a function makes of its arguments.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, Ident, JsonTableColumn, TableAlias};

use super::expression::column_name;
use super::functions::{is_made_of_arguments, own_columns};
use super::resolve::{Resolver, text_value};
use super::scope::{Ctes, Output, Relation, Scope};
use super::{Star, Unknown};

impl Resolver<'_> {
    /// A function's call in place of a table. Its rows may come from tables that nobody names here.
    pub(super) fn function(
        &mut self,
        name: &[String],
        arguments: Vec<&Expr>,
        alias: Option<&TableAlias>,
        site: &Site<'_>,
    ) -> Rc<Output> {
        let last = name.last().map_or("", String::as_str);
        let last = last.to_lowercase();
        if name.first().is_some_and(|first| first.starts_with('@')) {
            // Snowflake: a file on a stage, with how to read it in parentheses.
            let star = self.table(name.to_vec()).map(|table| Star { table, ..Star::default() });
            return Rc::new(Output { stars: star.into_iter().collect(), ..Output::default() });
        }
        if name.len() == 1
            && let Some(result) = self.remote(&last, &arguments)
        {
            return result;
        }
        if let Some(table) = on_servers(&last, &arguments).filter(|_| name.len() == 1) {
            let star = self.table(table).map(|table| Star { table, ..Star::default() });
            return Rc::new(Output { stars: star.into_iter().collect(), ..Output::default() });
        }
        // SQL Server: `t.document.nodes('/a/b')`, elements of a column.
        let column = name.split_last().map(|(_, column)| column).filter(|it| !it.is_empty());
        let column = column.filter(|_| last == "nodes");
        let column = column.map(|it| Expr::CompoundIdentifier(it.iter().map(Ident::new).collect()));
        let arguments: Vec<&Expr> = arguments.into_iter().chain(&column).collect();
        let known = is_made_of_arguments(&last);
        if !known {
            let literal = arguments.first().and_then(|first| text_value(first));
            self.unknown.insert(Unknown::function(&name.join("."), literal.as_deref()));
        }
        // `f.*` of a function that nobody knows gives columns that nobody knows.
        let columns = match alias.filter(|alias| known || !alias.columns.is_empty()) {
            None if !known => Vec::new(),
            alias => function_columns(&last, alias),
        };
        let mut made = self.made(arguments, &columns, site);
        if !known && !last.contains("split") {
            // Its arguments select rows of something that nobody knows.
            made = Rc::new(Output::of(columns, BTreeSet::new()));
        }
        if last == "unnest" && alias.is_none() {
            Rc::make_mut(&mut made).has_fields = true;
        }
        made
    }

    /// Elements of a column that is a list.
    pub(super) fn elements(
        &mut self,
        column: &[String],
        alias: Option<&TableAlias>,
        site: &Site<'_>,
    ) -> Rc<Output> {
        let shared = HashMap::new();
        let Site { ctes, relations, outer } = *site;
        let (any, _) =
            self.resolve_name(column, &Scope { ctes, relations, shared: &shared, outer });
        let name = alias.map(|alias| alias.name.value.clone()).or_else(|| column.last().cloned());
        Rc::new(Output::of(name, any))
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
        let Site { ctes, relations, outer } = *site;
        let scope = Scope { ctes, relations, shared: &shared, outer };
        let mut any = BTreeSet::new();
        for expression in from {
            any.extend(self.column(String::new(), expression, &scope).origins);
        }
        Rc::new(Output::of(names.iter().cloned(), any))
    }
}

/// ClickHouse: the table that `cluster('c', db.t)` reads on all servers, `remote('host', db.t)` on one.
fn on_servers(function: &str, arguments: &[&Expr]) -> Option<Vec<String>> {
    let is_remote = matches!(function, "remote" | "remotesecure");
    if !is_remote && !matches!(function, "cluster" | "clusterallreplicas") {
        return None;
    }
    let name =
        |expression: &Expr| column_name(expression).or_else(|| Some(vec![text_value(expression)?]));
    let (server, table) = arguments.split_first()?;
    let mut parts = if is_remote { vec![text_value(server)?] } else { Vec::new() };
    let table: Vec<Vec<String>> = table.iter().take(2).map_while(|part| name(part)).collect();
    // `db.t` or `'db', 't'`; what follows is a user, or a key.
    let parts_of_name = match table.as_slice() {
        [whole, ..] if whole.len() > 1 => whole.clone(),
        parts => parts.concat(),
    };
    parts.extend(parts_of_name);
    Some(parts).filter(|parts| parts.len() > usize::from(is_remote))
}

/// Whether what looks like a table is a column of one before it, by its alias.
pub(super) fn is_column(name: &[String], relations: &[Relation]) -> bool {
    match name {
        [first, _, ..] => relations.iter().any(|it| it.is_alias && it.names == [first.as_str()]),
        _ => false,
    }
}

/// Where a table function stands.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) ctes: &'a Ctes,
    pub(super) relations: &'a [Relation],
    pub(super) outer: Option<&'a Scope<'a>>,
}

/// The expression of an argument.
pub(super) fn function_argument(argument: &FunctionArg) -> Option<&Expr> {
    match argument {
        FunctionArg::Named { arg: FunctionArgExpr::Expr(arg), .. }
        | FunctionArg::ExprNamed { arg: FunctionArgExpr::Expr(arg), .. }
        | FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) => Some(arg),
        _ => None,
    }
}

/// Whether it is a parameter of one of HANA's views: `PLACEHOLDER."$$P$$" => '1'`,
/// `'PLACEHOLDER' = ('$$P$$', '1')`.
pub(super) fn is_placeholder(argument: &FunctionArg) -> bool {
    argument.to_string().trim_start_matches('\'').starts_with("PLACEHOLDER")
}

/// Columns of a table function's result: its own, those of the alias's list, or the one that has the
/// alias's name.
pub(super) fn function_columns(name: &str, alias: Option<&TableAlias>) -> Vec<String> {
    let listed = alias.map_or(0, |alias| alias.columns.len());
    let own = own_columns(name);
    if !own.is_empty() && listed == 0 {
        return own.iter().map(|&name| name.to_owned()).collect();
    }
    // A column list of the alias takes the place of this name.
    alias.map_or_else(Vec::new, |alias| vec![alias.name.value.clone(); listed.max(1)])
}

/// Names of the columns of a `JSON_TABLE`.
pub(super) fn json_names(columns: &[JsonTableColumn], names: &mut Vec<String>) {
    let mut todo: Vec<&JsonTableColumn> = columns.iter().rev().collect();
    while let Some(column) = todo.pop() {
        match column {
            JsonTableColumn::Named(named) => names.push(named.name.value.clone()),
            JsonTableColumn::ForOrdinality(name) => names.push(name.value.clone()),
            JsonTableColumn::Nested(nested) => todo.extend(nested.columns.iter().rev()),
        }
    }
}

//! Functions in `FROM`: what they give, and what cannot be seen of it.

use std::rc::Rc;

use sqlparser::ast::{Expr, Ident, Query, TableAlias};

use super::expression::column_name;
use super::from::{Site, function_columns};
use super::resolve::{Resolver, text_value};
use super::scope::{Ctes, Output};
use super::{Star, dialect, prepare, spellings, words};

impl Resolver<'_> {
    /// What a function with a name as it is written gives.
    pub(super) fn function(
        &mut self,
        name: &[String],
        arguments: Vec<&Expr>,
        alias: Option<&TableAlias>,
        site: &Site<'_>,
    ) -> Rc<Output> {
        let lower: Vec<String> = name.iter().map(|part| part.to_lowercase()).collect();
        if name.first().is_some_and(|first| first.starts_with('@')) {
            // A file on a stage, with how to read it in parentheses.
            let star = self.table(name.to_vec()).map(|table| Star { table, ..Star::default() });
            return Rc::new(Output { stars: star.into_iter().collect(), ..Output::default() });
        }
        if let Some(result) = self.remote(&lower, &arguments) {
            return result;
        }
        let columns = function_columns(&lower, alias);
        // `t.document.nodes('/a/b')`: elements of a column.
        let nodes = match name.split_last() {
            Some((method, column))
                if method.eq_ignore_ascii_case("nodes") && !column.is_empty() =>
            {
                Some(Expr::CompoundIdentifier(column.iter().map(Ident::new).collect()))
            }
            _ => None,
        };
        let arguments = arguments.into_iter().chain(&nodes).collect();
        let made = self.made(arguments, &columns, site);
        // Functions of the database itself have no schema.
        if lower.len() > 1 && nodes.is_none() && made.any.is_empty() {
            let reason = "a table function: what it reads is not in the script";
            self.unresolved.push((name.join("."), reason.to_owned()));
        }
        made
    }

    /// `OPENQUERY(server, 'SELECT …')` and `OPENROWSET(…, 'SELECT …')`: the query within, run by
    /// another server.
    fn remote(&mut self, function: &[String], arguments: &[&Expr]) -> Option<Rc<Output>> {
        let server = match function {
            [name] if name == "openquery" => {
                column_name(arguments.first()?).map(|parts| parts.join("."))
            }
            [name] if name == "openrowset" => None,
            _ => return None,
        };
        let text = arguments.last().and_then(|last| text_value(last));
        let Some(query) = text.and_then(|text| parse(&text)) else {
            let name = server.unwrap_or_else(|| function.join("."));
            let reason = "the query that another server runs could not be read";
            self.unresolved.push((name, reason.to_owned()));
            return Some(Rc::default());
        };
        let before = std::mem::replace(&mut self.server, server);
        let result = self.query(&query, &Ctes::default(), None);
        self.server = before;
        Some(result)
    }
}

fn parse(text: &str) -> Option<Query> {
    let all = words::read(text);
    if prepare::is_too_deep(&all) {
        return None;
    }
    let common = spellings::common(text, &all);
    dialect::parse(common.as_deref().unwrap_or(text), None)
}

//! Queries within a query that another server runs, and files on stages.

use std::rc::Rc;

use sqlparser::ast::{Expr, Query};

use super::expression::column_name;
use super::resolve::{Resolver, text_value};
use super::scope::{Ctes, Output};
use super::{Unknown, dialect, prepare, spellings, words};

impl Resolver<'_> {
    /// `OPENQUERY(server, 'SELECT …')` and `OPENROWSET(…, 'SELECT …')`: the query within.
    pub(super) fn remote(&mut self, function: &str, arguments: &[&Expr]) -> Option<Rc<Output>> {
        let server = match function {
            "openquery" => column_name(arguments.first()?).map(|parts| parts.join(".")),
            "openrowset" => None,
            _ => return None,
        };
        let text = arguments.last().and_then(|last| text_value(last));
        let Some(query) = text.and_then(|text| parse(&text)) else {
            self.unknown.insert(Unknown {
                name: server.unwrap_or_else(|| function.to_owned()),
                reason: "the query that another server runs could not be read".to_owned(),
            });
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
    let common = spellings::common(text, &all, None);
    dialect::parse(common.as_deref().unwrap_or(text), None, None)
}

//! Which connections are SAP's, where their text does not tell: by the statements that they take.

use std::rc::Rc;

use foldhash::HashSet;

use super::Machine;
use super::ahead::connects;
use super::database::connection_of;
use crate::script::expression::Reference;
use crate::script::lex::Kind;
use crate::script::model::Connection;
use crate::script::sql;
use crate::script::statement::{self, ItemKind, Load, Statement};

impl Machine<'_> {
    /// Whether two names without a comma are columns, as SAP's SQL has them, and not a column and
    /// its alias: the load above takes both, or other statements through the connection are in that
    /// SQL.
    pub(super) fn speaks_open_sql(
        &mut self,
        connection: Option<&Connection>,
        a: &str,
        b: &str,
    ) -> bool {
        let takes = |load: &Load, name: &str| {
            load.items.iter().any(|item| match &item.kind {
                ItemKind::Star => false,
                ItemKind::Field(field) => field == name,
                ItemKind::Expression { references, .. } => references
                    .iter()
                    .any(|it| matches!(it, Reference::Field(field) if field == name)),
            })
        };
        if let Some(above) = self.pending.last()
            && !a.eq_ignore_ascii_case(b)
            && takes(&above.load, a)
            && takes(&above.load, b)
        {
            return true;
        }
        let Some(connection) = connection else { return false };
        let name = Rc::clone(&connection.name);
        self.open_sql().contains(&*name)
    }

    /// Connections that the script passes Open SQL to; told by their statements, once for a script.
    fn open_sql(&mut self) -> &HashSet<String> {
        let Self { open_sql, frames, .. } = self;
        open_sql.get_or_insert_with(|| {
            let mut found = HashSet::default();
            let mut target: Option<String> = None;
            let Some(unit) = frames.first().map(|frame| Rc::clone(&frame.unit)) else {
                return found;
            };
            for raw in &unit.raws {
                let text = unit.text_of(raw);
                if raw.kind == Kind::Sql {
                    if let Some(name) = target.as_ref().filter(|name| !found.contains(*name))
                        && let Statement::Sql(passed) = statement::parse(text).statement
                        && sql::is_open_sql(passed.text())
                    {
                        found.insert(name.clone());
                    }
                } else if raw.kind == Kind::Plain && connects(text) {
                    target = match statement::parse(text).statement {
                        Statement::Connect { kind, target } => {
                            Some(connection_of(kind, &target).to_string())
                        }
                        _ => None,
                    };
                }
            }
            found
        })
    }
}

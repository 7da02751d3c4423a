//! Tables that live as long as a connection: made by one statement, read by later ones, and no source
//! of their own. `SELECT … INTO #t`, `CREATE TEMP TABLE t AS SELECT …`, `INSERT INTO #t SELECT …`.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::batch::{Batch, Statement};
use super::made::{added, bounded, either, moved, named, of_made};
use super::passed::{Outline, Passed, outline};
use super::{Catalogue, Select, SelectColumn, Sql, Star, TableName, Unknown};

/// Tables of connections that are kept at most.
const MAX_TABLES: usize = 2000;

/// What each is made of, by connection and lower-case name.
#[derive(Debug, Default)]
pub(crate) struct Temporaries {
    made: HashMap<Rc<str>, HashMap<String, Rc<Select>>>,
}

impl Temporaries {
    /// Reads what is passed to a connection, which may be several statements. `branch`: what is
    /// made may be made otherwise on another way, too.
    pub(crate) fn read(
        &mut self,
        passed: &mut Passed,
        dialect: Option<&'static str>,
        catalogue: &dyn Catalogue,
        connection: &Rc<str>,
        branch: bool,
    ) -> Sql {
        let (Batch { statements, has_branches }, outline) = passed.take(dialect);
        let made = self.made.remove(connection).unwrap_or_default();
        let outline = match outline {
            Some(outline) if made.is_empty() => return outline.resolve(catalogue),
            outline => outline,
        };
        let branch = branch || has_branches;
        let mut session = Session { made, dialect, catalogue, branch };
        let sql = match outline {
            Some(outline) => session.query(outline),
            None => session.batch(statements, passed.text()),
        };
        // Variables end with their batch.
        session.made.retain(|name, _| !name.starts_with('@'));
        let made = session.made;
        if !made.is_empty() && self.made.len() < MAX_TABLES {
            self.made.insert(Rc::clone(connection), made);
        }
        sql
    }
}

/// A connection while statements are read.
struct Session<'a> {
    made: HashMap<String, Rc<Select>>,
    dialect: Option<&'static str>,
    catalogue: &'a dyn Catalogue,
    branch: bool,
}

impl Catalogue for Session<'_> {
    fn has(&self, table: &TableName, column: &str) -> bool {
        match self.find(table) {
            Some(made) => made.column(column).is_some(),
            None => self.catalogue.has(table, column),
        }
    }

    fn lacks(&self, table: &TableName, column: &str) -> bool {
        match self.find(table) {
            Some(made) => made.stars.is_empty() && made.column(column).is_none(),
            None => self.catalogue.lacks(table, column),
        }
    }
}

impl Session<'_> {
    /// The rows that come back are those of the first query that puts them nowhere.
    fn batch(&mut self, statements: Vec<Statement>, text: &str) -> Sql {
        let mut result = None;
        // What the last statement put somewhere, and what those before it read.
        let mut made: Option<Select> = None;
        let mut others = Select::default();
        for statement in statements {
            match statement {
                Statement::Into { name, columns, query, adds } => {
                    let select = match self.text(&query) {
                        Sql::Select(select) => select,
                        Sql::Procedure(reason) | Sql::Nothing(reason) => {
                            of_procedure(&query, reason)
                        }
                        Sql::Rest { .. } | Sql::Made(_) => continue,
                    };
                    let before = made.replace(select.clone()).unwrap_or_default();
                    others.tables.extend(before.tables);
                    others.unknown.extend(before.unknown);
                    others.notes.extend(before.notes);
                    others.fallback |= before.fallback;
                    self.make(&name, named(select, &columns), adds);
                }
                Statement::Declare { name, columns } => {
                    let column = |name| SelectColumn { name, ..SelectColumn::default() };
                    let columns = columns.into_iter().map(column).collect();
                    let made_empty = Select { columns, ..Select::default() };
                    self.make(&name, made_empty.clone(), false);
                    made.get_or_insert(made_empty);
                }
                Statement::Drop(name) => {
                    self.made.remove(&key(&name));
                    made.get_or_insert_default();
                }
                Statement::Update { name, query } => {
                    if self.find(&name).is_some()
                        && let Sql::Select(select) = self.text(&query)
                    {
                        self.change(&name, select);
                        made.get_or_insert_default();
                    }
                }
                Statement::Query(query) | Statement::Else(query) if result.is_none() => {
                    result = Some(self.text(&query));
                }
                Statement::Else(query) => {
                    let other = self.text(&query);
                    result = match (result, other) {
                        (Some(Sql::Select(one)), Sql::Select(other)) => {
                            Some(Sql::Select(either(one, other)))
                        }
                        (result, _) => result,
                    };
                }
                // An insert into a table that is none of these says nothing of rows.
                Statement::Query(_) | Statement::Other => {}
            }
        }
        match (result, made) {
            (Some(Sql::Select(mut select)), Some(made)) => {
                select.notes.extend(made.notes.into_iter().chain(others.notes));
                select.unknown.extend(made.unknown.into_iter().chain(others.unknown));
                Sql::Select(select)
            }
            (Some(other), _) => other,
            (None, Some(mut made)) => {
                made.tables.extend(others.tables);
                made.unknown.extend(others.unknown);
                made.notes.extend(others.notes);
                made.fallback |= others.fallback;
                Sql::Made(made)
            }
            (None, None) => outline(text, self.dialect).resolve(self.catalogue),
        }
    }

    fn text(&self, text: &str) -> Sql {
        self.query(outline(text, self.dialect))
    }

    fn query(&self, outline: Outline) -> Sql {
        match outline.resolve(self) {
            Sql::Select(select) => Sql::Select(self.substitute(select)),
            other => other,
        }
    }

    fn make(&mut self, name: &TableName, select: Select, adds: bool) {
        let key = key(name);
        // Taken out so that it is not copied for every statement that adds to it.
        let known = self.made.remove(&key).map(Rc::unwrap_or_clone);
        let made = match known {
            Some(known) if adds => added(known, select),
            Some(known) if self.branch => either(known, select),
            // A table that the script did not make keeps what others put into it.
            None if adds && !is_temporary(name) => return,
            _ => select,
        };
        if self.made.len() < MAX_TABLES {
            self.made.insert(key, Rc::new(bounded(made)));
        }
    }

    /// Values put into columns of a table, whose rows stay.
    fn change(&mut self, name: &TableName, select: Select) {
        let key = key(name);
        if let Some(known) = self.made.remove(&key) {
            let made = either(Rc::unwrap_or_clone(known), select);
            self.made.insert(key, Rc::new(bounded(made)));
        }
    }

    fn find(&self, table: &TableName) -> Option<&Rc<Select>> {
        let found = self.made.get(&key(table))?;
        let schema = table.schema.as_deref().unwrap_or_default();
        let fits = is_temporary(table)
            || schema.is_empty()
            || ["session", "_session", "pg_temp", "global_temp"]
                .iter()
                .any(|it| schema.eq_ignore_ascii_case(it));
        fits.then_some(found)
    }

    /// A query over what the tables that it reads are made of.
    fn substitute(&self, select: Select) -> Select {
        if !select.tables.iter().any(|table| self.find(table).is_some()) {
            return select;
        }
        let Select { tables: before, columns, stars, .. } = select;
        let mut out = Select {
            unknown: select.unknown,
            first: select.first,
            fallback: select.fallback,
            notes: select.notes,
            pair: select.pair,
            ..Select::default()
        };
        let mut index: HashMap<TableName, usize> = HashMap::new();
        let mut place = |table: &TableName, out: &mut Select| {
            *index.entry(table.clone()).or_insert_with(|| {
                out.tables.push(table.clone());
                out.tables.len() - 1
            })
        };
        // What each table of the query is: itself, or others.
        let mut now: Vec<Now> = Vec::new();
        for table in &before {
            match self.find(table) {
                None => now.push(Now::Table(place(table, &mut out))),
                Some(made) => {
                    let to = made.tables.iter().map(|table| place(table, &mut out)).collect();
                    out.unknown.extend(made.unknown.iter().cloned());
                    out.fallback |= made.fallback;
                    now.push(Now::Made(Rc::clone(made), to));
                }
            }
        }
        for column in columns {
            let mut origins = BTreeSet::new();
            let mut expression = column.expression;
            for (table, name) in &column.origins {
                match now.get(*table) {
                    Some(Now::Table(to)) => {
                        origins.insert((*to, name.clone()));
                    }
                    Some(Now::Made(made, to)) => {
                        let (found, made_by) = of_made(made, to, name);
                        origins.extend(found);
                        expression = expression.or(made_by);
                    }
                    None => {}
                }
            }
            out.columns.push(SelectColumn { name: column.name, origins, expression });
        }
        for star in stars {
            match now.get(star.table) {
                Some(&Now::Table(table)) => out.stars.push(Star { table, ..star }),
                Some(Now::Made(made, to)) => {
                    let there: BTreeSet<String> =
                        out.columns.iter().map(|column| column.name.to_lowercase()).collect();
                    for column in &made.columns {
                        let name = column.name.to_lowercase();
                        if !star.except.contains(&name) && !there.contains(&name) {
                            let origins = moved(&column.origins, to);
                            out.columns.push(SelectColumn { origins, ..column.clone() });
                        }
                    }
                    for inner in &made.stars {
                        let Some(&table) = to.get(inner.table) else { continue };
                        let except = inner.except.union(&star.except).cloned().collect();
                        out.stars.push(Star { table, side: star.side.or(inner.side), except });
                    }
                }
                None => {}
            }
        }
        out
    }
}

/// What a table of a query is.
enum Now {
    Table(usize),
    /// With the new index of each of its tables.
    Made(Rc<Select>, Vec<usize>),
}

/// Rows of a procedure: what they are made of is not known.
fn of_procedure(call: &str, reason: String) -> Select {
    let verb = |word: &&str| ["exec", "execute"].iter().any(|it| word.eq_ignore_ascii_case(it));
    let mut words = call.split_whitespace().skip_while(|word| !verb(word));
    let name = words.nth(1).unwrap_or("procedure").to_owned();
    Select { unknown: BTreeSet::from([Unknown { name, reason }]), ..Select::default() }
}

fn key(table: &TableName) -> String {
    table.table.to_lowercase()
}

/// Whether the name alone says so.
pub(super) fn is_temporary(table: &TableName) -> bool {
    table.table.starts_with('#') || table.table.starts_with('@')
}

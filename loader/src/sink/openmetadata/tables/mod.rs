//! Database tables of load scripts, found in the catalogue:
//!
//! 1. by the configured mapping of the Qlik connection;
//! 2. else by the host (port, database) of the connection among the connections of the catalogue's
//!    database services;
//! 3. else in all services.
//!
//! In each of these places by exact name first, then by a search without regard to case, of which only
//! an unambiguous hit counts. What is not found, or found twice, is said with what comes near.

mod matching;
mod table;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use schemas::event::node::DatabaseTable;
use serde_json::Value;

use self::matching::{Choice, DatabaseService, Scope, Wanted};
pub(super) use self::table::Table;
use super::{
    client::{Client, Failure},
    core::{Core, lock},
    fqn,
    pages::Cursor,
    settings::TableSettings,
};

fn children<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// What a table of a script is.
#[derive(Clone, Debug)]
pub(super) enum Resolution {
    Found(Arc<Table>),
    /// Why not, with what comes near.
    NotFound(String),
}

impl Resolution {
    fn columns(&self) -> usize {
        match self {
            Self::Found(table) => table.len(),
            Self::NotFound(_) => 0,
        }
    }
}

/// Tables looked for.
#[derive(Debug)]
pub(super) struct Tables {
    settings: TableSettings,
    known: Mutex<Known>,
    services: tokio::sync::Mutex<Option<(Arc<Vec<DatabaseService>>, Instant)>>,
}

/// How long a table, and the list of services, is believed to be as it was.
const FOUND_FOR: Duration = Duration::from_secs(600);
/// How long a table is believed to be missing.
const MISSING_FOR: Duration = Duration::from_secs(120);
/// Most tables remembered; emptied when full.
const MAX_KNOWN: usize = 20_000;
/// Most columns of them, some 80 bytes each: a warehouse has tables with hundreds.
const MAX_COLUMNS: usize = 100_000;
/// Most hits of a search that are looked at.
const MAX_HITS: usize = 100;
/// Similar names in a message.
const MAX_SIMILAR: usize = 5;

/// What was found of each table.
#[derive(Debug, Default)]
struct Known {
    tables: HashMap<DatabaseTable, (Resolution, Instant)>,
    /// Of all of them.
    columns: usize,
}

impl Known {
    fn get(&self, node: &DatabaseTable) -> Option<&Resolution> {
        let (resolution, since) = self.tables.get(node)?;
        let limit = match resolution {
            Resolution::Found(_) => FOUND_FOR,
            Resolution::NotFound(_) => MISSING_FOR,
        };
        (since.elapsed() < limit).then_some(resolution)
    }

    fn insert(&mut self, node: DatabaseTable, resolution: Resolution) {
        self.remove(&node);
        let columns = resolution.columns();
        if self.tables.len() >= MAX_KNOWN || self.columns + columns > MAX_COLUMNS {
            *self = Self::default();
        }
        self.columns += columns;
        self.tables.insert(node, (resolution, Instant::now()));
    }

    fn remove(&mut self, node: &DatabaseTable) {
        if let Some((resolution, _)) = self.tables.remove(node) {
            self.columns -= resolution.columns();
        }
    }
}

impl Tables {
    pub(super) fn new(settings: TableSettings) -> Self {
        Self { settings, known: Mutex::default(), services: tokio::sync::Mutex::default() }
    }

    /// Forgets what was found.
    pub(super) fn forget(&self) {
        *lock(&self.known) = Known::default();
    }

    /// Forgets one table, because it turned out to be gone.
    pub(super) fn doubt(&self, node: &DatabaseTable) {
        lock(&self.known).remove(node);
    }

    /// Finds a table.
    pub(super) async fn resolve(
        &self,
        core: &Core,
        node: &DatabaseTable,
    ) -> Result<Resolution, Failure> {
        if let Some(resolution) = lock(&self.known).get(node) {
            return Ok(resolution.clone());
        }
        let _guard = core.reading.of(&node.table).await;
        if let Some(resolution) = lock(&self.known).get(node) {
            return Ok(resolution.clone());
        }
        let resolution = self.look(core, node).await?;
        lock(&self.known).insert(node.clone(), resolution.clone());
        Ok(resolution)
    }

    async fn look(&self, core: &Core, node: &DatabaseTable) -> Result<Resolution, Failure> {
        let wanted = Wanted::of(node);
        let (scopes, place) = self.scopes(core, node).await?;
        let mut exact = Vec::new();
        for scope in &scopes {
            for parts in scope.candidates(&wanted) {
                if !matching::is_allowed(&parts, &self.settings.prefixes) {
                    continue;
                }
                let parts: Vec<_> = parts.iter().map(String::as_str).collect();
                if let Some(table) = read(&core.client, &fqn::join(&parts)).await? {
                    exact.push(table);
                    // Candidates of one place are in order of likelihood.
                    break;
                }
            }
        }
        if exact.len() == 1
            && let Some(table) = exact.pop()
        {
            return Ok(Resolution::Found(Arc::new(table)));
        }
        if exact.len() > 1 {
            let names: Vec<_> = exact.into_iter().map(|table| table.fqn).collect();
            return Ok(Resolution::NotFound(ambiguous(node, &wanted, &names)));
        }
        let mut found = Vec::new();
        for scope in &scopes {
            match search(core, &scope.pattern(&wanted)).await? {
                Some(hits) => found.extend(hits),
                None => {
                    return Ok(Resolution::NotFound(format!(
                        "{} is not known by its exact name, and the search of OpenMetadata does not \
                         work",
                        describe(node, &wanted)
                    )));
                }
            }
        }
        found.retain(|name| matching::is_allowed(&fqn::split(name), &self.settings.prefixes));
        if scopes.iter().all(|scope| scope.service.is_none()) {
            let services = self.services(core).await?;
            found.retain(|name| speaks(name, node.dialect.as_deref(), &services));
        }
        match matching::choose(&found, &wanted, &scopes) {
            Choice::One(name) => match read(&core.client, &name).await? {
                Some(table) => Ok(Resolution::Found(Arc::new(table))),
                None => Ok(Resolution::NotFound(missing(node, &wanted, &place, &[]))),
            },
            Choice::Several(names) => Ok(Resolution::NotFound(ambiguous(node, &wanted, &names))),
            Choice::None => {
                let anywhere = Wanted { database: None, schema: None, ..wanted.clone() };
                let mut similar = search(core, &Scope::default().pattern(&anywhere)).await?;
                let similar = similar.get_or_insert_default();
                similar.sort_unstable();
                similar.dedup();
                similar.truncate(MAX_SIMILAR);
                Ok(Resolution::NotFound(missing(node, &wanted, &place, similar)))
            }
        }
    }

    /// Where to look, and that place in words.
    async fn scopes(
        &self,
        core: &Core,
        node: &DatabaseTable,
    ) -> Result<(Vec<Scope>, String), Failure> {
        if let Some(mapping) =
            matching::mapping(node.connection.as_deref(), &self.settings.mappings)
        {
            let place = format!("service `{}`, to which its connection is mapped", mapping.service);
            return Ok((vec![Scope::of(mapping)], place));
        }
        if let Some(host) = &node.host {
            let services = self.services(core).await?;
            let scopes: Vec<_> = services
                .iter()
                .filter(|service| service.is_at(node))
                .map(|service| Scope {
                    service: Some(service.name.clone()),
                    schema: service.schema.clone(),
                    own_database: service.database.clone(),
                    database: None,
                })
                .collect();
            if !scopes.is_empty() {
                let names: Vec<_> =
                    scopes.iter().filter_map(|scope| scope.service.clone()).collect();
                let place = format!("service `{}` at `{host}`", names.join("`, `"));
                return Ok((scopes, place));
            }
        }
        Ok((vec![Scope::default()], "any database service".to_owned()))
    }

    /// The database services of the catalogue.
    async fn services(&self, core: &Core) -> Result<Arc<Vec<DatabaseService>>, Failure> {
        let mut services = self.services.lock().await;
        if let Some((services, since)) = &*services
            && since.elapsed() < FOUND_FOR
        {
            return Ok(Arc::clone(services));
        }
        let mut all = Vec::new();
        let mut cursor = Cursor::default();
        loop {
            let mut query = vec![("limit", "100".to_owned())];
            query.extend(cursor.query());
            let path = "/services/databaseServices".to_owned();
            let Some(answer) = core.client.get(path, query).await? else { break };
            all.extend(children(&answer.body, "data").filter_map(DatabaseService::of));
            // Where pages go round in circles, those seen have to do.
            if !cursor.advance(&answer.body).unwrap_or(false) {
                break;
            }
        }
        let all = Arc::new(all);
        *services = Some((Arc::clone(&all), Instant::now()));
        Ok(all)
    }
}

fn speaks(name: &str, dialect: Option<&str>, services: &[DatabaseService]) -> bool {
    let parts = fqn::split(name);
    let service = services.iter().find(|service| parts.first() == Some(&service.name));
    service.is_none_or(|service| service.speaks(dialect))
}

/// Reads a table with its columns.
async fn read(client: &Client, fqn: &str) -> Result<Option<Table>, Failure> {
    let path = fqn::path(&["tables", "name", fqn]);
    let query = vec![("fields", "columns".to_owned())];
    const MEMBERS: &[&str] = &["id", "fullyQualifiedName", "columns", "children", "name"];
    match client.get_only(path, query, MEMBERS).await {
        Ok(answer) => Ok(answer.and_then(|answer| Table::of(&answer.body))),
        // A name that the server cannot take is no table's name.
        Err(Failure::Refused(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Qualified names that match a pattern; `None` when the search engine does not work.
async fn search(core: &Core, pattern: &str) -> Result<Option<Vec<String>>, Failure> {
    let lower = pattern.to_lowercase();
    // How versions between those that were seen compare is not known.
    let patterns = match core.naming.features.search_case {
        _ if lower == pattern => vec![lower],
        super::version::SearchCase::Lower => vec![lower],
        super::version::SearchCase::Unknown => vec![lower, pattern.to_owned()],
    };
    let mut found = Vec::new();
    for pattern in patterns {
        let query = vec![
            ("fieldName", "fullyQualifiedName".to_owned()),
            ("fieldValue", pattern),
            ("from", "0".to_owned()),
            ("size", MAX_HITS.to_string()),
            ("index", "table_search_index".to_owned()),
            ("deleted", "false".to_owned()),
        ];
        let Some(hits) = core.search.hits(&core.client, "/search/fieldQuery", query).await? else {
            return Ok(None);
        };
        let alive =
            hits.iter().filter(|hit| hit.get("deleted").and_then(Value::as_bool) != Some(true));
        found.extend(
            alive.filter_map(|hit| Some(hit.get("fullyQualifiedName")?.as_str()?.to_owned())),
        );
    }
    Ok(Some(found))
}

fn describe(node: &DatabaseTable, wanted: &Wanted) -> String {
    let connection = node.connection.as_deref().unwrap_or("(none)");
    format!("table `{}` of connection `{connection}`", wanted.display())
}

fn ambiguous(node: &DatabaseTable, wanted: &Wanted, names: &[String]) -> String {
    let names: Vec<_> = names.iter().take(MAX_SIMILAR).cloned().collect();
    format!(
        "{} may be any of `{}`; map the connection with `loader.tables`",
        describe(node, wanted),
        names.join("`, `")
    )
}

fn missing(node: &DatabaseTable, wanted: &Wanted, place: &str, similar: &[String]) -> String {
    let similar = if similar.is_empty() {
        "nothing comes near".to_owned()
    } else {
        format!("there is `{}`", similar.join("`, `"))
    };
    format!("{} is not in {place} of OpenMetadata ({similar})", describe(node, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_by_its_columns() {
        let node = |name: &str| DatabaseTable { table: name.to_owned(), ..Default::default() };
        let wide = || {
            let columns: Vec<_> = (0..MAX_COLUMNS / 2).map(|n| format!("t.{n}")).collect();
            Resolution::Found(Arc::new(Table::with_columns("1", "t", columns.iter())))
        };
        let mut known = Known::default();
        known.insert(node("a"), wide());
        known.insert(node("a"), wide());
        known.insert(node("b"), wide());
        assert!(known.get(&node("a")).is_some() && known.get(&node("b")).is_some());
        known.remove(&node("a"));
        known.insert(node("c"), wide());
        assert!(known.get(&node("b")).is_some(), "there was room");
        known.insert(node("d"), wide());
        assert!(known.get(&node("b")).is_none() && known.get(&node("d")).is_some());
        assert_eq!(known.columns, MAX_COLUMNS / 2);
    }
}

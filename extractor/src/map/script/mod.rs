//! What the script engine found in an app's load script → edges, statements, coverage. Pure.
//!
//! | part | what it decides |
//! |---|---|
//! | `places`, `database`, `apps` | which nodes the sources are |
//! | `tables` | sources → tables of the data model |
//! | `stores` | tables or sources → stored files |
//! | `flows` | fields → columns of edges |
//! | `engine` | what the engine remembers of the last reload |
//! | `coverage` | what became of the references |
//!
//! The app's final data model has the last word: tables and fields that it does not have are not
//! emitted (the script may have been changed since the last reload, a branch not been taken), and
//! what it has and the script does not explain is a diagnostic.

mod apps;
mod coverage;
mod database;
mod edges;
mod engine;
mod flows;
mod places;
mod stores;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use schemas::event::{DataModel, DataModelKind, Node, Origin, Resolution};

pub use self::{
    apps::{AppNames, FoundApp},
    coverage::{Coverage, OpenReference},
};
pub(crate) use self::{
    edges::ANY_COLUMN,
    engine::{Read, reads},
};
use self::{
    edges::Edges,
    engine::EngineLineage,
    places::{Place, Places},
};
use super::{AppEvents, Context, Diagnostic};
use crate::{
    qlik::model::{AppContent, DataModelSource},
    script::{self, Connections, ReferenceKind, Source, Status},
};

/// Messages about one script; the rest is counted.
const MAX_MESSAGES: usize = 50;
/// Bytes of the statements of a table, together: a record must not outgrow what brokers take.
const MAX_STATEMENTS: usize = 64 << 10;

/// What is known of an app's script.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a> {
    /// What the script engine found.
    pub found: &'a script::App,
    /// Data connections of the site.
    pub connections: &'a Connections,
    /// The apps that `BINARY` may mean.
    pub apps: &'a AppNames,
    /// What the statements were read from: `LoadScript`, `DataManager`, or `EngineLineage`, which says
    /// what the app reads and writes and not what becomes of it.
    pub origin: Origin,
}

/// Adds to an app's events what its script tells, and says what became of its references.
pub fn add_script(
    events: &mut AppEvents,
    content: &AppContent,
    script: &Script<'_>,
    context: &Context<'_>,
) -> Coverage {
    let engine = EngineLineage::of(&content.lineage, script.connections)
        .with_reload(&content.reload, script.connections);
    let places = Places::of(script.found, script.connections, script.apps, &engine);
    let coverage = coverage(script.found, &places);
    let mut messages = Messages::default();
    for each in &script.found.diagnostics {
        match script.origin {
            Origin::EngineLineage => messages.push("the engine's lineage", &each.message),
            _ => messages.push(&format!("script line {}", each.line), &each.message),
        }
    }
    let app_id = events.dashboard.app_id.clone();
    let mut edges = Edges::default();
    match &content.data_model {
        _ if script.origin == Origin::EngineLineage => {
            let why = match &content.script {
                Some(_) => "it is empty",
                None => "it could not be read",
            };
            let message = format!(
                "{why}: what the app reads and writes is what the engine remembers of the last reload, without tables and fields"
            );
            messages.push("the script", &message);
            engine::add(&mut edges, &app_id, script.found, &places, &engine);
        }
        // The script was never run: nothing of it has happened.
        DataModelSource::Absent => {}
        // What it left in the app is not known; what it stored is.
        DataModelSource::Unreadable { .. } => {
            stores::add(&mut edges, &app_id, script.found, None, &places, &engine, &mut messages);
        }
        DataModelSource::Metadata(_) | DataModelSource::TablesAndKeys(_) => {
            let model = Model::of(&events.data_models);
            let found = script.found;
            tables::add(&mut edges, &app_id, found, &model, &places, &mut messages);
            stores::add(&mut edges, &app_id, found, Some(&model), &places, &engine, &mut messages);
            add_apps(&mut edges, &app_id, found, &places);
            check_engine(found, &engine, script.connections, &mut messages);
            add_statements(&mut events.data_models, found);
        }
    }
    let mut lineage = edges.into_events(&app_id, context);
    for edge in lineage.iter_mut().filter(|edge| edge.origin == Origin::LoadScript) {
        edge.origin = script.origin;
    }
    events.lineage.extend(lineage);
    events.diagnostics.extend(messages.finish());
    coverage
}

/// The tables of an app's data model by name, with their fields.
struct Model<'a>(HashMap<&'a str, Vec<&'a str>>);

impl<'a> Model<'a> {
    fn of(data_models: &'a [DataModel]) -> Self {
        let tables = data_models.iter().filter(|model| model.kind == DataModelKind::Table);
        let named = tables.filter_map(|model| {
            let fields = model.fields.iter().map(|field| field.name.as_str()).collect();
            Some((model.table.as_deref()?, fields))
        });
        Self(named.collect())
    }

    fn fields(&self, table: &str) -> Option<&[&'a str]> {
        self.0.get(table).map(Vec::as_slice)
    }

    /// Names of the tables, sorted.
    fn tables(&self) -> Vec<&'a str> {
        let mut tables: Vec<&str> = self.0.keys().copied().collect();
        tables.sort_unstable();
        tables
    }
}

/// The app → this app, for each app that `BINARY` brings in.
fn add_apps(edges: &mut Edges, app_id: &str, found: &script::App, places: &Places) {
    let this = Node::dashboard(app_id);
    for (source, id) in places.apps() {
        let uses = found.tables.iter().flat_map(|table| &table.sources);
        let used = uses.into_iter().find(|used| used.source == source);
        let Some(draft) = edges.of(&Node::dashboard(id), &this) else { continue };
        let statement = used.map_or("", |used| &*used.statement);
        let how = used.map_or(Resolution::Exact, |used| edges::resolution(used.resolution));
        draft.evidence(Origin::LoadScript, how, &[], statement);
    }
}

/// What became of every reference. What the script alone cannot tell may be known by now.
fn coverage(found: &script::App, places: &Places) -> Coverage {
    let mut by_name: HashMap<(ReferenceKind, String), &Place> = HashMap::new();
    for (index, source) in found.sources.iter().enumerate() {
        let kind = match source {
            Source::File { .. } => ReferenceKind::File,
            Source::App { .. } => ReferenceKind::App,
            Source::Table { .. } | Source::Connection { .. } => continue,
        };
        if let Some(place) = places.get(index) {
            by_name.insert((kind, source.name().into_owned()), place);
        }
    }
    let mut coverage = Coverage::default();
    for reference in &found.references {
        let place = by_name.get(&(reference.kind, reference.name.clone()));
        let status = match place {
            Some(Place::Open(status)) => status,
            Some(Place::Told(_)) => &Status::Resolved,
            Some(Place::Node(_) | Place::App(_)) | None => &reference.status,
        };
        coverage.count(reference.line, reference.kind, &reference.name, status);
    }
    coverage
}

/// Says which files the engine read at the last reload that the script does not speak of.
fn check_engine(
    found: &script::App,
    engine: &EngineLineage,
    connections: &Connections,
    messages: &mut Messages,
) {
    let files = found.sources.iter().filter_map(|source| match source {
        Source::File { normalised, .. } => Some(normalised.as_str()),
        _ => None,
    });
    let (patterns, exact): (Vec<&str>, Vec<&str>) =
        files.partition(|path| script::glob::is_pattern(path) || script::glob::is_unresolved(path));
    let exact: std::collections::HashSet<&str> = exact.into_iter().collect();
    // Files of other references, such as what mappings and conditions read.
    let referred: std::collections::HashSet<String> = found
        .references
        .iter()
        .filter(|reference| reference.kind == ReferenceKind::File)
        .map(|reference| connections.normalise(&reference.name).path)
        .collect();
    for path in &engine.read {
        let is_known = exact.contains(path.as_str())
            || referred.contains(path)
            || patterns.iter().any(|pattern| script::glob::can_meet(pattern, path));
        if !is_known {
            let message = format!(
                "the engine read `{path}` at the last reload, of which the script says nothing"
            );
            messages.push("the script", &message);
        }
    }
}

/// Gives the tables the statements that made them.
fn add_statements(data_models: &mut [DataModel], found: &script::App) {
    let by_name: HashMap<&str, &script::Table> =
        found.tables.iter().map(|table| (table.name.as_str(), table)).collect();
    for model in data_models.iter_mut().filter(|model| model.kind == DataModelKind::Table) {
        let table = model.table.as_deref().and_then(|name| by_name.get(name));
        model.statement = table.and_then(|table| joined(&table.statements));
    }
}

/// Statements as one text, the first of them when they are too long together.
fn joined(statements: &[String]) -> Option<String> {
    let mut text = String::new();
    for (index, statement) in statements.iter().enumerate() {
        if text.len() + statement.len() > MAX_STATEMENTS && index > 0 {
            text.push_str(&format!("\n// {} more statements", statements.len() - index));
            break;
        }
        if index > 0 {
            text.push('\n');
        }
        text.push_str(statement.trim());
        text.push(';');
    }
    (!text.is_empty()).then_some(text)
}

/// Messages, each once and not without end.
#[derive(Debug, Default)]
struct Messages {
    said: Vec<Diagnostic>,
    left_out: usize,
}

impl Messages {
    fn push(&mut self, place: &str, message: &str) {
        let diagnostic = Diagnostic { place: place.to_owned(), message: message.to_owned() };
        if self.said.contains(&diagnostic) {
            return;
        }
        if self.said.len() < MAX_MESSAGES {
            self.said.push(diagnostic);
        } else {
            self.left_out += 1;
        }
    }

    fn finish(mut self) -> Vec<Diagnostic> {
        if self.left_out > 0 {
            let message = format!("{} more messages like these", self.left_out);
            self.said.push(Diagnostic { place: "the script".to_owned(), message });
        }
        self.said
    }
}

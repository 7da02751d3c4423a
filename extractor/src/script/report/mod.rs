//! Several scripts together: what one stores and another reads makes one chain.

mod chain;
mod files;
mod json;
mod mermaid;
mod sources;
mod text;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::interpret::{self, Input, Known};
use super::log::Log;
use super::outcome::{App, Source};
use super::paths::{Connections, glob};
use chain::Follower;
pub use chain::{ChainTable, Edge, Ends};
use files::Files;

/// A script to be analysed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Script<'a> {
    /// Name by which the app is known: app id, or a file's name without extension.
    pub name: &'a str,
    /// The load script.
    pub text: &'a str,
    /// Script log of the last reload, if it could be read.
    pub log: Option<&'a str>,
    /// Variables that the app has beside those of its script: name and definition.
    pub variables: &'a [(String, String)],
}

/// Lineage of several apps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Names and lineage, in the order in which the scripts were given.
    pub apps: Vec<(String, App)>,
    /// Which app reads what another stores, or takes its model in.
    pub edges: Vec<Edge>,
    files: Files,
}

impl Report {
    /// Tables of each app with their sources at the far ends, in the order of the apps.
    #[must_use]
    pub fn chain(&self) -> Vec<(&str, Vec<ChainTable<'_>>)> {
        let mut follower = Follower::new(&self.apps, &self.files);
        let each = self.apps.iter().map(|(name, app)| {
            let tables = app.tables.iter().map(|table| follower.table(app, table)).collect();
            (name.as_str(), tables)
        });
        each.collect()
    }
}

/// How often apps are analysed again because others told what their files hold. A chain of so many
/// apps is resolved to its ends; a longer one keeps `*` for the fields that nobody names.
const MAX_ROUNDS: usize = 16;

/// What scripts are analysed with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The site's data connections.
    pub connections: &'a Connections,
    /// Text of an included file by its path as the script writes it, variables expanded.
    pub includes: &'a dyn Fn(&str) -> Option<String>,
    /// Fields of a file that none of the scripts stores, by its normalised path: what is known of
    /// it from elsewhere. The name `*` among them says that there are more.
    pub files: &'a dyn Fn(&str) -> Option<Vec<String>>,
}

impl<'a> Context<'a> {
    /// Connections alone: no included file and no other file is known.
    #[must_use]
    pub fn new(connections: &'a Connections) -> Self {
        Self { connections, includes: &|_| None, files: &|_| None }
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Context").finish_non_exhaustive()
    }
}

/// Analyses scripts together: each is told what the others store in the files that it reads.
/// `includes` gives the text of an included file by its path as the script writes it, variables
/// expanded.
///
/// Never fails: what is not understood is a diagnostic of its app.
#[must_use]
pub fn analyse(
    scripts: &[Script<'_>],
    connections: &Connections,
    includes: &dyn Fn(&str) -> Option<String>,
) -> Report {
    analyse_with(scripts, &Context { includes, ..Context::new(connections) })
}

/// As [`analyse`], with all that can be known of the scripts' surroundings.
#[must_use]
pub fn analyse_with(scripts: &[Script<'_>], context: &Context<'_>) -> Report {
    let (apps, files) = follow_all(scripts, context);
    let edges = chain::edges(&apps, &files);
    Report { apps, edges, files }
}

/// Analyses one script alone.
#[must_use]
pub fn analyse_one(
    script: &Script<'_>,
    connections: &Connections,
    includes: &dyn Fn(&str) -> Option<String>,
) -> App {
    analyse_one_with(script, &Context { includes, ..Context::new(connections) })
}

/// As [`analyse_one`], with all that can be known of the script's surroundings.
#[must_use]
pub fn analyse_one_with(script: &Script<'_>, context: &Context<'_>) -> App {
    let (mut apps, _) = follow_all(std::slice::from_ref(script), context);
    apps.pop().map(|(_, app)| app).unwrap_or_default()
}

/// Follows every script, and again those that others tell something of what they read.
fn follow_all(scripts: &[Script<'_>], context: &Context<'_>) -> (Vec<(String, App)>, Files) {
    let logs: Vec<Option<Log>> = scripts.iter().map(|script| script.log.map(Log::read)).collect();
    let mut apps: Vec<(String, App)> =
        scripts.iter().map(|script| (script.name.to_owned(), App::default())).collect();
    let mut told: Vec<Option<u64>> = vec![None; scripts.len()];
    let mut files = Files::new(&apps);
    for _ in 0..MAX_ROUNDS {
        let known = Told { files: &files, context };
        let mut again = false;
        for (index, script) in scripts.iter().enumerate() {
            let Some((_, app)) = apps.get(index) else { continue };
            if told.get(index) == Some(&Some(known.hash(app))) {
                continue;
            }
            let app = interpret::run(Input {
                text: script.text,
                log: logs.get(index).and_then(Option::as_ref),
                connections: context.connections,
                includes: context.includes,
                known: &known,
                variables: script.variables,
            });
            if let Some(told) = told.get_mut(index) {
                *told = Some(known.hash(&app));
            }
            if let Some(slot) = apps.get_mut(index) {
                again |= slot.1 != app;
                slot.1 = app;
            }
        }
        if !again || matches!(apps.as_slice(), [(_, only)] if !reads_own_files(only)) {
            break;
        }
        files = Files::new(&apps);
    }
    (apps, files)
}

/// What the other scripts, and others than scripts, say of files and apps.
struct Told<'a> {
    files: &'a Files,
    context: &'a Context<'a>,
}

impl Known for Told<'_> {
    fn fields(&self, path: &str) -> Option<Vec<String>> {
        self.files.fields(path).or_else(|| (self.context.files)(path))
    }

    fn columns(&self, path: &str) -> Option<Vec<String>> {
        self.files.columns(path)
    }

    fn app(&self, id: &str) -> Option<Vec<(String, Vec<String>)>> {
        self.files.app(id)
    }
}

impl Told<'_> {
    /// Hash of all that is said of what an app reads.
    fn hash(&self, app: &App) -> u64 {
        let mut hasher = DefaultHasher::new();
        for source in &app.sources {
            match source {
                Source::File { normalised, .. } => self.fields(normalised).hash(&mut hasher),
                Source::App { id } => self.app(id).hash(&mut hasher),
                Source::Table { .. } | Source::Connection { .. } => {}
            }
        }
        hasher.finish()
    }
}

/// Whether an app may read what it stores itself.
fn reads_own_files(app: &App) -> bool {
    let stored: HashSet<&str> = app.stores.iter().map(|store| store.normalised.as_str()).collect();
    app.sources.iter().any(|source| match source {
        Source::File { normalised, .. } => {
            stored.contains(normalised.as_str())
                || glob::is_pattern(normalised)
                || glob::is_unresolved(normalised)
        }
        Source::App { .. } => true,
        Source::Table { .. } | Source::Connection { .. } => false,
    }) || stored.iter().any(|path| glob::is_unresolved(path))
}

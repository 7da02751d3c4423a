//! Several scripts together: what one stores and another reads makes one chain.

mod chain;
mod files;
mod json;
mod mermaid;
mod text;

use std::hash::{DefaultHasher, Hash, Hasher};

use super::interpret::{self, Input, Known};
use super::log::Log;
use super::outcome::{App, Source};
use super::paths::Connections;
pub use chain::{Chain, ChainTable, Edge, End};
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
    /// How the apps hang together.
    pub chain: Chain,
}

/// How often apps are analysed again because others told what their files hold. A chain of so many
/// apps is resolved to its ends; a longer one keeps `*` for the fields that nobody names.
const MAX_ROUNDS: usize = 16;

/// Analyses scripts together. `includes` gives the text of an included file by its path as the
/// script writes it, variables expanded.
///
/// Never fails: what is not understood is a diagnostic of its app.
#[must_use]
pub fn analyse(
    scripts: &[Script<'_>],
    connections: &Connections,
    includes: &dyn Fn(&str) -> Option<String>,
) -> Report {
    let (apps, files) = follow_all(scripts, connections, includes);
    let chain = chain::follow(&apps, &files);
    Report { apps, chain }
}

/// Analyses one script alone.
#[must_use]
pub fn analyse_one(
    script: &Script<'_>,
    connections: &Connections,
    includes: &dyn Fn(&str) -> Option<String>,
) -> App {
    let (mut apps, _) = follow_all(std::slice::from_ref(script), connections, includes);
    apps.pop().map(|(_, app)| app).unwrap_or_default()
}

/// Follows every script, and again those that others tell something of what they read.
fn follow_all(
    scripts: &[Script<'_>],
    connections: &Connections,
    includes: &dyn Fn(&str) -> Option<String>,
) -> (Vec<(String, App)>, Files) {
    let logs: Vec<Option<Log>> = scripts.iter().map(|script| script.log.map(Log::read)).collect();
    let mut apps: Vec<(String, App)> =
        scripts.iter().map(|script| (script.name.to_owned(), App::default())).collect();
    let mut told: Vec<Option<u64>> = vec![None; scripts.len()];
    let mut files = Files::new(&apps);
    for _ in 0..MAX_ROUNDS {
        let mut again = false;
        for (index, script) in scripts.iter().enumerate() {
            let Some((_, app)) = apps.get(index) else { continue };
            let now = told_to(app, &files);
            if told.get(index) == Some(&Some(now)) {
                continue;
            }
            let input = Input {
                text: script.text,
                log: logs.get(index).and_then(Option::as_ref),
                connections,
                includes,
                known: &files,
                variables: script.variables,
            };
            let app = interpret::run(input);
            if let Some(told) = told.get_mut(index) {
                *told = Some(told_to(&app, &files));
            }
            if let Some(slot) = apps.get_mut(index) {
                again |= slot.1 != app;
                slot.1 = app;
            }
        }
        if !again {
            break;
        }
        files = Files::new(&apps);
    }
    (apps, files)
}

/// Hash of what the other scripts say of the files and apps that an app reads.
fn told_to(app: &App, files: &Files) -> u64 {
    let mut hasher = DefaultHasher::new();
    for source in &app.sources {
        match source {
            Source::File { normalised, .. } => files.fields(normalised).hash(&mut hasher),
            Source::App { id } => files.app(id).hash(&mut hasher),
            Source::Table { .. } | Source::Connection { .. } => {}
        }
    }
    hasher.finish()
}

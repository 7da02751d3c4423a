//! `extractor lineage`: the lineage of load scripts in files, offline.

use std::{
    fs,
    mem::ManuallyDrop,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    cli::{LineageArgs, LineageFormat},
    includes,
    page::Graph,
    script::{Connections, Report, Script, analyse},
};

/// Folders below a folder are followed this deep; deeper is a loop of links.
const MAX_DEPTH: usize = 32;

/// Why files could not be read; the text names them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder.
    #[error("failed to read `{path}`")]
    Read {
        /// Path.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// A connections file that is none.
    #[error(
        "`{path}` is not JSON of the form {{\"qConnections\": [{{\"qName\", \"qType\", \"qConnectionString\"}}]}}"
    )]
    Connections {
        /// Path.
        path: PathBuf,
        /// Cause.
        #[source]
        source: serde_json::Error,
    },
    /// Nothing to analyse.
    #[error("no load scripts (*.qvs) in {0}")]
    Nothing(String),
}

/// What was found, and whether every statement was understood.
pub struct Analysis {
    /// In the format that was asked for.
    pub text: String,
    /// Problems with their places, a line each.
    pub problems: Vec<String>,
}

/// Analyses the files of the command line together.
///
/// # Errors
/// When a file cannot be read.
pub fn run(args: &LineageArgs) -> Result<Analysis, Error> {
    let mut paths = Vec::new();
    for path in &args.files {
        collect(path, 0, &mut paths)?;
    }
    if paths.is_empty() {
        let named: Vec<_> = args.files.iter().map(|path| path.display().to_string()).collect();
        return Err(Error::Nothing(named.join(", ")));
    }
    let texts: Vec<String> = paths.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
    let logs: Vec<String> = args.logs.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
    let names = names(&paths);
    let connections = match &args.connections {
        Some(path) => {
            let reply: Value = serde_json::from_str(&read(path)?)
                .map_err(|source| Error::Connections { path: path.clone(), source })?;
            Connections::from_reply(&reply)
        }
        None => Connections::default(),
    };
    let scripts: Vec<Script<'_>> = names
        .iter()
        .zip(&texts)
        .enumerate()
        .map(|(index, (name, text))| Script {
            name,
            text,
            log: logs.get(index).map(String::as_str),
            variables: &[],
        })
        .collect();
    let folders: Vec<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
    // Never dropped: the process ends with the command, and to free the report of a long script
    // takes as long as to write it.
    let report =
        ManuallyDrop::new(analyse(&scripts, &connections, &|path| include(&folders, path)));
    Ok(Analysis { problems: problems(&report), text: render(&report, args.format) })
}

fn render(report: &Report, format: LineageFormat) -> String {
    match format {
        LineageFormat::Json => report.to_json_text(),
        LineageFormat::Mermaid => report.to_mermaid(),
        LineageFormat::Text => report.to_text(),
        LineageFormat::Html => Graph::of_scripts(report, "Lineage of load scripts").to_html(),
    }
}

fn problems(report: &Report) -> Vec<String> {
    let diagnostics = report.apps.iter().flat_map(|(name, app)| {
        app.diagnostics
            .iter()
            .map(move |it| format!("{name}:{}:{}: {}", it.line, it.column, it.message))
    });
    diagnostics.collect()
}

/// A file as it is named, a folder with every script below it, in the order of their names.
fn collect(path: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(failed)?;
    let mut inside: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    inside.sort();
    for path in inside {
        let is_script = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("qvs"));
        if is_script || (path.is_dir() && depth < MAX_DEPTH) {
            collect(&path, depth + 1, found)?;
        }
    }
    Ok(())
}

/// Stems of the files; where two are equal, the paths.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let stem = |path: &PathBuf| {
        path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
    };
    let stems: Vec<String> = paths.iter().map(stem).collect();
    let is_unique = |name: &String| stems.iter().filter(|other| *other == name).count() == 1;
    let name = |(stem, path): (&String, &PathBuf)| {
        if is_unique(stem) { stem.clone() } else { path.display().to_string() }
    };
    stems.iter().zip(paths).map(name).collect()
}

fn read(path: &Path) -> Result<String, Error> {
    includes::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

/// An included file: as the script writes it, beside one of the scripts, or of that name there.
fn include(folders: &[&Path], path: &str) -> Option<String> {
    let path = path.replace('\\', "/");
    let name = path.rsplit('/').next().unwrap_or(&path);
    let beside = folders.iter().flat_map(|folder| [folder.join(&path), folder.join(name)]);
    beside.chain([PathBuf::from(&path)]).find_map(|path| read(&path).ok())
}

//! `extractor lineage`: the lineage of load scripts in files, offline.

use std::{
    collections::HashMap,
    fs,
    io::{self, Write},
    mem::ManuallyDrop,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    cli::{LineageArgs, LineageFormat},
    includes,
    page::Graph,
    script::{Connections, Report, Script, analyse, is_log_of},
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
    /// Logs that cannot be told to belong to a script each.
    #[error(
        "{logs} logs for {scripts} scripts, and `{log}` has the name of none of them: give one for \
         each script in order, or name each as its script"
    )]
    Pairs {
        /// How many logs.
        logs: usize,
        /// How many scripts.
        scripts: usize,
        /// The first log that has no script.
        log: PathBuf,
    },
    /// A log of another script, or of an older one.
    #[error(
        "`{log}` is no log of `{script}` as it is: fewer than seven in ten of its lines read the \
         same there; leave it out, or give that of the last reload"
    )]
    Log {
        /// Path of the log.
        log: PathBuf,
        /// Path of the script.
        script: PathBuf,
    },
    /// Standard output, the disk behind it perhaps.
    #[error("failed to write the lineage to standard output; what is there is not all of it")]
    Output(#[from] io::Error),
    /// Nothing to analyse.
    #[error("no load scripts (*.qvs) in {0}")]
    Nothing(String),
}

/// What was found, and whether every statement was understood.
pub struct Analysis {
    /// Never dropped: the process ends with the command, and to free the report of a long script
    /// takes as long as to write it.
    report: ManuallyDrop<Report>,
    format: LineageFormat,
    /// Problems with their places, a line each.
    pub problems: Vec<String>,
    /// What was assumed, a line each.
    pub notices: Vec<String>,
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
    let mut notices = Vec::new();
    let mut texts = Vec::new();
    for path in &paths {
        let failed = |source| Error::Read { path: path.clone(), source };
        let (text, is_assumed) = includes::decode(&fs::read(path).map_err(failed)?);
        texts.push(text);
        if is_assumed {
            notices.push(format!("{}: not UTF-8, read as Windows-1252", path.display()));
        }
    }
    let logs = logs(&args.logs, &paths, &texts)?;
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
            log: logs.get(index).and_then(Option::as_deref),
            variables: &[],
        })
        .collect();
    let folders: Vec<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
    let report =
        ManuallyDrop::new(analyse(&scripts, &connections, &|path| include(&folders, path)));
    Ok(Analysis { problems: problems(&report), notices, report, format: args.format })
}

impl Analysis {
    /// Writes the lineage in the format that was asked for.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let report = &self.report;
        match self.format {
            LineageFormat::Json => report.write_json(out),
            LineageFormat::Text => report.write_text(out),
            LineageFormat::Mermaid => writeln!(out, "{}", report.to_mermaid().trim_end()),
            LineageFormat::Html => {
                let graph = Graph::of_scripts(report, "Lineage of load scripts");
                writeln!(out, "{}", graph.to_html().trim_end())
            }
        }
    }
}

fn problems(report: &Report) -> Vec<String> {
    let diagnostics = report.apps.iter().flat_map(|(name, app)| {
        app.diagnostics
            .iter()
            .filter(|it| it.is_problem())
            .map(move |it| format!("{name}:{}:{}: {}", it.line, it.column, it.message))
    });
    diagnostics.collect()
}

/// The log of each script: the one of its name, or, with as many logs as scripts, the one at its place.
fn logs(
    logs: &[PathBuf],
    scripts: &[PathBuf],
    texts: &[String],
) -> Result<Vec<Option<String>>, Error> {
    let stem = |path: &PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().to_lowercase());
    let named = |log: &PathBuf| {
        let mut fits =
            (0..scripts.len()).filter(|&at| scripts.get(at).map(stem) == Some(stem(log)));
        fits.next().filter(|_| fits.next().is_none())
    };
    let by_name: Vec<Option<usize>> = logs.iter().map(named).collect();
    let unnamed = logs.iter().zip(&by_name).find(|(_, place)| place.is_none());
    if let Some((log, _)) = unnamed.filter(|_| logs.len() != scripts.len()) {
        let (logs, scripts) = (logs.len(), scripts.len());
        return Err(Error::Pairs { logs, scripts, log: log.clone() });
    }
    let mut found = vec![None; scripts.len()];
    for (index, (log, named)) in logs.iter().zip(&by_name).enumerate() {
        let place = if unnamed.is_none() { named.unwrap_or(index) } else { index };
        let text = read(log)?;
        let (Some(script), Some(written)) = (scripts.get(place), texts.get(place)) else {
            continue;
        };
        if !is_log_of(&text, written) {
            return Err(Error::Log { log: log.clone(), script: script.clone() });
        }
        if let Some(slot) = found.get_mut(place) {
            *slot = Some(text);
        }
    }
    Ok(found)
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

/// Stems of the files; where two are equal but for the case of letters, the paths: apps are told by
/// name from what other scripts call them, in whatever case.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let stem = |path: &PathBuf| {
        path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
    };
    let stems: Vec<String> = paths.iter().map(stem).collect();
    let mut counts: HashMap<String, usize> = HashMap::new();
    for stem in &stems {
        *counts.entry(stem.to_lowercase()).or_default() += 1;
    }
    let name = |(stem, path): (&String, &PathBuf)| match counts.get(&stem.to_lowercase()) {
        Some(1) => stem.clone(),
        _ => path.display().to_string(),
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

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "FOR EACH t IN $(vList)\nT: LOAD a FROM [lib://D/$(t).csv] (txt);\nNEXT t\n";
    const TWO: &str =
        "U: LOAD b, c\nFROM [lib://D/b_$(vDay).csv] (txt);\nSTORE U INTO [lib://Q/u.qvd] (qvd);\n";
    const ONE_LOG: &str = "10:00:00 0001 FOR EACH t IN 'x'\n\
        10:00:00 0002 T: LOAD a FROM [lib://D/x.csv] (txt)\n10:00:00 0003 NEXT t\n";
    const TWO_LOG: &str = "10:00:00 0001 U: LOAD b, c\n\
        10:00:00 0002 FROM [lib://D/b_7.csv] (txt)\n\
        10:00:00 0003 STORE U INTO [lib://Q/u.qvd] (qvd)\n";

    /// Files of a folder, written, and what the command makes of some of them.
    fn analyse(
        files: &[(&str, &[u8])],
        scripts: &[&str],
        logs: &[&str],
    ) -> Result<Analysis, Error> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).expect("a file");
        }
        let paths = |names: &[&str]| names.iter().map(|name| folder.path().join(name)).collect();
        run(&LineageArgs {
            files: paths(scripts),
            connections: None,
            logs: paths(logs),
            format: LineageFormat::Text,
        })
    }

    fn text(analysis: &Analysis) -> String {
        let mut out = Vec::new();
        analysis.write(&mut out).expect("a text");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn logs_find_their_scripts() {
        let files: [(&str, &[u8]); 5] = [
            ("one.qvs", ONE.as_bytes()),
            ("two.qvs", TWO.as_bytes()),
            ("One.log", ONE_LOG.as_bytes()),
            ("two.log", TWO_LOG.as_bytes()),
            ("last.log", TWO_LOG.as_bytes()),
        ];
        let check = |scripts: &[&str], logs: &[&str], expected: Result<[bool; 2], &str>| {
            let found = analyse(&files, scripts, logs);
            let found = match &found {
                Ok(it) => Ok(["D/x.csv", "D/b_7.csv"].map(|path| text(it).contains(path))),
                Err(Error::Pairs { log, .. }) => Err(("pairs", log)),
                Err(Error::Log { log, .. }) => Err(("log", log)),
                Err(error) => panic!("{error}"),
            };
            let found = found.map_err(|(kind, log)| {
                format!("{kind} {}", log.file_name().unwrap_or_default().display())
            });
            assert_eq!(found, expected.map_err(str::to_owned), "{scripts:?} {logs:?}");
        };
        let both = ["one.qvs", "two.qvs"];
        check(&both, &["two.log"], Ok([false, true]));
        check(&both, &["two.log", "One.log"], Ok([true, true]));
        check(&both, &["One.log", "last.log"], Ok([true, true]));
        check(&both, &["last.log"], Err("pairs last.log"));
        check(&["two.qvs"], &["last.log"], Ok([false, true]));
        check(&["two.qvs"], &["One.log"], Err("log One.log"));
        check(&["one.qvs"], &["One.log", "two.log"], Err("pairs two.log"));
    }

    /// What a reload decides is said, but nothing that a run could fail for.
    #[test]
    fn what_only_a_reload_can_tell_is_no_problem() {
        let check = |script: &str, said: &str, problems: usize| {
            let found = analyse(&[("a.qvs", script.as_bytes())], &["a.qvs"], &[]);
            let found = found.expect("an analysis");
            assert!(text(&found).contains(said), "{script}: {}", text(&found));
            assert_eq!(found.problems.len(), problems, "{script}: {:?}", found.problems);
        };
        const OPEN: &str = "T: LOAD * FROM [lib://D/a.qvd] (qvd);\n";
        check("GENERIC LOAD a, b, c FROM [lib://D/a.qvd] (qvd);", "depend on the data", 0);
        check(
            &format!("{OPEN}JOIN (T) LOAD * FROM [lib://D/b.qvd] (qvd);\nU: LOAD x RESIDENT T;"),
            "may come from several joined tables",
            0,
        );
        check(
            &format!("{OPEN}JOIN (T) LOAD k, b FROM [lib://D/b.qvd] (qvd);"),
            "`k` is taken for the key of the join",
            0,
        );
        check(
            "M: MAPPING LOAD a, b FROM [lib://D/m.qvd] (qvd);\nRENAME FIELDS USING M;",
            "depends on its data",
            0,
        );
        check("T: LOAD a, $(vMore) FROM [lib://D/a.qvd] (qvd);", "known only at reload", 0);
        check("TRACE !!qlc x;", "is not followed", 0);
        check("STORE T_$(=Today()) INTO [lib://D/a.qvd] (qvd);", "known only at reload", 0);
        check("STORE T INTO [lib://D/a.qvd] (qvd);", "no such table is there", 1);
        check("T: LOAD a RESIDENT U;", "no such table is there", 1);
        check("T: LOAD ApplyMap('M', a) as a FROM [lib://D/a.qvd] (qvd);", "is not there", 1);
        check("oops;", "starts no known statement", 1);
    }

    #[test]
    fn scripts_of_one_name_are_told_apart() {
        let paths = ["x/load.qvs", "y/LOAD.qvs", "y/other.qvs"].map(PathBuf::from);
        assert_eq!(names(&paths), ["x/load.qvs", "y/LOAD.qvs", "other"]);
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_said() {
        let script = b"T: LOAD Gr\xf6\xdfe FROM [lib://D/a.csv] (txt);";
        let found = analyse(&[("a.qvs", script)], &["a.qvs"], &[]).expect("an analysis");
        let written = text(&found);
        assert!(written.contains("Größe <- lib://D/a.csv . Größe"), "{written}");
        assert!(matches!(found.notices.as_slice(), [one] if one.contains("Windows-1252")));
        assert_eq!(found.problems, [""; 0]);
    }
}

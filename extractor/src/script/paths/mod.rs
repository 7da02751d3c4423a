//! Paths of files: what a script writes → one normalised path for one file.
//!
//! * `lib://Connection/rest` of a folder connection becomes the folder's path and the rest.
//! * Windows paths (drive, `\\server\share`) and relative ones compare without regard to case and with `/`.
//! * An unknown connection compares by its `lib://` text, without regard to case as Qlik does.
//! * `.` and `..` are resolved, doubled separators folded.

mod connections;
pub(crate) mod glob;

pub(crate) use connections::property;
pub use connections::{Connections, DataConnection};

/// A path in the form in which it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Normalised {
    /// The normalised path.
    pub path: String,
    /// Data connection that it was written with, as the site names it when known.
    pub connection: Option<String>,
}

impl Connections {
    /// Normalises a path that a script writes, already below its `DIRECTORY`.
    #[must_use]
    pub fn normalise(&self, path: &str) -> Normalised {
        let path = path.trim();
        let Some(rest) = strip_scheme(path, "lib://") else {
            let plain = strip_scheme(path, "file://").map_or(path, |rest| {
                // `file:///C:/x` names a drive, `file:///x` a root.
                let drive = rest.strip_prefix('/').filter(|rest| starts_with_drive(rest));
                drive.unwrap_or(rest)
            });
            return Normalised { path: plain_path(plain), connection: None };
        };
        let (name, rest) = match rest.find(['/', '\\']) {
            Some(at) => (super::lex::part(rest, 0, at), super::lex::part(rest, at, rest.len())),
            None => (rest, ""),
        };
        match self.find(name) {
            Some(found) => {
                let path = match found.root() {
                    Some(root) => plain_path(&format!("{root}/{rest}")),
                    None => lib_path(&found.name, rest),
                };
                Normalised { path, connection: Some(found.name.clone()) }
            }
            None => Normalised { path: lib_path(name, rest), connection: Some(name.to_owned()) },
        }
    }
}

/// A path as it is shown: below what `DIRECTORY` set when it is relative, and without `.` folders.
pub(crate) fn below(directory: Option<&str>, path: &str) -> String {
    let path = path.trim();
    let directory = directory.map(str::trim).filter(|it| !it.is_empty() && is_relative(path));
    let mut full = match directory {
        Some(directory) => {
            let folder = directory.trim_end_matches(['/', '\\']);
            let is_windows =
                folder.contains('\\') || (starts_with_drive(folder) && !folder.contains('/'));
            let separator = if is_windows { '\\' } else { '/' };
            format!("{folder}{separator}{path}")
        }
        None => path.to_owned(),
    };
    for (here, plain) in [("/./", "/"), ("\\.\\", "\\")] {
        while full.contains(here) {
            full = full.replace(here, plain);
        }
    }
    full
}

fn strip_scheme<'a>(path: &'a str, scheme: &str) -> Option<&'a str> {
    let head = path.get(..scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then(|| path.get(scheme.len()..)).flatten()
}

fn starts_with_drive(path: &str) -> bool {
    matches!(path.as_bytes(), [drive, b':', ..] if drive.is_ascii_alphabetic())
}

fn is_relative(path: &str) -> bool {
    !(path.contains("://")
        || path.starts_with(['/', '\\'])
        || starts_with_drive(path)
        || path.is_empty())
}

fn lib_path(name: &str, rest: &str) -> String {
    let rest = fold(&rest.replace('\\', "/"), false);
    let rest = rest.trim_start_matches('/');
    let path =
        if rest.is_empty() { format!("lib://{name}") } else { format!("lib://{name}/{rest}") };
    path.to_lowercase()
}

/// Normal form of a path without `lib://`.
fn plain_path(path: &str) -> String {
    if let Some(at) = path.find("://") {
        // An address: its scheme and host compare without regard to case, the rest does not.
        let host_end = path.get(at + 3..).and_then(|rest| rest.find('/')).map(|end| at + 3 + end);
        let host_end = host_end.unwrap_or(path.len());
        let head = super::lex::part(path, 0, host_end).to_lowercase();
        return format!("{head}{}", super::lex::part(path, host_end, path.len()));
    }
    // Relative paths are those of QlikView and of Windows.
    let windows = path.contains('\\') || path.starts_with("//") || !path.starts_with('/');
    let slashed = path.replace('\\', "/");
    let share = slashed.starts_with("//");
    let folded = fold(&slashed, share || starts_with_drive(path));
    let folded = if share { format!("/{folded}") } else { folded };
    if windows { folded.to_lowercase() } else { folded }
}

/// Resolves `.`, `..` and doubled separators. `rooted`: `..` cannot leave the path.
fn fold(path: &str, rooted: bool) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if absolute || rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if absolute { format!("/{joined}") } else { joined }
}

/// Name of a file without folders and extension: the default name of a table.
pub(crate) fn base_name(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((base, _)) if !base.is_empty() => base,
        _ => name,
    }
}

/// Format that a file's extension tells.
pub(crate) fn format_of(path: &str) -> Option<String> {
    let name = path.rsplit(['/', '\\']).next()?;
    let (_, extension) = name.rsplit_once('.')?;
    let extension = extension.to_ascii_lowercase();
    let format = match extension.as_str() {
        known @ ("qvd" | "qvx" | "parquet" | "json" | "kml" | "xml" | "html") => known,
        "csv" | "txt" | "tab" | "tsv" | "skv" => "txt",
        "xlsx" | "xlsm" => "ooxml",
        "xls" => "biff",
        _ => return None,
    };
    Some(format.to_owned())
}

#[cfg(test)]
mod tests;

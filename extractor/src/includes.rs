//! Files that load scripts include (`$(Include=lib://Scripts/subs.qvs)`), read from copies of their
//! folders. The engine gives their text to nobody who may not reload the app, and names no version.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use encoding_rs::{Encoding, WINDOWS_1252};

/// Largest file that is read. A script beyond that is none.
const MAX_BYTES: u64 = 16 << 20;

/// Folders with included files, by the start of the paths that scripts write.
#[derive(Clone, Debug, Default)]
pub struct Includes(Vec<(String, PathBuf)>);

impl Includes {
    /// Of starts of paths (`lib://Scripts/`) and the folders that hold what is below them.
    #[must_use]
    pub fn new(folders: BTreeMap<String, PathBuf>) -> Self {
        let mut folders: Vec<_> = folders
            .into_iter()
            .map(|(prefix, folder)| (folded(&prefix).trim_end_matches('/').to_owned(), folder))
            .collect();
        // The longest start that fits is the nearest.
        folders.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Self(folders)
    }

    /// What was configured, for the fingerprint of options that shape events.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        self.0.iter().map(|(prefix, folder)| format!("{prefix} {}", folder.display())).collect()
    }

    /// Text of an included file by its path as the script writes it. Case counts below the prefix, and
    /// a path that leads out of its folder is not followed: scripts are other people's.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<String> {
        let path = path.trim().replace('\\', "/");
        let lower = folded(&path);
        self.0.iter().find_map(|(prefix, folder)| {
            lower.strip_prefix(prefix.as_str()).filter(|rest| rest.starts_with('/'))?;
            // Lower-case ASCII has the length of what it was made of.
            let rest = path.get(prefix.len()..)?.trim_start_matches('/');
            let is_inside = rest.split('/').all(|part| !part.is_empty() && part != "..");
            let file = folder.join(rest);
            let is_read = is_inside && fs::metadata(&file).is_ok_and(|it| it.len() <= MAX_BYTES);
            is_read.then(|| read(&file).ok()).flatten()
        })
    }
}

fn folded(path: &str) -> String {
    path.trim().replace('\\', "/").to_ascii_lowercase()
}

/// Text of a file: UTF-8 or UTF-16 with its mark, as Qlik's editors write; other bytes are those of
/// QlikView's editor, Windows-1252.
pub(crate) fn read(path: &Path) -> std::io::Result<String> {
    Ok(decode(&fs::read(path)?).0)
}

/// Text of a file's bytes, and whether they are taken for Windows-1252.
pub(crate) fn decode(bytes: &[u8]) -> (String, bool) {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let rest = bytes.get(mark..).unwrap_or_default();
        return (encoding.decode_without_bom_handling(rest).0.into_owned(), false);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_utf_8_are_windows_1252() {
        let check = |bytes: &[u8], expected: (&str, bool)| {
            assert_eq!(decode(bytes), (expected.0.to_owned(), expected.1), "{bytes:?}");
        };
        check("Größe".as_bytes(), ("Größe", false));
        check(b"Gr\xf6\xdfe \x80 \x9f", ("Größe € Ÿ", true));
        check(b"\xff\xfea\0", ("a", false));
        check(b"\xfe\xff\0\xe9", ("é", false));
        check(b"\xef\xbb\xbfa", ("a", false));
    }

    #[test]
    fn files_lie_below_their_prefix() {
        let folder = tempfile::tempdir().expect("a folder");
        let (near, far) = (folder.path().join("near"), folder.path().join("far"));
        for (path, text) in [(&near, "near"), (&far, "far")] {
            fs::create_dir_all(path.join("sub")).expect("a folder");
            fs::write(path.join("sub/a.qvs"), text).expect("a file");
        }
        fs::write(folder.path().join("secret"), "x").expect("a file");
        let includes = Includes::new(BTreeMap::from([
            ("lib://Scripts".to_owned(), far),
            ("lib://Scripts/Common/".to_owned(), near),
            ("\\\\srv\\share".to_owned(), folder.path().join("far")),
        ]));
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(includes.text(path).as_deref(), expected, "{path}");
        };
        check("lib://Scripts/sub/a.qvs", Some("far"));
        check("LIB://scripts/common/sub/a.qvs", Some("near"));
        check("\\\\SRV\\Share\\sub\\a.qvs", Some("far"));
        check("lib://Scripts/none.qvs", None);
        check("lib://ScriptsOther/sub/a.qvs", None);
        check("lib://Scripts/../secret", None);
        check("lib://Scripts//../secret", None);
        check("sub/a.qvs", None);
        assert_eq!(Includes::default().text("lib://Scripts/sub/a.qvs"), None);
    }
}

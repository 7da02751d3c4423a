//! Certificates and keys, by value or by path.

use super::Problems;

/// PEM text as it is (a literal `\n`, as people paste it, means a line break); anything else is a path
/// to it. What can be neither is reported under `key`, and the result is empty.
pub fn pem(text: &str, key: &str, problems: &mut Problems) -> String {
    if text.contains("-----BEGIN") {
        return text.replace("\\r", "").replace("\\n", "\n");
    }
    match std::fs::read_to_string(text) {
        Ok(content) if content.contains("-----BEGIN") => content,
        Ok(_) => {
            problems.add(key, "the file holds no PEM text (`-----BEGIN …`); from Qlik's console export with the format `Platform independent PEM-format`");
            String::new()
        }
        // Not the text: it may be a key without its first line.
        Err(error) => {
            problems.add(key, format!("is neither PEM text nor a readable file: {error}"));
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_paths() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).expect("written");
            path.display().to_string()
        };
        let check = |text: &str, expected: Result<&str, &str>| {
            let mut problems = Problems::default();
            let read = pem(text, "k", &mut problems);
            match expected {
                Ok(expected) => {
                    assert_eq!((read.as_str(), problems), (expected, Problems::default()));
                }
                Err(expected) => {
                    assert!(problems.to_string().contains(expected), "{problems}");
                    assert_eq!(read, "");
                }
            }
        };
        check("-----BEGIN X-----\na", Ok("-----BEGIN X-----\na"));
        check("-----BEGIN X-----\\nab\\r\\nc", Ok("-----BEGIN X-----\nab\nc"));
        check(&path("a.pem", "-----BEGIN X-----\r\na"), Ok("-----BEGIN X-----\r\na"));
        check(&path("a.pfx", "\u{1}binary"), Err("holds no PEM text"));
        check("/no/such/file", Err("neither PEM text nor a readable file"));
    }
}

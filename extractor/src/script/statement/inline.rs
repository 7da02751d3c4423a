//! Data written in the script: `INLINE [a, b …]`.

/// Most rows that are kept; longer data keeps its header only. Lists that loops walk through are
/// far shorter.
pub(crate) const MAX_ROWS: usize = 1000;

/// Header and rows of inline data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InlineData {
    pub(crate) names: Vec<String>,
    /// `None` when there are more than [`MAX_ROWS`].
    pub(crate) rows: Option<Vec<Vec<String>>>,
}

/// Reads inline data.
pub(super) fn read(data: &str, delimiter: Option<&str>, labels: bool) -> InlineData {
    let delimiter = match delimiter {
        None | Some("") => ',',
        Some("\\t" | "tab") => '\t',
        Some("spaces") => ' ',
        Some(text) => text.chars().next().unwrap_or(','),
    };
    let mut lines = data
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .filter(|line| !line.trim().is_empty());
    let mut rows = Vec::new();
    let mut names = Vec::new();
    if labels {
        names = lines.next().map(|line| cells(line, delimiter)).unwrap_or_default();
        // A comma at the end of the header starts no field.
        while names.len() > 1 && names.last().is_some_and(String::is_empty) {
            names.pop();
        }
    }
    let mut complete = true;
    for line in lines {
        if rows.len() >= MAX_ROWS {
            complete = false;
            break;
        }
        rows.push(cells(line, delimiter));
    }
    if !labels {
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        names = (1..=width).map(|number| format!("@{number}")).collect();
    }
    InlineData { names, rows: complete.then_some(rows) }
}

fn cells(line: &str, delimiter: char) -> Vec<String> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let text = if delimiter == ' ' { rest.trim_start() } else { rest.trim_start_matches(' ') };
        let quoted = match text.chars().next() {
            Some('"') => close(text, '"'),
            Some('\'') => close(text, '\''),
            Some('[') => close(text, ']'),
            _ => None,
        };
        let from = quoted.unwrap_or(0);
        let tail = text.get(from..).unwrap_or("");
        let (cell, next) = match tail.split_once(delimiter) {
            Some((before, after)) => (from + before.len(), Some(after)),
            None => (text.len(), None),
        };
        let cell = text.get(..cell).unwrap_or("").trim();
        cells.push(if quoted.is_some() { super::unquote(cell) } else { cell.to_owned() });
        match next {
            Some(next) => rest = next,
            None => return cells,
        }
    }
}

/// Offset after the closing character of a quoted cell.
fn close(text: &str, close: char) -> Option<usize> {
    text.char_indices()
        .skip(1)
        .find(|&(_, each)| each == close)
        .map(|(at, _)| at + close.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_rows() {
        let check = |text: &str, delimiter: Option<&str>, names: &[&str], rows: &[&[&str]]| {
            let data = read(text, delimiter, true);
            assert_eq!(data.names, names, "{text}");
            assert_eq!(data.rows.expect("few rows"), rows, "{text}");
        };
        check("\r\na, b c ,d\r\n1,2,3\r\n", None, &["a", "b c", "d"], &[&["1", "2", "3"]]);
        check("[a b]|\"c|d\"\n'x', y|", Some("|"), &["a b", "c|d"], &[&["'x', y", ""]]);
        check("a\n\n", None, &["a"], &[]);
        check("a,\nx,", None, &["a"], &[&["x", ""]]);
        check("a\tb\n1\t2", Some("\\t"), &["a", "b"], &[&["1", "2"]]);
    }
}

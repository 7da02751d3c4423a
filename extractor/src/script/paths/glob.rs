//! Wildcards in paths: `*` and `?` as Qlik reads them, `**` for folders of any depth, and `$(…)`
//! that nobody could expand.

/// Whether a path has wildcards.
pub(crate) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?'])
}

/// Whether a part of a path is known only at reload.
pub(crate) fn is_unresolved(path: &str) -> bool {
    path.contains("$(")
}

/// Literal start of a path, before its first wildcard or unresolved part.
pub(crate) fn literal_prefix(path: &str) -> &str {
    let end = path.find(['*', '?']).unwrap_or(path.len());
    let end = path.find("$(").map_or(end, |at| at.min(end));
    path.get(..end).unwrap_or(path)
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// Any text.
    Deep,
    /// Any text without `/`.
    Any,
    /// Any character but `/`.
    One,
    Is(char),
}

impl Part {
    fn is_any(self) -> bool {
        matches!(self, Self::Any | Self::Deep)
    }

    /// Whether a wildcard for any text takes in what the other part stands for.
    fn takes(self, other: Self) -> bool {
        self == Self::Deep || other != Self::Is('/')
    }
}

fn parts(path: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        let mut taken = first.len_utf8();
        let part = match first {
            '*' if rest.starts_with("**") => {
                taken = rest.len() - rest.trim_start_matches('*').len();
                Part::Deep
            }
            '*' => Part::Any,
            '?' => Part::One,
            '$' if rest.starts_with("$(") => match closing(rest) {
                Some(end) => {
                    taken = end;
                    Part::Any
                }
                None => Part::Is(first),
            },
            other => Part::Is(other),
        };
        match parts.last_mut() {
            Some(last) if last.is_any() && part.is_any() => {
                if part == Part::Deep {
                    *last = part;
                }
            }
            _ => parts.push(part),
        }
        rest = rest.get(taken..).unwrap_or("");
    }
    parts
}

/// End of the `$(…)` at the start of a text.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Longest paths whose wildcards are compared; the work is the product of the lengths.
const MAX_LENGTH: usize = 1024;

/// Whether one path can name the same file as another; either may have wildcards and unresolved
/// parts.
pub(crate) fn can_meet(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    let (left, right) = (parts(left), parts(right));
    if left.len() > MAX_LENGTH || right.len() > MAX_LENGTH {
        return false;
    }
    // `row[j]`: the parts of `left` so far and the first `j` parts of `right` can be one text.
    let mut row = vec![false; right.len() + 1];
    if let Some(first) = row.first_mut() {
        *first = true;
    }
    for (j, part) in right.iter().enumerate() {
        let before = row.get(j).copied().unwrap_or(false);
        if let Some(cell) = row.get_mut(j + 1) {
            *cell = before && part.is_any();
        }
    }
    for a in &left {
        let mut next = vec![false; right.len() + 1];
        if let Some(first) = next.first_mut() {
            *first = row.first() == Some(&true) && a.is_any();
        }
        for (j, b) in right.iter().enumerate() {
            let diagonal = row.get(j) == Some(&true);
            let above = row.get(j + 1) == Some(&true);
            let left_cell = next.get(j) == Some(&true);
            let meets = match (*a, *b) {
                (a, b) if a.is_any() && b.is_any() => above || left_cell,
                // The wildcard takes in one more character, or ends before it.
                (any, other) if any.is_any() => above || (left_cell && any.takes(other)),
                (other, any) if any.is_any() => left_cell || (above && any.takes(other)),
                (Part::One, Part::One) => diagonal,
                (Part::One, Part::Is(each)) | (Part::Is(each), Part::One) => {
                    diagonal && each != '/'
                }
                (Part::Is(a), Part::Is(b)) => diagonal && a == b,
                _ => false,
            };
            if let Some(cell) = next.get_mut(j + 1) {
                *cell = meets;
            }
        }
        row = next;
    }
    row.last() == Some(&true)
}

/// Whether a path whose name is partly unresolved says enough to be taken for a file that another
/// script stores or reads: its folder is known and its file name has three known characters, two of
/// them letters or digits.
pub(crate) fn says_enough(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let known = |is: fn(char) -> bool| {
        parts(stem).into_iter().filter(|part| matches!(part, Part::Is(each) if is(*each))).count()
    };
    !is_unresolved(folder) && known(|_| true) >= 3 && known(char::is_alphanumeric) >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_meet() {
        let check = |left: &str, right: &str, expected: bool| {
            assert_eq!(can_meet(left, right), expected, "{left} {right}");
            assert_eq!(can_meet(right, left), expected, "{right} {left}");
        };
        check("d:/q/a.qvd", "d:/q/a.qvd", true);
        check("d:/q/*.qvd", "d:/q/a.qvd", true);
        check("d:/q/*.qvd", "d:/q/sub/a.qvd", false);
        check("d:/q/sales_??.qvd", "d:/q/sales_01.qvd", true);
        check("d:/q/sales_??.qvd", "d:/q/sales_2020.qvd", false);
        check("d:/q/sales_$(vmonth).qvd", "d:/q/sales_*.qvd", true);
        check("d:/q/sales_$(=f('x')).qvd", "d:/q/sales_202001.qvd", true);
        check("d:/q/sales_$(v).qvd", "d:/q/stock_1.qvd", false);
        check("d:/q/**/*.qvd", "d:/q/x/y/a.qvd", true);
        check("d:/q/**/*.qvd", "d:/q/*/a.qvd", true);
        check("d:/q/**/*.qvd", "d:/r/x/a.qvd", false);
        check("a*b", "*ab", true);
        check("*", "", true);
    }

    #[test]
    fn unresolved_names_need_substance() {
        assert!(says_enough("lib://q/sales_$(v).qvd"));
        assert!(says_enough("lib://q/um_$(v).qvd"));
        assert!(!says_enough("lib://q/m_$(v).qvd"));
        assert!(!says_enough("lib://q/$(v).qvd"));
        assert!(!says_enough("lib://$(p)/sales.qvd"));
    }
}

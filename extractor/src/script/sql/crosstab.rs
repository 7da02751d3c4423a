//! Statements that turn rows into columns: Access's `TRANSFORM … PIVOT`, DuckDB's `PIVOT … ON` and
//! `UNPIVOT … ON`; and PostgreSQL's `TABLE t`.

use std::ops::Range;

use super::words::{self, Word, WordKind, any, between, close, is, is_name, outside};

/// The query that a statement which starts with one of these words stands for.
pub(super) fn query(text: &str, words: &[Word<'_>]) -> Option<String> {
    let source = Source { text, words };
    match () {
        () if is(words, 0, "transform") => source.transform(),
        () if is(words, 0, "pivot") => source.pivot(),
        () if is(words, 0, "unpivot") => source.unpivot(),
        () if is(words, 0, "table") && is_name(words, 1) => {
            Some(format!("SELECT * FROM {}", source.between(1, words.len())?))
        }
        () => None,
    }
}

/// Index of the parenthesis that ends such a statement in place of a table, and its query.
pub(super) fn nested(text: &str, words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    if !(is(words, at, "(") && any(words, at + 1, &["pivot", "unpivot"])) {
        return None;
    }
    let end = close(words, at)?;
    let query = query(text, words.get(at + 1..end)?)?;
    Some((end, format!("({query})")))
}

struct Source<'a> {
    text: &'a str,
    words: &'a [Word<'a>],
}

impl Source<'_> {
    /// `TRANSFORM Sum(x) SELECT k FROM t GROUP BY k PIVOT m IN ("J", "F")`
    fn transform(&self) -> Option<String> {
        let select = self.find(1, "select")?;
        let from = self.find(select, "from")?;
        let pivot = self.find(from, "pivot")?;
        let r#as = self.find(1, "as").filter(|&at| at < select);
        let value = self.between(1, r#as.unwrap_or(select))?;
        let values: String = self
            .values(pivot + 1)
            .unwrap_or_default()
            .iter()
            .map(|name| format!(", {value} AS \"{name}\""))
            .collect();
        let list = self.between(select, from)?;
        Some(format!("{list}{values} {}", self.between(from, pivot)?))
    }

    /// `PIVOT t ON m IN ('J', 'F') USING sum(a), max(b) AS m GROUP BY r`
    fn pivot(&self) -> Option<String> {
        let end = self.words.len();
        let on = self.find(1, "on")?;
        let group = self.find(on, "group").filter(|&at| is(self.words, at + 1, "by"));
        let tail = ["order", "limit"].iter().filter_map(|it| self.find(on, it)).min();
        let tail = tail.unwrap_or(end);
        let using = self.find(on, "using");
        let list_end = using.or(group).unwrap_or(tail);
        let table = self.between(1, on)?;
        let values = self.values(on + 1).filter(|_| self.list(on + 1, list_end).len() == 1);
        let aggregates: Vec<(String, Option<String>)> = match using {
            Some(using) => self.list(using + 1, group.unwrap_or(tail)),
            None => vec![("count(*)".to_owned(), None)],
        };
        let several = aggregates.len() > 1;
        let mut items = Vec::new();
        for name in values.iter().flatten() {
            for (expression, alias) in &aggregates {
                let name = match alias {
                    Some(alias) => format!("{name}_{alias}"),
                    None if several => format!("{name}_{expression}"),
                    None => name.clone(),
                };
                items.push(format!("{expression} AS \"{}\"", name.replace('"', "")));
            }
        }
        if let Some(group) = group {
            let groups = self.between(group + 2, tail)?;
            items.insert(0, groups.to_owned());
            return Some(format!("SELECT {} FROM {table} GROUP BY {groups}", items.join(", ")));
        }
        // All columns but those that it is made of.
        let names = values?.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        let value = self.between(on + 1, self.find(on, "in")?)?;
        let aggregates = self.between(using? + 1, tail)?;
        Some(format!("SELECT * FROM {table} PIVOT ({aggregates} FOR {value} IN ({names}))"))
    }

    /// `UNPIVOT t ON a, b INTO NAME m VALUE v`
    fn unpivot(&self) -> Option<String> {
        let words = self.words;
        let on = self.find(1, "on")?;
        let into = self.find(on, "into").filter(|&at| is(words, at + 1, "name"))?;
        let value = into + 3;
        let plain = words.get(on + 1..into)?.iter().all(|it| it.is_name() || it.is(","));
        if !plain || !is(words, value, "value") || is(words, value + 2, ",") {
            return None;
        }
        let (table, columns) = (self.between(1, on)?, self.between(on + 1, into)?);
        let name = self.between(into + 2, value)?;
        let value = self.between(value + 1, value + 2)?;
        Some(format!("SELECT * FROM {table} UNPIVOT ({value} FOR {name} IN ({columns}))"))
    }

    /// The literals and names of the first `IN (…)` from an index on.
    fn values(&self, at: usize) -> Option<Vec<String>> {
        let open = self.find(at, "in")? + 1;
        let end = is(self.words, open, "(").then(|| close(self.words, open)).flatten()?;
        let values = self.words.get(open + 1..end)?.iter().filter(|word| !word.is(","));
        let name = |word: &Word<'_>| word.text.trim_matches('\'').replace('"', "");
        let plain = |word: &&Word<'_>| word.kind != WordKind::Symbol;
        let all = values.clone().all(|word| plain(&word));
        all.then(|| values.map(name).collect())
    }

    /// Expressions between commas, and their aliases.
    fn list(&self, from: usize, to: usize) -> Vec<(String, Option<String>)> {
        let mut items = Vec::new();
        for Range { start, end: at } in words::items(self.words, from..to) {
            let last = at.saturating_sub(1);
            let has_as = at > start + 2 && is(self.words, last - 1, "as");
            let bare = at > start + 1 && is_name(self.words, last) && is(self.words, last - 1, ")");
            let end = if has_as {
                last - 1
            } else if bare {
                last
            } else {
                at
            };
            let alias = (has_as || bare).then(|| self.words.get(last)).flatten();
            if let Some(expression) = self.between(start, end) {
                items.push((expression.to_owned(), alias.map(|alias| alias.text.to_owned())));
            }
        }
        items
    }

    /// Index of a word outside parentheses.
    fn find(&self, from: usize, text: &str) -> Option<usize> {
        outside(self.words, from..self.words.len()).find(|&at| is(self.words, at, text))
    }

    fn between(&self, from: usize, to: usize) -> Option<&str> {
        between(self.text, self.words, from..to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::sql::words;

    #[test]
    fn columns_are_made_of_rows() {
        let check = |text: &str, expected: &str| {
            let found = query(text, &words::read(text));
            assert_eq!(found.as_deref().unwrap_or_default(), expected, "{text}");
        };
        check(
            "TRANSFORM Sum(x) AS s SELECT k FROM U GROUP BY k PIVOT m IN (\"J\", \"F\")",
            "SELECT k, Sum(x) AS \"J\", Sum(x) AS \"F\" FROM U GROUP BY k",
        );
        check("TRANSFORM Sum(x) SELECT k FROM U GROUP BY k PIVOT m", "SELECT k FROM U GROUP BY k");
        check(
            "PIVOT s.t ON m IN ('J', 'F') USING sum(a) GROUP BY r",
            "SELECT r, sum(a) AS \"J\", sum(a) AS \"F\" FROM s.t GROUP BY r",
        );
        check(
            "PIVOT t ON m IN ('J') USING sum(a) AS s, max(b) m GROUP BY r ORDER BY r",
            "SELECT r, sum(a) AS \"J_s\", max(b) AS \"J_m\" FROM t GROUP BY r",
        );
        check(
            "PIVOT t ON m IN ('J') USING sum(a)",
            "SELECT * FROM t PIVOT (sum(a) FOR m IN ('J'))",
        );
        check("PIVOT t ON m USING sum(a) GROUP BY r", "SELECT r FROM t GROUP BY r");
        check("PIVOT t ON m USING sum(a)", "");
        check(
            "UNPIVOT t ON a, b INTO NAME m VALUE v",
            "SELECT * FROM t UNPIVOT (v FOR m IN (a, b))",
        );
        check("UNPIVOT t ON COLUMNS(* EXCLUDE k) INTO NAME m VALUE v", "");
        check("TABLE s.t", "SELECT * FROM s.t");
    }
}

//! SOQL, the language of Salesforce: what it has besides SQL, put the common way.

use super::words::{MAX_CALL, Word, WordKind, any, close, is, is_kind, is_name};

/// Whether something in a statement is written as only SOQL has it.
pub(super) fn speaks(words: &[Word<'_>]) -> bool {
    words.iter().enumerate().any(|(at, word)| match word.kind {
        // `2024-01-01T00:00:00Z`
        WordKind::Number => {
            word.text.contains('T') && is(words, at + 1, ":") && at >= 4 && is(words, at - 1, "-")
        }
        WordKind::Bare => {
            is_range(words, at)
                || (word.is("scope") && at > 0 && is(words, at - 1, "using"))
                || is_fields(words, at)
                || (word.is("typeof") && is(words, at + 2, "when"))
        }
        _ => false,
    })
}

/// Index of the last word of a spelling that starts at an index, and what stands for it.
pub(super) fn spelling(words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    let nothing = |end: usize| Some((end, String::new()));
    if let Some(end) = literal(words, at) {
        let text: String =
            words.get(at..=end)?.iter().map(|word| word.text.replace('\'', "''")).collect();
        return Some((end, format!("'{text}'")));
    }
    if is_fields(words, at) {
        return Some((at + 3, "*".to_owned()));
    }
    if any(words, at, &["includes", "excludes"]) && is(words, at + 1, "(") {
        return Some((at, "in".to_owned()));
    }
    if is(words, at, "using") && is(words, at + 1, "scope") && is_name(words, at + 2) {
        return nothing(at + 2);
    }
    if is(words, at, "all") && is(words, at + 1, "rows") {
        return nothing(at + 1);
    }
    if is(words, at, "for") && any(words, at + 1, &["view", "reference", "update"]) {
        return nothing(at + 1);
    }
    if is(words, at, "update") && any(words, at + 1, &["tracking", "viewstat"]) {
        return nothing(at + 1);
    }
    if is(words, at, "with") {
        return nothing(filter(words, at));
    }
    if is(words, at, "typeof") {
        return type_of(words, at);
    }
    None
}

/// `LAST_N_DAYS:30`, `N_FISCAL_QUARTERS_AGO:2`.
fn is_range(words: &[Word<'_>], at: usize) -> bool {
    let starts = |word: &Word<'_>| {
        ["last_n_", "next_n_", "n_"].iter().any(|start| {
            word.text.get(..start.len()).is_some_and(|it| it.eq_ignore_ascii_case(start))
        })
    };
    is_kind(words, at, WordKind::Bare)
        && is(words, at + 1, ":")
        && words.get(at).is_some_and(starts)
        && words.get(at + 2).is_some_and(is_digits)
}

/// `FIELDS(ALL)`.
fn is_fields(words: &[Word<'_>], at: usize) -> bool {
    is(words, at, "fields")
        && is(words, at + 1, "(")
        && any(words, at + 2, &["all", "standard", "custom"])
        && is(words, at + 3, ")")
}

/// A number, or a variable that may hold one.
fn is_digits(word: &Word<'_>) -> bool {
    word.kind == WordKind::Number || (word.kind == WordKind::Bare && word.text.starts_with("$("))
}

/// Last word of a literal that has no quotes: a range of dates, or a date with its time.
fn literal(words: &[Word<'_>], at: usize) -> Option<usize> {
    if is_range(words, at) {
        return Some(at + 2);
    }
    words.get(at).filter(|word| is_digits(word))?;
    let mut end = at;
    let mut has_time = false;
    while let Some((last, next)) = words.get(end).zip(words.get(end + 1)) {
        let goes_on = is_digits(next) || any(words, end + 1, &["-", ":", ".", "+"]);
        if last.end != next.start || !goes_on {
            break;
        }
        has_time |= next.is(":");
        end += 1;
    }
    has_time.then_some(end)
}

/// Last word of `WITH DATA CATEGORY …`, `WITH SECURITY_ENFORCED`: which records may be seen.
fn filter(words: &[Word<'_>], at: usize) -> usize {
    const ENDS: [&str; 7] = ["group", "order", "limit", "offset", "for", "all", ")"];
    let mut next = at + 1;
    while next < words.len() && !any(words, next, &ENDS) {
        next = if is(words, next, "(") { close(words, next).unwrap_or(next) + 1 } else { next + 1 };
    }
    next - 1
}

/// `TYPEOF What WHEN Account THEN Phone, Fax ELSE Name END`: the fields of what `What` may be.
fn type_of(words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    let path = words.get(at + 1).filter(|word| word.is_name())?.text;
    let mut fields: Vec<String> = Vec::new();
    let mut field = String::new();
    let mut in_list = false;
    for (index, word) in words.iter().enumerate().skip(at + 2).take(MAX_CALL) {
        let ends = ["then", "else", "when", "end", ","].iter().any(|each| word.is(each));
        if ends && !field.is_empty() {
            let name = format!("{path}.{}", std::mem::take(&mut field));
            if !fields.contains(&name) {
                fields.push(name);
            }
        }
        match () {
            () if word.is("end") => return Some((index, fields.join(", "))),
            () if word.is("then") || word.is("else") => in_list = true,
            () if word.is("when") => in_list = false,
            () if in_list && !ends => field.push_str(word.text),
            () => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::sql::{SOQL, spellings, words};

    #[test]
    fn soql_becomes_common() {
        let check = |text: &str, expected: &str| {
            let found = spellings::common(text, &words::read(text), Some(SOQL));
            let found = found.unwrap_or_else(|| text.to_owned());
            let squeezed: Vec<&str> = found.split_whitespace().collect();
            assert_eq!(squeezed.join(" "), expected, "{text}");
        };
        check("d > 2024-01-01T00:00:00Z AND b", "d > '2024-01-01T00:00:00Z' AND b");
        check("d > 2024-01-01T00:00:00.000+01:00", "d > '2024-01-01T00:00:00.000+01:00'");
        check("d > $(v)T00:00:00Z AND e > $(w)", "d > '$(v)T00:00:00Z' AND e > $(w)");
        check("d > 2024-01-01 OR e = 1.5", "d > 2024-01-01 OR e = 1.5");
        check(
            "d = LAST_N_DAYS:30 OR d = n_days_ago:$(n)",
            "d = 'LAST_N_DAYS:30' OR d = 'n_days_ago:$(n)'",
        );
        check("FROM A USING SCOPE mine WHERE b INCLUDES ('c')", "FROM A WHERE b in ('c')");
        check("FROM A WITH DATA CATEGORY x AT (y, z) LIMIT 1 ALL ROWS", "FROM A LIMIT 1");
        check("FROM A FOR VIEW UPDATE TRACKING", "FROM A");
        check("SELECT FIELDS(ALL) FROM A", "SELECT * FROM A");
        check(
            "SELECT TYPEOF w WHEN A THEN b, c.d WHEN E THEN b ELSE f END, g FROM h",
            "SELECT w.b, w.c.d, w.f , g FROM h",
        );
        check("SELECT TYPEOF w WHEN A THEN", "SELECT TYPEOF w WHEN A THEN");
    }

    #[test]
    fn soql_is_known_by_its_words() {
        let check = |text: &str| speaks(&words::read(text));
        assert!(check("SELECT a FROM b WHERE c > 2024-01-01T00:00:00Z"));
        assert!(check("SELECT a FROM b WHERE c = LAST_N_DAYS:3"));
        assert!(check("SELECT a FROM b USING SCOPE mine"));
        assert!(check("SELECT FIELDS(ALL) FROM b"));
        assert!(!check("SELECT a[1:2], '2024-01-01T00:00:00Z' FROM b JOIN c USING (scope)"));
    }
}

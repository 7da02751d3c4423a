//! Words among the arguments of functions that other databases do not have there.

use super::words::{Word, WordKind, any, close, is, is_kind, is_name};

/// Words that are looked through for the function that a word is an argument of.
const NEAR: usize = 64;

/// Index of the last word of a spelling that starts at an index, and what stands for it.
pub(super) fn spelling(words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    let nothing = |end: usize| Some((end, String::new()));
    let before = at.checked_sub(1)?;
    // `TRANSLATE(x USING NCHAR_CS)`, `PARSE(x AS date USING 'de-DE')`
    if is(words, at, "using") && argument_of(words, at, &["translate", "char", "cast", "parse"]) {
        let end = at + if is(words, at + 2, "with") { 3 } else { 1 };
        return is(words, end + 1, ")").then(|| (end, String::new()));
    }
    if any(words, at, &["parse", "try_parse"]) && is(words, at + 1, "(") {
        let end = close(words, at + 1)?;
        let using = is_kind(words, end - 1, WordKind::Text) && is(words, end - 2, "using");
        return using.then(|| (at, "cast".to_owned()));
    }
    // Oracle: `CAST(x AS NUMBER DEFAULT 0 ON CONVERSION ERROR)`
    if is(words, at, "default") && argument_of(words, at, &["cast"]) {
        let end = (at + 1..at + NEAR).find(|&end| is(words, end, ")"))?;
        return is(words, end - 1, "error").then(|| (end - 1, String::new()));
    }
    // `JSON_VALUE(x, '$.a' RETURNING NUMBER NULL ON ERROR)`
    const JSON: [&str; 5] = ["returning", "null", "error", "default", "with"];
    if any(words, at, &JSON)
        && is_kind(words, before, WordKind::Text)
        && let Some(open) = call(words, at, &["json_value", "json_query", "json_exists"])
    {
        return nothing(close(words, open)? - 1);
    }
    // DB2: `TRIM(L '0' FROM x)`, `CAST(x AS CHAR(10) CCSID 37)`
    if is(words, at, "trim") && is(words, at + 1, "(") && is_kind(words, at + 3, WordKind::Text) {
        const SIDES: [(&str, &str); 3] = [("b", "both"), ("l", "leading"), ("t", "trailing")];
        let side = SIDES.iter().find(|(short, _)| is(words, at + 2, short));
        return side.map(|(_, side)| (at + 2, format!("trim({side}")));
    }
    if is(words, at, "ccsid") && is(words, at + 2, ")") {
        return nothing(at + 1);
    }
    // Teradata: `RANK(x DESC)`
    if any(words, at, &["asc", "desc"])
        && any(words, at + 1, &[",", ")"])
        && argument_of(words, at, &["rank", "csum", "mavg", "msum", "mdiff", "percent_rank"])
    {
        return nothing(at);
    }
    // Hive: `OVER (DISTRIBUTE BY a SORT BY b)`
    if any(words, at, &["distribute", "sort"])
        && is(words, at + 1, "by")
        && argument_of(words, at, &["over"])
    {
        let verb = if is(words, at, "sort") { "order" } else { "partition" };
        return Some((at, verb.to_owned()));
    }
    xml(words, at)
}

/// Keywords of SQL/XML.
fn xml(words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    let open = at.checked_sub(1)?;
    // `XMLELEMENT(NAME item, …)`
    if is(words, at, "name")
        && is(words, open, "(")
        && any(words, open.wrapping_sub(1), &["xmlelement", "xmlpi"])
        && is_name(words, at + 1)
        && any(words, at + 2, &[",", ")"])
    {
        return Some((at + 1, "'name'".to_owned()));
    }
    // `XMLPARSE(DOCUMENT x)`
    if any(words, at, &["document", "content"])
        && is(words, open, "(")
        && any(words, open.wrapping_sub(1), &["xmlparse", "xmlserialize"])
        && !any(words, at + 1, &[",", ")", "."])
    {
        return Some((at, String::new()));
    }
    // `XMLFOREST(a AS b)`, `XMLSERIALIZE(CONTENT x AS CLOB)`
    let ends = any(words, at + 2, &[",", ")"]);
    if is(words, at, "as")
        && ends
        && (is_name(words, at + 1) || is_kind(words, at + 1, WordKind::Text))
    {
        const LISTS: [&str; 4] = ["xmlforest", "xmlattributes", "xmlserialize", "xmlcolattval"];
        return argument_of(words, at, &LISTS).then(|| (at + 1, String::new()));
    }
    None
}

/// Whether a word stands right between the parentheses of a call.
fn argument_of(words: &[Word<'_>], at: usize, functions: &[&str]) -> bool {
    call(words, at, functions).is_some()
}

/// Index of the parenthesis of the call that a word stands right in.
fn call(words: &[Word<'_>], at: usize, functions: &[&str]) -> Option<usize> {
    let mut depth = 0_usize;
    for index in (at.saturating_sub(NEAR)..at).rev() {
        if is(words, index, ")") {
            depth += 1;
        } else if is(words, index, "(") {
            match depth.checked_sub(1) {
                Some(outside) => depth = outside,
                None => {
                    return any(words, index.wrapping_sub(1), functions).then_some(index);
                }
            }
        }
    }
    None
}

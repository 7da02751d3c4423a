//! Calls of stored procedures, and queries that are given to one as text.

use super::words::{Word, WordKind};

/// What a call says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// The query that it runs: `EXEC ('SELECT …')`, `EXEC sp_executesql N'SELECT …'`.
    Query(String),
    /// Name of the procedure.
    Procedure(String),
}

/// Reads `EXEC p`, `EXECUTE @code = p`, `CALL p(…)` and ODBC's `{? = call p}`.
pub(super) fn read(words: &[Word<'_>]) -> Option<Call> {
    let first = words.iter().position(|word| !["{", "?", "="].iter().any(|each| word.is(each)))?;
    let verb = words.get(first)?;
    if !["exec", "execute", "call"].iter().any(|each| verb.is(each)) {
        return None;
    }
    let mut at = first + 1;
    if words.get(at + 1).is_some_and(|word| word.is("=")) {
        at += 2; // what takes the return code
    }
    if words.get(at)?.is("(") {
        return query(words.get(at + 1..)?).map(Call::Query);
    }
    let mut name = String::new();
    while let Some(word) = words.get(at).filter(|word| word.is_name() || word.is(".")) {
        let dotted = word.is(".") || name.is_empty() || name.ends_with('.');
        if !dotted {
            break;
        }
        name.push_str(word.text);
        at += 1;
    }
    let runs_text =
        name.rsplit('.').next().is_some_and(|it| it.eq_ignore_ascii_case("sp_executesql"));
    if runs_text && let Some(query) = query(words.get(at..)?) {
        return Some(Call::Query(query));
    }
    (!name.is_empty()).then_some(Call::Procedure(name))
}

/// The literal that comes next, behind its `N`.
fn query(words: &[Word<'_>]) -> Option<String> {
    let at = usize::from(words.first()?.is("n"));
    let text = words.get(at).filter(|word| word.kind == WordKind::Text)?.text;
    Some(text.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::sql::words;

    #[test]
    fn procedures_have_names() {
        let name = |text: &str| match read(&words::read(text)) {
            Some(Call::Procedure(name)) => name,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(name("EXEC dbo.usp_Sales @from = 1"), "dbo.usp_Sales");
        assert_eq!(name("EXECUTE @code = [dw].[dbo].[sp Stock] 1, 2"), "dw.dbo.sp Stock");
        assert_eq!(name("CALL my_proc(1, 2)"), "my_proc");
        assert_eq!(name("{? = call pkg.proc(?, 1)}"), "pkg.proc");
        assert_eq!(name("EXEC dbo..p"), "dbo..p");
    }

    #[test]
    fn queries_in_literals_are_found() {
        let query = |text: &str| Some(Call::Query(text.to_owned()));
        assert_eq!(read(&words::read("EXEC ('SELECT ''a'' x') AT s")), query("SELECT 'a' x"));
        let text = "exec sys.SP_ExecuteSQL N'SELECT 1'";
        assert_eq!(read(&words::read(text)), query("SELECT 1"));
        assert_eq!(read(&words::read("exec sp_executesql N'SELECT 1'")), query("SELECT 1"));
        assert_eq!(read(&words::read("EXEC (@text)")), None);
        assert_eq!(read(&words::read("SHOW TABLES")), None);
    }
}

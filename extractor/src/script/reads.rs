//! Which fields a statement reads of a file, whether or not they flow anywhere: those of
//! conditions and the keys of mappings are the file's all the same.

use super::expression;
use super::lex::Unit;
use super::statement::{self, ItemKind, LoadSource, Statement};

/// Fields that the first `LOAD` of the text from a file that fits takes from it, as far as it names
/// them.
pub(crate) fn fields_read(text: &str, fits: &dyn Fn(&str) -> bool) -> Vec<String> {
    let unit = Unit::new(text, None);
    for raw in &unit.raws {
        let Statement::Load(load) = statement::parse(unit.text_of(raw)).statement else { continue };
        let LoadSource::Files { paths, .. } = &load.source else { continue };
        if !paths.iter().any(|path| fits(path)) {
            continue;
        }
        let mut names: Vec<String> = Vec::new();
        for item in load.items {
            match item.kind {
                ItemKind::Star => {}
                ItemKind::Field(name) if name.starts_with("$(") || name.is_empty() => {}
                ItemKind::Field(name) => names.push(name),
                ItemKind::Expression { text, .. } => names.extend(expression::fields(&text)),
            }
        }
        names.extend(load.filter.iter().flat_map(|filter| expression::fields(filter)));
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        return names;
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(fields_read(text, &|path| path.ends_with("x.qvd")), expected, "{text}");
    }

    #[test]
    fn lists_conditions_and_keys() {
        check(
            "T: LOAD a, b as c FROM [lib://Q/x.qvd] (qvd) WHERE d > 1 and a = 2",
            &["a", "b", "d"],
        );
        check("LEFT JOIN (T) LOAD If(s = 1, v) as w FROM x.qvd", &["s", "v"]);
        check("LOAD ApplyMap('M', k, 'none') as m, 'text' as t, 1 as n FROM x.qvd (qvd)", &["k"]);
        check("LOAD z FROM y.qvd;\nLOAD * FROM x.qvd;\nSTORE T INTO x.qvd (qvd)", &[]);
        check("LOAD *, u & $(v) as w FROM x.qvd WHILE IterNo() < i", &["u"]);
        check("SELECT a FROM x.qvd", &[]);
        check("LOAD a RESIDENT x.qvd", &[]);
    }
}

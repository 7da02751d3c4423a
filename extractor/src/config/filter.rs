//! Filter patterns with OpenMetadata's meaning: regular expressions of Python's kind (look-around and
//! all), anchored at the start, case-insensitive, includes first, then excludes.

use fancy_regex::{Regex, RegexBuilder};
use schemas::config::Problems;

use super::raw;

/// A compiled filter; the default lets everything through.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    includes: Vec<Regex>,
    excludes: Vec<Regex>,
}

impl Filter {
    /// Compiles a pattern that stands at `key`.
    pub(super) fn compile(
        pattern: Option<raw::FilterPattern>,
        key: &str,
        problems: &mut Problems,
    ) -> Self {
        let pattern = pattern.unwrap_or_default();
        let mut compile = |list: Option<Vec<String>>, name: &str| {
            let mut compiled = Vec::new();
            for (index, text) in list.into_iter().flatten().enumerate() {
                match RegexBuilder::new(&format!("^(?:{text})")).case_insensitive(true).build() {
                    Ok(regex) => compiled.push(regex),
                    Err(error) => problems.add(
                        format!("{key}.{name}[{index}]"),
                        format!("is no regular expression: {error}"),
                    ),
                }
            }
            compiled
        };
        let includes = compile(pattern.includes, "includes");
        let excludes = compile(pattern.excludes, "excludes");
        Self { includes, excludes }
    }

    /// Whether a name passes. Something without a name passes unless an include asks for one.
    #[must_use]
    pub fn passes(&self, name: Option<&str>) -> bool {
        match name.filter(|name| !name.is_empty()) {
            Some(name) => {
                // A pattern that gives up on a name (too much backtracking) has not matched it.
                let matches =
                    |list: &[Regex]| list.iter().any(|regex| regex.is_match(name).unwrap_or(false));
                (self.includes.is_empty() || matches(&self.includes)) && !matches(&self.excludes)
            }
            None => self.includes.is_empty(),
        }
    }

    /// Whether everything passes.
    #[must_use]
    pub fn passes_all(&self) -> bool {
        self.includes.is_empty() && self.excludes.is_empty()
    }

    /// The patterns as text, for the fingerprint of options that shape events.
    #[must_use]
    pub fn describe(&self) -> String {
        let texts =
            |list: &[Regex]| list.iter().map(Regex::as_str).collect::<Vec<_>>().join("\u{1}");
        format!("+{}-{}", texts(&self.includes), texts(&self.excludes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(includes: &[&str], excludes: &[&str]) -> Filter {
        let list = |list: &[&str]| Some(list.iter().map(|&text| text.to_owned()).collect());
        let mut problems = Problems::default();
        let pattern = raw::FilterPattern { includes: list(includes), excludes: list(excludes) };
        let filter = Filter::compile(Some(pattern), "f", &mut problems);
        assert_eq!(problems, Problems::default());
        filter
    }

    #[test]
    fn includes_then_excludes() {
        let check = |includes: &[&str], excludes: &[&str], name: Option<&str>, expected: bool| {
            assert_eq!(
                filter(includes, excludes).passes(name),
                expected,
                "{includes:?} {excludes:?} {name:?}"
            );
        };
        check(&[], &[], Some("x"), true);
        check(&["Sales"], &[], Some("sales 2026"), true);
        check(&["Sales"], &[], Some("My sales"), false);
        check(&[".*sales"], &["my"], Some("My sales"), false);
        check(&["a|b"], &[], Some("xb"), false);
        check(&["(?!test).*"], &[], Some("Test sales"), false);
        check(&["(?!test).*"], &[], Some("Sales test"), true);
        check(&["^Sales$"], &[], Some("sales"), true);
        check(&[r"(?P<x>a)(?P=x)\Z"], &[], Some("AA"), true);
        check(&[".*"], &[r".*\b(dev|test)\b"], Some("Sales (DEV)"), false);
        check(&[".*"], &[r".*\b(dev|test)\b"], Some("Devices"), true);
        check(&["Übersicht"], &[], Some("übersicht 1"), true);
        check(&["(a+)+b"], &[], Some(&"a".repeat(200)), false);
        check(&[], &["tmp"], None, true);
        check(&["a"], &[], None, false);
        check(&["a"], &[], Some(""), false);
    }

    #[test]
    fn a_bad_pattern_is_named() {
        let mut problems = Problems::default();
        let pattern =
            raw::FilterPattern { includes: Some(vec!["ok".into(), "(".into()]), excludes: None };
        Filter::compile(Some(pattern), "source.x", &mut problems);
        assert_eq!(problems.list()[0].key, "source.x.includes[1]");
    }
}

//! Rules that a script gives for field names by pattern; the last that fits counts.

use std::collections::HashMap;

use crate::script::eval::wild_match;

/// What patterns say of names. Names are case-sensitive.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rules<T> {
    /// Patterns that are names, with their place in the order of the script.
    names: HashMap<String, (usize, T)>,
    patterns: Vec<(usize, String, T)>,
    next: usize,
}

impl<T> Default for Rules<T> {
    fn default() -> Self {
        Self { names: HashMap::new(), patterns: Vec::new(), next: 0 }
    }
}

impl<T> Rules<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.patterns.is_empty()
    }

    pub(crate) fn add(&mut self, pattern: String, what: T) {
        if pattern == "*" {
            // It fits whatever an earlier one fits.
            self.names.clear();
            self.patterns.clear();
        }
        if pattern.contains(['*', '?']) {
            self.patterns.push((self.next, pattern, what));
        } else {
            self.names.insert(pattern, (self.next, what));
        }
        self.next += 1;
    }

    pub(crate) fn of(&self, name: &str) -> Option<&T> {
        let named = self.names.get(name);
        let fits = |(_, pattern, _): &&(usize, String, T)| {
            pattern == name || pattern == "*" || wild_match(name, pattern)
        };
        let later = self.patterns.iter().rev();
        let mut later = later.take_while(|(at, ..)| named.is_none_or(|(named, _)| at > named));
        later.find(fits).map(|(_, _, what)| what).or_else(|| named.map(|(_, what)| what))
    }

    pub(crate) fn any(&self, mut is: impl FnMut(&T) -> bool) -> bool {
        self.names.values().any(|(_, what)| is(what))
            || self.patterns.iter().any(|(_, _, what)| is(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_that_fits_counts() {
        let mut rules = Rules::default();
        assert_eq!(rules.of("a"), None);
        rules.add("a*".to_owned(), 1);
        rules.add("ab".to_owned(), 2);
        rules.add("*c".to_owned(), 3);
        let of = |rules: &Rules<i32>| ["a", "ab", "abc", "b"].map(|name| rules.of(name).copied());
        assert_eq!(of(&rules), [Some(1), Some(2), Some(3), None]);
        rules.add("?b".to_owned(), 4);
        assert_eq!(of(&rules), [Some(1), Some(4), Some(3), None]);
        rules.add("*".to_owned(), 5);
        rules.add("b".to_owned(), 6);
        assert_eq!(of(&rules), [Some(5), Some(5), Some(5), Some(6)]);
        assert!(rules.any(|it| *it == 6) && !rules.any(|it| *it == 4));
    }
}

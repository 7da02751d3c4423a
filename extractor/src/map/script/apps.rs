//! Apps as `BINARY` names them: by id, or by a path whose file name is the id or the title.

use std::collections::HashMap;

/// The apps of a site that are extracted, by what a script may call them.
#[derive(Clone, Debug, Default)]
pub struct AppNames {
    /// Ids by lower-case id.
    ids: HashMap<String, String>,
    /// Ids by lower-case title.
    titles: HashMap<String, Vec<String>>,
}

/// What a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundApp {
    /// The id of the one app.
    One(String),
    /// Several apps have that title.
    Several(usize),
    /// No app that is extracted.
    None,
}

impl AppNames {
    /// Of ids and titles.
    #[must_use]
    pub fn new<'a>(apps: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut names = Self::default();
        apps.into_iter().for_each(|(id, title)| names.add(id, title));
        names
    }

    /// Adds an app. One that is known already may be called by its old title as well.
    pub fn add(&mut self, id: &str, title: &str) {
        self.ids.insert(id.to_lowercase(), id.to_owned());
        let of_title = self.titles.entry(title.trim().to_lowercase()).or_default();
        if !of_title.iter().any(|known| known == id) {
            of_title.push(id.to_owned());
        }
    }

    /// The app that a script means. An id is sure; a title counts when only one app has it.
    #[must_use]
    pub fn find(&self, written: &str) -> FoundApp {
        let written = written.trim().to_lowercase();
        let file = written.rsplit(['/', '\\']).next().unwrap_or_default();
        let stem = file.strip_suffix(".qvf").or_else(|| file.strip_suffix(".qvw")).unwrap_or(file);
        let by_id = [written.as_str(), file, stem].into_iter().find_map(|name| self.ids.get(name));
        if let Some(id) = by_id {
            return FoundApp::One(id.clone());
        }
        match self.titles.get(stem).map(Vec::as_slice) {
            Some([id]) => FoundApp::One(id.clone()),
            Some(several) if !several.is_empty() => FoundApp::Several(several.len()),
            _ => FoundApp::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apps_are_found_by_id_or_by_a_title_that_is_theirs_alone() {
        let names = AppNames::new([("AB-1", "Sales"), ("CD-2", "Stock"), ("EF-3", "Stock")]);
        let check = |written: &str, expected: FoundApp| {
            assert_eq!(names.find(written), expected, "{written}");
        };
        let one = |id: &str| FoundApp::One(id.to_owned());
        check("ab-1", one("AB-1"));
        check("lib://Apps/ab-1", one("AB-1"));
        check("lib://Apps/AB-1.qvf", one("AB-1"));
        check("lib://Apps/sales.qvf", one("AB-1"));
        check("C:\\Apps\\Sales.qvw", one("AB-1"));
        check("lib://Apps/Stock.qvf", FoundApp::Several(2));
        check("lib://Apps/Budget.qvf", FoundApp::None);
        check("", FoundApp::None);
    }
}

//! Random scripts whose lineage is known because it is made together with them. Nothing here uses
//! the engine.

mod control;
mod load;
pub(crate) mod model;
mod more;
mod operations;
pub(crate) mod random;
mod style;

use model::{App, Data, Site};
use random::Random;

/// Connections that generated scripts use: `Q` and `Deep` lead to one folder, and `Raw` to another.
pub(crate) const CONNECTIONS: &str = r#"{"qConnections": [
    {"qName": "Q", "qType": "folder", "qConnectionString": "\\\\srv\\data\\"},
    {"qName": "Deep", "qType": "folder", "qConnectionString": "\\\\SRV\\data\\qvd"},
    {"qName": "Raw", "qType": "folder", "qConnectionString": "D:\\raw"}
]}"#;

/// A script in the making.
pub(crate) struct Writer<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) app: App,
    /// Files that apps before this one stored, by path.
    pub(crate) files: &'a std::collections::BTreeMap<String, Data>,
    /// What makes names of this site unique.
    pub(crate) number: &'a mut usize,
    pub(crate) connection: Option<usize>,
}

/// Several apps that read what others store.
pub(crate) fn site(seed: u64) -> Site {
    let mut random = Random::new(seed);
    let mut site = Site::default();
    let mut number = 0;
    let count = random.between(1, 4);
    for index in 0..count {
        let mut writer = Writer {
            random: &mut random,
            app: App { name: format!("app{index}"), ..App::default() },
            files: &site.files,
            number: &mut number,
            connection: None,
        };
        let steps = writer.random.between(2, 12);
        for _ in 0..steps {
            writer.step();
        }
        if index + 1 < count {
            writer.store();
        }
        let app = writer.app;
        for (path, data) in &app.stores {
            site.files.insert(path.clone(), data.clone());
            // The same file through the other connection.
            if let Some(rest) = path.strip_prefix("lib://Q/qvd/") {
                site.files.insert(format!("lib://Deep/{rest}"), data.clone());
            } else if let Some(rest) = path.strip_prefix("lib://Deep/") {
                site.files.insert(format!("lib://Q/qvd/{rest}"), data.clone());
            }
        }
        for (pattern, data) in &app.patterns {
            site.files.insert(pattern.clone(), data.clone());
        }
        site.apps.push(app);
    }
    site
}

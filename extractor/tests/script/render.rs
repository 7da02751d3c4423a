//! A report in the compact form in which the corpus writes down what it expects.

use std::collections::{BTreeMap, BTreeSet};

use extractor::script::{App, Field, Report, Source};

/// The report as the command prints it.
pub(crate) fn text(report: &Report) -> String {
    let mut out = Vec::new();
    report.write_text(&mut out).expect("a text");
    String::from_utf8(out).expect("UTF-8")
}

/// The whole report. One app alone has no heading and no chain.
pub(crate) fn report(report: &Report) -> String {
    let mut lines: Vec<String> = Vec::new();
    let single = report.apps.len() == 1;
    for (name, app) in &report.apps {
        if !single {
            lines.push(format!("app {name}"));
        }
        lines.extend(app_lines(app));
    }
    if !single {
        for edge in &report.edges {
            lines.push(format!("edge {} -> {} via {}", edge.from, edge.to, edge.via));
        }
        for (name, tables) in report.chain() {
            for table in tables {
                let sources = table.sources.iter().map(|source| show(source)).collect();
                lines.push(format!("end {name}.{}{}", table.name, list(&sources)));
                let mut fields = BTreeMap::new();
                for (field, ends) in &table.fields {
                    let ends: BTreeSet<String> = ends
                        .iter()
                        .map(|(source, column)| format!("{}#{column}", show(source)))
                        .collect();
                    fields.insert((*field).to_owned(), ends);
                }
                lines.extend(fields.iter().map(|(name, ends)| format!("  {name}{}", list(ends))));
            }
        }
    }
    lines.join("\n")
}

fn app_lines(app: &App) -> Vec<String> {
    let mut lines = Vec::new();
    let mut tables: Vec<_> = app.tables.iter().collect();
    tables.sort_by_key(|table| &table.name);
    for table in tables {
        let sources = table.sources.iter().map(|used| show(&app.sources[used.source])).collect();
        lines.push(format!("table {}{}", table.name, list(&sources)));
        lines.extend(fields(app, &table.fields));
    }
    let mut stores: Vec<_> = app.stores.iter().collect();
    stores.sort_by_key(|store| &store.path);
    for store in stores {
        let sources = store.sources.iter().map(|used| show(&app.sources[used.source])).collect();
        lines.push(format!("store {}{}", store.path, list(&sources)));
        lines.extend(fields(app, &store.fields));
    }
    for each in &app.diagnostics {
        lines.push(format!("say {}: {}", each.line, each.message));
    }
    lines
}

fn fields(app: &App, fields: &[Field]) -> Vec<String> {
    let mut lines: Vec<String> = fields
        .iter()
        .map(|field| {
            let origins: BTreeSet<String> = field
                .flows
                .iter()
                .flat_map(|flow| &flow.origins)
                .map(|origin| {
                    let table = origin.table.as_ref().map(|table| format!("{table}."));
                    let source = show(&app.sources[origin.source]);
                    format!("{source}#{}{}", table.unwrap_or_default(), origin.column)
                })
                .collect();
            format!("  {}{}", field.name, list(&origins))
        })
        .collect();
    lines.sort();
    lines
}

fn list(items: &BTreeSet<String>) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    format!(" <- {}", items.join(" | "))
}

fn show(source: &Source) -> String {
    match source {
        Source::Table { connection: Some(connection), .. } => {
            format!("{}@{connection}", source.name())
        }
        Source::Table { .. } => source.name().into_owned(),
        Source::File { path, .. } => path.strip_prefix("lib://").unwrap_or(path).to_owned(),
        Source::App { id } => format!("app:{id}"),
        Source::Connection { connection, .. } => format!("rest:{connection}"),
    }
}

//! The report for people.

use std::collections::HashSet;
use std::io::{self, Write};

use super::Report;
use crate::script::outcome::{App, Field, Resolution, Source, SourceUse, Status};

impl Report {
    /// Writes tables, stores and messages of each app, then which app reads what another stores.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        for (name, app) in &self.apps {
            write_app(out, name, app)?;
        }
        if !self.edges.is_empty() {
            writeln!(out, "chain")?;
            for edge in &self.edges {
                writeln!(out, "  {} -> {} through {}", edge.from, edge.to, edge.via)?;
            }
        }
        Ok(())
    }
}

fn write_app(out: &mut impl Write, name: &str, app: &App) -> io::Result<()> {
    writeln!(out, "app {name}")?;
    for table in &app.tables {
        let mark = if table.conditional { " (may not be there)" } else { "" };
        writeln!(out, "  table {}{mark}", table.name)?;
        write_entry(out, app, &table.sources, &table.fields)?;
    }
    for store in &app.stores {
        writeln!(out, "  store {} of {}", store.path, store.table)?;
        write_entry(out, app, &store.sources, &store.fields)?;
    }
    for reference in &app.references {
        let why = match &reference.status {
            Status::Ambiguous(why) | Status::Unresolved(why) => why,
            Status::Resolved | Status::NotNeeded => continue,
        };
        writeln!(out, "  unresolved in line {}: {}: {why}", reference.line, reference.name)?;
    }
    for each in &app.diagnostics {
        writeln!(out, "  line {} column {}: {}", each.line, each.column, each.message)?;
    }
    Ok(())
}

fn write_entry(
    out: &mut impl Write,
    app: &App,
    sources: &[SourceUse],
    fields: &[Field],
) -> io::Result<()> {
    for used in sources {
        let Some(source) = app.sources.get(used.source) else { continue };
        write!(out, "    from {}", describe(source))?;
        if !used.via.is_empty() {
            write!(out, " via {}", used.via.join(", "))?;
        }
        writeln!(out, "{}", sureness(used.resolution))?;
    }
    for field in fields {
        write!(out, "    {}", field.name)?;
        // Several ways may lead from one column.
        let mut seen = HashSet::new();
        for origin in field.flows.iter().flat_map(|flow| &flow.origins) {
            let source = app.sources.get(origin.source).map(Source::name).unwrap_or_default();
            let sign = if seen.is_empty() { " <-" } else { "," };
            if seen.insert((source.clone(), origin.column.as_str())) {
                write!(out, "{sign} {source} . {}", origin.column)?;
            }
        }
        // Several loads may make it, each in its way.
        let mut ways: Vec<String> = Vec::new();
        for flow in &field.flows {
            let way = match &flow.expression {
                Some(expression) => expression.split_whitespace().collect::<Vec<_>>().join(" "),
                None => "as it is".to_owned(),
            };
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
        if field.flows.iter().any(|flow| flow.expression.is_some()) {
            write!(out, "  = {}", ways.join(" | "))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn describe(source: &Source) -> String {
    match source {
        Source::Table { connection: Some(connection), .. } => {
            format!("table {} of {connection}", source.name())
        }
        Source::Table { .. } => format!("table {}", source.name()),
        Source::File { .. } => format!("file {}", source.name()),
        Source::App { .. } => format!("app {}", source.name()),
        Source::Connection { url: Some(url), .. } => {
            format!("connection {} ({url})", source.name())
        }
        Source::Connection { .. } => format!("connection {}", source.name()),
    }
}

fn sureness(resolution: Resolution) -> &'static str {
    match resolution {
        Resolution::Exact => "",
        Resolution::Expanded => " (through variables)",
        Resolution::Fallback => " (read tolerantly)",
    }
}

//! What people and scripts see: data on standard output, conversation on standard error.

use std::{fmt::Write as _, io::Write as _, sync::Arc};

use serde_json::Value;

use crate::{
    dead_letters::Letter,
    report::Report,
    sink::{
        Fatal, FieldChange, Item, MetadataSink, Outcome, Planned, PlannedChange, Stage, Watcher,
    },
};

/// Data. A reader that went away (`| head`) is no error.
pub(super) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

/// What went wrong.
pub(super) fn error(message: &str) {
    error_text(&format!("error: {message}\n"));
}

/// Conversation.
pub(super) fn error_text(text: &str) {
    std::io::stderr().lock().write_all(text.as_bytes()).ok();
}

/// A list of dead letters.
pub(super) fn letters(letters: &[Letter], as_json: bool) {
    if as_json {
        letters.iter().for_each(json_line);
        return;
    }
    if letters.is_empty() {
        error_text("no dead letters\n");
        return;
    }
    let mut text = format!("{:<12}{:<26}{:<18}key\n", "id", "time", "stage");
    for letter in letters {
        let Letter { id, time, stage, reason, .. } = letter;
        let key = letter.key.as_deref().unwrap_or("(none)");
        // Times to the second are enough for people.
        let time = time.split('.').next().unwrap_or_default();
        text.push_str(&format!("{id:<12}{time:<26}{stage:<18}{key}\n            {reason}\n"));
    }
    print(&text);
}

/// The edges that are unresolved.
pub(super) fn unresolved(report: &Report, as_json: bool) {
    if as_json {
        report.unresolved.iter().for_each(json_line);
        return;
    }
    let lines =
        report.unresolved.iter().map(|entry| format!("{}\n    {}\n", entry.key, entry.reason));
    print(&lines.collect::<String>());
}

/// What is in no topic, as JSON lines.
pub(super) fn strays(report: &Report) {
    report.reconciled.iter().flat_map(|found| &found.strays).for_each(json_line);
}

fn json_line(value: &impl serde::Serialize) {
    // Plain structs: there is nothing that JSON could not hold.
    let text = serde_json::to_string(value).unwrap_or_default();
    print(&(text + "\n"));
}

/// Takes everything and does nothing.
#[derive(Debug)]
pub(super) struct Quiet;

impl MetadataSink for Quiet {
    async fn apply(&self, _: Stage, items: &[Item]) -> Result<Vec<Outcome>, Fatal> {
        Ok(items.iter().map(|_| Outcome::Unchanged).collect())
    }
}

/// Prints what would be written: a difference for each entity, or one JSON object a line.
pub(super) fn planned(as_json: bool) -> Watcher {
    Arc::new(move |planned| match as_json {
        true => json_line(planned),
        false => print(&difference(planned)),
    })
}

/// `+` would be created, `~` changed, `-` removed; then the values that change, one a line.
fn difference(planned: &Planned) -> String {
    let Planned { kind, name, change, fields } = planned;
    let sign = match change {
        PlannedChange::Create => '+',
        PlannedChange::Update => '~',
        PlannedChange::Delete => '-',
    };
    let mut text = format!("{sign} {kind} {name}\n");
    for FieldChange { field, from, to } in fields {
        // Writing to a string cannot fail.
        match from.is_null() {
            true => writeln!(text, "    {field}: {}", short(to)).ok(),
            false => writeln!(text, "    {field}: {} -> {}", short(from), short(to)).ok(),
        };
    }
    text
}

/// A value on one line that a screen can hold.
fn short(value: &Value) -> String {
    /// Characters of a value; `--json` has all of it.
    const MOST: usize = 200;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_for_people() {
        let change = |field: &str, from, to| FieldChange { field: field.to_owned(), from, to };
        let planned = Planned {
            kind: "chart",
            name: "prod.a_c1".to_owned(),
            change: PlannedChange::Update,
            fields: vec![
                change("displayName", json!("Old"), json!("New")),
                change("description", Value::Null, json!("x".repeat(500))),
            ],
        };
        let text = difference(&planned);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[..2], ["~ chart prod.a_c1", "    displayName: \"Old\" -> \"New\""]);
        assert!(lines[2].starts_with("    description: \"xxx") && lines[2].len() < 250, "{text}");
    }
}

//! What people and scripts see: data on standard output, conversation on standard error.

use std::io::Write as _;

use schemas::json;
use serde_json::{Value, json};

use crate::{
    dead_letters::Letter,
    report::{Report, stage_name},
    sink::{Change, Fatal, Item, MetadataSink, Outcome, Stage},
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

/// Prints what would be applied.
#[derive(Debug)]
pub(super) struct DryRun;

impl MetadataSink for DryRun {
    async fn apply(&self, stage: Stage, items: &[Item]) -> Result<Vec<Outcome>, Fatal> {
        for item in items {
            let (change, value) = match &item.change {
                Change::Upsert(event) => ("upsert", json::readable(event)),
                Change::Delete { .. } => ("delete", Value::Null),
            };
            json_line(&json!({
                "stage": stage_name(stage),
                "topic": item.topic.suffix(),
                "key": item.key,
                "change": change,
                "value": value,
            }));
        }
        Ok(items.iter().map(|_| Outcome::Unchanged).collect())
    }
}

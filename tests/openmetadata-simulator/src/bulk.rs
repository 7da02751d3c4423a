//! Bulk writes and `deleteStale`.

use std::collections::HashSet;

use crate::json::Json;
use crate::kind::Kind;
use crate::problem::Problem;
use crate::render::writer::{Object, list, string};
use crate::schema::{self, Shape};
use crate::store::{Include, Store};
use crate::version::Rules;
use crate::write::Writing;

/// A row that went well: its FQN and status.
struct Passed {
    fqn: String,
    status: u16,
}

/// A row that did not: the request as the server read it, and why.
struct Failed {
    request: Vec<u8>,
    message: String,
    status: u16,
}

/// What became of the rows.
#[derive(Default)]
struct Outcome {
    passed: Vec<Passed>,
    failed: Vec<Failed>,
}

impl Writing<'_> {
    /// `PUT /{entity}/bulk`: creates or updates row after row; one row's mistake costs that row only.
    pub(crate) fn bulk(&self, store: &mut Store, kind: Kind, rows: Vec<Json>) -> Vec<u8> {
        let mut outcome = Outcome::default();
        let mut seen = HashSet::new();
        for row in rows {
            let request = row.clone();
            match self.row(store, kind, row, &mut seen) {
                Ok(passed) => outcome.passed.push(passed),
                Err(problem) => outcome.failed.push(Failed {
                    request: echo(kind, &request, self.rules),
                    message: problem.message(),
                    status: problem.row_status(),
                }),
            }
        }
        outcome.write(self.rules, false)
    }

    fn row(
        &self,
        store: &mut Store,
        kind: Kind,
        row: Json,
        seen: &mut HashSet<String>,
    ) -> Result<Passed, Problem> {
        let wrong = schema::violations(kind.create_class(), &row, self.rules, "");
        if !wrong.is_empty() {
            return Err(Problem::Bad(format!("[{}]", wrong.join(", "))));
        }
        let name = format!(
            "{}\0{}",
            row.text_of("service").unwrap_or_default(),
            row.text_of("name").unwrap_or_default()
        );
        // 2.0 skips a row with an equal hash only when the batch names the entity once.
        let writing =
            Writing { skip_equal_hash: self.skip_equal_hash && seen.insert(name), ..*self };
        let written = writing.put(store, kind, row)?;
        let status = if written.created && self.rules.bulk_of_two { 201 } else { 200 };
        Ok(Passed { fqn: written.answer.fqn.to_string(), status })
    }

    /// `DELETE /{entity}/deleteStale`: deletes what is below the scope and was not seen. An empty list of seen
    /// FQNs deletes nothing, and neither does an unknown scope.
    pub(crate) fn delete_stale(
        &self,
        store: &mut Store,
        kind: Kind,
        body: &Json,
    ) -> Result<Vec<u8>, Problem> {
        let required = |key: &str| {
            body.text_of(key)
                .filter(|text| !text.is_empty())
                .ok_or_else(|| Problem::Bad(format!("[query param {key} must not be null]")))
        };
        let (scope, scope_type) = (required("scopeFqn")?, required("scopeEntityType")?);
        let parent_kind = kind.parent().map(|(_, parent)| parent);
        let scope_kind = match &*scope_type {
            "service" => parent_kind.filter(|parent| parent.is_service()),
            other => Kind::of_type(other),
        }
        .ok_or_else(|| Problem::Bad(format!("Unknown scope entity type {scope_type}")))?;
        let seen: HashSet<Box<str>> = body
            .items_of("seenFqns")
            .iter()
            .filter_map(|fqn| fqn.text().map(|fqn| fqn.into_owned().into_boxed_str()))
            .collect();
        let dry_run = body.flag_of("dryRun");
        let mut outcome = Outcome::default();
        let below = store
            .find(scope_kind, &scope)
            .filter(|_| !seen.is_empty())
            .and_then(|scope| store.children(scope.id, kind))
            .map(|listing| listing.ids(Include::Live))
            .unwrap_or_default();
        for id in below {
            let Some(entity) = store.get(id).filter(|entity| !seen.contains(&*entity.fqn)).cloned()
            else {
                continue;
            };
            // An entity that went down with an earlier one of the list is not deleted twice.
            let deleted = match dry_run || entity.deleted {
                true => Ok(()),
                false => {
                    let recursive =
                        body.get("recursive").is_none_or(|flag| *flag == Json::Bool(true));
                    self.delete(store, &entity, body.flag_of("hardDelete"), recursive).map(drop)
                }
            };
            let fqn = entity.fqn.to_string();
            match deleted {
                Ok(()) => outcome.passed.push(Passed { fqn, status: 200 }),
                Err(problem) => {
                    let mut request = Vec::new();
                    string(&mut request, &fqn);
                    let (message, status) = (problem.message(), problem.row_status());
                    outcome.failed.push(Failed { request, message, status });
                }
            }
        }
        Ok(outcome.write(self.rules, dry_run))
    }
}

impl Outcome {
    fn write(&self, rules: &Rules, dry_run: bool) -> Vec<u8> {
        let (passed, failed) = (self.passed.len(), self.failed.len());
        let status = match (passed, failed) {
            // An empty request "fails" (recorded).
            (0, _) if !rules.bulk_of_two || failed > 0 => "failure",
            (_, 0) => "success",
            _ => "partialSuccess",
        };
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        if rules.bulk_of_two {
            object.flag("dryRun", dry_run);
        }
        object.text("status", status);
        object.number("numberOfRowsProcessed", passed + failed);
        object.number("numberOfRowsPassed", passed);
        object.number("numberOfRowsFailed", failed);
        if passed + failed > 0 {
            object.list("successRequest", &self.passed, |out, row| {
                let mut object = Object::new(out);
                object.text("request", &row.fqn);
                object.number("status", row.status);
                object.end();
                true
            });
        }
        object.list("failedRequest", &self.failed, |out, row| {
            let mut object = Object::new(out);
            object.key("request").extend_from_slice(&row.request);
            object.text("message", &row.message);
            object.number("status", row.status);
            object.end();
            true
        });
        object.end();
        out
    }
}

/// The answer to an asynchronous bulk request: the work is done when it arrives, but it does not say so.
pub(crate) fn accepted(rows: usize, rules: &Rules) -> Vec<u8> {
    let mut out = Vec::new();
    let mut object = Object::new(&mut out);
    if rules.bulk_of_two {
        object.flag("dryRun", false);
    }
    object.text("status", if rules.bulk_of_two { "running" } else { "success" });
    object.number("numberOfRowsProcessed", rows);
    object.number("numberOfRowsPassed", 0);
    object.number("numberOfRowsFailed", 0);
    object.end();
    out
}

/// A row as the server read it: in the order of the class, with the defaults that it fills in.
fn echo(kind: Kind, row: &Json, rules: &Rules) -> Vec<u8> {
    let mut out = Vec::new();
    let mut object = Object::new(&mut out);
    for field in kind.create_class().fields.iter().filter(|field| field.known(rules)) {
        match (field.name, row.get(field.name)) {
            ("columns", Some(columns)) => {
                list(object.key("columns"), columns.items(), |out, column| {
                    echo_column(column).write(out);
                    true
                });
            }
            (name, Some(value)) => object.json(name, value),
            ("dashboardType", None) => object.text("dashboardType", "Dashboard"),
            ("domains" | "dataProducts", None) if matches!(field.shape, Shape::Texts) => {
                object.list(field.name, [(); 0], |_, ()| false);
            }
            _ => {}
        }
    }
    object.end();
    out
}

fn echo_column(column: &Json) -> Json {
    let mut column = column.clone();
    if column.get("dataTypeDisplay").is_none() {
        let data_type = column.text_of("dataType").unwrap_or_default();
        column.set("dataTypeDisplay", Json::Text(data_type.to_lowercase().into_boxed_str()));
    }
    for name in ["tags", "children"] {
        if column.get(name).is_none() {
            column.set(name, Json::List(Vec::new()));
        }
    }
    column
}

//! Rows that share a request, where the server has that, and single requests for the rest.

use std::{
    collections::{BTreeMap, HashSet},
    sync::atomic::Ordering,
};

use futures::{FutureExt as _, future::BoxFuture};
use serde_json::Value;

use super::{
    super::{
        client::{Call, Failure},
        core::Core,
        map::Kind,
    },
    naming,
    write::{self, Row},
};
use crate::sink::{Fatal, Outcome};

type Rows = Vec<(usize, Row)>;
type Outcomes = Vec<(usize, Outcome)>;

/// Writes all rows, in any order.
pub(super) async fn write_all(core: &Core, rows: Rows) -> Result<Outcomes, Fatal> {
    if core.only_looks() {
        return Ok(rows.into_iter().map(|(index, row)| (index, row.plan(core))).collect());
    }
    let has_bulk = core.naming.features.bulk && !core.no_bulk.load(Ordering::Relaxed);
    let mut requests: Vec<Rows> = Vec::new();
    if has_bulk {
        let mut by_kind: BTreeMap<Kind, Rows> = BTreeMap::new();
        for row in rows {
            by_kind.entry(row.1.draft.kind).or_default().push(row);
        }
        for mut rows in by_kind.into_values() {
            while !rows.is_empty() {
                let rest = rows.split_off(rows.len().min(core.load.bulk_rows.max(1)));
                requests.push(std::mem::replace(&mut rows, rest));
            }
        }
    } else {
        requests = rows.into_iter().map(|row| vec![row]).collect();
    }
    let writes = requests.into_iter().map(|rows| write(core, rows)).collect();
    let written: Vec<Outcomes> = core.concurrently(writes).await?;
    Ok(written.into_iter().flatten().collect())
}

/// Writes rows of one kind.
fn write(core: &Core, mut rows: Rows) -> BoxFuture<'_, Result<Outcomes, Fatal>> {
    async move {
        if rows.len() <= 1 || core.no_bulk.load(Ordering::Relaxed) {
            return one_by_one(core, rows).await;
        }
        let Some(kind) = rows.first().map(|(_, row)| row.draft.kind) else { return Ok(Vec::new()) };
        let body = Value::Array(rows.iter().map(|(_, row)| row.body(core)).collect());
        let call = Call::bulk(format!("{}/bulk", kind.path()), Vec::new(), &body);
        match core.client.send(&call).await {
            Ok(answer) => Ok(with_answer(core, rows, &answer.body).await?),
            Err(Failure::Missing(message)) => {
                // A reference that is missing fails its row only, so this is the path itself.
                if !message.contains("instance for") {
                    tracing::warn!(%message, "the server has no bulk requests");
                    core.no_bulk.store(true, Ordering::Relaxed);
                }
                one_by_one(core, rows).await
            }
            // One row that the server cannot read is enough to have all refused (seen).
            Err(Failure::Refused(message)) => {
                tracing::debug!(%message, rows = rows.len(), kind = kind.entity_type(), "halving");
                let second = rows.split_off(rows.len() / 2);
                let mut outcomes = write(core, rows).await?;
                outcomes.extend(write(core, second).await?);
                Ok(outcomes)
            }
            Err(failure) => {
                let outcome = core.outcome(&format!("write {}s", kind.entity_type()), failure)?;
                Ok(rows.into_iter().map(|(index, _)| (index, outcome.clone())).collect())
            }
        }
    }
    .boxed()
}

/// Takes the rows that passed for done; the others are sent alone, for a status and a message of
/// their own.
async fn with_answer(core: &Core, rows: Rows, answer: &Value) -> Result<Outcomes, Fatal> {
    let passed = passed(answer);
    let (done, failed): (Rows, Rows) =
        rows.into_iter().partition(|(_, row)| passed.contains(row.draft.fqn.as_str()));
    let mut outcomes = one_by_one(core, failed).await?;
    for (index, row) in done {
        // The status of a row is 200 whether it was created or not (seen).
        row.stored(core, None);
        outcomes.push((index, if row.is_new { Outcome::Created } else { Outcome::Updated }));
    }
    Ok(outcomes)
}

async fn one_by_one(core: &Core, rows: Rows) -> Result<Outcomes, Fatal> {
    let writes = rows
        .into_iter()
        .map(|(index, row)| async move {
            let what = naming(&row.draft);
            match write::put(core, row).await {
                Ok(outcome) => Ok((index, outcome)),
                Err(failure) => Ok((index, core.outcome(&what, failure)?)),
            }
        })
        .collect();
    core.concurrently(writes).await
}

/// Qualified names of the rows that passed. A row is named twice when it failed after all, then by its
/// request.
fn passed(answer: &Value) -> HashSet<&str> {
    let rows = |name: &str| answer.get(name).and_then(Value::as_array).into_iter().flatten();
    let is_good = |row: &&Value| row.get("status").and_then(Value::as_u64).is_none_or(|s| s < 300);
    let mut passed: HashSet<&str> = rows("successRequest")
        .filter(is_good)
        .filter_map(|row| row.get("request").and_then(Value::as_str))
        .collect();
    for failed in rows("failedRequest").filter_map(|row| row.get("request")?.as_str()) {
        passed.remove(failed);
    }
    passed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_rows_that_are_named_as_passed_passed() {
        let answer = json!({
            "status": "partialSuccess",
            "successRequest": [
                {"request": "s.a", "status": 200},
                {"request": "s.b", "status": 201},
                {"request": {"name": "c"}, "status": 200},
                {"request": "s.d", "status": 400},
                {"request": "s.e", "status": 200},
            ],
            "failedRequest": [
                {"request": {"name": "f"}, "status": 400, "message": "m"},
                {"request": "s.e", "status": 400},
            ],
        });
        assert_eq!(passed(&answer), HashSet::from(["s.a", "s.b"]));
        assert_eq!(passed(&json!({"status": "failure"})), HashSet::new());
        assert_eq!(passed(&Value::Null), HashSet::new());
    }
}

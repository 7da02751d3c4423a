//! Writing one entity.

use std::sync::atomic::Ordering;

use serde_json::{Map, Value, json};

use super::{
    super::{
        client::{Call, Failure},
        core::Core,
        fqn, hash,
        map::{Detail, Draft, Kind},
        service,
        state::{Known, Lookup},
    },
    difference,
    plan::Plan,
    stored::Stored,
};
use crate::sink::{FieldChange, Outcome, Planned, PlannedChange};

/// A PUT of an entity.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) draft: Draft,
    /// `sourceHash`.
    pub(super) hash: Option<String>,
    /// Members to send as they are.
    pub(super) extras: Map<String, Value>,
    /// Nobody knows of such an entity.
    pub(super) is_new: bool,
    /// What would be different, kept only where nothing may be written.
    pub(super) differences: Vec<FieldChange>,
}

impl Row {
    /// Of an entity that is not there; `content` is the draft's.
    pub(super) fn create(draft: Draft, content: u64) -> Self {
        let hash = Some(draft.record_with(content).encode());
        Self { draft, hash, extras: Map::new(), is_new: true, differences: Vec::new() }
    }

    /// Of an entity that is there.
    pub(super) fn update(draft: Draft, hash: Option<String>, extras: Map<String, Value>) -> Self {
        Self { draft, hash, extras, is_new: false, differences: Vec::new() }
    }

    /// Takes the row for written, and tells so.
    pub(super) fn plan(self, core: &Core) -> Outcome {
        let Draft { kind, name, fqn, .. } = &self.draft;
        let (change, fields) = match self.is_new {
            true => {
                (PlannedChange::Create, difference::between(&self.draft, &Stored::default(), &[]))
            }
            false => (PlannedChange::Update, self.differences.clone()),
        };
        core.plan(&Planned { kind: kind.entity_type(), name: fqn.clone(), change, fields });
        let id = match core.directory.lookup(*kind, name) {
            Lookup::Known(known) => known.id(),
            Lookup::Absent | Lookup::Unasked => None,
        };
        let id = id.unwrap_or_else(|| core.plan_entity(*kind, name));
        self.stored(core, Some(&id));
        if self.is_new { Outcome::Created } else { Outcome::Updated }
    }

    pub(super) fn body(&self, core: &Core) -> Value {
        self.draft.body(&core.naming, self.hash.as_deref(), &self.extras)
    }

    /// Remembers that the row is stored.
    pub(super) fn stored(&self, core: &Core, id: Option<&str>) {
        let draft = &self.draft;
        let record = self.hash.as_deref().and_then(hash::Record::decode);
        let record = record.filter(|_| core.naming.features.source_hash);
        let known = Known::new(id, record.map(|r| r.content), draft.project.as_deref());
        core.directory.set(draft.kind, &draft.name, known);
        match &draft.detail {
            Detail::Dashboard { charts, .. } => {
                core.columns.set(Kind::Dashboard, &draft.name, charts.iter().cloned().collect());
                core.set_relink(&draft.name, false);
            }
            // Without a changed hash 1.2 does not store the case of a column's name (seen).
            Detail::DataModel { columns, .. } if core.naming.features.source_hash => {
                let names = columns.iter().map(|column| column.name.clone()).collect();
                core.columns.set(Kind::DataModel, &draft.name, names);
            }
            Detail::DataModel { .. } => core.columns.forget(Kind::DataModel, &draft.name),
            Detail::Chart { .. } => {}
        }
        if let (true, Some(app_id)) = (self.is_new && draft.kind != Kind::Dashboard, &draft.app_id)
        {
            core.set_relink(&core.naming.dashboard(app_id), true);
        }
    }
}

/// Tries of a PUT that names something that turns out to be gone.
const TRIES: usize = 3;

/// Creates or updates an entity with one PUT.
pub(super) async fn put(core: &Core, mut row: Row) -> Result<Outcome, Failure> {
    let path = row.draft.kind.path();
    for _ in 0..TRIES {
        let body = row.body(core);
        match core.client.send(&Call::put(path.to_owned(), &body)).await {
            Ok(answer) => {
                let is_new = answer.status == 201;
                if is_new {
                    core.learn_user(&answer.body);
                }
                row.is_new |= is_new;
                row.stored(core, answer.body.get("id").and_then(Value::as_str));
                return Ok(if is_new { Outcome::Created } else { Outcome::Updated });
            }
            Err(Failure::Missing(message)) => {
                if let Some(reason) = without_missing(core, &mut row, &message).await? {
                    return Ok(Outcome::Waiting { reason });
                }
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(Outcome::Waiting { reason: format!("`{}` refers to what keeps vanishing", row.draft.fqn) })
}

/// Sees to what a PUT refers to and the server does not have; the reason to wait when that is up to
/// another event.
async fn without_missing(
    core: &Core,
    row: &mut Row,
    message: &str,
) -> Result<Option<String>, Failure> {
    let is_about = |kind: &str| message.contains(&format!("{kind} instance for"));
    if is_about("tag") || is_about("classification") {
        core.tags.forget();
        core.tags.restore(&core.client, &row.draft.tags).await?;
    } else if is_about("user") || is_about("team") {
        core.owners.forget();
        row.draft.owners.clear();
        // Written without owners for now, and recorded as something that the event does not say, so
        // that the next load looks again.
        let record = row.hash.as_deref().and_then(hash::Record::decode);
        row.hash = record
            .map(|r| hash::Record { content: !r.content, owners: hash::owners_mark([]), ..r })
            .map(hash::Record::encode);
    } else if is_about("dashboardService") {
        service::ensure(&core.client, &core.naming, &core.service).await?;
    } else if let (true, Detail::Chart { dashboards, .. }) =
        (is_about("dashboard"), &mut row.draft.detail)
    {
        dashboards.clear();
    } else {
        if let Detail::Dashboard { charts, data_models } = &row.draft.detail {
            let charts = charts.iter().map(|fqn| (Kind::Chart, fqn));
            for (kind, fqn) in charts.chain(data_models.iter().map(|fqn| (Kind::DataModel, fqn))) {
                if let (true, Some(name)) = (message.contains(fqn.as_str()), fqn::split(fqn).pop())
                {
                    core.directory.doubt(kind, &name);
                }
            }
        }
        return Ok(Some(format!("cannot write `{}` yet: {message}", row.draft.fqn)));
    }
    Ok(None)
}

/// Carries out a plan for a stored entity.
pub(super) async fn apply(
    core: &Core,
    stored: &Stored,
    etag: Option<&str>,
    plan: Plan,
) -> Result<Outcome, Failure> {
    let Plan { entity, mut record, patch, extras, override_tags, .. } = plan;
    let kind = entity.kind;
    if !patch.is_empty() && !try_patch(core, kind, &stored.id, &patch, etag).await? {
        // The stored texts are still the ones that we wrote.
        record.description = hash::description_mark(stored.description.as_deref());
        record.columns = stored.columns_mark();
    }
    let hash = Some(record.encode());
    if let Some(tags) = override_tags {
        let mut extras = extras.clone();
        extras.insert("tags".to_owned(), json!(tags));
        let row = Row::update(entity.clone(), hash.clone(), extras);
        if put_overriding(core, &row).await? {
            row.stored(core, Some(&stored.id));
            return Ok(Outcome::Updated);
        }
        // What was to be overridden stays, and stays ours.
        record.display_name = hash::display_name_mark(stored.display_name.as_deref());
        record.owners = hash::owners_mark(stored.owners.iter().map(String::as_str));
    }
    let certification = stored.certification.clone();
    let row = Row::update(entity, Some(record.encode()), extras);
    let outcome = put(core, row).await?;
    if let Some(certification) = certification {
        // Read in sources, not seen: a PUT takes it away. A crash right here loses it.
        let patch = vec![json!({"op": "add", "path": "/certification", "value": certification})];
        try_patch(core, kind, &stored.id, &patch, None).await?;
    }
    Ok(match outcome {
        Outcome::Created => Outcome::Updated,
        outcome => outcome,
    })
}

/// Sends a PATCH; false when a policy or the server does not allow it: the PUT that follows then
/// stores the rest.
async fn try_patch(
    core: &Core,
    kind: Kind,
    id: &str,
    operations: &[Value],
    etag: Option<&str>,
) -> Result<bool, Failure> {
    let body = json!(operations);
    let path = format!("{}{}", kind.path(), fqn::path(&[id]));
    match core.client.send(&Call::patch(path, &body, etag)).await {
        Ok(_) => Ok(true),
        Err(Failure::Forbidden(message) | Failure::Refused(message)) => {
            if !core.patch_refused.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    kind = kind.entity_type(),
                    id,
                    %message,
                    "OpenMetadata does not let the loader change a text; such texts stay as they are"
                );
            }
            core.kept(kind, 1);
            Ok(false)
        }
        Err(failure) => Err(failure),
    }
}

/// Sends a row that replaces what a bot's PUT would leave alone; only servers with
/// `overrideMetadata` have it, and none of them was seen.
async fn put_overriding(core: &Core, row: &Row) -> Result<bool, Failure> {
    let rows = json!([row.body(core)]);
    let path = format!("{}/bulk", row.draft.kind.path());
    let query = vec![("overrideMetadata", "true".to_owned())];
    match core.client.send(&Call::bulk(path, query, &rows)).await {
        Ok(answer) => {
            let passed = answer.body.get("numberOfRowsPassed").and_then(Value::as_u64);
            Ok(passed == Some(1))
        }
        Err(Failure::Refused(_) | Failure::Missing(_) | Failure::Forbidden(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

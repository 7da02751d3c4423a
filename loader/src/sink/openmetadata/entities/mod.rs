//! Upserts of dashboards, charts and data models.
//!
//! An entity whose stored record says the same costs no request. A new one is written at once; a
//! changed one is read first, so that what people edited can be told from what we wrote.

mod bulk;
mod difference;
mod history;
mod plan;
mod project;
mod stored;
mod write;

pub(super) use self::project::observe;

use schemas::Event;

use self::{
    history::History,
    plan::{Conflicts, OurColumns, Ours, Plan},
    stored::Stored,
    write::Row,
};
use super::{
    client::Failure,
    core::Core,
    hash,
    map::{self, Detail, Draft, Kind},
    state::Lookup,
};
use crate::sink::{Change, Fatal, Item, Outcome};

/// What is to be done with one change.
enum Todo {
    /// Nothing more.
    Done(Outcome),
    /// A PUT; rows of one kind may share a request.
    Row(Box<Row>),
    /// A PATCH and a PUT, or a restore.
    Update(Box<Draft>),
}

/// Creates or updates the entities of the items, in any order; one outcome for each item, in order.
pub(super) async fn upsert(core: &Core, items: &[&Item]) -> Result<Vec<Outcome>, Fatal> {
    if let Err(failure) = prepare(core, items).await {
        return each(items, || core.outcome("read what OpenMetadata holds", failure.clone()));
    }
    let decisions = items.iter().map(|item| decide(core, item)).collect();
    let todos: Vec<Todo> = core.concurrently(decisions).await?;

    let mut outcomes: Vec<Option<Outcome>> = items.iter().map(|_| None).collect();
    let mut rows = Vec::new();
    let mut updates = Vec::new();
    for (index, todo) in todos.into_iter().enumerate() {
        match todo {
            Todo::Done(outcome) => set(&mut outcomes, index, outcome),
            Todo::Row(row) => rows.push((index, *row)),
            Todo::Update(draft) => updates.push((index, *draft)),
        }
    }
    let (places, updates): (Vec<usize>, Vec<_>) =
        updates.into_iter().map(|(index, draft)| (index, update(core, draft))).unzip();
    for (index, todo) in places.into_iter().zip(core.concurrently(updates).await?) {
        match todo {
            Todo::Done(outcome) => set(&mut outcomes, index, outcome),
            Todo::Row(row) => rows.push((index, *row)),
            Todo::Update(_) => {}
        }
    }
    for (index, outcome) in bulk::write_all(core, rows).await? {
        set(&mut outcomes, index, outcome);
    }
    let outcomes: Vec<Outcome> = outcomes.into_iter().map(|o| o.unwrap_or_else(lost)).collect();
    project::settle(core, items, &outcomes).await?;
    Ok(outcomes)
}

fn set(outcomes: &mut [Option<Outcome>], index: usize, outcome: Outcome) {
    if let Some(place) = outcomes.get_mut(index) {
        *place = Some(outcome);
    }
}

/// Every change gets an outcome; this one would be a mistake in this module, and safe.
fn lost() -> Outcome {
    Outcome::Waiting { reason: "the change was not applied".to_owned() }
}

fn each(
    items: &[&Item],
    outcome: impl Fn() -> Result<Outcome, Fatal>,
) -> Result<Vec<Outcome>, Fatal> {
    items.iter().map(|_| outcome()).collect()
}

/// Reads lists where the items need more lookups than a list costs.
async fn prepare(core: &Core, items: &[&Item]) -> Result<(), Failure> {
    for kind in Kind::ALL {
        if core.directory.is_complete(kind) {
            continue;
        }
        let names = items.iter().filter_map(|item| core.naming.of_key(item.topic, &item.key));
        let wanted = names
            .filter(|(k, name)| *k == kind && core.directory.lookup(kind, name) == Lookup::Unasked)
            .count();
        core.directory.prepare(&core.client, &core.naming, kind, wanted).await?;
    }
    Ok(())
}

/// Decides what one change needs.
async fn decide(core: &Core, item: &Item) -> Result<Todo, Fatal> {
    let draft = match draft(core, item).await {
        Ok(draft) => draft,
        Err(failure) => return Ok(Todo::Done(core.outcome("prepare the entity", failure)?)),
    };
    let Some(draft) = draft else {
        let reason =
            format!("`{}` is not an entity of service `{}`", item.key, core.naming.service);
        return Ok(Todo::Done(Outcome::Rejected { reason }));
    };
    if let Detail::Dashboard { charts, data_models } = &draft.detail {
        let missing = match missing(core, charts, data_models).await {
            Ok(missing) => missing,
            Err(failure) => return Ok(Todo::Done(core.outcome(&naming(&draft), failure)?)),
        };
        if let Some(reason) = missing {
            return Ok(Todo::Done(Outcome::Waiting { reason }));
        }
    }
    let content = draft.content();
    match core.directory.lookup(draft.kind, &draft.name) {
        Lookup::Known(known) if known.has_content(content) => {
            if draft.kind == Kind::Dashboard && core.needs_relink(&draft.name) {
                return Ok(Todo::Update(Box::new(draft)));
            }
            Ok(Todo::Done(Outcome::Unchanged))
        }
        Lookup::Known(_) | Lookup::Unasked => Ok(Todo::Update(Box::new(draft))),
        Lookup::Absent => Ok(Todo::Row(Box::new(Row::create(draft, content)))),
    }
}

/// In words, for messages.
fn naming(draft: &Draft) -> String {
    format!("write {} `{}`", draft.kind.entity_type(), draft.fqn)
}

/// What the entity of a change should be; `None` for events that are none of ours.
async fn draft(core: &Core, item: &Item) -> Result<Option<Draft>, Failure> {
    let Change::Upsert(event) = &item.change else { return Ok(None) };
    let naming = &core.naming;
    let (mut draft, owner) = match &**event {
        Event::Dashboard(event) if event.service == naming.service => {
            (map::dashboard(event, naming), event.owner.as_ref())
        }
        Event::Chart(event) if event.service == naming.service => (map::chart(event, naming), None),
        Event::DataModel(event) if event.service == naming.service => {
            (map::data_model(event, naming), None)
        }
        _ => return Ok(None),
    };
    if core.load.tags {
        draft.tags = core.tags.resolve(&core.client, naming, &draft.tags).await?;
    } else {
        draft.tags.clear();
    }
    if let (true, Some(owner)) = (core.load.owners, owner) {
        let unmatched = &core.client.counters.owners_unmatched;
        draft
            .owners
            .extend(core.owners.resolve(&core.client, &core.search, owner, unmatched).await?);
    }
    if let (Kind::DataModel, Some(app_id)) = (draft.kind, &draft.app_id) {
        draft.project = core.project(&naming.dashboard(app_id)).flatten();
    }
    Ok(Some(draft))
}

/// What a dashboard refers to that is not there: the server refuses it as a whole then.
async fn missing(
    core: &Core,
    charts: &[String],
    data_models: &[String],
) -> Result<Option<String>, Failure> {
    let charts = charts.iter().map(|fqn| (Kind::Chart, fqn));
    let mut absent = Vec::new();
    for (kind, fqn) in charts.chain(data_models.iter().map(|fqn| (Kind::DataModel, fqn))) {
        let Some(name) = super::fqn::split(fqn).pop() else { continue };
        match core.directory.lookup(kind, &name) {
            Lookup::Known(known) if !known.deleted => {}
            // Not asked yet: the PUT itself will tell.
            Lookup::Unasked => {}
            Lookup::Known(_) | Lookup::Absent => {
                if absent.is_empty() && core.find(kind, &name).await?.is_some() {
                    continue;
                }
                absent.push(fqn.as_str());
            }
        }
    }
    let Some(first) = absent.first() else { return Ok(None) };
    let more = match absent.len() {
        1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    Ok(Some(format!("`{first}`{more} of the dashboard is not in OpenMetadata yet")))
}

/// Tries of an update whose entity changes meanwhile.
const TRIES: usize = 4;

/// Brings an entity that may be stored up to date, or finds the row that does.
async fn update(core: &Core, draft: Draft) -> Result<Todo, Fatal> {
    let what = naming(&draft);
    for _ in 0..TRIES {
        match try_update(core, &draft).await {
            Ok(Some(todo)) => return Ok(todo),
            Ok(None) | Err(Failure::Outdated) => {}
            Err(failure) => return core.outcome(&what, failure).map(Todo::Done),
        }
    }
    core.outcome(&what, Failure::Outdated).map(Todo::Done)
}

/// `None` when it has to be done once more with a fresh look at the entity.
async fn try_update(core: &Core, draft: &Draft) -> Result<Option<Todo>, Failure> {
    let features = &core.naming.features;
    let fields = stored::fields(draft.kind, &core.naming);
    let content = draft.content();
    let Some((entity, etag)) = core.read(draft.kind, &draft.name, &fields, None).await? else {
        return Ok(Some(Todo::Row(Box::new(Row::create(draft.clone(), content)))));
    };
    let stored = Stored::of(&entity, &core.naming);
    let recorded = stored.record().is_some_and(|record| record.content == content);
    if recorded && !stored.deleted && has_links(draft, &stored) {
        // Whatever else is different, a person changed.
        if draft.kind == Kind::Dashboard {
            core.set_relink(&draft.name, false);
        }
        return Ok(Some(Todo::Done(Outcome::Unchanged)));
    }
    let mut draft = draft.clone();
    if let (Kind::DataModel, Some(app_id)) = (draft.kind, &draft.app_id)
        && core.project(&core.naming.dashboard(app_id)).is_none()
    {
        draft.project.clone_from(&stored.project);
    }
    let ours = ours(core, &draft, &stored).await?;
    let tags = core.load.tags.then_some(&core.tags);
    let plan = plan::plan(&draft, &stored, &ours, features, tags);
    if stored.deleted && !core.only_looks() {
        return restore(core, &stored, plan).await.map(|()| None);
    }
    core.kept(draft.kind, plan.kept);
    if plan.is_stored && (recorded || !features.source_hash) {
        if draft.kind == Kind::Dashboard {
            core.set_relink(&draft.name, false);
        }
        return Ok(Some(Todo::Done(Outcome::Unchanged)));
    }
    if core.only_looks() {
        let differences = difference::between(&plan.entity, &stored, &plan.patch);
        let row = Row::update(plan.entity, Some(plan.record.encode()), plan.extras);
        return Ok(Some(Todo::Row(Box::new(Row { differences, ..row }))));
    }
    // 2.0 skips rows whose hash is the stored one, so what is only to be linked again is sent alone.
    let is_plain = plan.patch.is_empty() && plan.override_tags.is_none() && !recorded;
    if is_plain && stored.certification.is_none() {
        let Plan { entity, record, extras, .. } = plan;
        let row = Row::update(entity, Some(record.encode()), extras);
        return Ok(Some(Todo::Row(Box::new(row))));
    }
    let outcome = write::apply(core, &stored, etag.as_deref(), plan).await?;
    Ok(Some(Todo::Done(outcome)))
}

/// Whether a dashboard has the charts and data models that it should have; other entities have none.
fn has_links(draft: &Draft, stored: &Stored) -> bool {
    match &draft.detail {
        Detail::Dashboard { charts, data_models } => {
            charts.iter().all(|chart| stored.charts.contains(chart))
                && data_models.iter().all(|model| stored.data_models.contains(model))
        }
        Detail::Chart { .. } | Detail::DataModel { .. } => true,
    }
}

/// Brings a soft-deleted entity back as it was, with what Qlik says; it is then updated like any other.
async fn restore(core: &Core, stored: &Stored, plan: Plan) -> Result<(), Failure> {
    let Plan { entity, extras, .. } = plan;
    // The old record stays: what has to be patched is patched when the entity is there again.
    // The project comes with this request already.
    let project = hash::project_mark(entity.project.as_deref());
    let record = stored.record().map(|record| hash::Record { project, ..record }.encode());
    let row = Row::update(entity, record.or_else(|| stored.source_hash.clone()), extras);
    if let (true, Some(app_id)) = (row.draft.kind != Kind::Dashboard, &row.draft.app_id) {
        core.set_relink(&core.naming.dashboard(app_id), true);
    }
    match write::put(core, row).await? {
        Outcome::Created | Outcome::Updated | Outcome::Unchanged => Ok(()),
        Outcome::Rejected { reason } => Err(Failure::Refused(reason)),
        other => Err(Failure::Missing(format!("{other:?}"))),
    }
}

/// Finds out which stored values are ours, as far as that matters.
async fn ours(core: &Core, draft: &Draft, stored: &Stored) -> Result<Ours, Failure> {
    if core.load.override_metadata {
        return Ok(Ours::everything());
    }
    let conflicts = Conflicts::between(draft, stored);
    let recorded = stored.record().map(|record| Ours::of(&record, stored));
    let columns_known =
        recorded.as_ref().is_some_and(|ours| ours.columns == OurColumns::All) || !conflicts.columns;
    if let Some(ours) = recorded.clone()
        && columns_known
    {
        return Ok(ours);
    }
    if !conflicts.entity && !conflicts.columns {
        return Ok(recorded.unwrap_or_default());
    }
    let history = read_history(core, draft.kind, &stored.id).await?;
    if !core.naming.features.source_hash {
        let users = core.users();
        return Ok(Ours {
            display_name: history.is_by(&users, stored, |version| version.display_name.clone()),
            description: history.is_by(&users, stored, |version| version.description.clone()),
            owners: history.is_by(&users, stored, |version| version.owners.clone()),
            columns: OurColumns::With(history.columns_by(&users, stored)),
        });
    }
    let mut ours = match (recorded, history.record()) {
        (Some(ours), _) => ours,
        (None, Some(record)) => Ours::of(&record, stored),
        (None, None) => Ours::default(),
    };
    if ours.columns == OurColumns::None && conflicts.columns {
        ours.columns = history.our_columns().map_or(OurColumns::None, OurColumns::With);
    }
    Ok(ours)
}

async fn read_history(core: &Core, kind: Kind, id: &str) -> Result<History, Failure> {
    let path = format!("{}{}/versions", kind.path(), super::fqn::path(&[id]));
    match core.client.get(path, Vec::new()).await {
        Ok(Some(answer)) => Ok(History::of(&answer.body, &core.naming)),
        // Without a history everything counts as a person's.
        Ok(None) | Err(Failure::Refused(_) | Failure::Forbidden(_)) => Ok(History::default()),
        Err(failure) => Err(failure),
    }
}

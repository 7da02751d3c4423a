//! The stream or space of data models: it belongs to the app, whose dashboard comes after them.

use schemas::Event;
use serde_json::{Value, json};

use super::super::{
    client::{Call, Failure},
    core::Core,
    fqn,
    hash::{self, Record},
    map::{self, Detail, Kind},
    state::{Known, Lookup},
};
use crate::sink::{Change, Fatal, Item, Outcome};

/// Remembers the projects of the apps whose dashboards are among the items.
pub(in super::super) fn observe(core: &Core, items: &[Item]) {
    for item in items {
        if let Change::Upsert(event) = &item.change
            && let Event::Dashboard(event) = &**event
            && event.service == core.naming.service
        {
            let project = event.project.as_ref().and_then(|p| map::text::line(&p.name));
            core.set_project(&core.naming.dashboard(&event.app_id), project.as_deref());
        }
    }
}

/// Gives the data models of the dashboards that were just written the project of their app.
pub(super) async fn settle(
    core: &Core,
    items: &[&Item],
    outcomes: &[Outcome],
) -> Result<(), Fatal> {
    // Servers without `sourceHash` do not store a changed project (seen on 1.2).
    if !core.naming.features.source_hash {
        return Ok(());
    }
    for (item, outcome) in items.iter().zip(outcomes) {
        let Change::Upsert(event) = &item.change else { continue };
        let Event::Dashboard(event) = &**event else { continue };
        if !matches!(outcome, Outcome::Created | Outcome::Updated | Outcome::Unchanged) {
            continue;
        }
        let draft = map::dashboard(event, &core.naming);
        core.set_project(&draft.name, draft.project.as_deref());
        let Detail::Dashboard { data_models, .. } = &draft.detail else { continue };
        for name in data_models.iter().filter_map(|fqn| fqn::split(fqn).pop()) {
            let is_right = match core.directory.lookup(Kind::DataModel, &name) {
                Lookup::Known(known) => {
                    known.deleted || known.project == hash::project_mark(draft.project.as_deref())
                }
                Lookup::Absent => true,
                // Nobody looked at it in this run; it was right when its dashboard was written last.
                Lookup::Unasked => *outcome == Outcome::Unchanged,
            };
            if is_right {
                continue;
            }
            match set_project(core, &name, draft.project.as_deref()).await {
                Ok(()) | Err(Failure::Stopped) => {}
                Err(Failure::Fatal { message, exit_code }) => {
                    return Err(Fatal { message, exit_code });
                }
                // The data model is there, only its project is not right.
                Err(failure) => {
                    tracing::warn!(name, ?failure, "the project of a data model cannot be set");
                }
            }
        }
    }
    Ok(())
}

async fn set_project(core: &Core, name: &str, project: Option<&str>) -> Result<(), Failure> {
    if core.only_looks() {
        // It goes without saying: the stream or space is that of the dashboard that is told about.
        return Ok(());
    }
    let Some((entity, _)) = core.read(Kind::DataModel, name, "", None).await? else {
        return Ok(());
    };
    let text = |member: &str| entity.get(member).and_then(Value::as_str);
    let stored = text("project").filter(|text| !text.is_empty());
    let (Some(id), true) = (text("id"), stored != project) else { return Ok(()) };
    let mut operations = vec![match project {
        Some(project) => json!({"op": "add", "path": "/project", "value": project}),
        None => json!({"op": "remove", "path": "/project"}),
    }];
    // The server stores a changed project only together with something that it compares (seen).
    let record = text("sourceHash").and_then(Record::decode);
    if let Some(record) = record {
        let record = Record { project: hash::project_mark(project), ..record };
        operations.push(json!({"op": "add", "path": "/sourceHash", "value": record.encode()}));
    }
    let body = json!(operations);
    let path = format!("{}{}", Kind::DataModel.path(), fqn::path(&[id]));
    core.client.send(&Call::patch(path, &body, None)).await?;
    core.directory.set(
        Kind::DataModel,
        name,
        Known::new(Some(id), record.map(|record| record.content), project),
    );
    Ok(())
}

//! The app itself → its event.

use schemas::{
    event::{CustomProperty, Dashboard, Millis, Owner, Project, Sheet},
    hash,
};
use serde_json::Value;

use super::{
    App,
    json::{flag, member, text, time},
    tables,
};
use crate::qlik::model::{AppContent, AppEntry};

/// Makes the event. What no list says is taken from the app's layout, whose members are on the top
/// level (Qlik Cloud) or in `qMeta`.
pub(super) fn dashboard(
    app: &App<'_>,
    sheets: Vec<Sheet>,
    mut data_model_keys: Vec<String>,
) -> Dashboard {
    let (entry, layout) = (app.entry, Layout(&app.content.layout));
    data_model_keys.sort_unstable();
    let title = Some(entry.title.as_str()).filter(|title| !title.trim().is_empty());
    Dashboard {
        service: app.context.service.to_owned(),
        app_id: app.id.to_owned(),
        observed_at: app.context.observed_at,
        modified_at: entry.modified_at.or_else(|| layout.time("modifiedDate")),
        title: title.or_else(|| text(layout.0, "qTitle")).unwrap_or(app.id).to_owned(),
        description: entry.description.clone().or_else(|| layout.text("description")),
        url: app.url(&["overview"]),
        project: project(app),
        owner: owner(app),
        tags: listed_tags(entry),
        custom_properties: listed_custom_properties(entry),
        published: entry.published.or_else(|| layout.flag("published")),
        created_at: entry.created_at.or_else(|| layout.time("createdDate")),
        published_at: entry.published_at.or_else(|| layout.time("publishTime")),
        last_reload_at: reloaded_at(app),
        sheets,
        data_model_keys,
        size_bytes: entry.size_bytes,
        has_section_access: tables::has_section_access(&app.content.data_model)
            .or(entry.has_section_access)
            .or_else(|| layout.flag("hassectionaccess"))
            .or_else(|| layout.flag("qHasSectionAccess")),
        script_hash: app.content.script.as_ref().map(|script| hash::hex128(script.as_bytes())),
    }
}

/// Tags as listed, sorted, each once.
pub(crate) fn listed_tags(entry: &AppEntry) -> Vec<String> {
    let mut tags = entry.tags.clone();
    tags.sort_unstable();
    tags.dedup();
    tags
}

/// Custom properties as listed, sorted, each once.
pub(crate) fn listed_custom_properties(entry: &AppEntry) -> Vec<CustomProperty> {
    let property = |(name, value): &(String, String)| CustomProperty {
        name: name.clone(),
        value: value.clone(),
    };
    let mut custom_properties: Vec<_> = entry.custom_properties.iter().map(property).collect();
    custom_properties.sort_unstable();
    custom_properties.dedup();
    custom_properties
}

/// Stream or space as listed.
pub(crate) fn listed_project(entry: &AppEntry) -> Option<Project> {
    entry.project.as_ref().map(|(id, name)| Project { id: id.clone(), name: name.clone() })
}

/// Owner as listed.
pub(crate) fn listed_owner(entry: &AppEntry) -> Option<Owner> {
    entry.owner.as_ref().map(|owner| Owner {
        id: owner.id.clone(),
        directory: owner.directory.clone(),
        name: owner.name.clone(),
        email: owner.email.clone(),
    })
}

/// When the app's data was loaded.
pub(super) fn reloaded_at(app: &App<'_>) -> Option<Millis> {
    let AppContent { layout, reload, .. } = app.content;
    let told = app.entry.last_reload_at.or_else(|| time(layout, "qLastReloadTime"));
    told.or_else(|| time(reload, "endTime"))
}

/// The app's layout.
struct Layout<'a>(&'a Value);

impl<'a> Layout<'a> {
    fn places(&self) -> impl Iterator<Item = &'a Value> {
        [member(self.0, "qMeta"), Some(self.0)].into_iter().flatten()
    }

    fn text(&self, key: &str) -> Option<String> {
        self.places().find_map(|place| text(place, key)).map(str::to_owned)
    }

    fn flag(&self, key: &str) -> Option<bool> {
        self.places().find_map(|place| flag(place, key))
    }

    fn time(&self, key: &str) -> Option<Millis> {
        self.places().find_map(|place| time(place, key))
    }

    fn member(&self, key: &str) -> Option<&'a Value> {
        self.places().find_map(|place| member(place, key))
    }
}

fn project(app: &App<'_>) -> Option<Project> {
    if let Some(project) = listed_project(app.entry) {
        return Some(project);
    }
    let stream = Layout(&app.content.layout).member("stream")?;
    Some(Project {
        id: text(stream, "id").map(str::to_owned),
        name: text(stream, "name")?.to_owned(),
    })
}

/// The owner as the lists say; else as the layout does, where it is an object (Enterprise) or an id
/// (Cloud).
fn owner(app: &App<'_>) -> Option<Owner> {
    if let Some(owner) = listed_owner(app.entry) {
        return Some(owner);
    }
    let layout = Layout(&app.content.layout);
    if let Some(owner) = layout.member("owner").filter(|owner| owner.is_object()) {
        let own = |key: &str| text(owner, key).map(str::to_owned);
        return Some(Owner {
            id: own("userId"),
            directory: own("userDirectory"),
            name: own("name"),
            email: None,
        });
    }
    layout.text("ownerId").map(|id| Owner { id: Some(id), ..Owner::default() })
}

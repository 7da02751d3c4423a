//! What the site's lists say of an app: what it must be opened for, and what is told without opening it.

use schemas::{event::Dashboard, hash};
use serde_json::json;

use crate::{map, qlik::model::AppEntry};

/// Hash of what an app must be opened for. Times and publication: its content, its data and the states
/// of its sheets move with them. Size and section access move with them too and may differ between the
/// engine's and the repository's lists, so they are left out.
pub(crate) fn listed_hash(entry: &AppEntry) -> String {
    hash::of_json(&json!({
        "modified": entry.modified_at,
        "reloaded": entry.last_reload_at,
        "published": entry.published,
        "publishedAt": entry.published_at,
    }))
}

/// Hash of what [`describe`] writes; `None` when the repository did not tell, which is no change.
pub(crate) fn described_hash(entry: &AppEntry) -> Option<String> {
    entry.described.then(|| {
        let owner = entry
            .owner
            .as_ref()
            .map(|owner| [&owner.id, &owner.directory, &owner.name, &owner.email]);
        hash::of_json(&json!({
            "title": entry.title,
            "description": entry.description,
            "project": entry.project,
            "owner": owner,
            "tags": entry.tags,
            "customProperties": entry.custom_properties,
        }))
    })
}

/// Takes over into the published event what lists tell now. What they leave out and only the opened app
/// tells stays as it was published.
pub(crate) fn describe(dashboard: &mut Dashboard, entry: &AppEntry) {
    if !entry.title.trim().is_empty() {
        dashboard.title.clone_from(&entry.title);
    }
    if entry.description.is_some() {
        dashboard.description.clone_from(&entry.description);
    }
    if entry.project.is_some() || entry.published == Some(false) {
        dashboard.project = map::listed_project(entry);
    }
    if entry.owner.is_some() {
        dashboard.owner = map::listed_owner(entry);
    }
    dashboard.tags = map::listed_tags(entry);
    dashboard.custom_properties = map::listed_custom_properties(entry);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qlik::model::Owner;

    fn entry() -> AppEntry {
        AppEntry {
            id: "a".into(),
            title: "t".into(),
            described: true,
            modified_at: Some(1),
            ..AppEntry::default()
        }
    }

    #[test]
    fn only_times_and_publication_open_an_app() {
        let check = |change: fn(&mut AppEntry), opens: bool, describes: bool| {
            let mut changed = entry();
            change(&mut changed);
            assert_eq!(listed_hash(&changed) != listed_hash(&entry()), opens, "{changed:?}");
            assert_eq!(
                described_hash(&changed) != described_hash(&entry()),
                describes,
                "{changed:?}"
            );
        };
        check(|entry| entry.modified_at = Some(2), true, false);
        check(|entry| entry.last_reload_at = Some(2), true, false);
        check(|entry| entry.published = Some(true), true, false);
        check(|entry| entry.published_at = Some(2), true, false);
        check(|entry| entry.size_bytes = Some(2), false, false);
        check(|entry| entry.title = "u".into(), false, true);
        check(|entry| entry.project = Some((None, "p".into())), false, true);
        check(|entry| entry.owner = Some(Owner::default()), false, true);
        check(|entry| entry.tags = vec!["t".into()], false, true);
        check(|entry| entry.custom_properties = vec![("a".into(), "b".into())], false, true);
    }

    #[test]
    fn a_silent_repository_says_nothing() {
        assert_eq!(described_hash(&AppEntry { described: false, ..entry() }), None);
    }

    #[test]
    fn what_lists_tell_replaces_what_is_published() {
        let mut dashboard = Dashboard {
            title: "old".into(),
            description: Some("d".into()),
            owner: Some(schemas::event::Owner { id: Some("o".into()), ..Default::default() }),
            tags: vec!["old".into()],
            size_bytes: Some(7),
            ..Dashboard::default()
        };
        let listed = AppEntry {
            tags: vec!["b".into(), "a".into()],
            project: Some((Some("1".into()), "Finance".into())),
            ..entry()
        };
        describe(&mut dashboard, &listed);
        assert_eq!(dashboard.title, "t");
        assert_eq!(dashboard.tags, ["a", "b"]);
        assert_eq!(
            dashboard.project.as_ref().map(|project| project.name.as_str()),
            Some("Finance")
        );
        assert!(dashboard.owner.is_some() && dashboard.description.is_some());
        assert_eq!(dashboard.size_bytes, Some(7));
        describe(&mut dashboard, &AppEntry { published: Some(false), ..entry() });
        assert_eq!(dashboard.project, None);
    }
}

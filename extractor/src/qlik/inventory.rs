//! The site's apps: the engine's list, and what the repository adds to it. Pure; reading is in `site`.
//!
//! The engine's list (`GetDocList`) is the list of record: it holds exactly the apps that the user may
//! open. The repository only adds to its entries.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::model::{AppEntry, Owner};
use super::qrs::{App, CustomProperty, Named, User};
use super::rpc;

/// Qlik's null date is 1753-01-01; whatever lies before this is no time of an app.
const FIRST_TIME: i64 = -6_000_000_000_000;

/// Entries of the engine's list, in order, each app once.
pub(super) struct DocList {
    pub(super) apps: Vec<AppEntry>,
    /// Entries without an id: something is there, and it is not known what.
    pub(super) damaged: usize,
}

/// Reads the engine's list (`{qDocList: […]}`), one entry after the other, since thousands of them as
/// values would take a lot of memory; `None` when there is no list.
pub(super) fn read_doc_list(result: &str) -> Option<DocList> {
    #[derive(Deserialize)]
    struct Listed<'a> {
        #[serde(borrow, rename = "qDocList")]
        entries: Vec<&'a RawValue>,
    }
    // The engine writes some keys twice; the last counts.
    let whole: Box<RawValue>;
    let entries = match serde_json::from_str(result) {
        Ok(Listed { entries }) => entries,
        Err(_) => {
            let list = rpc::value(result).ok()?.get_mut("qDocList")?.take();
            whole = to_raw_value(&list).ok()?;
            serde_json::from_str(whole.get()).ok()?
        }
    };
    let mut seen = HashSet::new();
    let mut list = DocList { apps: Vec::with_capacity(entries.len()), damaged: 0 };
    for entry in entries {
        match rpc::value(entry.get()).ok().as_ref().and_then(read_entry) {
            Some(app) if seen.insert(app.id.clone()) => list.apps.push(app),
            Some(_) => {}
            None => list.damaged += 1,
        }
    }
    Some(list)
}

fn read_entry(entry: &Value) -> Option<AppEntry> {
    let meta = entry.get("qMeta").unwrap_or(&Value::Null);
    let id = text(entry, "qDocId")?;
    let published_at = time(text(meta, "publishTime"));
    Some(AppEntry {
        title: text(entry, "qTitle").or_else(|| text(entry, "qDocName")).unwrap_or(id).to_owned(),
        id: id.to_owned(),
        description: text(meta, "description").map(str::to_owned),
        published: meta.get("published").and_then(Value::as_bool),
        project: meta.get("stream").and_then(|stream| {
            Some((text(stream, "id").map(str::to_owned), text(stream, "name")?.to_owned()))
        }),
        described: false,
        owner: None,
        tags: Vec::new(),
        custom_properties: Vec::new(),
        created_at: time(text(meta, "createdDate")),
        modified_at: time(text(meta, "modifiedDate")),
        published_at,
        last_reload_at: time(text(entry, "qLastReloadTime")),
        size_bytes: entry.get("qFileSize").and_then(positive),
        has_section_access: entry.get("qHasSectionAccess").and_then(Value::as_bool),
    })
}

/// Adds what the repository says of an app: all that only it knows, and what the engine left out.
pub(super) fn add_repository(
    entries: &mut [AppEntry],
    apps: Vec<App>,
    users: &HashMap<String, User>,
) {
    let mut by_id: HashMap<String, App> =
        apps.into_iter().map(|app| (app.id.clone(), app)).collect();
    for entry in entries {
        if let Some(app) = by_id.remove(&entry.id) {
            add_app(entry, app, users);
        }
    }
}

/// Entries for apps that the repository alone told, as the engine's list would have them.
pub(super) fn of_repository(apps: Vec<App>, users: &HashMap<String, User>) -> Vec<AppEntry> {
    let entry = |app: App| {
        let mut entry =
            AppEntry { id: app.id.clone(), title: app.id.clone(), ..AppEntry::default() };
        add_app(&mut entry, app, users);
        entry
    };
    apps.into_iter().filter(|app| !app.id.is_empty()).map(entry).collect()
}

fn add_app(entry: &mut AppEntry, app: App, users: &HashMap<String, User>) {
    let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let at = |text: Option<String>| time(text.as_deref());
    entry.described = true;
    entry.owner = app.owner.map(|owner| {
        let user = owner.id.as_ref().and_then(|id| users.get(id));
        let email = user.and_then(User::email).or_else(|| owner.email()).map(str::to_owned);
        Owner {
            id: filled(owner.user_id),
            directory: filled(owner.user_directory),
            name: filled(owner.name),
            email,
        }
    });
    entry.tags = app.tags.into_iter().flatten().filter_map(|tag: Named| filled(tag.name)).collect();
    entry.tags.sort();
    entry.tags.dedup();
    entry.custom_properties = app
        .custom_properties
        .into_iter()
        .flatten()
        .filter_map(|property: CustomProperty| {
            Some((filled(property.definition?.name)?, filled(property.value)?))
        })
        .collect();
    entry.custom_properties.sort();
    entry.custom_properties.dedup();
    if entry.title == entry.id
        && let Some(name) = filled(app.name)
    {
        entry.title = name;
    }
    entry.description = entry.description.take().or_else(|| filled(app.description));
    entry.published = entry.published.or(app.published);
    if entry.project.is_none()
        && let Some(stream) = app.stream
        && let Some(name) = filled(stream.name)
    {
        entry.project = Some((stream.id, name));
    }
    entry.created_at = entry.created_at.or_else(|| at(app.created_date));
    entry.modified_at = entry.modified_at.or_else(|| at(app.modified_date));
    entry.published_at = entry.published_at.or_else(|| at(app.publish_time));
    entry.last_reload_at = entry.last_reload_at.or_else(|| at(app.last_reload_time));
    // The engine's figure is of Desktop and of old sites; the repository's is the file.
    entry.size_bytes = app.file_size.filter(|size| *size > 0).or(entry.size_bytes);
}

/// Repository ids of the apps' owners, each once.
pub(super) fn owner_ids(apps: &[App]) -> Vec<String> {
    let mut ids: Vec<String> = apps
        .iter()
        .filter_map(|app| app.owner.as_ref())
        .filter(|owner| owner.email().is_none())
        .filter_map(|owner| owner.id.clone())
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Milliseconds since the epoch; `None` for Qlik's null date and for what is no time. Times without a
/// zone are UTC.
pub(super) fn time(text: Option<&str>) -> Option<i64> {
    let text = text?.trim();
    let time: Timestamp = match text.parse() {
        Ok(time) => time,
        Err(_) => format!("{text}Z").parse().ok()?,
    };
    let milliseconds = time.as_millisecond();
    (milliseconds >= FIRST_TIME).then_some(milliseconds)
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

fn positive(value: &Value) -> Option<i64> {
    value.as_i64().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// 2026-01-02T03:04:05.006Z.
    const TIME: i64 = 1_767_323_045_006;

    #[test]
    fn times() {
        let check = |text: &str, expected: Option<i64>| {
            assert_eq!(time(Some(text)), expected, "{text}");
        };
        check("2026-01-02T03:04:05.006Z", Some(TIME));
        check("2026-01-02T05:04:05.006+02:00", Some(TIME));
        check("2026-01-02T03:04:05.006", Some(TIME));
        check("1753-01-01T00:00:00.000Z", None);
        check("1969-12-31T23:59:59Z", Some(-1_000));
        check("", None);
        check("yesterday", None);
        check("9999999-01-01T00:00:00Z", None);
    }

    #[test]
    fn an_entry_of_the_engine() {
        let entry = json!({
            "qDocName": "Sales", "qTitle": "Sales", "qDocId": "1f0c", "qFileSize": 7,
            "qLastReloadTime": "2026-01-02T03:04:05.006Z", "qHasSectionAccess": true,
            "qMeta": {
                "createdDate": "2026-01-02T03:04:05.006Z", "modifiedDate": "2026-01-02T03:04:05.006Z",
                "published": true, "publishTime": "1753-01-01T00:00:00.000Z", "description": "",
                "stream": {"id": "3cd5", "name": "Finance"}
            }
        });
        let entries = json!([entry, entry, {"qDocName": "x"}, 1]);
        let list = read_doc_list(&json!({"qDocList": entries}).to_string()).expect("a list");
        assert_eq!(list.damaged, 2);
        assert_eq!(
            list.apps,
            [AppEntry {
                id: "1f0c".to_owned(),
                title: "Sales".to_owned(),
                published: Some(true),
                project: Some((Some("3cd5".to_owned()), "Finance".to_owned())),
                created_at: Some(TIME),
                modified_at: Some(TIME),
                last_reload_at: Some(TIME),
                size_bytes: Some(7),
                has_section_access: Some(true),
                ..AppEntry::default()
            }]
        );
    }

    #[test]
    fn an_app_that_says_nothing_of_itself() {
        let text = r#"{"qDocList":[{"qDocId":"a","qFileSize":0}]}"#;
        let list = read_doc_list(text).expect("a list");
        assert!(read_doc_list("{}").is_none() && read_doc_list(r#"{"qDocList":null}"#).is_none());
        assert_eq!(
            list.apps,
            [AppEntry { id: "a".to_owned(), title: "a".to_owned(), ..AppEntry::default() }]
        );
    }

    #[test]
    fn the_repository_adds_and_does_not_replace() {
        let mut entries = vec![
            AppEntry {
                id: "a".to_owned(),
                title: "From the engine".to_owned(),
                modified_at: Some(1),
                ..AppEntry::default()
            },
            AppEntry { id: "b".to_owned(), title: "b".to_owned(), ..AppEntry::default() },
        ];
        let apps: Vec<App> = serde_json::from_value(json!([
            {
                "id": "a", "name": "From the repository", "published": true, "fileSize": 9,
                "modifiedDate": "2026-01-02T03:04:05.006Z", "createdDate": "2026-01-02T03:04:05.006Z",
                "owner": {"id": "u1", "userId": "dana", "userDirectory": "CORP", "name": "Dana Q"},
                "stream": {"id": "s", "name": "Finance", "privileges": null},
                "tags": [{"name": "z"}, {"name": "a"}, {"name": "z"}, {"name": ""}],
                "customProperties": [
                    {"value": "Production", "definition": {"name": "Environment"}},
                    {"value": "x", "definition": null}
                ]
            },
            {"id": "unknown to the engine"}
        ]))
        .unwrap();
        let users: Vec<User> = serde_json::from_value(json!([
            {"id": "u1", "attributes": [{"attributeType": "Email", "attributeValue": "dana@corp"}]}
        ]))
        .unwrap();
        assert_eq!(owner_ids(&apps), ["u1"]);
        let users = users.into_iter().filter_map(|user| Some((user.id.clone()?, user))).collect();
        add_repository(&mut entries, apps, &users);
        assert_eq!(
            entries[0],
            AppEntry {
                id: "a".to_owned(),
                title: "From the engine".to_owned(),
                described: true,
                published: Some(true),
                project: Some((Some("s".to_owned()), "Finance".to_owned())),
                owner: Some(Owner {
                    id: Some("dana".to_owned()),
                    directory: Some("CORP".to_owned()),
                    name: Some("Dana Q".to_owned()),
                    email: Some("dana@corp".to_owned()),
                }),
                tags: vec!["a".to_owned(), "z".to_owned()],
                custom_properties: vec![("Environment".to_owned(), "Production".to_owned())],
                created_at: Some(TIME),
                modified_at: Some(1),
                size_bytes: Some(9),
                ..AppEntry::default()
            }
        );
        assert_eq!(entries[1].title, "b");
    }
}

//! The records of the repository, built when asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::filter::Filter;
use crate::bundle::{Connection, Person, derived_id};
use crate::content::text_at;
use crate::engine::{ENGINE_VERSION, NULL_DATE};

use crate::site::{App, Site, service_account};

const NULL_GUID: &str = "00000000-0000-0000-0000-000000000000";

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entity {
    App,
    AppObject,
    Stream,
    User,
    ReloadTask,
    DataConnection,
    Tag,
    CustomPropertyDefinition,
}

impl Entity {
    pub(super) fn parse(segments: &[&str]) -> Option<Self> {
        Some(match segments {
            ["app"] => Self::App,
            ["app", "object"] => Self::AppObject,
            ["stream"] => Self::Stream,
            ["user"] => Self::User,
            ["reloadtask"] => Self::ReloadTask,
            ["dataconnection"] => Self::DataConnection,
            ["tag"] => Self::Tag,
            ["custompropertydefinition"] => Self::CustomPropertyDefinition,
            _ => return None,
        })
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::AppObject => "app/object",
            Self::Stream => "stream",
            Self::User => "user",
            Self::ReloadTask => "reloadtask",
            Self::DataConnection => "dataconnection",
            Self::Tag => "tag",
            Self::CustomPropertyDefinition => "custompropertydefinition",
        }
    }

    /// The records that a filter lets through, in full, built one after the other.
    pub(super) fn records<'f>(
        self,
        site: &Arc<Site>,
        filter: &'f Filter,
    ) -> Box<dyn Iterator<Item = Value> + 'f> {
        // A large site is asked for one app again and again.
        let wanted = match self {
            Self::App => filter.required("id"),
            Self::ReloadTask => filter.required("app.id"),
            _ => None,
        };
        let apps = match wanted {
            Some(id) => site.app(id).into_iter().collect(),
            None => site.apps(),
        };
        Box::new(self.of(site, apps).filter(|record| filter.matches(record)))
    }

    fn of(self, site: &Arc<Site>, apps: Vec<Arc<App>>) -> Box<dyn Iterator<Item = Value>> {
        let apps = apps.into_iter();
        match self {
            Self::App => Box::new(apps.map(|app| self::app(&app))),
            Self::AppObject => Box::new(apps.flat_map(|app| app_objects(&app))),
            Self::Stream => Box::new(streams(site).into_iter()),
            Self::User => Box::new(site.users().into_iter().map(|user| full_user(&user))),
            Self::ReloadTask => Box::new(apps.filter_map(|app| reload_task(&app))),
            Self::DataConnection => {
                let connections = site.connections();
                let records: Vec<Value> = connections.iter().map(data_connection).collect();
                Box::new(records.into_iter())
            }
            Self::Tag => {
                let names: BTreeSet<String> = apps.flat_map(|app| app.keys.tags.clone()).collect();
                Box::new(names.into_iter().map(|name| tag(&name)))
            }
            Self::CustomPropertyDefinition => Box::new(definitions(site).into_iter()),
        }
    }

    /// The few members that a list without `/full` has.
    pub(super) fn condensed(self, record: Value) -> Value {
        let kept: &[&str] = match self {
            Self::App => &[
                "id",
                "name",
                "appId",
                "publishTime",
                "published",
                "stream",
                "savedInProductVersion",
                "migrationHash",
                "availabilityStatus",
                "privileges",
            ],
            Self::AppObject => &["id", "name", "objectType", "engineObjectId", "privileges"],
            Self::User => &["id", "userId", "userDirectory", "name", "privileges"],
            Self::ReloadTask => &["id", "name", "enabled", "operational", "privileges"],
            _ => &["id", "name", "privileges"],
        };
        let Value::Object(record) = record else { return record };
        let kept = record.into_iter().filter(|(key, _)| kept.contains(&key.as_str()));
        Value::Object(kept.collect())
    }
}

/// `app/full`.
pub(super) fn app(app: &App) -> Value {
    let owner = app.owner();
    let saved = app.content.app_text("qSavedInProductVersion").unwrap_or(ENGINE_VERSION);
    let publish_time = app.publish_time().unwrap_or_else(|| NULL_DATE.into());
    json!({
        "id": app.id,
        "name": app.title,
        "appId": "",
        "description": app.description(),
        "published": app.published(),
        "publishTime": publish_time,
        "stream": app.keys.stream.as_ref().map(|name| stream_reference(name)),
        "owner": user(&owner),
        "tags": app.keys.tags.iter().map(|name| tag_reference(name)).collect::<Vec<_>>(),
        "customProperties": custom_properties(app),
        "createdDate": app.created,
        "modifiedDate": app.modified,
        "modifiedByUserName": owner.account(),
        "lastReloadTime": app.reloaded.as_deref().unwrap_or(NULL_DATE),
        "fileSize": app.size().unwrap_or(0),
        "sourceAppId": NULL_GUID,
        "targetAppId": NULL_GUID,
        "savedInProductVersion": saved,
        "migrationHash": app.content.app_text("qMigrationHash").unwrap_or_default(),
        "dynamicColor": app.content.app_text("dynamicColor").unwrap_or_default(),
        "thumbnail": text_at(&Value::Object(app.content.bundle.app.clone()), "/qThumbnail/qUrl"),
        "availabilityStatus": 1,
        "privileges": null,
        "schemaPath": "App",
    })
}

/// What sorting an app by a column compares, for the columns that clients page by.
pub(super) fn app_sort_key(app: &App, column: &str) -> Option<String> {
    Some(match column {
        "id" => app.id.clone(),
        "name" => app.title.clone(),
        "createdDate" => app.created.clone(),
        "modifiedDate" => app.modified.clone(),
        "lastReloadTime" => app.reloaded.clone().unwrap_or_else(|| NULL_DATE.into()),
        _ => return None,
    })
}

/// Id of the reload task of an app.
pub(super) fn task_id(app: &App) -> String {
    derived_id("reload task", &app.id)
}

fn custom_properties(app: &App) -> Vec<Value> {
    let mut all = Vec::new();
    for (name, values) in &app.keys.custom_properties {
        for value in values {
            all.push(json!({
                "id": derived_id("custom property", &format!("{}/{name}/{value}", app.id)),
                "value": value,
                "definition": {
                    "id": derived_id("custom property definition", name),
                    "name": name,
                    "valueType": "Text",
                    "choiceValues": values,
                    "privileges": null,
                },
                "schemaPath": "CustomPropertyValue",
            }));
        }
    }
    all
}

fn user(person: &Person) -> Value {
    json!({
        "id": derived_id("user", &person.account()),
        "userId": person.id,
        "userDirectory": person.directory,
        "userDirectoryConnectorName": person.directory,
        "name": person.display_name(),
        "privileges": null,
    })
}

fn full_user(person: &Person) -> Value {
    let mut record = user(person);
    if let Value::Object(record) = &mut record {
        let attributes: Vec<Value> = person
            .email
            .iter()
            .map(|email| {
                json!({
                    "id": derived_id("attribute", &person.account()),
                    "attributeType": "Email",
                    "attributeValue": email,
                    "externalId": "",
                })
            })
            .collect();
        record.insert("attributes".into(), Value::Array(attributes));
        let internal = person.directory == "INTERNAL";
        let roles = if internal { json!(["RootAdmin"]) } else { json!([]) };
        record.insert("roles".into(), roles);
        for (key, value) in [
            ("inactive", json!(false)),
            ("removedExternally", json!(false)),
            ("blacklisted", json!(false)),
            ("tags", json!([])),
            ("customProperties", json!([])),
        ] {
            record.insert(key.into(), value);
        }
    }
    record
}

fn stream_reference(name: &str) -> Value {
    json!({"id": derived_id("stream", name), "name": name, "privileges": null})
}

fn streams(site: &Site) -> Vec<Value> {
    let apps = site.apps();
    let mut created: BTreeMap<&str, &str> = BTreeMap::new();
    for app in &apps {
        if let Some(name) = &app.keys.stream {
            let first = created.entry(name).or_insert(&app.created);
            *first = (*first).min(&app.created);
        }
    }
    created
        .into_iter()
        .map(|(name, date)| {
            json!({
                "id": derived_id("stream", name),
                "name": name,
                "createdDate": date,
                "modifiedDate": date,
                "owner": user(&service_account()),
                "tags": [],
                "customProperties": [],
                "privileges": null,
            })
        })
        .collect()
}

fn tag_reference(name: &str) -> Value {
    json!({"id": derived_id("tag", name), "name": name, "privileges": null})
}

fn tag(name: &str) -> Value {
    tag_reference(name)
}

fn definitions(site: &Site) -> Vec<Value> {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for app in site.apps() {
        for (name, own) in &app.keys.custom_properties {
            values.entry(name.clone()).or_default().extend(own.iter().cloned());
        }
    }
    values
        .into_iter()
        .map(|(name, values)| {
            json!({
                "id": derived_id("custom property definition", &name),
                "name": name,
                "valueType": "Text",
                "choiceValues": values,
                "objectTypes": ["App"],
                "privileges": null,
            })
        })
        .collect()
}

/// `app/object/full`: the registry of objects, without properties.
fn app_objects(app: &App) -> Vec<Value> {
    let content = &app.content;
    let own = content.app_objects(None).map(|object| &object.properties);
    let items = content.bundle.dimensions.iter().chain(&content.bundle.measures);
    let mut records = Vec::new();
    for properties in own.chain(items) {
        let (id, kind) = (text_at(properties, "/qInfo/qId"), text_at(properties, "/qInfo/qType"));
        let keys = app.keys.sheets.get(id).cloned().unwrap_or_default();
        let mut record = Map::new();
        let guid = derived_id("object", &format!("{}/{id}", app.id));
        let owner = keys.owner.unwrap_or_else(|| app.owner());
        let mut put = |key: &str, value: Value| record.insert(key.to_owned(), value);
        put("id", guid.into());
        put("name", text_at(properties, "/qMetaDef/title").into());
        put("description", text_at(properties, "/qMetaDef/description").into());
        put("objectType", if kind == "LoadModel" { "loadmodel" } else { kind }.into());
        put("engineObjectType", kind.into());
        put("engineObjectId", id.into());
        put("published", keys.published.unwrap_or_else(|| app.published()).into());
        put("approved", keys.approved.unwrap_or_else(|| app.published()).into());
        put("publishTime", app.publish_time().unwrap_or_else(|| NULL_DATE.into()).into());
        put("owner", user(&owner));
        let stream = app.keys.stream.as_ref().map(|name| stream_reference(name));
        put("app", json!({"id": app.id, "name": app.title, "stream": stream}));
        put("attributes", "".into());
        put("size", properties.to_string().len().into());
        put("contentHash", derived_id("content", &properties.to_string()).into());
        put("sourceObject", "".into());
        put("draftObject", "".into());
        put("tags", json!([]));
        put("createdDate", app.created.clone().into());
        put("modifiedDate", app.modified.clone().into());
        put("privileges", Value::Null);
        records.push(Value::Object(record));
    }
    records
}

/// `reloadtask/full`: one for every app that was reloaded.
fn reload_task(app: &App) -> Option<Value> {
    let reloaded = app.reloaded.as_ref()?;
    let has_log = app.keys.script_log.is_some();
    let reference = if has_log { derived_id("script log", &app.id) } else { NULL_GUID.into() };
    Some(json!({
        "id": task_id(app),
        "name": format!("Reload {}", app.title),
        "enabled": true,
        "taskType": 0,
        "isManuallyTriggered": false,
        "app": {"id": app.id, "name": app.title},
        "operational": {
            "id": derived_id("operational", &app.id),
            "lastExecutionResult": {
                "id": derived_id("execution", &app.id),
                // FinishedSuccess
                "status": 7,
                "startTime": reloaded,
                "stopTime": reloaded,
                "duration": 0,
                "fileReferenceID": reference,
                "scriptLogAvailable": has_log,
                "details": [],
                "scriptLogLocation": "",
                "scriptLogSize": app.keys.script_log.as_ref().map_or(0, String::len),
            },
            "nextExecution": NULL_DATE,
        },
        "createdDate": app.created,
        "modifiedDate": app.modified,
        "tags": [],
        "customProperties": [],
        "privileges": null,
    }))
}

/// `dataconnection/full`: with user names and passwords, as real sites answer.
fn data_connection(connection: &Connection) -> Value {
    json!({
        "id": derived_id("dataconnection", &connection.name),
        "name": connection.name,
        "connectionstring": connection.connection_string,
        "type": connection.r#type,
        "engineObjectId": derived_id("dataconnection", &connection.name),
        "username": connection.username,
        "password": connection.password,
        "logOn": 0,
        "architecture": 0,
        "owner": user(&service_account()),
        "tags": [],
        "customProperties": [],
        "privileges": null,
    })
}

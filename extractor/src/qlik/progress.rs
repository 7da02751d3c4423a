//! What was read of an app so far, what is missing, and what it comes to. Pure.
//!
//! Here it is decided what an app can do without. Whatever would make published things look deleted —
//! an object list, a sheet that the user is shown — fails the app instead.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::call_error::CallError;
use super::class::{Class, chain};
use super::crawl::CrawlError;
use super::model::{AppContent, DataModelSource, UnreadableObject, Variable};

/// Notices of one app; a broken app must not fill the report.
const NOTICES: usize = 50;

/// Objects that are read one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Sheet,
    MasterObject,
    Measure,
    Dimension,
}

impl Kind {
    fn of(engine_type: &str) -> Option<Self> {
        match engine_type {
            "sheet" => Some(Self::Sheet),
            "masterobject" => Some(Self::MasterObject),
            "measure" => Some(Self::Measure),
            "dimension" => Some(Self::Dimension),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sheet => "sheet",
            Self::MasterObject => "masterobject",
            Self::Measure => "measure",
            Self::Dimension => "dimension",
        }
    }
}

/// Type and id of an object.
pub(super) type ItemKey = (Kind, String);

/// What there is to ask.
pub(super) enum Task {
    Layout,
    Infos,
    Variables,
    List(Kind),
    Script,
    Connections,
    Lineage,
    LoadModel,
    Item(ItemKey),
}

/// What came of it.
pub(super) enum Outcome {
    One(Value),
    Many(Vec<Value>),
    /// The script, or why it may not be read.
    Script(Result<String, CallError>),
    /// There is no such object.
    Nothing,
}

/// What became of one object.
enum Item {
    Read(Value),
    Gone,
    Unreadable(CallError),
}

/// What was read of an app so far.
#[derive(Default)]
pub(super) struct Progress {
    /// Accept the app in whatever mode the engine opens it.
    pub(super) any_mode: bool,
    layout: Option<Value>,
    infos: Option<Vec<ItemKey>>,
    /// Objects that only a list shows, and `GetAllInfos` does not.
    extra: BTreeSet<ItemKey>,
    variables: Option<Vec<Variable>>,
    /// Ids that the list of a kind shows; `None` when the list could not be read.
    listed: HashMap<Kind, Option<HashSet<String>>>,
    object_meta: BTreeMap<String, Value>,
    script: Option<Option<String>>,
    connections: Option<Vec<Value>>,
    lineage: Option<Vec<Value>>,
    load_model: Option<Value>,
    items: HashMap<ItemKey, Item>,
    notices: Vec<String>,
}
impl Progress {
    /// `qLastReloadTime` of the app's layout, when it was read and is there.
    pub(super) fn last_reload_time(&self) -> Option<&str> {
        self.layout.as_ref()?.get("qLastReloadTime")?.as_str()
    }

    /// Whether the app's layout says that there is data.
    pub(super) fn has_data(&self) -> bool {
        let has = |layout: &Value| layout.get("qHasData").and_then(Value::as_bool);
        self.layout.as_ref().and_then(has) == Some(true)
    }

    /// What to ask for.
    pub(super) fn missing(&self) -> Vec<Task> {
        let mut tasks = Vec::new();
        match &self.infos {
            None => tasks.push(Task::Infos),
            Some(infos) => tasks.extend(self.missing_items(infos.iter().chain(&self.extra))),
        }
        if self.layout.is_none() {
            tasks.push(Task::Layout);
        }
        if self.script.is_none() {
            tasks.push(Task::Script);
        }
        if self.variables.is_none() {
            tasks.push(Task::Variables);
        }
        for kind in [Kind::Sheet, Kind::MasterObject] {
            if !self.listed.contains_key(&kind) {
                tasks.push(Task::List(kind));
            }
        }
        if self.load_model.is_none() {
            tasks.push(Task::LoadModel);
        }
        if self.connections.is_none() {
            tasks.push(Task::Connections);
        }
        if self.lineage.is_none() {
            tasks.push(Task::Lineage);
        }
        tasks
    }

    fn missing_items<'a>(&self, keys: impl Iterator<Item = &'a ItemKey>) -> Vec<Task> {
        keys.filter(|key| !self.items.contains_key(*key)).cloned().map(Task::Item).collect()
    }

    /// Objects of the lists that `GetAllInfos` does not know, once all of them are there.
    fn find_extra(&mut self) -> Vec<Task> {
        let Some(infos) = &self.infos else {
            return Vec::new();
        };
        let infos: HashSet<&ItemKey> = infos.iter().collect();
        let found: Vec<ItemKey> = self
            .listed
            .iter()
            .flat_map(|(kind, ids)| ids.iter().flatten().map(|id| (*kind, id.clone())))
            .filter(|key| !infos.contains(key) && !self.extra.contains(key))
            .collect();
        self.extra.extend(found.iter().cloned());
        found.into_iter().map(Task::Item).collect()
    }

    /// Keeps an outcome; returns what can be asked now. An error means that objects may be missing.
    pub(super) fn store(
        &mut self,
        task: Task,
        result: Result<Outcome, CallError>,
    ) -> Result<Vec<Task>, CrawlError> {
        match task {
            Task::Infos => {
                let infos = item_keys(&values(result?));
                let mut tasks = self.missing_items(infos.iter());
                self.infos = Some(infos);
                tasks.extend(self.find_extra());
                return Ok(tasks);
            }
            Task::Layout => {
                let layout = self.or_notice("the app's own properties", result)?.map(value);
                let without_data = |layout: &Value| {
                    // Left out when false.
                    layout.get("qIsOpenedWithoutData").and_then(Value::as_bool) == Some(true)
                };
                if !self.any_mode && layout.as_ref().is_some_and(|layout| !without_data(layout)) {
                    return Err(CrawlError::OtherMode);
                }
                self.layout = Some(layout.unwrap_or_default());
            }
            Task::Variables => {
                let items = self.or_notice("the variables", result)?.map(values);
                self.variables =
                    Some(items.unwrap_or_default().iter().filter_map(variable).collect());
            }
            Task::List(kind) => {
                let items = self.or_notice("an object list", result)?.map(values);
                let ids = items.map(|items| self.keep_meta(items));
                self.listed.insert(kind, ids);
                return Ok(self.find_extra());
            }
            Task::Script => {
                self.script = Some(match result? {
                    Outcome::Script(Ok(script)) => Some(script),
                    Outcome::Script(Err(error)) => {
                        self.notices.push(format!("the script may not be read: {}", chain(&error)));
                        None
                    }
                    _ => None,
                });
            }
            Task::Connections => {
                let items = self.optional("the data connections", result)?.map(values);
                self.connections = Some(items.unwrap_or_default());
            }
            Task::Lineage => {
                let items = self.optional("the engine's lineage", result)?.map(values);
                self.lineage = Some(items.unwrap_or_default());
            }
            Task::LoadModel => {
                let model = self.optional("the data manager's model", result)?.map(value);
                self.load_model = Some(model.unwrap_or_default());
            }
            Task::Item(key) => {
                let item = match result {
                    Ok(Outcome::One(value)) => Item::Read(value),
                    Ok(_) => Item::Gone,
                    Err(error) if !error.is_answer() => return Err(error.into()),
                    Err(error) if error.class() == Class::NotFound => Item::Gone,
                    Err(error) => Item::Unreadable(error),
                };
                self.items.insert(key, item);
            }
        }
        Ok(Vec::new())
    }

    /// A part that the app can do without when the engine says that it cannot be had.
    fn or_notice(
        &mut self,
        what: &str,
        result: Result<Outcome, CallError>,
    ) -> Result<Option<Outcome>, CrawlError> {
        match result {
            Ok(outcome) => Ok(Some(outcome)),
            Err(error) if error.is_answer() => {
                self.notices.push(format!("{what} could not be read: {}", chain(&error)));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A part that the app can do without in any case, unless the session is gone.
    fn optional(
        &mut self,
        what: &str,
        result: Result<Outcome, CallError>,
    ) -> Result<Option<Outcome>, CrawlError> {
        match result {
            Err(error @ CallError::Timeout { .. }) => {
                self.notices.push(format!("{what} could not be read: {}", chain(&error)));
                Ok(None)
            }
            result => self.or_notice(what, result),
        }
    }

    fn keep_meta(&mut self, items: Vec<Value>) -> HashSet<String> {
        let mut ids = HashSet::new();
        for mut item in items {
            let Some(id) = item.pointer("/qInfo/qId").and_then(Value::as_str).map(str::to_owned)
            else {
                continue;
            };
            if let Some(meta) = item.get_mut("qMeta").map(Value::take)
                && meta.is_object()
            {
                self.object_meta.insert(id.clone(), meta);
            }
            ids.insert(id);
        }
        ids
    }

    /// The app's content, without its data model.
    pub(super) fn finish(mut self) -> Result<AppContent, CrawlError> {
        let mut content = AppContent {
            layout: self.layout.unwrap_or_default(),
            object_meta: self.object_meta,
            variables: self.variables.unwrap_or_default(),
            script: self.script.flatten(),
            data_model: DataModelSource::Absent,
            connections: self.connections.unwrap_or_default(),
            lineage: self.lineage.unwrap_or_default(),
            load_model: self.load_model.unwrap_or_default(),
            notices: self.notices,
            ..AppContent::default()
        };
        for key in self.infos.unwrap_or_default().into_iter().chain(self.extra) {
            let item = self.items.remove(&key);
            let (kind, id) = key;
            match item {
                Some(Item::Read(value)) => match kind {
                    Kind::Sheet | Kind::MasterObject => content.objects.push(value),
                    Kind::Measure => content.measures.push(value),
                    Kind::Dimension => content.dimensions.push(value),
                },
                Some(Item::Gone) | None => {
                    let name = kind.name();
                    content.notices.push(format!("the {name} `{id}` is listed, but not there"));
                }
                Some(Item::Unreadable(error)) => {
                    let denied = error.class() == Class::Denied;
                    let shown = match self.listed.get(&kind) {
                        Some(Some(listed)) => listed.contains(&id),
                        _ => true,
                    };
                    let on_sheets = matches!(kind, Kind::Sheet | Kind::MasterObject);
                    if denied && on_sheets && shown {
                        return Err(CrawlError::ObjectDenied { kind: kind.name(), id, error });
                    }
                    let (kind, reason) = (kind.name(), chain(&error));
                    content.notices.push(format!("the {kind} `{id}` could not be read: {reason}"));
                    // Somebody else's private object was never seen, so there is nothing to keep.
                    if !(denied && on_sheets) {
                        content.unreadable.push(UnreadableObject { id, kind, reason });
                    }
                }
            }
        }
        let more = content.notices.len().saturating_sub(NOTICES);
        if more > 0 {
            content.notices.truncate(NOTICES);
            content.notices.push(format!("… and {more} more"));
        }
        Ok(content)
    }
}

fn item_keys(infos: &[Value]) -> Vec<ItemKey> {
    let mut seen = HashSet::new();
    infos
        .iter()
        .filter_map(|info| {
            let kind = Kind::of(info.get("qType")?.as_str()?)?;
            Some((kind, info.get("qId")?.as_str()?.to_owned()))
        })
        .filter(|key| seen.insert(key.clone()))
        .collect()
}

fn variable(item: &Value) -> Option<Variable> {
    let text = |key: &str| item.get(key).and_then(Value::as_str);
    Some(Variable {
        name: text("qName")?.to_owned(),
        definition: text("qDefinition").unwrap_or_default().to_owned(),
    })
}

fn value(outcome: Outcome) -> Value {
    match outcome {
        Outcome::One(value) => value,
        _ => Value::Null,
    }
}

fn values(outcome: Outcome) -> Vec<Value> {
    match outcome {
        Outcome::Many(values) => values,
        _ => Vec::new(),
    }
}

//! A bundle prepared for answering: its objects by id with their children, and its lists in order.
//! Shared by every copy of the app.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::bundle::{Bundle, derived_id};

/// Deepest nesting of children that is kept. Real sheets nest four levels.
const MAX_DEPTH: usize = 50;

/// Variables that the engine itself makes.
const RESERVED_VARIABLES: [&str; 12] = [
    "ErrorMode",
    "StripComments",
    "OpenUrlTimeout",
    "ScriptError",
    "ScriptErrorCount",
    "ScriptErrorList",
    "ScriptErrorDetails",
    "Verbatim",
    "HidePrefix",
    "HideSuffix",
    "QvPath",
    "QvRoot",
];

/// Variables that hold regional settings.
const CONFIG_VARIABLES: [&str; 20] = [
    "ThousandSep",
    "DecimalSep",
    "MoneyThousandSep",
    "MoneyDecimalSep",
    "MoneyFormat",
    "TimeFormat",
    "DateFormat",
    "TimestampFormat",
    "FirstWeekDay",
    "BrokenWeeks",
    "ReferenceDay",
    "FirstMonthOfYear",
    "CollationLocale",
    "CreateSearchIndexOnReload",
    "MonthNames",
    "LongMonthNames",
    "DayNames",
    "LongDayNames",
    "NumericalAbbreviation",
    "MonthNamesAbbreviation",
];

/// A prepared bundle.
#[derive(Debug)]
pub(crate) struct Content {
    /// The bundle; its objects were moved to `objects`.
    pub(crate) bundle: Bundle,
    /// Every generic object by id, children included.
    objects: HashMap<String, Object>,
    /// Ids of the objects that belong to the app itself, in order.
    top: Vec<String>,
    /// Every id and type for `GetAllInfos`, in order.
    infos: Vec<Value>,
    /// Variables by name, and by id.
    variables: Vec<Variable>,
}

/// A generic object.
#[derive(Debug)]
pub(crate) struct Object {
    /// Its properties.
    pub(crate) properties: Value,
    /// Ids of its children.
    pub(crate) children: Vec<String>,
    /// Embedded snapshot of a story's slide item.
    snapshot: Option<Value>,
}

impl Object {
    pub(crate) fn kind(&self) -> &str {
        text_at(&self.properties, "/qInfo/qType")
    }

    pub(crate) fn info(&self) -> Value {
        self.properties.get("qInfo").cloned().unwrap_or(Value::Null)
    }
}

/// A variable.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) properties: Value,
    pub(crate) value: Value,
    pub(crate) script_created: bool,
    pub(crate) reserved: bool,
    pub(crate) config: bool,
}

impl Content {
    pub(crate) fn new(mut bundle: Bundle) -> Self {
        let mut content = Self {
            objects: HashMap::new(),
            top: Vec::new(),
            infos: Vec::new(),
            variables: Vec::new(),
            bundle: Bundle::default(),
        };
        for tree in std::mem::take(&mut bundle.objects) {
            if let Some(id) = content.add_tree(tree, 0) {
                content.top.push(id);
            }
        }
        for item in bundle.dimensions.iter().chain(&bundle.measures).chain(&bundle.bookmarks) {
            content.infos.extend(item.get("qInfo").cloned());
        }
        for (index, variable) in std::mem::take(&mut bundle.variables).into_iter().enumerate() {
            let variable = Variable::new(variable, index, &bundle.name);
            content.infos.push(json!({"qId": variable.id, "qType": "variable"}));
            content.variables.push(variable);
        }
        content.bundle = bundle;
        content
    }

    fn add_tree(&mut self, tree: Value, depth: usize) -> Option<String> {
        let Value::Object(mut tree) = tree else { return None };
        let properties = tree.remove("qProperty")?;
        let id = text_at(&properties, "/qInfo/qId").to_owned();
        if id.is_empty() || self.objects.contains_key(&id) || depth > MAX_DEPTH {
            tracing::warn!(bundle = self.bundle.name, id, depth, "skipped an object of a bundle");
            return None;
        }
        self.infos.extend(properties.get("qInfo").cloned());
        let snapshot = tree.remove("qEmbeddedSnapshotRef");
        let object = Object { properties, children: Vec::new(), snapshot };
        self.objects.insert(id.clone(), object);
        let mut children = Vec::new();
        if let Some(Value::Array(trees)) = tree.remove("qChildren") {
            for child in trees {
                children.extend(self.add_tree(child, depth + 1));
            }
        }
        if let Some(object) = self.objects.get_mut(&id) {
            object.children = children;
        }
        Some(id)
    }

    /// The generic object `id`, child or not.
    pub(crate) fn object(&self, id: &str) -> Option<&Object> {
        self.objects.get(id)
    }

    /// The objects that belong to the app itself, of one type or of every type.
    pub(crate) fn app_objects<'a>(
        &'a self,
        kind: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Object> {
        self.top
            .iter()
            .filter_map(|id| self.objects.get(id))
            .filter(move |object| kind.is_none_or(|kind| object.kind() == kind))
    }

    /// Every object, children included, with its id.
    pub(crate) fn all_objects(&self) -> impl Iterator<Item = (&String, &Object)> {
        self.objects.iter()
    }

    /// What `GetFullPropertyTree` answers for `id`.
    pub(crate) fn property_tree(&self, id: &str) -> Option<Value> {
        let object = self.objects.get(id)?;
        let children: Vec<Value> =
            object.children.iter().filter_map(|child| self.property_tree(child)).collect();
        let mut tree = Map::new();
        tree.insert("qProperty".into(), object.properties.clone());
        tree.insert("qChildren".into(), Value::Array(children));
        if let Some(snapshot) = &object.snapshot {
            tree.insert("qEmbeddedSnapshotRef".into(), snapshot.clone());
        }
        Some(Value::Object(tree))
    }

    /// Properties of a library item in `list` by its id.
    pub(crate) fn library<'a>(list: &'a [Value], id: &str) -> Option<&'a Value> {
        list.iter().find(|item| text_at(item, "/qInfo/qId") == id)
    }

    /// Ids and types of everything persistent.
    pub(crate) fn infos(&self) -> &[Value] {
        &self.infos
    }

    /// Variables in order.
    pub(crate) fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Whether the app was reloaded and has data.
    pub(crate) fn has_data(&self) -> bool {
        self.bundle.data_metadata.is_some() || self.bundle.site.tables_and_keys.is_some()
    }

    /// A top-level string of the app's own properties.
    pub(crate) fn app_text(&self, key: &str) -> Option<&str> {
        self.bundle.app.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

impl Variable {
    fn new(mut source: Value, index: usize, bundle: &str) -> Self {
        let properties = source.get_mut("qProperties").map(Value::take).unwrap_or(Value::Null);
        let name = text_at(&properties, "/qName").to_owned();
        let id = match text_at(&properties, "/qInfo/qId") {
            "" => derived_id("variable", &format!("{bundle}/{index}/{name}")),
            given => given.to_owned(),
        };
        let flag = |key: &str| source.get(key).and_then(Value::as_bool).unwrap_or(false);
        Self {
            reserved: flag("qIsReserved") || RESERVED_VARIABLES.contains(&name.as_str()),
            config: flag("qIsConfig") || CONFIG_VARIABLES.contains(&name.as_str()),
            script_created: flag("qIsScriptCreated"),
            value: source.get("qValue").cloned().unwrap_or_else(|| "NaN".into()),
            id,
            name,
            properties,
        }
    }

    /// Its definition as written.
    pub(crate) fn definition(&self) -> &str {
        text_at(&self.properties, "/qDefinition")
    }
}

/// The string at a JSON pointer, or "".
pub(crate) fn text_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

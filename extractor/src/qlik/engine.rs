//! The engine's methods that are used, one method each. Results are Qlik's own shapes, taken out of
//! their envelopes; what is missing is an error that names it.

use serde_json::{Value, json};

use super::call_error::CallError;
use super::class::Class;
use super::inventory::{self, DocList};
use super::rpc::GLOBAL;
use super::session::{Session, TimeLimit};
use super::settings::{Timeouts, name};

/// Cells of the table viewer's window asked of `GetTablesAndKeys`. Only positions are scaled to it, but
/// some versions are said to cut at its edge, so it is large.
const WINDOW: u32 = 100_000;
/// Height of a cell in that window, as Qlik's own client has it.
const CELL_HEIGHT: u32 = 30;

/// Methods of `Global`.
#[derive(Clone, Copy)]
pub(super) struct Engine<'a> {
    session: &'a Session,
    timeouts: &'a Timeouts,
}

/// Methods of an open app (`Doc`) and of the objects in it.
#[derive(Clone, Copy)]
pub(super) struct Doc<'a> {
    engine: Engine<'a>,
    handle: i64,
}

/// Handle of an object, a measure, a dimension or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handle(i64);

/// Whether an app's data is loaded when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Objects and script only.
    WithoutData,
    /// With data: costs the server the app's size in memory.
    WithData,
}

impl<'a> Engine<'a> {
    /// Speaks over `session`.
    pub(super) fn new(session: &'a Session, timeouts: &'a Timeouts) -> Self {
        Self { session, timeouts }
    }

    /// `EngineVersion`: the engine's version, such as `12.2528.0`; `None` from one too old to say.
    pub(super) async fn version(&self) -> Result<Option<String>, CallError> {
        match self.call(GLOBAL, "EngineVersion", json!([])).await {
            Ok(result) => {
                let version = result.pointer("/qVersion/qComponentVersion").and_then(Value::as_str);
                Ok(version.map(str::to_owned))
            }
            Err(error) if error.class() == Class::Missing => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `GetDocList`: the apps that the user sees.
    pub(super) async fn doc_list(&self) -> Result<DocList, CallError> {
        let method = "GetDocList";
        let limit = TimeLimit { after: self.timeouts.list(), setting: name::REQUEST_TIMEOUT };
        let reply = self.session.call_for_text(GLOBAL, method, &json!([]), limit).await?;
        let list = inventory::read_doc_list(reply.text());
        list.ok_or(CallError::Shape { method, missing: "/qDocList" })
    }

    /// `OpenDoc`.
    pub(super) async fn open(&self, app: &str, mode: Mode) -> Result<Doc<'a>, CallError> {
        let method = "OpenDoc";
        let (no_data, limit) = match mode {
            Mode::WithoutData => {
                (true, TimeLimit { after: self.timeouts.open(), setting: name::REQUEST_TIMEOUT })
            }
            Mode::WithData => (
                false,
                TimeLimit {
                    after: self.timeouts.open_with_data,
                    setting: name::OPEN_WITH_DATA_TIMEOUT,
                },
            ),
        };
        let params = json!([app, "", "", "", no_data]);
        let result = self.session.call(GLOBAL, method, &params, limit).await?;
        match handle_in(&result) {
            Some(Handle(handle)) => Ok(Doc { engine: *self, handle }),
            None => Err(CallError::Shape { method, missing: "/qReturn/qHandle" }),
        }
    }

    async fn call(
        &self,
        handle: i64,
        method: &'static str,
        params: Value,
    ) -> Result<Value, CallError> {
        let limit = TimeLimit { after: self.timeouts.request, setting: name::REQUEST_TIMEOUT };
        self.session.call(handle, method, &params, limit).await
    }
}

impl Doc<'_> {
    /// `GetAppLayout`.
    pub(super) async fn app_layout(&self) -> Result<Value, CallError> {
        self.get(self.handle, "GetAppLayout", json!([]), "/qLayout").await
    }

    /// `GetAllInfos`: id and type of every object, children included.
    pub(super) async fn all_infos(&self) -> Result<Vec<Value>, CallError> {
        let method = "GetAllInfos";
        let result = self.engine.call(self.handle, method, json!([])).await?;
        whole_list(result, method, "/qInfos")
    }

    /// `GetObject`; `None` when there is none.
    pub(super) async fn object(&self, id: &str) -> Result<Option<Handle>, CallError> {
        self.find("GetObject", id).await
    }

    /// `GetMeasure`; `None` when there is none.
    pub(super) async fn measure(&self, id: &str) -> Result<Option<Handle>, CallError> {
        self.find("GetMeasure", id).await
    }

    /// `GetDimension`; `None` when there is none.
    pub(super) async fn dimension(&self, id: &str) -> Result<Option<Handle>, CallError> {
        self.find("GetDimension", id).await
    }

    /// `GetProperties` of an object, a measure or a dimension.
    pub(super) async fn properties(&self, object: Handle) -> Result<Value, CallError> {
        self.get(object.0, "GetProperties", json!([]), "/qProp").await
    }

    /// `GetFullPropertyTree`: the properties of an object and of everything below it.
    pub(super) async fn property_tree(&self, object: Handle) -> Result<Value, CallError> {
        self.get(object.0, "GetFullPropertyTree", json!([]), "/qPropEntry").await
    }

    /// Items of a session list: `CreateSessionObject` with `properties`, then its `GetLayout`. `items`
    /// points to the items in the layout; an empty list has none.
    pub(super) async fn list(
        &self,
        properties: Value,
        items: &'static str,
    ) -> Result<Vec<Value>, CallError> {
        let method = "CreateSessionObject";
        let result = self.engine.call(self.handle, method, json!([properties])).await?;
        let Some(object) = handle_in(&result) else {
            return Err(CallError::Shape { method, missing: "/qReturn/qHandle" });
        };
        let mut layout = self.get(object.0, "GetLayout", json!([]), "/qLayout").await?;
        Ok(match layout.pointer_mut(items).map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        })
    }

    /// `GetScript`; needs the right to reload.
    pub(super) async fn script(&self) -> Result<String, CallError> {
        let script = self.engine.call(self.handle, "GetScript", json!([])).await?;
        Ok(text_at(&script, "/qScript"))
    }

    /// `GetScriptEx`: the same, for who may only read.
    pub(super) async fn script_ex(&self) -> Result<String, CallError> {
        let script = self.engine.call(self.handle, "GetScriptEx", json!([])).await?;
        Ok(text_at(&script, "/qScript/qScript"))
    }

    /// `GetConnections`; needs the right to reload.
    pub(super) async fn connections(&self) -> Result<Vec<Value>, CallError> {
        let method = "GetConnections";
        let result = self.engine.call(self.handle, method, json!([])).await?;
        list(result, method, "/qConnections")
    }

    /// `GetLineage`; needs the right to reload.
    pub(super) async fn lineage(&self) -> Result<Vec<Value>, CallError> {
        let method = "GetLineage";
        let result = self.engine.call(self.handle, method, json!([])).await?;
        list(result, method, "/qLineage")
    }

    /// `GetTablesAndKeys` in source view, without profiling: `{qtr, qk}`. Empty, and no error, when the
    /// app is open without data.
    pub(super) async fn tables_and_keys(&self) -> Result<Value, CallError> {
        let window = json!({"qcx": WINDOW, "qcy": WINDOW});
        let params = json!([window, {"qcx": 0, "qcy": 0}, CELL_HEIGHT, false, false]);
        self.engine.call(self.handle, "GetTablesAndKeys", params).await
    }

    /// `GetFieldsFromExpression`: the fields that an expression reads, once its dollar signs are expanded
    /// (`ExpandExpression`). `None` when the engine refuses this expression.
    pub(super) async fn fields_of(
        &self,
        expression: &str,
    ) -> Result<Option<Vec<String>>, CallError> {
        let expanded;
        let expression = if expression.contains("$(") {
            match self.engine.call(self.handle, "ExpandExpression", json!([expression])).await {
                Ok(result) => {
                    expanded = text_at(&result, "/qExpandedExpression");
                    expanded.as_str()
                }
                Err(error) if error.is_answer() && error.class() != Class::Missing => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        } else {
            expression
        };
        let method = "GetFieldsFromExpression";
        match self.engine.call(self.handle, method, json!([expression])).await {
            Ok(result) => {
                let names = list(result, method, "/qFieldNames")?.into_iter();
                Ok(Some(names.filter_map(|name| Some(name.as_str()?.to_owned())).collect()))
            }
            Err(error) if error.is_answer() && error.class() != Class::Missing => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn find(&self, method: &'static str, id: &str) -> Result<Option<Handle>, CallError> {
        let result = self.engine.call(self.handle, method, json!([id])).await?;
        Ok(handle_in(&result))
    }

    async fn get(
        &self,
        handle: i64,
        method: &'static str,
        params: Value,
        pointer: &'static str,
    ) -> Result<Value, CallError> {
        let mut result = self.engine.call(handle, method, params).await?;
        match result.pointer_mut(pointer).map(Value::take) {
            Some(value @ Value::Object(_)) => Ok(value),
            _ => Err(CallError::Shape { method, missing: pointer }),
        }
    }
}

/// The handle in `qReturn`; an unknown id is answered with nulls, and no error.
fn handle_in(result: &Value) -> Option<Handle> {
    let returned = result.get("qReturn")?;
    returned.get("qType").filter(|kind| !kind.is_null())?;
    returned.get("qHandle").and_then(Value::as_i64).map(Handle)
}

/// A list from which deletions follow: an odd answer is never taken for "there are none".
fn whole_list(
    mut result: Value,
    method: &'static str,
    pointer: &'static str,
) -> Result<Vec<Value>, CallError> {
    match result.pointer_mut(pointer).map(Value::take) {
        Some(Value::Array(items)) => Ok(items),
        _ => Err(CallError::Shape { method, missing: pointer }),
    }
}

/// Any other list; the engine leaves empty members out.
fn list(
    mut result: Value,
    method: &'static str,
    pointer: &'static str,
) -> Result<Vec<Value>, CallError> {
    match result.pointer_mut(pointer).map(Value::take) {
        Some(Value::Array(items)) => Ok(items),
        None if result.is_object() => Ok(Vec::new()),
        _ => Err(CallError::Shape { method, missing: pointer }),
    }
}

fn text_at(result: &Value, pointer: &str) -> String {
    result.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

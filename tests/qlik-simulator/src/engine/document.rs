//! The state of a session (open document, handles, session objects) and what its requests do.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::rpc::{
    APP_INVALID, APP_NOT_FOUND, INVALID_PARAMS, METHOD_NOT_FOUND, Outcome, Request, RpcError,
};
use super::{doc, generic, global};
use crate::bundle::Person;
use crate::site::{App, Site};

/// Most handles of one session.
const MAX_HANDLES: usize = 1_000_000;

/// The state of a session.
pub(crate) struct Document {
    pub(super) site: Arc<Site>,
    pub(super) user: Person,
    open: Option<Open>,
    /// What the handles 1, 2, … stand for.
    handles: Vec<Target>,
    by_target: HashMap<Target, i64>,
    /// Properties of session objects.
    pub(super) session_objects: HashMap<String, Value>,
    next_session_object: u64,
}

struct Open {
    app: String,
    handle: i64,
    mode: OpenMode,
}

/// What a handle stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Target {
    /// The document.
    Doc,
    /// A persistent generic object.
    Object(String),
    /// A session object.
    SessionObject(String),
    /// A master measure.
    Measure(String),
    /// A master dimension.
    Dimension(String),
    /// A variable, by id.
    Variable(String),
    /// A bookmark.
    Bookmark(String),
}

/// How a document is open, or about to be. One with data counts in the statistics while it lives.
pub(crate) enum OpenMode {
    /// Without data.
    WithoutData,
    /// With data.
    WithData {
        /// Uncounts it in the end.
        _counted: CountedOpen,
    },
}

impl OpenMode {
    pub(crate) fn with_data(&self) -> bool {
        matches!(self, Self::WithData { .. })
    }
}

/// Counts a document that is open with data.
pub(crate) struct CountedOpen(Arc<Site>);

impl CountedOpen {
    fn new(site: &Arc<Site>) -> Self {
        site.count(|stats| {
            stats.open_with_data += 1;
            stats.max_open_with_data = stats.max_open_with_data.max(stats.open_with_data);
        });
        Self(site.clone())
    }
}

impl Drop for CountedOpen {
    fn drop(&mut self) {
        self.0.count(|stats| stats.open_with_data = stats.open_with_data.saturating_sub(1));
    }
}

impl Document {
    pub(crate) fn new(site: Arc<Site>, user: Person) -> Self {
        Self {
            site,
            user,
            open: None,
            handles: Vec::new(),
            by_target: HashMap::new(),
            session_objects: HashMap::new(),
            next_session_object: 1,
        }
    }

    /// The app that a request concerns: the one it opens, or the open one.
    pub(crate) fn concerned_app(&self, request: &Request) -> Option<String> {
        if request.handle == -1 {
            return match request.method.as_str() {
                "OpenDoc" | "GetAppEntry" => request
                    .param(0, if request.method == "OpenDoc" { "qDocName" } else { "qAppID" })
                    .and_then(Value::as_str)
                    .map(str::to_owned),
                _ => None,
            };
        }
        self.app_id().map(str::to_owned)
    }

    /// What an `OpenDoc` request is about to do; counted from now on, because loading takes memory.
    pub(crate) fn begin(&self, request: &Request) -> Option<OpenMode> {
        if request.handle != -1 || request.method != "OpenDoc" {
            return None;
        }
        Some(if request.flag(4, "qNoData") {
            OpenMode::WithoutData
        } else {
            OpenMode::WithData { _counted: CountedOpen::new(&self.site) }
        })
    }

    /// An `OpenDoc` request failed before it was executed.
    pub(crate) fn failed(&self, request: &Request) {
        if let ("OpenDoc", Some(app)) = (request.method.as_str(), self.concerned_app(request)) {
            self.site.count(|stats| stats.opens.entry(app).or_default().failed += 1);
        }
    }

    /// The open app.
    pub(crate) fn app_id(&self) -> Option<&str> {
        self.open.as_ref().map(|open| open.app.as_str())
    }

    /// A pushed frame that says that something changed.
    pub(crate) fn change_frame(&self) -> String {
        let handles: Vec<usize> = (1..=self.handles.len()).rev().take(2).collect();
        serde_json::json!({"jsonrpc": "2.0", "change": handles}).to_string()
    }

    /// Executes a request.
    pub(crate) fn call(
        &mut self,
        request: &Request,
        opening: Option<OpenMode>,
    ) -> Result<Outcome, RpcError> {
        if request.handle == -1 {
            return global::call(self, request, opening);
        }
        let target = usize::try_from(request.handle)
            .ok()
            .and_then(|handle| handle.checked_sub(1))
            .and_then(|index| self.handles.get(index))
            .cloned()
            .ok_or_else(|| RpcError::new(INVALID_PARAMS, "Invalid handle"))?;
        let app = self.app()?;
        match target {
            Target::Doc => doc::call(self, &app, request),
            target => generic::call(self, &app, &target, request),
        }
    }

    /// The open app as it is now.
    pub(super) fn app(&self) -> Result<Arc<App>, RpcError> {
        let id = self.app_id().ok_or_else(|| RpcError::new(APP_INVALID, "No active document"))?;
        self.site.app(id).ok_or_else(|| RpcError::new(APP_NOT_FOUND, id))
    }

    /// Whether the document is open with data.
    pub(super) fn with_data(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.mode.with_data())
    }

    /// The open app's id, handle and whether it is open with data.
    pub(super) fn opened(&self) -> Option<(&str, i64, bool)> {
        let open = self.open.as_ref()?;
        Some((&open.app, open.handle, open.mode.with_data()))
    }

    /// Opens a document; the answer is its handle.
    pub(super) fn set_open(&mut self, app: String, mode: OpenMode) -> Result<i64, RpcError> {
        let (handle, _) = self.handle(Target::Doc)?;
        self.open = Some(Open { app, handle, mode });
        Ok(handle)
    }

    /// The handle of a target, and whether it is new.
    pub(super) fn handle(&mut self, target: Target) -> Result<(i64, bool), RpcError> {
        if let Some(handle) = self.by_target.get(&target) {
            return Ok((*handle, false));
        }
        if self.handles.len() >= MAX_HANDLES {
            return Err(RpcError::new(6, "too many handles"));
        }
        self.handles.push(target.clone());
        let handle =
            i64::try_from(self.handles.len()).map_err(|_| RpcError::new(6, "too many handles"))?;
        self.by_target.insert(target, handle);
        Ok((handle, true))
    }

    /// The answer of a method that returns an object.
    pub(super) fn object(
        &mut self,
        kind: &str,
        target: Target,
        generic_type: &str,
        id: &str,
    ) -> Result<Outcome, RpcError> {
        let (handle, new) = self.handle(target)?;
        Ok(Outcome::object(kind, handle, generic_type, id, new))
    }

    /// A new id for a session object.
    pub(super) fn new_session_id(&mut self) -> String {
        let id = format!("session-object-{}", self.next_session_object);
        self.next_session_object += 1;
        id
    }
}

/// The answer to a method that does not exist on what the handle stands for.
pub(super) fn no_such_method(request: &Request) -> RpcError {
    RpcError::new(METHOD_NOT_FOUND, request.method.clone())
}

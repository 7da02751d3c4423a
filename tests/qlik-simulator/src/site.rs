//! The state of a site: apps, users, connections, faults, change feed, statistics. Locks are held
//! for moments only; whoever answers a request takes a snapshot of what it needs.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bundle::{Bundle, BundleError, Connection, Person, SiteKeys, derived_id};
use crate::content::Content;
use crate::engine::{Registry, SocketHandle};
use crate::faults::{Effect, Fault};
use crate::lock;
use crate::proxy::ProxySessions;
use crate::settings::{Behaviour, Mode, ScriptAccess, Settings};
use crate::stats::Stats;

/// Changes that the feed keeps; real sites forget old ones as well.
const MAX_CHANGES: usize = 50_000;

/// Date of an app that says nothing of its creation.
const DEFAULT_DATE: &str = "2024-01-15T08:00:00.000Z";

/// A running site.
pub(crate) struct Site {
    pub(crate) mode: Mode,
    pub(crate) sessions: Registry,
    pub(crate) proxy_sessions: Mutex<ProxySessions>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
    state: Mutex<State>,
    behaviour: Mutex<Arc<Behaviour>>,
    stats: Mutex<Stats>,
    sockets: Mutex<HashMap<u64, Arc<SocketHandle>>>,
}

#[derive(Default)]
struct State {
    apps: BTreeMap<String, Arc<App>>,
    users: Vec<Person>,
    connections: Arc<Vec<Connection>>,
    faults: Vec<Fault>,
    changes: VecDeque<Change>,
    requested_logs: HashSet<String>,
}

/// An app of the site. Cloning shares the content.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) keys: Arc<SiteKeys>,
    pub(crate) content: Arc<Content>,
    pub(crate) created: String,
    pub(crate) modified: String,
    pub(crate) reloaded: Option<String>,
    /// Neither listed nor found, as an app that the user lost access to.
    pub(crate) hidden: bool,
    /// Error code of opening with data, for everybody.
    pub(crate) data_denied: Option<i64>,
    /// What of the script may be read; `None` as the site says.
    pub(crate) script_access: Option<ScriptAccess>,
}

/// An entry of the repository's change feed.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) kind: ChangeKind,
    pub(crate) app: String,
    pub(crate) date: String,
}

/// Kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Add,
    Update,
    Delete,
}

impl ChangeKind {
    /// Its number in the repository.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Add => 1,
            Self::Update => 2,
            Self::Delete => 3,
        }
    }
}

impl App {
    fn new(id: String, title: String, keys: Arc<SiteKeys>, content: Arc<Content>) -> Self {
        let reloaded = keys
            .last_reload_time
            .clone()
            .or_else(|| content.app_text("qLastReloadTime").map(str::to_owned));
        let created = keys
            .created_date
            .clone()
            .or_else(|| content.app_text("createdDate").map(str::to_owned))
            .unwrap_or_else(|| DEFAULT_DATE.into());
        let modified = keys
            .modified_date
            .clone()
            .or_else(|| content.app_text("modifiedDate").map(str::to_owned))
            .or_else(|| reloaded.clone())
            .unwrap_or_else(|| created.clone());
        Self {
            id,
            title,
            keys,
            content,
            created,
            modified,
            reloaded,
            hidden: false,
            data_denied: None,
            script_access: None,
        }
    }

    pub(crate) fn owner(&self) -> Person {
        self.keys.owner.clone().unwrap_or_else(service_account)
    }

    pub(crate) fn published(&self) -> bool {
        self.keys.stream.is_some()
    }

    pub(crate) fn publish_time(&self) -> Option<String> {
        let time = self.keys.publish_time.as_ref().unwrap_or(&self.modified);
        self.published().then(|| time.clone())
    }

    /// When it was published as Qlik Cloud sees it: only to a managed space.
    pub(crate) fn cloud_publish_time(&self) -> Option<String> {
        let managed = self.space_type().eq_ignore_ascii_case("managed");
        self.publish_time().filter(|_| managed)
    }

    /// Type of the space that its stream is on Qlik Cloud.
    pub(crate) fn space_type(&self) -> &str {
        self.keys.space_type.as_deref().unwrap_or("managed")
    }

    pub(crate) fn description(&self) -> &str {
        self.content.app_text("description").unwrap_or_default()
    }

    pub(crate) fn size(&self) -> Option<u64> {
        let static_size = || {
            let metadata = self.content.bundle.data_metadata.as_ref()?;
            metadata.get("static_byte_size")?.as_u64()
        };
        self.keys.file_size.or_else(static_size)
    }

    pub(crate) fn has_section_access(&self) -> bool {
        let own = self.content.bundle.app.get("hassectionaccess");
        self.keys.section_access || own.and_then(serde_json::Value::as_bool).unwrap_or(false)
    }

    /// The error code of opening the app with data as `user`, if section access refuses it.
    pub(crate) fn refuses_data(&self, user: &Person) -> Option<i64> {
        let account = user.account();
        let denied = |entry: &String| entry == "*" || entry.eq_ignore_ascii_case(&account);
        let by_script = self.keys.denied_with_data.iter().any(denied).then_some(4000);
        self.data_denied.or(by_script)
    }
}

/// The account that owns what nobody owns.
pub(crate) fn service_account() -> Person {
    Person::new("INTERNAL", "sa_repository")
}

/// The time as Qlik writes it.
pub(crate) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

impl Site {
    pub(crate) fn new(settings: &mut Settings) -> Result<Self, BundleError> {
        let site = Self {
            mode: settings.mode.clone(),
            sessions: Registry::default(),
            proxy_sessions: Mutex::default(),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            state: Mutex::new(State {
                users: std::mem::take(&mut settings.users),
                ..State::default()
            }),
            behaviour: Mutex::new(Arc::new(settings.behaviour.clone())),
            stats: Mutex::default(),
            sockets: Mutex::default(),
        };
        for bundle in std::mem::take(&mut settings.apps) {
            site.put(bundle, settings.copies.max(1))?;
        }
        // What a site starts with is no change.
        lock(&site.state).changes.clear();
        Ok(site)
    }

    /// Adds a bundle's app(s), or replaces those of the same ids; returns the ids.
    pub(crate) fn put(&self, bundle: Bundle, copies: usize) -> Result<Vec<String>, BundleError> {
        let (id, title, keys) = (bundle.id(), bundle.title(), Arc::new(bundle.site.clone()));
        let copy_keys = bundle.copy_keys()?;
        let content = Arc::new(Content::new(bundle));
        let mut apps = Vec::new();
        for copy in 0..copies {
            if copy == 0 {
                apps.push(App::new(id.clone(), title.clone(), keys.clone(), content.clone()));
                continue;
            }
            let id = derived_id("app", &format!("{id}/{copy}"));
            let title = format!("{title} ({})", copy + 1);
            apps.push(App::new(id, title, keys.clone(), content.clone()));
        }
        for keys in copy_keys {
            let id = keys.id.clone().unwrap_or_default();
            let title = keys.title.clone().unwrap_or_else(|| title.clone());
            apps.push(App::new(id, title, Arc::new(keys), content.clone()));
        }
        let ids = apps.iter().map(|app| app.id.clone()).collect();
        let mut state = lock(&self.state);
        for app in apps {
            let id = app.id.clone();
            let kind = match state.apps.insert(id.clone(), Arc::new(app)) {
                Some(_) => ChangeKind::Update,
                None => ChangeKind::Add,
            };
            state.record(kind, id);
        }
        state.collect_connections();
        Ok(ids)
    }

    /// Removes an app; false when there is none.
    pub(crate) fn remove(&self, id: &str) -> bool {
        let removed = {
            let mut state = lock(&self.state);
            let removed = state.apps.remove(id).is_some();
            if removed {
                state.record(ChangeKind::Delete, id.to_owned());
                state.collect_connections();
            }
            removed
        };
        if removed {
            self.drop_sockets(Some(id));
        }
        removed
    }

    /// Changes an app; with `record` the change feed tells. False when there is no such app.
    pub(crate) fn change(&self, id: &str, record: bool, change: impl FnOnce(&mut App)) -> bool {
        let mut state = lock(&self.state);
        let Some(app) = state.apps.get_mut(id) else { return false };
        change(Arc::make_mut(app));
        if record {
            state.record(ChangeKind::Update, id.to_owned());
        }
        true
    }

    /// The app `id`, unless it is hidden.
    pub(crate) fn app(&self, id: &str) -> Option<Arc<App>> {
        lock(&self.state).apps.get(id).filter(|app| !app.hidden).cloned()
    }

    /// Every app that is not hidden, by id.
    pub(crate) fn apps(&self) -> Vec<Arc<App>> {
        lock(&self.state).apps.values().filter(|app| !app.hidden).cloned().collect()
    }

    /// Ids of every app, hidden ones included.
    pub(crate) fn app_ids(&self) -> Vec<String> {
        lock(&self.state).apps.keys().cloned().collect()
    }

    /// Connections of all apps together, by name.
    pub(crate) fn connections(&self) -> Arc<Vec<Connection>> {
        lock(&self.state).connections.clone()
    }

    /// Users: the service account, those given, and owners.
    pub(crate) fn users(&self) -> Vec<Person> {
        let mut users = vec![service_account()];
        let state = lock(&self.state);
        let owners = state.apps.values().filter_map(|app| app.keys.owner.as_ref());
        let mut known: HashSet<String> = users.iter().map(Person::account).collect();
        for user in state.users.iter().chain(owners) {
            if known.insert(user.account()) {
                users.push(user.clone());
            }
        }
        users
    }

    /// Changes since a date (inclusive), oldest first.
    pub(crate) fn changes_since(&self, since: &str) -> Vec<Change> {
        let state = lock(&self.state);
        state.changes.iter().filter(|change| change.date.as_str() >= since).cloned().collect()
    }

    /// Forgets all changes so far.
    pub(crate) fn forget_changes(&self) {
        lock(&self.state).changes.clear();
    }

    /// Whether a script log was asked for before; the first request finds it not ready.
    pub(crate) fn script_log_is_ready(&self, reference: &str) -> bool {
        !lock(&self.state).requested_logs.insert(reference.to_owned())
    }

    pub(crate) fn behaviour(&self) -> Arc<Behaviour> {
        lock(&self.behaviour).clone()
    }

    pub(crate) fn set_behaviour(&self, change: impl FnOnce(&mut Behaviour)) {
        change(Arc::make_mut(&mut lock(&self.behaviour)));
    }

    pub(crate) fn add_fault(&self, fault: Fault) {
        lock(&self.state).faults.push(fault);
    }

    pub(crate) fn clear_faults(&self) {
        lock(&self.state).faults.clear();
    }

    /// What is to go wrong with a request, if anything.
    pub(crate) fn strike(&self, app: Option<&str>, method: &str) -> Option<Effect> {
        let mut state = lock(&self.state);
        let fault = state.faults.iter_mut().find_map(|fault| {
            let effect = fault.effect.clone();
            fault.strike(app, method).then_some(effect)
        });
        state.faults.retain(|fault| fault.times != Some(0));
        fault
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut Stats)) {
        count(&mut lock(&self.stats));
    }

    pub(crate) fn stats(&self) -> Stats {
        lock(&self.stats).clone()
    }

    pub(crate) fn add_socket(&self, socket: Arc<SocketHandle>) {
        self.count(|stats| {
            stats.sockets_opened += 1;
            stats.open_sockets += 1;
            stats.max_open_sockets = stats.max_open_sockets.max(stats.open_sockets);
        });
        lock(&self.sockets).insert(socket.id, socket);
    }

    pub(crate) fn remove_socket(&self, id: u64) {
        if lock(&self.sockets).remove(&id).is_some() {
            self.count(|stats| stats.open_sockets = stats.open_sockets.saturating_sub(1));
        }
    }

    pub(crate) fn socket_count(&self) -> usize {
        lock(&self.sockets).len()
    }

    /// Open sockets: of one app, or all.
    pub(crate) fn sockets(&self, app: Option<&str>) -> Vec<Arc<SocketHandle>> {
        let all: Vec<_> = lock(&self.sockets).values().cloned().collect();
        all.into_iter().filter(|socket| app.is_none_or(|app| socket.concerns(app))).collect()
    }

    /// Breaks connections without a word; returns how many.
    pub(crate) fn drop_sockets(&self, app: Option<&str>) -> usize {
        let sockets = self.sockets(app);
        for socket in &sockets {
            socket.drop_connection();
        }
        let dropped = sockets.len();
        self.count(|stats| stats.sockets_dropped += u64::try_from(dropped).unwrap_or(u64::MAX));
        dropped
    }
}

impl State {
    fn record(&mut self, kind: ChangeKind, app: String) {
        if self.changes.len() == MAX_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(Change { kind, app, date: now() });
    }

    fn collect_connections(&mut self) {
        let mut by_name: BTreeMap<&str, &Connection> = BTreeMap::new();
        let mut seen: HashSet<*const SiteKeys> = HashSet::new();
        for app in self.apps.values() {
            // Thousands of copies share their keys.
            if seen.insert(Arc::as_ptr(&app.keys)) {
                for connection in &app.keys.connections {
                    by_name.insert(&connection.name, connection);
                }
            }
        }
        self.connections = Arc::new(by_name.into_values().cloned().collect());
    }
}

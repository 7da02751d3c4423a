//! What the parts of the sink share.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, OnceLock, PoisonError, atomic::AtomicBool},
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use super::{
    client::{Call, Client, Failure, Wanted},
    columns::ColumnCache,
    counters::Counters,
    fqn,
    lineage::{Locks, Waited},
    map::{Kind, Naming},
    owners::Owners,
    search::Search,
    settings::{LoadSettings, ServiceSettings},
    state::{Directory, Known, Lookup, id_text, name_number},
    tables::Tables,
    tags::Tags,
};
use crate::sink::{Fatal, Outcome, Planned, Watcher};

/// The shared parts.
pub(super) struct Core {
    pub(super) client: Client,
    pub(super) naming: Naming,
    pub(super) service: ServiceSettings,
    pub(super) load: LoadSettings,
    pub(super) directory: Directory,
    pub(super) search: Search,
    pub(super) tags: Tags,
    pub(super) owners: Owners,
    pub(super) tables: Tables,
    /// Columns and charts at the ends of edges.
    pub(super) columns: ColumnCache,
    /// Of entities, by id, whose edges are being read and written.
    pub(super) edge_locks: Locks,
    /// Of the ends of edges, by name, that are being asked for.
    pub(super) reading: Locks,
    pub(super) waited: Waited,
    /// Names of the users that we write as or wrote as.
    users: Mutex<Vec<String>>,
    /// Projects of apps whose dashboards were seen, by the number of the dashboard's name.
    projects: Mutex<HashMap<u128, Option<String>>>,
    /// Apps that got a new or restored chart or data model since their dashboard was written, which
    /// may have to be linked to it again.
    relink: Mutex<HashSet<u128>>,
    /// The server refused a PATCH, which was said once.
    pub(super) patch_refused: AtomicBool,
    /// The server said that it has no bulk requests after all.
    pub(super) no_bulk: AtomicBool,
    /// Whether edges from data models may carry columns, once that is known.
    model_columns: OnceLock<bool>,
    /// Is told what would be written, when nothing may be.
    watcher: Option<Watcher>,
    /// Numbers of the names that would be there by now.
    planned: Mutex<HashSet<(Kind, u128)>>,
    /// Whether the service is known not to be there, in which case it holds nothing.
    pub(super) no_service: AtomicBool,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("client", &self.client).finish_non_exhaustive()
    }
}

/// What [`Known`] is made of.
const BARE: Wanted = &["id", "deleted", "sourceHash", "project"];
/// Most apps whose project is remembered; emptied when full.
const MAX_PROJECTS: usize = 200_000;
/// Most apps remembered for linking.
const MAX_RELINK: usize = 1_000_000;

impl Core {
    pub(super) fn new(
        client: Client,
        naming: Naming,
        service: ServiceSettings,
        load: LoadSettings,
        tables: Tables,
        users: Vec<String>,
    ) -> Self {
        let tags = Tags::new(&load.classification);
        let model_columns = OnceLock::new();
        if let Some(known) = naming.features.model_columns {
            model_columns.get_or_init(|| known);
        }
        Self {
            client,
            naming,
            service,
            load,
            directory: Directory::default(),
            search: Search::default(),
            tags,
            owners: Owners::default(),
            tables,
            columns: ColumnCache::default(),
            edge_locks: Locks::default(),
            reading: Locks::default(),
            waited: Waited::default(),
            users: Mutex::new(users),
            projects: Mutex::default(),
            relink: Mutex::default(),
            patch_refused: AtomicBool::new(false),
            no_bulk: AtomicBool::new(false),
            model_columns,
            watcher: None,
            planned: Mutex::default(),
            no_service: AtomicBool::new(false),
        }
    }

    /// From now on nothing is written; `watcher` is told instead.
    pub(super) fn only_look(&mut self, watcher: Watcher) {
        self.client.forbid_writes();
        self.watcher = Some(watcher);
    }

    /// Whether nothing may be written.
    pub(super) fn only_looks(&self) -> bool {
        self.watcher.is_some()
    }

    /// Tells what would be written.
    pub(super) fn plan(&self, planned: &Planned) {
        if let Some(watcher) = &self.watcher {
            watcher(planned);
        }
    }

    /// Remembers that an entity would be there by now, and gives it an id that no entity has.
    pub(super) fn plan_entity(&self, kind: Kind, name: &str) -> String {
        lock(&self.planned).insert((kind, name_number(name)));
        id_text(name_number(name))
    }

    /// The id that [`Core::plan_entity`] gave it.
    pub(super) fn planned_id(&self, kind: Kind, name: &str) -> Option<String> {
        let number = name_number(name);
        lock(&self.planned).contains(&(kind, number)).then(|| id_text(number))
    }

    /// Names of the users that we write as or wrote as.
    pub(super) fn users(&self) -> Vec<String> {
        lock(&self.users).clone()
    }

    /// Learns our name from an entity that we just created, in case that the server did not say.
    pub(super) fn learn_user(&self, created: &Value) {
        if let Some(name) = created.get("updatedBy").and_then(Value::as_str) {
            let mut users = lock(&self.users);
            if !users.iter().any(|user| user == name) {
                users.push(name.to_owned());
            }
        }
    }

    /// Remembers the project of an app.
    pub(super) fn set_project(&self, dashboard: &str, project: Option<&str>) {
        let mut projects = lock(&self.projects);
        if projects.len() >= MAX_PROJECTS {
            projects.clear();
        }
        projects.insert(name_number(dashboard), project.map(str::to_owned));
    }

    /// The project of an app, if its dashboard was seen.
    pub(super) fn project(&self, dashboard: &str) -> Option<Option<String>> {
        lock(&self.projects).get(&name_number(dashboard)).cloned()
    }

    /// Remembers that a chart or data model of an app may have to be linked to its dashboard.
    pub(super) fn set_relink(&self, dashboard: &str, relink: bool) {
        let mut apps = lock(&self.relink);
        if !relink {
            apps.remove(&name_number(dashboard));
        } else if apps.len() < MAX_RELINK {
            apps.insert(name_number(dashboard));
        }
    }

    /// Whether an app's dashboard may lack links.
    pub(super) fn needs_relink(&self, dashboard: &str) -> bool {
        lock(&self.relink).contains(&name_number(dashboard))
    }

    /// Whether edges from data models may carry columns; `None` when nobody knows yet.
    pub(super) fn model_columns(&self) -> Option<bool> {
        self.model_columns.get().copied()
    }

    /// Remembers whether they may.
    pub(super) fn set_model_columns(&self, may: bool) {
        if self.model_columns.set(may).is_ok() && !may {
            tracing::warn!(
                "OpenMetadata does not take columns on edges from data models; they are left out"
            );
        }
    }

    /// Reads one of our entities, soft-deleted or not, and remembers what it is. What is `wanted` of it
    /// includes [`BARE`].
    pub(super) async fn read(
        &self,
        kind: Kind,
        name: &str,
        fields: &str,
        wanted: Option<Wanted>,
    ) -> Result<Option<(Value, Option<String>)>, Failure> {
        let fqn = self.naming.fqn(kind, name);
        let path = format!("{}{}", kind.path(), fqn::path(&["name", &fqn]));
        let mut query = vec![("include", "all".to_owned())];
        if !fields.is_empty() {
            query.push(("fields", fields.to_owned()));
        }
        let call = Call { wanted, ..Call::get(path, query) };
        match self.client.found(&call).await? {
            Some(answer) => {
                self.directory.set(kind, name, Known::of(&answer.body));
                Ok(Some((answer.body, answer.etag)))
            }
            None => {
                self.directory.remove(kind, name);
                Ok(None)
            }
        }
    }

    /// What is known of one of our entities, read when nobody asked yet; `None` when it is not there
    /// or deleted.
    pub(super) async fn find(&self, kind: Kind, name: &str) -> Result<Option<Known>, Failure> {
        match self.directory.lookup(kind, name) {
            Lookup::Known(known) if known.id().is_some() => return Ok(alive(known)),
            // Somebody else may have created it since the list was read: another loader, which has
            // the data files of other partitions.
            Lookup::Known(_) | Lookup::Absent | Lookup::Unasked => {}
        }
        self.read(kind, name, "", Some(BARE)).await?;
        match self.directory.lookup(kind, name) {
            Lookup::Known(known) => Ok(alive(known)),
            Lookup::Absent | Lookup::Unasked => Ok(None),
        }
    }

    /// Turns what went wrong with one change into its outcome, or into the end of everything.
    pub(super) fn outcome(&self, what: &str, failure: Failure) -> Result<Outcome, Fatal> {
        match failure {
            Failure::Stopped => {
                Ok(Outcome::Waiting { reason: "the loader stops before it was done".to_owned() })
            }
            Failure::Fatal { message, exit_code } => Err(Fatal { message, exit_code }),
            Failure::Forbidden(message) => Err(self.client.forbidden(what, &message)),
            Failure::Missing(message) => {
                Ok(Outcome::Waiting { reason: format!("cannot {what} yet: {message}") })
            }
            Failure::Outdated => {
                Ok(Outcome::Waiting { reason: format!("cannot {what}: it keeps changing") })
            }
            Failure::Refused(message) => {
                Ok(Outcome::Rejected { reason: format!("cannot {what}: {message}") })
            }
        }
    }

    /// Runs futures, some at a time, and returns their results in order, or the first error. They are
    /// made beforehand: a stream that makes them from references would not be `Send`.
    pub(super) async fn concurrently<T, E, F>(&self, futures: Vec<F>) -> Result<Vec<T>, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        stream::iter(futures).buffered(self.at_a_time()).try_collect().await
    }

    /// Things done at a time: more than requests may be in flight, so that those are never too few.
    pub(super) fn at_a_time(&self) -> usize {
        self.client.max_concurrency() * 2
    }

    /// Counts values that stay because a person edited them.
    pub(super) fn kept(&self, kind: Kind, values: u64) {
        if let Some(counter) = self.client.counters.kept.get(kind as usize) {
            Counters::add(counter, values);
        }
    }

    /// Counts an edge that somebody else made.
    pub(super) fn kept_edge(&self) {
        let [.., edges] = &self.client.counters.kept;
        Counters::add(edges, 1);
    }

    /// Counts outcomes.
    pub(super) fn count(&self, outcomes: &[Outcome]) {
        let counters = &self.client.counters;
        for outcome in outcomes {
            let counter = match outcome {
                Outcome::Created => &counters.created,
                Outcome::Updated => &counters.updated,
                Outcome::Unchanged => &counters.unchanged,
                Outcome::Deleted => &counters.deleted,
                Outcome::Unresolved { .. } => &counters.unresolved,
                Outcome::Waiting { .. } => &counters.waiting,
                Outcome::Rejected { .. } => &counters.rejected,
            };
            Counters::add(counter, 1);
        }
    }
}

fn alive(known: Known) -> Option<Known> {
    (!known.deleted).then_some(known)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

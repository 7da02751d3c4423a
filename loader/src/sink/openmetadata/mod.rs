//! OpenMetadata over REST.
//!
//! [`OpenMetadataSink`] brings a dashboard service of OpenMetadata to what events say: apps as
//! dashboards, visualizations as charts, tables, files and master items as data models, and the edges
//! between them. It keeps no state of its own: what is loaded is read from the server, where every
//! entity carries a record of our last write.
//!
//! Promises: loading the same events again writes nothing; what people edited stays; every request is
//! for the version that the server reports; trouble of the server is waited out.
//!
//! Not promised: that the lists are exact while others write the same service.

mod client;
mod columns;
mod core;
mod counters;
mod delete;
mod entities;
pub(crate) mod fqn;
mod hash;
mod limiter;
mod lineage;
mod map;
mod names;
mod owners;
mod pages;
mod reconcile;
mod retry;
mod search;
mod service;
pub mod settings;
mod state;
mod tables;
mod tags;
mod tls;
pub(crate) mod token;
pub mod version;

use std::sync::atomic::Ordering;

use schemas::Topic;
use tokio_util::sync::CancellationToken;

use self::{
    client::{Client, Failure},
    core::Core,
    map::Naming,
    tables::Tables,
    version::{Features, Support, Version},
};
pub use self::{
    counters::Snapshot,
    map::Kind,
    reconcile::{Alive, Stray, StrayEdge, Strays},
    settings::Settings,
};
use super::{Change, Fatal, Figures, Item, Outcome, Stage, Watcher};

/// A dashboard service of an OpenMetadata server.
#[derive(Debug)]
pub struct OpenMetadataSink {
    core: Core,
    version: Version,
}

impl OpenMetadataSink {
    /// Connects: asks the server for its version, tries the token, creates the dashboard service when
    /// it is missing. Waits while the server cannot be reached.
    ///
    /// # Errors
    /// A configuration that cannot work (exit code 2), a server that is none or too old, a token that
    /// is refused (3), or `stop`.
    pub async fn connect(settings: Settings, stop: CancellationToken) -> Result<Self, Fatal> {
        // In a box: what it holds while it asks would make every future that awaits it large.
        Box::pin(Self::open(settings, stop, None)).await
    }

    /// Connects to look: nothing is ever written, not even the service when it is missing, and
    /// `watcher` is told what would have been. Outcomes are those of writing; later changes see
    /// earlier ones as if they had been written.
    ///
    /// # Errors
    /// As [`OpenMetadataSink::connect`].
    pub async fn connect_to_look(
        settings: Settings,
        stop: CancellationToken,
        watcher: Watcher,
    ) -> Result<Self, Fatal> {
        Box::pin(Self::open(settings, stop, Some(watcher))).await
    }

    async fn open(
        settings: Settings,
        stop: CancellationToken,
        watcher: Option<Watcher>,
    ) -> Result<Self, Fatal> {
        let Settings { server, service, tables, load } = settings;
        if service.name.is_empty() || service.name.contains('"') || service.name.contains("::") {
            return Err(Fatal {
                message: format!(
                    "`source.serviceName`: `{}` cannot be the name of a service",
                    service.name
                ),
                exit_code: 2,
            });
        }
        let client = Client::new(&server, stop).await?;
        let version = read_version(&client, server.refuse_unknown_version)
            .await
            .map_err(|failure| stopped(&client, failure))?;
        let mut features = Features::of(&version);
        if service.name.contains('.') && features.model_fqn_unquoted_service {
            tracing::warn!(
                service = service.name,
                "this version of OpenMetadata does not list the data models of a service whose name \
                 has a dot, so each is asked for by name; a `source.serviceName` without is faster"
            );
        }
        let user = read_user(&client).await.map_err(|failure| stopped(&client, failure))?;
        let user = user.or_else(|| server.token.as_ref().and_then(token::subject));
        if features.source_hash_in_doubt {
            features.source_hash =
                has_source_hash(&client).await.map_err(|failure| stopped(&client, failure))?;
        }
        tracing::info!(
            server = client.base(),
            %version,
            user = user.as_deref().unwrap_or("unknown"),
            service = service.name,
            "connected to OpenMetadata"
        );
        let users = user.into_iter().chain(server.former_users).collect();
        let naming = Naming { service: service.name.clone(), features };
        let mut core = Core::new(client, naming, service, load, Tables::new(tables), users);
        let is_there = match watcher {
            None => service::ensure(&core.client, &core.naming, &core.service).await.map(|()| true),
            Some(watcher) => {
                core.only_look(watcher);
                service::look(&core.client, &core.naming).await
            }
        };
        match is_there.map_err(|failure| stopped(&core.client, failure))? {
            true => core.client.set_probe(service::path(&core.naming)),
            false => {
                tracing::info!(service = core.naming.service, "the service is not there yet");
                core.no_service.store(true, Ordering::Relaxed);
                core.directory.set_empty();
                core.client.set_probe("/system/version".to_owned());
            }
        }
        Ok(Self { core, version })
    }

    /// The server's version.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Looks at the changes of a batch before its stages are applied: the dashboards among them say
    /// what stream or space their data models belong to. Optional; without it, data models of new
    /// apps are written twice.
    pub fn observe(&self, items: &[Item]) {
        entities::observe(&self.core, items);
    }

    /// Applies one stage of a batch: one outcome for each item, in order. Upserts and deletes are told
    /// apart by the items themselves; the stage says what the caller has in mind.
    ///
    /// Trouble of the server is waited out. When the sink is stopped meanwhile, what was not done is
    /// [`Outcome::Waiting`].
    ///
    /// # Errors
    /// Credentials that are refused.
    pub async fn apply(&self, stage: Stage, items: &[Item]) -> Result<Vec<Outcome>, Fatal> {
        tracing::debug!(?stage, items = items.len(), "applying");
        let mut groups: [Vec<(usize, &Item)>; 4] = Default::default();
        for (index, item) in items.iter().enumerate() {
            let is_edge = item.topic == Topic::Lineage;
            let group = match (&item.change, is_edge) {
                (Change::Upsert(_), false) => 0,
                (Change::Upsert(_), true) => 1,
                (Change::Delete { .. }, true) => 2,
                (Change::Delete { .. }, false) => 3,
            };
            if let Some(group) = groups.get_mut(group) {
                group.push((index, item));
            }
        }
        let [entities, edges, gone_edges, gone_entities] = groups;
        let mut outcomes = vec![None; items.len()];
        let core = &self.core;
        place(&mut outcomes, &entities, entities::upsert(core, &bare(&entities)).await?);
        place(&mut outcomes, &edges, lineage::upsert(core, &bare(&edges)).await?);
        place(&mut outcomes, &gone_edges, lineage::delete(core, &bare(&gone_edges)).await?);
        place(&mut outcomes, &gone_entities, delete::entities(core, &bare(&gone_entities)).await?);
        let lost = || Outcome::Waiting { reason: "the change was not applied".to_owned() };
        let outcomes: Vec<_> = outcomes.into_iter().map(|o| o.unwrap_or_else(lost)).collect();
        core.count(&outcomes);
        Ok(outcomes)
    }

    /// Counters since the sink was connected.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.core.client.counters.snapshot()
    }

    /// What it tells about its own work.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let client = &self.core.client;
        let (concurrency, trouble) = (client.concurrency(), client.trouble());
        Figures { concurrency, trouble, ..client.counters.figures() }
    }

    /// Forgets what the service was thought to hold, so that it is read again: after another loader
    /// had some of the partitions, or from time to time.
    pub fn refresh(&self) {
        // What would be there by now is nowhere else.
        if !self.core.only_looks() {
            self.core.directory.forget_all();
        }
        self.core.tables.forget();
        self.core.tags.forget();
        self.core.owners.forget();
    }

    /// Adds a key that the topics hold to those of [`OpenMetadataSink::strays`].
    pub fn add_alive(&self, alive: &mut Alive, topic: Topic, key: &str) {
        alive.add(&self.core, topic, key);
    }

    /// Lists the entities of the service that no topic knows; soft-deleted ones do not count.
    ///
    /// # Errors
    /// Credentials that are refused, a list that the server cannot give, or a stop.
    pub async fn strays(&self, alive: &Alive) -> Result<Strays, Fatal> {
        reconcile::strays(&self.core, alive)
            .await
            .map_err(|failure| stopped(&self.core.client, failure))
    }

    /// Lists what edges around entities of the service hold of events that no topic knows. Edges of
    /// people, and of other writers, do not count.
    ///
    /// # Errors
    /// Credentials that are refused, edges that the server cannot show, or a stop.
    pub async fn stray_edges(&self, alive: &Alive) -> Result<Strays, Fatal> {
        lineage::strays(&self.core, alive)
            .await
            .map_err(|failure| stopped(&self.core.client, failure))
    }

    /// Whether a stray is still one, now that more keys are known.
    #[must_use]
    pub fn is_stray(&self, alive: &Alive, stray: &Stray) -> bool {
        reconcile::is_stray(alive, stray)
    }

    /// Deletes a stray, softly unless configured otherwise; false when it was gone already.
    ///
    /// # Errors
    /// Credentials that are refused, a server that refuses, or a stop.
    pub async fn remove(&self, stray: &Stray) -> Result<bool, Fatal> {
        reconcile::remove(&self.core, stray)
            .await
            .map_err(|failure| stopped(&self.core.client, failure))
    }
}

fn bare<'a>(group: &[(usize, &'a Item)]) -> Vec<&'a Item> {
    group.iter().map(|(_, item)| *item).collect()
}

fn place(outcomes: &mut [Option<Outcome>], group: &[(usize, &Item)], results: Vec<Outcome>) {
    for ((index, _), outcome) in group.iter().zip(results) {
        if let Some(place) = outcomes.get_mut(*index) {
            *place = Some(outcome);
        }
    }
}

/// What went wrong outside of single changes ends the process.
fn stopped(client: &Client, failure: Failure) -> Fatal {
    match failure {
        Failure::Fatal { message, exit_code } => Fatal { message, exit_code },
        Failure::Forbidden(message) => client.forbidden("read the service", &message),
        Failure::Stopped => Fatal {
            message: format!("stopped while waiting for OpenMetadata at `{}`", client.base()),
            exit_code: 3,
        },
        Failure::Missing(message) | Failure::Refused(message) => Fatal {
            message: format!("OpenMetadata at `{}` refuses: {message}", client.base()),
            exit_code: 3,
        },
        Failure::Outdated => Fatal {
            message: format!("OpenMetadata at `{}` refuses: 412", client.base()),
            exit_code: 3,
        },
    }
}

async fn read_version(client: &Client, refuse_unknown: bool) -> Result<Version, Failure> {
    let fatal = |message: String| Failure::from(Fatal { message, exit_code: 3 });
    let answer = client.get("/system/version".to_owned(), Vec::new()).await?;
    let text = answer.as_ref().and_then(|answer| answer.body.get("version")?.as_str());
    let Some(text) = text else {
        return Err(fatal(format!(
            "`{}/system/version` does not say a version: it is not the API of an OpenMetadata server; \
             set `workflowConfig.openMetadataServerConfig.hostPort` to the URL that ends in `/api`",
            client.base()
        )));
    };
    let version: Version = text.parse().map_err(|error| {
        fatal(format!("OpenMetadata at `{}` reports its version as {error}", client.base()))
    })?;
    match version.support() {
        Support::Supported => {}
        Support::TooOld => {
            return Err(fatal(format!(
                "OpenMetadata at `{}` is version {version}; 1.1.1 or newer is needed",
                client.base()
            )));
        }
        Support::Newer if refuse_unknown => {
            return Err(fatal(format!(
                "OpenMetadata at `{}` is version {version}, which is newer than any known here; \
                 `workflowConfig.openMetadataServerConfig.enableVersionValidation: false` has it \
                 treated like 2.0",
                client.base()
            )));
        }
        Support::Newer => tracing::warn!(
            %version,
            "this version of OpenMetadata is newer than any known here; it is treated like 2.0"
        ),
    }
    Ok(version)
}

/// Name of the token's user; `None` when the server does not say. The first request that needs the
/// token, so a wrong one is found here.
async fn read_user(client: &Client) -> Result<Option<String>, Failure> {
    match client.get("/users/loggedInUser".to_owned(), Vec::new()).await {
        Ok(answer) => {
            let name = answer.as_ref().and_then(|answer| answer.body.get("name")?.as_str());
            Ok(name.map(str::to_owned))
        }
        Err(Failure::Refused(_) | Failure::Forbidden(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Whether entities have `sourceHash`: 1.2 does, its snapshots do not (seen).
async fn has_source_hash(client: &Client) -> Result<bool, Failure> {
    let query = vec![("limit", "0".to_owned()), ("fields", "sourceHash".to_owned())];
    match client.get("/charts".to_owned(), query).await {
        Ok(_) => Ok(true),
        Err(Failure::Refused(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

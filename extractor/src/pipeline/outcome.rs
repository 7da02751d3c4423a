//! One app of a run: looked at, opened when it must be, compared, published.

use schemas::{Event, event::DataModelKind};
use tokio_util::sync::CancellationToken;
use tracing::{Span, debug};

use super::{Error, Mode, RunContext, fail, outage::Outage};
use crate::{
    app::{self, App, Failure},
    changes::{self, Deletable, Gaps, Settled},
    config::Settings,
    error_chain, files, kafka, listed,
    map::{self, Coverage},
    qlik::{
        Class,
        model::{AppEntry, KnownTables},
    },
    records::now,
    report::{CrossCheck, Report},
    scripts::Surroundings,
    state::{AppState, State, edge_key_hash, parse_hash},
    writer::Published,
};

/// What became of one app.
pub(super) enum Outcome {
    Unchanged,
    /// Not opened; its dashboard event was written again with what lists tell now.
    Described(Published),
    Published {
        changes: Published,
        notices: Vec<String>,
        coverage: Option<Coverage>,
        checked: CrossCheck,
    },
    /// Nothing is published of it, and the user may not open it.
    NotVisible,
    Failed(String),
    Cancelled,
    /// The run must not go on.
    Stop(Error),
}

impl Outcome {
    /// Tells the app's span.
    pub(super) fn record(&self, span: &Span) {
        let (name, status) = match self {
            Self::Unchanged => ("unchanged", "OK"),
            Self::Described(_) => ("described", "OK"),
            Self::Published { .. } => ("read", "OK"),
            Self::NotVisible => ("not visible", "OK"),
            Self::Cancelled => ("cancelled", "OK"),
            Self::Failed(_) => ("failed", "ERROR"),
            Self::Stop(_) => ("stop", "ERROR"),
        };
        span.record("outcome", name).record("otel.status_code", status);
    }
}

/// Whether everything that is told of an app is in the topics already.
pub(crate) fn is_current(settings: &Settings, state: &State, entry: &AppEntry) -> bool {
    let Some(known) = state.apps.get(entry.id.as_str()) else { return false };
    let Some(marker) = &known.dashboard else { return false };
    let settled = settled(app::fingerprint(settings), entry, known);
    entry.modified_at.is_some() && settled.is_opened(marker) && settled.is_described(marker)
}

impl RunContext<'_> {
    /// Reads an app unless nothing moved, and publishes what changed.
    pub(super) async fn app(
        &self,
        entry: &AppEntry,
        around: &Surroundings,
        known: &AppState,
        mode: Mode,
        outage: &Outage<'_>,
        cancel: &CancellationToken,
    ) -> Outcome {
        if cancel.is_cancelled() {
            return Outcome::Cancelled;
        }
        if !mode.full
            && let Some(outcome) = self.without_opening(entry, known).await
        {
            return outcome;
        }
        let tables = if mode.full { None } else { self.known_tables(entry, known).await };
        let read = app::read(self.settings, self.site, entry, tables, around, cancel).await;
        if cancel.is_cancelled() && read.is_err() {
            return Outcome::Cancelled;
        }
        if let Some(error) = outage.note(read.as_ref().err()).await {
            return Outcome::Stop(error);
        }
        let mut app = match read {
            Ok(app) => app,
            // It concerns the whole site: every other app would fail with it.
            Err(Failure::App(error)) if matches!(error.class(), Class::Setup | Class::SignIn) => {
                return Outcome::Stop(error.into());
            }
            Err(Failure::App(error))
                if mode.by_feed
                    && known.dashboard.is_none()
                    && matches!(error.class(), Class::Denied | Class::NotFound) =>
            {
                return Outcome::NotVisible;
            }
            Err(error) => return Outcome::Failed(error_chain(&error)),
        };
        app.gaps.described = !entry.described;
        if app.gaps.any() && known.dashboard.is_some() {
            let Some(published) = self.writer.published_dashboard(known).await else {
                return Outcome::Failed(
                    "parts could not be read, and what is published of them neither".to_owned(),
                );
            };
            changes::carry_over(&mut app.dashboard, published, &app.gaps);
        }
        let mut settled = self.settled(entry, known);
        if app.gaps.passing {
            settled = settled.unsettled();
        }
        let edges = files::edges_of(&app.others);
        let deletable = self.deletable(&app.gaps);
        let partly = app.gaps.script || !deletable.lineage;
        let mut changes = changes::of_app(
            &self.settings.service,
            known,
            Event::Dashboard(Box::new(app.dashboard)),
            app.others,
            &settled,
            deletable,
        );
        if app.gaps.script {
            let edges = self.topics.files().of_script(&entry.id);
            let records = edges.iter().filter_map(|edge| known.record(edge_key_hash(*edge)));
            changes.keep(&records.map(|known| known.place).collect());
        }
        match self.writer.publish(changes, &settled).await {
            Ok(changes) => {
                self.topics.files().replace(&entry.id, edges, partly);
                let App { notices, coverage, checked, .. } = app;
                Outcome::Published { changes, notices, coverage, checked }
            }
            Err(error @ kafka::Error::PartitionFull { .. }) => Outcome::Stop(error.into()),
            Err(error) => Outcome::Failed(error_chain(&error)),
        }
    }

    /// What can be done without opening the app; `None` when it has to be opened. It need not be when
    /// its marker was written for the times that are listed now, by the same extractor with the same
    /// options.
    async fn without_opening(&self, entry: &AppEntry, known: &AppState) -> Option<Outcome> {
        let marker = known.dashboard.as_ref()?;
        let settled = self.settled(entry, known);
        if entry.modified_at.is_none() || !settled.is_opened(marker) {
            return None;
        }
        if settled.is_described(marker) {
            return Some(Outcome::Unchanged);
        }
        // What cannot be read again is made again.
        let mut dashboard = self.writer.published_dashboard(known).await?;
        dashboard.observed_at = now();
        listed::describe(&mut dashboard, entry);
        let event = Event::Dashboard(Box::new(dashboard));
        let changes = changes::of_described_app(known, event, &settled);
        Some(match self.writer.publish(changes, &settled).await {
            Ok(changes) => Outcome::Described(changes),
            Err(error @ kafka::Error::PartitionFull { .. }) => Outcome::Stop(error.into()),
            Err(error) => Outcome::Failed(error_chain(&error)),
        })
    }

    /// The app's data model as it is published, for a site that would have to open the app with its data
    /// to tell it again: when the app was not reloaded since, and every table of it is published.
    async fn known_tables(&self, entry: &AppEntry, known: &AppState) -> Option<KnownTables> {
        let scope = &self.settings.scope;
        let whole = scope.include_data_models && scope.data_models.passes_all();
        let marker = known.dashboard.as_ref()?;
        let same_extractor = marker.fingerprint == parse_hash(&self.fingerprint);
        let reloaded_at = entry.last_reload_at?;
        if !whole || !same_extractor || !self.site.may_open_with_data() {
            return None;
        }
        let dashboard = self.writer.published_dashboard(known).await?;
        if dashboard.last_reload_at != Some(reloaded_at) {
            return None;
        }
        let models = self.writer.published_models(known, &dashboard.data_model_keys).await?;
        let tables: Vec<_> = models.iter().filter(|it| it.kind == DataModelKind::Table).collect();
        // What could not be read at that reload was kept from the one before, or is not there.
        let of_reload = tables.iter().all(|table| table.modified_at == Some(reloaded_at));
        (of_reload && !tables.is_empty())
            .then(|| KnownTables { reloaded_at, reply: map::known_reply(tables) })
    }

    fn settled(&self, entry: &AppEntry, known: &AppState) -> Settled {
        settled(self.fingerprint.clone(), entry, known)
    }

    pub(super) fn deletable(&self, gaps: &Gaps) -> Deletable {
        Deletable {
            dashboards: self.settings.run.delete_dashboards,
            charts: self.settings.run.delete_charts && gaps.objects.is_empty(),
            data_models: self.settings.run.delete_data_models && !gaps.data_model,
            lineage: !gaps.data_model && gaps.objects.is_empty(),
        }
    }
}

pub(super) fn count(report: &mut Report, entry: &AppEntry, outcome: Outcome) {
    match outcome {
        Outcome::Unchanged => report.apps_unchanged += 1,
        Outcome::Cancelled | Outcome::Stop(_) => {}
        Outcome::NotVisible => {
            debug!(app = entry.id, "an app of the change feed may not be opened");
        }
        Outcome::Described(changes) => {
            report.apps_described += 1;
            count_events(report, changes);
        }
        Outcome::Failed(reason) => fail(report, entry, reason),
        Outcome::Published { changes, notices, coverage, checked } => {
            report.expressions.add(checked);
            report.apps_read += 1;
            report.cover(&entry.id, coverage);
            report.notice(&entry.id, notices);
            count_events(report, changes);
        }
    }
}

fn count_events(report: &mut Report, changes: Published) {
    for topic in changes.upserts {
        report.counts(topic).published += 1;
    }
    for topic in changes.deletes {
        report.counts(topic).deleted += 1;
    }
    for topic in changes.unchanged {
        report.counts(topic).unchanged += 1;
    }
}

/// Headers of an app's marker. What was told before stays so when nothing is told now.
fn settled(fingerprint: String, entry: &AppEntry, known: &AppState) -> Settled {
    let published = || known.dashboard.as_ref().map(|marker| marker.described);
    let before = || published().filter(|hash| *hash != 0).map(|hash| format!("{hash:032x}"));
    Settled {
        fingerprint,
        listed_hash: listed::listed_hash(entry),
        described_hash: listed::described_hash(entry).or_else(before),
    }
}

//! One app of the site as events, and what decides which apps those are.

use schemas::{
    Event,
    event::{Dashboard, DataModelKind, Origin},
    hash,
};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{
    changes::Gaps,
    config::{Scope, Settings},
    cross_check::{CrossCheck, Expressions},
    map::{self, Coverage},
    qlik::{
        AppError, Class, ReadLimits, Site,
        model::{AppContent, AppEntry, DataModelSource, KnownTables},
    },
    records::now,
    scripts::{self, Surroundings},
};

/// Version that events and fingerprints carry.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// An app as events.
pub(crate) struct App {
    pub(crate) dashboard: Dashboard,
    pub(crate) others: Vec<Event>,
    pub(crate) gaps: Gaps,
    pub(crate) notices: Vec<String>,
    /// What became of the references to sources in its script; `None` when it may not be read.
    pub(crate) coverage: Option<Coverage>,
    /// What the cross-check of its expressions came to.
    pub(crate) checked: CrossCheck,
}

/// Why an app could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Something of its objects may be missing.
    #[error(transparent)]
    App(#[from] AppError),
    /// Its data model may be readable at another time.
    #[error("the data model could not be read: {0}")]
    DataModel(String),
}

impl Failure {
    /// Whether the site may be in trouble, and not the app.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::App(error) => matches!(
                error.class(),
                Class::Later | Class::Reconnect | Class::SessionLimit | Class::Repeat
            ),
            Self::DataModel(_) => true,
        }
    }
}

/// Reads an app, of which the data model may be known; the error is why it could not be.
pub(crate) async fn read(
    settings: &Settings,
    site: &Site,
    entry: &AppEntry,
    known: Option<KnownTables>,
    around: &Surroundings,
    cancel: &CancellationToken,
) -> Result<App, Failure> {
    debug!(app = entry.id, title = entry.title, "reading an app");
    let limits = ReadLimits { deadline: settings.run.app_deadline, cancel: cancel.clone() };
    let content = site.read_app_again(entry, &limits, known).await?;
    if let DataModelSource::Unreadable { reason, transient: true } = &content.data_model {
        // Without its fields nothing can be told of what charts read, and next time it may be there.
        return Err(Failure::DataModel(reason.clone()));
    }
    let mut notices = content.notices.clone();
    let mut gaps = gaps(&content);
    let context = context(settings);
    let mut events = map::map_app(entry, &content, &context);
    let mut coverage = None;
    if settings.scope.include_data_models {
        match scripts::analyse(site, entry, &content, around).await {
            Some(analysis) => {
                let script = map::Script {
                    found: &analysis.found,
                    connections: &analysis.connections,
                    apps: &around.names,
                    origin: analysis.origin,
                };
                let found = map::add_script(&mut events, &content, &script, &context);
                coverage = (analysis.origin != Origin::DataManager).then_some(found);
            }
            None => gaps.script = true,
        }
        // What the data manager tells is not all that the script may have told.
        gaps.script |= content.script.is_none();
    }
    let checked = if settings.run.check_expressions {
        cross_check(site, entry, &events, &content, &limits, &mut notices).await
    } else {
        CrossCheck::default()
    };
    scope(&settings.scope, &mut events);
    notices.extend(events.diagnostics.iter().map(|it| format!("{}: {}", it.place, it.message)));
    let dashboard = std::mem::take(&mut events.dashboard);
    let data_models = events.data_models.into_iter().map(|it| Event::DataModel(Box::new(it)));
    let charts = events.charts.into_iter().map(|it| Event::Chart(Box::new(it)));
    let lineage = events.lineage.into_iter().map(|it| Event::Lineage(Box::new(it)));
    let others = data_models.chain(charts).chain(lineage).collect();
    Ok(App { dashboard, others, gaps, notices, coverage, checked })
}

/// Asks the engine which fields the app's expressions read, and adds where it says something else.
async fn cross_check(
    site: &Site,
    entry: &AppEntry,
    events: &map::AppEvents,
    content: &AppContent,
    limits: &ReadLimits,
    notices: &mut Vec<String>,
) -> CrossCheck {
    let expressions = Expressions::of(events, content);
    let has_data = matches!(
        content.data_model,
        DataModelSource::Metadata(_) | DataModelSource::TablesAndKeys(_)
    );
    if !has_data || expressions.texts.is_empty() {
        return CrossCheck::default();
    }
    match site.fields_of_expressions(entry, &expressions.texts, limits).await {
        Ok(answers) => {
            let (counts, differences) = expressions.compare(&answers);
            notices.extend(differences);
            counts
        }
        Err(error) => {
            let reason = error.reason();
            notices.push(format!("cross-check: the engine could not be asked: {reason}"));
            CrossCheck::default()
        }
    }
}

/// Takes out what the configuration does not want.
fn scope(scope: &Scope, events: &mut map::AppEvents) {
    if !scope.include_owners {
        events.dashboard.owner = None;
    }
    if !scope.include_tags {
        events.dashboard.tags.clear();
        events.dashboard.custom_properties.clear();
        events.charts.iter_mut().for_each(|chart| chart.tags.clear());
    }
    // A chart without a title is never filtered out, as a sheet without one in OpenMetadata.
    events.retain_charts(|chart| match &chart.title {
        Some(title) => scope.charts.passes(Some(title)),
        None => true,
    });
    events.retain_data_models(|model| {
        let is_table = model.kind == DataModelKind::Table;
        scope.include_data_models && (!is_table || scope.data_models.passes(model.table.as_deref()))
    });
    if !scope.include_data_models {
        // As in OpenMetadata: no data models, no lineage.
        events.lineage.clear();
    }
}

/// What could not be read although the app could. Objects may be readable next time, which is not
/// said of a data model that is left here.
fn gaps(content: &AppContent) -> Gaps {
    Gaps {
        data_model: matches!(content.data_model, DataModelSource::Unreadable { .. }),
        objects: content.unreadable.iter().map(|object| object.id.clone()).collect(),
        described: false,
        script: false,
        passing: !content.unreadable.is_empty(),
    }
}

/// The entry without what the configuration does not want, so that its changes open no app.
pub(crate) fn scoped(scope: &Scope, mut entry: AppEntry) -> AppEntry {
    if !scope.include_owners {
        entry.owner = None;
    }
    if !scope.include_tags {
        entry.tags.clear();
        entry.custom_properties.clear();
    }
    entry
}

/// Whether the filters let an app through.
pub(crate) fn passes(scope: &Scope, entry: &AppEntry) -> bool {
    let project = entry.project.as_ref().map(|(_, name)| name.as_str());
    (scope.include_drafts || entry.published != Some(false))
        && scope.dashboards.passes(Some(&entry.title))
        && scope.projects.passes(project)
        && scope.streams.passes(project)
}

/// What mapping needs besides the app.
fn context(settings: &Settings) -> map::Context<'_> {
    map::Context {
        service: &settings.service,
        base_url: settings.base_url.as_deref(),
        observed_at: now(),
        options: map::Options { emit_non_charts: settings.scope.non_chart_objects },
    }
}

/// Extractor version and every option that shapes an app's events.
pub(crate) fn fingerprint(settings: &Settings) -> String {
    let scope = &settings.scope;
    let options = serde_json::json!({
        "version": VERSION,
        // Raised whenever the same app comes to other events.
        "mapping": 3,
        "user": [settings.site.user_directory, settings.site.user_id],
        "baseUrl": settings.base_url,
        "charts": scope.charts.describe(),
        "dataModels": scope.data_models.describe(),
        "includeOwners": scope.include_owners,
        "includeTags": scope.include_tags,
        "includeDataModels": scope.include_data_models,
        "nonChartObjects": scope.non_chart_objects,
        "includes": settings.includes.describe(),
        // What was kept is deleted once that is wanted, although the app has not changed.
        "deletes": [settings.run.delete_charts, settings.run.delete_data_models],
    });
    hash::of_json(&options)
}

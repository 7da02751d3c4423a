//! What was read of an app → events. Pure: no I/O, no clock.
//!
//! [`map_app`] takes what the site's lists say of an app ([`AppEntry`]) and what was read of it
//! ([`AppContent`]) and makes its dashboard, chart and data model events, and the lineage that its
//! objects themselves tell. [`add_script`] adds the lineage that its load script tells.
//!
//! | part | what it decides |
//! |---|---|
//! | `sheet` | order of sheets, what lies on them and in which order, containers |
//! | `visualization` | links to master visualizations, auto-charts, types |
//! | `cube` | dimensions and measures of a chart |
//! | `auxiliary` | every other expression and its role |
//! | `chart` | the event, and what its columns use |
//! | `library` | master measures and dimensions |
//! | `tables` | the data model, from reload metadata or the engine |
//! | `lineage` | tables → master items → charts → the app |
//! | `dashboard` | the app itself |
//! | `script` | databases, files, other apps → tables, stored files |
//!
//! Foreign input is read tolerantly: what is missing or of another type is absent, [`Diagnostic`]s
//! say what could not be resolved. Properties nested deeper than 64 levels and containers deeper
//! than 32 are not followed, so that no input overflows the stack.

mod auxiliary;
mod chart;
mod cube;
mod dashboard;
mod json;
mod library;
mod lineage;
mod script;
mod sheet;
mod tables;
#[cfg(test)]
mod tests;
mod visualization;

use std::collections::{BTreeSet, HashSet};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemas::{
    event::{self, Chart, Dashboard, DataModel, Event, Lineage, Millis, Node},
    key::MASTER_ITEMS,
};

pub(crate) use self::dashboard::{
    listed_custom_properties, listed_owner, listed_project, listed_tags,
};
pub(crate) use self::script::ANY_COLUMN;
pub use self::script::{AppNames, Coverage, FoundApp, OpenReference, Script, add_script};
pub(crate) use self::script::{Read, reads};
pub(crate) use self::tables::known_reply;
use self::{
    chart::Use,
    library::Library,
    lineage::TablesOfField,
    tables::Table,
    visualization::{Kind, MasterObjects},
};
use crate::{
    expression::{self, Names},
    qlik::model::{AppContent, AppEntry, DataModelSource},
};

/// Most diagnostics of one app; the rest is counted.
const MAX_DIAGNOSTICS: usize = 500;

/// Characters of an id that stay as they are in a URL.
const URL_SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What all events of a run share.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Name of the configured service.
    pub service: &'a str,
    /// Where browsers find the site, such as `https://qlik.example.com`; events have URLs only with
    /// it.
    pub base_url: Option<&'a str>,
    /// When the app was read.
    pub observed_at: Millis,
    /// What to make of it.
    pub options: Options,
}

/// What to make of an app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether filter panes, list boxes, buttons and other controls are charts too, of type OTHER.
    /// Containers never are: what they hold is.
    pub emit_non_charts: bool,
}

/// Everything about an app, the dashboard to be published last.
#[derive(Clone, Debug, PartialEq)]
pub struct AppEvents {
    /// The app.
    pub dashboard: Dashboard,
    /// Its charts: by sheet, then in reading order.
    pub charts: Vec<Chart>,
    /// Its tables in the order of the source, then its master items.
    pub data_models: Vec<DataModel>,
    /// Edges that its objects tell.
    pub lineage: Vec<Lineage>,
    /// What could not be told.
    pub diagnostics: Vec<Diagnostic>,
}

/// Something in an app that could not be resolved. It costs only what it names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// Where: an object, a master item.
    pub place: String,
    /// What.
    pub message: String,
}

impl AppEvents {
    /// Keeps the charts that `keep` accepts; the others leave their sheets and the lineage too.
    pub fn retain_charts(&mut self, keep: impl FnMut(&Chart) -> bool) {
        self.charts.retain(keep);
        let kept: HashSet<&str> =
            self.charts.iter().map(|chart| chart.object_id.as_str()).collect();
        for sheet in &mut self.dashboard.sheets {
            sheet.chart_ids.retain(|id| kept.contains(id.as_str()));
        }
        let is_kept = |node: &Node| match node {
            Node::Chart(chart) => kept.contains(chart.object_id.as_str()),
            _ => true,
        };
        self.lineage.retain(|edge| is_kept(&edge.from) && is_kept(&edge.to));
    }

    /// Keeps the data models that `keep` accepts; the others leave the dashboard and the lineage
    /// too.
    pub fn retain_data_models(&mut self, keep: impl FnMut(&DataModel) -> bool) {
        self.data_models.retain(keep);
        let kept: HashSet<&str> =
            self.data_models.iter().filter_map(|model| model.table.as_deref()).collect();
        let keys: BTreeSet<String> = self.data_models.iter().map(DataModel::key).collect();
        self.dashboard.data_model_keys.retain(|key| keys.contains(key));
        let is_kept = |node: &Node| match node {
            Node::DataModel(model) => kept.contains(model.table.as_str()),
            _ => true,
        };
        self.lineage.retain(|edge| is_kept(&edge.from) && is_kept(&edge.to));
    }

    /// The events in the order in which they are published: the dashboard, which commits the rest,
    /// last.
    #[must_use]
    pub fn into_events(self) -> Vec<Event> {
        let data_models = self.data_models.into_iter().map(|it| Event::DataModel(Box::new(it)));
        let charts = self.charts.into_iter().map(|it| Event::Chart(Box::new(it)));
        let lineage = self.lineage.into_iter().map(|it| Event::Lineage(Box::new(it)));
        let dashboard = Event::Dashboard(Box::new(self.dashboard));
        data_models.chain(charts).chain(lineage).chain([dashboard]).collect()
    }
}

/// Makes the events of an app.
#[must_use]
pub fn map_app(entry: &AppEntry, content: &AppContent, context: &Context<'_>) -> AppEvents {
    let mut tables = tables::tables(&content.data_model);
    let library = Library::of(content);
    let mut diagnostics = Diagnostics::default();
    // The name is the identity, and that one belongs to the master items.
    tables.retain(|table| {
        let is_free = table.name != MASTER_ITEMS || library.items().is_empty();
        if !is_free {
            diagnostics.push("a table", "it is named like the master items and left out");
        }
        is_free
    });
    let mut names = library.names(tables::field_names(&tables), content);
    // There are fields; which ones is only told by the expressions.
    names.is_open = matches!(content.data_model, DataModelSource::Unreadable { .. });
    let app = App { id: &entry.id, entry, content, context, library, names };
    let of_field = TablesOfField::of(&tables);

    let items = item_uses(&app, &mut diagnostics);
    let mut lineage = lineage::to_master_items(&items, &of_field, &app);
    let (sheets, charts) = charts(&app, &of_field, &mut lineage, &mut diagnostics);
    if app.names.is_open && !charts.is_empty() {
        let message = "its data model could not be read; the fields of its charts are the names that stand where fields do";
        diagnostics.push("the app", message);
    } else if app.names.fields.is_empty() && !charts.is_empty() {
        diagnostics.push("the app", "it has no data model; the fields of its charts are not known");
    }
    let data_models = data_models(tables, &app);
    let keys = data_models.iter().map(DataModel::key).collect();
    AppEvents {
        dashboard: dashboard::dashboard(&app, sheets, keys),
        charts,
        data_models,
        lineage,
        diagnostics: diagnostics.finish(),
    }
}

/// What is known of an app while its events are made.
struct App<'a> {
    id: &'a str,
    entry: &'a AppEntry,
    content: &'a AppContent,
    context: &'a Context<'a>,
    library: Library,
    names: Names,
}

impl App<'_> {
    /// `<base URL>/sense/app/<id>/<segments>`.
    fn url(&self, segments: &[&str]) -> Option<String> {
        let base = self.context.base_url?.trim_end_matches('/');
        let mut url = format!("{base}/sense/app");
        for segment in [self.id].iter().chain(segments) {
            url.push('/');
            url.extend(utf8_percent_encode(segment, URL_SEGMENT));
        }
        Some(url)
    }
}

fn data_models(tables: Vec<Table>, app: &App<'_>) -> Vec<DataModel> {
    let reloaded_at = dashboard::reloaded_at(app);
    let tables = tables.into_iter().map(|table| tables::event(table, app, reloaded_at));
    tables.chain(app.library.event(app)).collect()
}

/// What each master item uses, by the item's name.
fn item_uses(app: &App<'_>, diagnostics: &mut Diagnostics) -> Vec<(String, Vec<Use>)> {
    let context = expression::Context { names: &app.names, columns: &[] };
    let mut items = Vec::new();
    for item in app.library.items() {
        let mut uses = Vec::new();
        for text in &item.expressions {
            let reads = if item.is_measure {
                expression::fields(text, &context)
            } else {
                expression::dimension_fields(text, &context)
            };
            chart::report(app, &format!("master item `{}`", item.id), &reads, diagnostics);
            uses.push(chart::used(app, reads, text, None));
        }
        items.push((item.name.clone(), uses));
    }
    items
}

/// The sheets with their charts' ids, and the charts; their edges are added to `lineage`. A chart
/// that several sheets show through linked containers has one event, with the first of them.
fn charts(
    app: &App<'_>,
    of_field: &TablesOfField,
    lineage: &mut Vec<Lineage>,
    diagnostics: &mut Diagnostics,
) -> (Vec<event::Sheet>, Vec<Chart>) {
    let masters = MasterObjects::of(&app.content.objects);
    let (mut sheets, mut charts) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for app_sheet in sheet::sheets(&app.content.objects, &app.content.object_meta) {
        let mut event = app_sheet.sheet;
        let mut objects = sheet::Objects::on(app_sheet.node, &masters);
        while let Some(placed) = objects.next(diagnostics) {
            if !matches!(placed.kind, Kind::Chart(_)) && !app.context.options.emit_non_charts {
                continue;
            }
            event.chart_ids.push(placed.id.to_owned());
            if seen.insert(placed.id.to_owned()) {
                let (chart, uses) = chart::chart(&placed, &event, app, diagnostics);
                lineage.extend(lineage::of_chart(placed.id, &uses, of_field, app));
                charts.push(chart);
            }
        }
        sheets.push(event);
    }
    (sheets, charts)
}

/// Diagnostics of an app, each once and not without end.
#[derive(Debug, Default)]
struct Diagnostics {
    found: BTreeSet<Diagnostic>,
    left_out: usize,
}

impl Diagnostics {
    fn push(&mut self, place: &str, message: &str) {
        let diagnostic = Diagnostic { place: place.to_owned(), message: message.to_owned() };
        if self.found.len() < MAX_DIAGNOSTICS {
            self.found.insert(diagnostic);
        } else if !self.found.contains(&diagnostic) {
            self.left_out += 1;
        }
    }

    fn finish(self) -> Vec<Diagnostic> {
        let mut diagnostics: Vec<Diagnostic> = self.found.into_iter().collect();
        if self.left_out > 0 {
            diagnostics.push(Diagnostic {
                place: "the app".to_owned(),
                message: format!("{} more like these", self.left_out),
            });
        }
        diagnostics
    }
}

//! `plan`: what a full run would publish, without publishing it.

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt as _, stream};
use schemas::{Event, json};
use tokio_util::sync::CancellationToken;

use super::{Error, FILES_AT_ONCE, fail, names, outage::Outage, passing};
use crate::{
    app::{self, Failure},
    changes::Settled,
    cli::PlanFormat,
    config::Settings,
    error_chain,
    files::{self, Book},
    listed,
    page::Graph,
    progress::Clock,
    qlik::{Class, Site},
    records::{self, now},
    report::Report,
    scripts::Surroundings,
};

/// Prints what a full run would publish, one JSON object a line or as one page.
///
/// # Errors
/// When the site cannot be used at all, or standard output is closed.
pub async fn plan(
    settings: &Settings,
    site: &Site,
    format: PlanFormat,
    cancel: &CancellationToken,
) -> Result<Report, Error> {
    let mut clock = Clock::start(settings, site);
    let fingerprint = app::fingerprint(settings);
    let apps = passing(settings, site.apps().await?, &mut clock.report);
    let around = &Surroundings::of(Arc::new(names(&apps)), settings);
    let mut files = Book::default();
    let outage = &Outage::new(settings, site, settings.site.limits.sessions);
    let mut read = stream::iter(&apps)
        .map(|entry| async move {
            let read = app::read(settings, site, entry, None, around, cancel).await;
            let ended_by = outage.note(read.as_ref().err()).await;
            (entry, read, ended_by)
        })
        .buffer_unordered(settings.site.limits.sessions);
    let page = (format == PlanFormat::Html).then(|| Graph::new(&settings.service));
    let mut planned = Planned { out: std::io::stdout().lock(), settings, page };
    while let Some((entry, result, ended_by)) = read.next().await {
        if let Some(error) = ended_by.filter(|_| !cancel.is_cancelled()) {
            return Err(error);
        }
        match result {
            Ok(app) => {
                clock.report.apps_read += 1;
                clock.report.notice(&entry.id, app.notices);
                clock.report.expressions.add(app.checked);
                clock.report.cover(&entry.id, app.coverage);
                files.replace(&entry.id, files::edges_of(&app.others), false);
                let dashboard = Event::Dashboard(Box::new(app.dashboard));
                let settled = Settled {
                    fingerprint: fingerprint.clone(),
                    listed_hash: listed::listed_hash(entry),
                    described_hash: listed::described_hash(entry),
                };
                // The order of a run: the dashboard event is the last of its app.
                for event in app.others.into_iter().chain([dashboard]) {
                    let settled = matches!(event, Event::Dashboard(_)).then_some(&settled);
                    planned.add(&mut clock.report, event, settled)?;
                }
            }
            Err(_) if cancel.is_cancelled() => {
                clock.report.error = Some("stopped before every app was read".to_owned());
                break;
            }
            Err(Failure::App(error)) if matches!(error.class(), Class::Setup | Class::SignIn) => {
                return Err(error.into());
            }
            Err(error) => fail(&mut clock.report, entry, error_chain(&error)),
        }
    }
    drop(read);
    clock.phase("apps");
    for paths in files.paths().chunks(FILES_AT_ONCE) {
        for change in files.changes(&settings.service, paths, now()) {
            if let files::Change::Write(event, _) = change {
                planned.add(&mut clock.report, event, None)?;
            }
        }
    }
    planned.finish()?;
    clock.phase("files");
    clock.finish();
    Ok(clock.report)
}

/// Where a plan goes.
struct Planned<'a, W> {
    out: W,
    settings: &'a Settings,
    /// Instead of lines.
    page: Option<Graph>,
}

impl<W: std::io::Write> Planned<'_, W> {
    fn add(
        &mut self,
        report: &mut Report,
        event: Event,
        settled: Option<&Settled>,
    ) -> std::io::Result<()> {
        let topic = event.topic();
        report.counts(topic).published += 1;
        if let Some(page) = &mut self.page {
            page.add_event(&event);
            return Ok(());
        }
        let (hash, service) = (event.content_hash(), &self.settings.service);
        let record = records::upsert(service, &report.run_id, event, &hash, settled);
        let headers: BTreeMap<_, _> =
            record.headers.iter().map(|(name, value)| (*name, value)).collect();
        let value = record.event.as_ref().map(json::readable);
        let topic = self.settings.topics.name(topic);
        let line = serde_json::json!({"topic": topic, "key": record.key, "headers": headers, "value": value});
        writeln!(self.out, "{line}")
    }

    /// Writes the page.
    fn finish(mut self) -> std::io::Result<()> {
        match self.page.take() {
            Some(page) => writeln!(self.out, "{}", page.finished().to_html().trim_end()),
            None => Ok(()),
        }
    }
}

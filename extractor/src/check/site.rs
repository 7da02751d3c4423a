//! The site: encryption, session, apps, repository.

use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::{
    advice,
    network::describe,
    steps::{Step, Steps},
};
use crate::{
    config::{Kind, Settings, Verification},
    error_chain,
    qlik::{DataModels, Error, ReadLimits, Site, model::AppEntry},
};

/// An error of the site with the place to change.
pub(super) fn explained(step: Step, error: &Error, is_cloud: bool) -> String {
    with_place(error, advice::of_error(step, error, is_cloud))
}

fn with_place(error: &dyn std::error::Error, place: Option<&str>) -> String {
    let mut text = error_chain(error);
    if let Some(place) = place {
        text.push_str("; ");
        text.push_str(place);
    }
    text
}

/// Every step from TLS to the change feed.
pub(super) async fn steps(steps: &mut Steps, settings: &Settings, site: &Site) {
    let is_cloud = matches!(settings.site.kind, Kind::Cloud { .. });
    let mut checked = Checked { steps, settings, site, is_cloud };
    if !checked.tls().await || !checked.sign_in().await {
        return;
    }
    checked.repository().await;
    if let Some(app) = checked.apps().await {
        checked.app(&app).await;
        checked.data_model(&app).await;
    }
}

struct Checked<'a> {
    steps: &'a mut Steps,
    settings: &'a Settings,
    site: &'a Site,
    is_cloud: bool,
}

impl Checked<'_> {
    fn explained(&self, step: Step, error: &Error) -> String {
        explained(step, error, self.is_cloud)
    }

    /// Reports a step; whether it passed.
    fn done(&mut self, step: Step, started: Instant, result: Result<String, Error>) -> bool {
        let passed = result.is_ok();
        let result = result.map_err(|error| self.explained(step, &error));
        self.steps.done(step, started, result);
        passed
    }

    async fn tls(&mut self) -> bool {
        let started = Instant::now();
        let result = self.site.probe_tls().await.map(|peer| {
            let Some(peer) = peer else {
                return "none: what is sent can be read on the network".to_owned();
            };
            let certificate = peer.certificate.map_or_else(
                || "a certificate that cannot be described".to_owned(),
                |it| describe(&it),
            );
            let verified = match self.settings.site.verification {
                Verification::Full => "chain and host name verified",
                Verification::Chain => "chain verified, host name not (`validateHostName`)",
                Verification::Off => "NOT VERIFIED (`extractor.verifyCertificates: false`)",
            };
            format!("{}, the server's certificate is {certificate}; {verified}", peer.protocol)
        });
        self.done(Step::Tls, started, result)
    }

    /// Websocket and session; on Qlik Cloud the REST interface, because sockets are for apps only.
    async fn sign_in(&mut self) -> bool {
        let started = Instant::now();
        if self.is_cloud {
            let result = self.site.probe_engine().await;
            let result =
                result.map(|_| "the tenant accepts the key (`/api/v1/users/me`)".to_owned());
            return self.done(Step::Websocket, started, result);
        }
        let result = self.site.probe_socket().await.map(|()| "opened".to_owned());
        if !self.done(Step::Websocket, started, result) {
            return false;
        }
        let started = Instant::now();
        let result = self.site.probe_engine().await.map(|version| {
            version.map_or_else(
                || "the engine answers".to_owned(),
                |version| format!("the engine answers, version {version}"),
            )
        });
        self.done(Step::Session, started, result)
    }

    async fn repository(&mut self) {
        let started = Instant::now();
        match self.site.probe_repository().await {
            Ok(Some(version)) => {
                self.done(Step::Repository, started, Ok(format!("version {version}")));
                self.change_feed().await;
            }
            Ok(None) => {}
            Err(error) => {
                self.done(Step::Repository, started, Err(error));
            }
        }
    }

    /// Runs work without it, so its absence is no failure.
    async fn change_feed(&mut self) {
        let started = Instant::now();
        match self.site.probe_changes().await {
            Ok(Some(())) => {
                self.done(Step::ChangeFeed, started, Ok("it answers".to_owned()));
            }
            Ok(None) => {}
            Err(error) => {
                let text = self.explained(Step::ChangeFeed, &error);
                let text = format!("not there, changes are found by scanning: {text}");
                self.steps.note(Step::ChangeFeed, started, &text);
            }
        }
    }

    /// The list; one app of it that has as much as possible to try.
    async fn apps(&mut self) -> Option<AppEntry> {
        let started = Instant::now();
        let list = match self.site.apps().await {
            Ok(list) => list,
            Err(error) => {
                self.done(Step::Apps, started, Err(error));
                return None;
            }
        };
        if list.apps.is_empty() {
            let text = format!("no apps; {}", no_apps(self.is_cloud));
            self.steps.done(Step::Apps, started, Err(text));
            return None;
        }
        let mut found = format!("{} apps", list.apps.len());
        for notice in &list.notices {
            found.push_str("; ");
            found.push_str(notice);
        }
        self.steps.done(Step::Apps, started, Ok(found));
        let mut apps = list.apps;
        let reloaded = apps.iter().position(|app| app.last_reload_at.is_some());
        Some(apps.swap_remove(reloaded.unwrap_or(0)))
    }

    async fn app(&mut self, app: &AppEntry) {
        let started = Instant::now();
        let limits = ReadLimits {
            deadline: self.settings.run.app_deadline,
            cancel: CancellationToken::new(),
        };
        let content = match self.site.read_app(app, &limits).await {
            Ok(content) => content,
            Err(error) => {
                let place = advice::advice(Step::App, error.class(), self.is_cloud);
                let text = with_place(&error, place);
                self.steps.done(Step::App, started, Err(text));
                return;
            }
        };
        let found = format!(
            "`{}`: {} sheets and master visualizations, {} master items",
            app.title,
            content.objects.len(),
            content.measures.len() + content.dimensions.len()
        );
        self.steps.done(Step::App, started, Ok(found));
        let script = match &content.script {
            Some(script) => Ok(format!("{} characters", script.len())),
            None => Err(advice::script(self.is_cloud).to_owned()),
        };
        self.steps.done(Step::Script, started, script);
    }

    async fn data_model(&mut self, app: &AppEntry) {
        let started = Instant::now();
        let models = self.site.probe_data_models(&app.id).await.map(|models| match models {
            DataModels::Rest(path) => {
                format!("by REST, `{path}`: apps need not be opened with their data")
            }
            DataModels::OpenWithData => "not by REST: changed apps are opened with their data, `extractor.dataConcurrency` at a time".to_owned(),
            DataModels::NotKnown => format!("`{}` has none", app.title),
        });
        self.done(Step::DataModel, started, models);
    }
}

/// What to do where the user sees nothing.
pub(super) fn no_apps(is_cloud: bool) -> &'static str {
    if is_cloud {
        "in the tenant: Administration, Spaces: give the user of `source.serviceConnection.config.token` a role in the spaces, and check `source.serviceConnection.config.spaceTypes`"
    } else {
        "the user of `source.serviceConnection.config.userId` may read none; Qlik Management Console, Streams and Security rules: give it read access, or use the service account `INTERNAL` / `sa_api`"
    }
}

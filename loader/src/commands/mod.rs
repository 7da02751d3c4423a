//! The commands: configuration → logs → work → exit code.

mod check;
mod dead_letters;
mod output;
mod reconcile;
mod replay;
mod run;
mod unresolved;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

pub use self::{
    check::{Line, check},
    dead_letters::{list, retry, show},
    reconcile::{Reconcile, reconcile},
    replay::{Replay, replay},
    run::run,
    unresolved::unresolved,
};
use crate::{
    cli::{Cli, Command, DeadLettersCommand, RunArgs},
    config::{self, Settings},
    error_text,
    report::{Report, Tally},
    runtime::{admin, progress, shutdown, telemetry},
    sink::{Fatal, Inventory, Watcher},
    source,
};

/// What the commands load into.
pub trait Catalogue {
    /// The sink.
    type Sink: Inventory;

    /// Connects; checks the server's version and the credentials.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    fn connect(
        &self,
        settings: &Settings,
    ) -> impl Future<Output = Result<Self::Sink, Fatal>> + Send;

    /// Connects to look: nothing is ever written, and `watcher` is told what would have been.
    ///
    /// # Errors
    /// As [`Self::connect`].
    fn look(
        &self,
        settings: &Settings,
        watcher: Watcher,
    ) -> impl Future<Output = Result<Self::Sink, Fatal>> + Send;

    /// Looks at everything that a run needs of the server, for `check`; changes nothing there.
    fn check(&self, settings: &Settings) -> impl Future<Output = Vec<Line>> + Send;
}

/// Runs the command line.
pub async fn main<C: Catalogue>(cli: Cli, catalogue: &C) -> ExitCode {
    match execute(cli, catalogue).await {
        Ok(code) => ExitCode::from(code),
        Err(fatal) => {
            // Also when logs are JSON, and when they have not been started: people must see it.
            output::error(&fatal.message);
            ExitCode::from(fatal.exit_code)
        }
    }
}

async fn execute<C: Catalogue>(cli: Cli, catalogue: &C) -> Result<u8, Fatal> {
    let Cli { command, global } = cli;
    if let Command::Completions { shell } = command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::program(), "loader", &mut script);
        output::print(&String::from_utf8_lossy(&script));
        return Ok(0);
    }
    let settings = config::load(&global.config, &global.overrides)
        .map_err(|problems| Fatal { message: problems.to_string(), exit_code: 2 })?;
    let level = global.log_level.as_deref().or(settings.log_level).unwrap_or("info");
    let _telemetry = telemetry::start(global.log_format, level)
        .map_err(|message| Fatal { message, exit_code: 2 })?;
    notices(&settings);
    let shutdown = shutdown::on_signal().map_err(|error| Fatal {
        message: format!("failed to handle signals: {error}"),
        exit_code: 1,
    })?;
    let context = Context { settings: &settings, catalogue, shutdown: &shutdown };
    match command {
        Command::Run(args) => context.run(args).await,
        Command::Check => check(&settings, catalogue).await,
        Command::Replay(args) => {
            let what = Replay { from: args.from, topics: args.topics, keys: args.key };
            let (dry_run, json) = (args.dry_run, args.json);
            let work = async |tally: &Arc<Tally>| {
                let sink = match dry_run {
                    true => context.look(output::planned(json)).await?,
                    false => context.connect().await?,
                };
                let Some(sink) = sink else { return Ok(stopped(tally)) };
                if dry_run {
                    return replay(&looking(&settings), sink, what, tally, &shutdown).await;
                }
                replay(&settings, sink, what, tally, &shutdown).await
            };
            context.reported(Tally::new("replay", &settings.service), true, args.report, work).await
        }
        Command::Reconcile(args) => {
            let how = Reconcile { dry_run: args.dry_run, allow_deletions: args.allow_deletions };
            let connected = async || match how.dry_run {
                true => context.look(Arc::new(|_| {})).await,
                false => context.connect().await,
            };
            let work = async |tally: &Arc<Tally>| match connected().await? {
                Some(sink) => {
                    let ended = reconcile(&settings, sink, how, tally, &shutdown).await?;
                    output::strays(&ended);
                    Ok(ended)
                }
                None => Ok(stopped(tally)),
            };
            context
                .reported(Tally::new("reconcile", &settings.service), true, args.report, work)
                .await
        }
        Command::Unresolved(args) => {
            let work = async |tally: &Arc<Tally>| match context.look(Arc::new(|_| {})).await? {
                Some(sink) => {
                    let ended = unresolved(&settings, sink, tally, &shutdown).await?;
                    output::unresolved(&ended, args.json);
                    Ok(ended)
                }
                None => Ok(stopped(tally)),
            };
            let tally = Tally::new("unresolved", &settings.service).listing_all();
            context.reported(tally, true, args.report, work).await
        }
        Command::DeadLetters(DeadLettersCommand::List { all, json }) => {
            output::letters(&list(&settings, all, &shutdown).await?, json);
            Ok(0)
        }
        Command::DeadLetters(DeadLettersCommand::Show { id }) => {
            output::print(&show(&settings, id, &shutdown).await?);
            Ok(0)
        }
        Command::DeadLetters(DeadLettersCommand::Retry { report }) => {
            let work = async |tally: &Arc<Tally>| match context.connect().await? {
                Some(sink) => retry(&settings, sink, tally, &shutdown).await,
                None => Ok(stopped(tally)),
            };
            let tally = Tally::new("dead-letters retry", &settings.service);
            context.reported(tally, true, report, work).await
        }
        Command::Completions { .. } => Ok(0),
    }
}

/// What every command needs.
struct Context<'a, C> {
    settings: &'a Settings,
    catalogue: &'a C,
    shutdown: &'a CancellationToken,
}

impl<C: Catalogue> Context<'_, C> {
    async fn run(&self, args: RunArgs) -> Result<u8, Fatal> {
        let work = async |tally: &Arc<Tally>| {
            if let Some(address) = self.settings.admin_address {
                admin::start(address, Arc::clone(tally), self.settings, self.shutdown.clone())
                    .await?;
            }
            match self.connect().await? {
                Some(sink) => run(self.settings, sink, args.until_end, tally, self.shutdown).await,
                None => Ok(stopped(tally)),
            }
        };
        self.reported(Tally::new("run", &self.settings.service), args.until_end, args.report, work)
            .await
    }

    /// Connects to the catalogue; `None` when a signal came first.
    async fn connect(&self) -> Result<Option<Arc<C::Sink>>, Fatal> {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Ok(None),
            sink = self.catalogue.connect(self.settings) => Ok(Some(Arc::new(sink?))),
        }
    }

    /// Connects to the catalogue to look only; `None` when a signal came first.
    async fn look(&self, watcher: Watcher) -> Result<Option<Arc<C::Sink>>, Fatal> {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Ok(None),
            sink = self.catalogue.look(self.settings, watcher) => Ok(Some(Arc::new(sink?))),
        }
    }

    /// Does the work, tells how it went, and writes the report whatever happened.
    async fn reported(
        &self,
        tally: Tally,
        has_end: bool,
        path: Option<PathBuf>,
        work: impl AsyncFnOnce(&Arc<Tally>) -> Result<Report, Fatal>,
    ) -> Result<u8, Fatal> {
        let tally = Arc::new(tally);
        // A loader that goes on for ever is not getting anywhere.
        let progress = has_end.then(|| progress::start(&tally));
        let report = work(&tally).await.unwrap_or_else(|fatal| {
            tally.finish("failed", Some((fatal.message, fatal.exit_code)), Vec::new())
        });
        drop(progress);
        output::error_text(&report.table());
        match &report.error {
            Some(reason) => error!(reason, exit_code = report.exit_code, "failed"),
            None => info!(ended = report.ended, exit_code = report.exit_code, "done"),
        }
        if let Some(path) = path.as_ref().or(self.settings.report.as_ref()) {
            report.write(path).map_err(|error| Fatal {
                message: format!("failed to write the report `{}`: {error}", path.display()),
                exit_code: report.exit_code.max(1),
            })?;
        }
        Ok(report.exit_code)
    }
}

/// `None` when a signal came first.
async fn unless_stopped<T, E>(
    shutdown: &CancellationToken,
    asked: impl Future<Output = Result<T, E>>,
) -> Result<Option<T>, E> {
    tokio::select! {
        biased;
        () = shutdown.cancelled() => Ok(None),
        answer = asked => answer.map(Some),
    }
}

/// Settings for a pass that looks only. Whoever runs it sits in front of it.
fn looking(settings: &Settings) -> Settings {
    /// References are read before what refers to them; only files of other partitions come later.
    const WAIT: Duration = Duration::from_secs(10);
    let mut settings = settings.clone();
    settings.flow.wait.timeout = settings.flow.wait.timeout.min(WAIT);
    settings
}

/// The report of a command that was stopped before it began.
fn stopped(tally: &Tally) -> Report {
    tally.finish("stopped", None, Vec::new())
}

/// Time limit of one question to the brokers, outside of `run`, which waits for them.
fn ask(settings: &Settings) -> Duration {
    const LONGEST: Duration = Duration::from_secs(30);
    settings.flow.connect_timeout.min(LONGEST)
}

/// What the configuration says in vain.
fn notices(settings: &Settings) {
    for notice in &settings.notices {
        warn!("{notice}");
    }
    for (name, value) in source::overridden_properties(&settings.kafka) {
        warn!("kafka.properties.{name} has no effect on the loader, which needs `{value}`");
    }
}

impl From<source::Error> for Fatal {
    fn from(error: source::Error) -> Self {
        let exit_code = match error {
            source::Error::Client(_) => 2,
            source::Error::Unreachable { .. }
            | source::Error::Request { .. }
            | source::Error::NoTopics(_) => 3,
        };
        Self { message: error_text(&error), exit_code }
    }
}

//! The commands: configuration → logs → work → exit code.

mod check;
mod dead_letters;
mod output;
mod replay;
mod run;
mod unresolved;

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use clap::CommandFactory as _;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

pub use self::{
    check::check,
    dead_letters::{list, retry, show},
    replay::{Replay, replay},
    run::run,
    unresolved::unresolved,
};
use crate::{
    cli::{Cli, Command, DeadLettersCommand},
    config::{self, Settings},
    error_text,
    report::{Report, Tally},
    runtime::{admin, shutdown, telemetry},
    sink::{Fatal, MetadataSink},
    source,
};

/// What the commands load into.
pub trait Catalogue {
    /// The sink.
    type Sink: MetadataSink;

    /// Connects; checks the server's version and the credentials.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    fn connect(
        &self,
        settings: &Settings,
    ) -> impl Future<Output = Result<Self::Sink, Fatal>> + Send;

    /// One line about the server, for `check`; changes nothing there.
    ///
    /// # Errors
    /// As [`Self::connect`].
    fn describe(&self, settings: &Settings) -> impl Future<Output = Result<String, Fatal>> + Send;
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
        clap_complete::generate(shell, &mut Cli::command(), "loader", &mut script);
        output::print(&String::from_utf8_lossy(&script));
        return Ok(0);
    }
    let settings = config::load(&global.config, &global.overrides)
        .map_err(|problems| Fatal { message: problems.to_string(), exit_code: 2 })?;
    let level = global.log_level.as_deref().or(settings.log_level).unwrap_or("info");
    telemetry::start(global.log_format, level)
        .map_err(|message| Fatal { message, exit_code: 2 })?;
    notices(&settings);
    let shutdown = shutdown::on_signal().map_err(|error| Fatal {
        message: format!("failed to handle signals: {error}"),
        exit_code: 1,
    })?;
    match command {
        Command::Run(args) => {
            let tally = Arc::new(Tally::new("run", &settings.service));
            if let Some(address) = settings.admin_address {
                admin::start(address, Arc::clone(&tally), shutdown.clone()).await?;
            }
            let ended = match connect(catalogue, &settings, &shutdown).await {
                Ok(Some(sink)) => {
                    run(&settings, Arc::new(sink), args.until_end, &tally, &shutdown).await
                }
                Ok(None) => Ok(tally.finish("stopped", None, Vec::new())),
                Err(fatal) => Err(fatal),
            };
            let report = args.report.as_deref().or(settings.report.as_deref());
            conclude(&tally, ended, report)
        }
        Command::Check => check(&settings, catalogue).await,
        Command::Replay(args) => {
            let report = args.report.as_deref().or(settings.report.as_deref()).map(Path::to_owned);
            let what = Replay { from: args.from, topics: args.topics, keys: args.key };
            let tally = Arc::new(Tally::new("replay", &settings.service));
            let ended = if args.dry_run {
                let sink = Arc::new(output::DryRun);
                replay(&settings, sink, what, &tally, &shutdown).await
            } else {
                match connect(catalogue, &settings, &shutdown).await {
                    Ok(Some(sink)) => {
                        replay(&settings, Arc::new(sink), what, &tally, &shutdown).await
                    }
                    Ok(None) => Ok(tally.finish("stopped", None, Vec::new())),
                    Err(fatal) => Err(fatal),
                }
            };
            conclude(&tally, ended, report.as_deref())
        }
        Command::Unresolved(args) => {
            let report = args.report.as_deref().or(settings.report.as_deref()).map(Path::to_owned);
            let tally = Arc::new(Tally::new("unresolved", &settings.service).listing_all());
            let ended = match connect(catalogue, &settings, &shutdown).await {
                Ok(Some(sink)) => unresolved(&settings, Arc::new(sink), &tally, &shutdown).await,
                Ok(None) => Ok(tally.finish("stopped", None, Vec::new())),
                Err(fatal) => Err(fatal),
            };
            if let Ok(report) = &ended {
                output::unresolved(report, args.json);
            }
            conclude(&tally, ended, report.as_deref())
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
            let report = report.or_else(|| settings.report.clone());
            let tally = Arc::new(Tally::new("dead-letters retry", &settings.service));
            let ended = match connect(catalogue, &settings, &shutdown).await {
                Ok(Some(sink)) => retry(&settings, Arc::new(sink), &tally, &shutdown).await,
                Ok(None) => Ok(tally.finish("stopped", None, Vec::new())),
                Err(fatal) => Err(fatal),
            };
            conclude(&tally, ended, report.as_deref())
        }
        Command::Completions { .. } => Ok(0),
    }
}

/// Time limit of one question to the brokers, outside of `run`, which waits for them.
fn ask(settings: &Settings) -> Duration {
    const LONGEST: Duration = Duration::from_secs(30);
    settings.flow.connect_timeout.min(LONGEST)
}

/// `None` when a signal came first.
async fn connect<C: Catalogue>(
    catalogue: &C,
    settings: &Settings,
    shutdown: &CancellationToken,
) -> Result<Option<C::Sink>, Fatal> {
    tokio::select! {
        biased;
        () = shutdown.cancelled() => Ok(None),
        sink = catalogue.connect(settings) => sink.map(Some),
    }
}

/// Tells how it went, and writes the report whatever happened.
fn conclude(tally: &Tally, ended: Result<Report, Fatal>, path: Option<&Path>) -> Result<u8, Fatal> {
    let report = ended.unwrap_or_else(|fatal| {
        tally.finish("failed", Some((fatal.message, fatal.exit_code)), Vec::new())
    });
    output::error_text(&report.table());
    match &report.error {
        Some(reason) => error!(reason, exit_code = report.exit_code, "failed"),
        None => info!(ended = report.ended, exit_code = report.exit_code, "done"),
    }
    if let Some(path) = path {
        report.write(path).map_err(|error| Fatal {
            message: format!("failed to write the report `{}`: {error}", path.display()),
            exit_code: report.exit_code.max(1),
        })?;
    }
    Ok(report.exit_code)
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

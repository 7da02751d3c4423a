//! What the commands do: configuration → site and Kafka → run → exit code.

use std::{
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use schemas::{
    Topic, codec,
    config::{Document, Kafka, Problems, RawKafka},
    registry::{Registry, RegistryError},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    check,
    cli::{Cli, Command, Global, LineageArgs, PlanArgs, RunArgs, SchemasCommand},
    config::{self, Needs, Schedule, Settings},
    error_chain,
    follow::{Follower, Kind},
    kafka, lineage,
    pipeline::{self, Mode},
    qlik::Site,
    report::Report,
    runtime::{
        admin::{self, Readiness},
        metrics::Metrics,
        shutdown, telemetry,
    },
    wire,
};

/// Exit codes; part of the interface.
mod exit {
    pub(super) const COMPLETE: u8 = 0;
    pub(super) const INCOMPLETE: u8 = 1;
    pub(super) const USAGE: u8 = 2;
    pub(super) const UNREACHABLE: u8 = 3;
    pub(super) const REFUSED: u8 = 4;
}

/// Runs a command and says how it ended.
pub async fn main(cli: Cli) -> ExitCode {
    let started = telemetry::start(cli.global.log_format, &cli.global.log_level);
    let _telemetry = match started {
        Ok(telemetry) => telemetry,
        Err(message) => {
            complain(&message);
            return ExitCode::from(exit::USAGE);
        }
    };
    let code = match cli.command {
        Command::Run(args) => run(&cli.global, &args).await,
        Command::Check => check(&cli.global).await,
        Command::Plan(args) => plan(&cli.global, &args).await,
        Command::Lineage(args) => lineage(&args),
        Command::Schemas(args) => schemas(&cli.global, args.command).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::program(), "extractor", &mut script);
            // A reader such as `head` may have had enough.
            std::io::stdout().write_all(&script).ok();
            exit::COMPLETE
        }
    };
    ExitCode::from(code)
}

async fn run(global: &Global, args: &RunArgs) -> u8 {
    let settings = match load(global, Needs::SiteAndKafka) {
        Ok(settings) => settings,
        Err(problems) => return misconfigured(&problems),
    };
    let Some(kafka) = &settings.kafka else { return exit::USAGE };
    let site = match wire::site(&settings.site) {
        Ok(site) => site,
        Err(problems) => return misconfigured(&problems),
    };
    let cancel = match shutdown::on_signal() {
        Ok(cancel) => cancel,
        Err(error) => return failed(exit::UNREACHABLE, &error),
    };
    let readiness = Readiness::default();
    let metrics = Metrics::new(&site);
    if let Some(address) = settings.run.admin_address
        && let Err(error) =
            admin::serve(address, readiness.clone(), metrics.clone(), &settings, cancel.clone())
                .await
    {
        complain(&format!(
            "error: failed to listen on `extractor.adminAddress` {address}: {error}"
        ));
        return exit::USAGE;
    }
    let schedule = args.schedule().unwrap_or_else(|| settings.run.schedule.clone());
    // For the first run only: what was typed once is not meant for every night to come.
    let mut mode =
        Mode { full: args.full, allow_deletions: args.allow_deletions, ..Mode::default() };
    let watch = Watch { metrics, readiness, cancel };
    if matches!(schedule, Schedule::Follow) {
        return follow(&settings, kafka, &site, mode, args.report.as_ref(), &watch).await;
    }
    loop {
        let started = Instant::now();
        let code = run_once(&settings, kafka, &site, mode, args.report.as_ref(), &watch).await;
        mode = Mode::default();
        // An app that cannot be read does not make the extractor unready; a site that cannot be does.
        watch.readiness.set(code <= exit::INCOMPLETE);
        let Some(wait) = until_next(&schedule, started) else { return code };
        if watch.cancel.is_cancelled() {
            return exit::COMPLETE;
        }
        info!(seconds = wait.as_secs(), "waiting for the next run");
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = watch.cancel.cancelled() => return exit::COMPLETE,
        }
    }
}

/// How a run is watched and stopped.
struct Watch {
    metrics: Metrics,
    readiness: Readiness,
    cancel: CancellationToken,
}

/// Runs until a signal.
async fn follow(
    settings: &Settings,
    kafka: &Kafka,
    site: &Site,
    mode: Mode,
    report: Option<&PathBuf>,
    watch: &Watch,
) -> u8 {
    let finished = |done: &Report, kind: Kind| {
        match kind {
            Kind::Scan => complain(&done.table()),
            Kind::Changes => info!(
                read = done.apps_read,
                described = done.apps_described,
                deleted = done.apps_deleted,
                failed = done.failed_count(),
                "followed changes"
            ),
        }
        write_report(done, report);
    };
    let Watch { metrics, readiness, cancel } = watch;
    let mut follower = Follower::new(settings, kafka, site, metrics, readiness, cancel, &finished);
    tokio::select! {
        result = follower.run(mode) => match result {
            Ok(()) => exit::COMPLETE,
            Err(error) => failed(exit::USAGE, &error),
        },
        () = overdue(cancel, settings.run.shutdown_deadline) => {
            warn!("the shutdown deadline has passed; what was not confirmed is read again by the next run");
            exit::COMPLETE
        }
    }
}

async fn run_once(
    settings: &Settings,
    kafka: &Kafka,
    site: &Site,
    mode: Mode,
    report: Option<&PathBuf>,
    watch: &Watch,
) -> u8 {
    let cancel = &watch.cancel;
    let running = pipeline::run(settings, kafka, site, mode, &watch.metrics, cancel);
    tokio::pin!(running);
    let result = tokio::select! {
        result = &mut running => result,
        () = overdue(cancel, settings.run.shutdown_deadline) => {
            warn!("the shutdown deadline has passed; what was not confirmed is read again by the next run");
            return exit::COMPLETE;
        }
    };
    match result {
        Ok(done) => {
            complain(&done.table());
            let code = if cancel.is_cancelled() { exit::COMPLETE } else { done.exit_code() };
            code.max(write_report(&done, report))
        }
        Err(error) => {
            let code = match &error {
                pipeline::Error::Kafka(kafka::Error::PartitionFull { .. }) => exit::REFUSED,
                pipeline::Error::Kafka(error) if error.is_misconfiguration() => exit::USAGE,
                _ => exit::UNREACHABLE,
            };
            let failure = Report {
                service: settings.service.clone(),
                error: Some(error_chain(&error)),
                ..Report::default()
            };
            write_report(&failure, report);
            failed(code, &error)
        }
    }
}

async fn check(global: &Global) -> u8 {
    let (settings, kafka) = match load(global, Needs::SiteAndKafka) {
        Ok(settings) => (settings, None),
        // The site can be tried before there are brokers.
        Err(problems) if problems.list().iter().all(|it| it.key.starts_with("kafka.")) => {
            match load(global, Needs::Site) {
                Ok(settings) => (settings, Some(problems)),
                Err(problems) => return misconfigured(&problems),
            }
        }
        Err(problems) => return misconfigured(&problems),
    };
    match wire::site(&settings.site) {
        Ok(site) if check::run(&settings, &site, kafka.as_ref()).await => exit::COMPLETE,
        Ok(_) => exit::UNREACHABLE,
        Err(problems) => misconfigured(&problems),
    }
}

async fn plan(global: &Global, args: &PlanArgs) -> u8 {
    let settings = match load(global, Needs::Site) {
        Ok(settings) => settings,
        Err(problems) => return misconfigured(&problems),
    };
    let site = match wire::site(&settings.site) {
        Ok(site) => site,
        Err(problems) => return misconfigured(&problems),
    };
    let cancel = match shutdown::on_signal() {
        Ok(cancel) => cancel,
        Err(error) => return failed(exit::UNREACHABLE, &error),
    };
    match pipeline::plan(&settings, &site, args.format, &cancel).await {
        Ok(done) => done.exit_code().max(write_report(&done, args.report.as_ref())),
        // Whoever reads the lines has seen enough (`| head`).
        Err(pipeline::Error::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            exit::COMPLETE
        }
        Err(error) => failed(exit::UNREACHABLE, &error),
    }
}

fn lineage(args: &LineageArgs) -> u8 {
    match lineage::run(args) {
        Ok(analysis) => {
            let mut out = BufWriter::with_capacity(64 << 10, std::io::stdout().lock());
            match analysis.write(&mut out).and_then(|()| out.flush()) {
                // Whoever reads may have seen enough (`| head`).
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    return failed(exit::UNREACHABLE, &lineage::Error::Output(error));
                }
                _ => {}
            }
            for line in analysis.notices.iter().chain(&analysis.problems) {
                complain(line);
            }
            u8::from(!analysis.problems.is_empty())
        }
        Err(error) => failed(exit::USAGE, &error),
    }
}

async fn schemas(global: &Global, command: SchemasCommand) -> u8 {
    let kafka = match Document::load(&global.config, &global.overrides).and_then(|document| {
        let mut problems = Problems::default();
        let kafka = document.read::<RawKafka>("kafka", &mut problems).validate(&mut problems);
        if kafka.registry.is_none() {
            problems.add("kafka.schemaRegistry.url", "is required for this command");
        }
        problems.into_result(kafka)
    }) {
        Ok(kafka) => kafka,
        Err(problems) => return misconfigured(&problems),
    };
    match schemas_with(&kafka, command).await {
        Ok(true) => exit::COMPLETE,
        Ok(false) => exit::INCOMPLETE,
        Err(error) => failed(exit::UNREACHABLE, &error),
    }
}

/// Checks or registers every schema, a line each; `false` when one is incompatible.
async fn schemas_with(kafka: &Kafka, command: SchemasCommand) -> Result<bool, RegistryError> {
    let Some(connection) = &kafka.registry else { return Ok(false) };
    let registry = Registry::new(connection.clone())?;
    let mut all_fit = true;
    for topic in Topic::ALL {
        let Some(schema) = codec::current_text(topic) else { continue };
        let Some(subject) = registry.subject(topic, &kafka.topics.name(topic)) else { continue };
        let line = match command {
            SchemasCommand::Register => match registry.ensure(&subject, schema).await {
                Ok(registered) => {
                    let id = registered.id;
                    if let Some(reason) = registered.level_refused {
                        warn!(subject, reason, "the compatibility could not be set");
                    }
                    let how = if registered.is_new { "registered" } else { "already there" };
                    format!("{subject}: {how} with id {id}")
                }
                Err(error @ RegistryError::Incompatible { .. }) => {
                    all_fit = false;
                    format!("{subject}: NOT registered: {error}")
                }
                Err(error) => return Err(error),
            },
            SchemasCommand::Check => match registry.is_compatible(&subject, schema).await? {
                Some(true) => format!("{subject}: compatible"),
                Some(false) => {
                    all_fit = false;
                    format!("{subject}: NOT compatible with the registered versions")
                }
                None => format!("{subject}: not registered yet"),
            },
        };
        writeln!(std::io::stdout(), "{line}").ok();
    }
    Ok(all_fit)
}

fn load(global: &Global, needs: Needs) -> Result<Settings, Problems> {
    let settings = config::load(&global.config, &global.overrides, needs)?;
    for notice in &settings.notices {
        warn!("{notice}");
    }
    Ok(settings)
}

/// Time until the next run; `None` when there is none.
fn until_next(schedule: &Schedule, started: Instant) -> Option<Duration> {
    match schedule {
        Schedule::Once | Schedule::Follow => None,
        Schedule::Every(period) => Some(period.saturating_sub(started.elapsed())),
        Schedule::Cron(cron) => {
            let now = jiff::Timestamp::now();
            let next = cron.find_next(now.to_string().as_str()).ok()?.timestamp();
            let wait = next.as_millisecond().saturating_sub(now.as_millisecond());
            Some(Duration::from_millis(u64::try_from(wait).unwrap_or_default()))
        }
    }
}

/// Completes some time after the cancellation.
async fn overdue(cancel: &CancellationToken, deadline: Duration) {
    cancel.cancelled().await;
    tokio::time::sleep(deadline).await;
}

fn write_report(report: &Report, path: Option<&PathBuf>) -> u8 {
    let Some(path) = path else { return exit::COMPLETE };
    match report.write(path) {
        Ok(()) => exit::COMPLETE,
        Err(error) => {
            error!(path = %Path::display(path), %error, "failed to write the report");
            exit::INCOMPLETE
        }
    }
}

fn misconfigured(problems: &Problems) -> u8 {
    complain(&format!("error: {problems}"));
    exit::USAGE
}

fn failed(code: u8, error: &dyn std::error::Error) -> u8 {
    complain(&format!("error: {}", error_chain(error)));
    code
}

/// Standard error is for people; when it is closed nobody listens.
fn complain(text: &str) {
    writeln!(std::io::stderr(), "{}", text.trim_end()).ok();
}

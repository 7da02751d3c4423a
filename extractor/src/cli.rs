//! The command line: what was typed.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use schemas::config::Span;

use crate::{config::Schedule, runtime::telemetry::LogFormat};

/// Reads a Qlik Sense site and publishes dashboards, charts, data models and lineage as events to Kafka.
#[derive(Debug, Parser)]
#[command(name = "extractor", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Where settings come from.
    #[command(flatten)]
    pub global: Global,
}

const EXIT_CODES: &str = "\
Exit codes: 0 complete · 1 finished, but something failed (the report says what) · 2 usage or configuration ·
3 a service cannot be reached or refuses · 4 a guard refused";

impl Cli {
    /// What was typed.
    ///
    /// # Errors
    /// When it is no command, or help that was asked for.
    pub fn read<T: Into<OsString> + Clone>(
        arguments: impl IntoIterator<Item = T>,
    ) -> Result<Self, clap::Error> {
        let matches = Self::program().try_get_matches_from(arguments)?;
        let mut cli = Self::from_arg_matches(&matches)?;
        let mut command = matches.subcommand();
        while let Some((_, matches)) = command {
            let behind = matches.get_many::<String>(BEHIND).into_iter().flatten();
            cli.global.overrides.extend(behind.cloned());
            command = matches.subcommand();
        }
        Ok(cli)
    }

    /// All commands and options.
    #[must_use]
    pub fn program() -> clap::Command {
        fn with_overrides(command: clap::Command, set: &Arg) -> clap::Command {
            let set = set.clone();
            command.mut_subcommands(move |command| with_overrides(command.arg(&set), &set))
        }
        let program = Self::command();
        let set = program.get_arguments().find(|argument| argument.get_long() == Some("set"));
        match set.cloned() {
            Some(set) => with_overrides(program, &set.id(BEHIND)),
            None => program,
        }
    }
}

/// `--set` behind a command. Of a global option that is given before and behind it, clap drops the former.
const BEHIND: &str = "overrides-behind";

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Configuration file (YAML); an OpenMetadata workflow file for Qlik Sense works as it is.
    #[arg(
        long,
        short,
        global = true,
        value_name = "FILE",
        env = "QLIK_METADATA_CONFIG",
        default_value = "config.yaml"
    )]
    pub config: PathBuf,
    /// Override a setting, as in `--set kafka.bootstrapServers=localhost:9092`; may be repeated.
    #[arg(long = "set", value_name = "PATH.TO.KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Format of log lines.
    #[arg(long, global = true, value_enum, default_value_t, env = "LOG_FORMAT")]
    pub log_format: LogFormat,
    /// Log level or filter, such as `debug` or `info,extractor::qlik=trace`.
    #[arg(long, global = true, value_name = "LEVEL", env = "LOG_LEVEL", default_value = "info")]
    pub log_level: String,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read the site and publish what is new, changed or gone.
    Run(RunArgs),
    /// Try everything that a run needs, step by step, and say what to change.
    Check,
    /// Print what a full run would publish, as JSON lines on standard output; needs no Kafka.
    Plan(PlanArgs),
    /// Print the lineage of load scripts in files: which database columns and files end in which fields.
    ///
    /// Exit code 1: a statement was not understood or contradicts the script. A source that only a reload
    /// can tell is said among the diagnostics, with its line, and is no failure.
    Lineage(LineageArgs),
    /// Register the event schemas, or check them against the registry.
    Schemas(SchemasArgs),
    /// Print shell completions.
    Completions {
        /// Shell.
        shell: Shell,
    },
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Run once and exit; the default unless `extractor.schedule` is set.
    #[arg(long, conflicts_with_all = ["every", "cron", "follow"])]
    pub once: bool,
    /// Run again and again, this long after the start of the last run (`15m`).
    #[arg(long, value_name = "TIME", conflicts_with_all = ["cron", "follow"], value_parser = every)]
    pub every: Option<Schedule>,
    /// Run at the times of a cron expression (`"0 3 * * *"`, UTC, or with a time zone at its end).
    #[arg(long, value_name = "EXPRESSION", conflicts_with = "follow", value_parser = cron)]
    pub cron: Option<Schedule>,
    /// Run once over the whole site, then read each app within seconds after it changed, as the site's
    /// change feed tells.
    #[arg(long)]
    pub follow: bool,
    /// Open every app, even those whose times have not moved; with a schedule, in the first run.
    #[arg(long)]
    pub full: bool,
    /// Delete even when more apps vanished than `extractor.maxDeletedShare` allows; with a schedule, in
    /// the first run.
    #[arg(long)]
    pub allow_deletions: bool,
    /// Write the report of the run, or of the last one, as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

impl RunArgs {
    /// The schedule that was typed, if one was.
    #[must_use]
    pub fn schedule(&self) -> Option<Schedule> {
        if self.once {
            Some(Schedule::Once)
        } else if self.follow {
            Some(Schedule::Follow)
        } else {
            self.every.clone().or_else(|| self.cron.clone())
        }
    }
}

/// Options of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Form of the result. The page is held in memory until every app is read: filters keep it small.
    #[arg(long, value_enum, default_value_t)]
    pub format: PlanFormat,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// Forms of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// A JSON object for each record.
    #[default]
    Json,
    /// One HTML file to click through: tables, columns, files, apps, charts of the whole site.
    Html,
}

/// Options of `lineage`.
#[derive(Debug, Args)]
pub struct LineageArgs {
    /// Load scripts, or folders that are searched for `*.qvs`; analysed together, their chains joined.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Data connections: the engine's `GetConnections` reply as JSON.
    #[arg(long, value_name = "FILE")]
    pub connections: Option<PathBuf>,
    /// Script log of the last reload: named as its script, or one for each script in order. What was
    /// executed refines the rest.
    #[arg(long = "log", value_name = "FILE")]
    pub logs: Vec<PathBuf>,
    /// Form of the result.
    #[arg(long, value_enum, default_value_t)]
    pub format: LineageFormat,
}

/// Forms of a lineage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LineageFormat {
    /// For people.
    #[default]
    Text,
    /// For scripts.
    Json,
    /// A diagram.
    Mermaid,
    /// One file to click through in a browser.
    Html,
}

/// Options of `schemas`.
#[derive(Debug, Args)]
pub struct SchemasArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: SchemasCommand,
}

/// Commands of `schemas`.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum SchemasCommand {
    /// Whether the registry's versions are compatible with this program's; changes nothing.
    Check,
    /// Register this program's schemas.
    Register,
}

fn every(text: &str) -> Result<Schedule, String> {
    match text.parse() {
        Ok(schedule @ Schedule::Every(_)) => Ok(schedule),
        // No time at all.
        Err(error) if text.trim().parse::<Span>().is_ok() => Err(error),
        Ok(_) | Err(_) => Err("expected a length of time such as `15m`".to_owned()),
    }
}

fn cron(text: &str) -> Result<Schedule, String> {
    match text.parse()? {
        schedule @ Schedule::Cron(_) => Ok(schedule),
        Schedule::Once | Schedule::Follow | Schedule::Every(_) => {
            Err("expected a cron expression such as `0 3 * * *`".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_may_stand_before_and_behind_the_command() {
        Cli::program().debug_assert();
        let cli = Cli::read(["extractor", "--set", "a=1", "schemas", "check", "--set", "b=2"]);
        assert_eq!(cli.expect("valid").global.overrides, ["a=1", "b=2"]);
    }

    #[test]
    fn times_between_runs() {
        let check = |text: &str, expected: Result<(), &str>| {
            let found = every(text);
            match expected {
                Ok(()) => assert!(matches!(found, Ok(Schedule::Every(_))), "{text}: {found:?}"),
                Err(words) => assert!(found.is_err_and(|error| error.contains(words)), "{text}"),
            }
        };
        check("15m", Ok(()));
        check("0s", Err("more than nothing"));
        for text in ["5x", "follow", "0 3 * * *", ""] {
            check(text, Err("expected a length of time"));
        }
        assert!(matches!(cron("0 3 * * *"), Ok(Schedule::Cron(_))));
        assert!(cron("15m").is_err() && cron("a b").is_err());
    }
}

//! The command line: what was typed.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;
use schemas::Topic;

use crate::{filter::KeyPattern, runtime::telemetry::LogFormat, source::seek::From};

/// Loads Qlik metadata events from Kafka into OpenMetadata: dashboards, charts, data models, lineage.
#[derive(Debug, Parser)]
#[command(name = "loader", version, max_term_width = 100, after_help = AFTER)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Where settings come from.
    #[command(flatten)]
    pub global: Global,
}

const AFTER: &str = "\
Examples:
  loader check                                 is everything there that `run` needs?
  loader run                                   load, and go on loading, until SIGTERM
  loader run --until-end --report report.json  load what there is now, then exit
  loader replay --from beginning --key 'qlik_prod/<app id>*'   load one app again
  loader dead-letters list                     what could not be loaded, and why

Exit codes:
  0  complete
  1  finished, but something failed (the report says what)
  2  usage or configuration
  3  a service cannot be reached or refuses
  4  a guard refused";

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
    /// Configuration file (YAML); the extractor's serves as it is.
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
    /// Log level or filter, such as `debug` or `info,loader::source=trace` [default:
    /// `workflowConfig.loggerLevel`, else info].
    #[arg(long, global = true, value_name = "LEVEL", env = "LOG_LEVEL")]
    pub log_level: Option<String>,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load events, from where the consumer group left off.
    Run(RunArgs),
    /// Check the configuration, Kafka, the schema registry and OpenMetadata; changes nothing.
    Check,
    /// Load events again, from a point in the topics to their end; offsets of the group stay as they are.
    Replay(ReplayArgs),
    /// Make the service in OpenMetadata exactly what the topics say: load what is missing, delete what no
    /// topic knows.
    Reconcile(ReconcileArgs),
    /// List the edges of the lineage topic that cannot be loaded as things are, with reasons and near
    /// misses; changes nothing.
    Unresolved(UnresolvedArgs),
    /// Events that could not be loaded.
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
    /// Print shell completions.
    Completions {
        /// Shell.
        shell: Shell,
    },
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Exit when everything that is in the topics now is loaded and nothing waits any more.
    #[arg(long)]
    pub until_end: bool,
    /// Write a report as JSON when it ends.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// Options of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// `beginning`, a time (`2026-11-24T08:00:00Z`), `offset:N` of every partition, or `offset:PARTITION/N`.
    #[arg(long, value_name = "START")]
    pub from: From,
    /// Topics, separated by commas: dashboards, charts, datamodels, lineage [default: all four].
    #[arg(long, value_name = "TOPICS", value_delimiter = ',', value_parser = state_topic)]
    pub topics: Vec<Topic>,
    /// Only this key, or keys that start so when it ends with `*`; may be repeated.
    #[arg(long, value_name = "KEY")]
    pub key: Vec<KeyPattern>,
    /// Print what would change in OpenMetadata, entity by entity, and touch nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// With `--dry-run`: as JSON lines instead of text.
    #[arg(long, requires = "dry_run")]
    pub json: bool,
    /// Write a report as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// Options of `reconcile`.
#[derive(Debug, Args)]
pub struct ReconcileArgs {
    /// Say what would be deleted, and touch nothing. Exits with 4 where the guard would refuse.
    #[arg(long)]
    pub dry_run: bool,
    /// Delete even when it is more than `loader.maxDeletedShare` allows.
    #[arg(long)]
    pub allow_deletions: bool,
    /// Write a report as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// Options of `unresolved`.
#[derive(Debug, Args)]
pub struct UnresolvedArgs {
    /// As JSON lines instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Write a report as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// Commands of `dead-letters`.
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// List the dead letters that have not been retried.
    List {
        /// Also those that have been retried.
        #[arg(long)]
        all: bool,
        /// As JSON lines instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Show one dead letter: its headers, and its value decoded.
    Show {
        /// `partition:offset`, as in the list.
        id: LetterId,
    },
    /// Apply the newest versions of the dead letters' keys again. What fails again is a new dead letter.
    Retry {
        /// Write a report as JSON.
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
    },
}

/// Place of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LetterId {
    /// Partition of the topic of dead letters.
    pub partition: i32,
    /// Offset there.
    pub offset: i64,
}

impl std::str::FromStr for LetterId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':');
        let parts = parts.and_then(|(partition, offset)| {
            Some((
                partition.parse::<u16>().ok()?,
                offset.parse::<i64>().ok().filter(|offset| *offset >= 0)?,
            ))
        });
        let (partition, offset) =
            parts.ok_or_else(|| format!("`{text}` is no id such as `0:17`, see the list"))?;
        Ok(Self { partition: i32::from(partition), offset })
    }
}

fn state_topic(text: &str) -> Result<Topic, String> {
    let known = Topic::STATE.map(Topic::suffix).join(", ");
    let topic = text.trim().parse().ok().filter(|topic| Topic::STATE.contains(topic));
    topic.ok_or_else(|| format!("known are {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::program().debug_assert();
    }

    #[test]
    fn what_is_typed_is_understood() {
        let cli = Cli::read([
            "loader",
            "replay",
            "--from",
            "offset:3/12",
            "--topics",
            "charts,lineage",
            "--key",
            "a*",
            "--set",
            "kafka.bootstrapServers=x:1",
            "--config",
            "c.yaml",
        ]);
        let cli = cli.expect("valid");
        assert_eq!(cli.global.overrides, ["kafka.bootstrapServers=x:1"]);
        let places =
            ["loader", "--set", "a=1", "dead-letters", "--set", "b=2", "list", "--set=c=3"];
        let read = Cli::read(places).expect("valid");
        assert_eq!(read.global.overrides, ["a=1", "b=2", "c=3"], "in the order of typing");
        let Command::Replay(replay) = cli.command else { panic!("{:?}", cli.command) };
        assert_eq!(replay.topics, [Topic::Charts, Topic::Lineage]);
        assert_eq!(replay.from, From::Offset { offset: 12, partition: Some(3) });
        for bad in [
            ["loader", "replay", "--from", "soon"],
            ["loader", "replay", "--topics", "runs"],
            ["loader", "dead-letters", "show", "x"],
        ] {
            assert!(Cli::read(bad).is_err(), "{bad:?}");
        }
    }
}

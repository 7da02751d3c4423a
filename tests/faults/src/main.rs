//! Runs the fault matrix and prints it.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use faults::{
    Plan, run,
    soak::{Soak, soak},
    table,
};

/// What must hold when something breaks: both stages as processes between simulators, one fault after
/// the other; in the end everything must be as if nothing had happened.
#[derive(Parser)]
struct Cli {
    /// Also what takes long: many kills, and real brokers.
    #[arg(long)]
    long: bool,
    /// Times that each stage is killed, and that loaders join and leave [default: 4, with `--long` 200].
    #[arg(long)]
    rounds: Option<u32>,
    /// Seed of the random moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only faults whose name contains this, or one of these with commas between them.
    #[arg(long)]
    only: Option<String>,
    /// Instead of the matrix: so many minutes of a site that keeps changing, two loaders and kills.
    #[arg(long, value_name = "MINUTES")]
    soak: Option<u64>,
    /// The script that starts and stops real brokers.
    #[arg(long, env = "KAFKA_SH")]
    kafka: Option<PathBuf>,
    /// Faults at a time.
    #[arg(long, default_value_t = 3)]
    at_a_time: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(minutes) = cli.soak {
        let plan = Soak { lasts: std::time::Duration::from_secs(60 * minutes), seed: cli.seed };
        let seen = soak(&plan, say).await;
        say(&seen.table());
        return ExitCode::SUCCESS;
    }
    let rounds = cli.rounds.unwrap_or(if cli.long { 200 } else { 4 });
    let plan = Plan {
        long: cli.long,
        rounds,
        seed: cli.seed,
        only: cli.only,
        kafka: cli.kafka,
        at_a_time: cli.at_a_time,
    };
    let rows = run(&plan, |row| {
        let result = if row.result.is_ok() { "ok" } else { "FAILED" };
        say(&format!("{}: {result}, {} s", row.fault, row.took.as_secs()));
    })
    .await;
    say(&format!("\n{}", table(&rows)));
    ExitCode::from(u8::from(rows.is_empty() || rows.iter().any(|row| row.result.is_err())))
}

#[expect(clippy::print_stdout, reason = "what the program is for")]
fn say(text: &str) {
    println!("{text}");
}

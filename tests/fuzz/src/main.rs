//! Feeds damaged input to everything that reads foreign input, on stable Rust: mutations of a seed
//! corpus, and noise. A panic, or an input that takes too long, is written to a file.

mod corpus;
mod mutate;
mod targets;

use std::{
    fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use clap::Parser;

use crate::targets::Target;

/// Feeds damaged input to parsers and decoders; exit code 1 when one panics or hangs.
#[derive(Parser)]
struct Cli {
    /// What is fed; all of them, one after the other, when absent.
    #[arg(long)]
    target: Option<Target>,
    /// Inputs for each target.
    #[arg(long, default_value_t = 100_000)]
    inputs: u64,
    /// Stops a target after so many seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// Seed: the same seed and number give the same inputs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// An input that takes longer, in seconds, is a defect.
    #[arg(long, default_value_t = 10)]
    patience: u64,
    /// Where inputs that are defects are written.
    #[arg(long, default_value = "fuzz-failures")]
    failures: PathBuf,
    /// Feeds this file once and does nothing else; needs `--target`.
    #[arg(long, requires = "target")]
    file: Option<PathBuf>,
}

/// Deeply nested input is met on a stack as small as that of tokio's workers.
const STACK: usize = 2 << 20;

/// The input that is being read, since when.
type Current = Arc<Mutex<Option<(Instant, Target, Vec<u8>)>>>;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let (Some(file), Some(target)) = (&cli.file, cli.target) {
        let input = fs::read(file).expect("a readable file");
        let fed = std::thread::Builder::new().stack_size(STACK).spawn(move || target.feed(&input));
        return ExitCode::from(u8::from(fed.expect("a thread").join().is_err()));
    }
    let current = Current::default();
    watch(&current, Duration::from_secs(cli.patience), &cli.failures);
    let fed = std::thread::Builder::new().stack_size(STACK).spawn(move || feed(&cli, &current));
    match fed.expect("a thread").join() {
        Ok(0) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Feeds every target that was asked for; the number of defects.
fn feed(cli: &Cli, current: &Current) -> usize {
    panic::set_hook(Box::new(|_| {}));
    let mut defects = 0;
    for target in Target::ALL {
        if cli.target.is_some_and(|wanted| wanted != target) {
            continue;
        }
        let seeds = corpus::seeds(target);
        assert!(!seeds.is_empty(), "no seeds for {target:?}");
        let mut random = fastrand::Rng::with_seed(cli.seed);
        let (started, mut count, mut found) = (Instant::now(), 0, 0);
        let limit = cli.seconds.map_or(Duration::MAX, Duration::from_secs);
        // What ends the program, such as a stack that overflows, leaves its input here.
        fs::create_dir_all(&cli.failures).expect("a folder for failures");
        let running = cli.failures.join(format!("{target:?}-running").to_lowercase());
        while count < cli.inputs && started.elapsed() < limit {
            let input = mutate::mutate(&mut random, &seeds, target.limit());
            fs::write(&running, &input).expect("the input is kept");
            *lock(current) = Some((Instant::now(), target, input.clone()));
            let fed = panic::catch_unwind(AssertUnwindSafe(|| target.feed(&input)));
            *lock(current) = None;
            count += 1;
            if fed.is_err() {
                found += 1;
                let path = keep(&cli.failures, target, &input);
                say(&format!("{target:?}: panic, input in {}", path.display()));
                if found >= 10 {
                    break;
                }
            }
        }
        fs::remove_file(&running).ok();
        let seconds = started.elapsed().as_secs_f64();
        let speed = f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / seconds.max(0.001);
        say(&format!(
            "{:<10} {count:>9} inputs from {:>4} seeds, seed {}, {seconds:>6.1} s, {speed:>7.0}/s, {found} panics",
            format!("{target:?}").to_lowercase(),
            seeds.len(),
            cli.seed,
        ));
        defects += found;
    }
    defects
}

/// Ends the program when an input takes too long: its thread cannot be stopped.
fn watch(current: &Current, patience: Duration, failures: &Path) {
    let (current, failures) = (current.clone(), failures.to_owned());
    std::thread::spawn(move || {
        loop {
            std::thread::park_timeout(Duration::from_millis(500));
            let late = lock(&current).clone().filter(|(since, ..)| since.elapsed() > patience);
            if let Some((since, target, input)) = late {
                let path = keep(&failures, target, &input);
                let seconds = since.elapsed().as_secs();
                say(&format!("{target:?}: {seconds} s and no end, input in {}", path.display()));
                #[expect(clippy::exit, reason = "the thread that hangs cannot be stopped")]
                std::process::exit(1);
            }
        }
    });
}

fn lock(current: &Current) -> std::sync::MutexGuard<'_, Option<(Instant, Target, Vec<u8>)>> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes an input where somebody can look at it.
fn keep(folder: &Path, target: Target, input: &[u8]) -> PathBuf {
    fs::create_dir_all(folder).expect("a folder for failures");
    let number = fs::read_dir(folder).map_or(0, Iterator::count);
    let path = folder.join(format!("{target:?}-{number}").to_lowercase());
    fs::write(&path, input).expect("the input is kept");
    path
}

#[expect(clippy::print_stdout, reason = "what the program is for")]
fn say(text: &str) {
    println!("{text}");
}

//! The extractor's command line program.

use std::{io::Write as _, process::ExitCode, time::Duration};

use extractor::{cli::Cli, commands};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            writeln!(std::io::stderr(), "error: failed to start: {error}").ok();
            return ExitCode::from(1);
        }
    };
    let code = runtime.block_on(commands::main(cli));
    // A read that nobody waits for any more does not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

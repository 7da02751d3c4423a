//! The loader's command line program.

use std::{io::Write as _, process::ExitCode, time::Duration};

use loader::{cli::Cli, commands, wire::OpenMetadata};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            let mut out = std::io::stderr().lock();
            writeln!(out, "error: failed to start: {error}").ok();
            return ExitCode::from(1);
        }
    };
    let code = runtime.block_on(commands::main(cli, &OpenMetadata));
    // What still runs (a request that nobody waits for) does not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(200));
    code
}

//! SIGTERM and SIGINT become one cancellation: stop taking work, finish what was begun, say how it ended.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// A token that is cancelled by the first SIGTERM or SIGINT. A second one ends the process at once,
/// as people expect of Ctrl-C; nothing is lost by it.
///
/// # Errors
/// When the operating system refuses signal handlers.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let cancelled = token.clone();
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if cancelled.is_cancelled() {
                warn!(signal = name, "second signal, ending at once");
                end_at_once();
            }
            info!(signal = name, "finishing what was begun");
            cancelled.cancel();
        }
    });
    Ok(token)
}

#[expect(clippy::exit, reason = "whoever signals twice wants no destructors to run")]
fn end_at_once() -> ! {
    /// What shells report for SIGINT.
    const INTERRUPTED: i32 = 130;
    std::process::exit(INTERRUPTED)
}

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
        let mut first = true;
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if first {
                info!(signal = name, "finishing what was begun");
                cancelled.cancel();
                first = false;
            } else {
                warn!(signal = name, "second signal, ending at once");
                std::process::abort();
            }
        }
    });
    Ok(token)
}

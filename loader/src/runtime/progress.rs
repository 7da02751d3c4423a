//! One line on a terminal that says how far a pass is. Logs and pipes never see it.

use std::{
    io::{IsTerminal as _, Write as _},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::report::{Report, Tally};

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(500);
/// Back to the start of the line, and nothing left on it.
const CLEAR: &str = "\r\x1b[2K";

/// Shows how far `tally` is until the guard is dropped; does nothing when standard error is no terminal.
#[must_use]
pub fn start(tally: &Arc<Tally>) -> DropGuard {
    let (tally, over) = (Arc::clone(tally), CancellationToken::new());
    let guard = over.clone().drop_guard();
    if std::io::stderr().is_terminal() {
        tokio::spawn(async move {
            let begun = Instant::now();
            while tokio::time::timeout(INTERVAL, over.cancelled()).await.is_err() {
                show(&format!("{CLEAR}{}", line(&tally.snapshot(), begun.elapsed())));
            }
            show(CLEAR);
        });
    }
    guard
}

fn show(text: &str) {
    let mut out = std::io::stderr().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

/// `[#####-----] 12000 of about 24000 events, 800/s: 90 created, …`
fn line(report: &Report, elapsed: Duration) -> String {
    const WIDTH: u64 = 20;
    let total = report.total();
    let to_go: u64 = report.lag.values().sum();
    let known = !report.lag.is_empty();
    let all = total.read + to_go;
    let rate = total.read / elapsed.as_secs().max(1);
    let bar = (known && all > 0).then(|| {
        let full = total.read * WIDTH / all;
        let part = |c: &str, count| c.repeat(usize::try_from(count).unwrap_or_default());
        format!("[{}{}] ", part("#", full), part("-", WIDTH - full))
    });
    let of = if known { format!(" of about {all}") } else { String::new() };
    format!(
        "{}{}{of} events, {rate}/s: {} created, {} updated, {} unchanged, {} deleted, {} waiting, {} dead",
        bar.unwrap_or_default(),
        total.read,
        total.created,
        total.updated,
        total.unchanged,
        total.deleted,
        total.waiting,
        total.dead,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Counts;

    #[test]
    fn the_line_says_how_far_it_is() {
        let mut report = Report::default();
        let check = |report: &Report, expected: &str| {
            let line = line(report, Duration::from_secs(10));
            assert!(line.starts_with(expected), "{line}");
        };
        check(&report, "0 events, 0/s: 0 created");
        report.events.insert("charts", Counts { read: 100, created: 90, ..Counts::default() });
        check(&report, "100 events, 10/s: 90 created");
        report.lag.insert("charts", 300);
        check(&report, "[#####---------------] 100 of about 400 events, 10/s: 90 created");
        report.lag.insert("charts", 0);
        check(&report, "[####################] 100 of about 100 events");
    }
}

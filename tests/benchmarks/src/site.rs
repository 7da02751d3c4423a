//! The simulated site: copies of bundles, with the times of a real one.

use std::path::Path;

use anyhow::{Context as _, ensure};
use qlik_simulator::{Bundle, Latencies, QlikSite, Running, Settings};

use crate::Arguments;

/// Starts a site with at least `apps` apps.
pub(crate) async fn start(folder: &Path, apps: usize) -> anyhow::Result<Running> {
    let mut bundles = Bundle::load_folder(folder).context("failed to read the bundles")?;
    ensure!(!bundles.is_empty(), "there are no bundles in `{}`", folder.display());
    for bundle in &mut bundles {
        // Copies of our own making are enough.
        bundle.site.copies.clear();
    }
    let copies = apps.div_ceil(bundles.len());
    let settings = Settings { apps: bundles, copies, ..Settings::default() };
    Ok(QlikSite::start(settings).await?)
}

/// Lets everything on the site take its time, or none.
pub(crate) fn set_times(site: &Running, arguments: &Arguments, slow: bool) {
    let times = Latencies {
        request_ms: arguments.request_ms,
        open_without_data_ms: arguments.open_ms,
        open_with_data_ms: arguments.open_with_data_ms,
        http_ms: arguments.request_ms,
        ..Latencies::default()
    };
    let times = if slow { times } else { Latencies::default() };
    site.control().set_behaviour(|behaviour| behaviour.latencies = times);
}

/// Seconds that the engine's work since the last reset takes when every session is always busy.
pub(crate) fn ideal_seconds(site: &Running, arguments: &Arguments) -> f64 {
    let stats = site.stats();
    let opens = stats.all_opens();
    let requests: u64 = stats.requests.values().sum();
    let milliseconds = requests * arguments.request_ms
        + opens.without_data * arguments.open_ms
        + opens.with_data * arguments.open_with_data_ms;
    seconds(milliseconds) / f64::from(arguments.sessions)
}

fn seconds(milliseconds: u64) -> f64 {
    std::time::Duration::from_millis(milliseconds).as_secs_f64()
}

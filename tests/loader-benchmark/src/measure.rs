//! What a process uses, as Linux tells it.

use std::{fs, time::Duration};

/// Ticks a second of the times in `/proc`: fixed for programs.
const TICKS: u64 = 100;

/// Time that all threads of this process have computed.
pub(crate) fn cpu() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in parentheses, may hold anything.
    let after = text.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks = |index| after.split_whitespace().nth(index).and_then(|t| t.parse::<u64>().ok());
    // Fields 14 and 15 are the 12th and 13th after the name.
    let total = ticks(11).unwrap_or_default() + ticks(12).unwrap_or_default();
    Duration::from_millis(total * 1000 / TICKS)
}

/// Most memory that this process has had, in MiB.
pub(crate) fn peak_mib() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}

//! What a process uses, as Linux tells it.

use std::{fs, time::Duration};

/// Ticks a second of the times in `/proc`: fixed for programs.
const TICKS: u64 = 100;

/// Time that all threads of this process have computed.
pub(crate) fn own_cpu() -> Duration {
    cpu(std::process::id())
}

/// Time that all threads of a process have computed.
pub(crate) fn cpu(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, in parentheses, may hold anything.
    let after = text.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks = |index| after.split_whitespace().nth(index).and_then(|t| t.parse::<u64>().ok());
    // Fields 14 and 15 are the 12th and 13th after the name.
    let total = ticks(11).unwrap_or_default() + ticks(12).unwrap_or_default();
    Duration::from_millis(total * 1000 / TICKS)
}

/// Memory of a process, in KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    /// The most that it has had.
    pub(crate) peak: u64,
}

/// What a process has in memory; `None` when it has ended.
pub(crate) fn memory(pid: u32) -> Option<Memory> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let of = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Some(Memory { now: of("VmRSS:")?, peak: of("VmHWM:")? })
}

/// Most memory that this process has had, in MiB.
pub(crate) fn own_peak_mib() -> u64 {
    memory(std::process::id()).map_or(0, |memory| memory.peak / 1024)
}

//! What the server suffers from, and since when: said once, and again when it is over.

use std::{sync::PoisonError, time::Instant};

use super::{Client, Failure, Trouble, address};

impl Client {
    /// Notes trouble, with one log line each time that it changes.
    pub(super) fn troubled(&self, trouble: Trouble, cause: Option<String>) -> Result<(), Failure> {
        let cause = cause.unwrap_or_default();
        let is_over = self.settings.patience.is_some_and(|patience| self.made.elapsed() > patience);
        if is_over && !self.is_connected() {
            let cause = if cause.is_empty() { trouble.as_str() } else { &cause };
            return Err(address::not_reached(&self.base, cause).into());
        }
        let mut state = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let since = state.map_or_else(Instant::now, |(_, since)| since);
        if state.is_none_or(|(known, _)| known != trouble) {
            tracing::warn!(
                server = self.base,
                cause,
                "OpenMetadata {}; waiting until it answers again",
                trouble.as_str()
            );
        }
        *state = Some((trouble, since));
        Ok(())
    }

    /// What the server suffers from at the moment.
    pub(in super::super) fn trouble(&self) -> Option<crate::sink::Trouble> {
        let state = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        state.map(|(trouble, since)| crate::sink::Trouble {
            what: trouble.as_str(),
            seconds: since.elapsed().as_secs(),
        })
    }

    pub(super) fn recovered(&self) {
        let mut state = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, since)) = state.take() {
            tracing::info!(
                waited_seconds = since.elapsed().as_secs(),
                "OpenMetadata answers again"
            );
        }
    }
}

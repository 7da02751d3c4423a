//! How many engine sessions at a time: fewer after the site refused one, slowly more again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Sessions that must succeed before one more is tried at a time.
const RECOVERY: u32 = 20;

/// Shared by all sessions of a site.
#[derive(Clone)]
pub(super) struct Limiter {
    shared: Arc<Shared>,
}

struct Shared {
    most: usize,
    backoff: Duration,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    allowed: usize,
    running: usize,
    successes: u32,
    paused_until: Option<Instant>,
}

/// Right to one session; given back when dropped.
pub(super) struct Permit {
    shared: Arc<Shared>,
}

impl Limiter {
    /// At most `most` at a time; after a refusal none is started for `backoff`.
    pub(super) fn new(most: usize, backoff: Duration) -> Self {
        let state = State { allowed: most.max(1), running: 0, successes: 0, paused_until: None };
        let shared =
            Shared { most: most.max(1), backoff, state: Mutex::new(state), changed: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Waits for the right to start a session.
    pub(super) async fn acquire(&self) -> Permit {
        loop {
            // Made before the state is looked at, so that no change in between is missed.
            let changed = self.shared.changed.notified();
            let pause = {
                let mut state = self.shared.state();
                match state.paused_until {
                    Some(until) if until > Instant::now() => Some(until),
                    _ if state.running < state.allowed => {
                        state.paused_until = None;
                        state.running += 1;
                        return Permit { shared: self.shared.clone() };
                    }
                    _ => None,
                }
            };
            match pause {
                Some(until) => {
                    tokio::select! {
                        () = sleep_until(until) => {}
                        () = changed => {}
                    }
                }
                None => changed.await,
            }
        }
    }

    /// Sessions allowed at a time now.
    pub(super) fn allowed(&self) -> usize {
        self.shared.state().allowed
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// The session worked. After enough of them one more is allowed at a time.
    pub(super) fn succeeded(self) {
        let mut state = self.shared.state();
        if state.allowed < self.shared.most {
            state.successes += 1;
            if state.successes >= RECOVERY {
                state.successes = 0;
                state.allowed += 1;
                tracing::info!(sessions = state.allowed, "more engine sessions are tried again");
            }
        }
    }

    /// The site refused the session because there are too many: half as many from now on, and none for
    /// a while. Several refusals of one moment count once.
    pub(super) fn refused(self) {
        let mut state = self.shared.state();
        let now = Instant::now();
        state.successes = 0;
        if state.paused_until.is_none_or(|until| until <= now) {
            state.allowed = (state.allowed / 2).max(1);
            tracing::warn!(
                sessions = state.allowed,
                wait = ?self.shared.backoff,
                "the site allows no more engine sessions; fewer are used after a wait"
            );
        }
        state.paused_until = Some(now + self.shared.backoff);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        {
            let mut state = self.shared.state();
            state.running = state.running.saturating_sub(1);
        }
        self.shared.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn free(limiter: &Limiter) -> Vec<Permit> {
        std::iter::from_fn(|| limiter.acquire().now_or_never()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_halves_and_pauses() {
        let limiter = Limiter::new(8, MINUTE);
        let mut permits = free(&limiter);
        assert_eq!(permits.len(), 8);

        permits.pop().unwrap().refused();
        permits.pop().unwrap().refused();
        assert_eq!(limiter.allowed(), 4);
        drop(permits);
        assert_eq!(free(&limiter).len(), 0);

        let before = Instant::now();
        let permit = limiter.acquire().await;
        assert_eq!(Instant::now() - before, MINUTE);
        assert_eq!(free(&limiter).len(), 3);
        drop(permit);
    }

    #[tokio::test(start_paused = true)]
    async fn it_recovers_one_at_a_time_and_never_falls_to_none() {
        let limiter = Limiter::new(3, MINUTE);
        for _ in 0..5 {
            limiter.acquire().await.refused();
        }
        assert_eq!(limiter.allowed(), 1);
        for _ in 0..RECOVERY {
            limiter.acquire().await.succeeded();
        }
        assert_eq!(limiter.allowed(), 2);
        for _ in 0..10 * RECOVERY {
            limiter.acquire().await.succeeded();
        }
        assert_eq!(limiter.allowed(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_woken() {
        let limiter = Limiter::new(1, MINUTE);
        let permit = limiter.acquire().await;
        let waiting = tokio::spawn({
            let limiter = limiter.clone();
            async move { drop(limiter.acquire().await) }
        });
        tokio::task::yield_now().await;
        drop(permit);
        waiting.await.unwrap();
    }
}

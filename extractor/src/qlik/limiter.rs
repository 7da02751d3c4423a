//! How many engine sessions at a time: fewer after the site refused one, slowly more again.
//!
//! A session outlives its socket by its `ttl`, and a site that counts sessions counts it for so long.
//! So once a site has refused one, a place is free again only after that time.

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
    linger: Duration,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    allowed: usize,
    running: usize,
    successes: u32,
    paused_until: Option<Instant>,
    /// Whether the site has refused a session.
    limited: bool,
    /// When sessions that are closed stop counting; only used when the site is `limited`.
    lingering: Vec<Instant>,
}

/// Right to one session; given back when dropped.
pub(super) struct Permit {
    shared: Arc<Shared>,
    lingers: bool,
}

impl Limiter {
    /// At most `most` at a time; after a refusal none is started for `backoff`. A session outlives its
    /// socket by `linger`.
    pub(super) fn new(most: usize, backoff: Duration, linger: Duration) -> Self {
        let state = State {
            allowed: most.max(1),
            running: 0,
            successes: 0,
            paused_until: None,
            limited: false,
            lingering: Vec::new(),
        };
        let shared = Shared {
            most: most.max(1),
            backoff,
            linger,
            state: Mutex::new(state),
            changed: Notify::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Waits for the right to start a session.
    pub(super) async fn acquire(&self) -> Permit {
        loop {
            // Made before the state is looked at, so that no change in between is missed.
            let changed = self.shared.changed.notified();
            let turn = self.shared.state().enter(Instant::now());
            match turn {
                Turn::Now => return Permit { shared: self.shared.clone(), lingers: true },
                Turn::After(until) => {
                    tokio::select! {
                        () = sleep_until(until) => {}
                        () = changed => {}
                    }
                }
                Turn::AfterOthers => changed.await,
            }
        }
    }

    /// Sessions allowed at a time now.
    pub(super) fn allowed(&self) -> usize {
        self.shared.state().allowed
    }
}

enum Turn {
    Now,
    After(Instant),
    AfterOthers,
}

impl State {
    fn enter(&mut self, now: Instant) -> Turn {
        if let Some(until) = self.paused_until {
            if until > now {
                return Turn::After(until);
            }
            self.paused_until = None;
        }
        self.lingering.retain(|until| *until > now);
        if self.running + self.lingering.len() < self.allowed {
            self.running += 1;
            return Turn::Now;
        }
        match self.lingering.iter().min() {
            Some(until) => Turn::After(*until),
            None => Turn::AfterOthers,
        }
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
    pub(super) fn refused(mut self) {
        self.lingers = false;
        let mut state = self.shared.state();
        let now = Instant::now();
        state.successes = 0;
        state.limited = true;
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
            if state.limited && self.lingers {
                state.lingering.push(Instant::now() + self.shared.linger);
            }
        }
        self.shared.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const LINGER: Duration = Duration::from_secs(5);

    fn free(limiter: &Limiter) -> Vec<Permit> {
        std::iter::from_fn(|| limiter.acquire().now_or_never()).collect()
    }

    async fn waited(limiter: &Limiter) -> Duration {
        let before = Instant::now();
        drop(limiter.acquire().await);
        Instant::now() - before
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_halves_and_pauses() {
        let limiter = Limiter::new(8, MINUTE, LINGER);
        let mut permits = free(&limiter);
        assert_eq!(permits.len(), 8);

        permits.pop().unwrap().refused();
        permits.pop().unwrap().refused();
        assert_eq!(limiter.allowed(), 4);
        drop(permits);
        assert_eq!(free(&limiter).len(), 0);
        assert_eq!(waited(&limiter).await, MINUTE);
        assert_eq!(free(&limiter).len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn it_recovers_one_at_a_time_and_never_falls_to_none() {
        let limiter = Limiter::new(3, MINUTE, LINGER);
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
    async fn places_are_free_at_once_until_a_site_shows_that_it_counts() {
        let limiter = Limiter::new(2, MINUTE, LINGER);
        drop(free(&limiter));
        assert_eq!(free(&limiter).len(), 2);
        limiter.acquire().await.refused();
        assert_eq!(waited(&limiter).await, MINUTE);
        assert_eq!(waited(&limiter).await, LINGER);
        assert_eq!(waited(&limiter).await, LINGER);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_woken() {
        let limiter = Limiter::new(1, MINUTE, LINGER);
        let permit = limiter.acquire().await;
        let waiting = tokio::spawn({
            let limiter = limiter.clone();
            async move { drop(limiter.acquire().await) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(permit);
        // The clock is paused: it moves on only when everybody waits, so this measures no machine.
        tokio::time::timeout(LINGER, waiting).await.expect("woken").unwrap();
    }
}

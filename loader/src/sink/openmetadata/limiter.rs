//! How many requests may be in flight: more while answers come quickly, fewer when the server is
//! overloaded (additive increase, multiplicative decrease), never more than configured.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

/// Requests whose usual duration is alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Read,
    Write,
    Bulk,
}

/// How a request went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sample {
    /// Answered after this time.
    Answered(Duration),
    /// The server is overloaded: 429, 503, no answer.
    Overloaded,
    /// Says nothing about the load.
    Other,
}

#[derive(Debug)]
struct State {
    limit: f64,
    in_flight: usize,
    /// Usual duration of each class in seconds; 0 before the first answer.
    usual: [f64; 3],
    /// Answers since the limit was cut: one cut per round of requests is enough.
    since_cut: usize,
}

/// Limits requests in flight.
#[derive(Debug)]
pub(super) struct Limiter {
    max: f64,
    state: Mutex<State>,
    free: Notify,
}

/// A place among the requests in flight; free again when dropped.
#[derive(Debug)]
pub(super) struct Permit<'a>(&'a Limiter);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
        self.0.free.notify_one();
    }
}

/// Answers slower than this many times the usual are taken for overload, ...
const SLOW: f64 = 4.0;
/// ... when they take longer than this, in seconds.
const NOTICEABLE: f64 = 0.5;

impl Limiter {
    /// Starts with half of the maximum.
    pub(super) fn new(max: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a handful of requests")]
        let max = max.max(1) as f64;
        let state =
            State { limit: (max / 2.0).max(1.0), in_flight: 0, usual: [0.0; 3], since_cut: 0 };
        Self { max, state: Mutex::new(state), free: Notify::new() }
    }

    /// Waits for a place.
    pub(super) async fn acquire(&self) -> Permit<'_> {
        loop {
            let freed = self.free.notified();
            {
                let mut state = self.lock();
                #[expect(clippy::cast_precision_loss, reason = "a handful of requests")]
                if (state.in_flight as f64) < state.limit.floor() {
                    state.in_flight += 1;
                    return Permit(self);
                }
            }
            freed.await;
        }
    }

    /// Learns from a finished request.
    pub(super) fn report(&self, class: Class, sample: Sample) {
        let mut state = self.lock();
        state.since_cut = state.since_cut.saturating_add(1);
        let overloaded = match sample {
            Sample::Other => return,
            Sample::Overloaded => true,
            Sample::Answered(duration) => {
                let seconds = duration.as_secs_f64();
                let Some(usual) = state.usual.get_mut(class as usize) else { return };
                let slow = *usual > 0.0 && seconds > NOTICEABLE && seconds > SLOW * *usual;
                *usual = if *usual == 0.0 { seconds } else { *usual * 0.95 + seconds * 0.05 };
                slow
            }
        };
        if !overloaded {
            state.limit = (state.limit + 1.0 / state.limit).min(self.max);
        } else if state.since_cut >= state.in_flight {
            state.limit = (state.limit / 2.0).max(1.0);
            state.since_cut = 0;
        }
        drop(state);
        self.free.notify_one();
    }

    /// Requests that may be in flight at the moment.
    pub(super) fn current(&self) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small, positive"
        )]
        let limit = self.lock().limit.floor() as u64;
        limit
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn limit(&self) -> f64 {
        self.lock().limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Sample = Sample::Answered(Duration::from_millis(10));

    #[test]
    fn grows_slowly_and_shrinks_at_once() {
        let limiter = Limiter::new(8);
        assert_eq!(limiter.limit(), 4.0);
        for _ in 0..100 {
            limiter.report(Class::Read, QUICK);
        }
        assert_eq!(limiter.limit(), 8.0);
        limiter.report(Class::Read, Sample::Overloaded);
        assert_eq!(limiter.limit(), 4.0);
        for _ in 0..10 {
            limiter.report(Class::Read, Sample::Overloaded);
        }
        assert_eq!(limiter.limit(), 1.0);
    }

    #[test]
    fn an_unusually_slow_answer_is_overload_in_its_own_class_only() {
        let limiter = Limiter::new(8);
        for _ in 0..100 {
            limiter.report(Class::Read, QUICK);
            limiter.report(Class::Bulk, Sample::Answered(Duration::from_secs(4)));
        }
        assert_eq!(limiter.limit(), 8.0);
        limiter.report(Class::Read, Sample::Answered(Duration::from_secs(4)));
        assert_eq!(limiter.limit(), 4.0);
    }

    #[tokio::test]
    async fn no_more_than_the_limit_at_a_time() {
        let limiter = Limiter::new(2);
        let first = limiter.acquire().await;
        let second = tokio::time::timeout(Duration::from_millis(1), limiter.acquire()).await;
        assert!(second.is_err(), "the limit starts at one");
        drop(first);
        limiter.acquire().await;
    }
}

//! The last words of a Kafka client that failed: librdkafka says more in its log and its error events than
//! its error codes do.

use std::sync::{Mutex, PoisonError};

/// The last error of a client, in librdkafka's words.
#[derive(Debug, Default)]
pub struct LastWords(Mutex<Option<String>>);

impl LastWords {
    /// The last error; `None` when there was none.
    #[must_use]
    pub fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the last error is a broker's no, or ours to it: waiting does not help.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        let signs = ["SASL authentication error", "OAUTHBEARER token", "SSL routines"];
        self.get().is_some_and(|last| signs.iter().any(|sign| last.contains(sign)))
    }

    /// Keeps the text of an error.
    pub fn remember(&self, reason: &str) {
        // What follows may be the user's own text.
        let reason = reason.split(" beginning at: ").next().unwrap_or_default();
        let reason = reason.split(" (after ").next().unwrap_or_default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
    }

    /// Keeps the text of a line of librdkafka's log, in front of which is `[thrd:…]: `.
    pub fn remember_line(&self, line: &str) {
        self.remember(line.split_once("]: ").map_or(line, |(_, text)| text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_is_kept_without_what_is_the_users() {
        let words = LastWords::default();
        assert_eq!((words.get(), words.is_refusal()), (None, false));
        let check = |line: &str, text: &str, is_refusal: bool| {
            words.remember_line(line);
            assert_eq!(words.get().as_deref(), Some(text));
            assert_eq!(words.is_refusal(), is_refusal, "{text}");
        };
        check(
            "[thrd:b:1]: b:1: Connect to ipv4 failed (after 0ms in state)",
            "b:1: Connect to ipv4 failed",
            false,
        );
        check(
            "SASL authentication error: no such user",
            "SASL authentication error: no such user",
            true,
        );
        check("[thrd:main]: no such setting beginning at: secret", "no such setting", false);
    }
}

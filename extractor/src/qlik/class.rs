//! What can be done about an error: the one question that code asks of it.

use std::error::Error;

/// What can be done about an error. Every error of this client has a `class()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The same request may be sent again at once.
    Repeat,
    /// The server is busy or in trouble; the same may work later.
    Later,
    /// The session is gone or was not ours; a new one may work.
    Reconnect,
    /// Too many sessions: wait minutes, use fewer.
    SessionLimit,
    /// We are no longer signed in; signing in again may work.
    SignIn,
    /// This version or kind of server does not offer it.
    Missing,
    /// The user may not have it.
    Denied,
    /// It is not there (any more).
    NotFound,
    /// Nothing works until somebody changes a setting, here or at the site.
    Setup,
    /// It failed, and trying again will not help.
    Failed,
}

/// An error and its causes in one line, for notices and reports.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

//! Why a session ended, and why a request has no result.

use std::time::Duration;

use super::class::Class;
use super::notification::Refusal;
use super::rpc::EngineError;
use super::settings::name;

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The server refused it, or ended it with a reason.
    #[error("{0}")]
    Refused(Refusal),
    /// It was somebody else's session, or one left over.
    #[error("the engine attached us to an existing session")]
    Attached,
    /// The socket is gone.
    #[error("the connection was lost: {reason}")]
    Lost {
        /// Close code, when the server said goodbye.
        code: Option<u16>,
        /// What is known.
        reason: String,
    },
    /// An answer was larger than allowed.
    #[error(
        "the engine sent a message of {size} bytes, more than the {limit} allowed; raise `{}`",
        name::MAX_MESSAGE
    )]
    TooLarge {
        /// Bytes, at least.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The server does not speak the engine's protocol.
    #[error("the engine sent what is not a message: {0}")]
    Protocol(String),
    /// We closed it.
    #[error("the session is closed")]
    Closed,
}

impl SessionError {
    /// What can be done about it.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Refused(refusal) => refusal.class,
            Self::Attached | Self::Closed => Class::Reconnect,
            // Codes of the cloud engine: 4002 licence, 4005 sessions, 4006 authentication; the others
            // (4001 idle, 4003 engine ends, 4004 app moved, 4007 direct query) can be tried again.
            Self::Lost { code, .. } => match code {
                Some(4002) => Class::Setup,
                Some(4005) => Class::SessionLimit,
                Some(4006) => Class::SignIn,
                _ => Class::Reconnect,
            },
            Self::TooLarge { .. } | Self::Protocol(_) => Class::Failed,
        }
    }
}

/// Why a request has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The engine answered an error.
    #[error("`{method}` failed")]
    Engine {
        /// Method.
        method: &'static str,
        /// The engine's error.
        #[source]
        error: EngineError,
    },
    /// No answer in time.
    #[error("`{method}` was not answered within {after:?}; raise `{setting}`")]
    Timeout {
        /// Method.
        method: &'static str,
        /// Time limit.
        after: Duration,
        /// The limit's setting.
        setting: &'static str,
    },
    /// The answer is not what the method answers.
    #[error("`{method}` answered without `{missing}`")]
    Shape {
        /// Method.
        method: &'static str,
        /// What is missing, a JSON pointer.
        missing: &'static str,
    },
    /// The session ended.
    #[error("`{method}` was not answered")]
    Session {
        /// Method.
        method: &'static str,
        /// Why it ended.
        #[source]
        error: SessionError,
    },
}

impl CallError {
    /// What can be done about it.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Engine { error, .. } => error.class(),
            Self::Timeout { .. } => Class::Later,
            Self::Shape { .. } => Class::Failed,
            Self::Session { error, .. } => error.class(),
        }
    }

    /// Whether the engine itself answered that it cannot, as opposed to not answering.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self, Self::Engine { .. } | Self::Shape { .. })
    }
}

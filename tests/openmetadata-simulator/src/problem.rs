//! Refusals, and how each generation of the server words them.

use crate::http::Answer;
use crate::version::Rules;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// 400 `{code, message}`.
    Bad(String),
    /// 400 from the rule engine: `errorType` `RULE_VIOLATION`.
    Rule(String),
    /// 400 `text/plain`: the body is no JSON.
    NotJson(String),
    /// 401 with `WWW-Authenticate: om-auth`.
    Unauthorized(String),
    /// 403.
    Forbidden(String),
    /// 404: an entity or a reference is missing.
    Missing(String),
    /// 409.
    Exists,
    /// 412.
    Modified(String),
    /// An error nobody handled: 500, with the text of the exception.
    Unhandled(String),
    /// The router refuses: 404, 405 or 415.
    Route(u16),
}

impl Problem {
    /// `<type> instance for <which> not found`.
    pub(crate) fn missing(entity_type: &str, which: impl std::fmt::Display) -> Self {
        Self::Missing(format!("{entity_type} instance for {which} not found"))
    }

    /// The status that a row of a bulk request gets: everything but 403 is 400.
    pub(crate) fn row_status(&self) -> u16 {
        match self {
            Self::Forbidden(_) => 403,
            _ => 400,
        }
    }

    /// The text without its wrapping.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Bad(text)
            | Self::Rule(text)
            | Self::NotJson(text)
            | Self::Unauthorized(text)
            | Self::Forbidden(text)
            | Self::Missing(text)
            | Self::Modified(text) => text.clone(),
            Self::Exists => "Entity already exists".to_owned(),
            Self::Unhandled(text) => unhandled(text),
            Self::Route(status) => format!("HTTP {status} {}", reason(*status)),
        }
    }

    /// The answer of a server with `rules`.
    pub(crate) fn answer(&self, rules: &Rules) -> Answer {
        let message = self.message();
        let status = match self {
            Self::Bad(_) | Self::Rule(_) => 400,
            Self::NotJson(_) => return Answer::text(400, message),
            Self::Unauthorized(_) => {
                return Answer::json(401, &body(401, None, &message))
                    .with_header("www-authenticate", "om-auth");
            }
            Self::Forbidden(_) => 403,
            Self::Missing(_) => 404,
            Self::Exists => 409,
            Self::Modified(_) => 412,
            Self::Unhandled(_) => 500,
            Self::Route(status) => *status,
        };
        match self {
            Self::Unhandled(_) if rules.plain_errors => {
                Answer::json(500, &body(500, Some("UNHANDLED_SERVER_EXCEPTION"), &message))
            }
            Self::Unhandled(_) => Answer::json(500, &wrapped(&message)),
            Self::Route(_) if !rules.plain_errors => {
                Answer::json(500, &wrapped(&unhandled(&message)))
            }
            Self::Rule(_) => Answer::json(400, &body(400, Some("RULE_VIOLATION"), &message)),
            _ => Answer::json(status, &body(status, None, &message)),
        }
    }
}

fn unhandled(exception: &str) -> String {
    format!("An exception with message [{exception}] was thrown while processing request.")
}

fn body(status: u16, error_type: Option<&str>, message: &str) -> serde_json::Value {
    // The three keys are in alphabetical order, which is the order that `serde_json` writes.
    match error_type {
        Some(error_type) => {
            serde_json::json!({"code": status, "errorType": error_type, "message": message})
        }
        None => serde_json::json!({"code": status, "message": message}),
    }
}

fn wrapped(message: &str) -> serde_json::Value {
    serde_json::json!({ "responseMessage": message })
}

/// The reason phrase of the statuses used here.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Error",
    }
}

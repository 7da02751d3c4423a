//! Faults that a test lays on a site: which requests go wrong, how, and how often.

use serde::{Deserialize, Serialize};

/// A fault. It strikes requests that match `app` and `method`, after the first `skip` of them, at
/// most `times` times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Id of the app that the request concerns (`OpenDoc` concerns the app it names); `None`
    /// matches every request.
    #[serde(default)]
    pub app: Option<String>,
    /// Engine method, or method and route of a repository or REST request as the statistics name
    /// it (`GET /qrs/app/full`); `None` matches every one.
    #[serde(default)]
    pub method: Option<String>,
    /// Matching requests that still go well. Default 0.
    #[serde(default)]
    pub skip: u32,
    /// How many requests go wrong; `None` is always.
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens.
    pub effect: Effect,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// The engine answers an error with this code; a repository or REST request answers it as its
    /// HTTP status.
    Error {
        /// Code of NxLocalizedErrorCode, or HTTP status.
        code: i64,
    },
    /// There is never an answer.
    NoAnswer,
    /// The answer takes this much longer.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// The connection breaks without a word.
    DropSocket,
    /// The websocket is closed with a code, as the engine does when it ends.
    CloseSocket {
        /// Close code, for example 4003 (engine terminating).
        code: u16,
    },
    /// The answer is cut off in the middle.
    Malformed,
}

impl Fault {
    /// A fault of every request that concerns `app`.
    pub fn of_app(app: impl Into<String>, effect: Effect) -> Self {
        Self { app: Some(app.into()), method: None, skip: 0, times: None, effect }
    }

    /// A fault of every request of `method`, whatever the app.
    pub fn of_method(method: impl Into<String>, effect: Effect) -> Self {
        Self { app: None, method: Some(method.into()), skip: 0, times: None, effect }
    }

    /// The same fault, only `times` times.
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// The same fault, after `skip` matching requests that go well.
    pub fn after(self, skip: u32) -> Self {
        Self { skip, ..self }
    }

    /// Whether a request is struck; counts it when it matches.
    pub(crate) fn strike(&mut self, app: Option<&str>, method: &str) -> bool {
        let matches = self.app.as_deref().is_none_or(|wanted| app == Some(wanted))
            && self.method.as_deref().is_none_or(|wanted| wanted == method);
        if !matches || self.times == Some(0) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if let Some(times) = &mut self.times {
            *times -= 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mut fault: Fault, requests: &[(Option<&str>, &str)], expected: &[bool]) {
        let struck: Vec<bool> =
            requests.iter().map(|(app, method)| fault.strike(*app, method)).collect();
        assert_eq!(struck, expected, "{fault:?}");
    }

    #[test]
    fn strikes_what_matches() {
        let effect = Effect::NoAnswer;
        let a = (Some("a"), "OpenDoc");
        let b = (Some("b"), "OpenDoc");
        let list = (None, "GetDocList");
        check(Fault::of_app("a", effect.clone()), &[a, b, list, a], &[true, false, false, true]);
        check(Fault::of_method("OpenDoc", effect.clone()), &[a, b, list], &[true, true, false]);
        check(Fault::of_app("a", effect.clone()).times(1), &[a, a, a], &[true, false, false]);
        check(
            Fault::of_app("a", effect).after(1).times(1),
            &[a, b, a, a],
            &[false, false, true, false],
        );
    }
}

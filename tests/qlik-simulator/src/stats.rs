//! What happened on a site so far; tests assert on this.

use std::collections::BTreeMap;

use serde::Serialize;

/// Counters since the start or the last reset; gauges (`open_…`) are of the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Websockets accepted.
    pub sockets_opened: u64,
    /// Websockets open now.
    pub open_sockets: u64,
    /// Most websockets open at the same time.
    pub max_open_sockets: u64,
    /// Engine sessions created.
    pub sessions_opened: u64,
    /// Websockets that attached to a session that was there.
    pub sessions_attached: u64,
    /// Sockets refused because of the session limit or a missing licence.
    pub sessions_refused: u64,
    /// Engine sessions now, those that outlive their sockets included.
    pub open_sessions: u64,
    /// Most engine sessions at the same time.
    pub max_open_sessions: u64,
    /// Proxy sessions (cookies) created.
    pub proxy_sessions_opened: u64,
    /// Most proxy sessions at the same time.
    pub max_proxy_sessions: u64,
    /// Documents open with data now, those being loaded included.
    pub open_with_data: u64,
    /// Most documents open with data at the same time.
    pub max_open_with_data: u64,
    /// `OpenDoc` calls by app.
    pub opens: BTreeMap<String, Opens>,
    /// Engine requests by method.
    pub requests: BTreeMap<String, u64>,
    /// Errors that the engine answered, by code.
    pub errors: BTreeMap<i64, u64>,
    /// Requests that were deliberately not answered.
    pub unanswered: u64,
    /// Requests that the client cancelled.
    pub cancelled: u64,
    /// Websocket pings received.
    pub pings: u64,
    /// Sockets dropped on purpose.
    pub sockets_dropped: u64,
    /// Repository and REST requests by method and route, for example `GET /qrs/app/full`.
    pub http_requests: BTreeMap<String, u64>,
}

/// How often an app was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Opens {
    /// Opened with data.
    pub with_data: u64,
    /// Opened without data.
    pub without_data: u64,
    /// Opening failed.
    pub failed: u64,
}

impl Stats {
    /// How often the engine was asked for `method`.
    pub fn requests_of(&self, method: &str) -> u64 {
        self.requests.get(method).copied().unwrap_or(0)
    }

    /// How often `app` was opened.
    pub fn opens_of(&self, app: &str) -> Opens {
        self.opens.get(app).copied().unwrap_or_default()
    }

    /// How often all apps together were opened.
    pub fn all_opens(&self) -> Opens {
        let mut all = Opens::default();
        for opens in self.opens.values() {
            all.with_data += opens.with_data;
            all.without_data += opens.without_data;
            all.failed += opens.failed;
        }
        all
    }

    /// A fresh start that keeps the gauges.
    pub(crate) fn restarted(&self) -> Self {
        Self {
            open_sockets: self.open_sockets,
            max_open_sockets: self.open_sockets,
            open_sessions: self.open_sessions,
            max_open_sessions: self.open_sessions,
            open_with_data: self.open_with_data,
            max_open_with_data: self.open_with_data,
            ..Self::default()
        }
    }
}

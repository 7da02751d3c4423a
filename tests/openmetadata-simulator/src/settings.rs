//! How a simulator is set up.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::access::DEFAULT_TOKEN;
use crate::version::Release;

/// How a simulator is set up. The defaults are those of a test: a free port of the loopback interface, release
/// 1.12.6, [`DEFAULT_TOKEN`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the API listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the admin port (`/ping`, `/healthcheck`) listens; none by default.
    pub admin_listen: Option<SocketAddr>,
    /// The release that is impersonated.
    pub release: Release,
    /// The token of the ingestion bot.
    pub token: String,
    /// What links in answers start with, without `/api/v1`; by default the `Host` of the request.
    pub public_url: Option<String>,
    /// Every request waits so long before it is handled.
    pub latency: Duration,
    /// How long the server remembers a bot's token, so that the old one still passes and a new one is refused;
    /// 2 minutes, as recorded.
    pub bot_token_memory: Duration,
    /// How many requests the log keeps, the newest.
    pub log_limit: usize,
    /// How much of each body the log keeps, in bytes.
    pub log_body_limit: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            admin_listen: None,
            release: Release::recorded(),
            token: DEFAULT_TOKEN.to_owned(),
            public_url: None,
            latency: Duration::ZERO,
            bot_token_memory: Duration::from_secs(120),
            log_limit: 10_000,
            log_body_limit: 16 * 1024,
        }
    }
}

impl Settings {
    /// The default settings with another release.
    pub fn of_release(release: Release) -> Self {
        Self { release, ..Self::default() }
    }
}

//! How to reach a site. Plain values; [`Settings::problems`] checks them as a whole, before anything is
//! contacted.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::address::Address;
use super::tls;

/// Names of the settings as the configuration file has them, for errors that say what to change.
pub mod name {
    /// URL of the engine.
    pub const HOST_PORT: &str = "source.serviceConnection.config.hostPort";
    /// Client certificate.
    pub const CLIENT_CERTIFICATE: &str =
        "source.serviceConnection.config.certificates.clientCertificate";
    /// Key of the client certificate.
    pub const CLIENT_KEY: &str =
        "source.serviceConnection.config.certificates.clientKeyCertificate";
    /// Root certificate of the site.
    pub const ROOT_CERTIFICATE: &str =
        "source.serviceConnection.config.certificates.rootCertificate";
    /// Password of the key.
    pub const KEY_PASSWORD: &str = "source.serviceConnection.config.certificates.keyPassword";
    /// Whether the certificate must name the host.
    pub const VALIDATE_HOST_NAME: &str = "source.serviceConnection.config.validateHostName";
    /// User directory.
    pub const USER_DIRECTORY: &str = "source.serviceConnection.config.userDirectory";
    /// User.
    pub const USER_ID: &str = "source.serviceConnection.config.userId";
    /// Bearer token.
    pub const TOKEN: &str = "source.serviceConnection.config.token";
    /// Kinds of spaces.
    pub const SPACE_TYPES: &str = "source.serviceConnection.config.spaceTypes";
    /// Session cookie.
    pub const SESSION_COOKIE: &str = "extractor.sessionCookie";
    /// Header of header authentication.
    pub const USER_HEADER: &str = "extractor.userHeader";
    /// Whether server certificates are verified at all.
    pub const VERIFY_CERTIFICATES: &str = "extractor.verifyCertificates";
    /// Repository service.
    pub const REPOSITORY_URL: &str = "extractor.repositoryUrl";
    /// Largest message.
    pub const MAX_MESSAGE: &str = "extractor.maxMessageMib";
    /// Sessions at a time.
    pub const CONCURRENCY: &str = "extractor.concurrency";
    /// Sessions with data at a time.
    pub const DATA_CONCURRENCY: &str = "extractor.dataConcurrency";
    /// Requests in flight.
    pub const REQUESTS_IN_FLIGHT: &str = "extractor.requestsInFlight";
    /// Time for connecting.
    pub const CONNECT_TIMEOUT: &str = "extractor.connectTimeout";
    /// Time for one request.
    pub const REQUEST_TIMEOUT: &str = "extractor.requestTimeout";
    /// Time for opening an app with data.
    pub const OPEN_WITH_DATA_TIMEOUT: &str = "extractor.openWithDataTimeout";
    /// Time for one app.
    pub const APP_DEADLINE: &str = "extractor.appDeadline";
}

/// How to reach a site and as whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `hostPort`: the engine (`wss://host:4747`) or a virtual proxy (`https://host/proxy`).
    pub engine_url: String,
    /// Repository service: `None` for the usual place (see [`Repository`]).
    pub repository: Repository,
    /// Who we are.
    pub auth: Auth,
    /// Root certificates as PEM text; `None` for those of the operating system.
    pub root_certificates: Option<String>,
    /// What is verified of server certificates.
    pub verification: tls::Verification,
    /// Qlik Cloud: the kinds of spaces whose apps are listed.
    pub spaces: Vec<SpaceKind>,
    /// Whether anybody wants to know names and addresses of owners: on Qlik Cloud that is a request each.
    pub owners: bool,
    /// Time limits.
    pub timeouts: Timeouts,
    /// Bounds on what is asked of the site and kept of its answers.
    pub limits: Limits,
}

/// Where the Repository Service (owners, tags, custom properties) is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Repository {
    /// With certificates port 4242 of the engine's host, otherwise `/qrs` below the virtual proxy.
    #[default]
    Usual,
    /// At this URL.
    At(String),
    /// It is not asked.
    Off,
}

/// Who we are.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Client certificate straight to the services, acting for a user (header `X-Qlik-User`).
    /// The user's rights, streams and section access decide what is seen.
    Certificate {
        /// Client certificate, PEM text.
        certificate: String,
        /// Its key, PEM text: PKCS#1, PKCS#8 (encrypted or not) or SEC1.
        key: SecretString,
        /// Password of an encrypted key.
        key_password: Option<SecretString>,
        /// User directory.
        user_directory: String,
        /// User id.
        user_id: String,
    },
    /// A JSON web token for a virtual proxy: signed in once, then the session cookie is used. For a host
    /// of Qlik Cloud it counts as [`Auth::Bearer`].
    Jwt(SecretString),
    /// A virtual proxy with header authentication: signed in once, then the session cookie is used.
    Header {
        /// Name of the header, such as `X-Sense-User`.
        name: String,
        /// Value: the user.
        value: String,
    },
    /// A session cookie that somebody else obtained, `X-Qlik-Session=…`.
    Cookie(SecretString),
    /// Qlik Cloud: an API key or OAuth token, sent with every request. Apps are then listed by the
    /// tenant's REST interface.
    Bearer(SecretString),
    /// Nothing: Qlik Sense Desktop, or an engine behind something that signs in for us.
    None,
}

/// Kind of a space of Qlik Cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpaceKind {
    /// Apps are published to it.
    Managed,
    /// Apps are made together in it.
    Shared,
    /// A user's own; it has no record, its apps have no space.
    Personal,
    /// Connections and files.
    Data,
}

impl SpaceKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Managed, Self::Shared, Self::Personal, Self::Data];

    /// The name as OpenMetadata's `spaceTypes` has it; Qlik's own is the same in small letters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Managed => "Managed",
            Self::Shared => "Shared",
            Self::Personal => "Personal",
            Self::Data => "Data",
        }
    }

    /// The kind of a name, in whatever case.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name.trim()))
    }
}

impl Auth {
    /// The setting that says who we are.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Certificate { .. } | Self::None => name::CLIENT_CERTIFICATE,
            Self::Jwt(_) | Self::Bearer(_) => name::TOKEN,
            Self::Header { .. } => name::USER_HEADER,
            Self::Cookie(_) => name::SESSION_COOKIE,
        }
    }
}

/// Time limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For connecting, TLS and the websocket handshake together. Default 60 s: the first session
    /// through a proxy that was idle takes 15 to 20 s.
    pub connect: Duration,
    /// For one request. Default 60 s.
    pub request: Duration,
    /// For opening an app with data. Default 5 min.
    pub open_with_data: Duration,
    /// Wait after the site refused a session because there are too many. Default 1 min.
    pub session_limit_backoff: Duration,
    /// Wait before a site in trouble is tried again; the second wait is four times as long. Default 2 s.
    pub retry: Duration,
}

/// Bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Engine sessions at a time. Default 4: a user may have 5.
    pub sessions: usize,
    /// Of these, sessions with an app's data loaded. Default 2: each costs the server the app's size
    /// in memory.
    pub sessions_with_data: usize,
    /// Requests in flight on one session. Default 32: hides the round trip; the engine answers in
    /// sequence anyway.
    pub requests_in_flight: usize,
    /// Largest answer, websocket or REST, in bytes. Default 256 MiB.
    pub message_bytes: usize,
    /// Seconds that the engine keeps a session after its socket is gone. Default 5; without it a
    /// session lingers for half an hour.
    pub session_ttl: u32,
}

impl Timeouts {
    /// For opening an app without data: twice a request, because old apps are migrated when opened.
    #[must_use]
    pub fn open(&self) -> Duration {
        self.request.saturating_mul(2)
    }

    /// For a list of the whole site: five requests, because security rules are applied to each of tens
    /// of thousands of entries.
    #[must_use]
    pub fn list(&self) -> Duration {
        self.request.saturating_mul(5)
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(60),
            request: Duration::from_secs(60),
            open_with_data: Duration::from_secs(300),
            session_limit_backoff: Duration::from_secs(60),
            retry: Duration::from_secs(2),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 4,
            sessions_with_data: 2,
            requests_in_flight: 32,
            message_bytes: 256 << 20,
            session_ttl: 5,
        }
    }
}

/// What is wrong with one setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}` {message}")]
pub struct Problem {
    /// Name of the setting in the configuration file (see [`name`]).
    pub setting: &'static str,
    /// What is wrong, to be read after the name.
    pub message: String,
}

impl Settings {
    /// Settings for `engine_url` with everything else at its default.
    #[must_use]
    pub fn new(engine_url: impl Into<String>, auth: Auth) -> Self {
        Self {
            engine_url: engine_url.into(),
            repository: Repository::default(),
            auth,
            root_certificates: None,
            verification: tls::Verification::Full,
            spaces: SpaceKind::ALL.to_vec(),
            owners: true,
            timeouts: Timeouts::default(),
            limits: Limits::default(),
        }
    }

    /// Everything that is wrong with the settings; empty when they can be used. No I/O.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut add = |setting, message: String| problems.push(Problem { setting, message });

        let engine = Address::parse(&self.engine_url);
        match &engine {
            Err(message) => add(name::HOST_PORT, message.clone()),
            Ok(address) if !address.is_secure() && !matches!(self.auth, Auth::None) => {
                add(
                    name::HOST_PORT,
                    "is not encrypted, and credentials would travel readably; use `wss://`"
                        .to_owned(),
                );
            }
            Ok(_) => {}
        }
        if let Repository::At(url) = &self.repository
            && let Err(message) = Address::parse(url)
        {
            add(name::REPOSITORY_URL, message);
        }
        self.check_auth(&mut add);
        if let Some(roots) = &self.root_certificates
            && let Err(error) = tls::check_roots(roots)
        {
            add(name::ROOT_CERTIFICATE, error.to_string());
        }
        for (setting, value) in [
            (name::CONCURRENCY, self.limits.sessions),
            (name::DATA_CONCURRENCY, self.limits.sessions_with_data),
            (name::REQUESTS_IN_FLIGHT, self.limits.requests_in_flight),
            (name::MAX_MESSAGE, self.limits.message_bytes),
        ] {
            if value == 0 {
                add(setting, "must be at least 1".to_owned());
            }
        }
        for (setting, value) in [
            (name::CONNECT_TIMEOUT, self.timeouts.connect),
            (name::REQUEST_TIMEOUT, self.timeouts.request),
            (name::OPEN_WITH_DATA_TIMEOUT, self.timeouts.open_with_data),
        ] {
            if value.is_zero() {
                add(setting, "must be longer than 0".to_owned());
            }
        }
        problems
    }

    fn check_auth(&self, add: &mut impl FnMut(&'static str, String)) {
        match &self.auth {
            Auth::Certificate { certificate, key, key_password, user_directory, user_id } => {
                if user_directory.trim().is_empty() {
                    add(
                        name::USER_DIRECTORY,
                        "is empty; a service account's is `INTERNAL`".to_owned(),
                    );
                }
                if user_id.trim().is_empty() {
                    add(name::USER_ID, "is empty; a service account is `sa_api`".to_owned());
                }
                if let Err(error) = tls::check_client(certificate, key, key_password.as_ref()) {
                    add(error.setting(), error.to_string());
                }
            }
            Auth::Jwt(token) | Auth::Bearer(token) => check_header_value(name::TOKEN, token, add),
            Auth::Cookie(cookie) => check_header_value(name::SESSION_COOKIE, cookie, add),
            Auth::Header { name: header, value } => {
                if reqwest::header::HeaderName::try_from(header.as_str()).is_err() {
                    add(name::USER_HEADER, format!("`{header}` is not the name of a header"));
                }
                if reqwest::header::HeaderValue::try_from(value.as_str()).is_err()
                    || value.trim().is_empty()
                {
                    add(name::USER_ID, format!("`{value}` cannot be sent in a header"));
                }
            }
            Auth::None => {}
        }
    }
}

fn check_header_value(
    setting: &'static str,
    value: &SecretString,
    add: &mut impl FnMut(&'static str, String),
) {
    let value = value.expose_secret();
    if value.trim().is_empty() {
        add(setting, "is empty".to_owned());
    } else if reqwest::header::HeaderValue::try_from(value.trim()).is_err() {
        add(
            setting,
            "holds a line break or another character that a header cannot carry".to_owned(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(settings: &Settings) -> Vec<&'static str> {
        settings.problems().into_iter().map(|problem| problem.setting).collect()
    }

    #[test]
    fn usable_settings_have_no_problem() {
        assert_eq!(names(&Settings::new("ws://localhost:4848", Auth::None)), [""; 0]);
        let cloud = Auth::Bearer("eyJ".into());
        assert_eq!(names(&Settings::new("https://tenant.eu.qlikcloud.com", cloud)), [""; 0]);
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let auth = Auth::Certificate {
            certificate: "nothing".to_owned(),
            key: "nothing".into(),
            key_password: None,
            user_directory: String::new(),
            user_id: " ".to_owned(),
        };
        let mut settings = Settings::new("ws://host:4747", auth);
        settings.repository = Repository::At("ftp://host".to_owned());
        settings.root_certificates = Some("nothing".to_owned());
        settings.limits.sessions = 0;
        settings.timeouts.connect = Duration::ZERO;
        assert_eq!(
            names(&settings),
            [
                name::HOST_PORT,
                name::REPOSITORY_URL,
                name::USER_DIRECTORY,
                name::USER_ID,
                name::CLIENT_CERTIFICATE,
                name::ROOT_CERTIFICATE,
                name::CONCURRENCY,
                name::CONNECT_TIMEOUT,
            ]
        );
    }

    #[test]
    fn tokens_never_show() {
        let settings = Settings::new("wss://host", Auth::Jwt("hunter2\nhunter2".into()));
        assert_eq!(names(&settings), [name::TOKEN]);
        assert!(!format!("{settings:?} {:?}", settings.problems()).contains("hunter2"));
    }
}

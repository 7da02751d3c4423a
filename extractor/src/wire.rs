//! Configuration → the client's settings.

use schemas::config::Problems;
use secrecy::SecretString;

use crate::{
    config::{Kind, Site as Configured, Verification},
    qlik::{
        Site,
        settings::{Auth, Limits, Repository, Settings, SpaceKind, Timeouts},
        tls,
    },
};

/// The site that the configuration describes; nothing is contacted.
///
/// # Errors
/// What is wrong with it, with the keys.
pub(crate) fn site(configured: &Configured) -> Result<Site, Problems> {
    Site::new(settings(configured)).map_err(|wrong| {
        let mut problems = Problems::default();
        for problem in wrong {
            problems.add(problem.setting, problem.message);
        }
        problems
    })
}

fn settings(configured: &Configured) -> Settings {
    let limits = configured.limits;
    Settings {
        engine_url: configured.engine_url.clone(),
        repository: match (&configured.repository_url, configured.repository) {
            (_, false) => Repository::Off,
            (Some(url), true) => Repository::At(url.clone()),
            (None, true) => Repository::Usual,
        },
        auth: auth(configured),
        root_certificates: configured.certificates.root.clone(),
        verification: match configured.verification {
            Verification::Full => tls::Verification::Full,
            Verification::Chain => tls::Verification::ChainOnly,
            Verification::Off => tls::Verification::Off,
        },
        spaces: match &configured.kind {
            Kind::ClientManaged => SpaceKind::ALL.to_vec(),
            Kind::Cloud { spaces } => spaces.clone(),
        },
        owners: configured.owners,
        timeouts: Timeouts {
            connect: limits.connect_timeout,
            request: limits.request_timeout,
            open_with_data: limits.open_with_data_timeout,
            session_limit_backoff: limits.session_limit_backoff,
            ..Timeouts::default()
        },
        limits: Limits {
            sessions: limits.sessions,
            sessions_with_data: limits.sessions_with_data,
            requests_in_flight: limits.requests_in_flight,
            message_bytes: limits.max_message_bytes,
            session_ttl: limits.session_ttl,
        },
    }
}

fn auth(configured: &Configured) -> Auth {
    if let (Kind::Cloud { .. }, Some(token)) = (&configured.kind, &configured.token) {
        return Auth::Bearer(token.clone());
    }
    if let Some(cookie) = &configured.session_cookie {
        return Auth::Cookie(cookie.clone());
    }
    let certificates = &configured.certificates;
    match (&certificates.client, &certificates.key, &configured.token, &configured.user_header) {
        (_, _, Some(token), _) => Auth::Jwt(token.clone()),
        (_, _, None, Some(header)) => {
            // With a dynamic user directory the header names it, too.
            let value = match configured.user_directory.trim() {
                "" => configured.user_id.clone(),
                directory => format!("{directory}\\{}", configured.user_id),
            };
            Auth::Header { name: header.clone(), value }
        }
        (Some(certificate), key, None, None) => Auth::Certificate {
            certificate: certificate.clone(),
            key: key.clone().unwrap_or_else(|| SecretString::from(String::new())),
            key_password: certificates.key_password.clone(),
            user_directory: configured.user_directory.clone(),
            user_id: configured.user_id.clone(),
        },
        (None, _, None, None) => Auth::None,
    }
}

//! From files to the open port.

use std::time::{Instant, SystemTime};

use tokio::net::{TcpStream, lookup_host};
use url::Url;

use super::steps::{Step, Steps};
use crate::{config::Settings, qlik::Site, qlik::certificate::Description};

/// A certificate that ends sooner is worth a word.
const SOON: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);

/// Subjects and dates, of the files themselves.
pub(super) fn certificates(steps: &mut Steps, site: &Site) {
    let now = SystemTime::now();
    for (setting, certificate) in site.certificates() {
        let text = format!("`{setting}` is {}", describe(&certificate));
        if !certificate.is_valid_at(now) {
            steps.failed(Step::Certificates, format!("{text}, so not now; {NEW_CERTIFICATES}"));
        } else if certificate.remaining(now).is_some_and(|left| left < SOON) {
            let text = format!("{text}: soon; {NEW_CERTIFICATES}");
            steps.note(Step::Certificates, Instant::now(), &text);
        } else {
            steps.done(Step::Certificates, Instant::now(), Ok(text));
        }
    }
}

/// How to get certificates that are valid.
pub(super) const NEW_CERTIFICATES: &str = "export new ones (Qlik Management Console, Certificates)";

/// Subject, names and dates.
pub(super) fn describe(certificate: &Description) -> String {
    let time = |time| {
        jiff::Timestamp::try_from(time).map_or_else(
            |_| "a time far away".to_owned(),
            |time| time.strftime("%Y-%m-%d").to_string(),
        )
    };
    let names = if certificate.names.is_empty() {
        String::new()
    } else {
        format!(" for {}", certificate.names.join(", "))
    };
    let (from, until) = (time(certificate.not_before), time(certificate.not_after));
    format!("{}{names}, valid from {from} until {until}", certificate.subject)
}

/// Name and port of the engine; whether the rest can be tried.
pub(super) async fn reach(steps: &mut Steps, settings: &Settings) -> bool {
    let text = &settings.site.engine_url;
    let with_scheme = if text.contains("://") { text.clone() } else { format!("wss://{text}") };
    let Some((host, port)) = Url::parse(&with_scheme).ok().and_then(|url| {
        let port = url.port_or_known_default().or_else(|| match url.scheme() {
            "wss" => Some(443),
            "ws" => Some(80),
            _ => None,
        })?;
        Some((url.host_str()?.trim_matches(['[', ']']).to_owned(), port))
    }) else {
        // The client reads more forms than a URL; it will say itself what is wrong.
        return true;
    };
    let started = Instant::now();
    let resolved = lookup_host((host.as_str(), port)).await.map(|found| found.collect::<Vec<_>>());
    let addresses = match resolved {
        Ok(addresses) if !addresses.is_empty() => addresses,
        _ => {
            steps.done(Step::Resolve, started, Err(unknown_host(&host)));
            return false;
        }
    };
    let listed: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
    steps.done(Step::Resolve, started, Ok(format!("{host} is {}", listed.join(", "))));
    let started = Instant::now();
    let connected = tokio::time::timeout(
        settings.site.limits.connect_timeout,
        TcpStream::connect(addresses.as_slice()),
    )
    .await;
    let result = match connected {
        Ok(Ok(_)) => Ok(format!("port {port} is open")),
        Ok(Err(error)) => Err(closed_port(&host, port, &error.to_string())),
        Err(_) => Err(closed_port(&host, port, "no answer")),
    };
    let passed = result.is_ok();
    steps.done(Step::Tcp, started, result);
    passed
}

/// What to do about a name that has no address.
pub(super) fn unknown_host(host: &str) -> String {
    format!(
        "`{host}` has no address; check `source.serviceConnection.config.hostPort` and the DNS of this machine"
    )
}

/// What to do about a port that does not answer.
pub(super) fn closed_port(host: &str, port: u16, why: &str) -> String {
    format!(
        "port {port} of `{host}` cannot be reached: {why}; is the service running, is the port in `source.serviceConnection.config.hostPort` right, and does the firewall of the Qlik server let this machine in?"
    )
}

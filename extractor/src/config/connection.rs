//! How to reach the site: OpenMetadata's connection block, and what `extractor:` adds to it.

use schemas::config::{Problems, pem};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{Certificates, Kind, Limits, Site, SpaceKind, Verification, raw, validate::PIPELINE};

/// Where OpenMetadata's connection stands.
pub(super) const CONNECTION: &str = "source.serviceConnection.config";

/// The kind of site: `source.type` and the connection's own `type` must agree where both are there.
pub(super) fn kind(source: &raw::Source, problems: &mut Problems) -> Kind {
    let connection = &source.service_connection.config;
    let kinds = [
        ("source.type".to_owned(), source.r#type.as_deref()),
        (format!("{CONNECTION}.type"), connection.r#type.as_deref()),
    ];
    let mut found: Option<bool> = None;
    for (key, name) in kinds {
        let Some(name) = name else { continue };
        let is_cloud = match name.trim().to_ascii_lowercase().as_str() {
            "qliksense" => false,
            "qlikcloud" => true,
            _ => {
                problems.add(key, "must be `QlikSense` (a client-managed site) or `QlikCloud`");
                continue;
            }
        };
        if found.is_some_and(|found| found != is_cloud) {
            problems.add(key, "says another kind of site than `source.type`");
        }
        found.get_or_insert(is_cloud);
    }
    let pipeline = source.source_config.config.r#type.as_deref();
    if pipeline.is_some_and(|kind| !kind.eq_ignore_ascii_case("DashboardMetadata")) {
        problems.add(format!("{PIPELINE}.type"), "only `DashboardMetadata` is supported");
    }
    if found == Some(true) {
        Kind::Cloud { spaces: spaces(connection.space_types.as_deref(), problems) }
    } else {
        Kind::ClientManaged
    }
}

fn spaces(names: Option<&[String]>, problems: &mut Problems) -> Vec<SpaceKind> {
    let key = format!("{CONNECTION}.spaceTypes");
    let Some(names) = names else { return SpaceKind::ALL.to_vec() };
    if names.is_empty() {
        problems.add(&key, "names no kind of space; leave it out for all of them");
    }
    let mut kinds = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match SpaceKind::of_name(name) {
            Some(kind) if !kinds.contains(&kind) => kinds.push(kind),
            Some(_) => {}
            None => problems.add(
                format!("{key}[{index}]"),
                "is no kind of space; known are `Managed`, `Shared`, `Personal`, `Data`",
            ),
        }
    }
    kinds
}

/// Base of links, without a final slash. A tenant's pages are where its interfaces are.
pub(super) fn base_url(
    connection: &raw::Connection,
    kind: &Kind,
    problems: &mut Problems,
) -> Option<String> {
    let given = filled(connection.display_url.as_deref());
    let Some(text) = given else {
        return match kind {
            Kind::ClientManaged => None,
            Kind::Cloud { .. } => tenant_url(connection.host_port.as_deref()?),
        };
    };
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            Some(text.trim_end_matches('/').to_owned())
        }
        _ => {
            problems.add(
                format!("{CONNECTION}.displayUrl"),
                "is no URL such as `https://qlik.example.com/virtual-proxy`",
            );
            None
        }
    }
}

/// `https://host[:port]` of a tenant, however its `hostPort` was written.
fn tenant_url(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let url = Url::parse(&format!("https://{rest}")).ok()?;
    let host = url.host_str()?;
    Some(
        url.port()
            .map_or_else(|| format!("https://{host}"), |port| format!("https://{host}:{port}")),
    )
}

/// How to reach the site.
pub(super) fn site(
    connection: raw::Connection,
    own: &raw::Extractor,
    kind: Kind,
    owners: bool,
    limits: Limits,
    notices: &mut Vec<String>,
    problems: &mut Problems,
) -> Site {
    let is_cloud = matches!(kind, Kind::Cloud { .. });
    let engine_url = connection.host_port.unwrap_or_default().trim().to_owned();
    if engine_url.is_empty() {
        let example = if is_cloud {
            "is required: the tenant's URL, such as `https://tenant.eu.qlikcloud.com`"
        } else {
            "is required: the engine's URL, such as `wss://qlik.example.com:4747`"
        };
        problems.add(format!("{CONNECTION}.hostPort"), example);
    }
    let token = connection.token.filter(|token| !token.expose_secret().trim().is_empty());
    let session_cookie =
        own.session_cookie.clone().filter(|it| !it.expose_secret().trim().is_empty());
    let user_header = filled(own.user_header.as_deref()).map(str::to_owned);
    let certificates = certificates(connection.certificates, problems);
    if is_cloud {
        if token.is_none() {
            problems.add(
                format!("{CONNECTION}.token"),
                "is required: an API key of the tenant (profile menu, Profile settings, API keys)",
            );
        }
    } else {
        let plain = ["ws://", "http://"].iter().any(|scheme| engine_url.starts_with(scheme));
        let others = [
            (token.is_some(), format!("{CONNECTION}.token")),
            (session_cookie.is_some(), "extractor.sessionCookie".to_owned()),
            (user_header.is_some(), "extractor.userHeader".to_owned()),
        ];
        let given: Vec<_> = others.iter().filter(|(given, _)| *given).map(|(_, key)| key).collect();
        if let [first, second, ..] = given.as_slice() {
            problems.add(*second, format!("signs in another way than `{first}`; keep one of them"));
        }
        if certificates.client.is_none() && !plain && given.is_empty() && !engine_url.is_empty() {
            problems.add(
                format!("{CONNECTION}.certificates"),
                "is required: the client certificate, its key and the root certificate that Qlik's management console exports",
            );
        }
    }
    let verification = match (own.verify_certificates, connection.validate_host_name) {
        (Some(false), _) => {
            notices.push("extractor.verifyCertificates is off: anybody on the network can pose as the Qlik server; use it for a first try only".to_owned());
            Verification::Off
        }
        (_, Some(true)) => Verification::Full,
        // A tenant has a certificate of a public authority; nothing speaks for less.
        (_, None) if is_cloud => Verification::Full,
        _ => Verification::Chain,
    };
    let is_http =
        |text: &str| Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    let repository_url = filled(own.repository_url.as_deref());
    if repository_url.is_some_and(|url| !is_http(url)) {
        problems
            .add("extractor.repositoryUrl", "is no URL such as `https://qlik.example.com:4242`");
    }
    Site {
        repository: !is_cloud && own.repository.unwrap_or(true),
        kind,
        owners,
        engine_url,
        repository_url: repository_url.map(str::to_owned),
        certificates,
        token,
        session_cookie,
        user_header,
        user_directory: connection.user_directory.unwrap_or_default(),
        user_id: connection.user_id.unwrap_or_default(),
        verification,
        limits,
    }
}

/// The first of the ways in which OpenMetadata's releases give each text.
fn certificates(raw: raw::Certificates, problems: &mut Problems) -> Certificates {
    let key = format!("{CONNECTION}.certificates");
    let by_value = raw.ssl_config.unwrap_or_default();
    let root = first([
        (raw.root_certificate, "rootCertificate"),
        (by_value.ca_certificate, "sslConfig.caCertificate"),
        (raw.root_certificate_data, "rootCertificateData"),
    ]);
    let client = first([
        (raw.client_certificate, "clientCertificate"),
        (by_value.ssl_certificate, "sslConfig.sslCertificate"),
        (raw.client_certificate_data, "clientCertificateData"),
    ]);
    let text = |secret: Option<SecretString>| secret.map(|it| it.expose_secret().to_owned());
    let secret = first([
        (text(raw.client_key_certificate), "clientKeyCertificate"),
        (text(by_value.ssl_key), "sslConfig.sslKey"),
        (text(raw.client_key_certificate_data), "clientKeyCertificateData"),
    ]);
    if client.is_some() != secret.is_some() {
        problems.add(&key, "the client certificate and its key belong together; one is missing");
    }
    let mut read = |(text, name): (String, &str)| pem(&text, &format!("{key}.{name}"), problems);
    Certificates {
        root: root.map(&mut read),
        client: client.map(&mut read),
        key: secret.map(|found| SecretString::from(read(found))),
        key_password: raw.key_password.filter(|it| !it.expose_secret().is_empty()),
    }
}

fn first<const N: usize>(texts: [(Option<String>, &str); N]) -> Option<(String, &str)> {
    texts.into_iter().find_map(|(text, name)| {
        text.filter(|text| !text.trim().is_empty()).map(|text| (text, name))
    })
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

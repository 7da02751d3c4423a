//! The catalogue's part: `workflowConfig.openMetadataServerConfig`, the loader's options of `source:`,
//! and what `loader:` adds.

use schemas::config::{Document, Problems, pem};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{
    DeleteMode, OpenMetadata, QlikUrls, ServiceType, TableMapping, Tls, raw,
    validate::{at_least_one, duration, no_effect, optional},
};

const SERVER: &str = "workflowConfig.openMetadataServerConfig";
const PIPELINE: &str = "source.sourceConfig.config";
/// Providers of every version from 1.0 to 2.0.
const PROVIDERS: [&str; 11] = [
    "openmetadata",
    "no-auth",
    "basic",
    "azure",
    "google",
    "okta",
    "auth0",
    "aws-cognito",
    "custom-oidc",
    "ldap",
    "saml",
];

/// Checks the catalogue's part; `None` only when there are problems.
pub(super) fn check(
    document: &Document,
    server: raw::ServerConfig,
    own: &raw::Loader,
    notices: &mut Vec<String>,
    problems: &mut Problems,
) -> Option<OpenMetadata> {
    check_constants(&server, problems);
    let url = url(server.host_port.as_deref(), notices, problems);
    let token = token(server.auth_provider.as_deref(), server.security_config, notices, problems);
    let tls = tls(server.verify_ssl.as_deref(), server.ssl_config, notices, problems);
    let flag = |name: &str, default: bool, problems: &mut Problems| {
        optional(document, &format!("{PIPELINE}.{name}"), problems).unwrap_or(default)
    };
    Some(OpenMetadata {
        token,
        tls,
        extra_headers: headers(server.extra_headers, problems),
        service_type: service_type(document, problems),
        qlik_urls: qlik_urls(document, problems),
        store_service_connection: server.store_service_connection.unwrap_or(true),
        validate_version: server.enable_version_validation.unwrap_or(true),
        override_metadata: flag("overrideMetadata", false, problems),
        override_lineage: flag("overrideLineage", false, problems),
        include_owners: flag("includeOwners", true, problems),
        include_tags: flag("includeTags", true, problems),
        classification: classification(own.classification.as_deref(), problems),
        db_service_prefixes: prefixes(document, problems),
        tables: tables(own, problems),
        delete_mode: delete_mode(own.delete_mode.as_deref(), problems),
        former_users: own.former_users.clone(),
        concurrency: at_least_one(own.concurrency, 8, "concurrency", problems),
        bulk_rows: at_least_one(own.bulk_rows, 100, "bulkRows", problems),
        request_timeout: duration(own.request_timeout, 300, "requestTimeout", problems),
        token_grace: duration(own.token_grace, 150, "tokenGrace", problems),
        url: url?,
    })
}

fn check_constants(server: &raw::ServerConfig, problems: &mut Problems) {
    let constants = [
        ("type", server.r#type.as_deref(), "OpenMetadata"),
        ("apiVersion", server.api_version.as_deref(), "v1"),
    ];
    for (key, value, expected) in constants {
        if value.is_some_and(|value| value != expected) {
            problems.add(format!("{SERVER}.{key}"), format!("only `{expected}` is supported"));
        }
    }
}

fn url(text: Option<&str>, notices: &mut Vec<String>, problems: &mut Problems) -> Option<Url> {
    let key = format!("{SERVER}.hostPort");
    let parsed = Url::parse(text.unwrap_or_default().trim()).ok();
    let parsed = parsed.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(mut url) = parsed else {
        problems.add(key, "is required: a URL such as `http://localhost:8585/api`");
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        problems.add(
            &key,
            "must not hold credentials; give a bot's token as `securityConfig.jwtToken`",
        );
    }
    // The version of the API is ours to add.
    let path = url.path().trim_end_matches('/');
    match path.strip_suffix("/v1").unwrap_or(path).to_owned() {
        path if path.is_empty() => {
            notices.push(format!("{key} has no path; the API is expected below `/api`"));
            url.set_path("/api");
        }
        path => url.set_path(&path),
    }
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}

fn token(
    provider: Option<&str>,
    security: raw::SecurityConfig,
    notices: &mut Vec<String>,
    problems: &mut Problems,
) -> Option<SecretString> {
    if let Some(provider) = provider
        && !PROVIDERS.contains(&provider)
    {
        problems.add(
            format!("{SERVER}.authProvider"),
            format!("must be one of {}", PROVIDERS.join(", ")),
        );
    }
    let key = format!("{SERVER}.securityConfig.jwtToken");
    let single_sign_on = security.single_sign_on();
    let token = security.jwt_token.filter(|token| !token.expose_secret().trim().is_empty());
    // A token copied with its line break would be refused as a header.
    let token = token.map(|token| SecretString::from(token.expose_secret().trim().to_owned()));
    match (&token, provider) {
        (Some(token), _) => {
            if token.expose_secret().contains(|c: char| c.is_whitespace() || c.is_control()) {
                problems.add(key, "is no token: it has blanks or line breaks in it");
            }
            let unused = single_sign_on.iter().map(|name| format!("{SERVER}.securityConfig.{name}"));
            notices.extend(unused.map(|key| no_effect(&key, "the bot's token is used")));
        }
        (None, Some("no-auth")) => {}
        (None, _) if !single_sign_on.is_empty() => problems.add(
            key,
            "is required: log-in by a single sign-on client is not supported, a bot's token works with every provider",
        ),
        (None, _) => problems.add(
            key,
            "is required: the token of a bot (Settings → Bots → ingestion-bot), best as `${file:/run/secrets/…}`; only `authProvider: no-auth` needs none",
        ),
    }
    token
}

fn tls(
    verify: Option<&str>,
    config: raw::SslConfig,
    notices: &mut Vec<String>,
    problems: &mut Problems,
) -> Tls {
    let key = format!("{SERVER}.sslConfig");
    let ca = config.ca_certificate.filter(|text| !text.trim().is_empty());
    let verify = match verify.unwrap_or("no-ssl") {
        "no-ssl" => true,
        "validate" => {
            if ca.is_none() {
                problems.add(
                    format!("{key}.caCertificate"),
                    "is required by `verifySSL: validate`: PEM text or a path (without it, use `no-ssl`, which trusts the machine's authorities)",
                );
            }
            true
        }
        "ignore" => {
            notices.push(format!("{SERVER}.verifySSL is `ignore`: anybody on the network can pose as OpenMetadata and take the token; use it for a first try only"));
            false
        }
        _ => {
            problems.add(format!("{SERVER}.verifySSL"), "must be one of no-ssl, validate, ignore");
            true
        }
    };
    let client_pem = match (config.ssl_certificate, config.ssl_key) {
        (Some(certificate), Some(private)) => {
            let certificate = pem(&certificate, &format!("{key}.sslCertificate"), problems);
            let private = pem(private.expose_secret(), &format!("{key}.sslKey"), problems);
            Some(SecretString::from(format!("{certificate}\n{private}")))
        }
        (None, None) => None,
        _ => {
            problems.add(key.as_str(), "`sslCertificate` and `sslKey` belong together");
            None
        }
    };
    Tls {
        verify,
        ca_pem: ca.map(|ca| pem(&ca, &format!("{key}.caCertificate"), problems)),
        client_pem,
    }
}

fn headers(
    headers: std::collections::BTreeMap<String, SecretString>,
    problems: &mut Problems,
) -> Vec<(String, SecretString)> {
    for (name, value) in &headers {
        let valid = reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_ok()
            && reqwest::header::HeaderValue::from_str(value.expose_secret()).is_ok();
        if !valid {
            problems.add(format!("{SERVER}.extraHeaders.{name}"), "is no HTTP header");
        }
    }
    headers.into_iter().collect()
}

fn service_type(document: &Document, problems: &mut Problems) -> ServiceType {
    let key = "source.type";
    let kind: Option<String> = optional(document, key, problems);
    match kind.map(|kind| kind.to_ascii_lowercase()).as_deref() {
        None | Some("qliksense") => ServiceType::QlikSense,
        Some("qlikcloud") => ServiceType::QlikCloud,
        Some(_) => {
            problems.add(key, "must be `qliksense` or `qlikcloud`");
            ServiceType::QlikSense
        }
    }
}

/// Of the extractor's block only these are read: the others may hold secrets that are not ours.
fn qlik_urls(document: &Document, problems: &mut Problems) -> QlikUrls {
    let mut url = |name: &str| {
        optional(document, &format!("source.serviceConnection.config.{name}"), problems)
    };
    QlikUrls { host_port: url("hostPort"), display_url: url("displayUrl") }
}

fn classification(name: Option<&str>, problems: &mut Problems) -> String {
    let name = name.unwrap_or("Qlik").trim();
    if name.is_empty() || name.contains(['.', '"']) {
        problems.add("loader.classification", "must be a name without dots and double quotes");
    }
    name.to_owned()
}

fn prefixes(document: &Document, problems: &mut Problems) -> Vec<String> {
    let new = format!("{PIPELINE}.lineageInformation.dbServicePrefixes");
    // Names and places that it had before OpenMetadata 1.8.
    let old = ["lineageInformation.dbServiceNames", "dbServicePrefixes", "dbServiceNames"];
    let old = old.map(|name| format!("{PIPELINE}.{name}"));
    [new].iter().chain(&old).find_map(|key| optional(document, key, problems)).unwrap_or_default()
}

fn tables(own: &raw::Loader, problems: &mut Problems) -> Vec<TableMapping> {
    let mut mappings = Vec::new();
    for (connection, place) in &own.tables {
        let mut parts = fqn_parts(place).into_iter().flatten();
        let service = parts.next();
        let mapping = service.map(|service| TableMapping {
            connection: connection.clone(),
            service,
            database: parts.next(),
            schema: parts.next(),
        });
        match (mapping, parts.next()) {
            (Some(mapping), None) => mappings.push(mapping),
            _ => problems.add(
                format!("loader.tables.{connection}"),
                "must be `service`, `service.database` or `service.database.schema`, a part that holds dots in double quotes",
            ),
        }
    }
    mappings
}

/// Parts of a fully qualified name; a part in double quotes may hold dots. `None` when it is none.
fn fqn_parts(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let part;
        (part, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
        };
        if part.trim().is_empty() {
            return None;
        }
        parts.push(part.to_owned());
        if rest.is_empty() {
            return Some(parts);
        }
        rest = rest.strip_prefix('.')?;
    }
}

fn delete_mode(text: Option<&str>, problems: &mut Problems) -> DeleteMode {
    match text.unwrap_or("soft") {
        "soft" => DeleteMode::Soft,
        "hard" => DeleteMode::Hard,
        _ => {
            problems.add("loader.deleteMode", "must be `soft` or `hard`");
            DeleteMode::Soft
        }
    }
}

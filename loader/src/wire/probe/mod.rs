//! What `check` asks of the server: its version, who we are to it and what we may do, the service, and
//! whether what `loader.tables` names is there. Unlike connecting the sink it changes nothing and waits
//! for nothing.

mod rights;
mod tables;

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::{
    commands::Line,
    config::{OpenMetadata, ServiceType},
    error_text,
    sink::{
        Fatal,
        openmetadata::{
            fqn,
            token::subject,
            version::{Support, Version},
        },
    },
};

/// Time limit of one request here.
const LIMIT: Duration = Duration::from_secs(30);

/// What the lines are about that say whether the server can be used at all.
const SERVER: &str = "openmetadata";

/// Looks at everything; a server that cannot be used is one line.
pub(super) async fn check(service: &str, settings: &OpenMetadata) -> Vec<Line> {
    let fatal = |fatal: Fatal| vec![Line::failed(SERVER, fatal)];
    let client = match client(settings) {
        Ok(client) => client,
        Err(error) => {
            return fatal(Fatal {
                message: format!(
                    "failed to set up the client: {}; check `sslConfig` in `workflowConfig.openMetadataServerConfig`",
                    error_text(&error)
                ),
                exit_code: 2,
            });
        }
    };
    let api = Api { client, settings };
    let version = match version(&api).await {
        Ok(version) => version,
        Err(error) => return fatal(error),
    };
    // Everybody may ask for the version; this needs the token.
    let path = "services/dashboardServices?limit=1";
    if let Err(error) = api.ask(path).await.and_then(|found| found.ok_or_else(|| api.nothing(path)))
    {
        return vec![version, Line::failed("token", error)];
    }
    let (who, (service, is_there)) = tokio::join!(who(&api), found_service(&api, service));
    let (rights, tables) =
        tokio::join!(rights::check(&api, is_there), tables::check(&api, &settings.tables));
    [version, who, service, rights].into_iter().chain(tables).collect()
}

async fn version(api: &Api<'_>) -> Result<Line, Fatal> {
    let Api { settings, .. } = api;
    let path = "system/version";
    let answer = api.ask(path).await?.ok_or_else(|| api.nothing(path))?;
    let text = answer.get("version").and_then(Value::as_str).unwrap_or_default();
    let version: Version = text.parse().map_err(|error| refused(settings, format!("says its version is {error}; is it OpenMetadata, and does `hostPort` end with `/api`?")))?;
    let told = format!("version {version} at `{}`", settings.url);
    match version.support() {
        Support::Supported => Ok(Line::ok(SERVER, told)),
        Support::TooOld => {
            Err(refused(settings, format!("is version {version}; 1.1.1 or newer is needed")))
        }
        Support::Newer if settings.validate_version => Err(refused(
            settings,
            format!(
                "is version {version}, newer than any known here; `enableVersionValidation: false` has it treated like the newest known"
            ),
        )),
        Support::Newer => Ok(Line::warning(
            SERVER,
            format!("{told} is newer than any known here; it is treated like the newest known"),
        )),
    }
}

async fn who(api: &Api<'_>) -> Line {
    const WHAT: &str = "token";
    // Sources name it; not seen on a real server.
    let mut user = api.ask("users/loggedInUser").await.ok().flatten();
    if user.is_none()
        && let Some(name) = api.settings.token.as_ref().and_then(subject)
    {
        // Where it is not told, the token says whose it is by its own word, and the server accepted it.
        user = api
            .ask(&format!("users{}", fqn::path(&["name", &fqn::quoted(&name)])))
            .await
            .ok()
            .flatten();
    }
    let Some(user) = user else {
        return Line::ok(WHAT, "accepted; this server does not tell whose it is".to_owned());
    };
    let name = user.get("name").and_then(Value::as_str).unwrap_or("(unknown)");
    match user.get("isBot").and_then(Value::as_bool) {
        Some(true) => Line::ok(WHAT, format!("of bot `{name}`")),
        _ => Line::warning(
            WHAT,
            format!(
                "of `{name}`, who is no bot: OpenMetadata keeps what people wrote from bots only; use a bot's token (Settings → Bots)"
            ),
        ),
    }
}

/// The dashboard service, and whether it is there.
async fn found_service(api: &Api<'_>, name: &str) -> (Line, bool) {
    const WHAT: &str = "service";
    let path = format!("services/dashboardServices{}", fqn::path(&["name", &fqn::quoted(name)]));
    let wanted = match api.settings.service_type {
        ServiceType::QlikSense => "QlikSense",
        ServiceType::QlikCloud => "QlikCloud",
    };
    match api.ask(&path).await {
        Err(error) => (Line::failed(WHAT, error), true),
        Ok(None) => {
            (Line::ok(WHAT, format!("`{name}` is not there; the first run creates it")), false)
        }
        Ok(Some(found)) => match found.get("serviceType").and_then(Value::as_str) {
            Some(kind) if kind != wanted => {
                let text = format!(
                    "`{name}` is there, but for {kind} and not for {wanted}; another `source.serviceName` keeps apart what belongs to different sites"
                );
                (Line::warning(WHAT, text), true)
            }
            _ => (Line::ok(WHAT, format!("`{name}` is there")), true),
        },
    }
}

/// The server as it is asked here.
struct Api<'a> {
    client: Client,
    settings: &'a OpenMetadata,
}

impl Api<'_> {
    /// The answer; `None` when there is nothing at that path.
    async fn ask(&self, path: &str) -> Result<Option<Value>, Fatal> {
        ask(&self.client, self.settings, path).await
    }

    fn nothing(&self, path: &str) -> Fatal {
        refused(
            self.settings,
            format!(
                "has nothing at `/v1/{path}`; is it OpenMetadata, and does `hostPort` end with `/api`?"
            ),
        )
    }
}

/// The answer; `None` when there is nothing at that path.
async fn ask(client: &Client, settings: &OpenMetadata, path: &str) -> Result<Option<Value>, Fatal> {
    let mut request: RequestBuilder = client.get(format!("{}/v1/{path}", settings.url));
    for (name, value) in &settings.extra_headers {
        request = request.header(name, value.expose_secret());
    }
    if let Some(token) = &settings.token {
        request = request.bearer_auth(token.expose_secret());
    }
    let unreachable = |error: reqwest::Error| Fatal {
        message: format!(
            "failed to reach OpenMetadata at `{}`: {}; is it running, and is `workflowConfig.openMetadataServerConfig.hostPort` right?",
            settings.url,
            error_text(&error.without_url())
        ),
        exit_code: 3,
    };
    let response = request.send().await.map_err(unreachable)?;
    match response.status() {
        StatusCode::UNAUTHORIZED => Err(refused(
            settings,
            "refuses the token; check `securityConfig.jwtToken` (Settings → Bots → ingestion-bot)"
                .to_owned(),
        )),
        StatusCode::FORBIDDEN => Err(refused(
            settings,
            format!(
                "does not let the token's user read `/v1/{path}`; give it a role that may (Settings → Bots, Roles: `IngestionBotRole`)"
            ),
        )),
        StatusCode::NOT_FOUND => Ok(None),
        status if status.is_success() => Ok(Some(response.json().await.unwrap_or(Value::Null))),
        status => Err(refused(settings, format!("answers {status} to `/v1/{path}`"))),
    }
}

fn refused(settings: &OpenMetadata, what: String) -> Fatal {
    Fatal { message: format!("OpenMetadata at `{}` {what}", settings.url), exit_code: 3 }
}

fn client(settings: &OpenMetadata) -> reqwest::Result<Client> {
    let mut builder = Client::builder().timeout(LIMIT);
    if !settings.tls.verify {
        builder = builder.danger_accept_invalid_certs(true);
    }
    if let Some(pem) = &settings.tls.ca_pem {
        for certificate in reqwest::Certificate::from_pem_bundle(pem.as_bytes())? {
            builder = builder.add_root_certificate(certificate);
        }
    }
    if let Some(pem) = &settings.tls.client_pem {
        builder = builder.identity(reqwest::Identity::from_pem(pem.expose_secret().as_bytes())?);
    }
    builder.build()
}

//! What `check` asks of the server: its version, and who we are to it. Unlike connecting the sink it
//! changes nothing and waits for nothing.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::{
    config::OpenMetadata,
    error_text,
    sink::{
        Fatal,
        openmetadata::version::{Support, Version},
    },
};

/// Time limit of one request here.
const LIMIT: Duration = Duration::from_secs(30);

/// Version and user, in one line.
pub(super) async fn describe(settings: &OpenMetadata) -> Result<String, Fatal> {
    let client = client(settings).map_err(|error| Fatal {
        message: format!(
            "failed to set up the client: {}; check `sslConfig` in `workflowConfig.openMetadataServerConfig`",
            error_text(&error)
        ),
        exit_code: 2,
    })?;
    let nothing = |path: &str| {
        refused(
            settings,
            format!(
                "has nothing at `/v1/{path}`; is it OpenMetadata, and does `hostPort` end with `/api`?"
            ),
        )
    };
    let path = "system/version";
    let answer = ask(&client, settings, path).await?.ok_or_else(|| nothing(path))?;
    let text = answer.get("version").and_then(Value::as_str).unwrap_or_default();
    let version: Version = text.parse().map_err(|error| refused(settings, format!("says its version is {error}; is it OpenMetadata, and does `hostPort` end with `/api`?")))?;
    let remark = match version.support() {
        Support::Supported => "",
        Support::TooOld => {
            return Err(refused(
                settings,
                format!("is version {version}; 1.1.1 or newer is needed"),
            ));
        }
        Support::Newer if settings.validate_version => {
            return Err(refused(
                settings,
                format!(
                    "is version {version}, newer than any known here; `enableVersionValidation: false` has it treated like the newest known"
                ),
            ));
        }
        Support::Newer => ", newer than any known here",
    };
    // Everybody may ask for the version; this needs the token.
    let path = "services/dashboardServices?limit=1";
    ask(&client, settings, path).await?.ok_or_else(|| nothing(path))?;
    let who = match ask(&client, settings, "users/loggedInUser").await.ok().flatten() {
        Some(user) => {
            let name = user.get("name").and_then(Value::as_str).unwrap_or("(unknown)");
            let is_bot = user.get("isBot").and_then(Value::as_bool) == Some(true);
            let warning = if is_bot {
                ""
            } else {
                " (no bot: what people wrote to entities may be overwritten)"
            };
            format!(", as user `{name}`{warning}")
        }
        // Not every version tells, and none without authentication.
        None => String::new(),
    };
    Ok(format!("version {version}{remark} at `{}`{who}", settings.url))
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
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(refused(
            settings,
            "refuses the token; check `securityConfig.jwtToken` (Settings → Bots → ingestion-bot)"
                .to_owned(),
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

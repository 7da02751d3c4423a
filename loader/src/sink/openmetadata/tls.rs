//! The HTTP client with its certificates.

use reqwest::{Certificate, Identity, redirect};
use secrecy::ExposeSecret as _;

use super::settings::{Pem, ServerSettings, VerifySsl};
use crate::sink::Fatal;

const SETTING: &str = "workflowConfig.openMetadataServerConfig";

/// Builds the client. Redirects are not followed: a PUT would become a GET on the way.
///
/// # Errors
/// Certificates that cannot be read, exit code 2.
pub(super) async fn client(settings: &ServerSettings) -> Result<reqwest::Client, Fatal> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("qlik-metadata-loader/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.request_timeout);
    if settings.tls.verify == VerifySsl::Ignore {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    if let Some(pem) = &settings.tls.ca {
        let text = read(pem, "sslConfig.caCertificate").await?;
        let authorities = Certificate::from_pem_bundle(&text).map_err(|error| {
            configuration("sslConfig.caCertificate", "is not PEM with certificates", &error)
        })?;
        if authorities.is_empty() {
            return Err(mistake(format!(
                "`{SETTING}.sslConfig.caCertificate` holds no certificate"
            )));
        }
        builder = builder.tls_certs_merge(authorities);
    }
    if !settings.tls.identity.is_empty() {
        let mut text = Vec::new();
        for pem in &settings.tls.identity {
            text.extend(read(pem, "sslConfig").await?);
            text.push(b'\n');
        }
        let identity = Identity::from_pem(&text).map_err(|error| {
            configuration("sslConfig", "has no certificate with its private key", &error)
        })?;
        builder = builder.identity(identity);
    }
    builder.build().map_err(|error| configuration("sslConfig", "cannot be used", &error))
}

async fn read(pem: &Pem, key: &str) -> Result<Vec<u8>, Fatal> {
    match pem {
        Pem::Text(text) => Ok(text.expose_secret().as_bytes().to_vec()),
        Pem::File(path) => tokio::fs::read(path).await.map_err(|error| {
            mistake(format!("cannot read `{}` (`{SETTING}.{key}`): {error}", path.display()))
        }),
    }
}

fn configuration(key: &str, problem: &str, error: &reqwest::Error) -> Fatal {
    mistake(format!("`{SETTING}.{key}` {problem}: {}", super::client::causes(error)))
}

fn mistake(message: String) -> Fatal {
    Fatal { message, exit_code: 2 }
}

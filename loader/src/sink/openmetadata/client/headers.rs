//! Headers of every request: the token, and those of the configuration. None of them shows in a log.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret as _;

use super::{Fatal, ServerSettings, address};

/// Headers of every request.
pub(super) fn of(settings: &ServerSettings) -> Result<HeaderMap, Fatal> {
    let mistake = |message| Fatal { message, exit_code: 2 };
    let mut headers = HeaderMap::new();
    for (name, value) in &settings.extra_headers {
        let bad = || {
            let key = "workflowConfig.openMetadataServerConfig.extraHeaders";
            mistake(format!("`{key}.{name}` cannot be sent as a header"))
        };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| bad())?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    if let Some(token) = &settings.token {
        let text = format!("Bearer {}", token.expose_secret().trim());
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| mistake(format!("`{}` has characters that no token has", address::JWT)))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

//! Where the server is, and the texts about it. Pure.

use std::error::Error as _;

use reqwest::Url;

use super::call::{Call, Failure};
use crate::sink::Fatal;

pub(super) const HOST_PORT: &str = "workflowConfig.openMetadataServerConfig.hostPort";
pub(super) const JWT: &str = "workflowConfig.openMetadataServerConfig.securityConfig.jwtToken";
const SSL: &str = "workflowConfig.openMetadataServerConfig.sslConfig.caCertificate";

/// Longest request line with all headers that is sent: servers limit the head of a request to 8 KiB,
/// and one drops the connection without an answer (seen at 9000 bytes; 7000 pass).
const MAX_HEAD: usize = 7500;

/// `http://host:8585/api/v1` of what is configured as `hostPort`.
pub(super) fn base_url(host_port: &str) -> Result<String, String> {
    let mut url = Url::parse(host_port.trim())
        .map_err(|error| format!("`{HOST_PORT}`: `{host_port}` is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("`{HOST_PORT}`: expected `http://…/api` or `https://…/api`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("`{HOST_PORT}`: a URL without user and password is expected"));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/v1").unwrap_or(path);
    let path = path.strip_suffix("/api").unwrap_or(path);
    let path = format!("{path}/api/v1");
    url.set_path(&path);
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// URL of a request whose headers take `headers` bytes.
pub(super) fn of_call(base: &str, call: &Call<'_>, headers: usize) -> Result<String, Failure> {
    let text = format!("{base}{}", call.path);
    let mut url = Url::parse(&text)
        .map_err(|error| Failure::Refused(format!("`{text}` is not a URL: {error}")))?;
    if !call.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&call.query);
    }
    // Spaces as `%20`: not every server reads `+` as one.
    let url = url.as_str().replace('+', "%20");
    if url.len() + headers > MAX_HEAD {
        return Err(Failure::Refused(format!(
            "the request to `{}…` would be longer than servers accept",
            text.chars().take(200).collect::<String>()
        )));
    }
    Ok(url)
}

/// An error with its causes, which name what went wrong with a connection; without the URL, whose
/// query may be long.
pub(in super::super) fn causes(error: &reqwest::Error) -> String {
    let mut text = match error.url() {
        Some(url) => error.to_string().replace(url.as_str(), url.path()),
        None => error.to_string(),
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

pub(super) fn not_the_api(base: &str, what: &str) -> Fatal {
    Fatal {
        message: format!(
            "`{base}` {what}: it is not the API of an OpenMetadata server; set `{HOST_PORT}` to the \
             URL that ends in `/api`, such as `http://host:8585/api`"
        ),
        exit_code: 3,
    }
}

pub(super) fn not_trusted(base: &str, cause: &str) -> Fatal {
    Fatal {
        message: format!(
            "the certificate of `{base}` is not trusted ({cause}); set `{SSL}` to the authority that \
             issued it, and `verifySSL` to `validate`"
        ),
        exit_code: 3,
    }
}

pub(super) fn not_reached(base: &str, cause: &str) -> Fatal {
    Fatal {
        message: format!("OpenMetadata at `{base}` (`{HOST_PORT}`) cannot be reached: {cause}"),
        exit_code: 3,
    }
}

pub(super) fn token_refused(base: &str, message: &str) -> Fatal {
    Fatal {
        message: format!(
            "OpenMetadata at `{base}` refuses the token ({message}); set `{JWT}` to the current \
             token of a bot, such as `ingestion-bot`"
        ),
        exit_code: 3,
    }
}

pub(super) fn forbidden(base: &str, what: &str, message: &str) -> Fatal {
    Fatal {
        message: format!(
            "OpenMetadata at `{base}` does not allow the token's user to {what} ({message}); give \
             `{JWT}` the token of a bot with the ingestion bot's role"
        ),
        exit_code: 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls() {
        let check = |text, expected: Option<&str>| {
            assert_eq!(base_url(text).ok().as_deref(), expected, "{text}");
        };
        let expected = Some("http://om:8585/api/v1");
        check("http://om:8585/api", expected);
        check("http://om:8585/api/", expected);
        check("http://om:8585/api/v1", expected);
        check("http://om:8585/api/v1/", expected);
        check("http://om:8585", expected);
        check("http://om:8585/", expected);
        check(" http://om:8585/api ", expected);
        check("https://gateway/catalog/api", Some("https://gateway/catalog/api/v1"));
        check("om:8585", None);
        check("ftp://om/api", None);
        check("http://user:secret@om/api", None);
    }

    #[test]
    fn mistakes_do_not_repeat_secrets() {
        let error = base_url("http://user:secret@om/api").expect_err("refused");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn queries_are_encoded_and_heads_bounded() {
        let of = |value: &str| {
            let call = Call::get("/search".to_owned(), vec![("q", value.to_owned())]);
            of_call("http://om/api/v1", &call, 100)
        };
        assert_eq!(of("a b+\"c\"").expect("a URL"), "http://om/api/v1/search?q=a%20b%2B%22c%22");
        assert!(matches!(of(&"x".repeat(8000)), Err(Failure::Refused(_))));
    }
}

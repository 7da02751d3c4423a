//! The path of a websocket: `/app/<id>[/identity/<token>][/ttl/<seconds>]`, each part
//! percent-encoded; and the header `X-Qlik-User`.

use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::bundle::Person;

/// What the path of a websocket says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// App that the session is bound to; empty for none in particular (`engineData` or nothing).
    pub(crate) app: String,
    /// Token that makes the session a private one.
    pub(crate) identity: Option<String>,
    /// How long the session outlives its last socket.
    pub(crate) ttl: Option<Duration>,
}

impl Endpoint {
    /// Reads a path without prefix and query; `None` when it is no path of a websocket.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let mut segments = path.trim_start_matches('/').split('/');
        if segments.next() != Some("app") {
            return None;
        }
        let mut endpoint = Self::default();
        let mut segments = segments.map(decode).peekable();
        let is_keyword = |segment: &String| segment == "identity" || segment == "ttl";
        if let Some(app) = segments.next_if(|segment| !is_keyword(segment)) {
            endpoint.app = if app == "engineData" { String::new() } else { app };
        }
        while let Some(keyword) = segments.next() {
            match (keyword.as_str(), segments.next()) {
                ("identity", Some(token)) if !token.is_empty() => endpoint.identity = Some(token),
                ("ttl", Some(seconds)) => {
                    endpoint.ttl = Some(Duration::from_secs(seconds.parse().ok()?));
                }
                ("", None) => {}
                _ => return None,
            }
        }
        Some(endpoint)
    }
}

/// Reads `UserDirectory=CORP; UserId=jdoe`: with or without the space, values or all of it
/// percent-encoded.
pub(crate) fn parse_user(header: &str) -> Option<Person> {
    let whole = if header.contains('=') { header.to_owned() } else { decode(header) };
    let (mut directory, mut id) = (None, None);
    for part in whole.split(';') {
        let (key, value) = part.split_once('=')?;
        match key.trim().to_ascii_lowercase().as_str() {
            "userdirectory" => directory = Some(decode(value.trim())),
            "userid" => id = Some(decode(value.trim())),
            _ => {}
        }
    }
    let (directory, id) = (directory?, id?);
    (!directory.is_empty() && !id.is_empty()).then(|| Person::new(directory, id))
}

pub(crate) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(app: &str, identity: Option<&str>, ttl: Option<u64>) -> Option<Endpoint> {
        Some(Endpoint {
            app: app.into(),
            identity: identity.map(str::to_owned),
            ttl: ttl.map(Duration::from_secs),
        })
    }

    #[test]
    fn paths() {
        let check = |path: &str, expected: Option<Endpoint>| {
            assert_eq!(Endpoint::parse(path), expected, "{path}");
        };
        check("/app/engineData", endpoint("", None, None));
        check("/app/", endpoint("", None, None));
        check("/app", endpoint("", None, None));
        check("/app/abc", endpoint("abc", None, None));
        check("/app/a%20b%2Fc/identity/x%2F1/ttl/5", endpoint("a b/c", Some("x/1"), Some(5)));
        check("/app/abc/ttl/5", endpoint("abc", None, Some(5)));
        check("/app/identity/x", endpoint("", Some("x"), None));
        check("/app/abc/identity/", None);
        check("/app/abc/ttl/x", None);
        check("/app/abc/other/1", None);
        check("/api/v1/apps", None);
    }

    #[test]
    fn users() {
        let check = |header: &str, expected: Option<(&str, &str)>| {
            let expected = expected.map(|(directory, id)| Person::new(directory, id));
            assert_eq!(parse_user(header), expected, "{header}");
        };
        check("UserDirectory=CORP; UserId=jdoe", Some(("CORP", "jdoe")));
        check("UserDirectory=CORP;UserId=jdoe", Some(("CORP", "jdoe")));
        check("userid=jdoe; userdirectory=CORP", Some(("CORP", "jdoe")));
        check("UserDirectory=My%20Dir; UserId=j%3Bdoe", Some(("My Dir", "j;doe")));
        check("UserDirectory%3DCORP%3B%20UserId%3Djdoe", Some(("CORP", "jdoe")));
        check("UserDirectory=CORP", None);
        check("UserDirectory=; UserId=x", None);
        check("jdoe", None);
        check("", None);
    }
}

//! URLs of a site: what people write in `hostPort` and `repositoryUrl`, and what is asked of it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Url};

/// What JavaScript's `encodeURIComponent` leaves alone; Qlik's own clients encode with it.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Port of the Repository Service.
const REPOSITORY_PORT: u16 = 4242;

/// A server and, behind a virtual proxy, the proxy's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    secure: bool,
    host: Host<String>,
    port: u16,
    /// Empty, or `/` and segments without a slash at the end.
    prefix: String,
}

/// Percent-encodes `text` as one segment of a path or one value of a header.
pub(super) fn encode_component(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

impl Address {
    /// Reads `wss://host:4747`, `https://host/proxy`, `ws://localhost:4848`, `host`, `host:4747/proxy`, …
    /// Without a scheme TLS is meant. A path is the virtual proxy's; an `/app…` that was copied along
    /// from an engine URL, and a `/qrs`, `/hub`, `/qmc` or `/sense` from others, are dropped.
    ///
    /// # Errors
    /// A text that says what is wrong with the URL, without its user part.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        let with_scheme =
            if text.contains("://") { text.to_owned() } else { format!("wss://{text}") };
        let url = Url::parse(&with_scheme).map_err(|error| format!("is not a URL: {error}"))?;
        let secure = match url.scheme() {
            "wss" | "https" => true,
            "ws" | "http" => false,
            other => {
                return Err(format!(
                    "has the scheme `{other}`; use `wss`, `https`, `ws` or `http`"
                ));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("holds a user or a password; use the settings made for them".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(
                "has a `?` or `#` part; only host, port and virtual proxy are used".to_owned()
            );
        }
        let Some(host) = url.host() else {
            return Err("names no host".to_owned());
        };
        let port = url.port_or_known_default().unwrap_or(if secure { 443 } else { 80 });
        let segments: Vec<&str> = url
            .path_segments()
            .into_iter()
            .flatten()
            .take_while(|segment| !matches!(*segment, "app" | "qrs" | "hub" | "qmc" | "sense"))
            .filter(|segment| !segment.is_empty())
            .collect();
        let prefix = segments.iter().map(|segment| format!("/{segment}")).collect();
        Ok(Self { secure, host: host.to_owned(), port, prefix })
    }

    /// Where the Repository Service listens when clients speak to it directly.
    pub(super) fn direct_repository(&self) -> Self {
        Self { secure: true, host: self.host.clone(), port: REPOSITORY_PORT, prefix: String::new() }
    }

    /// URL of the engine for one session. `app` is an app id, or `None` for no app in particular;
    /// `identity` makes the session private, `ttl` is how many seconds it outlives its socket.
    pub(super) fn session(
        &self,
        app: Option<&str>,
        identity: &str,
        ttl: u32,
        csrf_token: Option<&str>,
    ) -> String {
        let scheme = if self.secure { "wss" } else { "ws" };
        let app = app.map_or_else(|| "engineData".to_owned(), encode_component);
        let query = csrf_token
            .map(|token| format!("?qlik-csrf-token={}", encode_component(token)))
            .unwrap_or_default();
        format!(
            "{scheme}://{}{}/app/{app}/identity/{}/ttl/{ttl}{query}",
            self.authority(),
            self.prefix,
            encode_component(identity)
        )
    }

    /// URL of a REST resource; `path` begins with a slash.
    pub(super) fn rest(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin(), self.prefix)
    }

    /// Scheme, host and port as a browser would send them in `Origin`.
    pub(super) fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    /// Whether the connection is TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Host name or IP address, without the brackets of IPv6.
    pub(super) fn host(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        }
    }

    /// Port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Path of the virtual proxy, empty for the default one.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// `host:port`, the port only when it is not the scheme's own.
    pub(super) fn authority(&self) -> String {
        let default = if self.secure { 443 } else { 80 };
        if self.port == default {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, session: &str, rest: &str) {
        let address = Address::parse(text).unwrap();
        assert_eq!(address.session(None, "me", 5, None), session, "{text}");
        assert_eq!(address.rest("/qrs/about"), rest, "{text}");
    }

    #[test]
    fn every_way_of_writing_a_host() {
        check(
            "wss://qlik.example.com:4747",
            "wss://qlik.example.com:4747/app/engineData/identity/me/ttl/5",
            "https://qlik.example.com:4747/qrs/about",
        );
        check(
            "https://qlik.example.com/jwt/",
            "wss://qlik.example.com/jwt/app/engineData/identity/me/ttl/5",
            "https://qlik.example.com/jwt/qrs/about",
        );
        check(
            "qlik.example.com:4747",
            "wss://qlik.example.com:4747/app/engineData/identity/me/ttl/5",
            "https://qlik.example.com:4747/qrs/about",
        );
        check(
            " qlik.example.com ",
            "wss://qlik.example.com/app/engineData/identity/me/ttl/5",
            "https://qlik.example.com/qrs/about",
        );
        check(
            "ws://localhost:4848/app/",
            "ws://localhost:4848/app/engineData/identity/me/ttl/5",
            "http://localhost:4848/qrs/about",
        );
        check(
            "https://qlik.example.com:8443/a/b/qrs/",
            "wss://qlik.example.com:8443/a/b/app/engineData/identity/me/ttl/5",
            "https://qlik.example.com:8443/a/b/qrs/about",
        );
        check(
            "wss://[2001:db8::1]:4747",
            "wss://[2001:db8::1]:4747/app/engineData/identity/me/ttl/5",
            "https://[2001:db8::1]:4747/qrs/about",
        );
    }

    #[test]
    fn app_ids_and_tokens_are_encoded() {
        let address = Address::parse("ws://localhost:4848").unwrap();
        assert_eq!(
            address.session(Some("C:\\Apps\\é 1.qvf"), "a/b", 0, Some("x+y=")),
            "ws://localhost:4848/app/C%3A%5CApps%5C%C3%A9%201.qvf/identity/a%2Fb/ttl/0?qlik-csrf-token=x%2By%3D"
        );
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_secrets() {
        for (text, part) in [
            ("", "is empty"),
            ("ftp://host", "`ftp`"),
            ("wss://", "is not a URL"),
            ("wss://host:99999", "is not a URL"),
            ("wss://me:hunter2@host", "user or a password"),
            ("wss://host/?token=hunter2", "`?`"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn the_repository_of_a_direct_engine_is_on_its_own_port() {
        let engine = Address::parse("wss://qlik.example.com:4747").unwrap();
        assert_eq!(engine.direct_repository().origin(), "https://qlik.example.com:4242");
    }
}

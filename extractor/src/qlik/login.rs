//! Who we are, as headers.
//!
//! With a client certificate that is one header (`X-Qlik-User`). Behind a virtual proxy each sign-in
//! makes a session that counts against the user's five, so it is done once, and the session cookie is
//! used for every socket and request. Since the releases of November 2024 the websocket's URL must also
//! hold the CSRF token that the sign-in gave, and then may carry no `Authorization`.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{
    AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, ORIGIN, SET_COOKIE,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::address::{Address, encode_component};
use super::class::Class;
use super::http::{Http, RestError};
use super::settings::{Auth, name};
use super::transport::{class_of_status, explain_status};

/// Header of the CSRF token, in answers and in REST requests.
const CSRF_HEADER: &str = "qlik-csrf-token";
/// Any 16 letters and digits: the server only compares query and header.
pub(super) const XRF_KEY: &str = "0123456789abcdef";
/// Header that repeats the key of the query.
pub(super) const XRF_HEADER: &str = "x-qlik-xrfkey";

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The proxy does not answer.
    #[error("cannot sign in at the virtual proxy of `{}`", name::HOST_PORT)]
    Request(#[source] RestError),
    /// The proxy says no.
    #[error(
        "the virtual proxy refused the sign-in by `{setting}` with HTTP {status}: {}",
        explain_status(*.status)
    )]
    Status {
        /// HTTP status.
        status: u16,
        /// Setting that signs in.
        setting: &'static str,
    },
    /// A credential has characters that a header cannot carry.
    #[error("`{setting}` cannot be sent in a header")]
    NotAHeader {
        /// Setting.
        setting: &'static str,
    },
}

impl LoginError {
    /// What can be done about it.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Request(error) => error.class(),
            Self::Status { status, .. } => match class_of_status(*status) {
                Class::Later => Class::Later,
                _ => Class::Setup,
            },
            Self::NotAHeader { .. } => Class::Setup,
        }
    }
}

/// Who we are, ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    /// Headers of REST requests.
    headers: HeaderMap,
    /// Headers of sockets: the same, and behind a virtual proxy the `Origin`, which it compares with
    /// its host allow list.
    socket_headers: HeaderMap,
    /// Token for the URL of sockets and the header of REST requests.
    csrf_token: Option<SecretString>,
    /// Counts sign-ins, so that one expired session is renewed once.
    generation: u64,
}

impl Credentials {
    /// Token for the URL of a socket.
    pub(super) fn csrf_token(&self) -> Option<&str> {
        self.csrf_token.as_ref().map(ExposeSecret::expose_secret)
    }

    /// Headers of a socket's upgrade request.
    pub(super) fn socket_headers(&self) -> HeaderMap {
        self.socket_headers.clone()
    }

    /// Headers of a REST request.
    pub(super) fn rest_headers(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        if let Some(mut token) =
            self.csrf_token().and_then(|token| HeaderValue::try_from(token).ok())
        {
            token.set_sensitive(true);
            headers.insert(CSRF_HEADER, token);
        }
        headers
    }
}

/// Signs in when needed and remembers it.
pub(super) struct Login {
    auth: Auth,
    address: Address,
    http: Http,
    limit: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<Arc<Credentials>>,
    generation: u64,
}

impl Login {
    /// Nothing is sent before the first [`Login::credentials`].
    pub(super) fn new(auth: Auth, address: Address, http: Http, limit: Duration) -> Self {
        Self { auth, address, http, limit, state: Mutex::default() }
    }

    /// Credentials; signs in when nobody is. One caller does so, the others wait for it.
    pub(super) async fn credentials(&self) -> Result<Arc<Credentials>, LoginError> {
        let mut state = self.state.lock().await;
        if let Some(current) = &state.current {
            return Ok(current.clone());
        }
        state.generation += 1;
        let generation = state.generation;
        let (headers, csrf_token) = self.sign_in().await?;
        let mut socket_headers = headers.clone();
        if matches!(self.auth, Auth::Jwt(_) | Auth::Header { .. } | Auth::Cookie(_)) {
            socket_headers.insert(ORIGIN, value(&self.address.origin(), name::HOST_PORT)?);
        }
        let credentials = Arc::new(Credentials { headers, socket_headers, csrf_token, generation });
        state.current = Some(credentials.clone());
        Ok(credentials)
    }

    /// Forgets a session that the server no longer accepts; the next caller signs in. Returns whether
    /// that can help: a certificate or a given cookie stays what it is.
    pub(super) async fn forget(&self, credentials: &Credentials) -> bool {
        let renewable = matches!(self.auth, Auth::Jwt(_) | Auth::Header { .. });
        if renewable {
            let mut state = self.state.lock().await;
            if state.generation == credentials.generation {
                state.current = None;
            }
        }
        renewable
    }

    async fn sign_in(&self) -> Result<(HeaderMap, Option<SecretString>), LoginError> {
        let mut headers = HeaderMap::new();
        match &self.auth {
            Auth::None => Ok((headers, None)),
            Auth::Certificate { user_directory, user_id, .. } => {
                let user = format!(
                    "UserDirectory={}; UserId={}",
                    encode_component(user_directory),
                    encode_component(user_id)
                );
                headers.insert("x-qlik-user", value(&user, name::USER_ID)?);
                Ok((headers, None))
            }
            Auth::Bearer(token) => {
                headers.insert(AUTHORIZATION, bearer(token)?);
                Ok((headers, None))
            }
            Auth::Jwt(token) => {
                headers.insert(AUTHORIZATION, bearer(token)?);
                self.exchange(headers).await
            }
            Auth::Header { name: header, value: user } => {
                let header = HeaderName::try_from(header.as_str())
                    .map_err(|_| LoginError::NotAHeader { setting: name::USER_HEADER })?;
                headers.insert(header, value(user, name::USER_ID)?);
                self.exchange(headers).await
            }
            Auth::Cookie(cookie) => {
                headers.insert(COOKIE, value(cookie.expose_secret().trim(), name::SESSION_COOKIE)?);
                let (_, token) = self.exchange(headers.clone()).await?;
                Ok((headers, token))
            }
        }
    }

    /// Exchanges headers that sign in for a session cookie and a CSRF token. Servers before November
    /// 2024 have no such endpoint, but make the session on any request; when there is no cookie at all,
    /// the headers themselves are used from then on.
    async fn exchange(
        &self,
        headers: HeaderMap,
    ) -> Result<(HeaderMap, Option<SecretString>), LoginError> {
        let mut cookie = None;
        let mut csrf_token = None;
        for path in ["/qps/csrftoken", "/qrs/about"] {
            let mut request = headers.clone();
            request.insert(XRF_HEADER, HeaderValue::from_static(XRF_KEY));
            let url = self.address.rest(path);
            let answer = self
                .http
                .get(path, &url, &[("xrfkey", XRF_KEY)], request, self.limit)
                .await
                .map_err(LoginError::Request)?;
            cookie = session_cookie(&answer.headers);
            if let Some(token) =
                answer.headers.get(CSRF_HEADER).and_then(|token| token.to_str().ok())
            {
                csrf_token = Some(SecretString::from(token));
            }
            match answer.status {
                // An older server, or a user who may not ask the repository: both can be signed in.
                200..=299 | 404 => {}
                403 if cookie.is_some() || csrf_token.is_some() => {}
                status => {
                    return Err(LoginError::Status { status, setting: self.auth.setting() });
                }
            }
            if cookie.is_some() || csrf_token.is_some() {
                break;
            }
        }
        let Some(cookie) = cookie else {
            return Ok((headers, csrf_token));
        };
        let mut session = HeaderMap::new();
        session.insert(COOKIE, value(cookie.expose_secret(), name::TOKEN)?);
        Ok((session, csrf_token))
    }
}

/// The session cookie among those set, as `name=value`. Its name can be configured: one that begins
/// with `X-Qlik-Session`, else one with `qlik` in it, else the only one.
fn session_cookie(headers: &HeaderMap) -> Option<SecretString> {
    let cookies: Vec<&str> = headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|cookie| cookie.to_str().ok())
        .filter_map(|cookie| cookie.split(';').next())
        .map(str::trim)
        .filter(|cookie| cookie.contains('='))
        .collect();
    let named = |test: fn(&str) -> bool| {
        cookies
            .iter()
            .find(|cookie| test(&cookie.split('=').next().unwrap_or_default().to_ascii_lowercase()))
    };
    let only = if cookies.len() == 1 { cookies.first() } else { None };
    named(|name| name.starts_with("x-qlik-session"))
        .or_else(|| named(|name| name.contains("qlik")))
        .or(only)
        .map(|cookie| SecretString::from(*cookie))
}

fn bearer(token: &SecretString) -> Result<HeaderValue, LoginError> {
    value(&format!("Bearer {}", token.expose_secret().trim()), name::TOKEN)
}

fn value(text: &str, setting: &'static str) -> Result<HeaderValue, LoginError> {
    let mut value = HeaderValue::try_from(text).map_err(|_| LoginError::NotAHeader { setting })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_cookie_is_found() {
        let check = |cookies: &[&'static str], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            for cookie in cookies {
                headers.append(SET_COOKIE, HeaderValue::from_static(cookie));
            }
            let found = session_cookie(&headers);
            assert_eq!(found.as_ref().map(ExposeSecret::expose_secret), expected, "{cookies:?}");
        };
        check(&[], None);
        check(&["X-Qlik-Session-jwt=1; Path=/; HttpOnly"], Some("X-Qlik-Session-jwt=1"));
        check(&["AWSALB=2", "X-Qlik-Session=1; Secure"], Some("X-Qlik-Session=1"));
        check(&["a=1", "MyQlikCookie=2"], Some("MyQlikCookie=2"));
        check(&["session=3; Path=/"], Some("session=3"));
        check(&["a=1", "b=2"], None);
    }
}

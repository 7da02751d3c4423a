//! The virtual proxy: authentication by bearer token or header, session cookies, the protection
//! against cross-site websockets (`/qps/csrftoken`), and the limit of sessions per user.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::json;

use crate::bundle::Person;
use crate::engine::{self, Endpoint, Start, proxy_notification};
use crate::http::{self, header_text};
use crate::settings::ProxySettings;
use crate::site::Site;
use crate::{lock, qrs, rest};

/// Sessions by cookie, and slots of ended ones that are not free yet.
#[derive(Default)]
pub(crate) struct ProxySessions {
    sessions: HashMap<String, ProxySession>,
    cooling: Vec<(String, Instant)>,
}

struct ProxySession {
    user: Person,
    /// Whether it took one of the user's slots; without, it opens no websocket.
    admitted: bool,
}

/// An authenticated request.
struct Authenticated {
    cookie: String,
    user: Person,
    new: bool,
}

/// Ends every session.
pub(crate) fn end_all(site: &Site) {
    end(site, |_| true);
}

fn end(site: &Site, which: impl Fn(&Person) -> bool) {
    let cooldown = Duration::from_millis(site.behaviour().slot_cooldown_ms);
    let mut sessions = lock(&site.proxy_sessions);
    let until = Instant::now() + cooldown;
    let ended: Vec<String> = sessions
        .sessions
        .values()
        .filter(|session| session.admitted && which(&session.user))
        .map(|session| session.user.account())
        .collect();
    sessions.cooling.extend(ended.into_iter().map(|account| (account, until)));
    sessions.sessions.retain(|_, session| !which(&session.user));
}

impl ProxySessions {
    /// Makes a session; it takes a slot when one is free.
    fn create(&mut self, user: Person, limit: Option<usize>) -> String {
        let cookie = uuid::Uuid::new_v4().to_string();
        let admitted = self.has_slot(&user, limit);
        self.sessions.insert(cookie.clone(), ProxySession { user, admitted });
        cookie
    }

    fn has_slot(&mut self, user: &Person, limit: Option<usize>) -> bool {
        let now = Instant::now();
        self.cooling.retain(|(_, until)| *until > now);
        let Some(limit) = limit else { return true };
        let account = user.account();
        let cooling = self.cooling.iter().filter(|(own, _)| *own == account).count();
        let taken =
            self.sessions.values().filter(|other| other.admitted && other.user == *user).count();
        taken + cooling < limit
    }

    /// Whether a session may open a websocket.
    fn admit(&mut self, cookie: &str, limit: Option<usize>) -> bool {
        let Some(session) = self.sessions.get(cookie) else { return false };
        if session.admitted {
            return true;
        }
        let user = session.user.clone();
        let free = self.has_slot(&user, limit);
        if let Some(session) = self.sessions.get_mut(cookie) {
            session.admitted = free;
        }
        free
    }
}

/// Answers a request to the proxy's port.
pub(crate) async fn handle(
    site: &Arc<Site>,
    settings: &ProxySettings,
    request: Request<Body>,
) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let inner = if settings.prefix.is_empty() {
        Some(path.as_str())
    } else {
        path.strip_prefix('/')
            .and_then(|path| path.strip_prefix(settings.prefix.as_str()))
            .filter(|rest| rest.starts_with('/'))
    };
    let Some(inner) = inner else {
        // A prefix that no virtual proxy linked to this proxy has.
        let page = format!("<html><body><h1>Bad Request</h1>{}</body></html>", " ".repeat(88_000));
        return http::html(StatusCode::BAD_REQUEST, &page);
    };
    if engine::is_upgrade(request.headers()) {
        return match Endpoint::parse(inner) {
            Some(endpoint) => upgrade(site, settings, request, endpoint),
            None => http::empty(StatusCode::NOT_FOUND),
        };
    }
    if inner == "/qps/csrftoken" && !settings.csrf {
        // An older proxy does not have the route, and makes no session for it.
        return http::empty(StatusCode::NOT_FOUND);
    }
    let Some(authenticated) = authenticate(site, settings, request.headers()) else {
        return http::empty(StatusCode::UNAUTHORIZED);
    };
    let mut response = match (request.method(), inner) {
        (&Method::GET, "/qps/csrftoken") => {
            let mut response = http::empty(StatusCode::NO_CONTENT);
            if let Ok(token) = HeaderValue::from_str(&csrf_token(&authenticated.cookie)) {
                response.headers_mut().insert("qlik-csrf-token", token);
            }
            response
        }
        (&Method::GET, "/qps/user") => {
            let user = &authenticated.user;
            let body = json!({
                "session": "active",
                "userDirectory": user.directory,
                "userId": user.id,
                "userName": user.display_name(),
            });
            http::json(StatusCode::OK, &body)
        }
        (&Method::DELETE, "/qps/user") => {
            let user = authenticated.user.clone();
            end(site, |other| *other == user);
            http::empty(StatusCode::NO_CONTENT)
        }
        (method, _)
            if settings.csrf && method != Method::GET && lacks_token(&request, &authenticated) =>
        {
            http::empty(StatusCode::FORBIDDEN)
        }
        _ if inner.starts_with("/qrs/") => {
            let inner = inner.to_owned();
            qrs::handle(site, &inner, request).await
        }
        _ => match rest::route(inner) {
            Some((id, part)) => rest::answer(site, inner, id, part).await,
            None => http::cannot_get(inner),
        },
    };
    set_cookie(settings, &authenticated, &mut response);
    response
}

fn upgrade(
    site: &Arc<Site>,
    settings: &ProxySettings,
    request: Request<Body>,
    endpoint: Endpoint,
) -> Response<Body> {
    if settings.csrf {
        let cookie = session_cookie(settings, request.headers());
        let token = http::query(request.uri()).remove("qlik-csrf-token");
        let known = cookie.is_some_and(|cookie| {
            lock(&site.proxy_sessions).sessions.contains_key(cookie)
                && token.as_deref() == Some(csrf_token(cookie).as_str())
        });
        if !known || request.headers().contains_key(header::AUTHORIZATION) {
            return http::empty(StatusCode::FORBIDDEN);
        }
    }
    let Some(authenticated) = authenticate(site, settings, request.headers()) else {
        let start = Start::Refused {
            notifications: vec![json!({
                "jsonrpc": "2.0",
                "method": "OnAuthenticationInformation",
                "params": {
                    "loginUri": format!("/{}/internal_windows_authentication", settings.prefix),
                    "mustAuthenticate": true,
                },
            })],
            close: false,
        };
        return engine::upgrade(site, request, endpoint, start);
    };
    let limit = site.behaviour().session_limit;
    let start = if lock(&site.proxy_sessions).admit(&authenticated.cookie, limit) {
        Start::User(authenticated.user.clone())
    } else {
        site.count(|stats| stats.sessions_refused += 1);
        let text = "You have reached the maximum number of parallel sessions";
        let notifications = vec![proxy_notification("OnMaxParallelSessionsExceeded", text)];
        Start::Refused { notifications, close: true }
    };
    let mut response = engine::upgrade(site, request, endpoint, start);
    set_cookie(settings, &authenticated, &mut response);
    response
}

/// The session of a request: that of its cookie, else a new one for its token or header.
fn authenticate(
    site: &Site,
    settings: &ProxySettings,
    headers: &HeaderMap,
) -> Option<Authenticated> {
    let limit = site.behaviour().session_limit;
    let mut sessions = lock(&site.proxy_sessions);
    if let Some(cookie) = session_cookie(settings, headers)
        && let Some(session) = sessions.sessions.get(cookie)
    {
        let user = session.user.clone();
        return Some(Authenticated { cookie: cookie.to_owned(), user, new: false });
    }
    let by_token = || {
        let token = header_text(headers, "authorization")?.strip_prefix("Bearer ")?;
        let (_, user) = settings.tokens.iter().find(|(known, _)| known == token)?;
        Some(user.clone())
    };
    let by_header = || {
        let text = header_text(headers, settings.user_header.as_deref()?)?;
        let (directory, id) = text.split_once('\\').unwrap_or(("HEADER", text));
        (!id.is_empty()).then(|| Person::new(directory, id))
    };
    let user = by_token().or_else(by_header)?;
    let cookie = sessions.create(user.clone(), limit);
    let open = u64::try_from(sessions.sessions.len()).unwrap_or(u64::MAX);
    site.count(|stats| {
        stats.proxy_sessions_opened += 1;
        stats.max_proxy_sessions = stats.max_proxy_sessions.max(open);
    });
    Some(Authenticated { cookie, user, new: true })
}

fn cookie_name(settings: &ProxySettings) -> String {
    if settings.prefix.is_empty() {
        "X-Qlik-Session".into()
    } else {
        format!("X-Qlik-Session-{}", settings.prefix)
    }
}

fn session_cookie<'a>(settings: &ProxySettings, headers: &'a HeaderMap) -> Option<&'a str> {
    let name = cookie_name(settings);
    headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).find_map(
        |cookies| {
            let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        },
    )
}

fn set_cookie(
    settings: &ProxySettings,
    authenticated: &Authenticated,
    response: &mut Response<Body>,
) {
    if !authenticated.new {
        return;
    }
    let (name, value) = (cookie_name(settings), &authenticated.cookie);
    let text = format!("{name}={value}; Path=/; HttpOnly; Secure; SameSite=None");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// The token of a session.
fn csrf_token(cookie: &str) -> String {
    crate::bundle::derived_id("csrf", cookie)
}

fn lacks_token(request: &Request<Body>, authenticated: &Authenticated) -> bool {
    let token = header_text(request.headers(), "qlik-csrf-token");
    token != Some(csrf_token(&authenticated.cookie).as_str())
}

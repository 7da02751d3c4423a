//! The engine: websockets that speak JSON-RPC.
//!
//! A socket reads requests and hands them to its session; the session's worker executes them one
//! after the other on the session's state and sends the replies to the socket that asked.

mod doc;
mod document;
mod endpoint;
mod generic;
mod global;
mod layout;
mod lists;
mod rpc;
mod session;
mod socket;
mod strip;
mod twice;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request as HttpRequest, Response, StatusCode, header};
use futures::StreamExt;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

pub(crate) use document::Document;
pub(crate) use endpoint::{Endpoint, parse_user};
pub(crate) use global::{ENGINE_VERSION, NULL_DATE};
pub(crate) use session::Registry;
pub(crate) use socket::SocketHandle;

use crate::bundle::Person;
use crate::settings::{Mode, Opening};
use crate::site::Site;
use rpc::{ABORTED, Request, RpcError};
use session::{Job, Joined, Session, SessionKey};
use socket::{Cancel, Incoming};

/// Largest frame that is read from a client.
const MAX_FRAME: usize = 16 << 20;

/// Websockets of a site at the same time.
const MAX_SOCKETS: usize = 8192;

/// Requests that a socket may have waiting; a client with more has lost its mind.
const MAX_WAITING: usize = 10_000;

/// How long a client may take to answer a close frame.
const CLOSING: Duration = Duration::from_secs(5);

/// How long the engine keeps a session without `/ttl/` behind the proxy.
const PROXY_LINGER: Duration = Duration::from_secs(30 * 60);

/// Whether a request asks for a websocket.
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    let has = |name: header::HeaderName, token: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.to_ascii_lowercase().contains(token)
    };
    has(header::CONNECTION, "upgrade") && has(header::UPGRADE, "websocket")
}

/// How a websocket begins.
pub(crate) enum Start {
    /// With a session for this user.
    User(Person),
    /// With notifications of the proxy, after which it answers nothing; closed at once or left open.
    Refused {
        /// Frames to send.
        notifications: Vec<Value>,
        /// Whether the proxy closes the socket.
        close: bool,
    },
}

/// Answers the upgrade and serves the websocket in a task of its own.
pub(crate) fn upgrade(
    site: &Arc<Site>,
    mut request: HttpRequest<Body>,
    endpoint: Endpoint,
    start: Start,
) -> Response<Body> {
    let Some(key) = request.headers().get("sec-websocket-key") else {
        return status(StatusCode::BAD_REQUEST);
    };
    if site.socket_count() >= MAX_SOCKETS {
        return status(StatusCode::SERVICE_UNAVAILABLE);
    }
    let accept = derive_accept_key(key.as_bytes());
    let identity = request
        .headers()
        .get("x-qlik-session")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let upgrade = hyper::upgrade::on(&mut request);
    let site_of_task = site.clone();
    site.tasks.spawn(async move {
        let shutdown = site_of_task.shutdown.clone();
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = serve(site_of_task, upgrade, endpoint, identity, start) => {}
        }
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header("sec-websocket-accept", accept)
        .body(Body::empty())
        .unwrap_or_else(|_| status(StatusCode::BAD_REQUEST))
}

fn status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    response
}

async fn serve(
    site: Arc<Site>,
    upgrade: OnUpgrade,
    endpoint: Endpoint,
    header_identity: Option<String>,
    start: Start,
) {
    let Ok(upgraded) = upgrade.await else { return };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    let io = TokioIo::new(upgraded);
    let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let (sink, mut stream) = stream.split();

    let (handle, receiver) = SocketHandle::new(&endpoint.app);
    let handle = Arc::new(handle);
    site.add_socket(handle.clone());

    let (opening, session, stays_open) = open(&site, &endpoint, header_identity, start);
    let opening: Vec<String> = opening.iter().map(Value::to_string).collect();
    let first = site.behaviour().opening == Opening::First || session.is_none();
    let close = session.is_none() && !stays_open;
    let dropped = handle.dropped();
    if close {
        handle.close();
    }
    let writer = socket::write(sink, receiver, opening, first);
    let mut reader = std::pin::pin!(listen(&site, &handle, session.as_ref(), &mut stream));
    tokio::select! {
        // The stream is dropped without a close frame: the connection breaks.
        () = dropped.cancelled() => {}
        // The client is gone.
        () = &mut reader => {}
        // The engine closed; the client's goodbye is still to come.
        () = writer => drop(tokio::time::timeout(CLOSING, &mut reader).await),
    }
    site.remove_socket(handle.id);
    if let Some(session) = &session {
        site.sessions.leave(&site, session, ttl(&site, &endpoint));
    }
}

fn ttl(site: &Site, endpoint: &Endpoint) -> Duration {
    let by_mode = match site.mode {
        Mode::Proxy(_) => PROXY_LINGER,
        Mode::Certificates | Mode::Plain | Mode::Cloud(_) => Duration::ZERO,
    };
    let linger = site.behaviour().linger_ms.map(Duration::from_millis);
    endpoint.ttl.or(linger).unwrap_or(by_mode)
}

/// The opening notifications, the session, and whether a socket without session stays open.
fn open(
    site: &Arc<Site>,
    endpoint: &Endpoint,
    header_identity: Option<String>,
    start: Start,
) -> (Vec<Value>, Option<Arc<Session>>, bool) {
    let user = match start {
        Start::User(user) => user,
        Start::Refused { notifications, close } => return (notifications, None, !close),
    };
    let proxy = matches!(site.mode, Mode::Proxy(_));
    let unlicensed = site.behaviour().unlicensed_users.contains(&user.account());
    if unlicensed && !endpoint.app.is_empty() {
        site.count(|stats| stats.sessions_refused += 1);
        let notification = if proxy {
            proxy_notification("OnLicenseAccessDenied", "No access pass")
        } else {
            connected("SESSION_ERROR_NO_LICENSE")
        };
        return (vec![notification], None, false);
    }
    let mut opening = Vec::new();
    if proxy {
        opening.push(json!({
            "jsonrpc": "2.0",
            "method": "OnAuthenticationInformation",
            "params": {
                "userId": user.id, "userDirectory": user.directory, "mustAuthenticate": false,
            },
        }));
    }
    let identity =
        [header_identity.unwrap_or_default(), endpoint.identity.clone().unwrap_or_default()];
    let mut key = SessionKey {
        account: user.account(),
        app: endpoint.app.clone(),
        identity: identity.join("/"),
    };
    site.set_behaviour(|behaviour| {
        if behaviour.identities_overlooked > 0 {
            behaviour.identities_overlooked -= 1;
            key.identity.clear();
        }
    });
    let (state, session) = match site.sessions.join(site, key, user) {
        Joined::Created(session) => ("SESSION_CREATED", Some(session)),
        Joined::Attached(session) => ("SESSION_ATTACHED", Some(session)),
        Joined::LimitExceeded => {
            site.count(|stats| stats.sessions_refused += 1);
            ("SESSION_ERROR_LIMIT_EXCEEDED", None)
        }
    };
    opening.push(connected(state));
    (opening, session, false)
}

fn connected(state: &str) -> Value {
    json!({"jsonrpc": "2.0", "method": "OnConnected", "params": {"qSessionState": state}})
}

/// A fatal notification of the proxy.
pub(crate) fn proxy_notification(method: &str, message: &str) -> Value {
    json!({
        "jsonrpc": "2.0",
        "method": method,
        "params": {"severity": "fatal", "timestamp": crate::site::now(), "message": message},
    })
}

/// Reads requests until the client is gone.
async fn listen<S>(
    site: &Arc<Site>,
    handle: &Arc<SocketHandle>,
    session: Option<&Arc<Session>>,
    stream: &mut futures::stream::SplitStream<WebSocketStream<S>>,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    loop {
        let text = match socket::read(stream).await {
            Incoming::End => return,
            Incoming::Ping => {
                site.count(|stats| stats.pings += 1);
                if matches!(site.mode, Mode::Proxy(_)) {
                    // The proxy does not relay pings, and loses the request after one.
                    handle.deaf.store(true, Ordering::Relaxed);
                }
                continue;
            }
            Incoming::Text(text) => text,
        };
        let Some(session) = session else { continue };
        if handle.deaf.swap(false, Ordering::Relaxed) {
            site.count(|stats| stats.unanswered += 1);
            continue;
        }
        let request = match Request::parse(&text) {
            Ok(request) => request,
            Err((id, error)) => {
                handle.send(error.reply(&id), None).await;
                continue;
            }
        };
        if request.method == "CancelRequest" {
            cancel(site, handle, &request).await;
        }
        if handle.waiting() >= MAX_WAITING {
            handle.drop_connection();
            return;
        }
        let cancelled = handle.begin(&request.id);
        session.submit(Job { request, socket: handle.clone(), cancelled }).await;
    }
}

/// Cancels a request ahead of those that wait; the reply to the cancelling itself takes its turn.
async fn cancel(site: &Site, handle: &SocketHandle, request: &Request) {
    let Some(id) = request.param(0, "qRequestId") else { return };
    match handle.cancel(id) {
        Cancel::Unknown => {}
        Cancel::AnswerIt => {
            site.count(|stats| stats.cancelled += 1);
            handle.send(RpcError::new(ABORTED, "").reply(id), None).await;
        }
        Cancel::SessionAnswers => site.count(|stats| stats.cancelled += 1),
    }
}

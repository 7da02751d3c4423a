//! One engine session: a task that owns the socket, and a handle to send requests with.
//!
//! Many requests may be in flight; replies come in any order and are matched by id. Notifications are
//! read as they come: the first requests need not wait for `OnConnected`, and one that refuses the
//! session ends it for everybody who waits. Dropping the handle closes the socket.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WebSocketError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::call_error::{CallError, SessionError};
use super::counters::Counters;
use super::notification::Notification;
use super::rpc::{self, EngineError, Incoming, Reply};
use super::transport::Socket;

/// How long the other side may take to answer our close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes of a result from which on it is parsed on a thread of its own: about a millisecond's work.
const LARGE: usize = 256 * 1024;

/// Time limit of a request, and the setting that it comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLimit {
    /// Time.
    pub(super) after: Duration,
    /// Setting.
    pub(super) setting: &'static str,
}

/// Handle of a session. Dropping it closes the socket.
pub(super) struct Session {
    commands: mpsc::Sender<Command>,
    window: Semaphore,
    shared: Arc<Shared>,
    counters: Counters,
    owner: JoinHandle<()>,
}

/// What the handle and the owner task both see.
struct Shared {
    pending: Mutex<HashMap<u64, oneshot::Sender<Result<Reply, EngineError>>>>,
    ended: OnceLock<SessionError>,
    next_id: AtomicU64,
    message_bytes: usize,
}

enum Command {
    Send { id: u64, text: String, reply: oneshot::Sender<Result<Reply, EngineError>> },
    Cancel { id: u64 },
}

impl Session {
    /// Takes over a connected socket. At most `in_flight` requests wait for an answer at a time.
    pub(super) fn start(
        socket: Socket,
        in_flight: usize,
        message_bytes: usize,
        counters: Counters,
    ) -> Self {
        let in_flight = in_flight.clamp(1, Semaphore::MAX_PERMITS);
        // Twice the window: each request may be followed by its cancellation.
        let (commands, receiver) = mpsc::channel(in_flight.saturating_mul(2));
        let shared = Arc::new(Shared {
            pending: Mutex::default(),
            ended: OnceLock::new(),
            next_id: AtomicU64::new(1),
            message_bytes,
        });
        let (open, owned) = (counters.session(), shared.clone());
        let owner = tokio::spawn(async move {
            own(socket, receiver, owned).await;
            drop(open);
        });
        Self { commands, window: Semaphore::new(in_flight), shared, counters, owner }
    }

    /// Sends a request and waits for its reply; asks again where the error allows it. The time limit
    /// counts from when it is sent, for each attempt.
    pub(super) async fn call(
        &self,
        handle: i64,
        method: &'static str,
        params: &Value,
        limit: TimeLimit,
    ) -> Result<Value, CallError> {
        let reply = self.call_for_text(handle, method, params, limit).await?;
        let value = if reply.text().len() < LARGE {
            reply.value()
        } else {
            // Other apps do not wait for it.
            let parsed = tokio::task::spawn_blocking(move || reply.value()).await;
            let Ok(value) = parsed else {
                return Err(CallError::Session { method, error: SessionError::Closed });
            };
            value
        };
        value.map_err(|error| CallError::Session {
            method,
            error: SessionError::Protocol(error.to_string()),
        })
    }

    /// The same for a result that is too large to be made values of at once.
    pub(super) async fn call_for_text(
        &self,
        handle: i64,
        method: &'static str,
        params: &Value,
        limit: TimeLimit,
    ) -> Result<Reply, CallError> {
        let mut attempt = 1;
        loop {
            let error = match self.call_once(handle, method, params, limit).await {
                Ok(result) => return Ok(result),
                Err(error) => error,
            };
            let CallError::Engine { error: engine_error, .. } = &error else {
                return Err(error);
            };
            let Some(wait) = engine_error.retry_after(attempt) else {
                return Err(error);
            };
            tracing::debug!(method, attempt, error = %engine_error, "the engine is asked again");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    async fn call_once(
        &self,
        handle: i64,
        method: &'static str,
        params: &Value,
        limit: TimeLimit,
    ) -> Result<Reply, CallError> {
        let ended = |_| CallError::Session { method, error: self.shared.end() };
        let _place = self
            .window
            .acquire()
            .await
            .map_err(|_| CallError::Session { method, error: SessionError::Closed })?;
        self.counters.engine_request();
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let text = rpc::request(id, handle, method, params);
        let (reply, answer) = oneshot::channel();
        let command = Command::Send { id, text, reply };
        self.commands.send(command).await.map_err(|_| ended(()))?;
        let mut guard = CancelOnDrop { commands: &self.commands, id, armed: true };
        match timeout(limit.after, answer).await {
            Ok(outcome) => {
                guard.armed = false;
                match outcome {
                    Ok(Ok(result)) => Ok(result),
                    Ok(Err(error)) => Err(CallError::Engine { method, error }),
                    Err(_) => Err(ended(())),
                }
            }
            Err(_) => {
                Err(CallError::Timeout { method, after: limit.after, setting: limit.setting })
            }
        }
    }

    /// Closes the socket and waits until that is done.
    pub(super) async fn close(self) {
        drop(self.commands);
        if let Err(error) = self.owner.await {
            tracing::warn!(%error, "the task of an engine session failed");
        }
    }
}

impl Shared {
    fn pending(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Result<Reply, EngineError>>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) -> SessionError {
        self.ended.get().cloned().unwrap_or(SessionError::Closed)
    }

    /// Acts on one message; an error ends the session.
    fn receive(&self, text: &str) -> Result<(), SessionError> {
        let message = Incoming::parse(text).map_err(|error| {
            // The parser's error names a place and no content.
            SessionError::Protocol(error.to_string())
        })?;
        match message {
            Incoming::Reply { id, outcome } => {
                // Nobody waits for a reply that comes after its time limit.
                if let Some(reply) = self.pending().remove(&id)
                    && reply.send(outcome).is_err()
                {
                    tracing::trace!(id, "a reply came too late");
                }
                Ok(())
            }
            Incoming::Notification { method, params } => {
                match Notification::parse(&method, &params) {
                    Notification::Created => Ok(()),
                    Notification::Attached => Err(SessionError::Attached),
                    Notification::Refused(refusal) => Err(SessionError::Refused(refusal)),
                    Notification::Other { method, severity, message } => {
                        if severity.is_some() {
                            tracing::warn!(method, severity, message, "notice of the Qlik proxy");
                        }
                        Ok(())
                    }
                }
            }
            Incoming::Ignored => Ok(()),
        }
    }
}

/// Gives a request up when its caller does (time limit, deadline, cancellation).
struct CancelOnDrop<'a> {
    commands: &'a mpsc::Sender<Command>,
    id: u64,
    armed: bool,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if self.armed && self.commands.try_send(Command::Cancel { id: self.id }).is_err() {
            // A courtesy to the engine; a late reply is dropped anyway.
            tracing::trace!(id = self.id, "no room to cancel a request");
        }
    }
}

type Sink = SplitSink<Socket, Message>;
type Stream = SplitStream<Socket>;

/// Owns the socket until the session ends, for whatever reason, and closes it.
async fn own(socket: Socket, mut commands: mpsc::Receiver<Command>, shared: Arc<Shared>) {
    let (mut sink, mut stream) = socket.split();
    // Both at once, so that a server that waits for us to read never waits forever. Whichever ends
    // first says why.
    let reason = tokio::select! {
        reason = read(&mut stream, &shared) => reason,
        reason = write(&mut sink, &mut commands, &shared) => reason,
    };
    if reason != SessionError::Closed {
        tracing::debug!(%reason, "an engine session ended");
    }
    // The reason first: whoever finds the reply channel closed asks for it.
    if shared.ended.set(reason).is_err() {
        tracing::trace!("the session had ended already");
    }
    shared.pending().clear();
    drop(commands);
    let goodbye = async {
        sink.send(Message::Close(None)).await?;
        while let Some(message) = stream.next().await {
            message?;
        }
        Ok::<(), WebSocketError>(())
    };
    match timeout(CLOSE_TIMEOUT, goodbye).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::trace!(%error, "the socket was closed without goodbye"),
        Err(_) => tracing::trace!("the server did not answer the close frame"),
    }
}

async fn read(stream: &mut Stream, shared: &Shared) -> SessionError {
    loop {
        let message = match stream.next().await {
            Some(Ok(message)) => message,
            Some(Err(error)) => return socket_error(error, shared.message_bytes),
            None => return lost(None, "the server closed the socket"),
        };
        match message {
            Message::Text(text) => {
                if let Err(error) = shared.receive(&text) {
                    return error;
                }
            }
            Message::Close(frame) => return closed(frame),
            // Pings are answered by the library; the engine sends no binary messages.
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

async fn write(
    sink: &mut Sink,
    commands: &mut mpsc::Receiver<Command>,
    shared: &Shared,
) -> SessionError {
    while let Some(command) = commands.recv().await {
        let text = match command {
            Command::Send { id, text, reply } => {
                if reply.is_closed() {
                    continue;
                }
                shared.pending().insert(id, reply);
                text
            }
            Command::Cancel { id } => {
                if shared.pending().remove(&id).is_none() {
                    continue;
                }
                rpc::cancel(shared.next_id.fetch_add(1, Ordering::Relaxed), id)
            }
        };
        if let Err(error) = sink.send(Message::Text(Utf8Bytes::from(text))).await {
            return socket_error(error, shared.message_bytes);
        }
    }
    SessionError::Closed
}

fn socket_error(error: WebSocketError, limit: usize) -> SessionError {
    match error {
        WebSocketError::Capacity(CapacityError::MessageTooLong { size, .. }) => {
            SessionError::TooLarge { size, limit }
        }
        WebSocketError::Protocol(error) => lost(None, &error.to_string()),
        other => lost(None, &other.to_string()),
    }
}

fn closed(frame: Option<CloseFrame>) -> SessionError {
    match frame {
        Some(frame) => {
            let reason =
                if frame.reason.is_empty() { "the server closed it" } else { &frame.reason };
            lost(Some(frame.code.into()), reason)
        }
        None => lost(None, "the server closed it"),
    }
}

fn lost(code: Option<u16>, reason: &str) -> SessionError {
    let reason = match code {
        Some(code) => format!("{reason} (code {code})"),
        None => reason.to_owned(),
    };
    SessionError::Lost { code, reason }
}

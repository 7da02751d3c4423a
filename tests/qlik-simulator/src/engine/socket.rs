//! One websocket: reads requests and hands them to the session, writes what the session answers.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_util::sync::CancellationToken;

use crate::lock;

/// Frames that wait to be written. A session waits when its socket's client does not read.
pub(crate) const OUTGOING: usize = 256;

/// How long the opening notification waits for a first reply, when it is to come after one.
const LATE_OPENING: Duration = Duration::from_millis(200);

/// What others may do with a socket.
#[derive(Debug)]
pub(crate) struct SocketHandle {
    pub(crate) id: u64,
    outgoing: mpsc::Sender<Outgoing>,
    dropped: CancellationToken,
    /// App of the URL, and the one that was opened.
    apps: Mutex<Vec<String>>,
    /// Requests not answered yet, by id.
    pending: Mutex<HashMap<String, Pending>>,
    /// The next request is to stay unanswered: the proxy lost track after a ping.
    pub(crate) deaf: AtomicBool,
}

#[derive(Debug)]
struct Pending {
    cancelled: CancellationToken,
    /// The request is deliberately not answered, so that cancelling must answer it.
    parked: bool,
}

/// A frame to be written.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// A text frame, not before a moment.
    Text(String, Option<Instant>),
    /// Close with a code.
    Close(u16),
}

impl SocketHandle {
    pub(crate) fn new(app: &str) -> (Self, mpsc::Receiver<Outgoing>) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let (outgoing, receiver) = mpsc::channel(OUTGOING);
        let apps = if app.is_empty() { Vec::new() } else { vec![app.to_owned()] };
        let handle = Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            outgoing,
            dropped: CancellationToken::new(),
            apps: Mutex::new(apps),
            pending: Mutex::default(),
            deaf: AtomicBool::new(false),
        };
        (handle, receiver)
    }

    pub(crate) fn concerns(&self, app: &str) -> bool {
        lock(&self.apps).iter().any(|own| own == app)
    }

    pub(crate) fn opened(&self, app: &str) {
        if !self.concerns(app) {
            lock(&self.apps).push(app.to_owned());
        }
    }

    /// Breaks the connection without a word.
    pub(crate) fn drop_connection(&self) {
        self.dropped.cancel();
    }

    pub(crate) fn dropped(&self) -> CancellationToken {
        self.dropped.clone()
    }

    /// Sends a frame that nobody waits for; lost when the client does not read.
    pub(crate) fn push(&self, text: String) {
        self.outgoing.try_send(Outgoing::Text(text, None)).ok();
    }

    /// Sends a reply.
    pub(crate) async fn send(&self, text: String, due: Option<Instant>) {
        tokio::select! {
            () = self.dropped.cancelled() => {}
            // A socket that is gone needs no reply.
            sent = self.outgoing.send(Outgoing::Text(text, due)) => drop(sent),
        }
    }

    /// Closes after what was sent.
    pub(crate) fn close(&self) {
        self.close_with(1000);
    }

    pub(crate) fn close_with(&self, code: u16) {
        if self.outgoing.try_send(Outgoing::Close(code)).is_err() {
            self.drop_connection();
        }
    }

    /// Registers a request; the token is cancelled when the client cancels it.
    pub(crate) fn begin(&self, id: &Value) -> CancellationToken {
        let cancelled = CancellationToken::new();
        let pending = Pending { cancelled: cancelled.clone(), parked: false };
        lock(&self.pending).insert(id.to_string(), pending);
        cancelled
    }

    /// The request is answered.
    pub(crate) fn end(&self, id: &Value) {
        lock(&self.pending).remove(&id.to_string());
    }

    /// The request will not be answered.
    pub(crate) fn park(&self, id: &Value) {
        if let Some(pending) = lock(&self.pending).get_mut(&id.to_string()) {
            pending.parked = true;
        }
    }

    /// How many requests wait.
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.pending).len()
    }

    /// The client cancels a request. True when the caller has to answer it.
    pub(crate) fn cancel(&self, id: &Value) -> Cancel {
        let mut pending = lock(&self.pending);
        let key = id.to_string();
        match pending.get(&key).map(|request| request.parked) {
            None => Cancel::Unknown,
            Some(true) => {
                pending.remove(&key);
                Cancel::AnswerIt
            }
            Some(false) => {
                if let Some(request) = pending.get(&key) {
                    request.cancelled.cancel();
                }
                Cancel::SessionAnswers
            }
        }
    }
}

/// What becomes of a cancelled request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancel {
    /// There is no such request.
    Unknown,
    /// Nobody works on it: whoever cancels answers.
    AnswerIt,
    /// The session answers when it comes to it.
    SessionAnswers,
}

/// Writes what comes out of `receiver` until it is closed, with the opening notifications first or
/// after the first reply.
pub(crate) async fn write<S>(
    mut sink: SplitSink<WebSocketStream<S>, Message>,
    mut receiver: mpsc::Receiver<Outgoing>,
    opening: Vec<String>,
    opening_first: bool,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut opening = Some(opening);
    let late = Instant::now() + LATE_OPENING;
    loop {
        if opening_first && let Some(frames) = opening.take() {
            for frame in frames {
                if sink.send(Message::text(frame)).await.is_err() {
                    return;
                }
            }
        }
        let next = if opening.is_some() {
            tokio::time::timeout_at(late, receiver.recv()).await
        } else {
            Ok(receiver.recv().await)
        };
        let sent = match next {
            Ok(None) => {
                // The socket's reader is gone; say goodbye.
                sink.close().await.ok();
                return;
            }
            Ok(Some(Outgoing::Text(text, due))) => {
                if let Some(due) = due {
                    tokio::time::sleep_until(due).await;
                }
                sink.send(Message::text(text)).await
            }
            Ok(Some(Outgoing::Close(code))) => {
                let frame = CloseFrame { code: code.into(), reason: "".into() };
                sink.send(Message::Close(Some(frame))).await.ok();
                return;
            }
            Err(_) => Ok(()),
        };
        if sent.is_err() {
            return;
        }
        for frame in opening.take().unwrap_or_default() {
            if sink.send(Message::text(frame)).await.is_err() {
                return;
            }
        }
    }
}

/// What a client sent.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A text frame.
    Text(String),
    /// A ping; the library answers it.
    Ping,
    /// The end.
    End,
}

/// The next frame of interest.
pub(crate) async fn read<S>(stream: &mut SplitStream<WebSocketStream<S>>) -> Incoming
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match stream.next().await {
            Some(Ok(Message::Text(text))) => return Incoming::Text(text.as_str().to_owned()),
            Some(Ok(Message::Ping(_))) => return Incoming::Ping,
            Some(Err(_)) | None => return Incoming::End,
            // After a close frame the next read sends the answer and ends.
            Some(Ok(
                Message::Close(_) | Message::Binary(_) | Message::Pong(_) | Message::Frame(_),
            )) => {}
        }
    }
}

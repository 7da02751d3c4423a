//! Sessions: who attaches to which, how long they live, and the worker of each, which executes the
//! requests of all its sockets one after the other, as the engine does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Document;
use super::rpc::{ABORTED, Request, RpcError};
use super::socket::SocketHandle;
use crate::bundle::Person;
use crate::faults::Effect;
use crate::lock;
use crate::site::Site;

/// Requests that wait for a session's worker. A client that sends more waits in its socket.
const QUEUE: usize = 1024;

/// Replies that are put into another order together.
const SHUFFLED: usize = 8;

/// A change frame is pushed after this many replies.
const PUSH_EVERY: u32 = 5;

/// What makes a session: sockets with the same values share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey {
    /// `DIRECTORY\user`.
    pub(crate) account: String,
    /// App of the URL.
    pub(crate) app: String,
    /// Identity of the URL, header `X-Qlik-Session`, or both.
    pub(crate) identity: String,
}

/// The sessions of a site.
#[derive(Default)]
pub(crate) struct Registry {
    sessions: Mutex<HashMap<SessionKey, Arc<Session>>>,
}

/// A session.
pub(crate) struct Session {
    key: SessionKey,
    jobs: mpsc::Sender<Job>,
    cancel: CancellationToken,
    attached: Mutex<Attached>,
}

#[derive(Default)]
struct Attached {
    sockets: usize,
    /// Moves with every socket that comes, so that a timer knows whether one came meanwhile.
    generation: u64,
}

/// A request and who wants the reply.
pub(crate) struct Job {
    pub(crate) request: Request,
    pub(crate) socket: Arc<SocketHandle>,
    pub(crate) cancelled: CancellationToken,
}

/// How joining a session went.
pub(crate) enum Joined {
    /// It is new.
    Created(Arc<Session>),
    /// It was there.
    Attached(Arc<Session>),
    /// The user has too many.
    LimitExceeded,
}

impl Registry {
    /// Joins the session of `key`, or makes it when the user may have one more.
    pub(crate) fn join(&self, site: &Arc<Site>, key: SessionKey, user: Person) -> Joined {
        let limit = match site.mode {
            // Behind the proxy the sessions of cookies are counted, not those of the engine.
            crate::settings::Mode::Proxy(_) => None,
            _ => site.behaviour().session_limit,
        };
        let mut sessions = lock(&self.sessions);
        if let Some(session) = sessions.get(&key) {
            let mut attached = lock(&session.attached);
            attached.sockets += 1;
            attached.generation += 1;
            site.count(|stats| stats.sessions_attached += 1);
            return Joined::Attached(session.clone());
        }
        let own = sessions.keys().filter(|other| other.account == key.account).count();
        if limit.is_some_and(|limit| own >= limit) {
            return Joined::LimitExceeded;
        }
        let (jobs, receiver) = mpsc::channel(QUEUE);
        let session = Arc::new(Session {
            key: key.clone(),
            jobs,
            cancel: site.shutdown.child_token(),
            attached: Mutex::new(Attached { sockets: 1, generation: 0 }),
        });
        let document = Document::new(site.clone(), user);
        site.tasks.spawn(work(site.clone(), document, receiver, session.cancel.clone()));
        sessions.insert(key, session.clone());
        let open = u64::try_from(sessions.len()).unwrap_or(u64::MAX);
        site.count(|stats| {
            stats.sessions_opened += 1;
            stats.open_sessions = open;
            stats.max_open_sessions = stats.max_open_sessions.max(open);
        });
        Joined::Created(session)
    }

    /// A socket leaves; the session ends `ttl` after the last one left.
    pub(crate) fn leave(&self, site: &Arc<Site>, session: &Arc<Session>, ttl: Duration) {
        let generation = {
            let mut attached = lock(&session.attached);
            attached.sockets = attached.sockets.saturating_sub(1);
            if attached.sockets > 0 {
                return;
            }
            attached.generation
        };
        if ttl.is_zero() {
            self.end(site, session, generation);
            return;
        }
        let (site, session) = (site.clone(), session.clone());
        let timer = site.clone();
        timer.tasks.spawn(async move {
            tokio::select! {
                () = site.shutdown.cancelled() => {}
                () = tokio::time::sleep(ttl) => site.sessions.end(&site, &session, generation),
            }
        });
    }

    /// Ends a session unless a socket came since `generation`.
    fn end(&self, site: &Site, session: &Session, generation: u64) {
        let mut sessions = lock(&self.sessions);
        {
            let attached = lock(&session.attached);
            if attached.sockets > 0 || attached.generation != generation {
                return;
            }
        }
        session.cancel.cancel();
        sessions.remove(&session.key);
        let open = u64::try_from(sessions.len()).unwrap_or(u64::MAX);
        site.count(|stats| stats.open_sessions = open);
    }
}

impl Session {
    /// Hands a request to the worker; waits while its queue is full.
    pub(crate) async fn submit(&self, job: Job) {
        // A worker that ended needs no more requests: the site shuts down.
        self.jobs.send(job).await.ok();
    }
}

/// The worker of a session.
async fn work(
    site: Arc<Site>,
    mut document: Document,
    mut jobs: mpsc::Receiver<Job>,
    cancel: CancellationToken,
) {
    let mut order = Shuffle(0x9e37_79b9_7f4a_7c15);
    let mut answered = 0_u32;
    loop {
        let first = tokio::select! {
            () = cancel.cancelled() => return,
            job = jobs.recv() => match job {
                Some(job) => job,
                None => return,
            },
        };
        let mut batch = vec![first];
        if site.behaviour().out_of_order {
            // Let the socket's reader hand over what has arrived along with it.
            tokio::task::yield_now().await;
            while batch.len() < SHUFFLED
                && let Ok(job) = jobs.try_recv()
            {
                batch.push(job);
            }
        }
        let mut replies = Vec::with_capacity(batch.len());
        for job in batch {
            let reply = tokio::select! {
                () = cancel.cancelled() => return,
                reply = execute(&site, &mut document, &job) => reply,
            };
            replies.extend(reply.map(|text| (job, text)));
        }
        order.shuffle(&mut replies);
        for (job, text) in replies {
            let behaviour = site.behaviour();
            let delay = behaviour.latencies.round_trip_ms;
            let due = (delay > 0).then(|| Instant::now() + Duration::from_millis(delay));
            job.socket.end(&job.request.id);
            job.socket.send(text, due).await;
            answered = answered.wrapping_add(1);
            if behaviour.push_changes && answered.is_multiple_of(PUSH_EVERY) {
                job.socket.push(document.change_frame());
            }
        }
    }
}

/// Executes one request; `None` when it is not to be answered.
async fn execute(site: &Site, document: &mut Document, job: &Job) -> Option<String> {
    let request = &job.request;
    let app = document.concerned_app(request);
    site.count(|stats| *stats.requests.entry(request.method.clone()).or_default() += 1);
    let effect = site.strike(app.as_deref(), &request.method);

    let latencies = site.behaviour().latencies;
    let opening = document.begin(request);
    let mut time = latencies.request_ms;
    match opening.as_ref().map(|opening| opening.with_data()) {
        Some(true) => time += latencies.open_with_data_ms,
        Some(false) => time += latencies.open_without_data_ms,
        None => {}
    }
    if let Some(Effect::Delay { ms }) = effect {
        time += ms;
    }
    if time > 0 {
        tokio::select! {
            () = job.cancelled.cancelled() => {}
            () = tokio::time::sleep(Duration::from_millis(time)) => {}
        }
    }
    if job.cancelled.is_cancelled() {
        return Some(RpcError::new(ABORTED, "").reply(&request.id));
    }
    let outcome = match effect {
        Some(Effect::NoAnswer) => {
            site.count(|stats| stats.unanswered += 1);
            job.socket.park(&request.id);
            return None;
        }
        Some(Effect::DropSocket) => {
            site.count(|stats| stats.sockets_dropped += 1);
            job.socket.drop_connection();
            return None;
        }
        Some(Effect::CloseSocket { code }) => {
            job.socket.close_with(code);
            return None;
        }
        Some(Effect::Error { code }) => {
            document.failed(request);
            Err(RpcError::new(code, ""))
        }
        Some(Effect::Malformed | Effect::Delay { .. }) | None => document.call(request, opening),
    };
    if let Err(error) = &outcome {
        site.count(|stats| *stats.errors.entry(error.code).or_default() += 1);
    }
    if let Some(app) = document.app_id() {
        job.socket.opened(app);
    }
    let mut text = request.reply(outcome);
    if site.behaviour().duplicate_keys {
        text = super::twice::written(&text);
    }
    if effect == Some(Effect::Malformed) {
        let half = (0..=text.len() / 2).rev().find(|&index| text.is_char_boundary(index));
        text.truncate(half.unwrap_or(0));
    }
    Some(text)
}

/// A deterministic shuffle (xorshift), so that a test that fails fails again.
struct Shuffle(u64);

impl Shuffle {
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            let bound = u64::try_from(last).unwrap_or(u64::MAX) + 1;
            let index = usize::try_from(self.0 % bound).unwrap_or(0);
            items.swap(last, index);
        }
    }
}

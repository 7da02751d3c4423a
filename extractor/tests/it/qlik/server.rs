//! A Qlik server of one app: engine websocket and REST on one port, with or without TLS.
//!
//! It answers like an engine. A test changes single answers with a [`Quirk`] (websocket) or a REST
//! handler, and looks at what the server saw.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures::{SinkExt, StreamExt};
use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

/// Id of the app.
pub(super) const APP: &str = "11111111-2222-3333-4444-555555555555";

/// One request of a client.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    /// Session, counted from 1.
    pub(super) session: usize,
    /// How often this session has asked this method, this time included.
    pub(super) nth: usize,
    pub(super) id: u64,
    pub(super) method: String,
    /// Object that the handle stands for, empty for Global and the app.
    pub(super) object: String,
    pub(super) params: Value,
}

/// What a server sends for a request.
pub(super) enum Out {
    /// What an engine would answer.
    Usual,
    /// This result.
    Result(Value),
    /// This error.
    Error(i64),
    /// This text, whatever it is.
    Text(String),
    /// What an engine would answer, once the next request has been answered.
    Later,
    /// A close frame with this code.
    Close(u16),
    /// The socket is torn down.
    Drop,
}

/// Changes answers: `None` for the usual one.
pub(super) type Quirk = dyn Fn(&Call) -> Option<Vec<Out>> + Send + Sync;
/// Answers REST requests: status, headers besides the length, body.
pub(super) type Rest = dyn Fn(&Http) -> (u16, Vec<(&'static str, String)>, String) + Send + Sync;
/// What is sent when a session begins, by its number.
pub(super) type Greeting = dyn Fn(usize) -> Vec<Out> + Send + Sync;

/// Status for an upgrade request.
pub(super) type Upgrade = dyn Fn(&Http, usize) -> u16 + Send + Sync;

/// An HTTP request.
#[derive(Clone, Debug)]
pub(super) struct Http {
    /// Path and query.
    pub(super) target: String,
    /// Headers by their name in lower case.
    pub(super) headers: HashMap<String, String>,
}

impl Http {
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// How the server behaves.
pub(super) struct Behaviour {
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) greeting: Box<Greeting>,
    pub(super) quirk: Box<Quirk>,
    pub(super) rest: Box<Rest>,
    /// Status for an upgrade request, by its number; 101 lets it through.
    pub(super) upgrade: Box<Upgrade>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            tls: None,
            greeting: Box::new(|_| vec![Out::Text(connected("SESSION_CREATED"))]),
            quirk: Box::new(|_| None),
            rest: Box::new(|_| (404, Vec::new(), "Cannot GET it".to_owned())),
            upgrade: Box::new(|_, _| 101),
        }
    }
}

/// What the server saw.
#[derive(Default)]
pub(super) struct Seen {
    /// Upgrade requests, one per session.
    pub(super) sessions: Vec<Http>,
    pub(super) calls: Vec<Call>,
    pub(super) rest: Vec<Http>,
    /// Sessions whose client said goodbye with a close frame.
    pub(super) closed: usize,
}

pub(super) struct Server {
    port: u16,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(super) async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let behaviour = Arc::new(behaviour);
        let task = tokio::spawn({
            let seen = seen.clone();
            async move {
                while let Ok((tcp, _)) = listener.accept().await {
                    tokio::spawn(accept(tcp, behaviour.clone(), seen.clone()));
                }
            }
        });
        Self { port, seen, task }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn see<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap())
    }

    /// How often a method was asked for an object.
    pub(super) fn count(&self, method: &str, object: &str) -> usize {
        let of = |call: &&Call| {
            call.method == method && (call.object == object || call.params == json!([object]))
        };
        self.see(|seen| seen.calls.iter().filter(of).count())
    }

    pub(super) fn sessions(&self) -> usize {
        self.see(|seen| seen.sessions.len())
    }
}

pub(super) fn connected(state: &str) -> String {
    notification("OnConnected", &json!({"qSessionState": state}))
}

pub(super) fn notification(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string()
}

async fn accept(tcp: TcpStream, behaviour: Arc<Behaviour>, seen: Arc<Mutex<Seen>>) {
    match behaviour.tls.clone() {
        None => serve(tcp, behaviour, seen).await,
        Some(tls) => {
            if let Ok(stream) = TlsAcceptor::from(tls).accept(tcp).await {
                serve(stream, behaviour, seen).await;
            }
        }
    }
}

async fn serve<S>(mut stream: S, behaviour: Arc<Behaviour>, seen: Arc<Mutex<Seen>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    // Keep-alive: a client may send several requests over one connection.
    while let Some(request) = read_head(&mut stream).await {
        let Some(key) = request.header("sec-websocket-key").map(str::to_owned) else {
            let (status, headers, body) = (behaviour.rest)(&request);
            seen.lock().unwrap().rest.push(request);
            respond(&mut stream, status, &headers, &body).await;
            continue;
        };
        let session = {
            let mut seen = seen.lock().unwrap();
            seen.sessions.push(request.clone());
            seen.sessions.len()
        };
        let status = (behaviour.upgrade)(&request, session);
        if status != 101 {
            let login = vec![("location", "https://login.example.com/".to_owned())];
            respond(&mut stream, status, &login, "<html>").await;
            return;
        }
        let upgrade = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            derive_accept_key(key.as_bytes())
        );
        if stream.write_all(upgrade.as_bytes()).await.is_err() {
            return;
        }
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        Conversation { socket, session, seen, behaviour, handles: Vec::new(), held: Vec::new() }
            .run()
            .await;
        return;
    }
}

async fn read_head<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Option<Http> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
        // A TLS handshake where HTTP is spoken.
        if head.first() == Some(&0x16) {
            respond(stream, 400, &[], "").await;
            return None;
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let target = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Http { target, headers })
}

async fn respond<S: AsyncWrite + Unpin>(
    stream: &mut S,
    status: u16,
    headers: &[(&'static str, String)],
    body: &str,
) {
    let mut text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    // A client that gave up does not wait for the answer.
    stream.write_all(text.as_bytes()).await.ok();
}

struct Conversation<S> {
    socket: WebSocketStream<S>,
    session: usize,
    seen: Arc<Mutex<Seen>>,
    behaviour: Arc<Behaviour>,
    /// What handles stand for: the app is 1, objects come after.
    handles: Vec<String>,
    /// Answers that wait for the next one to go first.
    held: Vec<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<S> {
    async fn run(mut self) {
        for out in (self.behaviour.greeting)(self.session) {
            if !self.send(out, None).await {
                return;
            }
        }
        while let Some(Ok(message)) = self.socket.next().await {
            let text = match message {
                Message::Text(text) => text,
                Message::Close(_) => {
                    self.seen.lock().unwrap().closed += 1;
                    continue;
                }
                Message::Ping(_) => panic!("Qlik's proxy breaks on pings"),
                _ => continue,
            };
            let request: Value = serde_json::from_str(&text).unwrap();
            let call = self.record(&request);
            if call.method == "CancelRequest" {
                continue;
            }
            let outs = (self.behaviour.quirk)(&call).unwrap_or_else(|| vec![Out::Usual]);
            for out in outs {
                if !self.send(out, Some(&call)).await {
                    return;
                }
            }
        }
    }

    fn record(&self, request: &Value) -> Call {
        let handle = request["handle"].as_i64().unwrap();
        let object = match usize::try_from(handle) {
            Ok(handle) if handle >= 2 => self.handles[handle - 2].clone(),
            _ => String::new(),
        };
        let method = request["method"].as_str().unwrap().to_owned();
        let mut seen = self.seen.lock().unwrap();
        let same = |call: &&Call| call.session == self.session && call.method == method;
        let call = Call {
            session: self.session,
            nth: seen.calls.iter().filter(same).count() + 1,
            id: request["id"].as_u64().unwrap(),
            object,
            params: request["params"].clone(),
            method,
        };
        seen.calls.push(call.clone());
        call
    }

    /// Sends one thing; false when the conversation is over.
    async fn send(&mut self, out: Out, call: Option<&Call>) -> bool {
        let reply = |member: &str, value: Value| {
            let id = call.map_or(0, |call| call.id);
            json!({"jsonrpc": "2.0", "id": id, member: value, "change": [1]}).to_string()
        };
        let text = match out {
            Out::Usual => reply("result", self.usual(call.unwrap())),
            Out::Later => {
                let text = reply("result", self.usual(call.unwrap()));
                self.held.push(text);
                return true;
            }
            Out::Result(value) => reply("result", value),
            Out::Error(code) => {
                reply("error", json!({"code": code, "parameter": "", "message": "No"}))
            }
            Out::Text(text) => text,
            Out::Close(code) => {
                let frame = CloseFrame { code: code.into(), reason: "bye".into() };
                return self.socket.close(Some(frame)).await.is_ok();
            }
            Out::Drop => return false,
        };
        let mut texts = vec![text];
        texts.append(&mut self.held);
        for text in texts {
            if self.socket.send(Message::Text(text.into())).await.is_err() {
                return false;
            }
        }
        true
    }

    /// What an engine answers.
    fn usual(&mut self, call: &Call) -> Value {
        let id = call.params.get(0).and_then(Value::as_str).unwrap_or_default().to_owned();
        match call.method.as_str() {
            "EngineVersion" => json!({"qVersion": {"qComponentVersion": "12.2528.0"}}),
            "GetDocList" => {
                json!({"qDocList": [{"qDocName": "Sales", "qDocId": APP, "qMeta": {}}]})
            }
            "OpenDoc" => {
                self.handles.clear();
                json!({"qReturn": {"qType": "Doc", "qHandle": 1, "qGenericId": APP}})
            }
            "GetAppLayout" => {
                let without_data = self.opened_without_data();
                json!({"qLayout": {
                    "qTitle": "Sales", "qIsOpenedWithoutData": without_data, "qHasData": !without_data
                }})
            }
            "GetAllInfos" => json!({"qInfos": [
                {"qId": "sheet1", "qType": "sheet"}, {"qId": "chart1", "qType": "barchart"},
                {"qId": "sheet2", "qType": "sheet"}, {"qId": "master1", "qType": "masterobject"},
                {"qId": "m1", "qType": "measure"}, {"qId": "d1", "qType": "dimension"},
                {"qId": "sheet1", "qType": "sheet"}, {"qId": "LoadModel", "qType": "LoadModel"}
            ]}),
            "GetObject" | "GetMeasure" | "GetDimension" => self.handle(id),
            "CreateSessionObject" => {
                let list = call.params[0]["qAppObjectListDef"]["qType"].as_str();
                self.handle(
                    list.map_or_else(|| "variables".to_owned(), |kind| format!("list of {kind}")),
                )
            }
            "GetLayout" => match call.object.as_str() {
                "variables" => json!({"qLayout": {"qVariableList": {"qItems": [
                    {"qName": "vYear", "qDefinition": "=Year(Today())"}, {"qName": "vEmpty"}
                ]}}}),
                "list of sheet" => json!({"qLayout": {"qAppObjectList": {"qItems": [
                    {"qInfo": {"qId": "sheet1", "qType": "sheet"}, "qMeta": {"published": true}},
                    {"qInfo": {"qId": "sheet2", "qType": "sheet"}, "qMeta": {"published": false}}
                ]}}}),
                _ => json!({"qLayout": {"qAppObjectList": {}}}),
            },
            "GetFullPropertyTree" => json!({"qPropEntry": {
                "qProperty": {"qInfo": {"qId": call.object}}, "qChildren": []
            }}),
            "GetProperties" => json!({"qProp": {"qInfo": {"qId": call.object}}}),
            "GetScript" => json!({"qScript": "LOAD 1 AS a AUTOGENERATE 1;"}),
            "GetConnections" => json!({"qConnections": [{"qName": "c"}]}),
            "GetLineage" => json!({"qLineage": [{"qDiscriminator": "INLINE"}]}),
            "GetTablesAndKeys" if self.opened_without_data() => json!({"qtr": [], "qk": []}),
            "GetTablesAndKeys" => json!({"qtr": [{"qName": "T"}], "qk": []}),
            other => panic!("no engine answers `{other}`"),
        }
    }

    fn opened_without_data(&self) -> bool {
        let seen = self.seen.lock().unwrap();
        let open = |call: &&Call| call.session == self.session && call.method == "OpenDoc";
        seen.calls.iter().rfind(open).is_some_and(|call| call.params[4] == true)
    }

    fn handle(&mut self, object: String) -> Value {
        self.handles.push(object);
        json!({"qReturn": {"qType": "GenericObject", "qHandle": self.handles.len() + 1}})
    }
}

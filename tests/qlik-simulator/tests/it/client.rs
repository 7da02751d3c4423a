//! A small client: websockets and HTTP with the site's certificates, host name checked.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use qlik_simulator::{Bundle, Certificates, Mode, QlikSite, Running, Settings};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

pub(crate) const HOST: &str = "qlik-server.corp.example";
pub(crate) const USER: &str = "UserDirectory=CORP; UserId=anna.keller";
pub(crate) const SALES: &str = "c649de09-5e27-52b6-be61-a5beda5cc43c";
pub(crate) const SALES_COPY: &str = "Sales overview EMEA";
pub(crate) const BUDGET: &str = "56576e48-798a-5ac5-8fc9-3a8a49ab6e88";
pub(crate) const ETL: &str = "2d327353-75e9-540a-b8d5-11963e4190b4";

/// No answer within this time is a failure; nothing here takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn sample_apps() -> Vec<Bundle> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-apps");
    Bundle::load_folder(&folder).expect("the sample apps")
}

/// A site with the sample apps.
pub(crate) async fn site() -> Running {
    start(Settings::default()).await
}

pub(crate) async fn start(settings: Settings) -> Running {
    let apps = if settings.apps.is_empty() { sample_apps() } else { settings.apps };
    QlikSite::start(Settings { apps, ..settings }).await.expect("the site starts")
}

/// `host:port` of a URL.
pub(crate) fn authority(url: &str) -> &str {
    let rest = url.split_once("://").expect("a URL").1;
    rest.split('/').next().expect("an authority")
}

pub(crate) fn tls(
    site: &Running,
    client: Option<&Certificates>,
) -> Result<TlsConnector, rustls::Error> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(site.certificates().root_pem().as_bytes());
    roots.add(root.expect("a certificate"))?;
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let certificate = CertificateDer::from_pem_slice(own.client_pem().as_bytes());
            let key = PrivateKeyDer::from_pem_slice(own.client_key_pem().as_bytes());
            builder.with_client_auth_cert(
                vec![certificate.expect("a certificate")],
                key.expect("a key"),
            )?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// A websocket that keeps apart what was pushed and what was answered.
pub(crate) struct Client {
    socket: Socket,
    next_id: u64,
    /// Frames without id, in order.
    pub(crate) pushed: VecDeque<Value>,
    /// Ids of replies in the order of their arrival.
    pub(crate) order: Vec<u64>,
    replies: Vec<Value>,
}

impl Client {
    /// Connects as [`USER`] with the site's certificates.
    pub(crate) async fn connect(site: &Running, path: &str) -> Self {
        Self::try_connect(site, path, &[("X-Qlik-User", USER)]).await.expect("a websocket")
    }

    pub(crate) async fn try_connect(
        site: &Running,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, WsError> {
        let certificates = site.certificates().clone();
        let address = authority(&site.engine_url()).to_owned();
        let tcp = TcpStream::connect(address).await?;
        let name = ServerName::try_from(HOST).expect("a name");
        let tls = tls(site, Some(&certificates)).expect("TLS");
        let stream = tls.connect(name, tcp).await?;
        let prefix = site.engine_url();
        let prefix = prefix.split_once("://").expect("a URL").1;
        let prefix = prefix.split_once('/').map(|(_, rest)| format!("/{rest}"));
        let url = format!("wss://{HOST}{}{path}", prefix.unwrap_or_default());
        let mut request = url.into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
        Ok(Self {
            socket,
            next_id: 1,
            pushed: VecDeque::new(),
            order: Vec::new(),
            replies: Vec::new(),
        })
    }

    /// Sends a request; the answer is its id.
    pub(crate) async fn send(&mut self, handle: i64, method: &str, params: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let request = json!({
            "jsonrpc": "2.0", "id": id, "handle": handle, "method": method, "params": params,
        });
        self.send_text(request.to_string()).await;
        id
    }

    pub(crate) async fn send_text(&mut self, text: String) {
        self.socket.send(Message::text(text)).await.expect("the frame is sent");
    }

    pub(crate) async fn ping(&mut self) {
        self.socket.send(Message::Ping(Vec::new().into())).await.expect("the ping is sent");
    }

    /// The next text frame as it came; `None` when the connection ended, and how it was closed.
    pub(crate) async fn text(&mut self) -> Result<String, Option<u16>> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.socket.next());
            match frame.await.expect("a frame in time") {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map(|frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Reads until the connection ends; the answer is its close code.
    pub(crate) async fn end(&mut self) -> Option<u16> {
        loop {
            if let Err(code) = self.text().await {
                return code;
            }
        }
    }

    async fn receive(&mut self) -> Result<(), Option<u16>> {
        let text = self.text().await?;
        let frame: Value = serde_json::from_str(&text).expect("a JSON frame");
        match frame.get("id").and_then(Value::as_u64) {
            Some(id) => {
                self.order.push(id);
                self.replies.push(frame);
            }
            None => self.pushed.push_back(frame),
        }
        Ok(())
    }

    /// The reply to a request, whatever comes before it.
    pub(crate) async fn reply(&mut self, id: u64) -> Value {
        self.try_reply(id).await.expect("the connection is open")
    }

    pub(crate) async fn try_reply(&mut self, id: u64) -> Result<Value, Option<u16>> {
        loop {
            if let Some(index) = self.replies.iter().position(|reply| reply["id"] == id) {
                return Ok(self.replies.remove(index));
            }
            self.receive().await?;
        }
    }

    /// The next notification or pushed frame.
    pub(crate) async fn notification(&mut self) -> Value {
        loop {
            if let Some(frame) = self.pushed.pop_front() {
                return frame;
            }
            self.receive().await.expect("the connection is open");
        }
    }

    /// Sends a request and gives `result`.
    pub(crate) async fn call(&mut self, handle: i64, method: &str, params: Value) -> Value {
        let id = self.send(handle, method, params).await;
        let mut reply = self.reply(id).await;
        assert_eq!(reply.get("error"), None, "{method}");
        reply["result"].take()
    }

    /// Sends a request and gives the error's code.
    pub(crate) async fn error(&mut self, handle: i64, method: &str, params: Value) -> i64 {
        let id = self.send(handle, method, params).await;
        let reply = self.reply(id).await;
        reply["error"]["code"].as_i64().unwrap_or_else(|| panic!("{method} fails: {reply}"))
    }

    /// Opens an app; the answer is its handle.
    pub(crate) async fn open(&mut self, app: &str, no_data: bool) -> i64 {
        let result = self.call(-1, "OpenDoc", json!([app, "", "", "", no_data])).await;
        assert_eq!(result["qReturn"]["qType"], "Doc");
        result["qReturn"]["qHandle"].as_i64().expect("a handle")
    }

    /// Gets an object; the answer is its handle.
    pub(crate) async fn object(&mut self, method: &str, id: &str) -> i64 {
        let result = self.call(1, method, json!([id])).await;
        result["qReturn"]["qHandle"].as_i64().expect("a handle")
    }

    /// The layout of a session object.
    pub(crate) async fn list(&mut self, properties: Value) -> Value {
        let result = self.call(1, "CreateSessionObject", json!([properties])).await;
        let handle = result["qReturn"]["qHandle"].as_i64().expect("a handle");
        self.call(handle, "GetLayout", json!([])).await["qLayout"].take()
    }

    pub(crate) async fn close(mut self) {
        self.socket.close(None).await.expect("the socket closes");
        self.end().await;
    }
}

/// A client that connects in a fresh private session and has the opening behind it.
pub(crate) async fn private(site: &Running, app: &str) -> Client {
    let identity = uuid::Uuid::new_v4();
    let mut client = Client::connect(site, &format!("/app/{app}/identity/{identity}")).await;
    let opening = client.notification().await;
    assert_eq!(opening["params"]["qSessionState"], "SESSION_CREATED");
    client
}

/// An HTTP client with the site's certificates; in plain and proxy mode without a client's.
pub(crate) fn http(site: &Running, mode: &Mode) -> reqwest::Client {
    let certificates = site.certificates();
    let root = reqwest::Certificate::from_pem(certificates.root_pem().as_bytes());
    let mut builder =
        reqwest::Client::builder().tls_certs_only([root.expect("a certificate")]).timeout(PATIENCE);
    if *mode == Mode::Certificates {
        let pem = format!("{}{}", certificates.client_key_pem(), certificates.client_pem());
        builder =
            builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).expect("an identity"));
    }
    // The name in the certificate is that of a machine elsewhere.
    builder.resolve(HOST, ([127, 0, 0, 1], 0).into()).build().expect("a client")
}

/// A URL with the name of the certificate in place of the address.
pub(crate) fn named(url: &str) -> String {
    url.replace("127.0.0.1", HOST)
}

/// Gets a route of the repository; the answer is status and body.
pub(crate) async fn qrs(site: &Running, path: &str) -> (u16, Value) {
    let separator = if path.contains('?') { '&' } else { '?' };
    let url = format!("{}{path}{separator}xrfkey=abcdefghijklmnop", named(&site.qrs_url()));
    let request = http(site, &Mode::Certificates)
        .get(url)
        .header("X-Qlik-User", USER)
        .header("X-Qlik-Xrfkey", "abcdefghijklmnop");
    let response = request.send().await.expect("a response");
    let status = response.status().as_u16();
    // Not `text()`, which takes a byte order mark away.
    let body = response.bytes().await.expect("a body");
    let text = String::from_utf8(body.to_vec()).expect("UTF-8");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Waits until the statistics say so.
pub(crate) async fn eventually(site: &Running, wanted: impl Fn(&qlik_simulator::Stats) -> bool) {
    let wait = async {
        while !wanted(&site.stats()) {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    assert!(waited.is_ok(), "{:#?}", site.stats());
}

//! How a site starts ([`Settings`]) and how it behaves, switchable while it runs ([`Behaviour`]).

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::bundle::{Bundle, Person};
use crate::certificates::Certificates;

/// What a site starts with. Everything here is fixed for its life; what a test may switch while the
/// site runs is in [`Behaviour`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// The apps of the site.
    pub apps: Vec<Bundle>,
    /// How often each bundle is served, each time under another id and title (content is shared).
    /// Default and minimum 1.
    pub copies: usize,
    /// How clients authenticate. Default [`Mode::Certificates`].
    pub mode: Mode,
    /// The one DNS name of the server certificate: Qlik writes the machine's name at installation
    /// there and nothing else, so a client that connects to an address or to `localhost` must skip
    /// the check of the host name. Default `qlik-server.corp.example`.
    pub host_name: String,
    /// Address to listen on. Default 127.0.0.1.
    pub bind: IpAddr,
    /// Port of the engine, or of the proxy in [`Mode::Proxy`]; 0, the default, takes a free one.
    pub engine_port: u16,
    /// Port of the repository (QRS); 0, the default, takes a free one.
    pub qrs_port: u16,
    /// Port of the admin HTTP interface (see [`crate::admin`]); `None`, the default, has none.
    pub admin_port: Option<u16>,
    /// Certificates of the site; `None`, the default, generates them (a set for the same host name
    /// is generated once per process and shared, because RSA keys are slow to make).
    pub certificates: Option<Certificates>,
    /// Users of the repository beside the owners of apps.
    pub users: Vec<Person>,
    /// Behaviour at the start.
    pub behaviour: Behaviour,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            apps: Vec::new(),
            copies: 1,
            mode: Mode::Certificates,
            host_name: "qlik-server.corp.example".into(),
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            engine_port: 0,
            qrs_port: 0,
            admin_port: None,
            certificates: None,
            users: Vec::new(),
            behaviour: Behaviour::default(),
        }
    }
}

/// How clients authenticate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Engine port and repository port with mutual TLS and the header `X-Qlik-User`, as a site
    /// offers on 4747 and 4242.
    Certificates,
    /// No TLS, no authentication (Qlik Sense Desktop, core engine). The repository is plain too.
    Plain,
    /// One TLS port behind a virtual proxy, as a site offers on 443.
    Proxy(ProxySettings),
    /// A tenant of Qlik Cloud: REST and engine on one TLS port, a bearer token with every request.
    /// There is no repository, and streams are managed spaces (see [`crate::SiteKeys::space_type`]).
    Cloud(CloudSettings),
}

/// The tenant of [`Mode::Cloud`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudSettings {
    /// Accepted bearer tokens, opaque to the simulator, and the user each stands for.
    pub tokens: Vec<(String, Person)>,
    /// Most entries of a page, whatever a client asks for. Real tenants give 100.
    pub page: usize,
}

/// The virtual proxy of [`Mode::Proxy`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxySettings {
    /// Path prefix without slashes; empty for the default virtual proxy.
    pub prefix: String,
    /// Accepted bearer tokens, opaque to the simulator, and the user each stands for.
    pub tokens: Vec<(String, Person)>,
    /// Header that names the user for header authentication (`DIRECTORY\user` or `user`).
    pub user_header: Option<String>,
    /// Whether upgrades need the session cookie and `?qlik-csrf-token=`, and refuse `Authorization`
    /// (November 2024 and later). Without it the token route answers 404 as on older servers.
    pub csrf: bool,
}

/// Behaviour that may be switched while the site runs. Its JSON form, with these names, is what the
/// admin interface reads and writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Replies of requests that wait together on a session come in another order than asked.
    /// Default true.
    pub out_of_order: bool,
    /// Now and then a `change` frame without id is pushed between replies. Default true.
    pub push_changes: bool,
    /// When the opening notification comes. Default [`Opening::First`].
    pub opening: Opening,
    /// How long things take. Default: no time.
    pub latencies: Latencies,
    /// Sessions that one user may have at the same time; `None`, the default, is no limit. On the
    /// engine port a session is a session there, behind the proxy it is a session cookie.
    pub session_limit: Option<usize>,
    /// How long the slot of an ended proxy session stays taken (five minutes on real sites).
    /// Default 0.
    pub slot_cooldown_ms: u64,
    /// How long a session outlives its last socket when the URL has no `/ttl/` segment; `None`, the
    /// default, is 0 on the engine port and 30 minutes behind the proxy.
    pub linger_ms: Option<u64>,
    /// Users (`DIRECTORY\user`) without a licence: they may list apps and open none. Default none.
    pub unlicensed_users: Vec<String>,
    /// What of the script may be read, unless an app says otherwise. Default [`ScriptAccess::Full`].
    pub script_access: ScriptAccess,
    /// How the engine's REST routes answer. Default [`Rest::Present`].
    pub rest: Rest,
    /// How the repository answers. Default [`Qrs::Present`].
    pub qrs: Qrs,
    /// Most records that `GET /qrs/<entity>` and `/full` answer. Default 1,000,000.
    pub max_record_limit: usize,
    /// Whether `/count` answers a bare integer instead of `{"value": n}`. Default false.
    pub count_as_integer: bool,
    /// Whether `GetFieldsFromExpression` is there; otherwise -32601. Default true.
    pub fields_from_expression: bool,
    /// Whether the engine writes every key of its results twice, the first time with another value;
    /// the last counts. Default false: only where real engines do.
    pub duplicate_keys: bool,
    /// Sockets, from now on, whose identity is overlooked: they share the session of their user and app
    /// when there is one. Default 0.
    pub identities_overlooked: u32,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            out_of_order: true,
            push_changes: true,
            opening: Opening::default(),
            latencies: Latencies::default(),
            session_limit: None,
            slot_cooldown_ms: 0,
            linger_ms: None,
            unlicensed_users: Vec::new(),
            script_access: ScriptAccess::default(),
            rest: Rest::default(),
            qrs: Qrs::default(),
            max_record_limit: 1_000_000,
            count_as_integer: false,
            fields_from_expression: true,
            duplicate_keys: false,
            identities_overlooked: 0,
        }
    }
}

/// When `OnConnected` (and what precedes it) is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opening {
    /// As the first frame.
    #[default]
    First,
    /// After the first reply, or a moment later when no request comes.
    AfterFirstReply,
}

/// How long things take, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latencies {
    /// Network: each reply arrives this much later; replies in flight overlap.
    pub round_trip_ms: u64,
    /// Work of the engine per request; requests of one session wait for each other.
    pub request_ms: u64,
    /// `OpenDoc` without data, in addition.
    pub open_without_data_ms: u64,
    /// `OpenDoc` with data, in addition.
    pub open_with_data_ms: u64,
    /// Each repository or REST request.
    pub http_ms: u64,
}

/// What of the load script may be read. `GetScript`, `GetLineage`, `GetConnections` need the reload
/// privilege; `GetScriptEx` needs read only, but is refused to some as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScriptAccess {
    /// All of it.
    #[default]
    Full,
    /// `GetScriptEx` only.
    ReadOnly,
    /// All but the script itself.
    LineageOnly,
    /// Nothing.
    Denied,
}

/// How `/api/v1/apps/{id}/data/metadata` (and `/v1/…`, `…/lineage`) answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rest {
    /// With the data; 404 for an app that was never reloaded.
    #[default]
    Present,
    /// With the data; an empty structure for an app that was never reloaded.
    EmptyWhenMissing,
    /// With an empty structure for every app.
    Empty,
    /// 404 with a JSON body for every app.
    NotFound,
    /// 404 with an HTML page `Cannot GET …`: the site has no such route.
    CannotGet,
}

/// How the repository answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Qrs {
    /// As it should.
    #[default]
    Present,
    /// 403 for every request: the user has no rights there.
    Refused,
    /// Connections are closed at once: a firewall is in between.
    Absent,
}

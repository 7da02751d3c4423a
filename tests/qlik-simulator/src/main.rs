//! `qlik-simulator`: a Qlik Sense site as a program.
//!
//! Standard output gets one JSON line with the URLs when the site listens; logs go to standard
//! error. SIGTERM and Ctrl-C end it.

use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Parser, ValueEnum};
use qlik_simulator::{
    Behaviour, Bundle, CloudSettings, Latencies, Mode, Person, ProxySettings, QlikSite, Running,
    Settings,
};
use serde_json::json;

/// A Qlik Sense site for tests and demonstrations, served from app bundles.
///
/// Offers the engine (JSON-RPC over websockets, mutual TLS), its REST routes and the repository
/// (QRS). The admin interface changes apps, faults and behaviour while it runs.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Folders with app bundles (*.json), or single bundle files.
    #[arg(long, value_name = "FOLDER", num_args = 1.., required = true)]
    apps: Vec<PathBuf>,
    /// Serve every bundle this often, under different ids and titles.
    #[arg(long, value_name = "N", default_value_t = 1)]
    copies: usize,
    /// How clients authenticate.
    #[arg(long, value_enum, default_value_t = ModeName::Certificates)]
    mode: ModeName,
    /// The one DNS name of the server certificate.
    #[arg(long, value_name = "NAME", default_value = "qlik-server.corp.example")]
    host_name: String,
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// Port of the engine, or of the proxy; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 4747)]
    engine_port: u16,
    /// Port of the repository; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 4242)]
    qrs_port: u16,
    /// Port of the admin interface; without it there is none.
    #[arg(long, value_name = "PORT")]
    admin_port: Option<u16>,
    /// Folder to write client.pem, client_key.pem and root.pem to.
    #[arg(long, value_name = "FOLDER")]
    certificates_dir: Option<PathBuf>,
    /// Sessions that one user may have at the same time; without it there is no limit.
    #[arg(long, value_name = "N")]
    user_limit: Option<usize>,
    /// Most records that QRS lists answer.
    #[arg(long, value_name = "N")]
    max_record_limit: Option<usize>,
    /// Milliseconds by which every engine reply is late (network).
    #[arg(long, value_name = "MS", default_value_t = 0)]
    round_trip_ms: u64,
    /// Milliseconds that the engine works on every request.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    request_ms: u64,
    /// Milliseconds that opening an app without data takes.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    open_without_data_ms: u64,
    /// Milliseconds that opening an app with data takes.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    open_with_data_ms: u64,
    /// Behaviour as JSON, with the names of the admin interface: '{"rest": "cannot_get"}'. The
    /// options above win.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    behaviour: String,
    /// Prefix of the virtual proxy (mode proxy).
    #[arg(long, value_name = "PREFIX", default_value = "")]
    prefix: String,
    /// Bearer token and the user it stands for (modes proxy and cloud): TOKEN=DIRECTORY\user.
    #[arg(long, value_name = "TOKEN=USER")]
    token: Vec<String>,
    /// Header that names the user (mode proxy).
    #[arg(long, value_name = "HEADER")]
    user_header: Option<String>,
    /// Websockets need the session cookie and a csrf token (mode proxy), as since November 2024.
    #[arg(long)]
    csrf: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeName {
    /// Mutual TLS and the header X-Qlik-User.
    Certificates,
    /// Neither TLS nor authentication.
    Plain,
    /// One TLS port behind a virtual proxy.
    Proxy,
    /// A tenant of Qlik Cloud.
    Cloud,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();

    let arguments = Arguments::parse();
    let folder = arguments.certificates_dir.clone();
    let mut end = Box::pin(end_signal()?);
    let site = QlikSite::start(settings(arguments)?).await?;
    if let Some(folder) = folder {
        site.certificates()
            .write_to(&folder)
            .with_context(|| format!("write the certificates to `{}`", folder.display()))?;
    }
    announce(&site)?;
    end.as_mut().await;
    site.shutdown().await;
    Ok(())
}

fn settings(arguments: Arguments) -> anyhow::Result<Settings> {
    let mut apps = Vec::new();
    for path in &arguments.apps {
        if path.is_dir() {
            apps.extend(Bundle::load_folder(path)?);
        } else {
            apps.push(Bundle::load_file(path)?);
        }
    }
    if apps.is_empty() {
        bail!("no app bundles (*.json) in the folders of `--apps`");
    }
    let mut behaviour: Behaviour =
        serde_json::from_str(&arguments.behaviour).context("read `--behaviour`")?;
    if arguments.user_limit.is_some() {
        behaviour.session_limit = arguments.user_limit;
    }
    if let Some(limit) = arguments.max_record_limit {
        behaviour.max_record_limit = limit;
    }
    let given = Latencies {
        round_trip_ms: arguments.round_trip_ms,
        request_ms: arguments.request_ms,
        open_without_data_ms: arguments.open_without_data_ms,
        open_with_data_ms: arguments.open_with_data_ms,
        ..behaviour.latencies
    };
    if given != Latencies::default() {
        behaviour.latencies = given;
    }
    let tokens = arguments.token.iter().map(|token| parse_token(token));
    let tokens = tokens.collect::<anyhow::Result<_>>()?;
    let mode = match arguments.mode {
        ModeName::Certificates => Mode::Certificates,
        ModeName::Plain => Mode::Plain,
        ModeName::Proxy => Mode::Proxy(ProxySettings {
            prefix: arguments.prefix.trim_matches('/').to_owned(),
            tokens,
            user_header: arguments.user_header,
            csrf: arguments.csrf,
        }),
        ModeName::Cloud => Mode::Cloud(CloudSettings { tokens, page: 100 }),
    };
    Ok(Settings {
        apps,
        copies: arguments.copies,
        mode,
        host_name: arguments.host_name,
        bind: arguments.bind,
        engine_port: arguments.engine_port,
        qrs_port: arguments.qrs_port,
        admin_port: arguments.admin_port,
        certificates: None,
        users: Vec::new(),
        behaviour,
    })
}

fn parse_token(text: &str) -> anyhow::Result<(String, Person)> {
    let (token, user) = text.rsplit_once('=').context("`--token` must be TOKEN=DIRECTORY\\user")?;
    let (directory, id) =
        user.split_once('\\').context("the user of `--token` must be DIRECTORY\\user")?;
    Ok((token.to_owned(), Person::new(directory, id)))
}

fn announce(site: &Running) -> anyhow::Result<()> {
    let ready = json!({
        "engine_url": site.engine_url(),
        "rest_url": site.rest_url(),
        "qrs_url": site.qrs_url(),
        "admin_url": site.admin_url(),
        "apps": site.control().app_ids().len(),
    });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{ready}").and_then(|()| out.flush()).context("write to standard output")
}

/// Completes at SIGTERM or Ctrl-C. The handlers are in place when this returns.
fn end_signal() -> anyhow::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .context("listen for SIGTERM")?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        #[cfg(not(unix))]
        drop(tokio::signal::ctrl_c().await);
    })
}

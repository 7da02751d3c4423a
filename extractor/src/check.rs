//! `extractor check`: step by step from the network to the topics. A step that fails says why and
//! which setting, or which place in Qlik's console, to change; the steps that need it are skipped.

use std::{
    io::Write as _,
    time::{Duration, Instant, SystemTime},
};

use schemas::{Topic, codec, config::Kafka, registry::Registry};
use tokio::net::{TcpStream, lookup_host};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    config::Settings,
    error_chain, kafka,
    qlik::{DataModels, ReadLimits, Site, model::AppEntry},
};

/// Runs every step, a line each on standard output; whether all passed.
pub async fn run(settings: &Settings, site: &Site) -> bool {
    let mut steps = Steps::default();
    certificates(&mut steps, site);
    if network(&mut steps, settings).await {
        site_steps(&mut steps, settings, site).await;
    }
    if let Some(kafka) = &settings.kafka {
        kafka_steps(&mut steps, kafka).await;
    }
    line(if steps.failed == 0 { "everything passed" } else { "something failed" });
    steps.failed == 0
}

/// Subjects and dates, of the files themselves.
fn certificates(steps: &mut Steps, site: &Site) {
    let now = SystemTime::now();
    for (setting, certificate) in site.certificates() {
        let until = jiff::Timestamp::try_from(certificate.not_after);
        let until =
            until.map_or_else(|_| "a time far away".to_owned(), |time| format!("{time:.0}"));
        let detail = format!("{}, valid until {until}", certificate.subject);
        let result = if certificate.is_valid_at(now) {
            Ok(detail)
        } else {
            Err(format!(
                "{detail}, so not now; export new certificates (Qlik Management Console, Certificates)"
            ))
        };
        steps.done(&format!("certificate of `{setting}`"), Instant::now(), result);
    }
}

/// Name and port of the engine; whether the rest can be tried.
async fn network(steps: &mut Steps, settings: &Settings) -> bool {
    let text = &settings.site.engine_url;
    let with_scheme = if text.contains("://") { text.clone() } else { format!("wss://{text}") };
    let Some((host, port)) = Url::parse(&with_scheme).ok().and_then(|url| {
        let port = url.port_or_known_default().or_else(|| match url.scheme() {
            "wss" => Some(443),
            "ws" => Some(80),
            _ => None,
        })?;
        Some((url.host_str()?.trim_matches(['[', ']']).to_owned(), port))
    }) else {
        // The client reads more forms than a URL; it will say itself what is wrong.
        return true;
    };
    let started = Instant::now();
    let resolved = lookup_host((host.as_str(), port)).await.map(|found| found.collect::<Vec<_>>());
    let addresses = match resolved {
        Ok(addresses) if !addresses.is_empty() => addresses,
        _ => {
            steps.done("resolve", started, Err(format!("`{host}` has no address; check `source.serviceConnection.config.hostPort` and the DNS of this machine")));
            return false;
        }
    };
    let listed: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
    steps.done("resolve", started, Ok(format!("{host} is {}", listed.join(", "))));
    let started = Instant::now();
    let connected = tokio::time::timeout(
        settings.site.limits.connect_timeout,
        TcpStream::connect(addresses.as_slice()),
    )
    .await;
    let result = match connected {
        Ok(Ok(_)) => Ok(format!("port {port} is open")),
        Ok(Err(error)) => Err(format!(
            "port {port} of `{host}` cannot be reached: {error}; is the service running, and does the firewall of the Qlik server let this machine in?"
        )),
        Err(_) => Err(format!(
            "port {port} of `{host}` does not answer; does the firewall of the Qlik server let this machine in?"
        )),
    };
    let passed = result.is_ok();
    steps.done("tcp", started, result);
    passed
}

async fn site_steps(steps: &mut Steps, settings: &Settings, site: &Site) {
    let started = Instant::now();
    let engine = site.probe_engine().await.map_err(|error| error_chain(&error));
    let engine = engine.map(|version| {
        version.map_or_else(
            || "a session was opened".to_owned(),
            |version| format!("a session was opened; engine version {version}"),
        )
    });
    let passed = engine.is_ok();
    steps.done("tls, websocket and session", started, engine);
    if !passed {
        return;
    }
    let started = Instant::now();
    let repository = site.probe_repository().await;
    let repository = match repository {
        Ok(Some(version)) => Ok(format!("repository version {version}")),
        Ok(None) => Ok("not asked".to_owned()),
        Err(error) => Err(format!(
            "{}; without it there are no owners, tags and custom properties (`extractor.repository: false` says that this is meant)",
            error_chain(&error)
        )),
    };
    steps.done("repository", started, repository);

    let started = Instant::now();
    let list = match site.apps().await {
        Ok(list) => list,
        Err(error) => {
            steps.done("list of apps", started, Err(error_chain(&error)));
            return;
        }
    };
    let mut found = format!("{} apps", list.apps.len());
    if list.apps.is_empty() {
        found.push_str("; does the user of `source.serviceConnection.config.userId` have access to any stream?");
    }
    for notice in &list.notices {
        found.push_str("; ");
        found.push_str(notice);
    }
    steps.done("list of apps", started, Ok(found));
    // An app that was reloaded has everything there is to try.
    let reloaded = list.apps.iter().find(|app| app.last_reload_at.is_some());
    if let Some(app) = reloaded.or_else(|| list.apps.first()) {
        app_steps(steps, settings, site, app).await;
    }
}

async fn app_steps(steps: &mut Steps, settings: &Settings, site: &Site, app: &AppEntry) {
    let started = Instant::now();
    let limits =
        ReadLimits { deadline: settings.run.app_deadline, cancel: CancellationToken::new() };
    match site.read_app(app, &limits).await {
        Err(error) => steps.done("open an app", started, Err(error_chain(&error))),
        Ok(content) => {
            let found = format!(
                "`{}`: {} sheets and master visualizations, {} master items",
                app.title,
                content.objects.len(),
                content.measures.len() + content.dimensions.len()
            );
            steps.done("open an app", started, Ok(found));
            let script = match &content.script {
                Some(script) => Ok(format!("{} characters", script.len())),
                None => Err("the load script may not be read: the user needs the right to read or reload the app (Qlik Management Console, Security rules)".to_owned()),
            };
            steps.done("load script", started, script);
        }
    }
    let started = Instant::now();
    let models = match site.probe_data_models(&app.id).await {
        Ok(DataModels::Rest(path)) => Ok(format!("by REST, `{path}`: apps need not be opened with their data")),
        Ok(DataModels::OpenWithData) => Ok("not by REST: changed apps are opened with their data, `extractor.dataConcurrency` at a time".to_owned()),
        Ok(DataModels::NotKnown) => Ok(format!("`{}` has none", app.title)),
        Err(error) => Err(error_chain(&error)),
    };
    steps.done("data model", started, models);
}

async fn kafka_steps(steps: &mut Steps, kafka: &Kafka) {
    let started = Instant::now();
    let topics = kafka::look(kafka).await;
    let topics = topics.map_err(|error| error_chain(&error)).map(|partitions| {
        let missing: Vec<_> = Topic::ALL
            .iter()
            .filter(|topic| !partitions.contains_key(topic))
            .map(|topic| kafka.topics.name(*topic))
            .collect();
        match (missing.is_empty(), kafka.create_topics) {
            (true, _) => "every topic is there".to_owned(),
            (false, true) => format!("the first run creates {}", missing.join(", ")),
            (false, false) => {
                format!("missing, and `kafka.createTopics` is false: {}", missing.join(", "))
            }
        }
    });
    steps.done("brokers and topics", started, topics);
    if let Some(connection) = &kafka.registry {
        let started = Instant::now();
        let result = match Registry::new(connection.clone()) {
            Ok(registry) => compatible(&registry, kafka).await,
            Err(error) => Err(error_chain(&error)),
        };
        steps.done("schema registry", started, result);
    }
}

async fn compatible(registry: &Registry, kafka: &Kafka) -> Result<String, String> {
    let mut registered = 0;
    for topic in Topic::ALL {
        let Some(schema) = codec::current_text(topic) else { continue };
        let subject = format!("{}-value", kafka.topics.name(topic));
        match registry.is_compatible(&subject, schema).await.map_err(|error| error_chain(&error))? {
            Some(true) => registered += 1,
            Some(false) => {
                return Err(format!(
                    "the schema of `{subject}` is not compatible with the registered versions; is the registry another product's, or this extractor older than the last one?"
                ));
            }
            None => {}
        }
    }
    Ok(format!("{registered} subjects are registered and compatible"))
}

/// Prints steps as they are done.
#[derive(Default)]
struct Steps {
    failed: usize,
}

impl Steps {
    fn done(&mut self, name: &str, started: Instant, result: Result<String, String>) {
        let took =
            Duration::from_millis(u64::try_from(started.elapsed().as_millis()).unwrap_or_default());
        match result {
            Ok(detail) => line(&format!("ok      {name} ({took:?}): {detail}")),
            Err(cause) => {
                self.failed += 1;
                line(&format!("FAILED  {name} ({took:?}): {cause}"));
            }
        }
    }
}

fn line(text: &str) {
    writeln!(std::io::stdout(), "{text}").ok();
}

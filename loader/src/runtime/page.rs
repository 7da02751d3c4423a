//! What the admin server shows at `/`. Pure.

use axum::http::{HeaderName, header};
use schemas::Topic;

use super::{html::Html, metrics::Member, shown};
use crate::{
    recent::Recent,
    report::{Counts, Entry, Report},
};

/// Seconds until a browser loads the page again.
const REFRESH: u32 = 5;

/// Nothing is loaded, run or kept.
pub(super) const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CACHE_CONTROL, "no-store"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// The page as it is at `now` (RFC 3339).
pub(super) fn render(
    member: Member,
    report: &Report,
    recent: &Recent,
    settings: &[shown::Row],
    now: &str,
) -> String {
    let mut page = Html::new(&format!("loader: {}", report.service), REFRESH);
    page.paragraph(&format!(
        "version {}, running since {}, as of {now}",
        env!("CARGO_PKG_VERSION"),
        report.started_at
    ));
    let of_group = format!("in the consumer group with {} partitions", member.assigned);
    match member.is_ready {
        true => page.state(true, &of_group),
        false => {
            page.state(false, "not in the consumer group yet: waiting for OpenMetadata or Kafka")
        }
    }
    if let Some(trouble) = report.catalogue.trouble {
        page.state(
            false,
            &format!(
                "OpenMetadata {} for {} s; requests are tried again, nothing is lost",
                trouble.what, trouble.seconds
            ),
        );
    }
    if let Some(error) = &report.error {
        page.state(false, &format!("failed: {error}"));
    }
    topics(&mut page, report);
    rounds(&mut page, recent);
    dead(&mut page, report, recent);
    unresolved(&mut page, report, recent, member);
    let figures = &report.catalogue;
    page.heading("OpenMetadata");
    page.paragraph(&format!(
        "{} requests, {} of them write, {} tries after a first one, {} may be in flight; {} columns of edges and {} owners that it does not have",
        figures.requests,
        figures.writes,
        figures.retries,
        figures.concurrency,
        figures.columns_dropped,
        figures.owners_unmatched
    ));
    page.heading("Settings");
    page.table(["setting", "value"], settings.iter().cloned());
    page.finish()
}

fn topics(page: &mut Html, report: &Report) {
    page.heading("Progress");
    let total = report.total();
    let lag: u64 = report.lag.values().sum();
    page.paragraph(&format!(
        "{} records read in this run, {} not read yet, {} wait for what they refer to",
        total.read,
        if report.lag.is_empty() { "an unknown number".to_owned() } else { lag.to_string() },
        total.waiting
    ));
    let head = beside(["topic", "lag"], Counts::default().named().map(|(name, _)| name));
    let rows = Topic::STATE.map(|topic| {
        let counts = report.events.get(topic.suffix()).copied().unwrap_or_default();
        let lag = report.lag.get(topic.suffix());
        let lag = lag.map_or_else(|| "?".to_owned(), u64::to_string);
        beside([topic.suffix().to_owned(), lag], counts.named().map(|(_, count)| count.to_string()))
    });
    page.table(head, rows);
}

/// Two cells and those of the counts.
fn beside<T: Default>(two: [T; 2], counts: [T; 11]) -> [T; 13] {
    let mut cells = two.into_iter().chain(counts);
    std::array::from_fn(|_| cells.next().unwrap_or_default())
}

fn rounds(page: &mut Html, recent: &Recent) {
    page.heading("Last rounds");
    if recent.rounds.is_empty() {
        page.paragraph("none yet");
        return;
    }
    let head = [
        "end",
        "seconds",
        "changes",
        "created",
        "updated",
        "unchanged",
        "deleted",
        "waiting",
        "unresolved",
        "rejected",
    ];
    let rows = recent.rounds.iter().map(|round| {
        [
            round.ended_at.clone(),
            format!("{:.1}", round.time.as_secs_f64()),
            round.changes.to_string(),
            round.created.to_string(),
            round.updated.to_string(),
            round.unchanged.to_string(),
            round.deleted.to_string(),
            round.waiting.to_string(),
            round.unresolved.to_string(),
            round.rejected.to_string(),
        ]
    });
    page.table(head, rows);
}

fn dead(page: &mut Html, report: &Report, recent: &Recent) {
    page.heading("Dead letters");
    let count = report.total().dead;
    if count == 0 {
        page.paragraph("none in this run");
        return;
    }
    page.paragraph(&format!(
        "{count} in this run, the last ones are below; `loader dead-letters list` shows all, `loader dead-letters retry` loads them again"
    ));
    let rows = recent.dead.iter().map(|(time, entry)| {
        let Entry { topic, partition, offset, key, stage, reason } = entry;
        [
            time.clone(),
            format!("{topic} {partition}:{offset}"),
            key.clone(),
            stage.unwrap_or_default().to_owned(),
            reason.clone(),
        ]
    });
    page.table(["time", "record", "key", "stage", "reason"], rows);
}

fn unresolved(page: &mut Html, report: &Report, recent: &Recent, member: Member) {
    page.heading("Tables that are not in OpenMetadata");
    let count = report.total().unresolved;
    if count == 0 && member.revisits == 0 {
        page.paragraph("none in this run");
        return;
    }
    page.paragraph(&format!(
        "{count} edges were unresolved in this run, {} are tried again from time to time; some are below, `loader unresolved` lists all with near misses",
        member.revisits
    ));
    let rows = recent.unresolved.values();
    page.table(
        ["key of the edge", "reason"],
        rows.map(|entry| [entry.key.clone(), entry.reason.clone()]),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::parse,
        sink::{Figures, Outcome, Trouble},
    };

    fn entry(text: &str) -> Entry {
        Entry {
            topic: "lineage",
            partition: 3,
            offset: 42,
            key: text.into(),
            stage: Some("decode"),
            reason: text.into(),
        }
    }

    fn check(member: Member, report: &Report, recent: &Recent, expected: &[&str]) {
        let page = render(member, report, recent, &[], "now");
        for text in expected {
            assert!(page.contains(text), "{text} is missing in\n{page}");
        }
    }

    #[test]
    fn the_page_says_how_things_are() {
        let (mut report, mut recent) = (Report::default(), Recent::default());
        report.service = "qlik".into();
        check(
            Member::default(),
            &report,
            &recent,
            &[
                "loader: qlik",
                "not in the consumer group yet",
                "<td>charts</td><td>?</td>",
                "none yet",
            ],
        );
        let counts = Counts { read: 9, created: 4, dead: 1, unresolved: 2, ..Counts::default() };
        report.events.insert("charts", counts);
        report.lag.insert("charts", 7);
        recent.is_unresolved(entry("no table dwh.dbo.orders"));
        report.catalogue = Figures {
            trouble: Some(Trouble { what: "is not available", seconds: 12 }),
            ..Figures::default()
        };
        recent.buried("2026".into(), entry("wrong bytes"));
        recent.applied(std::time::Duration::from_millis(1500), [Outcome::Created].iter());
        recent.round_over("2026".into());
        check(
            Member { is_ready: true, assigned: 6, revisits: 2 },
            &report,
            &recent,
            &[
                "in the consumer group with 6 partitions",
                "OpenMetadata is not available for 12 s",
                "9 records read in this run, 7 not read yet",
                "<td>charts</td><td>7</td><td>9</td><td>4</td>",
                "<td>2026</td><td>1.5</td><td>1</td><td>1</td>",
                "<td>lineage 3:42</td><td>wrong bytes</td><td>decode</td>",
                "2 edges were unresolved in this run, 2 are tried again",
                "<td>no table dwh.dbo.orders</td>",
            ],
        );
    }

    #[test]
    fn names_are_text_and_the_page_is_bounded() {
        let text = "<script>alert(1)</script>".repeat(1000);
        let (mut report, mut recent) = (Report::default(), Recent::default());
        let counts = Counts { dead: 1000, unresolved: 1000, ..Counts::default() };
        report.events.insert("charts", counts);
        (0..1000).for_each(|number| recent.is_unresolved(entry(&format!("{text}{number}"))));
        (0..1000).for_each(|_| recent.buried(text.clone(), entry(&text)));
        report.error = Some(text.clone());
        let page = render(Member::default(), &report, &recent, &[[text.clone(), text]], "now");
        assert!(!page.contains("<script"), "{page}");
        assert!(page.len() < 512 * 1024, "{}", page.len());
    }

    /// Every setting that may hold a secret holds one.
    #[test]
    fn no_secret_is_on_the_page() {
        let text = r#"
source: {serviceName: qlik_prod, serviceConnection: {config: {hostPort: "wss://user:SECRET-1@qlik.example.com"}}}
workflowConfig:
  openMetadataServerConfig:
    hostPort: "https://om.example.com/api"
    authProvider: openmetadata
    securityConfig: {jwtToken: SECRET-2}
    verifySSL: validate
    sslConfig: {caCertificate: "-----BEGIN CERTIFICATE-----\nroot", sslCertificate: "-----BEGIN CERTIFICATE-----\nc", sslKey: "-----BEGIN PRIVATE KEY-----\nSECRET-3"}
    extraHeaders: {X-Proxy: SECRET-4}
kafka:
  bootstrapServers: "localhost:9092"
  properties: {sasl.password: SECRET-5, ssl.key.pem: SECRET-6, sasl.username: SECRET-7}
  schemaRegistry: {url: "http://localhost:8081/?apikey=SECRET-8", username: reg, password: SECRET-9, bearerToken: SECRET-10, clientCertificate: "-----BEGIN CERTIFICATE-----\nc", clientKey: "-----BEGIN PRIVATE KEY-----\nSECRET-11"}
"#;
        let settings = parse(text, &[]).expect("valid");
        let rows = shown::settings(&settings);
        let (report, recent) = (Report::default(), Recent::default());
        let page = render(Member::default(), &report, &recent, &rows, "now");
        assert!(!page.contains("SECRET"), "{page}");
        for shown in [
            "https://om.example.com/api",
            "extraHeaders.X-Proxy",
            "kafka.properties.sasl.password",
            "http://localhost:8081/",
            "<td>reg</td>",
            "••••••",
        ] {
            assert!(page.contains(shown), "{shown} is missing in {page}");
        }
    }
}

//! What the admin server shows at `/`. Pure.

use axum::http::{HeaderName, header};

use super::{
    history::{History, Row},
    html::Html,
    metrics::Seen,
    shown,
};

/// Seconds until a browser loads the page again.
const REFRESH: u32 = 5;
/// Failed apps shown, of all runs together.
const MAX_FAILED: usize = 50;

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

/// The page as it is at `now` (milliseconds since the epoch).
pub(super) fn render(
    service: &str,
    is_ready: bool,
    seen: &Seen,
    settings: &[shown::Row],
    now: i64,
) -> String {
    let Seen { history, feed, last_success, started } = seen;
    let mut page = Html::new(&format!("extractor: {service}"), REFRESH);
    let up = ago(now, *started);
    page.paragraph(&format!(
        "version {}, up for {up}, as of {}",
        env!("CARGO_PKG_VERSION"),
        time(now)
    ));
    match last_success {
        Some(at) => {
            page.state(is_ready, &format!("last success {} ago, {}", ago(now, *at), time(*at)));
        }
        None => page.state(is_ready, "no run has succeeded yet"),
    }
    if let Some(error) = history.whole.front().and_then(|run| run.error.as_ref()) {
        page.state(false, &format!("the last run failed: {error}"));
    }
    let refused = history.whole.front().into_iter().chain(history.changes.front());
    for reason in refused.filter_map(|run| run.refused.as_deref()) {
        page.state(false, &format!("deletions are refused: {reason}"));
    }
    page.heading("Now");
    match &history.current {
        Some(run) => page.paragraph(&progress(run)),
        None => page.paragraph("no run is going on"),
    }
    if let Some(feed) = feed {
        page.paragraph(&format!(
            "the change feed is followed: read up to {} (by the repository's clock), answered {} ago",
            time(feed.position),
            ago(now, feed.answered)
        ));
    }
    runs(&mut page, "Runs over the whole site", history.whole.iter());
    if !history.changes.is_empty() {
        runs(&mut page, "Changes that the feed told", history.changes.iter());
    }
    failures(&mut page, history);
    page.heading("Settings");
    page.table(["setting", "value"], settings.iter().cloned());
    page.finish()
}

fn progress(run: &Row) -> String {
    if run.seen == 0 {
        return format!("since {}: asking the brokers and the site", run.started_at);
    }
    format!(
        "since {}: {} of {} apps ({} read, {} unchanged, {} described anew, {} failed), {} events published",
        run.started_at,
        run.done(),
        run.seen,
        run.read,
        run.unchanged,
        run.described,
        run.failed_count,
        run.published
    )
}

fn runs<'a>(page: &mut Html, title: &str, rows: impl Iterator<Item = &'a Row>) {
    page.heading(title);
    let head = [
        "start",
        "seconds",
        "apps",
        "read",
        "unchanged",
        "described",
        "deleted",
        "failed",
        "published",
        "tombstones",
        "end",
    ];
    let rows = rows.map(|run| {
        [
            run.started_at.clone(),
            run.seconds.map_or_else(String::new, |seconds| format!("{seconds:.1}")),
            run.seen.to_string(),
            run.read.to_string(),
            run.unchanged.to_string(),
            run.described.to_string(),
            run.deleted.to_string(),
            run.failed_count.to_string(),
            run.published.to_string(),
            run.tombstones.to_string(),
            ended(run),
        ]
    });
    page.table(head, rows);
}

/// How a run ended.
fn ended(run: &Row) -> String {
    match (&run.error, &run.refused) {
        (Some(error), _) => format!("failed: {error}"),
        (None, Some(_)) => "deletions refused".to_owned(),
        (None, None) if !run.by_feed && !run.list_complete => {
            "complete, but the site's list was not read whole".to_owned()
        }
        (None, None) => "complete".to_owned(),
    }
}

fn failures(page: &mut Html, history: &History) {
    page.heading("Apps that could not be read");
    let History { current, whole, changes } = history;
    let mut runs: Vec<&Row> = current.iter().chain(whole).chain(changes).collect();
    runs.sort_by(|a, b| b.started_at.cmp(&a.started_at));
    let count: usize = runs.iter().map(|run| run.failed_count).sum();
    if count == 0 {
        page.paragraph("none");
        return;
    }
    page.paragraph(&format!(
        "{count} in the runs above, the newest first; what is published of them stays, the next run tries them again"
    ));
    let rows = runs.into_iter().flat_map(|run| {
        run.failed.iter().map(|failed| {
            [
                run.started_at.clone(),
                failed.title.clone(),
                failed.app_id.clone(),
                failed.reason.clone(),
            ]
        })
    });
    page.table(["run", "app", "id", "reason"], rows.take(MAX_FAILED));
}

fn time(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds - milliseconds.rem_euclid(1000))
        .map_or_else(|_| milliseconds.to_string(), |time| time.to_string())
}

/// `2 h 5 min`, `12 s`.
fn ago(now: i64, then: i64) -> String {
    let seconds = now.saturating_sub(then).max(0) / 1000;
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Needs, parse},
        report::{Failed, Report},
        runtime::metrics::FeedState,
    };

    fn failing(id: usize, by_feed: bool, text: &str) -> Report {
        let mut report =
            Report { run_id: id.to_string(), apps_seen: 3, apps_read: 1, ..Report::default() };
        report.started_at = format!("2026-01-01T00:00:{:02}Z", id % 60);
        report.by_feed = by_feed;
        for _ in 0..100 {
            report.fail(Failed { app_id: text.into(), title: text.into(), reason: text.into() });
        }
        report
    }

    fn check(seen: &Seen, expected: &[&str]) {
        let page = render("qlik", true, seen, &[], 3_600_000);
        for text in expected {
            assert!(page.contains(text), "{text} is missing in\n{page}");
        }
    }

    #[test]
    fn the_page_says_how_things_are() {
        let mut seen = Seen::default();
        check(
            &seen,
            &["extractor: qlik", "no run has succeeded yet", "no run is going on", "none"],
        );
        seen.history.progress(&failing(0, false, "a"));
        check(&seen, &["101 of 3 apps (1 read", "1970-01-01T01:00:00Z", "up for 1 h 0 min"]);
        let mut report = failing(1, false, "socket closed");
        report.deletions_refused = Some("too many".into());
        seen.history.finished(&report);
        seen.last_success = Some(3_588_000);
        seen.feed = Some(FeedState { position: 3_000_000, answered: 3_599_000 });
        check(
            &seen,
            &[
                "last success 12 s ago",
                "deletions are refused: too many",
                "1970-01-01T00:50:00Z (by the repository&#39;s clock), answered 1 s ago",
                "<td>socket closed</td>",
            ],
        );
        seen.history
            .finished(&Report { error: Some("no broker".into()), ..failing(2, false, "a") });
        check(&seen, &["the last run failed: no broker", "<td>failed: no broker</td>"]);
    }

    #[test]
    fn names_are_text_and_the_page_is_bounded() {
        let mut seen = Seen::default();
        let text = "<script>alert(1)</script>".repeat(1000);
        for id in 0..100 {
            let mut report = failing(id, id % 2 == 0, &text);
            report.error = Some(text.clone());
            report.deletions_refused = Some(text.clone());
            seen.history.finished(&report);
        }
        let page = render(&text, false, &seen, &[[text.clone(), text.clone()]], 0);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.len() < 512 * 1024, "{}", page.len());
        assert_eq!(page.matches("<td>2026").count(), 40 + MAX_FAILED);
    }

    /// Every setting that may hold a secret holds one.
    #[test]
    fn no_secret_is_on_the_page() {
        let text = r#"
source:
  serviceName: qlik_prod
  serviceConnection:
    config:
      hostPort: "wss://user:SECRET-1@qlik.example.com:4747/?token=SECRET-2"
      displayUrl: "https://user:SECRET-3@qlik.example.com/vp?x=SECRET-4"
      certificates:
        sslConfig:
          caCertificate: "-----BEGIN CERTIFICATE-----\nroot"
          sslCertificate: "-----BEGIN CERTIFICATE-----\nclient"
          sslKey: "-----BEGIN RSA PRIVATE KEY-----\nSECRET-5"
        keyPassword: SECRET-6
      TOKEN
      userId: svc
extractor: {COOKIE, repositoryUrl: "https://user:SECRET-9@qlik.example.com:4242/qrs?k=SECRET-10"}
kafka:
  bootstrapServers: "localhost:9092"
  properties: {sasl.password: SECRET-11, ssl.key.pem: SECRET-12, sasl.username: SECRET-13}
  schemaRegistry: {url: "http://localhost:8081/?apikey=SECRET-14", username: reg, password: SECRET-15, bearerToken: SECRET-16, clientCertificate: "-----BEGIN CERTIFICATE-----\nc", clientKey: "-----BEGIN PRIVATE KEY-----\nSECRET-17"}
"#;
        // The site takes one way of signing in at a time.
        for (token, cookie) in
            [("token: SECRET-7", ""), ("", "sessionCookie: X-Qlik-Session=SECRET-8")]
        {
            let cookie = if cookie.is_empty() { "" } else { &format!("{cookie}, ") };
            let text = text.replace("TOKEN", token).replace("COOKIE, ", cookie);
            let settings = parse(&text, &[], Needs::SiteAndKafka).expect("valid");
            let rows = shown::settings(&settings);
            let page = render("qlik", true, &Seen::default(), &rows, 0);
            assert!(!page.contains("SECRET"), "{page}");
            for shown in [
                "wss://qlik.example.com:4747/",
                "https://qlik.example.com/vp",
                "kafka.properties.sasl.password",
                "http://localhost:8081/",
                "<td>svc</td>",
                "••••••",
            ] {
                assert!(page.contains(shown), "{shown} is missing in {page}");
            }
        }
    }
}

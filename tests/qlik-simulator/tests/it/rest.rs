//! The engine's REST routes.

use qlik_simulator::{Mode, Rest, Running};
use serde_json::Value;

use crate::client::{self, BUDGET, SALES, USER};

async fn get(site: &Running, path: &str) -> (u16, String) {
    let url = format!("{}{path}", client::named(&site.rest_url()));
    let request = client::http(site, &Mode::Certificates).get(url).header("X-Qlik-User", USER);
    let response = request.send().await.expect("a response");
    (response.status().as_u16(), response.text().await.expect("a body"))
}

#[tokio::test]
async fn metadata_as_the_site_has_it() {
    let site = client::site().await;
    let sales = format!("/api/v1/apps/{SALES}/data/metadata");
    let short = format!("/v1/apps/{SALES}/data/metadata");
    let budget = format!("/api/v1/apps/{BUDGET}/data/metadata");
    let nobody = "/api/v1/apps/nobody/data/metadata".to_owned();
    let tables = |text: &str| {
        let value: Value = serde_json::from_str(text).ok()?;
        Some(value["tables"].as_array()?.len())
    };
    for (mode, path, status, expected) in [
        (Rest::Present, &sales, 200, Some(7)),
        (Rest::Present, &short, 200, Some(7)),
        (Rest::Present, &budget, 404, None),
        (Rest::Present, &nobody, 404, None),
        (Rest::EmptyWhenMissing, &sales, 200, Some(7)),
        (Rest::EmptyWhenMissing, &budget, 200, Some(0)),
        (Rest::EmptyWhenMissing, &nobody, 404, None),
        (Rest::Empty, &sales, 200, Some(0)),
        (Rest::NotFound, &sales, 404, None),
        (Rest::CannotGet, &sales, 404, None),
    ] {
        site.control().set_behaviour(|behaviour| behaviour.rest = mode);
        let (got, text) = get(&site, path).await;
        assert_eq!((got, tables(&text)), (status, expected), "{mode:?} {path}");
        assert_eq!(text.contains("Cannot GET"), mode == Rest::CannotGet);
    }
    let (status, text) = get(&site, "/api/about").await;
    assert_eq!(status, 404);
    assert!(text.contains("Cannot GET /api/about"));
    let counted = site.stats().http_requests;
    assert_eq!(counted.get("GET /api/v1/apps/{id}/data/metadata"), Some(&10));
}

#[tokio::test]
async fn lineage() {
    let site = client::site().await;
    let (status, text) = get(&site, &format!("/api/v1/apps/{SALES}/data/lineage")).await;
    assert_eq!(status, 200);
    let entries: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(entries[1]["discriminator"], "INLINE");
}

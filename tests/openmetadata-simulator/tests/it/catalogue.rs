//! What tests see of the catalogue.

use openmetadata_simulator::{DEFAULT_TOKEN, Kind};
use serde_json::{Value, json};

use crate::client::Site;

/// Loads one app: two charts, a model, the dashboard, an edge.
async fn load(site: &Site, charts: [&str; 2]) {
    for name in charts {
        site.put("/charts", &json!({"name": name, "service": "q", "dashboards": []})).await;
    }
    let model = site.model("m", &["id"]).await;
    let charts: Vec<String> = charts.iter().map(|name| format!("q.{name}")).collect();
    let body = json!({"name": "a", "service": "q", "charts": charts, "dataModels": ["q.model.m"]});
    let (_, dashboard) = site.put("/dashboards", &body).await;
    let edge = json!({"edge": {"fromEntity": {"id": model["id"], "type": "dashboardDataModel"},
        "toEntity": {"id": dashboard["id"], "type": "dashboard"},
        "lineageDetails": {"source": "DashboardLineage",
            "columnsLineage": [{"fromColumns": ["q.model.m.id"], "toColumn": "q.c1"}]}}});
    assert_eq!(site.put("/lineage", &edge).await.0, 200);
}

#[tokio::test]
async fn two_servers_with_the_same_load_have_the_same_catalogue() {
    let (one, two) = (Site::of("1.12.6").await, Site::of("1.12.6").await);
    load(&one, ["c1", "c2"]).await;
    load(&two, ["c2", "c1"]).await;
    assert_eq!(one.running.catalogue(), two.running.catalogue());
    let text = one.running.catalogue().to_string();
    assert!(text.contains("\"toColumn\":\"q.c1\"") && !text.contains("updatedAt"), "{text}");

    two.chart("c3").await;
    assert_ne!(one.running.catalogue(), two.running.catalogue());
}

#[tokio::test]
async fn requests_are_counted_by_route() {
    let site = Site::of("1.12.6").await;
    site.running.clear_requests();
    site.get("/charts/name/q.a").await;
    site.get("/charts/name/q.b").await;
    assert_eq!(site.running.writes(), 0);
    site.chart("c").await;
    let counts = site.running.request_counts();
    let counted: Vec<(&str, u64)> = counts.iter().map(|(key, count)| (&**key, *count)).collect();
    assert_eq!(counted, [("GET /charts/name/{fqn}", 2), ("PUT /charts", 1)]);
    assert_eq!(site.running.writes(), 1);
    let bodies: Vec<String> =
        site.running.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies, ["", "", r#"{"name":"c","service":"q"}"#]);
}

#[tokio::test]
async fn versions_of_everything() {
    let site = Site::of("1.12.6").await;
    site.chart("c").await;
    let versions = site.running.versions();
    assert_eq!(versions.get("chart q.c").map(String::as_str), Some("0.1"));
    assert_eq!(versions.get("table pg.dwh.sales.orders").map(String::as_str), Some("0.1"));
    assert_eq!(site.running.token(), DEFAULT_TOKEN);
}

#[tokio::test]
async fn what_people_do() {
    let site = Site::of("1.12.6").await;
    let chart = site.chart("c").await;
    let path = format!("/charts/{}", chart["id"].as_str().expect("an id"));
    let patch = |value: &str| json!([{"op": "add", "path": "/displayName", "value": value}]);
    assert_eq!(site.call("PATCH", &path, Some(&patch("bot's"))).await.0, 403);
    let (status, patched) = site.running.as_admin("PATCH", &path, Some(&patch("mine")));
    assert_eq!(
        (status, &patched["displayName"], &patched["updatedBy"]),
        (200, &json!("mine"), &json!("admin"))
    );
}

#[tokio::test]
async fn patches_of_one_session_become_one_version() {
    let site = Site::of("1.12.6").await;
    let chart = site.chart("c").await;
    let path = format!("/charts/{}", chart["id"].as_str().expect("an id"));
    let patch =
        |operation: Value| site.running.as_admin("PATCH", &path, Some(&json!([operation]))).1;
    let version = |entity: Value| entity["version"].to_string();
    assert_eq!(version(patch(json!({"op": "add", "path": "/description", "value": "1"}))), "0.2");
    assert_eq!(
        version(patch(json!({"op": "replace", "path": "/description", "value": "2"}))),
        "0.2"
    );
    // Back to where the session began: the version is gone too.
    assert_eq!(version(patch(json!({"op": "remove", "path": "/description"}))), "0.1");
    let (_, versions) = site.get(&format!("{path}/versions")).await;
    assert_eq!(versions["versions"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn pages_in_both_directions() {
    let site = Site::of("1.12.6").await;
    for name in ["a", "b", "c", "d", "e"] {
        site.chart(name).await;
    }
    let page = async |query: &str| {
        let (status, page) = site.get(&format!("/charts?service=q&limit=2{query}")).await;
        assert_eq!(status, 200, "{page}");
        let names: Vec<&str> = page["data"]
            .as_array()
            .expect("data")
            .iter()
            .filter_map(|c| c["name"].as_str())
            .collect();
        let cursor = |key: &str| page["paging"][key].as_str().map(str::to_owned);
        (names.concat(), cursor("before"), cursor("after"))
    };
    let (names, before, after) = page("").await;
    assert_eq!((&*names, before.is_some()), ("ab", false));
    let (names, _, after) = page(&format!("&after={}", after.expect("more"))).await;
    assert_eq!(names, "cd");
    let (names, before, after) = page(&format!("&after={}", after.expect("more"))).await;
    assert_eq!((&*names, after.is_some()), ("e", false));
    let (names, before, _) = page(&format!("&before={}", before.expect("a page before"))).await;
    assert_eq!(names, "cd");
    let (names, before, _) = page(&format!("&before={}", before.expect("a page before"))).await;
    assert_eq!((&*names, before.is_some()), ("ab", false));
}

#[tokio::test]
async fn links_stay_whole() {
    let site = Site::of("1.12.6").await;
    load(&site, ["c1", "c2"]).await;
    let lists = |fqn: &str| {
        let dashboard = site.running.entity(Kind::Dashboard, fqn).expect(fqn);
        let names = |key: &str| -> String {
            let list = dashboard[key].as_array().cloned().unwrap_or_default();
            list.iter().filter_map(|item| item["name"].as_str()).collect()
        };
        (names("charts"), names("dataModels"))
    };
    assert_eq!(lists("q.a"), ("c1c2".to_owned(), "m".to_owned()));
    let id = |kind, fqn: &str| {
        site.running.entity(kind, fqn).expect(fqn)["id"].as_str().unwrap_or("").to_owned()
    };
    let hard =
        |kind: Kind, fqn: &str| format!("/{}/{}?hardDelete=true", kind.collection(), id(kind, fqn));
    site.call("DELETE", &hard(Kind::Chart, "q.c1"), None).await;
    site.call("DELETE", &hard(Kind::DataModel, "q.model.m"), None).await;
    assert_eq!(lists("q.a"), ("c2".to_owned(), String::new()));
    assert!(site.running.edges().is_empty());
    site.call("DELETE", &hard(Kind::Dashboard, "q.a"), None).await;
    assert!(site.running.entity(Kind::Chart, "q.c2").is_none(), "its only chart went with it");
    assert!(site.running.entities(Kind::Chart).is_empty());
}

#[tokio::test]
async fn a_service_and_what_it_contains() {
    let site = Site::of("1.12.6").await;
    load(&site, ["c1", "c2"]).await;
    let id = site.running.entity(Kind::DashboardService, "q").expect("q")["id"]
        .as_str()
        .unwrap_or("")
        .to_owned();
    let path = format!("/services/dashboardServices/{id}");
    assert_eq!(site.running.as_admin("DELETE", &path, None).0, 400);
    assert_eq!(site.running.as_admin("DELETE", &format!("{path}?recursive=true"), None).0, 200);
    let live = |kind| {
        site.running
            .entities(kind)
            .iter()
            .filter(|entity| entity["deleted"] == json!(false))
            .count()
    };
    assert_eq!((live(Kind::Chart), live(Kind::Dashboard), live(Kind::DataModel)), (0, 0, 0));
    let restored = site.running.as_admin(
        "PUT",
        "/services/dashboardServices/restore",
        Some(&json!({"id": id})),
    );
    assert_eq!(restored.0, 200, "{restored:?}");
    assert_eq!((live(Kind::Chart), live(Kind::Dashboard), live(Kind::DataModel)), (2, 1, 1));
}

//! Release 2.0: bulk with hashes and overriding, deleteStale, lineage by names.

use openmetadata_simulator::Kind;
use serde_json::{Value, json};

use crate::client::Site;

fn row(name: &str, display_name: &str, hash: &str) -> Value {
    json!({"name": name, "service": "q", "displayName": display_name, "sourceHash": hash})
}

#[tokio::test]
async fn an_equal_hash_is_skipped() {
    /// The display name after a second bulk request with these rows.
    async fn check(rows: Value, query: &str, expected: &str) {
        let site = Site::of("2.0.7").await;
        site.put("/charts/bulk", &json!([row("c", "first", "h")])).await;
        let (status, answer) = site.put(&format!("/charts/bulk{query}"), &rows).await;
        assert_eq!((status, &answer["status"]), (200, &json!("success")), "{rows}");
        let chart = site.running.entity(Kind::Chart, "q.c").expect("c");
        assert_eq!(chart["displayName"], json!(expected), "{rows} {query}");
    }
    check(json!([row("c", "second", "h")]), "", "first").await;
    // The bot keeps the display name that is there; a new hash alone does not change it.
    check(json!([row("c", "second", "i")]), "", "first").await;
    check(json!([row("c", "second", "h")]), "?overrideMetadata=true", "second").await;
    check(json!([row("c", "second", "i")]), "?overrideMetadata=true", "second").await;
}

#[tokio::test]
async fn an_edit_by_a_person_clears_the_hash() {
    let site = Site::of("2.0.7").await;
    site.put("/charts/bulk", &json!([row("c", "first", "h")])).await;
    let id =
        site.running.entity(Kind::Chart, "q.c").expect("c")["id"].as_str().unwrap_or("").to_owned();
    let patch = json!([{"op": "add", "path": "/description", "value": "mine"}]);
    assert_eq!(site.running.as_admin("PATCH", &format!("/charts/{id}"), Some(&patch)).0, 200);
    let chart = site.running.entity(Kind::Chart, "q.c").expect("c");
    assert_eq!((&chart["description"], chart.get("sourceHash")), (&json!("mine"), None));
}

#[tokio::test]
async fn overriding_replaces_tags_and_descriptions() {
    let site = Site::of("2.0.7").await;
    site.put("/classifications", &json!({"name": "Qlik", "description": ""})).await;
    for name in ["A", "B"] {
        site.put("/tags", &json!({"classification": "Qlik", "name": name, "description": ""}))
            .await;
    }
    let tagged = |name: &str, text: &str| {
        json!([{"name": "c", "service": "q", "description": text, "tags": [{"tagFQN": format!("Qlik.{name}"),
            "source": "Classification", "labelType": "Automated", "state": "Confirmed"}]}])
    };
    site.put("/charts/bulk", &tagged("A", "one")).await;
    let tags = || {
        let chart = site.running.entity(Kind::Chart, "q.c").expect("c");
        let names: Vec<String> = chart["tags"]
            .as_array()
            .expect("tags")
            .iter()
            .map(|tag| tag["tagFQN"].to_string())
            .collect();
        (names.join(","), chart["description"].as_str().unwrap_or("").to_owned())
    };
    site.put("/charts/bulk", &tagged("B", "two")).await;
    assert_eq!(tags(), ("\"Qlik.A\",\"Qlik.B\"".to_owned(), "one".to_owned()));
    site.put("/charts/bulk?overrideMetadata=true", &tagged("B", "two")).await;
    assert_eq!(tags(), ("\"Qlik.B\"".to_owned(), "two".to_owned()));
}

#[tokio::test]
async fn delete_stale() {
    /// The charts that are left of a, b, c.
    async fn check(body: Value, status: u16, left: &str) {
        let site = Site::of("2.0.7").await;
        for name in ["a", "b", "c"] {
            site.chart(name).await;
        }
        let (answered, answer) = site.call("DELETE", "/charts/deleteStale", Some(&body)).await;
        assert_eq!(answered, status, "{body}: {answer}");
        let charts = site.running.entities(Kind::Chart);
        let names: Vec<&str> = charts
            .iter()
            .filter(|chart| chart["deleted"] == json!(false))
            .filter_map(|chart| chart["name"].as_str())
            .collect();
        assert_eq!(names.concat(), left, "{body}");
    }
    let body = |scope: &str, scope_type: &str, seen: &[&str]| json!({"scopeFqn": scope, "scopeEntityType": scope_type, "seenFqns": seen});
    check(body("q", "service", &["q.a"]), 200, "a").await;
    check(body("q", "dashboardService", &["q.a", "q.b"]), 200, "ab").await;
    check(body("q", "service", &[]), 200, "abc").await;
    check(body("nosuch", "service", &["q.a"]), 200, "abc").await;
    check(body("q", "nonsense", &["q.a"]), 400, "abc").await;
    check(json!({"scopeEntityType": "service", "seenFqns": ["q.a"]}), 400, "abc").await;
    let mut dry = body("q", "service", &["q.a"]);
    dry["dryRun"] = json!(true);
    check(dry, 200, "abc").await;
}

#[tokio::test]
async fn lineage_by_names() {
    let site = Site::of("2.0.7").await;
    site.model("m", &["id"]).await;
    let path = "/table/name/pg.dwh.sales.orders/dashboardDataModel/name/q.model.m";
    let details = json!({"source": "DashboardLineage", "sqlQuery": "SELECT 1"});
    assert_eq!(site.put(&format!("/lineage{path}"), &details).await.0, 200);
    let (status, edge) = site.get(&format!("/lineage/getLineageEdge{path}")).await;
    assert_eq!((status, &edge["edge"]["sqlQuery"]), (200, &json!("SELECT 1")));
    let patch = json!([{"op": "replace", "path": "/sqlQuery", "value": "SELECT 2"}]);
    let (status, patched) = site.call("PATCH", &format!("/lineage{path}"), Some(&patch)).await;
    assert_eq!((status, &patched["sqlQuery"]), (200, &json!("SELECT 2")));
    let gone = "/lineage/source/name/dashboardDataModel/q.model.m/type/DashboardLineage";
    assert_eq!(site.call("DELETE", gone, None).await.0, 200);
    assert_eq!(site.get(&format!("/lineage/getLineageEdge{path}")).await.0, 404);
    assert!(site.running.edges().is_empty(), "{:?}", site.running.edges());
}

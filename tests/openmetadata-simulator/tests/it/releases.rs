//! What differs from release to release.

use openmetadata_simulator::Kind;
use serde_json::{Value, json};

use crate::client::Site;

const ALL: [&str; 14] = [
    "1.1.1", "1.2.0", "1.3.4", "1.4.8", "1.5.15", "1.6.13", "1.7.7", "1.8.12", "1.9.17", "1.10.14",
    "1.11.14", "1.12.6", "1.13.6", "2.0.7",
];

/// The releases for which `property` holds, as first and last of an unbroken range.
fn range(found: &[(&'static str, bool)]) -> Option<(&'static str, &'static str)> {
    let holds: Vec<usize> = (0..found.len()).filter(|at| found[*at].1).collect();
    let (first, last) = (holds.first()?, holds.last()?);
    assert_eq!(last - first + 1, holds.len(), "not one range: {found:?}");
    Some((found[*first].0, found[*last].0))
}

/// Sends one body to every release and says which accept it.
async fn accepted(path: &str, body: &Value) -> Option<(&'static str, &'static str)> {
    let mut found = Vec::new();
    for release in ALL {
        let site = Site::of(release).await;
        let (status, answer) = site.put(path, body).await;
        assert!(matches!(status, 201 | 400), "{release}: {status} {answer}");
        found.push((release, status == 201));
    }
    range(&found)
}

#[tokio::test]
async fn bodies_are_built_for_a_release() {
    async fn check(path: &str, body: Value, expected: Option<(&str, &str)>) {
        assert_eq!(accepted(path, &body).await, expected, "{body}");
    }
    let chart = |key: &str, value: Value| json!({"name": "c", "service": "q", key: value});
    check("/charts", chart("chartType", json!("Bar")), Some(("1.1.1", "2.0.7"))).await;
    check("/charts", chart("chartType", json!("Gauge")), Some(("1.9.17", "2.0.7"))).await;
    check("/charts", chart("chartType", json!("SanKey")), Some(("1.10.14", "2.0.7"))).await;
    check("/charts", chart("dashboards", json!([])), Some(("1.5.15", "2.0.7"))).await;
    check("/charts", chart("sourceHash", json!("h")), Some(("1.2.0", "2.0.7"))).await;
    check("/charts", chart("owners", json!([])), Some(("1.5.15", "2.0.7"))).await;
    check("/charts", chart("domains", json!([])), Some(("1.9.17", "2.0.7"))).await;
    check("/charts", chart("extension", json!({})), Some(("1.9.17", "2.0.7"))).await;
    check("/charts", chart("project", json!("p")), None).await;
    let model = |data_type: &str, column: Value| json!({"name": "m", "service": "q", "dataModelType": data_type, "columns": [column]});
    let id = json!({"name": "id", "dataType": "INT"});
    check(
        "/dashboard/datamodels",
        model("QlikSenseDataModel", id.clone()),
        Some(("1.1.1", "1.3.4")),
    )
    .await;
    check("/dashboard/datamodels", model("QlikDataModel", id.clone()), Some(("1.4.8", "2.0.7")))
        .await;
    let measure = json!({"name": "m", "dataType": "MEASURE"});
    check("/dashboard/datamodels", model("TableauDataModel", measure), Some(("1.8.12", "2.0.7")))
        .await;
    let long = json!({"name": "x".repeat(257), "dataType": "INT"});
    check("/dashboard/datamodels", model("TableauDataModel", long), Some(("1.11.14", "2.0.7")))
        .await;
    let arrow = json!({"name": "a>b", "service": "q"});
    check("/charts", arrow, Some(("1.3.4", "1.13.6"))).await;
    check("/charts", json!({"name": "x".repeat(129), "service": "q"}), Some(("1.3.4", "2.0.7")))
        .await;
}

#[tokio::test]
async fn bulk_by_release() {
    let mut statuses = Vec::new();
    for release in ALL {
        let site = Site::of(release).await;
        let rows = json!([{"name": "c", "service": "q"}, {"name": "d", "service": "nosuch"}]);
        let (status, answer) = site.put("/charts/bulk", &rows).await;
        let row = answer["successRequest"][0]["status"].as_u64();
        statuses.push((release, status, row));
    }
    let absent = |release| match release {
        "1.1.1" | "1.2.0" => (release, 500, None),
        _ => (release, 405, None),
    };
    let mut expected: Vec<_> = ALL[..10].iter().map(|release| absent(*release)).collect();
    expected.extend(ALL[10..13].iter().map(|release| (*release, 200, Some(200))));
    expected.push(("2.0.7", 200, Some(201)));
    assert_eq!(statuses, expected);
}

#[tokio::test]
async fn what_a_bots_put_keeps() {
    /// display name, owner, data product after a bot's PUT that names others or none.
    async fn check(release: &str, expected: (&str, &str, bool)) {
        let site = Site::of(release).await;
        let admin =
            |method, path: &str, body: &Value| site.running.as_admin(method, path, Some(body));
        let mut parts = release.split('.').filter_map(|part| part.parse::<u32>().ok());
        let code = parts.next().unwrap_or(0) * 100 + parts.next().unwrap_or(0);
        let (owner, domain) = (
            if code >= 105 { "owners" } else { "owner" },
            if code >= 109 { "domains" } else { "domain" },
        );
        let list = |many: bool, value: Value| if many { json!([value]) } else { value };
        let reference = |name: &str| {
            let user = site.running.entity(Kind::User, name).expect(name);
            list(code >= 105, json!({"id": user["id"], "type": "user"}))
        };
        admin(
            "PUT",
            "/domains",
            &json!({"name": "d", "domainType": "Aggregate", "description": ""}),
        );
        admin(
            "PUT",
            "/dataProducts",
            &json!({"name": "p", "description": "", domain: list(code >= 109, json!("d"))}),
        );
        let created = json!({"name": "a", "service": "q", "displayName": "people's", owner: reference("ada"),
            domain: list(code >= 109, json!("d")), "dataProducts": ["p"]});
        assert_eq!(admin("PUT", "/dashboards", &created).0, 201, "{release}");
        let bots =
            json!({"name": "a", "service": "q", "displayName": "bot's", owner: reference("admin")});
        assert_eq!(site.put("/dashboards", &bots).await.0, 200);
        let after = site.running.entity(Kind::Dashboard, "q.a").expect("a");
        let who = if code >= 105 { &after["owners"][0]["name"] } else { &after["owner"]["name"] };
        let product = after["dataProducts"].as_array().is_some_and(|list| !list.is_empty());
        let found =
            (after["displayName"].as_str().unwrap_or(""), who.as_str().unwrap_or(""), product);
        assert_eq!(found, expected, "{release}");
    }
    check("1.2.0", ("people's", "admin", false)).await;
    check("1.4.8", ("bot's", "admin", false)).await;
    check("1.8.12", ("bot's", "admin", false)).await;
    check("1.11.14", ("bot's", "admin", false)).await;
    check("1.12.6", ("bot's", "admin", true)).await;
    check("2.0.7", ("people's", "ada", true)).await;
}

#[tokio::test]
async fn a_changed_hash_alone() {
    async fn check(release: &str, expected: f64) {
        let site = Site::of(release).await;
        let chart = |hash: &str| json!({"name": "c", "service": "q", "sourceHash": hash});
        site.put("/charts", &chart("1")).await;
        site.put("/charts", &chart("2")).await;
        let (_, after) = site.get("/charts/name/q.c").await;
        assert_eq!(
            (after["version"].as_f64(), after["sourceHash"].as_str()),
            (Some(expected), Some("2")),
            "{release}"
        );
    }
    check("1.8.12", 0.2).await;
    check("1.11.14", 0.2).await;
    check("1.12.6", 0.1).await;
    check("2.0.7", 0.1).await;
}

#[tokio::test]
async fn deleting_a_dashboard_takes_its_own_charts_along() {
    async fn check(release: &str, own_is_deleted: bool) {
        let site = Site::of(release).await;
        site.chart("own").await;
        site.chart("shared").await;
        let dashboard =
            |name: &str, charts: &[&str]| json!({"name": name, "service": "q", "charts": charts});
        let (_, first) = site.put("/dashboards", &dashboard("a", &["q.own", "q.shared"])).await;
        site.put("/dashboards", &dashboard("b", &["q.shared"])).await;
        let id = first["id"].as_str().expect("an id");
        assert_eq!(site.call("DELETE", &format!("/dashboards/{id}"), None).await.0, 200);
        let deleted = |fqn: &str| {
            site.running.entity(Kind::Chart, fqn).map(|chart| chart["deleted"] == json!(true))
        };
        assert_eq!(
            (deleted("q.own"), deleted("q.shared")),
            (Some(own_is_deleted), Some(false)),
            "{release}"
        );
    }
    check("1.7.7", false).await;
    check("1.8.12", true).await;
    check("1.12.6", true).await;
    check("2.0.7", true).await;
}

#[tokio::test]
async fn unknown_columns_in_lineage() {
    async fn check(release: &str, status: u16, columns: usize) {
        let site = Site::of(release).await;
        let model = site.model("m", &["id"]).await;
        let table = site.running.entity(Kind::Table, "pg.dwh.sales.orders").expect("the table");
        let edge = |to: &str| {
            json!({"edge": {
            "fromEntity": {"id": table["id"], "type": "table"},
            "toEntity": {"id": model["id"], "type": "dashboardDataModel"},
            "lineageDetails": {"columnsLineage": [{"fromColumns": ["pg.dwh.sales.orders.id"], "toColumn": to}]}}})
        };
        assert_eq!(site.put("/lineage", &edge("q.model.m.id")).await.0, 200, "{release}");
        assert_eq!(site.put("/lineage", &edge("q.model.m.nope")).await.0, status, "{release}");
        let stored = site.running.edges();
        let edge = stored.iter().find(|edge| edge["from"]["type"] == "table").expect("an edge");
        assert_eq!(
            edge["details"]["columnsLineage"].as_array().map(Vec::len),
            Some(columns),
            "{release}"
        );
    }
    check("1.1.1", 400, 1).await;
    check("1.8.12", 400, 1).await;
    check("1.9.17", 200, 0).await;
    check("1.12.6", 200, 0).await;
    check("2.0.7", 200, 0).await;
}

//! Faults, and what they leave behind.

use std::time::Duration;

use openmetadata_simulator::{Effect, Fault, Kind};
use serde_json::{Value, json};

use crate::client::Site;

fn chart(name: &str) -> Value {
    json!({"name": name, "service": "q"})
}

#[tokio::test]
async fn statuses() {
    /// Status, whether the chart is stored, and the status of the next try.
    async fn check(effect: Effect, status: u16, stored: bool, next: u16) {
        let site = Site::of("1.12.6").await;
        site.running
            .faults()
            .add(Fault::once(effect.clone()).on("PUT", "/charts$"))
            .expect("a fault");
        assert_eq!(site.put("/charts", &chart("c")).await.0, status, "{effect:?}");
        assert_eq!(site.running.entity(Kind::Chart, "q.c").is_some(), stored, "{effect:?}");
        assert_eq!(site.put("/charts", &chart("c")).await.0, next, "{effect:?}");
        assert!(site.running.faults().active().is_empty(), "{effect:?}");
    }
    for status in [401, 403, 429, 500, 502, 503, 504] {
        check(Effect::Status { status, retry_after: None }, status, false, 201).await;
    }
    check(Effect::StatusAfter { status: 500 }, 500, true, 200).await;
    check(Effect::StatusAfter { status: 409 }, 409, true, 200).await;
    check(Effect::Html, 200, false, 201).await;
    check(Effect::Slow { millis: 1 }, 201, true, 200).await;
}

#[tokio::test]
async fn dropped_connections() {
    async fn check(effect: Effect, stored: bool) {
        let site = Site::of("1.12.6").await;
        site.running
            .faults()
            .add(Fault::once(effect.clone()).on("PUT", "/charts$"))
            .expect("a fault");
        site.send("PUT", "/charts", Some(&chart("c"))).await.expect_err("no answer");
        assert_eq!(site.running.entity(Kind::Chart, "q.c").is_some(), stored, "{effect:?}");
        assert_eq!(site.running.requests().last().map(|request| request.status), Some(None));
    }
    check(Effect::Drop, false).await;
    check(Effect::DropAfter, true).await;
    // Of this one the status arrives, and half of the body.
    let site = Site::of("1.12.6").await;
    let fault = Fault::once(Effect::Cut).on("PUT", "/charts$");
    site.running.faults().add(fault).expect("a fault");
    site.send("PUT", "/charts", Some(&chart("c"))).await.expect_err("no whole body");
    assert_eq!(site.running.requests().last().map(|request| request.status), Some(Some(201)));
    assert!(site.running.entity(Kind::Chart, "q.c").is_some());
}

#[tokio::test]
async fn which_requests_are_met() {
    /// The statuses of four PUTs of charts a, b, a, b.
    async fn check(fault: Fault, expected: [u16; 4]) {
        let site = Site::of("1.12.6").await;
        site.running.faults().add(fault.clone()).expect("a fault");
        let mut statuses = Vec::new();
        for name in ["a", "b", "a", "b"] {
            statuses.push(site.put("/charts", &chart(name)).await.0);
        }
        assert_eq!(statuses, expected, "{fault:?}");
    }
    let busy = || Fault::once(Effect::Status { status: 503, retry_after: None });
    check(busy(), [503, 201, 201, 200]).await;
    check(busy().times(3), [503, 503, 503, 201]).await;
    check(busy().after(1), [201, 503, 200, 201]).await;
    check(busy().on("PUT", "/dashboards"), [201, 201, 200, 200]).await;
    check(busy().on("GET", "/charts"), [201, 201, 200, 200]).await;
    check(busy().times(9).containing("\"b\""), [201, 503, 200, 503]).await;
    check(Fault { times: None, ..busy() }, [503, 503, 503, 503]).await;
    check(Fault { millis: Some(0), ..busy() }, [201, 201, 200, 200]).await;
}

#[tokio::test]
async fn retry_after_is_sent() {
    let site = Site::of("1.12.6").await;
    site.running
        .faults()
        .add(Fault::once(Effect::Status { status: 429, retry_after: Some(7) }))
        .expect("a fault");
    let response = site.request("GET", "/charts").send().await.expect("an answer");
    let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    assert_eq!((response.status().as_u16(), header), (429, Some("7")));
}

#[tokio::test]
async fn without_a_search_engine() {
    let site = Site::of("1.12.6").await;
    let model = site.model("m", &["id"]).await;
    let table = site.running.entity(Kind::Table, "pg.dwh.sales.orders").expect("the table");
    let edge = json!({"edge": {"fromEntity": {"id": table["id"], "type": "table"},
        "toEntity": {"id": model["id"], "type": "dashboardDataModel"}}});
    let search = |fqn: &str| {
        format!(
            "/search/fieldQuery?fieldName=fullyQualifiedName&fieldValue={fqn}&index=table_search_index&deleted=false"
        )
    };
    let hits = |answer: &Value| answer["hits"]["hits"].as_array().map_or(0, Vec::len);

    site.running.faults().set_search_engine(false);
    assert_eq!(site.put("/lineage", &edge).await.0, 500);
    assert_eq!(
        site.running.edges().iter().filter(|edge| edge["from"]["type"] == "table").count(),
        1
    );
    assert_eq!(site.get(&search("pg.dwh.sales.orders")).await.0, 500);
    assert_eq!(site.put("/charts", &chart("c")).await.0, 201);
    let columns = json!([{"name": "id", "dataType": "INT"}]);
    site.put(
        "/tables",
        &json!({"name": "new", "databaseSchema": "pg.dwh.sales", "columns": columns}),
    )
    .await;

    site.running.faults().set_search_engine(true);
    assert_eq!(site.put("/lineage", &edge).await.0, 200);
    assert_eq!(hits(&site.get(&search("pg.dwh.sales.orders")).await.1), 1);
    assert_eq!(hits(&site.get(&search("pg.dwh.sales.new")).await.1), 0);
    site.running.faults().reindex();
    assert_eq!(hits(&site.get(&search("pg.dwh.sales.new")).await.1), 1);
}

#[tokio::test]
async fn a_quote_in_a_column_poisons_the_model() {
    let site = Site::of("1.12.6").await;
    let model = site.model("m", &["a\"b"]).await;
    let id = model["id"].as_str().expect("stored");
    assert_eq!(site.get("/dashboard/datamodels/name/q.model.m").await.0, 200);
    assert_eq!(site.get("/dashboard/datamodels/name/q.model.m?fields=columns").await.0, 500);
    assert_eq!(site.get("/dashboard/datamodels?fields=columns").await.0, 500);
    assert_eq!(site.get("/dashboard/datamodels").await.0, 200);
    assert_eq!(site.model("m", &["a"]).await["code"], json!(500));
    let delete = |hard: bool| format!("/dashboard/datamodels/{id}?hardDelete={hard}");
    assert_eq!(site.call("DELETE", &delete(true), None).await.0, 500);
    assert_eq!(site.call("DELETE", &delete(false), None).await.0, 200);
}

#[tokio::test]
async fn a_new_token_is_refused_for_a_while() {
    let site = Site::of("1.12.6").await;
    let (_, bot) = site.running.as_admin("GET", "/bots/name/ingestion-bot", None);
    let user = bot["botUser"]["id"].as_str().expect("a user");
    let body = json!({"JWTTokenExpiry": "Unlimited"});
    let made = site.running.as_admin("PUT", &format!("/users/generateToken/{user}"), Some(&body));
    assert!(
        made.1["JWTToken"].as_str().is_some_and(|token| token.starts_with("fernet:")),
        "{made:?}"
    );
    let (_, read) = site.running.as_admin("GET", &format!("/users/token/{user}"), None);
    let new = read["JWTToken"].as_str().expect("a token");
    assert_eq!(site.get("/charts").await.0, 200, "the old token still passes");
    let url = format!("{}/v1/charts", site.running.url());
    let refused = reqwest::Client::new().get(url).bearer_auth(new).send().await.expect("an answer");
    assert_eq!(refused.status(), 401);
    assert!(refused.text().await.expect("text").contains("does not match the current bot's token"));
}

#[tokio::test]
async fn latency_holds_back_every_request() {
    let site = Site::of("1.12.6").await;
    site.running.faults().set_latency(Duration::from_secs(3600));
    let held = tokio::time::timeout(Duration::from_millis(50), site.get("/charts")).await;
    assert!(held.is_err(), "answered without the latency");
    site.running.faults().set_latency(Duration::ZERO);
    assert_eq!(site.get("/charts").await.0, 200);
}

#[tokio::test]
async fn faults_over_http() {
    let site = Site::of("1.12.6").await;
    let root = site.running.url().trim_end_matches("/api").to_owned();
    let http = reqwest::Client::new();
    let set = |faults: Value| {
        http.put(format!("{root}/simulator/faults")).body(faults.to_string()).send()
    };
    let fault = json!([{"method": "PUT", "path": "/charts", "times": 1, "effect": {"status": {"status": 429, "retryAfter": 1}}}]);
    assert_eq!(set(fault).await.expect("an answer").status(), 204);
    assert_eq!(site.put("/charts", &chart("c")).await.0, 429);
    assert_eq!(site.put("/charts", &chart("c")).await.0, 201);
    for wrong in
        [json!([{"effect": "nonsense"}]), json!([{"path": "(", "effect": "html"}]), json!({})]
    {
        assert_eq!(set(wrong.clone()).await.expect("an answer").status(), 400, "{wrong}");
    }
    let counts = http.get(format!("{root}/simulator/counts")).send().await.expect("an answer");
    let counts: Value = counts.json().await.expect("JSON");
    assert_eq!(counts["PUT /charts"], json!(2), "{counts}");
    let switched = http
        .put(format!("{root}/simulator/switches"))
        .body(r#"{"searchEngine": false}"#)
        .send()
        .await;
    assert_eq!(switched.expect("an answer").status(), 204);
    assert_eq!(site.get("/search/query?q=*").await.0, 500);
}

//! Values framed for a schema registry.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use schemas::{
    Topic,
    codec::{self, WriterId},
};

use crate::{
    kafka::{Kafka, chart},
    memory::{Memory, keys},
};

/// A registry that knows the schema 1 of charts, and is away for the first requests.
#[derive(Clone, Default)]
struct Registry {
    asked: Arc<AtomicUsize>,
    away_for: usize,
}

async fn schema(
    State(registry): State<Registry>,
    Path(id): Path<u32>,
) -> (StatusCode, axum::Json<serde_json::Value>) {
    let asked = registry.asked.fetch_add(1, Ordering::SeqCst);
    let (status, body) = match id {
        _ if asked < registry.away_for => (503, serde_json::json!({"message": "starting"})),
        1 => (200, serde_json::json!({"schema": codec::current_text(Topic::Charts)})),
        2 => (200, serde_json::json!({"schema": "{\"type\": \"object\"}"})),
        id => (
            404,
            serde_json::json!({"error_code": 40403, "message": format!("Schema {id} not found")}),
        ),
    };
    (StatusCode::from_u16(status).expect("status"), axum::Json(body))
}

impl Registry {
    async fn serve(&self) -> String {
        let routes =
            Router::new().route("/api/schemas/ids/{id}", get(schema)).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
        let address = listener.local_addr().expect("address");
        tokio::spawn(async move { axum::serve(listener, routes).await });
        format!("http://{address}")
    }
}

async fn write(kafka: &Kafka, object: &str, schema: u32) {
    let event = chart("app", object, "t");
    let value = codec::encode(&event, WriterId::Registry(schema)).expect("encodes");
    kafka.send(Topic::Charts, 0, Some(event.key().as_bytes()), Some(&value), &[]).await;
}

#[tokio::test]
async fn schemas_are_asked_for_once_and_waited_for() {
    let registry = Registry { away_for: 2, ..Registry::default() };
    let url = registry.serve().await;
    let kafka = Kafka::new(1, &[&format!("kafka.schemaRegistry.url={url}/api")]).await;
    for number in 0..50 {
        write(&kafka, &format!("c{number}"), 1).await;
    }
    let sink = Memory::new();
    let report = kafka.load(&sink).await;
    assert_eq!((report.exit_code, report.total().created), (0, 50), "{report:?}");
    assert_eq!(registry.asked.load(Ordering::SeqCst), 3, "two refusals and one answer");
}

#[tokio::test]
async fn a_schema_that_the_registry_does_not_know_is_a_dead_letter() {
    let registry = Registry::default();
    let url = registry.serve().await;
    let kafka = Kafka::new(1, &[&format!("kafka.schemaRegistry.url={url}/api")]).await;
    for (object, schema) in [("c1", 1), ("c2", 99), ("c3", 2), ("c4", 99), ("c5", 1)] {
        write(&kafka, object, schema).await;
    }
    let sink = Memory::new();
    let report = kafka.load(&sink).await;
    assert_eq!((report.exit_code, report.total().dead), (1, 3), "{report:?}");
    assert_eq!(sink.keys(), keys(&[chart("app", "c1", ""), chart("app", "c5", "")]));
    let reasons: Vec<_> = report.dead.iter().map(|dead| dead.reason.as_str()).collect();
    assert!(reasons[0].contains("Schema 99 not found"), "{reasons:?}");
    assert!(reasons[1].contains("no Avro schema"), "{reasons:?}");
    assert_eq!(registry.asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_page_that_is_no_registry_stops_the_loader() {
    let url = Registry::default().serve().await;
    let kafka = Kafka::new(1, &[&format!("kafka.schemaRegistry.url={url}/wrong")]).await;
    write(&kafka, "c1", 1).await;
    let sink = Memory::new();
    let report = kafka.load(&sink).await;
    assert_eq!((report.ended, report.exit_code), ("failed", 3), "{report:?}");
    let error = report.error.expect("reason");
    assert!(error.contains("kafka.schemaRegistry"), "{error}");
    assert!(kafka.committed().await.is_empty());
}

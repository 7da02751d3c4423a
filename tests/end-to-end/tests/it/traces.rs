//! With the feature `otel` both stages send their spans to the collector that the environment names.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, body::Bytes, http::HeaderMap, http::StatusCode, routing::post};
use end_to_end::stage;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message as _;

use crate::world::World;

/// What was received: the span, and the service that it is of.
type Received = Arc<Mutex<Vec<(String, Span)>>>;

/// A collector, as far as spans need one. Returns its URL.
async fn collector() -> (String, Received) {
    let received = Received::default();
    let spans = Arc::clone(&received);
    let take = move |headers: HeaderMap, body: Bytes| async move {
        let is_protobuf =
            headers.get("content-type").is_some_and(|it| it == "application/x-protobuf");
        let is_signed_in = headers.get("x-tenant").is_some_and(|it| it == "qlik");
        let Ok(request) = ExportTraceServiceRequest::decode(body) else {
            return StatusCode::BAD_REQUEST;
        };
        if !is_protobuf || !is_signed_in {
            return StatusCode::FORBIDDEN;
        }
        let mut spans = spans.lock().unwrap_or_else(PoisonError::into_inner);
        for resource in request.resource_spans {
            let attributes = resource.resource.map(|resource| resource.attributes);
            let service = text(attributes.as_deref().unwrap_or_default(), "service.name");
            let of_scopes = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.extend(of_scopes.map(|span| (service.clone(), span)));
        }
        StatusCode::OK
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let routes = Router::new().route("/v1/traces", post(take));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (format!("http://{address}"), received)
}

/// The text of an attribute; empty when there is none.
fn text(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|it| it.value.as_ref()).and_then(|it| it.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        _ => String::new(),
    }
}

/// Spans of a service.
struct Spans(BTreeMap<Vec<u8>, Span>);

impl Spans {
    fn of(received: &Received, service: &str) -> Self {
        let received = received.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = received.iter().filter(|(of, _)| of == service);
        Self(ours.map(|(_, span)| (span.span_id.clone(), span.clone())).collect())
    }

    fn named(&self, name: &str) -> Vec<&Span> {
        let found: Vec<_> = self.0.values().filter(|span| span.name == name).collect();
        let names: Vec<_> = self.0.values().map(|span| &span.name).collect();
        assert!(!found.is_empty(), "no span `{name}` among {names:?}");
        found
    }

    /// Names from the root to a span.
    fn path(&self, span: &Span) -> Vec<String> {
        let mut path = vec![span.name.clone()];
        let mut parent = &span.parent_span_id;
        while let Some(span) = self.0.get(parent) {
            path.insert(0, span.name.clone());
            parent = &span.parent_span_id;
        }
        assert!(parent.is_empty(), "the parent of {path:?} was not sent");
        path
    }
}

async fn traced(world: &World, stage: &str, args: &[&str], endpoint: &str) -> stage::Ended {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=qlik"),
    ];
    let child = stage::start_with(stage, &world.config, args, &variables);
    stage::finish(child).await
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_show_where_the_time_goes() {
    let world = World::with_sample_apps().await;
    let (endpoint, received) = collector().await;
    let ended = traced(&world, "extractor", &["run", "--once"], &endpoint).await.with_code(0);
    assert!(!ended.stderr.contains("run_id"), "spans are not in log lines: {}", ended.stderr);
    let ended = traced(&world, "loader", &["run", "--until-end"], &endpoint).await.with_code(0);
    assert!(!ended.stderr.contains("http.request"), "spans are not in log lines: {}", ended.stderr);

    let spans = Spans::of(&received, "extractor");
    assert_eq!(spans.named("run").len(), 1);
    let apps = spans.named("app");
    assert_eq!(apps.len(), world.apps.len());
    for app in apps {
        assert!(world.apps.contains_key(&text(&app.attributes, "app")), "{app:?}");
        assert_eq!(text(&app.attributes, "outcome"), "read");
        assert_eq!(spans.path(app), ["run", "app"]);
    }
    for name in ["publish", "engine: objects", "rest: data model"] {
        for span in spans.named(name) {
            assert_eq!(spans.path(span), ["run", "app", name]);
        }
    }
    assert_eq!(spans.path(spans.named("list of apps")[0]), ["run", "list of apps"]);

    let spans = Spans::of(&received, "loader");
    for span in spans.named("stage") {
        assert_eq!(spans.path(span), ["batch", "stage"]);
    }
    let requests = spans.named("request");
    let of_stages =
        requests.iter().filter(|span| spans.path(span) == ["batch", "stage", "request"]);
    assert!(of_stages.count() > 0, "requests are made by stages");
    let methods = requests.iter().map(|span| text(&span.attributes, "http.request.method"));
    assert!(methods.clone().any(|method| method == "GET"));
    assert!(methods.clone().any(|method| method == "PUT" || method == "POST"));
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_without_a_collector_cost_no_run() {
    let world = World::with_sample_apps().await;
    // Nobody listens on the port of discard.
    let ended = traced(&world, "extractor", &["run", "--once"], "http://127.0.0.1:9").await;
    let ended = ended.with_code(0);
    assert!(ended.stderr.contains("OTLP export"), "the operator is told: {}", ended.stderr);
    assert_eq!(world.extract(&[]).await["apps_read"], serde_json::json!(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_over_grpc_are_refused_at_the_start() {
    let world = World::with_sample_apps().await;
    for stage in ["extractor", "loader"] {
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ];
        let child = stage::start_with(stage, &world.config, &["check"], &variables);
        let ended = stage::finish(child).await.with_code(2);
        assert!(ended.stderr.contains("http/protobuf"), "{}", ended.stderr);
    }
}

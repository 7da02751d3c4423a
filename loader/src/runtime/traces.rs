//! OpenTelemetry traces (feature `otel`), configured by the standard `OTEL_…` variables alone.
//!
//! Spans are sent by a thread of the SDK; a collector that is away costs spans and a line in the log,
//! never a run.

use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

/// What sends the spans; `None` when the environment does not ask for it.
pub(super) fn provider() -> Result<Option<SdkTracerProvider>, String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
    if !is_wanted(&variable)? {
        return Ok(None);
    }
    let exporter = SpanExporter::builder().with_http().build();
    let exporter = exporter.map_err(|error| format!("failed to set up traces: {error}"))?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let mut resource = Resource::builder().with_attribute(version);
    let attributes = variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    if variable("OTEL_SERVICE_NAME").is_none() && !attributes.contains("service.name=") {
        resource = resource.with_service_name(env!("CARGO_PKG_NAME"));
    }
    let provider = SdkTracerProvider::builder().with_resource(resource.build());
    Ok(Some(provider.with_batch_exporter(exporter).build()))
}

/// Whether a collector is named. The standard's default, a collector on this machine, is not assumed:
/// most machines have none.
fn is_wanted(variable: &dyn Fn(&str) -> Option<String>) -> Result<bool, String> {
    if variable("OTEL_SDK_DISABLED").is_some_and(|text| text.trim().eq_ignore_ascii_case("true")) {
        return Ok(false);
    }
    let is_asked_for = match variable("OTEL_TRACES_EXPORTER").as_deref().map(str::trim) {
        Some("none") => return Ok(false),
        Some("otlp") => true,
        None => ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]
            .iter()
            .any(|name| variable(name).is_some()),
        Some(other) => {
            return Err(format!(
                "`OTEL_TRACES_EXPORTER={other}` is not supported; use `otlp` or `none`"
            ));
        }
    };
    if !is_asked_for {
        return Ok(false);
    }
    let protocols = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
    match protocols.iter().find_map(|name| variable(name)) {
        Some(protocol) if protocol.trim() != "http/protobuf" => Err(format!(
            "`OTEL_EXPORTER_OTLP_PROTOCOL={protocol}` is not supported; use `http/protobuf`, which collectors take on port 4318"
        )),
        _ => Ok(true),
    }
}

/// Turns our spans, and nobody else's, into those of OpenTelemetry.
pub(super) fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(env!("CARGO_PKG_NAME")))
        .with_location(false)
        .with_threads(false)
        .with_filter(filter_fn(|metadata| {
            metadata.is_span() && metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
        }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], expected: Result<bool, &str>) {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned())
        };
        match (is_wanted(&variable), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{variables:?}"),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            (found, _) => panic!("{found:?} for {variables:?}"),
        }
    }

    #[test]
    fn the_environment_decides() {
        const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        check(&[], Ok(false));
        check(&[ENDPOINT], Ok(true));
        check(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318/v1/traces")], Ok(true));
        check(&[("OTEL_TRACES_EXPORTER", "otlp")], Ok(true));
        check(&[("OTEL_TRACES_EXPORTER", "none"), ENDPOINT], Ok(false));
        check(&[("OTEL_SDK_DISABLED", "TRUE"), ENDPOINT], Ok(false));
        check(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), ENDPOINT], Ok(true));
        check(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ENDPOINT], Err("4318"));
        check(&[("OTEL_TRACES_EXPORTER", "zipkin")], Err("zipkin"));
    }
}

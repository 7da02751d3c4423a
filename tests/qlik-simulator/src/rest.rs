//! The engine's REST routes: `/api/v1/apps/{id}/data/metadata`, `…/data/lineage`, and the same
//! below `/v1`.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::http;
use crate::settings::Rest;
use crate::site::Site;

/// The app and part of a REST path; `None` when it is another path.
pub(crate) fn route(path: &str) -> Option<(&str, Part)> {
    let rest = path.strip_prefix("/api/v1/apps/").or_else(|| path.strip_prefix("/v1/apps/"))?;
    let (id, part) = rest.split_once('/')?;
    match part {
        "data/metadata" => Some((id, Part::Metadata)),
        "data/lineage" => Some((id, Part::Lineage)),
        _ => None,
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The data model.
    Metadata,
    /// The lineage.
    Lineage,
}

/// Answers a REST request.
pub(crate) async fn answer(site: &Arc<Site>, path: &str, id: &str, part: Part) -> Response<Body> {
    let name = match part {
        Part::Metadata => "GET /api/v1/apps/{id}/data/metadata",
        Part::Lineage => "GET /api/v1/apps/{id}/data/lineage",
    };
    if let Some(fault) = http::begin(site, Some(id), name).await {
        return fault;
    }
    let mode = site.behaviour().rest;
    let content = match mode {
        Rest::CannotGet => return http::cannot_get(path),
        Rest::NotFound => return not_found(),
        Rest::Empty => return http::json(StatusCode::OK, &nothing(part)),
        Rest::Present | Rest::EmptyWhenMissing => site.app(id).and_then(|app| {
            let metadata = app.content.bundle.data_metadata.as_ref()?;
            Some(match part {
                Part::Metadata => metadata.clone(),
                Part::Lineage => app
                    .keys
                    .lineage
                    .iter()
                    .map(|entry| {
                        json!({"discriminator": entry.discriminator, "statement": entry.statement})
                    })
                    .collect(),
            })
        }),
    };
    match content {
        Some(content) => http::json(StatusCode::OK, &content),
        None if mode == Rest::EmptyWhenMissing && site.app(id).is_some() => {
            http::json(StatusCode::OK, &nothing(part))
        }
        None => not_found(),
    }
}

fn not_found() -> Response<Body> {
    let error = json!({"errors": [{"code": "HTTP-404", "title": "Not found"}]});
    http::json(StatusCode::NOT_FOUND, &error)
}

fn nothing(part: Part) -> Value {
    match part {
        Part::Lineage => json!([]),
        Part::Metadata => json!({
            "reload_meta": {
                "cpu_time_spent_ms": 0,
                "hardware": {"logical_cores": 0, "total_memory": 0},
                "peak_memory_bytes": 0,
            },
            "static_byte_size": 0,
            "fields": [],
            "tables": [],
        }),
    }
}

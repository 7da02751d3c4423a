//! The simulator's own paths (`/simulator/…`, no token) and the admin port.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::catalogue;
use crate::faults::Fault;
use crate::http::Answer;
use crate::render::writer::Object;
use crate::server::Served;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Switches {
    latency_millis: Option<u64>,
    search_engine: Option<bool>,
    #[serde(default)]
    reindex: bool,
}

/// Answers a request to the simulator itself.
pub(crate) fn answer(served: &Served, method: &str, path: &str, body: &[u8]) -> Answer {
    let done = || Answer::empty(204);
    match (method, path) {
        ("GET", "/simulator/requests") => Answer::json(200, &json!(served.log.requests())),
        ("GET", "/simulator/counts") => Answer::json(200, &json!(served.log.counts())),
        ("DELETE", "/simulator/requests" | "/simulator/counts") => {
            served.log.clear();
            done()
        }
        ("GET", "/simulator/catalogue") => Answer::json(200, &catalogue::masked(&served.api)),
        ("GET", "/simulator/versions") => {
            Answer::json(200, &json!(catalogue::versions(&served.api)))
        }
        ("GET", "/simulator/faults") => Answer::json(200, &json!(served.faults.active())),
        ("DELETE", "/simulator/faults") => {
            served.faults.clear();
            done()
        }
        ("PUT", "/simulator/faults") => match set_faults(served, body) {
            Ok(()) => done(),
            Err(error) => Answer::json(400, &json!({ "message": error })),
        },
        ("PUT", "/simulator/switches") => match serde_json::from_slice::<Switches>(body) {
            Ok(switches) => {
                if let Some(millis) = switches.latency_millis {
                    served.faults.set_latency(Duration::from_millis(millis));
                }
                if let Some(up) = switches.search_engine {
                    served.faults.set_search_engine(up);
                }
                if switches.reindex {
                    served.faults.reindex();
                }
                done()
            }
            Err(error) => Answer::json(400, &json!({ "message": error.to_string() })),
        },
        _ => Answer::json(404, &json!({ "message": format!("no such path: {method} {path}") })),
    }
}

/// Replaces the faults by the list in `body`.
fn set_faults(served: &Served, body: &[u8]) -> Result<(), String> {
    let faults: Vec<Fault> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    served.faults.replace(faults).map_err(|error| error.to_string())
}

/// The admin port: Dropwizard's `/ping` and `/healthcheck`.
pub(crate) fn admin(path: &str) -> Answer {
    match path {
        "/ping" => Answer::text(200, "pong\n".to_owned()),
        "/healthcheck" => {
            let timestamp = format!("{:.3}", jiff::Timestamp::now());
            let mut out = Vec::new();
            let mut checks = Object::new(&mut out);
            for name in ["OpenMetadataServerHealthCheck", "database", "deadlocks"] {
                let mut check = Object::new(checks.key(name));
                check.flag("healthy", true);
                check.number("duration", 0);
                check.text("timestamp", &timestamp);
                check.end();
            }
            checks.end();
            Answer::raw_json(200, out)
        }
        _ => Answer::empty(404),
    }
}

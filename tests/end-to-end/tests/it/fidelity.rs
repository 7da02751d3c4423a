//! What bites on real sites, each through `plan` on the simulator.

mod access;
mod answers;
mod objects;
mod sessions;

use qlik_simulator::{
    Behaviour, Bundle, Effect, Fault, Latencies, Opening, Rest, ScriptAccess, Settings,
};
use serde_json::{Value, json};

use crate::{
    site::{self, Plan, Site},
    world,
};

/// An app of one sheet with these children.
fn app_with(children: Value) -> Value {
    json!({
        "app": {"qTitle": "App", "qLastReloadTime": "2026-01-02T03:04:05.000Z"},
        "objects": [sheet("s", children)],
        "script": "LOAD A, B FROM [lib://x/y.qvd] (qvd);",
        "data_metadata": {"reload_meta": {"cpu_time_spent_ms": 1}, "static_byte_size": 1,
            "fields": [{"name": "A", "src_tables": ["T"]}, {"name": "B", "src_tables": ["T"]}],
            "tables": [{"name": "T", "no_of_rows": 1}]},
    })
}

fn sheet(id: &str, children: Value) -> Value {
    json!({"qProperty": {"qInfo": {"qId": id, "qType": "sheet"}, "qMetaDef": {"title": "Sheet"}},
        "qChildren": children})
}

fn object(id: &str, visualization: &str, properties: Value) -> Value {
    let mut property =
        json!({"qInfo": {"qId": id, "qType": visualization}, "visualization": visualization});
    let extra = properties.as_object().expect("an object").clone();
    property.as_object_mut().expect("an object").extend(extra);
    json!({"qProperty": property, "qChildren": []})
}

fn cube(dimension: &str, measure: &str) -> Value {
    json!({"qDimensions": [{"qDef": {"qFieldDefs": [dimension]}}], "qMeasures": [{"qDef": {"qDef": measure}}]})
}

async fn planned(bundle: Value) -> Plan {
    Site::with_app(bundle).await.plan().await
}

fn behave(site: &Site, change: impl FnOnce(&mut Behaviour)) {
    site.running.control().set_behaviour(change);
}

/// Keys and values without what differs between two runs.
fn content(plan: &Plan) -> Value {
    let mut content = json!(plan.events);
    for value in content.as_object_mut().expect("a map").values_mut() {
        value.as_object_mut().expect("an event").remove("observed_at");
    }
    content
}

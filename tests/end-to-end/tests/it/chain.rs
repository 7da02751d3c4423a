//! What arrives: every sheet, chart, table and field of every app, ids and types right.

use std::collections::{BTreeMap, BTreeSet};

use end_to_end::expected::{self, Expected};
use schemas::{Event, Topic, event::DataModelKind};
use serde_json::Value;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_apps_arrive_whole() {
    let world = World::with_sample_apps().await;
    check_whole(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_apps_arrive_whole() {
    let Some(folder) = expected::real_apps() else {
        println!("skipped: there is no folder with real apps beside the workspace");
        return;
    };
    let world = World::with_apps(&folder).await;
    assert!(world.apps.len() >= 12, "{:?}", world.apps.keys());
    check_whole(&world).await;
}

async fn check_whole(world: &World) {
    world.extract(&[]).await;
    check_events(world);
    world.load(&[]).await;
    check_catalogue(world);
}

fn check_events(world: &World) {
    let dashboards = world.broker.events(Topic::Dashboards);
    let charts = world.broker.events(Topic::Charts);
    let models = world.broker.events(Topic::DataModels);
    assert_eq!(dashboards.len(), world.apps.len());
    for (id, app) in &world.apps {
        let key = world.key(id);
        let Some(Event::Dashboard(dashboard)) = dashboards.get(&key) else {
            panic!("no dashboard {key}")
        };
        assert_eq!(dashboard.title, app.title);
        let sheets: BTreeMap<_, _> = dashboard
            .sheets
            .iter()
            .map(|sheet| (sheet.id.clone(), sheet.title.clone().unwrap_or_default()))
            .collect();
        assert_eq!(sheets, app.sheets, "sheets of {}", app.title);
        let on_sheets: BTreeSet<_> =
            dashboard.sheets.iter().flat_map(|sheet| sheet.chart_ids.clone()).collect();
        assert_eq!(
            on_sheets,
            app.charts.keys().cloned().collect(),
            "charts on the sheets of {}",
            app.title
        );

        let found: BTreeMap<_, _> = charts
            .values()
            .filter_map(|event| match event {
                Event::Chart(chart) if chart.app_id == *id => Some((
                    chart.object_id.clone(),
                    expected::ExpectedChart {
                        sheet: chart.sheet_id.clone(),
                        visualization: chart.visualization.clone(),
                        columns: chart.dimensions.len() + chart.measures.len(),
                    },
                )),
                _ => None,
            })
            .collect();
        assert_eq!(found, app.charts, "charts of {}", app.title);
        check_models(id, app, &models, &dashboard.data_model_keys);
    }
}

fn check_models(id: &str, app: &Expected, models: &BTreeMap<String, Event>, keys: &[String]) {
    let mut tables = BTreeMap::new();
    let mut master_items = 0;
    let mut found = BTreeSet::new();
    for (key, event) in models {
        let Event::DataModel(model) = event else { panic!("{key} is no data model") };
        if model.app_id.as_deref() != Some(id) {
            continue;
        }
        found.insert(key.clone());
        let fields: BTreeSet<_> = model.fields.iter().map(|field| field.name.clone()).collect();
        match model.kind {
            DataModelKind::Table => {
                drop(tables.insert(model.table.clone().unwrap_or_default(), fields))
            }
            DataModelKind::MasterItems => master_items = model.fields.len(),
            DataModelKind::File => panic!("{key}: a file belongs to no app"),
        }
    }
    assert_eq!(tables, app.tables, "tables of {}", app.title);
    assert_eq!(master_items, app.master_items, "master items of {}", app.title);
    assert_eq!(found, keys.iter().cloned().collect(), "data model keys of {}", app.title);
}

fn check_catalogue(world: &World) {
    let dashboards = world.entities("dashboards");
    let charts = world.entities("charts");
    let models = world.entities("dashboard/datamodels");
    assert_eq!(dashboards.len(), world.apps.len());
    for (id, app) in &world.apps {
        let dashboard = &dashboards[id.as_str()];
        assert_eq!(dashboard["displayName"], app.title.as_str());
        let names = |list: &Value| -> BTreeSet<String> {
            list.as_array()
                .into_iter()
                .flatten()
                .filter_map(|end| end["name"].as_str().map(str::to_owned))
                .collect()
        };
        let expected: BTreeSet<_> =
            app.charts.keys().map(|object| format!("{id}_{object}")).collect();
        assert_eq!(names(&dashboard["charts"]), expected, "charts linked to {}", app.title);
        for name in &expected {
            let chart = &charts[name.as_str()];
            assert!(chart["displayName"].as_str().is_some_and(|name| !name.is_empty()), "{chart}");
        }
        let mut expected: BTreeSet<_> =
            app.tables.keys().map(|table| format!("{id}_{table}")).collect();
        if app.master_items > 0 {
            expected.insert(format!("{id}_(master items)"));
        }
        assert_eq!(
            names(&dashboard["dataModels"]),
            expected,
            "data models linked to {}",
            app.title
        );
        for (table, fields) in &app.tables {
            let model = &models[format!("{id}_{table}").as_str()];
            let columns = model["columns"].as_array().expect("columns");
            let columns: BTreeSet<_> =
                columns.iter().filter_map(|column| column["name"].as_str()).collect();
            assert_eq!(columns, fields.iter().map(String::as_str).collect(), "columns of {table}");
        }
    }
}

/// Copies of an app share all sheet, object and table ids.
#[tokio::test(flavor = "multi_thread")]
async fn two_copies_of_an_app_stay_two() {
    let world = World::with_sample_apps().await;
    let (original, copy) = world.copy.clone().expect("the samples have a copy");
    assert_eq!(world.apps[&original].charts, world.apps[&copy].charts);
    world.extract(&[]).await;
    world.load(&[]).await;
    let dashboards = world.entities("dashboards");
    let charts = world.entities("charts");
    let models = world.entities("dashboard/datamodels");
    for id in [&original, &copy] {
        let own = |entities: &BTreeMap<String, Value>| {
            entities.keys().filter(|name| name.starts_with(&format!("{id}_"))).count()
        };
        assert!(dashboards.contains_key(id));
        assert_eq!(own(&charts), world.apps[id].charts.len());
        assert!(own(&models) >= world.apps[id].tables.len());
        assert!(own(&models) > 0);
    }
}

/// Everything of one app lies in one partition number, and its dashboard event comes last.
#[tokio::test(flavor = "multi_thread")]
async fn records_lie_where_the_contract_says() {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let mut partitions: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
    let mut newest: BTreeMap<String, String> = BTreeMap::new();
    for topic in Topic::STATE {
        for record in world.broker.records(topic) {
            let parts = schemas::key::parse(world.service(), &record.key).expect("a key of ours");
            partitions.entry(parts.app_id.to_owned()).or_default().insert(record.partition);
            for header in [
                "ce_specversion",
                "ce_id",
                "ce_source",
                "ce_type",
                "ce_time",
                "content-type",
                "run-id",
            ] {
                assert!(record.headers.contains_key(header), "{topic} {}: no {header}", record.key);
            }
            assert_eq!(record.headers["content-hash"].len(), 32);
            let is_dashboard = topic == Topic::Dashboards;
            assert_eq!(record.headers.contains_key("extract-fingerprint"), is_dashboard);
            // Ids are UUIDs of version 7: their order is that of time.
            let id = record.headers["ce_id"].clone();
            let key = format!("{}{}", if is_dashboard { "dashboard " } else { "" }, parts.app_id);
            let newest = newest.entry(key).or_default();
            *newest = newest.clone().max(id);
        }
    }
    for id in world.apps.keys() {
        assert_eq!(partitions[id].len(), 1, "{id} lies in {:?}", partitions[id]);
        if let Some(other) = newest.get(id) {
            assert!(
                newest[&format!("dashboard {id}")] > *other,
                "the dashboard event of {id} is not the last"
            );
        }
    }
}

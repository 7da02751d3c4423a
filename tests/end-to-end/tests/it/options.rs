//! Every option of OpenMetadata's dashboard workflow does what it says there.

use schemas::Topic;
use serde_json::json;

use crate::{
    site::{self, Site},
    world::World,
};

/// Indices of the sample apps that arrive.
async fn arriving(site: &Site) -> Vec<usize> {
    let plan = site.plan().await;
    let ids = site::sample_apps().iter().map(qlik_simulator::Bundle::id).collect::<Vec<_>>();
    (0..ids.len()).filter(|index| !plan.keys(&ids[*index]).is_empty()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_by_name_stream_and_publication() {
    let mut site = Site::with_sample_apps().await;
    let apps = site::sample_apps();
    let titles: Vec<String> = apps.iter().map(qlik_simulator::Bundle::title).collect();
    let all: Vec<usize> = (0..apps.len()).collect();
    let where_ = |test: &dyn Fn(usize) -> bool| {
        all.iter().copied().filter(|&it| test(it)).collect::<Vec<_>>()
    };
    assert_eq!(arriving(&site).await, all);

    let pattern = json!({"includes": ["sales", "BUDGET.*"], "excludes": [".*etl"]});
    site.pipeline()["dashboardFilterPattern"] = pattern;
    let lower = |index: usize| titles[index].to_lowercase();
    let expected = where_(&|it| {
        (lower(it).starts_with("sales") || lower(it).starts_with("budget"))
            && !lower(it).contains("etl")
    });
    assert!(!expected.is_empty() && expected.len() < all.len(), "{titles:?}");
    assert_eq!(arriving(&site).await, expected, "{titles:?}");
    site.pipeline()["dashboardFilterPattern"] = json!(null);

    let streams: Vec<_> = apps.iter().map(|app| app.site.stream.clone()).collect();
    let stream = streams.iter().flatten().next().expect("a stream").clone();
    let of_stream = where_(&|it| streams[it].as_deref() == Some(stream.as_str()));
    site.pipeline()["projectFilterPattern"] = json!({"includes": [stream.to_uppercase()]});
    assert_eq!(arriving(&site).await, of_stream, "{streams:?}");
    site.pipeline()["projectFilterPattern"] = json!({"excludes": [stream]});
    assert_eq!(arriving(&site).await, where_(&|it| !of_stream.contains(&it)), "{streams:?}");
    site.pipeline()["projectFilterPattern"] = json!(null);

    site.pipeline()["includeDraftDashboard"] = false.into();
    let published = where_(&|it| streams[it].is_some());
    assert!(published.len() < all.len(), "{streams:?}");
    assert_eq!(arriving(&site).await, published, "{streams:?}");
}

/// An app with two charts and two tables, a tag and an owner.
fn bundle() -> serde_json::Value {
    let chart = |id: &str, title: &str| {
        json!({"qProperty": {"qInfo": {"qId": id, "qType": "barchart"}, "visualization": "barchart",
            "title": title, "qHyperCubeDef": {"qDimensions": [{"qDef": {"qFieldDefs": ["A"]}}],
            "qMeasures": [{"qDef": {"qDef": "Sum(B)"}}]}}, "qChildren": []})
    };
    json!({
        "app": {"qTitle": "Sales", "qLastReloadTime": "2026-01-02T03:04:05.000Z"},
        "objects": [{"qProperty": {"qInfo": {"qId": "s", "qType": "sheet"}, "qMetaDef": {"title": "S"},
            "cells": [{"name": "c1"}, {"name": "c2"}]},
            "qChildren": [chart("c1", "Revenue"), chart("c2", "Tmp revenue")]}],
        "measures": [{"qInfo": {"qId": "m", "qType": "measure"}, "qMeasure": {"qLabel": "M", "qDef": "Sum(B)"},
            "qMetaDef": {"title": "M", "tags": ["t"]}}],
        "script": "LOAD A, B FROM [lib://x/y.qvd] (qvd);",
        "data_metadata": {"reload_meta": {"cpu_time_spent_ms": 1}, "static_byte_size": 1,
            "fields": [{"name": "A", "src_tables": ["Facts"]}, {"name": "B", "src_tables": ["Facts"]},
                {"name": "C", "src_tables": ["Tmp facts"]}],
            "tables": [{"name": "Facts", "no_of_rows": 1}, {"name": "Tmp facts", "no_of_rows": 1}]},
        "site": {"stream": "Finance", "tags": ["Certified"], "custom_properties": {"Area": ["North"]},
            "owner": {"directory": "CORP", "id": "dana", "email": "dana@corp.example"}},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_and_tables_by_name() {
    let mut site = Site::with_app(bundle()).await;
    let plan = site.plan().await;
    let expected = ["app", "app/(master items)", "app/Facts", "app/Tmp facts", "app/c1", "app/c2"];
    let nodes = |plan: &site::Plan| {
        let keys = plan.keys("app").into_iter().map(str::to_owned);
        // Edges have hashes for keys.
        keys.filter(|key| key.len() < 20).collect::<Vec<_>>()
    };
    assert_eq!(nodes(&plan), expected);

    site.pipeline()["chartFilterPattern"] = json!({"excludes": ["tmp"]});
    site.pipeline()["dataModelFilterPattern"] = json!({"includes": ["facts"]});
    let plan = site.plan().await;
    assert_eq!(nodes(&plan), ["app", "app/(master items)", "app/Facts", "app/c1"]);
    let dashboard = plan.event("app");
    assert_eq!(dashboard["sheets"][0]["chart_ids"], json!(["c1"]));
    assert!(!dashboard["data_model_keys"].to_string().contains("Tmp"), "{dashboard}");
    assert!(
        !format!("{:?}", plan.events.values()).contains("c2"),
        "no edge to what is filtered out"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_tags_and_data_models() {
    let mut site = Site::with_app(bundle()).await;
    site.connection()["dataModelFilterPattern"] = json!({"excludes": ["Tmp"]});
    let plan = site.plan().await;
    let dashboard = plan.event("app");
    assert_eq!(dashboard["owner"]["email"], "dana@corp.example");
    assert_eq!(dashboard["tags"], json!(["Certified"]));
    assert!(dashboard["custom_properties"].to_string().contains("North"), "{dashboard}");
    assert_eq!(plan.keys("app/Tmp").len(), 0, "the connection's pattern is the default");

    // What OpenMetadata does without them: no owners, with tags.
    site.pipeline()["includeOwners"] = json!(null);
    site.pipeline()["includeTags"] = json!(null);
    let plan = site.plan().await;
    assert_eq!(plan.event("app")["owner"], json!(null));
    assert_eq!(plan.event("app")["tags"], json!(["Certified"]));

    site.pipeline()["includeTags"] = false.into();
    site.pipeline()["includeDataModels"] = false.into();
    let plan = site.plan().await;
    assert_eq!(plan.event("app")["tags"], json!([]));
    assert_eq!(plan.event("app")["custom_properties"], json!([]));
    assert_eq!(plan.keys("app"), ["app", "app/c1", "app/c2"], "neither data models nor lineage");
}

/// What a later run no longer sees becomes a tombstone, unless `markDeleted…` says that it is kept.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_is_deleted_unless_it_is_kept() {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let count = |topic| world.broker.events(topic).len();
    let pipeline = "source.sourceConfig.config";
    let set = |text: &str| format!("{pipeline}.{text}");
    for (topic, pattern, keep) in [
        (Topic::Charts, "chartFilterPattern.excludes=['.*']", "markDeletedCharts=false"),
        (
            Topic::DataModels,
            "dataModelFilterPattern.excludes=['.*']",
            "markDeletedDataModels=false",
        ),
    ] {
        let before = count(topic);
        let (pattern, keep) = (set(pattern), set(keep));
        world.extract(&["--set", &pattern, "--set", &keep]).await;
        assert_eq!(count(topic), before, "{keep}");
        world.extract(&["--set", &pattern]).await;
        assert!(count(topic) < before, "{pattern}");
        world.extract(&[]).await;
        assert_eq!(count(topic), before);
    }
    let gone = world.apps.keys().next().expect("an app").clone();
    world.remove_app(&gone);
    let before = count(Topic::Dashboards);
    world.extract(&["--set", &set("markDeletedDashboards=false")]).await;
    assert_eq!(count(Topic::Dashboards), before);
    world.extract(&[]).await;
    assert_eq!(count(Topic::Dashboards), before - 1);
}

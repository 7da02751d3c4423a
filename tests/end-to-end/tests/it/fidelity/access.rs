//! What a user may read of an app, and where its script and data model come from.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn script_and_rights() {
    let site = Site::with_sample_apps().await;
    let hash = |plan: &Plan| {
        let id = site::sample_apps()[0].id();
        plan.event(&id)["script_hash"].clone()
    };
    let full = hash(&site.plan().await);
    assert!(full.is_string());
    behave(&site, |behaviour| behaviour.script_access = ScriptAccess::ReadOnly);
    assert_eq!(hash(&site.plan().await), full, "`GetScriptEx` needs less");
    behave(&site, |behaviour| behaviour.script_access = ScriptAccess::Denied);
    let plan = site.plan().await;
    assert_eq!(hash(&plan), json!(null));
    assert!(plan.report["notices"].to_string().contains("script"), "{}", plan.report);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_script_and_names_with_any_character() {
    let mut bundle = app_with(json!([object(
        "c/1 ä\"",
        "barchart",
        json!({
            "title": "50 % of \"x\" / 'y' \u{1F600}\nline", "qHyperCubeDef": cube("[A]", "Sum(B)"),
        })
    )]));
    bundle["script"] = format!("// {}\nLOAD 1 AS A AUTOGENERATE 1;", "x".repeat(20 << 20)).into();
    bundle["app"]["qTitle"] = "Ünïcode / \"app\" :: 50 %\u{1F600}".into();
    bundle["data_metadata"]["tables"][0]["name"] = "T / \"1\" ä::b".into();
    bundle["data_metadata"]["fields"][0]["src_tables"][0] = "T / \"1\" ä::b".into();
    let plan = planned(bundle).await;
    assert_eq!(plan.event("app")["title"], "Ünïcode / \"app\" :: 50 %\u{1F600}");
    let chart = plan.event("app/c/1 ä\"");
    assert_eq!(chart["title"], "50 % of \"x\" / 'y' \u{1F600}\nline");
    assert_eq!(chart["url"], "https://qlik.example.com/sense/app/app/sheet/s/state/analysis");
    assert_eq!(plan.event("app/T / \"1\" ä::b")["table"], "T / \"1\" ä::b");
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_without_data() {
    let mut never =
        app_with(json!([object("c", "barchart", json!({"qHyperCubeDef": cube("A", "Sum(B)")}))]));
    never["app"].as_object_mut().expect("an app").remove("qLastReloadTime");
    never["data_metadata"] = json!(null);
    let plan = planned(never).await;
    assert_eq!(plan.event("app/c")["measures"][0]["expression"], "Sum(B)");
    assert_eq!(plan.event("app/c")["measures"][0]["fields"], json!([]));
    assert_eq!(plan.event("app")["last_reload_at"], json!(null));
    assert!(plan.report["notices"].to_string().contains("no data model"), "{}", plan.report);
}

/// Section access refuses the data to everybody: by REST the data model is there all the same; without
/// it the charts' fields are those that the expressions name, and what is missing is said.
#[tokio::test(flavor = "multi_thread")]
async fn apps_whose_data_section_access_refuses() {
    let mut bundle = app_with(json!([object(
        "c",
        "barchart",
        json!({
            "qHyperCubeDef": cube("=Year([Order Date])", "Sum({<Region={'x'}>} B)"),
        })
    )]));
    bundle["site"]["section_access"] = true.into();
    bundle["site"]["denied_with_data"] = json!(["*"]);
    let site = Site::with_app(bundle).await;
    let plan = site.plan().await;
    assert_eq!(plan.event("app")["has_section_access"], true);
    assert_eq!(plan.event("app/c")["measures"][0]["fields"], json!(["B"]));
    assert_eq!(plan.keys("app/T").len(), 1);

    behave(&site, |behaviour| behaviour.rest = Rest::CannotGet);
    let plan = site.plan().await;
    assert_eq!(plan.event("app/c")["measures"][0]["fields"], json!(["B", "Region"]));
    assert_eq!(plan.event("app/c")["dimensions"][0]["fields"], json!(["Order Date"]));
    assert_eq!(plan.keys("app/T").len(), 0);
    let notices = plan.report["notices"].to_string();
    assert!(notices.contains("data model could not be read"), "{notices}");
}

#[tokio::test(flavor = "multi_thread")]
async fn data_models_without_rest() {
    let site = Site::with_sample_apps().await;
    let rest = site.plan().await;
    behave(&site, |behaviour| behaviour.rest = Rest::NotFound);
    let engine = site.plan().await;
    assert_eq!(engine.events.keys().collect::<Vec<_>>(), rest.events.keys().collect::<Vec<_>>());
    assert!(site.running.stats().all_opens().with_data > 0);
}

/// Apps that are read at the same time share what the first of them found out.
#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_asked_once_whether_it_has_data_models_by_rest() {
    let site = Site::with_sample_apps().await;
    behave(&site, |behaviour| behaviour.latencies.http_ms = 100);
    for (rest, requests) in [(Rest::CannotGet, 2), (Rest::Present, site::sample_apps().len())] {
        behave(&site, |behaviour| behaviour.rest = rest);
        site.running.control().reset_stats();
        let plan = site.plan().await;
        let stats = site.running.stats().http_requests;
        let asked = stats.iter().filter(|(route, _)| route.ends_with("data/metadata"));
        let asked: u64 = asked.map(|(_, count)| count).sum();
        assert!(usize::try_from(asked).is_ok_and(|asked| asked <= requests), "{stats:?}");
        let said = plan.stderr.matches("data models by REST").count();
        assert_eq!(said, 1, "{}", plan.stderr);
    }
}

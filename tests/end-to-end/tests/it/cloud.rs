//! Qlik Cloud as the site: through `plan` to events, and `check`.

use qlik_simulator::{CloudSettings, Effect, Fault, Mode, Person, ScriptAccess, Settings};
use serde_json::json;

use crate::site::{self, Site};

/// A tenant whose lists come in pages of two.
async fn tenant() -> Site {
    let mut apps = site::sample_apps();
    // One in a shared space, one in somebody's personal space, the others in managed ones.
    apps[0].site.stream = Some("Workshop".to_owned());
    apps[0].site.space_type = Some("shared".to_owned());
    apps[1].site.stream = None;
    for app in &mut apps[2..] {
        app.site.stream = Some("Finance".to_owned());
    }
    let tokens = vec![("api-key".to_owned(), Person::new("TENANT", "dana"))];
    let mode = Mode::Cloud(CloudSettings { tokens, page: 2 });
    Site::start(Settings { apps, mode, host_name: "localhost".to_owned(), ..Settings::default() })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_arrives_as_a_client_managed_site_does() {
    let tenant = tenant().await;
    let classic = Site::with_sample_apps().await;
    let (cloud, classic) = (tenant.plan().await, classic.plan().await);
    assert_eq!(
        cloud.events.keys().collect::<Vec<_>>(),
        classic.events.keys().collect::<Vec<_>>(),
        "the same apps have the same parts"
    );
    let stats = tenant.running.stats();
    assert!(stats.http_requests["GET /api/v1/items"] > 1, "pages: {:?}", stats.http_requests);
    assert!(!stats.requests.contains_key("GetDocList"), "{:?}", stats.requests);
    assert!(stats.opens.values().all(|opens| opens.with_data == 0), "data models come by REST");
    let reloads = "GET /api/v1/apps/{id}/reloads/metadata";
    assert!(stats.http_requests.contains_key(reloads), "{:?}", stats.http_requests);
}

/// The engine's own lineage is refused here: which files the wildcard was is what the reload says.
#[tokio::test(flavor = "multi_thread")]
async fn reload_metadata_tells_files_times_and_failures() {
    let reloaded = "2026-01-02T03:04:05.000Z";
    let bundle = json!({
        "app": {"qTitle": "App", "qLastReloadTime": reloaded},
        "script": "T: LOAD A FROM [lib://Q/sales_*.qvd] (qvd);",
        "site": {
            "failed_reload_time": "2026-01-03T00:00:00.000Z",
            "connections": [{"name": "Q", "type": "folder", "connection_string": "\\\\h\\q"}],
            "lineage": [{"discriminator": "lib://Q/sales_1.qvd"}, {"discriminator": "lib://Q/other.qvd"}],
        },
        "data_metadata": {"reload_meta": {"cpu_time_spent_ms": 1},
            "fields": [{"name": "A", "src_tables": ["T"]}], "tables": [{"name": "T"}]},
    });
    let tokens = vec![("api-key".to_owned(), Person::new("TENANT", "dana"))];
    let mode = Mode::Cloud(CloudSettings { tokens, page: 2 });
    let apps = vec![site::app(bundle)];
    let host_name = "localhost".to_owned();
    let tenant = Site::start(Settings { apps, mode, host_name, ..Settings::default() }).await;
    tenant.running.control().set_behaviour(|it| it.script_access = ScriptAccess::ReadOnly);
    let plan = tenant.plan().await;
    assert_eq!(plan.event("app")["last_reload_at"], reloaded);
    let edges: Vec<_> =
        plan.events.values().filter(|it| it["origin"] == "ENGINE_LINEAGE").collect();
    assert_eq!(edges.len(), 1, "{:?}", plan.events);
    assert!(edges[0]["from"].to_string().contains("sales_1.qvd"), "{}", edges[0]);
    let notices = plan.report["notices"].to_string();
    for part in ["2026-01-03", "other.qvd"] {
        assert!(notices.contains(part), "{part}: {notices}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spaces_publication_owners_and_links() {
    let tenant = tenant().await;
    let ids: Vec<String> = site::sample_apps().iter().map(qlik_simulator::Bundle::id).collect();
    let plan = tenant.plan().await;
    let app = |index: usize| plan.event(&ids[index]);
    assert_eq!(app(0)["project"]["name"], "Workshop");
    assert_eq!(app(0)["published"], false, "an app of a shared space is not published");
    assert_eq!(app(1)["project"], json!(null));
    assert_eq!(app(2)["project"]["name"], "Finance");
    assert_eq!(app(2)["published"], true, "`published` of a tenant says something else");
    assert!(app(2)["owner"]["id"].as_str().is_some_and(|id| id.starts_with("auth0|")));
    let url = format!("{}/sense/app/{}", tenant.running.rest_url(), ids[0]);
    assert!(app(0)["url"].as_str().is_some_and(|found| found.starts_with(&url)), "{}", app(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn kinds_of_spaces_drafts_and_projects() {
    let mut tenant = tenant().await;
    let ids: Vec<String> = site::sample_apps().iter().map(qlik_simulator::Bundle::id).collect();
    let seen = async |tenant: &Site| {
        let plan = tenant.plan().await;
        ids.iter().map(|id| !plan.keys(id).is_empty()).collect::<Vec<_>>()
    };
    let check = async |tenant: &Site, expected: [bool; 4]| {
        let seen = seen(tenant).await;
        assert_eq!(seen[..4], expected, "{}", tenant.config);
    };
    tenant.connection()["spaceTypes"] = json!(["Managed"]);
    check(&tenant, [false, false, true, true]).await;
    tenant.connection()["spaceTypes"] = json!(["Personal", "shared"]);
    check(&tenant, [true, true, false, false]).await;
    tenant.connection()["spaceTypes"] = json!(null);
    tenant.pipeline()["includeDraftDashboard"] = false.into();
    check(&tenant, [false, false, true, true]).await;
    tenant.pipeline()["includeDraftDashboard"] = true.into();
    tenant.pipeline()["projectFilterPattern"] = json!({"includes": ["work.*"]});
    check(&tenant, [true, false, false, false]).await;
}

/// Whether a kind is wanted is not known without the spaces: nothing may be concluded from absence.
#[tokio::test(flavor = "multi_thread")]
async fn spaces_that_cannot_be_read_make_no_complete_list() {
    let mut tenant = tenant().await;
    tenant.connection()["spaceTypes"] = json!(["Managed"]);
    let refused = Fault::of_method("GET /api/v1/spaces", Effect::Error { code: 403 });
    tenant.running.control().add_fault(refused);
    let plan = tenant.plan().await;
    assert!(plan.events.is_empty(), "{:?}", plan.events.keys());
    assert_eq!(plan.report["list_complete"], false, "{}", plan.report);
    assert!(plan.report.to_string().contains("spaceTypes"), "{}", plan.report);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_has_had_enough_is_waited_for() {
    let tenant = tenant().await;
    for route in ["GET /api/v1/items", "GET /api/v1/apps/{id}/data/metadata"] {
        let busy = Fault::of_method(route, Effect::Error { code: 429 });
        tenant.running.control().add_fault(busy.after(1).times(1));
    }
    let plan = tenant.plan().await;
    assert_eq!(plan.keys("").len(), tenant.plan().await.keys("").len());
    assert!(tenant.running.stats().opens.values().all(|opens| opens.with_data == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_named() {
    let mut tenant = tenant().await;
    tenant.connection()["token"] = "hunter2".into();
    let ended = tenant.run(&["plan"]).await.with_code(3);
    assert!(ended.stderr.contains("config.token"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    tenant.connection()["token"] = json!(null);
    let ended = tenant.run(&["plan"]).await.with_code(2);
    assert!(ended.stderr.contains("config.token"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tries_what_a_tenant_has() {
    let mut tenant = tenant().await;
    let ended = tenant.run(&["check"]).await.with_code(3);
    for (word, step) in [
        ("ok", "tls"),
        ("ok", "websocket"),
        ("ok", "list of apps"),
        ("ok", "open an app"),
        ("ok", "load script"),
        ("ok", "data model"),
        ("skipped", "repository"),
        ("skipped", "session"),
        ("FAILED", "brokers"),
    ] {
        let line =
            ended.stdout.lines().find(|line| line.get(8..).is_some_and(|it| it.starts_with(step)));
        assert!(
            line.is_some_and(|line| line.starts_with(word)),
            "{word} {step} in\n{}",
            ended.stdout
        );
    }
    tenant.connection()["token"] = "hunter2".into();
    let ended = tenant.run(&["check"]).await.with_code(3);
    assert!(ended.stdout.contains("API keys"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("hunter2"), "{}", ended.stdout);
}

//! What bites on real sites, each through `plan` on the simulator.

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

// --- sessions ------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_private_and_do_not_linger() {
    let site = Site::with_sample_apps().await;
    behave(&site, |behaviour| behaviour.linger_ms = Some(1_800_000));
    site.plan().await;
    site.plan().await;
    let stats = site.running.stats();
    assert_eq!((stats.sessions_attached, stats.pings), (0, 0), "{stats:?}");
    assert!(stats.sessions_opened > 8, "{stats:?}");
    // With the ttl of the URL they are gone soon, whatever the site does with others.
    let gone = async {
        while site.running.stats().open_sessions > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), gone).await.expect("sessions end");
}

/// The session that should open the app with its data is attached to the one that had it open without,
/// which would answer an empty data model and no error: it is left for a session of our own.
#[tokio::test(flavor = "multi_thread")]
async fn an_attached_session_is_left() {
    let children = json!([object("c", "barchart", json!({"qHyperCubeDef": cube("A", "Sum(B)")}))]);
    let site = Site::with_app(app_with(children)).await;
    behave(&site, |behaviour| behaviour.rest = Rest::CannotGet);
    let calm = content(&site.plan().await);
    site.running.control().reset_stats();
    // The list of apps, the objects, the data model.
    behave(&site, |behaviour| behaviour.identities_overlooked = 3);
    assert_eq!(content(&site.plan().await), calm);
    let stats = site.running.stats();
    assert_eq!(stats.sessions_attached, 1, "{stats:?}");
    assert!(calm.get("qlik_test/app/T").is_some(), "{calm}");
}

#[tokio::test(flavor = "multi_thread")]
async fn order_of_replies_and_pushed_frames_do_not_matter() {
    let site = Site::with_sample_apps().await;
    behave(&site, |behaviour| {
        behaviour.out_of_order = false;
        behaviour.push_changes = false;
    });
    let calm = content(&site.plan().await);
    behave(&site, |behaviour| {
        behaviour.out_of_order = true;
        behaviour.push_changes = true;
        behaviour.opening = Opening::AfterFirstReply;
        behaviour.latencies = Latencies { round_trip_ms: 3, ..Latencies::default() };
    });
    assert_eq!(content(&site.plan().await), calm);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_limit_lowers_the_parallelism_and_everything_arrives() {
    let mut site =
        Site::start(Settings { apps: site::sample_apps(), copies: 4, ..Settings::default() }).await;
    site.config["extractor"]["concurrency"] = 4.into();
    site.config["extractor"]["sessionTtl"] = 1.into();
    site.config["extractor"]["sessionLimitBackoff"] = "2s".into();
    behave(&site, |behaviour| behaviour.session_limit = Some(2));
    let limited = site.plan().await;
    let stats = site.running.stats();
    assert!(stats.sessions_refused > 0, "{stats:?}");
    assert_eq!(limited.report["apps_failed"], json!([]), "{}", limited.report);
    behave(&site, |behaviour| behaviour.session_limit = None);
    assert_eq!(content(&site.plan().await), content(&limited));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_request_is_repeated() {
    let site = Site::with_sample_apps().await;
    let calm = content(&site.plan().await);
    for method in ["OpenDoc", "GetAllInfos", "GetFullPropertyTree", "GetScript", "GetDocList"] {
        let aborted = Fault::of_method(method, Effect::Error { code: 15 });
        site.running.control().add_fault(aborted.times(2));
    }
    assert_eq!(content(&site.plan().await), calm);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_breaks_in_mid_crawl_is_resumed() {
    let site = Site::with_sample_apps().await;
    let calm = content(&site.plan().await);
    for effect in [Effect::DropSocket, Effect::CloseSocket { code: 4003 }] {
        let broken = Fault::of_method("GetFullPropertyTree", effect).after(2).times(1);
        site.running.control().add_fault(broken);
        let plan = site.plan().await;
        assert_eq!(content(&plan), calm);
    }
    let site_wide = Fault::of_method("GetDocList", Effect::DropSocket).times(1);
    site.running.control().add_fault(site_wide);
    assert_eq!(content(&site.plan().await), calm);
}

/// One app that hangs costs itself only, and is not waited for longer than it may take.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_never_answers_has_a_deadline() {
    let mut site = Site::with_sample_apps().await;
    let ids: Vec<String> = site::sample_apps().iter().map(Bundle::id).collect();
    site.config["extractor"]["appDeadline"] = "10s".into();
    let stuck = Fault {
        method: Some("GetAllInfos".to_owned()),
        ..Fault::of_app(&*ids[0], Effect::NoAnswer)
    };
    site.running.control().add_fault(stuck);
    let plan = site.plan_with_code(1).await;
    assert_eq!(plan.keys(&ids[0]).len(), 0);
    assert!(ids[1..].iter().all(|id| !plan.keys(id).is_empty()));
    let failed = plan.report["apps_failed"].to_string();
    assert!(failed.contains(&ids[0]) && failed.contains("extractor.appDeadline"), "{failed}");
}

// --- what apps hold ------------------------------------------------------------------------------

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

/// The engine answers `title` twice, numbers as "NaN", ranks as null or with a fraction, and leaves out
/// what is empty or false.
#[tokio::test(flavor = "multi_thread")]
async fn odd_values() {
    let mut bundle = app_with(json!([]));
    let ranked = |id: &str, rank: Value| {
        let mut sheet = sheet(id, json!([]));
        sheet["qProperty"]["rank"] = rank;
        sheet
    };
    bundle["objects"] = json!([
        ranked("s10", json!(10.5)),
        ranked("s0", json!(null)),
        ranked("s8", json!(8)),
        ranked("sx", json!("NaN")),
    ]);
    bundle["measures"] = json!([{"qInfo": {"qId": "m", "qType": "measure"},
        "qMeasure": {"qLabel": "M", "qDef": "Sum(B)", "qNumFormat": {"qnDec": "NaN"}}, "qMetaDef": {"title": "M"}}]);
    bundle["variables"] =
        json!([{"qValue": "NaN", "qProperties": {"qName": "v", "qDefinition": "1"}}]);
    let plan = planned(bundle).await;
    let sheets: Vec<_> = plan.event("app")["sheets"]
        .as_array()
        .expect("sheets")
        .iter()
        .map(|sheet| sheet["id"].as_str().expect("an id").to_owned())
        .collect();
    let place = |id: &str| sheets.iter().position(|it| it == id).expect("a sheet");
    assert!(place("s8") < place("s10") && sheets.len() == 4, "{sheets:?}");
    assert_eq!(plan.event("app/(master items)")["fields"][0]["name"], "M");
}

/// The engine is asked what expressions read only when that is wanted; what it says otherwise is told and
/// counted, and changes no event.
#[tokio::test(flavor = "multi_thread")]
async fn expressions_are_checked_with_the_engine() {
    let mut bundle = app_with(json!([
        object("c", "barchart", json!({"qHyperCubeDef": cube("=Upper(A)", "Sum(B)")})),
        object("v", "barchart", json!({"qHyperCubeDef": cube("A", "$(v) + 1")})),
    ]));
    bundle["variables"] =
        json!([{"qValue": "", "qProperties": {"qName": "v", "qDefinition": "Max(B)"}}]);
    bundle["site"]["fields_of_expressions"] = json!({"Sum(B)": ["A", "B"]});
    let mut site = Site::with_app(bundle).await;
    let plain = site.plan().await;
    assert_eq!(plain.report["expressions"], json!({"checked": 0, "differing": 0}));
    assert_eq!(site.running.stats().all_opens().with_data, 0);
    site.config["extractor"]["checkExpressions"] = true.into();
    let checked = site.plan().await;
    assert_eq!(content(&checked), content(&plain));
    assert_eq!(checked.report["expressions"], json!({"checked": 3, "differing": 1}));
    let notices = checked.report["notices"]["app"].to_string();
    assert!(notices.contains("the engine reads `A` in `Sum(B)`"), "{notices}");
    // An engine that is too old costs the check only.
    behave(&site, |behaviour| behaviour.fields_from_expression = false);
    let old = site.plan().await;
    assert_eq!(content(&old), content(&plain));
    assert!(old.report["notices"].to_string().contains("could not be asked"), "{}", old.report);
}

/// An engine may write a key twice, nested as deep as it likes; the last counts.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_come_twice() {
    let site = Site::with_sample_apps().await;
    behave(&site, |behaviour| behaviour.rest = Rest::CannotGet);
    let calm = content(&site.plan().await);
    behave(&site, |behaviour| behaviour.duplicate_keys = true);
    world::assert_same(&content(&site.plan().await), &calm);
}

#[tokio::test(flavor = "multi_thread")]
async fn titles_that_are_expressions() {
    let title = json!({"qStringExpression": {"qExpr": "'Total: ' & Sum(A)"}});
    let plan = planned(app_with(json!([
        object("new", "barchart", json!({"title": title, "qHyperCubeDef": cube("A", "Sum(B)")})),
        object(
            "old",
            "barchart",
            json!({"title": "='Total: ' & Sum(A)", "qHyperCubeDef": cube("A", "Sum(B)")})
        ),
    ])))
    .await;
    for id in ["new", "old"] {
        let chart = plan.event(&format!("app/{id}"));
        assert_eq!(chart["title"], json!(null), "{chart}");
        let expression = chart["title_expression"].as_str().expect("an expression");
        assert_eq!(expression.trim_start_matches('='), "'Total: ' & Sum(A)");
        let auxiliary = &chart["auxiliary_expressions"][0];
        assert_eq!(auxiliary["fields"], json!(["A"]), "{chart}");
        assert_eq!(chart["measures"][0]["fields"], json!(["B"]), "never mixed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn linked_master_visualizations_and_kinds_of_objects() {
    let linked = json!({"qProperty": {"qInfo": {"qId": "linked", "qType": "barchart"}, "qExtendsId": "master"},
        "qChildren": []});
    let auto = object(
        "auto",
        "auto-chart",
        json!({"qUndoExclude": {"generated": {
        "visualization": "linechart", "qHyperCubeDef": cube("A", "Sum(B)")}}}),
    );
    let map = object(
        "map",
        "map",
        json!({"gaLayers": [{"type": "AreaLayer", "qHyperCubeDef": cube("A", "Max(B)")}]}),
    );
    let mut container =
        object("box", "container", json!({"children": [{"refId": "x", "label": "L"}]}));
    container["qChildren"] = json!([object(
        "inner",
        "piechart",
        json!({
        "containerChildId": "x", "qHyperCubeDef": cube("A", "Min(B)")})
    )]);
    let unknown = object("odd", "acme-radar", json!({"qHyperCubeDef": cube("A", "Avg(B)")}));
    let excluded = object(
        "alt",
        "table",
        json!({"qHyperCubeDef": {
        "qDimensions": [{"qDef": {"qFieldDefs": ["A"]}}], "qMeasures": [],
        "qLayoutExclude": {"qHyperCubeDef": cube("B", "Sum(B)")}}}),
    );
    let mut bundle = app_with(json!([linked, auto, map, container, unknown, excluded]));
    let master = json!({"qProperty": {"qInfo": {"qId": "master", "qType": "masterobject"},
        "visualization": "scatterplot", "qMetaDef": {"title": "Master"},
        "qHyperCubeDef": cube("A", "Count(B)")}, "qChildren": []});
    bundle["objects"].as_array_mut().expect("objects").push(master);
    let plan = planned(bundle).await;
    let check = |id: &str, kind: &str, expression: Option<&str>| {
        let chart = plan.event(&format!("app/{id}"));
        assert_eq!(chart["chart_type"], kind, "{chart}");
        assert_eq!(chart["measures"][0]["expression"].as_str(), expression, "{chart}");
        assert_eq!(chart["dimensions"][0]["fields"], json!(["A"]), "{chart}");
    };
    check("linked", "SCATTER", Some("Count(B)"));
    check("auto", "LINE", Some("Sum(B)"));
    check("map", "MAP", Some("Max(B)"));
    check("inner", "PIE", Some("Min(B)"));
    check("odd", "OTHER", Some("Avg(B)"));
    check("alt", "TABLE", None);
    assert_eq!(plan.event("app/linked")["master_object_id"], "master");
    assert_eq!(plan.event("app/linked")["title"], "Master");
    assert_eq!(plan.event("app/inner")["parent_id"], "box");
    assert_eq!(plan.event("app/odd")["visualization"], "acme-radar");
    assert!(plan.keys("app/box").is_empty() && plan.keys("app/master").is_empty());
}

/// Containers of every kind, within each other; the list boxes of a filter pane are its parts.
#[tokio::test(flavor = "multi_thread")]
async fn containers_within_containers() {
    let chart = |id: &str, child: &str| {
        object(id, "barchart", json!({"childRefId": child, "qHyperCubeDef": cube("A", "Sum(B)")}))
    };
    let inside = |mut outer: Value, children: Value| {
        outer["qChildren"] = children;
        outer
    };
    let list =
        object("list", "listbox", json!({"qListObjectDef": {"qDef": {"qFieldDefs": ["A"]}}}));
    let pane = inside(object("pane", "filterpane", json!({"childRefId": "p"})), json!([list]));
    let layout = inside(
        object(
            "layout",
            "sn-layout-container",
            json!({"childRefId": "l",
            "objects": [{"childRefId": "p"}, {"childRefId": "d"}]}),
        ),
        json!([chart("deep", "d"), pane]),
    );
    let tabs = inside(
        object(
            "tabs",
            "sn-tabbed-container",
            json!({"objects": [
            {"childRefId": "l", "label": "L"}, {"childRefId": "x", "condition": "=Max(B)>1"}]}),
        ),
        json!([chart("tab", "x"), layout]),
    );
    let mut site = Site::with_app(app_with(json!([tabs]))).await;
    let plan = site.plan().await;
    assert_eq!(plan.event("app")["sheets"][0]["chart_ids"], json!(["deep", "tab"]));
    assert_eq!(plan.event("app/deep")["parent_id"], "layout");
    assert_eq!(plan.event("app/tab")["parent_id"], "tabs");
    assert!(plan.event("app/tab")["auxiliary_expressions"].to_string().contains("Max(B)"));
    site.config["extractor"]["nonChartObjects"] = true.into();
    let plan = site.plan().await;
    assert_eq!(plan.event("app")["sheets"][0]["chart_ids"], json!(["pane", "deep", "tab"]));
    assert_eq!(plan.event("app/pane")["dimensions"][0]["fields"], json!(["A"]));
    assert!(plan.keys("app/list").is_empty() && plan.keys("app/tabs").is_empty());
}

/// One object that cannot be read this time costs itself only; a page of nonsense costs its app.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_answers() {
    let site = Site::with_sample_apps().await;
    let ids: Vec<String> = site::sample_apps().iter().map(Bundle::id).collect();
    let refused = Fault {
        method: Some("GetFullPropertyTree".to_owned()),
        ..Fault::of_app(&*ids[0], Effect::Error { code: 3000 })
    };
    site.running.control().add_fault(refused.times(1));
    let plan = site.plan().await;
    assert!(!plan.keys(&ids[0]).is_empty());
    assert!(plan.report["notices"].to_string().contains("3000"), "{}", plan.report);
    site.running.control().clear_faults();

    let broken = Fault {
        method: Some("GetAllInfos".to_owned()),
        ..Fault::of_app(&*ids[1], Effect::Malformed)
    };
    site.running.control().add_fault(broken);
    let plan = site.plan_with_code(1).await;
    assert!(plan.keys(&ids[1]).is_empty() && !plan.keys(&ids[2]).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_that_cut_their_lists_or_refuse() {
    let mut settings = Settings { apps: site::sample_apps(), copies: 3, ..Settings::default() };
    settings.behaviour.max_record_limit = 2;
    let site = Site::start(settings).await;
    let cut = content(&site.plan().await);
    behave(&site, |behaviour| {
        behaviour.max_record_limit = 1_000_000;
        behaviour.count_as_integer = true;
    });
    world::assert_same(&content(&site.plan().await), &cut);
    for qrs in [qlik_simulator::Qrs::Refused, qlik_simulator::Qrs::Absent] {
        behave(&site, |behaviour| behaviour.qrs = qrs);
        let plan = site.plan().await;
        assert_eq!(
            json!(plan.events.keys().collect::<Vec<_>>()),
            json!(cut.as_object().expect("a map").keys().collect::<Vec<_>>())
        );
        assert!(plan.report["notices"].to_string().contains("repositoryUrl"), "{}", plan.report);
    }
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

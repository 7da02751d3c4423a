//! Answers that are odd, damaged or cut.

use super::*;

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

use schemas::event::{ChartType, CustomProperty, File, Project, Sheet};
use serde_json::Map;

use serde_json::{Value, json};

use super::*;

fn naming(version: &str) -> Naming {
    let features = Features::of(&version.parse().expect("a version"));
    Naming { service: "prod".to_owned(), features }
}

fn sample() -> Dashboard {
    Dashboard {
        service: "prod".into(),
        app_id: "app-1".into(),
        title: " Sales ".into(),
        description: Some("All sales".into()),
        url: Some("https://q/app-1".into()),
        project: Some(Project { id: None, name: "Finance".into() }),
        tags: vec!["Certified".into(), " ".into()],
        custom_properties: vec![CustomProperty { name: "Env".into(), value: "Prod".into() }],
        last_reload_at: Some(1000),
        sheets: vec![
            Sheet { chart_ids: vec!["c2".into(), "c1".into()], ..Sheet::default() },
            Sheet { chart_ids: vec!["c1".into()], ..Sheet::default() },
        ],
        data_model_keys: vec!["prod/app-1/Orders.2020".into(), "other/app-1/x".into()],
        ..Dashboard::default()
    }
}

fn body(draft: &Draft, naming: &Naming) -> Value {
    draft.body(naming, Some("h"), &Map::new())
}

#[test]
fn a_dashboard_of_1_12() {
    let naming = naming("1.12.6");
    let mut draft = dashboard(&sample(), &naming);
    draft.owners = vec!["u1".into()];
    assert_eq!(draft.tags, ["Certified", "Env: Prod"]);
    draft.tags = vec!["Qlik.Certified".into()];
    assert_eq!(
        body(&draft, &naming),
        json!({
            "name": "app-1",
            "displayName": "Sales",
            "description": "All sales",
            "service": "prod",
            "tags": [{"tagFQN": "Qlik.Certified", "source": "Classification",
                      "labelType": "Automated", "state": "Confirmed"}],
            "owners": [{"id": "u1", "type": "user"}],
            "lifeCycle": {"updated": {"timestamp": 1000, "accessedByAProcess": "Qlik reload"}},
            "sourceHash": "h",
            "sourceUrl": "https://q/app-1",
            "project": "Finance",
            "charts": ["prod.app-1_c2", "prod.app-1_c1"],
            "dataModels": ["prod.model.\"app-1_Orders.2020\""],
        })
    );
}

#[test]
fn members_depend_on_the_version() {
    let members = |version: &str, draft: &dyn Fn(&Naming) -> Draft| {
        let naming = naming(version);
        let mut draft = draft(&naming);
        draft.owners = vec!["u1".into()];
        let body = body(&draft, &naming);
        let members = body.as_object().expect("an object");
        members.keys().cloned().collect::<std::collections::BTreeSet<_>>()
    };
    let of_dashboard = |naming: &Naming| dashboard(&sample(), naming);
    let old = members("1.1.1", &of_dashboard);
    assert!(old.contains("owner") && !old.contains("owners"));
    assert!(!old.contains("lifeCycle") && !old.contains("sourceHash"));
    assert!(members("1.5.0", &of_dashboard).contains("owners"));
    let linked = |naming: &Naming| {
        let mut draft = chart(&Chart::default(), naming);
        draft.detail = Detail::Chart { chart_type: "Other", dashboards: vec!["prod.app-1".into()] };
        draft
    };
    assert!(!members("1.4.0", &linked).contains("dashboards"));
    assert!(members("1.5.0", &linked).contains("dashboards"));
}

#[test]
fn data_models() {
    let naming_of = naming;
    let event = DataModel {
        service: "prod".into(),
        app_id: Some("app-1".into()),
        table: Some("Orders".into()),
        fields: vec![
            Field { name: "ID".into(), key_type: Some(KeyType::PerfectKey), ..Field::default() },
            Field { name: "Id".into(), data_type: DataType::String, ..Field::default() },
            Field { name: "a\"b".into(), data_type: DataType::Measure, ..Field::default() },
            Field { name: "ID".into(), ..Field::default() },
        ],
        statement: Some("LOAD * FROM x;".into()),
        ..DataModel::default()
    };
    let naming = naming_of("1.12.6");
    let draft = data_model(&event, &naming);
    assert_eq!((draft.name.as_str(), draft.display_name.as_str()), ("app-1_Orders", "Orders"));
    assert_eq!(draft.fqn, "prod.model.app-1_Orders");
    let columns = body(&draft, &naming)["columns"].clone();
    assert_eq!(
        columns,
        json!([
            {"name": "ID", "dataType": "UNKNOWN", "dataTypeDisplay": "unknown",
             "constraint": "UNIQUE"},
            {"name": names::distinct_column("Id"), "displayName": "Id", "dataType": "STRING",
             "dataTypeDisplay": "string"},
            {"name": "a__reserved__quote__b", "displayName": "a\"b", "dataType": "MEASURE",
             "dataTypeDisplay": "measure"},
        ])
    );
    let old = naming_of("1.3.0");
    let draft = data_model(&event, &old);
    assert_eq!(body(&draft, &old)["dataModelType"], "QlikSenseDataModel");
    assert_eq!(body(&draft, &old)["columns"][2]["dataType"], "UNKNOWN");
    assert_eq!(body(&draft, &old)["sql"], "LOAD * FROM x;");
}

#[test]
fn files_belong_to_no_app() {
    let naming = naming("1.12.6");
    let event = DataModel {
        kind: DataModelKind::File,
        file: Some(File {
            path: "d:/q/x.qvd".into(),
            format: Some("qvd".into()),
            connection: None,
        }),
        ..DataModel::default()
    };
    let draft = data_model(&event, &naming);
    assert_eq!(draft.name, names::file("d:/q/x.qvd"));
    assert_eq!(draft.display_name, "d:/q/x.qvd");
    assert_eq!(draft.app_id, None);
    assert_eq!(
        naming.of_key(schemas::Topic::DataModels, "prod/file/d:/q/x.qvd"),
        Some((Kind::DataModel, draft.name))
    );
}

#[test]
fn names_agree_with_keys() {
    let naming = naming("1.12.6");
    let check = |topic, key: &str, kind, name: &str| {
        assert_eq!(naming.of_key(topic, key), Some((kind, name.to_owned())));
    };
    use schemas::Topic::{Charts, Dashboards, DataModels};
    check(Dashboards, "prod/app-1", Kind::Dashboard, "app-1");
    check(Charts, "prod/app-1/c1", Kind::Chart, "app-1_c1");
    check(DataModels, "prod/app-1/a/b", Kind::DataModel, "app-1_a/b");
    assert_eq!(naming.of_key(Dashboards, "other/app-1"), None);
}

#[test]
fn qualified_names_of_a_service_with_a_dot() {
    let mut naming = naming("1.12.6");
    naming.service = "q.prod".into();
    assert_eq!(naming.fqn(Kind::DataModel, "m"), "\"q.prod\".model.m");
    assert_eq!(naming.fqn(Kind::Chart, "c.1"), "\"q.prod\".\"c.1\"");
    naming.features.model_fqn_unquoted_service = true;
    assert_eq!(naming.fqn(Kind::DataModel, "m"), "q.prod.model.m");
}

#[test]
fn content_ignores_order_but_nothing_that_is_sent() {
    let naming = naming("1.12.6");
    let content = |event: &Dashboard| dashboard(event, &naming).record().content;
    let event = sample();
    let mut reordered = event.clone();
    reordered.sheets.reverse();
    reordered.observed_at = 77;
    reordered.size_bytes = Some(5);
    assert_eq!(content(&event), content(&reordered));
    let changes: [&dyn Fn(&mut Dashboard); 6] = [
        &|e| e.title = "x".into(),
        &|e| e.description = None,
        &|e| e.project = None,
        &|e| e.tags.clear(),
        &|e| e.last_reload_at = Some(2),
        &|e| e.data_model_keys.clear(),
    ];
    for change in changes {
        let mut changed = event.clone();
        change(&mut changed);
        assert_ne!(content(&event), content(&changed));
    }
}

#[test]
fn chart_types_follow_the_server() {
    let event = Chart { chart_type: ChartType::Gauge, ..Chart::default() };
    let chart_type = |version| {
        let naming = naming(version);
        body(&chart(&event, &naming), &naming)["chartType"].clone()
    };
    assert_eq!(chart_type("1.8.0"), "Other");
    assert_eq!(chart_type("1.9.0"), "Gauge");
}

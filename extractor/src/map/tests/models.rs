//! Tables and master items.

use event::{DataModelKind, DataType, Field, KeyType};
use schemas::key::MASTER_ITEMS;

use super::*;

fn models(source: DataModelSource) -> Vec<DataModel> {
    map(&AppContent { data_model: source, ..AppContent::default() }).data_models
}

fn field<'m>(models: &'m [DataModel], table: &str, name: &str) -> &'m Field {
    let model = models.iter().find(|model| model.table.as_deref() == Some(table));
    let mut fields = model.into_iter().flat_map(|model| &model.fields);
    fields.find(|field| field.name == name).expect("the field")
}

fn names(models: &[DataModel]) -> Vec<(&str, Vec<&str>)> {
    models
        .iter()
        .map(|model| {
            let fields = model.fields.iter().map(|field| field.name.as_str()).collect();
            (model.table.as_deref().unwrap_or_default(), fields)
        })
        .collect()
}

#[test]
fn reload_metadata() {
    let models = models(DataModelSource::Metadata(json!({
        "fields": [
            {"name": "$Field", "is_system": true, "src_tables": ["$$SysTable 1"]},
            {"name": "Key", "src_tables": ["Orders", "Lines"], "tags": ["$key", "$numeric", "$integer"], "cardinal": 103},
            {"name": "Note", "src_tables": ["Orders"], "comment": "free text", "is_hidden": true},
            {"name": "Nowhere"},
            {"name": "$Syn 1", "src_tables": ["Orders", "$Syn 1 Table"]},
            {"name": "Other", "src_tables": ["Only in fields"]},
        ],
        "tables": [
            {"name": "$$SysTable 1", "is_system": true},
            {"name": "Lines", "no_of_rows": 7},
            {"name": "Orders", "no_of_rows": 103, "comment": "All of them"},
            {"name": "Empty"},
        ],
    })));
    assert_eq!(
        names(&models),
        [
            ("Lines", vec!["Key"]),
            ("Orders", vec!["Key", "Note"]),
            ("Empty", vec![]),
            ("Only in fields", vec!["Other"]),
        ]
    );
    assert_eq!((models[1].rows, models[1].comment.as_deref()), (Some(103), Some("All of them")));
    let key = field(&models, "Lines", "Key");
    assert_eq!(
        (key.data_type, key.key_type, key.distinct_values),
        (DataType::Integer, None, Some(103))
    );
    assert_eq!(key.qlik_tags, ["$integer", "$key", "$numeric"]);
    assert_eq!(key.hidden, Some(false));
    let note = field(&models, "Orders", "Note");
    assert_eq!((note.hidden, note.comment.as_deref()), (Some(true), Some("free text")));
    assert_eq!(note.data_type, DataType::Unknown);
}

#[test]
fn reload_metadata_with_other_spellings() {
    for (name, sources, system, rows) in [
        ("name", "srcTables", "isSystem", "noOfRows"),
        ("qName", "qSrcTables", "qIsSystem", "qNoOfRows"),
        ("qname", "qsrc_tables", "qis_system", "qno_of_rows"),
    ] {
        let (fields, tables) =
            if name == "qName" { ("qFields", "qTables") } else { ("fields", "tables") };
        let models = models(DataModelSource::Metadata(json!({
            fields: [{name: "A", sources: ["T"]}, {name: "$Table", sources: ["T"], system: true}],
            tables: [{name: "T", rows: 3}, {name: "S", system: true}],
        })));
        assert_eq!(names(&models), [("T", vec!["A"])], "{name}");
        assert_eq!(models[0].rows, Some(3), "{rows}");
    }
}

#[test]
fn tables_and_keys() {
    let models = models(DataModelSource::TablesAndKeys(json!({
        "qtr": [
            {"qName": "Orders", "qNoOfRows": 103, "qComment": "c", "qFields": [
                {"qName": "OrderId", "qKeyType": "PERFECT_KEY", "qnTotalDistinctValues": 103, "qnPresentDistinctValues": 5,
                    "qTags": ["$numeric", "$key", "$integer"], "qComment": "id"},
                {"qName": "Secret", "qKeyType": "NOT_KEY", "qTags": ["$hidden", "$text"]},
                {"qName": "$Syn 1", "qIsSynthetic": true},
            ]},
            {"qName": "$Syn 1 Table", "qIsSynthetic": true, "qFields": [{"qName": "OrderId"}]},
            {"qName": "$$SysTable 1", "qFields": [{"qName": "$Field"}]},
        ],
        "qk": [{"qKeyFields": ["OrderId"], "qTables": ["Orders", "Lines"]}],
    })));
    assert_eq!(names(&models), [("Orders", vec!["OrderId", "Secret"])]);
    assert_eq!((models[0].rows, models[0].comment.as_deref()), (Some(103), Some("c")));
    let id = field(&models, "Orders", "OrderId");
    assert_eq!((id.key_type, id.distinct_values), (Some(KeyType::PerfectKey), Some(103)));
    assert_eq!(id.comment.as_deref(), Some("id"));
    let secret = field(&models, "Orders", "Secret");
    assert_eq!((secret.key_type, secret.hidden), (Some(KeyType::NotKey), Some(true)));
    assert_eq!(secret.data_type, DataType::String);
}

#[test]
fn types_from_tags() {
    let check = |tags: &[&str], expected| {
        let models = models(DataModelSource::Metadata(json!({
            "fields": [{"name": "F", "src_tables": ["T"], "tags": tags}], "tables": [{"name": "T"}],
        })));
        assert_eq!(models[0].fields[0].data_type, expected, "{tags:?}");
    };
    check(&["$numeric", "$integer", "$timestamp", "$date"], DataType::Date);
    check(&["$numeric", "$timestamp"], DataType::Timestamp);
    check(&["$date", "$integer"], DataType::Date);
    check(&["$numeric", "$time"], DataType::Time);
    check(&["$numeric", "$interval"], DataType::Interval);
    check(&["$numeric", "$integer"], DataType::Integer);
    check(&["$numeric"], DataType::Double);
    check(&["$ascii", "$text"], DataType::String);
    check(&["$text"], DataType::String);
    check(&["$key"], DataType::Unknown);
    check(&[], DataType::Unknown);
}

#[test]
fn the_reload_dates_the_tables() {
    let entry = AppEntry { id: "a".into(), last_reload_at: Some(5), ..AppEntry::default() };
    let context =
        Context { service: "prod", base_url: None, observed_at: 9, options: Options::default() };
    let mut content = content(&["A"], json!([]));
    content.measures = vec![measure("m", "M", "Sum(A)")];
    let events = map_app(&entry, &content, &context);
    assert_eq!(events.data_models[0].modified_at, Some(5));
    assert_eq!(events.data_models[1].modified_at, None);
    assert_eq!(events.dashboard.data_model_keys, ["prod/a/(master items)", "prod/a/T"]);
    assert_eq!(events.dashboard.url, None);
}

#[test]
fn master_items() {
    let mut content = content(&["A", "B"], json!([]));
    let mut described = measure("m2", "Margin", "[Turnover] - Sum(B)");
    described["qMetaDef"]["description"] = "what is left".into();
    described["qMetaDef"]["tags"] = json!(["b", "a"]);
    content.measures =
        vec![described, measure("m1", "Turnover", "Sum(A)"), measure("m3", "Turnover", "Sum(B)")];
    content.dimensions =
        vec![dimension("d1", "Turnover", &["A", "B"], "H"), dimension("d2", "", &["A"], "N")];
    let models = map(&content).data_models;
    let items = models.last().expect("the master items");
    assert_eq!(
        (items.kind, items.table.as_deref()),
        (DataModelKind::MasterItems, Some(MASTER_ITEMS))
    );
    let fields: Vec<_> = items
        .fields
        .iter()
        .map(|it| (it.name.as_str(), it.data_type, it.expression.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(
        fields,
        [
            ("Turnover", DataType::Measure, "Sum(A)"),
            ("Margin", DataType::Measure, "[Turnover] - Sum(B)"),
            ("Turnover (m3)", DataType::Measure, "Sum(B)"),
            ("Turnover (d1)", DataType::Dimension, "A, B"),
            ("d2", DataType::Dimension, "A"),
        ]
    );
    assert_eq!(items.fields[1].comment.as_deref(), Some("what is left"));
    assert_eq!(items.fields[1].qlik_tags, ["a", "b"]);
}

#[test]
fn no_master_items_no_event() {
    assert_eq!(map(&content(&["A"], json!([]))).data_models.len(), 1);
}

#[test]
fn a_table_named_like_the_master_items_gives_way() {
    let mut content = AppContent {
        data_model: DataModelSource::Metadata(json!({"tables": [{"name": MASTER_ITEMS}]})),
        ..AppContent::default()
    };
    assert_eq!(map(&content).data_models.len(), 1);
    content.measures = vec![measure("m", "M", "1")];
    let events = map(&content);
    assert_eq!(events.data_models.len(), 1);
    assert_eq!(events.data_models[0].kind, DataModelKind::MasterItems);
    assert_eq!(events.diagnostics.len(), 1);
}

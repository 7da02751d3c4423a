//! Scripts and data models → edges, in a readable form.

use schemas::event::{Lineage, Node};
use serde_json::{Value, json};

use super::*;
use crate::{
    map::{Options, map_app},
    qlik::model::AppEntry,
    script::{Context as ScriptContext, analyse_one_with},
};

/// An app in the making.
struct Given<'a> {
    script: &'a str,
    /// `Table: field field; Table: …`
    model: &'a str,
    lineage: Vec<Value>,
    reload: Value,
    log: Option<&'a str>,
}

impl<'a> Given<'a> {
    fn new(script: &'a str, model: &'a str) -> Self {
        Self { script, model, lineage: Vec::new(), reload: Value::Null, log: None }
    }

    fn read(mut self, discriminator: &str) -> Self {
        self.lineage.push(json!({"qDiscriminator": discriminator, "qStatement": ""}));
        self
    }
}

fn connections() -> Connections {
    Connections::from_reply(&json!([
        {"qName": "Dw (corp_svc)", "qType": "OLEDB",
         "qConnectionString": "Provider=SQLOLEDB.1;Data Source=db.example;Initial Catalog=dw;Password=geheim"},
        {"qName": "Q", "qType": "folder", "qConnectionString": "\\\\h\\q\\"},
        {"qName": "Raw", "qType": "folder", "qConnectionString": "\\\\h\\q\\raw"},
        {"qName": "Api", "qType": "QvRestConnector.exe", "qConnectionString": "provider=QvRestConnector.exe"},
    ]))
}

fn metadata(model: &str) -> DataModelSource {
    let (mut tables, mut fields) = (Vec::new(), Vec::new());
    for table in model.split(';').filter(|table| !table.trim().is_empty()) {
        let (name, names) = table.split_once(':').expect("a table with fields");
        tables.push(json!({"name": name.trim()}));
        for field in names.split_whitespace() {
            fields.push(json!({"name": field, "src_tables": [name.trim()]}));
        }
    }
    DataModelSource::Metadata(json!({"tables": tables, "fields": fields}))
}

fn mapped_with(given: &Given<'_>, data_model: DataModelSource) -> (AppEvents, Coverage) {
    let connections = connections();
    let script = script::Script {
        name: "app",
        text: given.script,
        log: given.log,
        ..script::Script::default()
    };
    let found = analyse_one_with(&script, &ScriptContext::new(&connections));
    let entry = AppEntry { id: "app".to_owned(), title: "App".to_owned(), ..AppEntry::default() };
    let lineage = given.lineage.clone();
    let reload = given.reload.clone();
    let content = AppContent { data_model, lineage, reload, ..AppContent::default() };
    let context =
        Context { service: "s", base_url: None, observed_at: 1, options: Options::default() };
    let mut events = map_app(&entry, &content, &context);
    let apps = AppNames::new([("other", "Other app"), ("x", "Twin"), ("y", "Twin")]);
    let script = Script {
        found: &found,
        connections: &connections,
        apps: &apps,
        origin: Origin::LoadScript,
    };
    let coverage = add_script(&mut events, &content, &script, &context);
    let sum = coverage.resolved + coverage.ambiguous + coverage.unresolved + coverage.not_needed;
    assert_eq!(coverage.references, sum, "{coverage:?}");
    (events, coverage)
}

fn mapped(given: &Given<'_>) -> (AppEvents, Coverage) {
    mapped_with(given, metadata(given.model))
}

fn node(node: &Node) -> String {
    match node {
        Node::DatabaseTable(it) => {
            let parts = [it.database.as_deref(), it.schema.as_deref(), Some(&it.table)];
            let name: Vec<&str> = parts.into_iter().flatten().collect();
            format!("db {}", name.join("."))
        }
        Node::DataFile(it) => format!("file {}", it.path),
        Node::DataModel(it) if it.app_id == "app" => format!("table {}", it.table),
        Node::DataModel(it) => format!("table {}/{}", it.app_id, it.table),
        Node::Chart(it) => format!("chart {}", it.object_id),
        Node::Dashboard(it) => format!("app {}", it.app_id),
    }
}

/// `from -> to: to_column<-from,from=expression …`, and what is out of the ordinary in `[]`.
fn line(edge: &Lineage) -> String {
    let columns: Vec<String> = edge
        .columns
        .iter()
        .map(|column| {
            let to = column.to_column.as_deref().unwrap_or("-");
            let from = column.from_columns.join(",");
            let expression = column.expression.as_deref().map(|text| format!("={text}"));
            format!("{to}<-{from}{}", expression.unwrap_or_default())
        })
        .collect();
    let mut text = format!("{} -> {}: {}", node(&edge.from), node(&edge.to), columns.join(" "));
    if edge.origin != Origin::LoadScript || edge.resolution != Resolution::Exact {
        text.push_str(&format!(" [{:?} {:?}]", edge.origin, edge.resolution));
    }
    if !edge.via.is_empty() {
        text.push_str(&format!(" via {}", edge.via.join(",")));
    }
    text.trim_end().to_owned()
}

#[track_caller]
fn check(given: Given<'_>, expected: &[&str]) -> AppEvents {
    let (events, _) = mapped(&given);
    let found: Vec<String> = events.lineage.iter().map(line).collect();
    assert_eq!(found, expected, "{}\n{:?}", given.script, events.diagnostics);
    let is_evident = |edge: &&Lineage| edge.statement.as_deref().is_some_and(|it| !it.is_empty());
    let silent: Vec<String> =
        events.lineage.iter().filter(|edge| !is_evident(edge)).map(line).collect();
    assert!(silent.is_empty(), "without a statement: {silent:?}");
    let text = format!("{events:?}");
    assert!(!text.contains("geheim"), "a secret: {text}");
    events
}

#[test]
fn databases_lead_to_tables_with_their_columns() {
    let events = check(
        Given::new(
            "LIB CONNECT TO 'Dw';\nT: LOAD id, Upper(name) AS Name, gone; SQL SELECT id, name, gone FROM dbo.people;",
            "T: id Name",
        ),
        &["db dw.dbo.people -> table T: id<-id Name<-name=Upper(name)"],
    );
    let Node::DatabaseTable(table) = &events.lineage[0].from else { panic!("a database table") };
    assert_eq!(table.connection.as_deref(), Some("Dw (corp_svc)"));
    assert_eq!(
        (table.host.as_deref(), table.dialect.as_deref()),
        (Some("db.example"), Some("mssql"))
    );
    let statement = events.data_models[0].statement.as_deref().unwrap_or_default();
    assert!(statement.contains("Upper(name)") && statement.contains("dbo.people"), "{statement}");
    // A field that the app does not have is said, not emitted.
    let said: Vec<&str> = events.diagnostics.iter().map(|it| it.message.as_str()).collect();
    assert!(said.iter().any(|message| message.contains("`gone`")), "{said:?}");
}

#[test]
fn what_nobody_names_is_filled_from_the_model() {
    check(
        Given::new("LIB CONNECT TO 'Dw';\nT: SQL SELECT * FROM dbo.people;", "T: id name"),
        &["db dw.dbo.people -> table T: id<-id name<-name"],
    );
    check(
        Given::new("QUALIFY *;\nT: LOAD * FROM [lib://Q/t.qvd] (qvd);", "T: T.id T.name"),
        &["file //h/q/t.qvd -> table T: T.id<-id T.name<-name"],
    );
    // Which of two has a field is not known: the field is named by neither.
    check(
        Given::new(
            "T: LOAD * FROM [lib://Q/a.qvd] (qvd); LEFT JOIN (T) LOAD * FROM [lib://Q/b.qvd] (qvd);",
            "T: id a b",
        ),
        &["file //h/q/a.qvd -> table T: *<-*", "file //h/q/b.qvd -> table T: *<-*"],
    );
}

#[test]
fn two_connections_to_one_folder_meet() {
    check(
        Given::new(
            "A: LOAD a FROM [lib://Q/raw/X.qvd] (qvd); B: LOAD b FROM [lib://Raw/x.QVD] (qvd);",
            "A: a; B: b",
        ),
        &["file //h/q/raw/x.qvd -> table A: a<-a", "file //h/q/raw/x.qvd -> table B: b<-b"],
    );
}

#[test]
fn files_come_from_the_table_that_is_left_or_from_the_sources() {
    check(
        Given::new(
            "T: LOAD a, b FROM [lib://Q/s.qvd] (qvd); STORE T INTO [lib://Q/t.qvd] (qvd);",
            "T: a b",
        ),
        &["file //h/q/s.qvd -> table T: a<-a b<-b", "table T -> file //h/q/t.qvd: a<-a b<-b"],
    );
    check(
        Given::new(
            "LIB CONNECT TO 'Dw';\nT: LOAD a, Now() AS At; SQL SELECT a FROM t;\nSTORE T INTO [lib://Q/t.qvd] (qvd); DROP TABLE T;",
            "",
        ),
        &["db dw.t -> file //h/q/t.qvd: a<-a At<-=Now() via T"],
    );
    // The table that is left has other values in one of the fields.
    check(
        Given::new(
            "T: LOAD a, b FROM [lib://Q/s.qvd] (qvd); STORE T INTO [lib://Q/t.qvd] (qvd);\n\
             N: NOCONCATENATE LOAD a, 1 AS b RESIDENT T; DROP TABLE T; RENAME TABLE N TO T;",
            "T: a b",
        ),
        &[
            "file //h/q/s.qvd -> file //h/q/t.qvd: b<-b",
            "file //h/q/s.qvd -> table T: a<-a",
            "table T -> file //h/q/t.qvd: a<-a",
        ],
    );
    // Rows that the script makes itself.
    check(
        Given::new(
            "C: LOAD RecNo() AS Day AUTOGENERATE 3; STORE C INTO [lib://Q/c.qvd] (qvd); DROP TABLE C;",
            "",
        ),
        &["app app -> file //h/q/c.qvd: Day<-=RecNo()"],
    );
    // Everything of a table that is gone: the columns of the same names.
    check(
        Given::new(
            "LIB CONNECT TO 'Dw';\nT: SQL SELECT * FROM t; STORE T INTO [lib://Q/t.qvd] (qvd); DROP TABLE T;",
            "",
        ),
        &["db dw.t -> file //h/q/t.qvd: *<-* via T"],
    );
}

#[test]
fn other_apps_lead_to_this_one() {
    check(
        Given::new("BINARY [lib://Apps/Other app.qvf];\nX: LOAD a RESIDENT T;", "T: a b; X: a"),
        &[
            "table other/T -> table T: a<-a b<-b",
            "table other/T -> table X: a<-a",
            "app other -> app app:",
        ],
    );
    let (events, coverage) = mapped(&Given::new("BINARY [Twin.qvf];", "T: a"));
    assert!(events.lineage.is_empty());
    assert_eq!((coverage.references, coverage.ambiguous), (1, 1), "{coverage:?}");
    let (events, coverage) = mapped(&Given::new("BINARY [lib://Apps/Nobody.qvf];", "T: a"));
    assert!(events.lineage.is_empty());
    assert_eq!((coverage.references, coverage.unresolved), (1, 1), "{coverage:?}");
}

#[test]
fn the_model_has_the_last_word() {
    let events = check(
        Given::new(
            "A: LOAD a FROM [lib://Q/a.qvd] (qvd); B: LOAD b FROM [lib://Q/b.qvd] (qvd);",
            "A: a extra; C: c",
        ),
        &["file //h/q/a.qvd -> table A: a<-a"],
    );
    let said: Vec<String> =
        events.diagnostics.iter().map(|it| format!("{} {}", it.place, it.message)).collect();
    for part in ["table `B`", "`extra`", "tables `C`"] {
        assert!(said.iter().any(|message| message.contains(part)), "{part}: {said:?}");
    }
    // Never reloaded: nothing of the script has happened.
    let script = "T: LOAD a FROM [lib://Q/a.qvd] (qvd); STORE T INTO [lib://Q/t.qvd];";
    let (events, coverage) = mapped_with(&Given::new(script, ""), DataModelSource::Absent);
    assert!(events.lineage.is_empty());
    assert_eq!(coverage.resolved, 1);
    // The model may not be seen: what is stored is known all the same.
    let unreadable = DataModelSource::Unreadable { reason: "no".to_owned(), transient: false };
    let (events, _) = mapped_with(&Given::new(script, ""), unreadable);
    let found: Vec<String> = events.lineage.iter().map(line).collect();
    assert_eq!(found, ["file //h/q/a.qvd -> file //h/q/t.qvd: a<-a"]);
}

#[test]
fn the_engine_tells_what_paths_with_wildcards_were() {
    let script = "T: LOAD a FROM [lib://Q/sales_*.qvd] (qvd);";
    check(
        Given::new(script, "T: a").read("lib://Q/Sales_1.qvd").read("lib://Q/sales_2.qvd"),
        &[
            "file //h/q/sales_1.qvd -> table T: a<-a [EngineLineage Exact]",
            "file //h/q/sales_2.qvd -> table T: a<-a [EngineLineage Exact]",
        ],
    );
    check(Given::new(script, "T: a"), &["file //h/q/sales_*.qvd -> table T: a<-a"]);
    let script = "LET v = Peek('x');\nT: LOAD a FROM [lib://Q/sales_$(v).qvd] (qvd);";
    let given = Given::new(script, "T: a").read("lib://Q/sales_1.qvd");
    let (events, coverage) = mapped(&given);
    assert_eq!(events.lineage.len(), 1, "{:?}", events.lineage);
    assert_eq!(coverage.unresolved, 0, "{coverage:?}");
    let (events, coverage) = mapped(&Given::new(script, "T: a"));
    assert!(events.lineage.is_empty());
    assert_eq!(coverage.unresolved, 1, "{coverage:?}");
    let (events, _) =
        mapped(&Given::new("T: LOAD 1 AS a AUTOGENERATE 1;", "T: a").read("lib://Q/z.qvd"));
    assert!(events.diagnostics.iter().any(|it| it.message.contains("//h/q/z.qvd")));
}

/// What a tenant tells of the last reload counts as what the engine does.
#[test]
fn reload_metadata_tells_what_paths_with_wildcards_were() {
    let script = "T: LOAD a FROM [lib://Q/sales_*.qvd] (qvd); STORE T INTO [lib://Q/out_$(x).qvd];";
    let statement = |kind: &str, connection: &str, table: &str| json!({"type": kind, "connection": connection, "tableName": table, "nbrOfRows": 1});
    let mut given = Given::new(script, "T: a");
    given.reload = json!({"statements": [
        statement("Load", "lib://Q/Sales_1.qvd", ""),
        statement("Load", "Q", "sales_2.qvd"),
        statement("Load", "whatever", "lib://Q/sales_3.qvd"),
        statement("Store", "Q", "out_7.qvd"),
        statement("Load", "Dw", "dbo.orders"),
        statement("Load", "INLINE", ""),
        json!({"type": 5}),
    ]});
    let (events, _) = mapped(&given);
    let found: Vec<String> = events.lineage.iter().map(line).collect();
    for from in ["sales_1", "sales_2", "sales_3"] {
        let edge = format!("file //h/q/{from}.qvd -> table T: a<-a [EngineLineage Exact]");
        assert!(found.contains(&edge), "{edge} in {found:?}");
    }
    let stored = "file //h/q/out_7.qvd";
    assert!(found.iter().any(|edge| edge.contains(&format!("-> {stored}"))), "{found:?}");
    assert!(!found.iter().any(|edge| edge.contains("orders")), "{found:?}");
    given.script = "T: LOAD 1 AS a AUTOGENERATE 1;";
    let (events, _) = mapped(&given);
    assert!(events.diagnostics.iter().any(|it| it.message.contains("//h/q/sales_2.qvd")));
}

#[test]
fn a_rest_connection_is_no_table() {
    check(
        Given::new(
            "LIB CONNECT TO 'Api';\nT: SQL SELECT \"a\" FROM JSON (wrap on) \"root\" WITH CONNECTION (URL \"https://u:geheim@h/x\");",
            "T: a",
        ),
        &["file lib://api -> table T: a<-a"],
    );
}

#[test]
fn what_needs_no_source_is_counted() {
    let script = "A: LOAD * INLINE [a\n1]; B: LOAD a AS b RESIDENT A; C: LOAD 1 AS c AUTOGENERATE 1;\n\
                  D: LOAD d FROM [lib://Q/d.qvd] (qvd);";
    let (_, coverage) = mapped(&Given::new(script, "A: a; B: b; C: c; D: d"));
    assert_eq!((coverage.references, coverage.not_needed, coverage.resolved), (4, 3, 1));
}

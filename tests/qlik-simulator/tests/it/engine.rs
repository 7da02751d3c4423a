//! What the engine answers.

use qlik_simulator::{Behaviour, Opening, ScriptAccess, Settings};
use serde_json::{Value, json};

use crate::client::{self, BUDGET, Client, ETL, SALES, private};

#[tokio::test]
async fn the_opening_comes_first_or_late() {
    let site = client::site().await;
    let mut client = Client::connect(&site, "/app/engineData").await;
    let opening = client.notification().await;
    assert_eq!(
        opening,
        json!({"jsonrpc": "2.0", "method": "OnConnected", "params": {"qSessionState": "SESSION_CREATED"}})
    );

    site.control().set_behaviour(|behaviour| behaviour.opening = Opening::AfterFirstReply);
    let mut client = Client::connect(&site, "/app/engineData/identity/1").await;
    client.call(-1, "EngineVersion", json!([])).await;
    assert!(client.pushed.is_empty(), "the reply comes before the opening");
    assert_eq!(client.notification().await["method"], "OnConnected");
    // A client that waits for it gets it too.
    let mut client = Client::connect(&site, "/app/engineData/identity/2").await;
    assert_eq!(client.notification().await["method"], "OnConnected");
}

#[tokio::test]
async fn the_document_list() {
    let site = client::site().await;
    let mut client = private(&site, "engineData").await;
    let result = client.call(-1, "GetDocList", json!({})).await;
    let list = result["qDocList"].as_array().expect("a list");
    assert_eq!(list.len(), 5);
    let entry = |id: &str| list.iter().find(|entry| entry["qDocId"] == id).expect("the app");
    let sales = entry(SALES);
    assert_eq!(sales["qDocName"], "Sales overview");
    assert_eq!(sales["qMeta"]["stream"]["name"], "Sales");
    assert_eq!(sales["qLastReloadTime"], "2026-05-04T04:00:10.226Z");
    assert_eq!(sales["qMeta"].get("owner"), None, "owners are the repository's");
    assert_eq!(entry(BUDGET).get("qLastReloadTime"), None, "never reloaded");
    assert_eq!(entry(ETL)["qMeta"].get("stream"), None, "not published");
    assert_eq!(entry(ETL)["qMeta"]["publishTime"], "1753-01-01T00:00:00.000Z");
    let copies = list.iter().filter(|entry| entry["qDocName"] == client::SALES_COPY).count();
    assert_eq!(copies, 1);
}

#[tokio::test]
async fn opening_without_and_with_data() {
    let site = client::site().await;
    let size = json!({"qcx": 0, "qcy": 0});
    let tables = json!([size, size, 0, false, false]);
    let fields =
        json!({"qInfo": {"qType": "FieldList"}, "qFieldListDef": {"qShowSrcTables": true}});

    let mut client = private(&site, SALES).await;
    let id = client.send(-1, "OpenDoc", json!({"qDocName": SALES, "qNoData": true})).await;
    let reply = client.reply(id).await;
    assert_eq!(reply["change"], json!([1]));
    assert_eq!(reply["result"]["qReturn"]["qGenericId"], SALES);
    let layout = client.call(1, "GetAppLayout", json!([])).await["qLayout"].take();
    assert_eq!(layout["qIsOpenedWithoutData"], true);
    assert_eq!(layout["qHasData"], true);
    assert_eq!(layout["qFileName"], SALES);
    assert_eq!(
        client.call(1, "GetTablesAndKeys", tables.clone()).await,
        json!({"qtr": [], "qk": []}),
        "empty, and no error"
    );
    assert_eq!(client.list(fields.clone()).await["qFieldList"]["qItems"], json!([]));

    let mut client = private(&site, SALES).await;
    client.open(SALES, false).await;
    let layout = client.call(1, "GetAppLayout", json!([])).await["qLayout"].take();
    assert_eq!(layout.get("qIsOpenedWithoutData"), None, "false is left out");
    let model = client.call(1, "GetTablesAndKeys", tables).await;
    let names: Vec<&str> = model["qtr"]
        .as_array()
        .expect("tables")
        .iter()
        .filter_map(|table| table["qName"].as_str())
        .collect();
    assert_eq!(names, ["Orders", "OrderLines", "Products", "Customers", "Targets", "Calendar"]);
    let keys = model["qk"].as_array().expect("keys");
    assert!(
        keys.contains(&json!({"qKeyFields": ["OrderId"], "qTables": ["OrderLines", "Orders"]}))
    );
    let field = &model["qtr"][0]["qFields"][0];
    assert_eq!(field["qName"], "OrderId");
    assert_eq!(field["qKeyType"], "PERFECT_KEY");
    assert_eq!(field.get("qIsSynthetic"), None, "false is left out");
    let list = client.list(fields).await;
    assert!(list["qFieldList"]["qItems"].as_array().expect("fields").len() > 20);

    let opens = site.stats().opens_of(SALES);
    assert_eq!((opens.with_data, opens.without_data, opens.failed), (1, 1, 0));
}

#[tokio::test]
async fn an_app_never_reloaded() {
    let site = client::site().await;
    let mut client = private(&site, BUDGET).await;
    client.open(BUDGET, false).await;
    let layout = client.call(1, "GetAppLayout", json!([])).await["qLayout"].take();
    assert_eq!(layout.get("qHasData"), None);
    assert_eq!(layout.get("qLastReloadTime"), None);
    let model = client.call(1, "GetTablesAndKeys", json!([{}, {}, 0, false, false])).await;
    assert_eq!(model, json!({"qtr": [], "qk": []}));
    let infos = client.call(1, "GetAllInfos", json!([])).await;
    let measures = infos["qInfos"].as_array().expect("infos").iter();
    assert_eq!(measures.filter(|info| info["qType"] == "measure").count(), 3);
}

#[tokio::test]
async fn everything_is_enumerated() {
    let site = client::site().await;
    let mut client = private(&site, SALES).await;
    client.open(SALES, true).await;
    let infos = client.call(1, "GetAllInfos", json!([])).await;
    let count = |kind: &str| {
        let infos = infos["qInfos"].as_array().expect("infos").iter();
        infos.filter(|info| info["qType"] == kind).count()
    };
    let kinds = [
        ("sheet", 4),
        ("masterobject", 2),
        ("listbox", 5),
        ("measure", 6),
        ("dimension", 4),
        ("bookmark", 1),
        ("LoadModel", 1),
        ("appprops", 1),
    ];
    for (kind, expected) in kinds {
        assert_eq!(count(kind), expected, "{kind}");
    }
    assert!(count("variable") > 10);

    let options = json!([{"qTypes": ["sheet", "masterobject", "listbox"], "qData": {"title": "/qMetaDef/title"}}]);
    let objects = client.call(1, "GetObjects", options).await;
    let objects = objects["qList"].as_array().expect("objects");
    assert_eq!(objects.len(), 6, "children are not in it");
    assert_eq!(objects[0]["qData"]["title"], "Overview");
    assert_eq!(objects[2]["qMeta"]["approved"], false);
    assert_eq!(objects[2]["qMeta"]["owner"]["userId"], "chiara.russo");

    let sheets = json!({"qInfo": {"qType": "SheetList"}, "qAppObjectListDef": {"qType": "sheet",
        "qData": {"title": "/qMetaDef/title", "cells": "/cells", "rank": "/rank"}}});
    let layout = client.list(sheets).await;
    let ranks: Vec<&Value> = layout["qAppObjectList"]["qItems"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| &item["qData"]["rank"])
        .collect();
    assert_eq!(ranks, [&json!(0), &json!(8), &json!(10.5), &Value::Null]);

    let dimensions = json!({"qInfo": {"qType": "DimensionList"}, "qDimensionListDef": {"qType": "dimension",
        "qData": {"grouping": "/qDim/qGrouping", "fields": "/qDim/qFieldDefs", "info": "/qDimInfos"}}});
    let layout = client.list(dimensions).await;
    let first = &layout["qDimensionList"]["qItems"][0]["qData"];
    assert_eq!(first["grouping"], "H");
    assert_eq!(first["fields"], "", "field definitions do not come through a list");

    let measures = json!({"qInfo": {"qType": "MeasureList"}, "qMeasureListDef": {"qType": "measure",
        "qData": {"expression": "/qMeasure/qDef"}}});
    let layout = client.list(measures).await;
    assert_eq!(layout["qMeasureList"]["qItems"][0]["qData"]["expression"], "Sum(LineAmount)");

    let variables = client.call(1, "GetVariables", json!([{"qType": "variable"}])).await;
    let names: Vec<&str> = variables["qList"]
        .as_array()
        .expect("variables")
        .iter()
        .filter_map(|variable| variable["qName"].as_str())
        .collect();
    assert!(names.contains(&"vSales") && !names.contains(&"ErrorMode"), "{names:?}");
}

#[tokio::test]
async fn properties_trees_and_layouts() {
    let site = client::site().await;
    let mut client = private(&site, SALES).await;
    client.open(SALES, true).await;
    let infos = client.call(1, "GetAllInfos", json!([])).await;
    let sheets: Vec<String> = infos["qInfos"]
        .as_array()
        .expect("infos")
        .iter()
        .filter(|info| info["qType"] == "sheet")
        .filter_map(|info| info["qId"].as_str().map(str::to_owned))
        .collect();

    // The second sheet has no qChildListDef: its layout hides its children, the others tell them.
    let with = client.object("GetObject", &sheets[0]).await;
    let without = client.object("GetObject", &sheets[1]).await;
    let layout = client.call(with, "GetLayout", json!([])).await;
    assert_eq!(layout["qLayout"]["qChildList"]["qItems"].as_array().expect("items").len(), 5);
    let layout = client.call(without, "GetLayout", json!([])).await;
    assert_eq!(layout["qLayout"].get("qChildList"), None);
    let children = client.call(without, "GetChildInfos", json!([])).await;
    assert_eq!(children["qInfos"].as_array().expect("infos").len(), 6, "one is in no cell");
    let tree = client.call(without, "GetFullPropertyTree", json!([])).await;
    let tree = &tree["qPropEntry"];
    assert_eq!(tree["qProperty"]["cells"].as_array().expect("cells").len(), 5);
    let container = tree["qChildren"]
        .as_array()
        .expect("children")
        .iter()
        .find(|child| child["qProperty"]["visualization"] == "container");
    let container = container.expect("a container");
    assert_eq!(container["qChildren"].as_array().expect("children").len(), 2);

    // A linked master visualization has nothing of its own.
    let linked = tree["qChildren"]
        .as_array()
        .expect("children")
        .iter()
        .find(|child| child["qProperty"]["qExtendsId"].is_string())
        .expect("a linked object");
    assert_eq!(linked["qProperty"].get("qHyperCubeDef"), None);
    let id = linked["qProperty"]["qInfo"]["qId"].as_str().expect("an id").to_owned();
    let handle = client.object("GetObject", &id).await;
    let effective = client.call(handle, "GetEffectiveProperties", json!([])).await;
    assert_eq!(effective["qProp"]["title"], "Sales trend");
    assert_eq!(effective["qProp"]["qInfo"]["qId"], id.as_str());
}

#[tokio::test]
async fn master_items() {
    let site = client::site().await;
    let mut client = private(&site, SALES).await;
    client.open(SALES, true).await;
    let infos = client.call(1, "GetAllInfos", json!([])).await;
    let measure = infos["qInfos"]
        .as_array()
        .expect("infos")
        .iter()
        .find(|info| info["qType"] == "measure")
        .and_then(|info| info["qId"].as_str())
        .expect("a measure")
        .to_owned();
    let missing = json!({"qType": null, "qHandle": null});
    for (method, id) in [("GetObject", measure.as_str()), ("GetObject", "x"), ("GetMeasure", "x")] {
        let result = client.call(1, method, json!([id])).await;
        assert_eq!(result["qReturn"], missing, "{method} {id}");
    }
    let handle = client.object("GetMeasure", &measure).await;
    let properties = client.call(handle, "GetProperties", json!([])).await;
    assert_eq!(properties["qProp"]["qMeasure"]["qDef"], "Sum(LineAmount)");

    // The layout has a key twice.
    let request =
        json!({"jsonrpc": "2.0", "id": 900, "handle": handle, "method": "GetLayout", "params": []});
    client.send_text(request.to_string()).await;
    let text = loop {
        let text = client.text().await.expect("a frame");
        if text.contains("\"id\":900") {
            break text;
        }
    };
    assert_eq!(text.matches("\"title\":\"Sales\",\"title\":\"Sales\"").count(), 1, "{text}");

    let uses = client.call(handle, "GetLinkedObjects", json!([])).await;
    assert!(uses["qItems"].as_array().expect("items").len() >= 4);

    let handle = client.object("GetVariableByName", "vSales").await;
    let layout = client.call(handle, "GetLayout", json!([])).await;
    assert_eq!(layout["qLayout"]["qNum"], "NaN");
    assert_eq!(layout["qLayout"]["qText"], "Sum(LineAmount)");
}

#[tokio::test]
async fn empty_members_are_stripped_unless_asked_for() {
    let site = client::site().await;
    let mut client = private(&site, SALES).await;
    client.open(SALES, true).await;
    let infos = client.call(1, "GetAllInfos", json!([])).await;
    let table = infos["qInfos"]
        .as_array()
        .expect("infos")
        .iter()
        .find(|info| info["qType"] == "kpi")
        .and_then(|info| info["qId"].as_str())
        .expect("a chart")
        .to_owned();
    let handle = client.object("GetObject", &table).await;
    let stripped = client.call(handle, "GetProperties", json!([])).await;
    assert_eq!(stripped["qProp"]["title"], "", "what is not the engine's own stays");

    let request = |id: u64, member: &str| json!({"jsonrpc": "2.0", "id": id, "handle": handle, "method": "GetProperties", "params": [], member: true});
    client.send_text(request(901, "return_empty").to_string()).await;
    let full = client.reply(901).await;
    assert_eq!(full["result"]["qProp"]["title"], "");
    client.send_text(request(902, "delta").to_string()).await;
    let delta = client.reply(902).await;
    assert_eq!(delta["delta"], true);
    assert_eq!(delta["result"]["qProp"][0]["op"], "add");
    assert_eq!(delta["result"]["qProp"][0]["path"], "/");
}

#[tokio::test]
async fn errors_have_codes() {
    let site = client::site().await;
    let mut client = private(&site, SALES).await;
    assert_eq!(client.error(-1, "GetActiveDoc", json!([])).await, 1007);
    assert_eq!(client.error(1, "GetAppLayout", json!([])).await, -32602);
    assert_eq!(client.error(-1, "OpenDoc", json!(["nothing"])).await, 1003);
    assert_eq!(client.error(-1, "OpenDoc", json!([])).await, -32602);
    client.open(SALES, true).await;
    assert_eq!(client.error(-1, "OpenDoc", json!([ETL])).await, 1002);
    assert_eq!(client.error(-1, "OpenDoc", json!([SALES, "", "", "", false])).await, 1009);
    assert_eq!(client.error(1, "NoSuchMethod", json!([])).await, -32601);
    assert_eq!(client.error(1, "GetObject", json!([])).await, -32602);
    assert_eq!(client.error(99, "GetLayout", json!([])).await, -32602);
    client.send_text("{".into()).await;
    while client.notification().await["error"]["code"] != -32700 {}
    let stats = site.stats();
    assert_eq!(stats.errors.get(&1003), Some(&1));
    assert_eq!(stats.opens_of("nothing").failed, 1);
}

#[tokio::test]
async fn script_lineage_and_connections_need_rights() {
    let site = client::site().await;
    let mut client = private(&site, SALES).await;
    client.open(SALES, true).await;
    let script = client.call(1, "GetScript", json!([])).await;
    assert!(script["qScript"].as_str().expect("a script").starts_with("///$tab Main\r\n"));
    let lineage = client.call(1, "GetLineage", json!([])).await;
    assert_eq!(lineage["qLineage"][1], json!({"qDiscriminator": "INLINE", "qStatement": ""}));
    let connections = client.call(1, "GetConnections", json!([])).await;
    let connections = connections["qConnections"].as_array().expect("connections");
    assert_eq!(connections.len(), 5);
    assert!(connections.iter().all(|connection| connection.get("qPassword").is_none()));

    for (access, allowed, denied) in [
        (
            ScriptAccess::ReadOnly,
            vec!["GetScriptEx"],
            vec!["GetScript", "GetLineage", "GetConnections"],
        ),
        (ScriptAccess::Denied, vec![], vec!["GetScript", "GetScriptEx", "GetLineage"]),
    ] {
        assert!(site.control().set_script_access(SALES, Some(access)));
        for method in allowed {
            client.call(1, method, json!([])).await;
        }
        for method in denied {
            assert_eq!(client.error(1, method, json!([])).await, 5, "{method}");
        }
    }
}

#[tokio::test]
async fn section_access_denies_data_only() {
    let site = client::site().await;
    let headers = [("X-Qlik-User", "UserDirectory=CORP; UserId=guest")];
    let app = "c866a46c-2cbd-5ac0-9fe6-7c08512d73b4";
    let mut client =
        Client::try_connect(&site, "/app/engineData", &headers).await.expect("a socket");
    assert_eq!(client.error(-1, "OpenDoc", json!([app, "", "", "", false])).await, 4000);
    client.open(app, true).await;

    assert!(site.control().deny_data(SALES, Some(12004)));
    let mut client = private(&site, SALES).await;
    assert_eq!(client.error(-1, "OpenDoc", json!([SALES])).await, 12004);
    assert!(site.control().deny_data(SALES, None));
    client.open(SALES, false).await;
    let stats = site.stats();
    assert_eq!((stats.open_with_data, stats.max_open_with_data), (1, 1));
    client.close().await;
    client::eventually(&site, |stats| stats.open_with_data == 0).await;
}

#[tokio::test]
async fn fields_of_expressions() {
    let site = client::site().await;
    let mut client = private(&site, SALES).await;
    client.open(SALES, false).await;
    let expression = "Sum({<OrderYear={2026}>} LineAmount) / Count([Account Manager])";
    let result = client.call(1, "GetFieldsFromExpression", json!([expression])).await;
    assert_eq!(result["qFieldNames"], json!(["OrderYear", "LineAmount", "Account Manager"]));
    site.control().set_behaviour(|behaviour| behaviour.fields_from_expression = false);
    assert_eq!(client.error(1, "GetFieldsFromExpression", json!([expression])).await, -32601);
}

#[tokio::test]
async fn replies_come_in_another_order_and_frames_are_pushed() {
    let site = client::site().await;
    let mut client = private(&site, SALES).await;
    client.open(SALES, true).await;
    let mut ids = Vec::new();
    for _ in 0..200 {
        ids.push(client.send(1, "GetAppLayout", json!([])).await);
    }
    for id in &ids {
        client.reply(*id).await;
    }
    let arrived: Vec<u64> = client.order.iter().copied().filter(|id| *id >= ids[0]).collect();
    assert_ne!(arrived, ids, "some overtake others");
    let mut sorted = arrived;
    sorted.sort_unstable();
    assert_eq!(sorted, ids, "each comes once");
    assert!(client.pushed.iter().any(|frame| frame["change"].is_array()));
    assert!(client.pushed.iter().all(|frame| frame.get("id").is_none()));
}

#[tokio::test]
async fn replies_in_order_when_asked_for() {
    let behaviour = Behaviour { out_of_order: false, push_changes: false, ..Behaviour::default() };
    let site = client::start(Settings { behaviour, ..Settings::default() }).await;
    let mut client = private(&site, SALES).await;
    client.open(SALES, true).await;
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(client.send(1, "GetAllInfos", json!([])).await);
    }
    for id in &ids {
        client.reply(*id).await;
    }
    assert_eq!(client.order, (1..=101).collect::<Vec<u64>>());
    assert!(client.pushed.is_empty());
}

#[tokio::test]
async fn copies_share_their_content() {
    let settings = Settings { copies: 5000, ..Settings::default() };
    let site = client::start(settings).await;
    let mut client = private(&site, "engineData").await;
    let result = client.call(-1, "GetDocList", json!([])).await;
    let list = result["qDocList"].as_array().expect("a list");
    assert_eq!(list.len(), 4 * 5000 + 1);
    let ids: std::collections::HashSet<&str> =
        list.iter().filter_map(|entry| entry["qDocId"].as_str()).collect();
    assert_eq!(ids.len(), list.len());
    let some = ids.iter().nth(1234).expect("an app").to_string();
    client.open(&some, true).await;
}

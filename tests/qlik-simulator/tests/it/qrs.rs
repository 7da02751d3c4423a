//! The repository.

use qlik_simulator::{Description, Mode, Running, Settings, Touch};
use serde_json::{Value, json};

use crate::client::{self, ETL, SALES, USER, http, named, qrs};

async fn table(site: &Running, query: &str, body: &Value) -> Value {
    let url = format!("{}/app/table?xrfkey=abcdefghijklmnop{query}", named(&site.qrs_url()));
    let request = http(site, &Mode::Certificates)
        .post(url)
        .header("X-Qlik-User", USER)
        .header("X-Qlik-Xrfkey", "abcdefghijklmnop")
        .json(body);
    request.send().await.expect("a response").json().await.expect("JSON")
}

#[tokio::test]
async fn the_key_against_forgery() {
    let site = client::site().await;
    let check = async |query: &str, header: Option<&str>, expected: u16| {
        let url = format!("{}/about{query}", named(&site.qrs_url()));
        let mut request = http(&site, &Mode::Certificates).get(url).header("X-Qlik-User", USER);
        if let Some(header) = header {
            request = request.header("X-Qlik-Xrfkey", header);
        }
        let status = request.send().await.expect("a response").status().as_u16();
        assert_eq!(status, expected, "{query} {header:?}");
    };
    check("?xrfkey=abcdefghijklmnop", Some("abcdefghijklmnop"), 200).await;
    check("?Xrfkey=abcdefghijklmnop", Some("abcdefghijklmnop"), 200).await;
    check("?xrfkey=abcdefghijklmnop", Some("abcdefghijklmnoq"), 400).await;
    check("?xrfkey=abcdefghijklmnop", None, 400).await;
    check("", Some("abcdefghijklmnop"), 400).await;
    check("?xrfkey=short", Some("short"), 400).await;
}

#[tokio::test]
async fn apps_in_full() {
    let site = client::site().await;
    let (_, apps) = qrs(&site, "/app/full").await;
    let apps = apps.as_array().expect("a list");
    assert_eq!(apps.len(), 5);
    let app = |id: &str| apps.iter().find(|app| app["id"] == id).expect("the app");
    let sales = app(SALES);
    assert_eq!(sales["owner"]["userId"], "anna.keller");
    assert_eq!(sales["stream"]["name"], "Sales");
    assert_eq!(sales["tags"][0]["name"], "Certified");
    let properties = sales["customProperties"].as_array().expect("a list");
    assert_eq!(properties.len(), 3);
    assert_eq!(properties[0]["definition"]["name"], "Department");
    assert_eq!(app(ETL)["stream"], Value::Null);
    assert_eq!(app(ETL)["published"], false);

    let (_, condensed) = qrs(&site, "/app").await;
    assert_eq!(condensed[0].get("owner"), None);
    let (_, one) = qrs(&site, &format!("/app/{SALES}")).await;
    assert_eq!(one["name"], "Sales overview");
    assert_eq!(qrs(&site, "/app/nothing").await.0, 404);
    assert_eq!(qrs(&site, "/nothing").await.0, 404);
    assert_eq!(qrs(&site, "/about").await.1["schemaPath"], "About");
}

#[tokio::test]
async fn lists_of_everything_else() {
    let site = client::site().await;
    let (_, streams) = qrs(&site, "/stream/full").await;
    let names: Vec<&str> =
        streams.as_array().expect("a list").iter().filter_map(|s| s["name"].as_str()).collect();
    assert_eq!(names, ["Customers", "Finance", "Regions", "Sales"]);

    let (_, users) = qrs(&site, "/user/full").await;
    let users = users.as_array().expect("a list");
    let anna = users.iter().find(|user| user["userId"] == "anna.keller").expect("anna");
    assert_eq!(anna["attributes"][0]["attributeType"], "Email");
    assert_eq!(anna["attributes"][0]["attributeValue"], "anna.keller@alpine-outdoor.example");
    assert!(users.iter().any(|user| user["userId"] == "sa_repository"));

    let filter = format!("?filter=app.id eq {SALES} and objectType eq 'sheet'");
    let (_, objects) = qrs(&site, &format!("/app/object/full{filter}")).await;
    assert_eq!(objects.as_array().expect("a list").len(), 4);
    assert_eq!(objects[2]["approved"], false);

    let (_, tasks) = qrs(&site, "/reloadtask/full").await;
    assert_eq!(tasks.as_array().expect("a list").len(), 4, "one app was never reloaded");
    assert_eq!(tasks[0]["operational"]["lastExecutionResult"]["status"], 7);

    let (_, connections) = qrs(&site, "/dataconnection/full").await;
    let passwords = connections.to_string().matches("example-secret").count();
    assert_eq!(passwords, 3, "the repository gives secrets away");
    for (path, number) in [("/tag/full", 3), ("/custompropertydefinition/full", 2)] {
        assert_eq!(qrs(&site, path).await.1.as_array().expect("a list").len(), number, "{path}");
    }
}

#[tokio::test]
async fn lists_are_capped_and_tables_are_paged() {
    let site = client::start(Settings { copies: 60, ..Settings::default() }).await;
    site.control().set_behaviour(|behaviour| behaviour.max_record_limit = 100);
    let (_, apps) = qrs(&site, "/app/full?skip=100&take=500").await;
    assert_eq!(apps.as_array().expect("a list").len(), 100, "cut, without a word");
    assert_eq!(qrs(&site, "/app/count").await.1, json!({"value": 241}));
    site.control().set_behaviour(|behaviour| behaviour.count_as_integer = true);
    assert_eq!(qrs(&site, "/app/count").await.1, json!(241));

    let body = json!({"entity": "App", "columns": [
        {"name": "id", "columnType": "Property", "definition": "id"},
        {"name": "stream", "columnType": "Property", "definition": "stream.name"},
        {"name": "tags", "columnType": "List", "definition": "tag", "list": [
            {"name": "name", "columnType": "Property", "definition": "name"}]},
    ]});
    let mut ids = Vec::new();
    for skip in [0, 100, 200, 300] {
        let query = format!("&skip={skip}&take=100&sortColumn=modifiedDate&orderAscending=false");
        let page = table(&site, &query, &body).await;
        assert_eq!(page["columnNames"], json!(["id", "stream", "tags"]));
        let rows = page["rows"].as_array().expect("rows");
        ids.extend(rows.iter().map(|row| row[0].as_str().expect("an id").to_owned()));
    }
    assert_eq!(ids.len(), 241);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 241, "no page repeats another");

    let filter = format!("&filter=id eq {SALES}");
    let page = table(&site, &filter, &body).await;
    assert_eq!(
        page["rows"],
        json!([[SALES, "Sales", {"columnNames": ["name"], "rows": [["Certified"], ["Finance"]]}]])
    );
}

#[tokio::test]
async fn filters_and_order() {
    let site = client::site().await;
    let names = async |path: &str| -> Vec<String> {
        let (status, apps) = qrs(&site, path).await;
        assert_eq!(status, 200, "{path}");
        let apps = apps.as_array().expect("a list").iter();
        apps.filter_map(|app| app["name"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(
        names("/app/full?filter=published eq true and stream.name eq 'Sales'").await,
        ["Sales overview"]
    );
    assert_eq!(names("/app/full?filter=published eq false").await, ["Sales ETL"]);
    assert_eq!(
        names("/app?filter=@Layer eq 'Dashboard'&orderby=name desc").await,
        ["Sales overview EMEA", "Sales overview", "Customer analysis"]
    );
    assert_eq!(qrs(&site, "/app/count?filter=tags.name eq 'Finance'").await.1["value"], 2);
    assert_eq!(qrs(&site, "/app/full?filter=name eq").await.0, 400);
}

#[tokio::test]
async fn the_change_feed() {
    let site = client::site().await;
    let control = site.control();
    let feed = async |since: &str| {
        let path = format!("/notification/changes?since={since}&types=App");
        let (status, changes) = qrs(&site, &path).await;
        assert_eq!(status, 200);
        changes.as_array().expect("a list").clone()
    };
    assert_eq!(feed("2000-01-01T00:00:00.000Z").await.len(), 0, "the start is no change");
    let touch = Touch { modified: Some("2026-06-01T00:00:00.000Z".into()), reloaded: None };
    assert!(control.touch_app(SALES, touch));
    assert!(control.rename_app(SALES, "Sales"));
    let mut bundle = client::sample_apps().remove(0);
    bundle.site.id = Some("new".into());
    assert_eq!(control.put_app(bundle).expect("an app"), ["new"]);
    assert!(control.remove_app(ETL));
    assert!(!control.remove_app(ETL));
    control.hide_app("new", true);

    let changes = feed("2000-01-01T00:00:00.000Z").await;
    let short: Vec<Value> =
        changes.iter().map(|change| json!([change["changeType"], change["id"]])).collect();
    assert_eq!(short, [json!([2, SALES]), json!([2, SALES]), json!([1, "new"]), json!([3, ETL])]);
    assert_eq!(changes[1]["object"]["name"], "Sales");
    assert_eq!(changes[2]["object"], Value::Null, "hidden since");
    assert_eq!(changes[3]["object"], Value::Null);
    assert_eq!(feed("2999-01-01T00:00:00.000Z").await.len(), 0);
}

#[tokio::test]
async fn the_log_of_the_last_reload() {
    let site = client::site().await;
    let (_, tasks) = qrs(&site, &format!("/reloadtask/full?filter=app.id eq {ETL}")).await;
    let task = tasks[0]["id"].as_str().expect("an id");
    let result = &tasks[0]["operational"]["lastExecutionResult"];
    assert_eq!(result["scriptLogAvailable"], true);
    let file = result["fileReferenceID"].as_str().expect("an id");
    let execution = result["id"].as_str().expect("an id");
    let (_, old) =
        qrs(&site, &format!("/reloadtask/{task}/scriptlog?fileReferenceId={file}")).await;
    let path = format!("/reloadtask/{task}/scriptlogfile?executionResultId={execution}");
    let (_, new) = qrs(&site, &path).await;
    assert_eq!(old["value"], new["value"]);
    let log = format!(
        "/download/reloadtask/{}/scriptlog.txt",
        new["value"].as_str().expect("a reference")
    );
    assert_eq!(qrs(&site, &log).await.0, 404, "not ready at once");
    let (status, text) = qrs(&site, &log).await;
    let text = text.as_str().expect("a text");
    assert_eq!(status, 200);
    assert!(text.starts_with('\u{feff}'));
    assert!(text.contains("0013 FOR EACH vTable IN 'Orders', 'OrderLines'\r\n"), "{text}");
    assert!(text.contains("*** CONNECT TO ***"));
}

/// What the console changes moves no time, and a restarted repository has forgotten its changes.
#[tokio::test]
async fn descriptions_change_and_changes_are_forgotten() {
    let site = client::site().await;
    let control = site.control();
    let feed = async || {
        let path = "/notification/changes?since=2000-01-01T00:00:00.000Z&types=App";
        qrs(&site, path).await.1.as_array().expect("a list").clone()
    };
    let (_, before) = qrs(&site, &format!("/app/{SALES}")).await;
    let description = Description {
        stream: Some("Elsewhere".into()),
        tags: Some(vec!["Fresh".into()]),
        ..Description::default()
    };
    assert!(control.describe_app(SALES, description));
    let (_, after) = qrs(&site, &format!("/app/{SALES}")).await;
    assert_eq!(
        (&after["stream"]["name"], &after["tags"][0]["name"]),
        (&json!("Elsewhere"), &json!("Fresh"))
    );
    for key in ["modifiedDate", "publishTime", "lastReloadTime", "owner", "customProperties"] {
        assert_eq!(after[key], before[key], "{key}");
    }
    let changes = feed().await;
    assert_eq!(changes[0]["object"]["tags"], after["tags"]);
    control.forget_changes();
    assert_eq!(feed().await.len(), 0);
    assert!(control.remove_app(SALES));
    assert_eq!(feed().await[0]["changeType"], 3);
}

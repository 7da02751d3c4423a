//! What `check` says of OpenMetadata.

use loader::{
    commands::{Catalogue as _, Line},
    wire::OpenMetadata,
};
use openmetadata_simulator::{OpenMetadata as Simulator, Running, Seed, Settings as Simulated};
use serde_json::json;

use crate::kafka::settings;

async fn server(release: &str) -> Running {
    let release = release.parse().expect("a release");
    Simulator::start(Simulated::of_release(release)).await.expect("a free port")
}

async fn check(url: &str, token: &str, further: &[&str]) -> Vec<Line> {
    let catalogue = "workflowConfig.openMetadataServerConfig";
    let url = format!("{catalogue}.hostPort={url}");
    let token = format!("{catalogue}.securityConfig.jwtToken={token}");
    let all = [&[url.as_str(), token.as_str()], further].concat();
    OpenMetadata.check(&settings("localhost:1", &all)).await
}

fn text(lines: &[Line]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The exit code of the first line that is wrong.
fn exit_code(lines: &[Line]) -> u8 {
    lines.iter().map(Line::exit_code).find(|code| *code != 0).unwrap_or_default()
}

#[tokio::test]
async fn everything_is_looked_at_and_nothing_is_written() {
    for release in ["1.1.1", "1.2.0", "1.12.6", "2.0.7"] {
        let server = server(release).await;
        let lines = check(&server.url(), server.token(), &[]).await;
        let said = text(&lines);
        for expected in [
            format!("version {release}").as_str(),
            "of bot `ingestion-bot`",
            "the first run creates it",
            "may write and delete",
        ] {
            assert!(said.contains(expected), "{release}: no `{expected}` in\n{said}");
        }
        assert_eq!((exit_code(&lines), server.writes()), (0, 0), "{release}: {said}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_told() {
    let server = server("1.12.6").await;
    let wrong = async |url: &str, token: &str, expected: &str| {
        let lines = check(url, token, &[]).await;
        assert!(text(&lines).contains(expected), "no `{expected}` in\n{}", text(&lines));
        assert_eq!(exit_code(&lines), 3);
    };
    wrong(&server.url(), "wrong", "securityConfig.jwtToken").await;
    wrong(&format!("{}/elsewhere", server.url()), server.token(), "hostPort").await;
    wrong("http://127.0.0.1:1/api", "t", "failed to reach OpenMetadata").await;
}

#[tokio::test]
async fn a_user_who_may_only_read_is_told_what_it_lacks() {
    let server = server("1.12.6").await;
    // Without a role it may read and nothing else.
    let reader = json!({"name": "reader", "email": "reader@example.com", "isBot": true});
    let (status, user) = server.as_admin("POST", "/users", Some(&reader));
    assert_eq!(status, 201, "{user}");
    let id = user["id"].as_str().expect("an id").to_owned();
    let expiry = json!({"JWTTokenExpiry": "Unlimited"});
    server.as_admin("PUT", &format!("/users/generateToken/{id}"), Some(&expiry));
    let (_, token) = server.as_admin("GET", &format!("/users/token/{id}"), None);
    let token = token["JWTToken"].as_str().expect("a token");
    let lines = check(&server.url(), token, &[]).await;
    let said = text(&lines);
    for expected in ["failed   rights", "Create on dashboard,", "Delete on chart", "Create on tag"]
    {
        assert!(said.contains(expected), "no `{expected}` in\n{said}");
    }
    assert_eq!(exit_code(&lines), 3);
}

#[tokio::test]
async fn entries_of_the_mapping_are_looked_up() {
    let server = server("1.12.6").await;
    let seed = Seed::default()
        .database_service("dwh", "Mssql", "dwh.example.com:1433", "sales")
        .table("dwh.sales.dbo.Orders", &["OrderId"]);
    server.seed(&seed).expect("a seed");
    let entries = json!({
        "A": "dwh", "B": "dwh.sales.dbo", "C*": "dwh.*", "D": "DWH", "E": "dwh.sale",
        "F": "dwh.sales.DBO",
    });
    let lines = check(&server.url(), server.token(), &[&format!("loader.tables={entries}")]).await;
    let verdicts: Vec<bool> =
        lines.iter().rev().take(6).rev().map(|l| l.exit_code() == 0).collect();
    assert_eq!(verdicts, [true, true, true, false, false, false], "{}", text(&lines));
    let said = text(&lines);
    for expected in [
        "database service `DWH` is not in OpenMetadata",
        "database `dwh.sale` is not",
        "schema `dwh.sales.DBO` is not",
    ] {
        assert!(said.contains(expected), "no `{expected}` in\n{said}");
    }
}

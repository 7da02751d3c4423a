//! Connecting.

use axum::{Router, http::StatusCode, response::Html, routing::get};
use loader::sink::{
    Fatal,
    openmetadata::{OpenMetadataSink, settings::ServerSettings},
};
use openmetadata_simulator::Kind;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::World;

async fn connect(world: &World, host_port: String) -> Result<OpenMetadataSink, Fatal> {
    let mut settings = world.settings();
    settings.server = ServerSettings { host_port, ..settings.server };
    OpenMetadataSink::connect(settings, CancellationToken::new()).await
}

#[tokio::test]
async fn the_url_may_be_written_in_several_ways() {
    let world = World::new("1.12.6").await;
    let url = world.server.url();
    for suffix in ["", "/", "/v1", "/v1/"] {
        connect(&world, format!("{url}{suffix}")).await.expect("the sink connects");
    }
    let bare = url.trim_end_matches("/api").to_owned();
    connect(&world, bare).await.expect("the sink connects");
}

#[tokio::test]
async fn something_else_than_the_api_is_recognised() {
    let world = World::new("1.12.6").await;
    for status in [StatusCode::OK, StatusCode::NOT_FOUND] {
        let page = Router::new().fallback(get(move || async move { (status, Html("<html>")) }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(async move { axum::serve(listener, page).await });
        let fatal = connect(&world, format!("http://{address}")).await.expect_err("no API");
        server.abort();
        assert_eq!(fatal.exit_code, 3);
        let key = "workflowConfig.openMetadataServerConfig.hostPort";
        assert!(fatal.message.contains(key), "{}", fatal.message);
    }
}

#[tokio::test]
async fn versions_are_reported_and_old_ones_refused() {
    let world = World::new("1.12.6").await;
    assert_eq!(world.sink().await.version().to_string(), "1.12.6");
    for (version, expected) in
        [("1.0.4", Some("1.1.1 or newer")), ("3.0.0", None), ("x", Some("not a version"))]
    {
        let app = Router::new()
            .route(
                "/api/v1/system/version",
                get(move || async move { axum::Json(json!({"version": version})) }),
            )
            .fallback(get(|| async { axum::Json(json!({"serviceType": "QlikSense"})) }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        let result = connect(&world, format!("http://{address}/api")).await;
        server.abort();
        match (expected, result) {
            (Some(text), Err(fatal)) => assert!(fatal.message.contains(text), "{}", fatal.message),
            (None, Ok(sink)) => assert_eq!(sink.version().to_string(), version),
            (_, result) => panic!("{version}: {result:?}"),
        }
    }
}

#[tokio::test]
async fn a_bad_token_is_refused_without_repeating_it() {
    let world = World::new("1.12.6").await;
    let mut settings = world.settings();
    settings.server.token = Some("not.the.token".to_owned().into());
    settings.server.token_grace = std::time::Duration::ZERO;
    let debug = format!("{settings:?}");
    assert!(!debug.contains("not.the.token"), "{debug}");
    let fatal =
        OpenMetadataSink::connect(settings, CancellationToken::new()).await.expect_err("refused");
    assert_eq!(fatal.exit_code, 3);
    assert!(fatal.message.contains("jwtToken") && !fatal.message.contains("not.the.token"));
}

#[tokio::test]
async fn the_service_is_created_once_and_never_changed() {
    for version in super::VERSIONS {
        let world = World::new(version).await;
        world.sink().await;
        let created = world.entity(Kind::DashboardService, "prod");
        let config = &created["connection"]["config"];
        assert_eq!(config["hostPort"], "wss://qlik.example.com:4747", "{version}");
        let mut settings = world.settings();
        settings.service.host_port = Some("wss://elsewhere:4747".to_owned());
        OpenMetadataSink::connect(settings, CancellationToken::new()).await.expect("it connects");
        assert_eq!(world.entity(Kind::DashboardService, "prod"), created, "{version}");
    }
}

#[tokio::test]
async fn a_service_of_another_kind_or_a_deleted_one_is_a_persons_decision() {
    let world = World::new("1.12.6").await;
    let service = json!({"name": "prod", "serviceType": "Tableau"});
    world.server.as_admin("PUT", "/services/dashboardServices", Some(&service));
    let fatal = connect(&world, world.server.url()).await.expect_err("another kind");
    assert_eq!(fatal.exit_code, 2);
    assert!(fatal.message.contains("Tableau"), "{}", fatal.message);

    let world = World::new("1.12.6").await;
    world.sink().await;
    let id = world.entity(Kind::DashboardService, "prod")["id"].as_str().map(str::to_owned);
    let path = format!("/services/dashboardServices/{}", id.expect("an id"));
    assert_eq!(world.server.as_admin("DELETE", &path, None).0, 200);
    let fatal = connect(&world, world.server.url()).await.expect_err("deleted");
    assert!(fatal.message.contains("is deleted"), "{}", fatal.message);
}

#[tokio::test]
async fn a_server_that_is_not_up_yet_is_waited_for() {
    let world = World::new("1.12.6").await;
    let fault = openmetadata_simulator::Fault::once(openmetadata_simulator::Effect::Status {
        status: 503,
        retry_after: None,
    });
    world.server.faults().add(fault.times(7)).expect("a fault");
    world.sink().await;
}

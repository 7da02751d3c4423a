//! What `check` says of OpenMetadata.

use loader::{commands::Catalogue as _, sink::Fatal, wire::OpenMetadata};
use openmetadata_simulator::{OpenMetadata as Simulator, Running, Settings as Simulated};

use crate::kafka::settings;

async fn server(release: &str) -> Running {
    let release = release.parse().expect("a release");
    Simulator::start(Simulated::of_release(release)).await.expect("a free port")
}

async fn describe(url: &str, token: &str) -> Result<String, Fatal> {
    let catalogue = "workflowConfig.openMetadataServerConfig";
    let url = format!("{catalogue}.hostPort={url}");
    let token = format!("{catalogue}.securityConfig.jwtToken={token}");
    OpenMetadata.describe(&settings("localhost:1", &[&url, &token])).await
}

#[tokio::test]
async fn version_and_token_are_looked_at_and_nothing_is_written() {
    for release in ["1.1.1", "1.12.6", "2.0.7"] {
        let server = server(release).await;
        let said = describe(&server.url(), server.token()).await.expect("right settings");
        assert!(said.contains(&format!("version {release}")), "{said}");
        assert_eq!(server.writes(), 0);
    }
}

#[tokio::test]
async fn what_is_wrong_is_told() {
    let server = server("1.12.6").await;
    let fatal = describe(&server.url(), "wrong").await.expect_err("the token");
    assert!(fatal.message.contains("securityConfig.jwtToken"), "{fatal}");
    assert_eq!(fatal.exit_code, 3);
    let elsewhere = format!("{}/elsewhere", server.url());
    let fatal = describe(&elsewhere, server.token()).await.expect_err("the path");
    assert!(fatal.message.contains("hostPort"), "{fatal}");
    let fatal = describe("http://127.0.0.1:1/api", "t").await.expect_err("nobody");
    assert!(fatal.message.contains("failed to reach OpenMetadata"), "{fatal}");
    assert_eq!(fatal.exit_code, 3);
}

//! Every way to reach and to sign in at a site.

use std::fs;

use qlik_simulator::{Mode, Person, ProxySettings, Settings};
use serde_json::{Value, json};

use crate::site::{self, Site};

/// Plans; everything must arrive.
async fn check_arrives(site: &Site) {
    let plan = site.plan().await;
    let ids: Vec<String> = site::sample_apps().iter().map(qlik_simulator::Bundle::id).collect();
    assert!(
        ids.iter().all(|id| plan.keys(id).len() > 1),
        "{:?}\n{}",
        plan.events.keys(),
        plan.stderr
    );
}

/// Plans; the exit code is this and the error names the setting.
async fn check_fails(site: &Site, code: i32, words: &[&str]) {
    let ended = site.run(&["plan"]).await.with_code(code);
    for word in words {
        assert!(ended.stderr.contains(word), "no `{word}` in:\n{}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_by_value_and_keys_in_every_form() {
    let mut site = Site::with_sample_apps().await;
    let made = site.running.certificates().clone();
    let one_line = |text: &str| text.replace('\n', "\\n");
    let secret = site.folder().join("secret");
    fs::write(&secret, made.client_key_pem()).expect("written");
    let from_file = format!("${{file:{}}}", secret.display());
    let encrypted = made.client_key_encrypted_pem("hunter2").expect("encrypted");
    let keys = [
        ("PKCS#1", made.client_key_pem().to_owned(), None),
        ("PKCS#1 in one line", one_line(made.client_key_pem()), None),
        ("PKCS#8", made.client_key_pkcs8_pem().to_owned(), None),
        ("PKCS#8 with CRLF", made.client_key_pkcs8_pem().replace('\n', "\r\n"), None),
        ("from a file", from_file, None),
        ("encrypted", one_line(&encrypted), Some("hunter2")),
    ];
    for (form, key, password) in keys {
        println!("{form}");
        site.connection()["certificates"] = json!({
            "sslConfig": {
                "caCertificate": made.root_pem(),
                "sslCertificate": one_line(made.client_pem()),
                "sslKey": key,
            },
            "keyPassword": password,
        });
        check_arrives(&site).await;
    }
    // Nothing was written anywhere but what the test wrote.
    let mut files: Vec<_> = fs::read_dir(site.folder())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    files.sort();
    assert_eq!(
        files,
        ["client.pem", "client_key.pem", "config.yaml", "report.json", "root.pem", "secret"]
    );

    site.connection()["certificates"]["keyPassword"] = json!(null);
    check_fails(&site, 2, &["certificates.keyPassword", "give its password"]).await;
    site.connection()["certificates"]["keyPassword"] = "wrong".into();
    check_fails(&site, 2, &["certificates.keyPassword", "cannot be decrypted"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn host_names_and_verification() {
    let mut site = Site::with_sample_apps().await;
    site.connection()["validateHostName"] = true.into();
    check_fails(&site, 3, &["validateHostName", "qlik-server.corp.example"]).await;
    site.connection()["validateHostName"] = false.into();
    site.connection()["certificates"]["rootCertificate"] =
        site.connection()["certificates"]["clientCertificate"].clone();
    check_fails(&site, 3, &["rootCertificate"]).await;
    site.config["extractor"]["verifyCertificates"] = false.into();
    let plan = site.plan().await;
    assert!(plan.stderr.contains("WARN"), "loudly: {}", plan.stderr);
    assert!(plan.stderr.contains("extractor.verifyCertificates is off"), "{}", plan.stderr);
}

fn proxy(csrf: bool) -> Settings {
    let tokens = vec![("jwt-token".to_owned(), Person::new("CORP", "dana"))];
    let mode = Mode::Proxy(ProxySettings {
        prefix: "vp".to_owned(),
        tokens,
        user_header: Some("X-Sense-User".to_owned()),
        csrf,
    });
    Settings { apps: site::sample_apps(), mode, ..Settings::default() }
}

/// One sign-in for all sockets and requests: each would take one of the user's five sessions.
async fn check_one_session(site: &Site) {
    let limit = |behaviour: &mut qlik_simulator::Behaviour| behaviour.session_limit = Some(1);
    site.running.control().set_behaviour(limit);
    check_arrives(site).await;
    let stats = site.running.stats();
    assert_eq!((stats.proxy_sessions_opened, stats.sessions_refused), (1, 0), "{stats:?}");
    assert_eq!(stats.pings, 0, "the proxy loses the request after a ping");
    assert!(stats.http_requests.keys().any(|route| route.contains("/qrs/")), "{stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_web_token_behind_a_virtual_proxy() {
    for csrf in [false, true] {
        let mut site = Site::start(proxy(csrf)).await;
        site.connection()["token"] = "jwt-token".into();
        check_one_session(&site).await;
    }
    let mut site = Site::start(proxy(true)).await;
    site.connection()["token"] = "hunter2".into();
    let ended = site.run(&["plan"]).await.with_code(3);
    assert!(ended.stderr.contains("config.token"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
}

/// Somebody else has the user's only session: the proxy says so instead of opening one, and the extractor
/// waits until there is room.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_refuses_sessions_is_waited_for() {
    let mut site = Site::start(proxy(false)).await;
    site.connection()["token"] = "jwt-token".into();
    sign_in(&site).await;
    let control = site.running.control();
    control.set_behaviour(|behaviour| behaviour.session_limit = Some(1));
    let makes_room = async {
        while site.running.stats().sessions_refused == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        control.set_behaviour(|behaviour| behaviour.session_limit = None);
    };
    tokio::join!(check_arrives(&site), makes_room);
    assert!(site.running.stats().sessions_refused > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_behind_a_virtual_proxy() {
    for csrf in [false, true] {
        let mut site = Site::start(proxy(csrf)).await;
        site.config["extractor"]["userHeader"] = "X-Sense-User".into();
        site.connection()["userDirectory"] = "CORP".into();
        site.connection()["userId"] = "dana".into();
        check_one_session(&site).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_cookie_from_elsewhere() {
    for csrf in [false, true] {
        let mut site = Site::start(proxy(csrf)).await;
        let cookie = sign_in(&site).await;
        site.config["extractor"]["sessionCookie"] = cookie.into();
        check_one_session(&site).await;
    }
    let mut site = Site::start(proxy(true)).await;
    site.config["extractor"]["sessionCookie"] = "X-Qlik-Session-vp=old".into();
    check_fails(&site, 3, &["extractor.sessionCookie"]).await;
}

/// Signs in as a browser would, and returns the cookie.
async fn sign_in(site: &Site) -> String {
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build();
    let url = format!("{}/qrs/about?xrfkey=0123456789abcdef", site.running.rest_url());
    let answer = client
        .expect("a client")
        .get(url)
        .header("x-qlik-xrfkey", "0123456789abcdef")
        .header("authorization", "Bearer jwt-token")
        .send()
        .await
        .expect("an answer");
    let cookie = answer.headers()["set-cookie"].to_str().expect("text");
    cookie.split(';').next().expect("a cookie").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_virtual_proxy_is_named() {
    let mut site = Site::start(proxy(true)).await;
    site.connection()["token"] = "jwt-token".into();
    let url = site.running.engine_url().replace("/vp", "/other");
    site.connection()["hostPort"] = Value::from(url);
    check_fails(&site, 3, &["hostPort"]).await;
}

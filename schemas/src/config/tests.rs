use serde::Deserialize;

use super::*;

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
struct Block {
    host_port: Option<String>,
    parallel: Option<u32>,
    strict: Option<bool>,
    inner: Option<Inner>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct Inner {
    token: Option<String>,
    wait: Option<Span>,
}

fn read(text: &str, overrides: &[&str]) -> (Block, Vec<String>) {
    let overrides: Vec<_> = overrides.iter().map(|&text| text.to_owned()).collect();
    let document = Document::parse(text, &overrides).expect("YAML");
    let mut problems = Problems::default();
    let block = document.read("block", &mut problems);
    let problems = problems.list().iter().map(|p| format!("{}: {}", p.key, p.message)).collect();
    (block, problems)
}

#[test]
fn every_mistake_is_reported_with_its_key_and_the_rest_is_read() {
    let (block, problems) = read(
        "block:\n  hostPort: h:1\n  parallel: many\n  strict: [1]\n  colour: red\n  inner: {token: t, tokn: u, wait: soon}\n",
        &[],
    );
    assert_eq!(block.host_port.as_deref(), Some("h:1"));
    assert_eq!(block.inner, Some(Inner { token: Some("t".into()), wait: None }));
    let keys: Vec<_> = problems.iter().map(|p| p.split(": ").next().expect("key")).collect();
    for key in
        ["block.parallel", "block.strict", "block.colour", "block.inner.tokn", "block.inner.wait"]
    {
        assert!(keys.contains(&key), "{key} missing in {problems:#?}");
    }
    assert_eq!(keys.len(), 5, "{problems:#?}");
}

#[test]
fn values_are_not_echoed() {
    let (_, problems) = read("block:\n  parallel: hunter2\n  strict: hunter2\n", &[]);
    assert_eq!(problems.len(), 2);
    assert!(!problems.concat().contains("hunter2"), "{problems:?}");
}

#[test]
fn overrides_win_and_make_mappings() {
    let (block, problems) =
        read("block: {parallel: 1}", &["block.parallel=7", "block.inner.wait=1m 30s"]);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(block.parallel, Some(7));
    let wait = block.inner.and_then(|inner| inner.wait).map(|span| span.0.as_secs());
    assert_eq!(wait, Some(90));
    assert!(Document::parse("", &["nonsense".to_owned()]).is_err());
}

#[test]
fn placeholders_are_filled_where_they_are_read() {
    // `CARGO_PKG_NAME` is set by cargo for every test.
    let text = "block: {hostPort: \"${CARGO_PKG_NAME}:${NO_SUCH_PORT:-9}\", parallel: \"${NO_SUCH:-3}\", inner: {token: \"$${x}\"}}\nother: \"${NO_SUCH}\"";
    let (block, problems) = read(text, &[]);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(block.host_port.as_deref(), Some("schemas:9"));
    assert_eq!(block.parallel, Some(3));
    assert_eq!(block.inner.and_then(|inner| inner.token).as_deref(), Some("${x}"));

    let (_, problems) =
        read("block: {hostPort: \"${NO_SUCH}\", inner: {token: \"${file:/no/such}\"}}", &[]);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("block.hostPort: the environment variable `NO_SUCH`"));
    assert!(problems[1].starts_with("block.inner.token: failed to read the file `/no/such`"));
}

#[test]
fn numbers_and_texts_stand_for_each_other() {
    let (block, problems) =
        read("block: {hostPort: 4747, parallel: \"12\", inner: {wait: 5}}", &[]);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(block.host_port.as_deref(), Some("4747"));
    assert_eq!(block.parallel, Some(12));
}

#[test]
fn unknown_blocks_are_refused_and_the_other_stages_are_not() {
    let document =
        Document::parse("source: {}\nloader: {}\nsink: {}\nkafak: {}", &[]).expect("YAML");
    let mut problems = Problems::default();
    document.check_blocks(&mut problems);
    assert_eq!(problems.list().len(), 1);
    assert_eq!(problems.list()[0].key, "kafak");
}

#[test]
fn tokens_of_a_provider_are_ours_to_fetch() {
    let check = |own: &str, expected: Result<Option<&str>, &str>| {
        let text = format!(
            "kafka: {{bootstrapServers: 'b:1', properties: {{sasl.mechanism: OAUTHBEARER, {own}}}}}"
        );
        let mut problems = Problems::default();
        let document = Document::parse(&text, &[]).expect("YAML");
        let kafka = document.read::<RawKafka>("kafka", &mut problems).validate(&mut problems);
        match expected {
            Ok(client) => {
                assert_eq!(problems, Problems::default(), "{own}");
                assert_eq!(kafka.tokens.as_ref().map(crate::oidc::Tokens::client_id), client);
            }
            Err(reason) => assert!(problems.to_string().contains(reason), "{own}: {problems}"),
        }
        assert!(!format!("{kafka:?} {problems}").contains("hunter2"));
        client_properties(&kafka, &[])
    };
    let oidc = "sasl.oauthbearer.method: OIDC, sasl.oauthbearer.client.id: me, sasl.oauthbearer.client.secret: hunter2";
    let url = "sasl.oauthbearer.token.endpoint.url: 'https://login.example.com/token'";
    let properties = check(&format!("{oidc}, {url}, https.ca.location: probe"), Ok(Some("me")));
    // librdkafka as built here would refuse the others.
    assert_eq!(properties.keys().collect::<Vec<_>>(), ["bootstrap.servers", "sasl.mechanism"]);
    check("enable.sasl.oauthbearer.unsecure.jwt: true", Ok(None));
    check("client.id: x", Err("has nowhere to take tokens from"));
    check(oidc, Err("needs `sasl.oauthbearer.token.endpoint.url`"));
    check(&format!("sasl.oauthbearer.method: oidc, {url}"), Err("`sasl.oauthbearer.client.id`"));
    let credentials = url.replace("login", "me:hunter2@login");
    check(&format!("{oidc}, {credentials}"), Err("URL without credentials"));
    let both = format!("{oidc}, {url}, enable.sasl.oauthbearer.unsecure.jwt: true");
    check(&both, Err("exclude each other"));
    check(&format!("{oidc}, {url}, sasl.oauthbearer.extensions: a=b"), Err("extensions"));
    check(&format!("{oidc}, {url}, https.ca.location: /no/such"), Err("kafka.properties.https.ca"));
}

#[test]
fn kafka_properties_are_applied_before_ours_and_not_shown() {
    let text = "kafka: {bootstrapServers: \"b:1\", properties: {sasl.password: hunter2, acks: 0, enable.auto.commit: true}}";
    let document = Document::parse(text, &[]).expect("YAML");
    let mut problems = Problems::default();
    let kafka = document.read::<RawKafka>("kafka", &mut problems).validate(&mut problems);
    assert_eq!(problems, Problems::default());
    assert!(!format!("{kafka:?}").contains("hunter2"));
    let properties = client_properties(&kafka, &[("acks", "all")]);
    assert_eq!(properties["acks"], "all");
    assert_eq!(properties["sasl.password"], "hunter2");
    assert_eq!(properties["enable.auto.commit"], "true");
}

#[test]
fn credentials_in_the_url_of_the_registry_are_refused() {
    let text =
        "kafka: {bootstrapServers: \"b:1\", schemaRegistry: {url: \"http://user:hunter2@r:8081\"}}";
    let document = Document::parse(text, &[]).expect("YAML");
    let mut problems = Problems::default();
    document.read::<RawKafka>("kafka", &mut problems).validate(&mut problems);
    assert_eq!(problems.list()[0].key, "kafka.schemaRegistry.url");
    assert!(!problems.to_string().contains("hunter2"), "{problems}");
}

#[test]
fn broken_yaml_names_the_place() {
    let error = Document::parse("kafka:\n  a: [1\nb: 2", &[]).expect_err("broken");
    assert!(error.to_string().contains("line"), "{error}");
    let error = Document::parse("a: {jwtToken: hunter2}\n  b: [1\nc: 2", &[]).expect_err("broken");
    assert!(!error.to_string().contains("hunter2"), "lines may hold secrets: {error}");
}

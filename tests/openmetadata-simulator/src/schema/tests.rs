use super::classes::{CREATE_CHART, CREATE_DASHBOARD, CREATE_DATA_MODEL};
use super::*;

fn rules(release: &str) -> Rules {
    Rules::of(&release.parse().expect(release))
}

#[test]
fn unknown_properties_list_the_known_ones_in_hash_order() {
    fn check(release: &str, expected: &str) {
        let refused = read(&CREATE_DASHBOARD, br#"{"name":"a","bogus":1}"#, &rules(release));
        let message = refused.expect_err("refused").message();
        assert!(message.starts_with(expected), "{release}: {message}");
    }
    check(
        "1.12.6",
        "Unrecognized field \"bogus\" (class org.openmetadata.schema.api.data.CreateDashboard), \
         not marked as ignorable (17 known properties: \"owners\", \"sourceHash\", \"lifeCycle\", \"name\", \
         \"displayName\", \"dashboardType\", \"domains\", \"sourceUrl\", \"charts\", \"project\", \
         \"description\", \"extension\", \"dataProducts\", \"dataModels\", \"tags\", \"service\", \
         \"reviewers\"])\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); \
         line: 1, column: 21] (through reference chain: \
         org.openmetadata.schema.api.data.CreateDashboard[\"bogus\"])",
    );
    check(
        "1.2.0-SNAPSHOT",
        "Unrecognized field \"bogus\" (class org.openmetadata.schema.api.data.CreateDashboard), \
         not marked as ignorable (15 known properties: \"domain\", \"lifeCycle\", \"name\", \"displayName\", \
         \"dashboardType\", \"owner\", \"sourceUrl\", \"charts\", \"project\", \"description\", \
         \"extension\", \"dataProducts\", \"dataModels\", \"tags\", \"service\"])\n at [Source: (org.glassfish",
    );
}

#[test]
fn properties_by_release() {
    fn check(class: &Class, name: &str, first: Option<&str>, last: Option<&str>) {
        let releases = [
            "1.1.1", "1.2.0", "1.3.0", "1.4.0", "1.5.0", "1.6.0", "1.7.0", "1.8.0", "1.9.0",
            "1.10.0", "1.11.0", "1.12.6", "1.13.0", "2.0.7",
        ];
        let known: Vec<&str> =
            releases.into_iter().filter(|r| class.field(name, &rules(r)).is_some()).collect();
        assert_eq!((known.first().copied(), known.last().copied()), (first, last), "{name}");
    }
    check(&CREATE_DASHBOARD, "owner", Some("1.1.1"), Some("1.4.0"));
    check(&CREATE_DASHBOARD, "owners", Some("1.5.0"), Some("2.0.7"));
    check(&CREATE_DASHBOARD, "domain", Some("1.1.1"), Some("1.8.0"));
    check(&CREATE_DASHBOARD, "domains", Some("1.9.0"), Some("2.0.7"));
    check(&CREATE_DASHBOARD, "sourceHash", Some("1.2.0"), Some("2.0.7"));
    check(&CREATE_CHART, "dashboards", Some("1.5.0"), Some("2.0.7"));
    check(&CREATE_CHART, "extension", Some("1.9.0"), Some("2.0.7"));
    check(&CREATE_CHART, "project", None, None);
    check(&CREATE_DATA_MODEL, "sourceUrl", Some("1.9.0"), Some("2.0.7"));
    check(&CREATE_DATA_MODEL, "extension", Some("1.5.0"), Some("2.0.7"));
    check(&CREATE_DATA_MODEL, "dataProducts", Some("1.2.0"), Some("2.0.7"));
}

/// The tables of `openmetadata-versions.md`, which lies next to the project, not in it: `Y` where a release's
/// request has the field.
#[test]
fn properties_are_those_of_the_tables() {
    let tables = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/openmetadata-versions.md");
    let Ok(text) = std::fs::read_to_string(tables) else {
        println!("the tables of the request models: skipped, they are not there");
        return;
    };
    for (title, class) in [
        ("CreateDashboardRequest", &CREATE_DASHBOARD),
        ("CreateChartRequest", &CREATE_CHART),
        ("CreateDashboardDataModelRequest", &CREATE_DATA_MODEL),
    ] {
        let section = text.split("## ").find(|section| section.starts_with(title)).expect(title);
        let rows: Vec<Vec<&str>> = section
            .lines()
            .filter(|line| line.starts_with('|') && !line.starts_with("|--"))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        let (head, rows) = rows.split_first().expect("a table");
        for (column, release) in head.iter().enumerate().skip(1) {
            let rules = rules(&format!("{release}.1"));
            let mut listed: Vec<&str> =
                rows.iter().filter(|row| row[column] == "Y").map(|row| row[0]).collect();
            let mut known: Vec<&str> = class
                .fields
                .iter()
                .filter(|field| field.known(&rules))
                .map(|field| field.name)
                .collect();
            // A getter of the interface, which the Python models do not have.
            known.retain(|name| *name != "reviewers");
            listed.sort_unstable();
            known.sort_unstable();
            assert_eq!(known, listed, "{title} {release}");
        }
    }
}

#[test]
fn names() {
    fn check(release: &str, name: &str, expected: &[&str]) {
        let json = Json::Object(vec![("name".into(), name.into()), ("service".into(), "s".into())]);
        assert_eq!(
            violations(&CREATE_CHART, &json, &rules(release), ""),
            expected,
            "{release} {name:?}"
        );
    }
    let narrow = "name must match \"^(?U)[\\w'\\- .&()%]+$\"";
    let wide = "name must match \"^((?!::).)*$\"";
    let strict = "name must match \"^((?!::)[^>\"\\x00-\\x1f])*$\"";
    check("1.2.0", "a>b", &[narrow]);
    check("1.2.0", "", &[narrow, "name size must be between 1 and 128"]);
    check("1.2.0", "Тест (a.b) 5%", &[]);
    check("1.12.6", "a::b", &[wide]);
    check("1.12.6", "a\nb", &[wide]);
    check("1.12.6", "a\tb", &[]);
    check("1.12.6", "a>b", &[]);
    check("1.12.6", "", &["name size must be between 1 and 256"]);
    check("1.12.6", &"x".repeat(257), &["name size must be between 1 and 256"]);
    check("2.0.7", "a>b", &[strict]);
    check("2.0.7", "a\tb", &[strict]);
    check("2.0.7", "a\u{2028}b", &[]);
}

#[test]
fn broken_json() {
    fn check(release: &str, text: &str, expected: &str) {
        let message = parse(text.as_bytes(), &rules(release)).expect_err(text).message();
        assert_eq!(message.lines().next().unwrap_or(""), expected, "{text}");
    }
    let field =
        "Unexpected character ('b' (code 98)): was expecting double-quote to start field name";
    check("1.12.6", "{bad", field);
    check("1.12.6", "{\"a\":", "Unexpected end-of-input");
    check("1.12.6", "[1,}", "Unexpected character ('}' (code 125))");
}

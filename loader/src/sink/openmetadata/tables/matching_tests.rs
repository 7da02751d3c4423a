use serde_json::json;

use super::*;

fn wanted(text: &str) -> Wanted {
    let mut parts: Vec<_> = text.split('.').map(str::to_owned).collect();
    let table = parts.pop().expect("a table");
    Wanted { table, schema: parts.pop(), database: parts.pop() }
}

fn names(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

#[test]
fn patterns_with_stars() {
    let check =
        |pattern, text, expected| assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
    check("dwh", "dwh", true);
    check("dwh", "dwh2", false);
    check("dwh*", "dwh2", true);
    check("*dwh", "my dwh", true);
    check("*", "", true);
    check("a*b*c", "a1b2c", true);
    check("a*b*c", "a1c2b", false);
    check("a*a", "a", false);
    check("", "", true);
}

#[test]
fn quotes_around_names_are_dropped() {
    let node = DatabaseTable {
        schema: Some("[dbo]".into()),
        database: Some("\"My DB\"".into()),
        table: "`t`".into(),
        ..DatabaseTable::default()
    };
    assert_eq!(Wanted::of(&node).display(), "My DB.dbo.t");
}

#[test]
fn candidates_follow_the_mapping() {
    let check = |scope: &Scope, wanted: &Wanted, expected: &[&str]| {
        let found: Vec<_> = scope.candidates(wanted).iter().map(|parts| parts.join(".")).collect();
        assert_eq!(found, expected);
    };
    let scope = |database: Option<&str>, schema: Option<&str>| Scope {
        service: Some("pg".into()),
        database: database.map(Into::into),
        schema: schema.map(Into::into),
        own_database: None,
    };
    check(&scope(Some("dwh"), None), &wanted("sales.t"), &["pg.dwh.sales.t"]);
    check(&scope(Some("dwh"), Some("public")), &wanted("t"), &["pg.dwh.public.t"]);
    check(
        &scope(Some("dwh"), Some("public")),
        &wanted("sales.t"),
        &["pg.dwh.sales.t", "pg.dwh.public.t"],
    );
    check(&scope(None, None), &wanted("db.sales.t"), &["pg.db.sales.t"]);
    check(&scope(None, None), &wanted("t"), &[]);
    let mysql = Wanted { database: Some("shop".into()), ..wanted("t") };
    check(&scope(None, None), &mysql, &["pg.default.shop.t"]);
    check(&scope(Some("default"), None), &mysql, &["pg.default.shop.t"]);
    check(&Scope::default(), &wanted("db.sales.t"), &[]);
}

#[test]
fn search_patterns() {
    let scope = Scope { service: Some("p.g".into()), ..Scope::default() };
    assert_eq!(scope.pattern(&wanted("sales.t*")), "\"p.g\".*.sales.t\\*");
    assert_eq!(Scope::default().pattern(&wanted("t")), "*.*.*.t");
}

#[test]
fn only_an_unambiguous_hit_counts() {
    let check = |found: &[&str], wanted: &Wanted, expected: Choice| {
        assert_eq!(choose(&names(found), wanted, &[Scope::default()]), expected);
    };
    let one = |name: &str| Choice::One(name.to_owned());
    check(&["s.d.sales.T"], &wanted("sales.t"), one("s.d.sales.T"));
    check(&[], &wanted("t"), Choice::None);
    check(&["s.d.other.t"], &wanted("sales.t"), Choice::None);
    check(&["s.d.sales.T", "s.d.sales.t"], &wanted("sales.t"), one("s.d.sales.t"));
    check(
        &["s2.d.sales.t", "s1.d.sales.t"],
        &wanted("sales.t"),
        Choice::Several(names(&["s1.d.sales.t", "s2.d.sales.t"])),
    );
    check(&["s1.x.sales.t", "s2.d.sales.t"], &wanted("d.sales.t"), one("s2.d.sales.t"));
    // A database that has no schemas.
    let shop = Wanted { database: Some("shop".into()), ..wanted("t") };
    check(&["s.default.shop.t", "s.default.other.t"], &shop, one("s.default.shop.t"));
    check(&["s.d.sales.longer.t"], &wanted("t"), Choice::None);
}

#[test]
fn prefixes_restrict() {
    let check = |name: &str, prefixes: &[&str], expected| {
        let prefixes = names(prefixes);
        assert_eq!(is_allowed(&fqn::split(name), &prefixes), expected, "{name} {prefixes:?}");
    };
    check("s.d.x.t", &[], true);
    check("s.d.x.t", &["S"], true);
    check("s.d.x.t", &["s.D.X"], true);
    check("s.d.x.t", &["s.*.x"], true);
    check("s.d.x.t", &["other", "s.d"], true);
    check("s.d.x.t", &["s.e"], false);
    check("s2.d.x.t", &["s"], false);
}

#[test]
fn services_are_found_by_host() {
    let service = |host_port: &str| {
        DatabaseService::of(&json!({
            "name": "pg", "serviceType": "Postgres",
            "connection": {"config": {"hostPort": host_port, "database": "dwh"}},
        }))
        .expect("a service")
    };
    let check = |host_port: &str, host: &str, port: Option<i32>, expected| {
        let node = DatabaseTable {
            host: Some(host.into()),
            port,
            table: "t".into(),
            ..DatabaseTable::default()
        };
        assert_eq!(service(host_port).is_at(&node), expected, "{host_port} {host} {port:?}");
    };
    check("db.example.com:5432", "DB.example.com", Some(5432), true);
    check("db.example.com:5432", "db.example.com", None, true);
    check("db.example.com:5432", "db.example.com", Some(5433), false);
    check("db.example.com:5432", "db", Some(5432), true);
    check("db.example.com:5432", "db.other.com", Some(5432), false);
    check("10.0.0.1:5432", "10", None, false);
    check("[::1]:5432", "::1", Some(5432), true);
    check("jdbc:postgresql://db:5432/x", "db", Some(5432), true);
    check("sql.example.com", "tcp:sql.example.com,1433", None, true);
    assert!(service("h:1").speaks(Some("PostgreSQL")) && !service("h:1").speaks(Some("oracle")));
    assert!(service("h:1").speaks(None) && service("h:1").speaks(Some("something")));
}

#[test]
fn snowflake_is_found_by_account() {
    let service = DatabaseService::of(&json!({
        "name": "sf", "serviceType": "Snowflake",
        "connection": {"config": {"account": "xy123.eu", "database": "d"}},
    }))
    .expect("a service");
    let node = DatabaseTable {
        host: Some("XY123.eu.snowflakecomputing.com".into()),
        ..DatabaseTable::default()
    };
    assert!(service.is_at(&node));
}

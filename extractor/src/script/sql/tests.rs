use super::*;

struct Nothing;

impl Catalogue for Nothing {
    fn has(&self, _: &TableName, _: &str) -> bool {
        false
    }
}

fn table_text(table: &TableName) -> String {
    [table.database.as_deref(), table.schema.as_deref(), Some(table.table.as_str())]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(".")
}

/// `tables | column=origins, …`, `~` in front when it was not parsed.
fn show(text: &str, dialect: Option<&'static str>) -> String {
    match read(text, dialect, &Nothing) {
        Sql::Made(_) => "made".to_owned(),
        Sql::Procedure(_) => "procedure".to_owned(),
        Sql::Nothing(_) => "nothing".to_owned(),
        Sql::Rest { columns, url } => {
            let columns: Vec<String> =
                columns.iter().map(|(name, column)| format!("{name}={column}")).collect();
            format!("rest {} | {}", url.unwrap_or_default(), columns.join(", "))
        }
        Sql::Select(select) => {
            let tables: Vec<String> = select.tables.iter().map(table_text).collect();
            let mut columns: Vec<String> = select
                .columns
                .iter()
                .map(|column| {
                    let origins: Vec<String> = column
                        .origins
                        .iter()
                        .map(|(table, name)| format!("{}.{name}", select.tables[*table].table))
                        .collect();
                    format!("{}={}", column.name, origins.join("+"))
                })
                .collect();
            columns.extend(select.stars.iter().map(|star| {
                let except = star.except.iter().map(|name| format!("-{name}"));
                format!("*{}{}", select.tables[star.table].table, except.collect::<String>())
            }));
            let mark = if select.fallback { "~" } else { "" };
            let unknown = select.unknown.iter().map(|unknown| format!(" !{}", unknown.name));
            let unknown: String = unknown.collect();
            format!("{mark}{} | {}{unknown}", tables.join(", "), columns.join(", "))
        }
    }
}

fn check(text: &str, expected: &str) {
    assert_eq!(show(text, None), expected, "{text}");
}

#[test]
fn tables_and_columns() {
    check("SELECT a, b AS c FROM dbo.T", "dbo.T | a=T.a, c=T.b");
    check(
        "SELECT * FROM [Sales DB].[dbo].[Order Lines]",
        "Sales DB.dbo.Order Lines | *Order Lines",
    );
    check("SELECT `a` FROM `p.d.t`", "p.d.t | a=t.a");
    check(
        "select o.id, c.name from orders o join customers c on o.cid = c.id",
        "orders, customers | id=orders.id, name=customers.name",
    );
    check("SELECT o.*, c.name n FROM o, c WHERE o.x = c.x", "o, c | n=c.name, *o");
    check("SELECT SUM(a) AS s, COUNT(*) AS n, 'x' AS k FROM t GROUP BY b", "t | s=t.a, n=, k=");
    check("SELECT srv.db.dbo.t.a FROM srv.db.dbo.t", "srv.db.dbo.t | a=t.a");
    check("SELECT Id, Owner.Name FROM Account", "Account | Id=Account.Id, Name=Account.Owner.Name");
    check("SELECT a FROM t WITH (NOLOCK) WHERE x = 'FROM y'", "t | a=t.a");
    check("SELECT sysdate AS d, x FROM dual", " | d=, x=");
}

#[test]
fn subqueries_unions_and_ctes() {
    check("WITH c AS (SELECT a, b x FROM t) SELECT c.a, x FROM c", "t | a=t.a, x=t.b");
    check("WITH c(p, q) AS (SELECT a, b FROM t) SELECT p FROM c", "t | p=t.a");
    check("SELECT s.a FROM (SELECT a FROM t) s", "t | a=t.a");
    check("SELECT * FROM (SELECT a, b AS c FROM t) s", "t | a=t.a, c=t.b");
    check("SELECT a FROM t UNION ALL SELECT b FROM u", "t, u | a=t.a+u.b");
    check("SELECT a FROM t EXCEPT SELECT b FROM u", "t, u | a=t.a");
    check("SELECT (SELECT MAX(x) FROM u WHERE u.i = t.i) AS m FROM t", "t, u | m=u.x");
    check("SELECT a FROM t WHERE b IN (SELECT c FROM u)", "t, u | a=t.a");
    check(
        "WITH RECURSIVE r AS (SELECT id FROM t UNION ALL SELECT t.id FROM t JOIN r ON t.p = r.id) \
         SELECT id FROM r",
        "t | id=t.id",
    );
}

#[test]
fn what_selects_is_no_origin() {
    check("SELECT CASE WHEN s = 1 THEN a ELSE b END AS x FROM t", "t | x=t.a+t.b");
    check("SELECT IIF(s > 1, a, b) AS x FROM t", "t | x=t.a+t.b");
    check("SELECT DECODE(s, 1, a, 2, b, c) AS x FROM t", "t | x=t.a+t.b+t.c");
    check("SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) AS n FROM t", "t | n=");
    check("SELECT SUM(a) OVER (PARTITION BY b) AS n FROM t", "t | n=t.a");
    check("SELECT DATEDIFF(day, a, b) AS d FROM t", "t | d=t.a+t.b");
}

#[test]
fn unqualified_columns_are_resolved_only_when_certain() {
    check("SELECT a.x, y FROM a JOIN b ON a.i = b.i", "a, b | x=a.x, y=");
    check("SELECT x FROM a JOIN b ON a.x = b.i", "a, b | x=a.x");
    check("SELECT x, y FROM (SELECT x FROM a) s JOIN b ON s.x = b.i", "a, b | x=a.x, y=b.y");
    check("SELECT i, a.x FROM a LEFT JOIN b USING (i)", "a, b | i=a.i, x=a.x");
    check("SELECT i FROM a FULL JOIN b USING (i)", "a, b | i=a.i+b.i");
}

#[test]
fn dialects_and_variables() {
    check("SELECT TOP 10 [a b] FROM [t] t1", "t | a b=t.a b");
    check("SELECT a::date AS d, b ->> 'x' AS j FROM s.t", "s.t | d=t.a, j=t.b");
    check(
        "SELECT a FROM s.t_$(vYear) WHERE d > '$(vFrom)' LIMIT $(n)",
        "s.t_$(vYear) | a=t_$(vYear).a",
    );
    check("SELECT t.a FROM t $(vWhere)", "t | a=t.a");
    check("SELECT x = a + b, y = c FROM t", "t | x=t.a+t.b, y=t.c");
    check("SELECT a FROM t@link WHERE b = 1", "t@link | a=t@link.a");
    check("SELECT a.x FROM a, b WHERE a.i = b.i(+)", "a, b | x=a.x");
    check("SELECT Id FROM Users WITH PROPERTIES (filter='x')", "Users | Id=Users.Id");
    check("SELECT \"a\" FROM \"_SYS_BIC\".\"pkg/V\"", "_SYS_BIC.pkg/V | a=pkg/V.a");
    check(
        "SELECT a.x FROM a (NOLOCK), b (nolock) WHERE a.i = b.i OPTION (MAXDOP 1)",
        "a, b | x=a.x",
    );
    check("SELECT a FROM t WITH UR", "t | a=t.a");
    check("EXEC dbo.proc 1", "procedure");
    check("CALL p()", "procedure");
}

#[test]
fn rest_statements_are_no_tables() {
    check(
        "SELECT \"a\", \"__KEY_root\", (SELECT \"b\" AS \"b_u0\", \"__FK_x\" FROM \"x\" FK \"__FK_x\") \
         FROM JSON (wrap on) \"root\" PK \"__KEY_root\" WITH CONNECTION (URL \"http://h/a?token=1\")",
        "rest http://h/a?token=*** | a=a, __KEY_root=__KEY_root, b_u0=b, __FK_x=__FK_x",
    );
    check("SELECT \"@V\" FROM JSON (wrap on) \"root\" ArrayValueAlias \"@V\"", "rest  | @V=@V");
    check("SELECT FROM JSON (wrap on) \"root\" WITH CONNECTION ( Url \"x\" )", "rest x | ");
}

#[test]
fn what_no_parser_takes_is_read_tolerantly() {
    check("SELECT a, f(b) AS c FROM t PECULIAR SYNTAX HERE ))(", "~t | a=t.a, c=t.b");
    check("SELECT x.a, y.b FROM s.t x JOIN u y ON !!! @@@ ((", "~s.t, u | a=t.a, b=u.b");
    check("SELECT x FROM lib/file %% ((", "~lib.file | x=file.x");
    check("SELECT EXTRACT(YEAR FROM d) y FROM t %% %% ((", "~t | y=t.d");
}

#[test]
fn deep_and_long_statements_do_not_overflow() {
    let long = format!("SELECT a FROM t WHERE {}", vec!["b = 1"; 50_000].join(" OR "));
    check(&long, "~t | a=t.a");
    let deep = format!("SELECT {}a{} AS x FROM t", "(".repeat(50_000), ")".repeat(50_000));
    check(&deep, "~t | x=t.a");
    let union = vec!["SELECT a FROM t"; 1000].join(" UNION ALL ");
    check(&union, "t | a=t.a");
    let chain = format!("SELECT {} AS x FROM t", vec!["a"; 100_000].join(" MOD "));
    check(&chain, "~t | x=t.a");
    let list = format!("SELECT a FROM t WHERE b IN ({})", vec!["1"; 20_000].join(","));
    check(&list, "t | a=t.a");
}

#[test]
fn what_cannot_be_seen_is_said() {
    let unresolved = |text: &str| -> Vec<String> {
        match read(text, None, &Nothing) {
            Sql::Select(select) => select.unknown.into_iter().map(|it| it.name).collect(),
            other => panic!("{text}: {other:?}"),
        }
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(unresolved("SELECT a FROM dbo.fn_open('a', 1) f"), ["dbo.fn_open"]);
    assert_eq!(
        unresolved("SELECT f.p FROM t CROSS APPLY dbo.fn_split(t.tags) f"),
        ["dbo.fn_split"]
    );
    assert_eq!(unresolved("SELECT value FROM STRING_SPLIT('a,b', ',')"), none);
    assert_eq!(unresolved("SELECT a FROM OPENQUERY(CRM, 'EXEC report')"), ["CRM"]);
    assert_eq!(unresolved("SELECT a FROM OPENQUERY(CRM, 'SELECT a FROM t')"), none);
    let reason = |text: &str| match read(text, None, &Nothing) {
        Sql::Procedure(reason) => reason,
        other => panic!("{text}: {other:?}"),
    };
    assert!(reason("EXEC dbo.p 1").contains("stored procedure `dbo.p`"));
    assert!(reason("SHOW TABLES").contains("`SHOW` names no table"));
}

#[test]
fn statements_of_many_databases() {
    let mut wrong = Vec::new();
    for line in include_str!("tests/statements.txt").lines() {
        let Some((statement, expected)) = line.split_once(" ==> ") else { continue };
        let (dialects, text) = statement.split_once(": ").expect("dialects and a statement");
        for dialect in dialects.split(',') {
            let found = show(text, (dialect != "?").then_some(dialect));
            if found.trim() != expected {
                wrong.push(format!("{dialect}: {text}\n  expected {expected}\n  found    {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_known_has_a_reason() {
    let reasons = |text: &str| match read(text, None, &Nothing) {
        Sql::Select(select) => {
            select.unknown.iter().map(|it| format!("{}: {}", it.name, it.reason)).collect()
        }
        _ => Vec::new(),
    };
    let function = "a function of the database: what it reads is not in the script";
    assert_eq!(reasons("SELECT a FROM dbo.f(1)"), [format!("dbo.f: {function}")]);
    assert_eq!(reasons("SELECT a FROM dbo.f(1) %% (("), [format!("dbo.f: {function}")]);
    let file = "it reads the file `s3://b/x.csv` where the database runs";
    assert_eq!(reasons("SELECT a FROM read_csv('s3://b/x.csv')"), [format!("read_csv: {file}")]);
    assert!(reasons("SELECT a FROM generate_series(1, 2) a, t, unnest(t.x) u").is_empty());
}

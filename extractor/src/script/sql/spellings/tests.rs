use super::*;
use crate::script::sql::words;

#[test]
fn spellings_become_common() {
    let check = |text: &str, expected: &str| {
        let found = common(text, &words::read(text), None).unwrap_or_else(|| text.to_owned());
        let squeezed: Vec<&str> = found.split_whitespace().collect();
        assert_eq!(squeezed.join(" "), expected, "{text}");
    };
    check("SELECT UNIQUE a, b UNIQUE", "SELECT distinct a, b UNIQUE");
    check("MAX(a) KEEP (DENSE_RANK LAST ORDER BY f(b)) AS x", "MAX(a) AS x");
    check("LISTAGG(a, ',' ON OVERFLOW TRUNCATE '…' WITH COUNT) x", "LISTAGG(a, ',' ) x");
    check("a (NAMED aa), b (TITLE 'x') FROM t", "a as aa , b FROM t");
    check("CURRENT DATE - 30 DAYS, b + 1 DAY", "current_DATE - 30 , b + 1");
    check("INTERVAL 1 DAY, a - b days", "INTERVAL 1 DAY, a - b days");
    check("d + INTERVAL -1 DAY", "d + INTERVAL -1 DAY");
    // Columns of these names.
    check("UPPER(TRIM(title)), F(G(named))", "UPPER(TRIM(title)), F(G(named))");
    check("t LEFT HASH JOIN u", "t LEFT JOIN u");
    check("KEEP (DENSE_RANK LAST", "KEEP (DENSE_RANK LAST");
    check("a / b FROM L/F x, M/G#, u JOIN K/H", "a / b FROM L.F x, M.G# , u JOIN K.H");
    check("a/b FROM t WHERE c/d > 1", "a/b FROM t WHERE c/d > 1");
    check(
        "FROM t LATERAL VIEW OUTER posexplode(t.a) x AS p, q LEFT JOIN u",
        "FROM t CROSS JOIN LATERAL posexplode(t.a) AS x(p, q) LEFT JOIN u",
    );
    check("LATERAL VIEW explode(a) x WHERE b", "CROSS JOIN LATERAL explode(a) AS x WHERE b");
    check("LATERAL VIEW explode(a", "LATERAL VIEW explode(a");
    check(
        "FROM t AS OF TIMESTAMP SYSTIMESTAMP - INTERVAL '10' MINUTE a, u AS OF SCN 42 JOIN v",
        "FROM t a, u JOIN v",
    );
    check("FROM t AS OF TIMESTAMP (SYSDATE - 1) a", "FROM t a");
    check("FROM t AS OF TIMESTAMP TIMESTAMP '2026-01-01' a", "FROM t a");
    check("FROM t VERSIONS BETWEEN SCN MINVALUE AND MAXVALUE x", "FROM t x");
    check("SELECT a AS of FROM t", "SELECT a AS of FROM t");
    check("FROM IDENTIFIER('d.s.t') JOIN TABLE('u')", "FROM d.s.t JOIN u");
    check("ORDER SIBLINGS BY a", "ORDER BY a");
    check("CONNECT BY NOCYCLE PRIOR a = b", "CONNECT BY PRIOR a = b");
    check("(FROM t MODEL DIMENSION BY (d) MEASURES (m) (m[1] = 2)) x", "(FROM t ) x");
    check("FROM t MODEL RETURN ALL ROWS MEASURES (m) ORDER BY d", "FROM t ORDER BY d");
    check(
        "a ** 2, COUNT(*), b MOD 3, MOD(b, 3), c mod, d MOD (e)",
        "a * 2, COUNT(*), b % 3, MOD(b, 3), c mod, d % (e)",
    );
}

#[test]
fn starts_are_in_order() {
    assert!(STARTS.is_sorted());
}

#[test]
fn types_go_behind_their_values() {
    let check = |text: &str, expected: &str| {
        let found = casts(text, &words::read(text)).unwrap_or_else(|| text.to_owned());
        let squeezed: Vec<&str> = found.split_whitespace().collect();
        assert_eq!(squeezed.join(" "), expected, "{text}");
    };
    check("a, CONVERT(varchar(10), f(i.d, 1), 120) x", "a, CAST( f(i.d, 1) AS varchar(10)) x");
    check("CONVERT(int, CONVERT(date, a, 1))", "CAST( CAST( a AS date) AS int)");
    check("CONVERT(a, CHAR), CONVERT(date, a", "CONVERT(a, CHAR), CONVERT(date, a");
}

//! The forms in which a report is given out.

use extractor::script::{Connections, Report, Script, Source, analyse};
use serde_json::json;

use crate::render::text;

fn report(scripts: &[(&str, &str)]) -> Report {
    let scripts: Vec<Script<'_>> =
        scripts.iter().map(|&(name, text)| Script { name, text, ..Script::default() }).collect();
    analyse(&scripts, &Connections::default(), &|_| None)
}

const EXTRACT: &str = "LIB CONNECT TO 'ERP';\n\
    Orders: SQL SELECT id, amount FROM sales.orders;\n\
    STORE Orders INTO [lib://QVD/orders.qvd] (qvd);\n\
    DROP TABLE Orders;\n";

const APP: &str = "BINARY [lib://Apps/base.qvf];\n\
    Sales: LOAD id, amount * 2 as \"twice \"\"x\"\"\", 1 as one FROM [lib://QVD/orders.qvd] (qvd);\n\
    Tmp: LOAD id as k RESIDENT Sales;\n\
    Last: NOCONCATENATE LOAD k RESIDENT Tmp;\n\
    DROP TABLE Tmp;\n  oops;\n";

#[test]
fn json_has_the_documented_shape() {
    let found = report(&[("extract", EXTRACT), ("app", APP)]).to_json();
    let file = json!([{"kind": "file", "path": "lib://QVD/orders.qvd"}]);
    let database = json!([{"kind": "table", "connection": "ERP", "name": "sales.orders"}]);
    let base = json!([{"kind": "app", "id": "lib://Apps/base.qvf"}]);
    let star = json!({"*": [{"source": "lib://Apps/base.qvf", "column": "*"}]});
    let expected = json!({
        "apps": {
            "extract": {
                "tables": {},
                "stores": {"lib://QVD/orders.qvd": {"sources": database, "fields": {
                    "id": [{"source": "sales.orders", "column": "id"}],
                    "amount": [{"source": "sales.orders", "column": "amount"}],
                }}},
                "diagnostics": [],
            },
            "app": {
                "tables": {
                    "*": {"sources": base, "fields": star},
                    "Sales": {"sources": file, "fields": {
                        "id": [{"source": "lib://QVD/orders.qvd", "column": "id"}],
                        "twice \"x\"": [{"source": "lib://QVD/orders.qvd", "column": "amount"}],
                        "one": [],
                    }},
                    "Last": {"sources": file, "fields": {
                        "k": [{"source": "lib://QVD/orders.qvd", "column": "id"}],
                    }},
                },
                "stores": {},
                "diagnostics": [{"line": 6, "column": 3,
                    "message": "statement not understood: `oops` starts no known statement"}],
            },
        },
        "chain": {
            "edges": [{"from": "extract", "to": "app", "via": "lib://QVD/orders.qvd"}],
            "apps": {
                "extract": {"tables": {}},
                "app": {"tables": {
                    "*": {"sources": base, "fields": star},
                    "Sales": {"sources": database, "fields": {
                        "id": [{"source": "sales.orders", "column": "id"}],
                        "twice \"x\"": [{"source": "sales.orders", "column": "amount"}],
                        "one": [],
                    }},
                    "Last": {"sources": database, "fields": {
                        "k": [{"source": "sales.orders", "column": "id"}],
                    }},
                }},
            },
        },
    });
    assert_eq!(found, expected);
}

#[test]
fn text_says_what_a_reader_asks() {
    let found = text(&report(&[("app", APP)]));
    let expected = "app app\n  \
        table *\n    \
        from app lib://Apps/base.qvf\n    \
        * <- lib://Apps/base.qvf . *\n  \
        table Sales\n    \
        from file lib://QVD/orders.qvd\n    \
        id <- lib://QVD/orders.qvd . id\n    \
        twice \"x\" <- lib://QVD/orders.qvd . amount  = amount * 2\n    \
        one  = 1\n  \
        table Last\n    \
        from file lib://QVD/orders.qvd via Tmp\n    \
        k <- lib://QVD/orders.qvd . id\n  \
        line 6 column 3: statement not understood: `oops` starts no known statement\n";
    assert_eq!(found, expected);
}

#[test]
fn mermaid_quotes_every_label() {
    let script = "A: LOAD x FROM [lib://Q/a \"b\" <c> #1 `d`.qvd] (qvd);\n\
        [end]: LOAD y FROM [lib://Q/e.qvd] (qvd);\n\
        STORE A INTO [lib://Q/e.qvd] (qvd);\n";
    let found = report(&[("my \"app\"", script)]).to_mermaid();
    let directive = report(&[("a", "T: LOAD a FROM [lib://Q/%%{init}%%.qvd] (qvd);")]).to_mermaid();
    assert!(!directive.contains("%%"), "{directive}");
    let expected = "flowchart LR\n  \
        n0[/\"lib://Q/a #quot;b#quot; #lt;c#gt; #35;1 #96;d#96;.qvd\"/]\n  \
        n1[/\"lib://Q/e.qvd\"/]\n  \
        subgraph a0[\"my #quot;app#quot;\"]\n    \
        a0t0[\"A\"]\n    \
        a0t1[\"end\"]\n  \
        end\n  \
        a0t0 --> n1\n  \
        n0 --> a0t0\n  \
        n1 --> a0t1\n";
    assert_eq!(found, expected);
}

#[test]
fn ways_statements_and_sureness_are_kept() {
    let script = "SET vT = t;\nTmp: LOAD id, a + b as ab\nFROM [lib://Q/$(vT).qvd] (qvd);\n\
        T: LOAD ab * 2 as x, ab as y RESIDENT Tmp;\nDROP TABLE Tmp;\n\
        COMMENT FIELD x WITH 'Twice';\nCOMMENT TABLE T WITH 'All';\n";
    let report = report(&[("app", script)]);
    let app = &report.apps[0].1;
    let table = &app.tables[0];
    assert_eq!((table.comment.as_deref(), table.conditional), (Some("All"), false));
    assert_eq!(table.fields[0].comment.as_deref(), Some("Twice"));
    let flow = &table.fields[0].flows[0];
    assert_eq!(flow.expression.as_deref(), Some("ab * 2"));
    assert_eq!(flow.via, ["Tmp"]);
    assert_eq!(flow.resolution, extractor::script::Resolution::Expanded);
    assert_eq!(table.fields[1].flows[0].expression.as_deref(), Some("a + b"));
    let used = &table.sources[0];
    assert_eq!((used.line, used.via.as_slice()), (2, ["Tmp".to_owned()].as_slice()));
    assert!(used.statement.contains("FROM [lib://Q/t.qvd]"), "{}", used.statement);
    assert!(matches!(&app.sources[used.source],
        Source::File { format: Some(format), connection: Some(connection), .. }
            if format == "qvd" && connection == "Q"));
}

#[test]
fn references_say_what_became_of_them() {
    use extractor::script::{ReferenceKind, Status};
    let script = "A: LOAD a FROM [lib://Q/$(vUnknown).qvd] (qvd);\nB: LOAD * INLINE [x\n1];\n\
        C: LOAD c RESIDENT Nope;\nD: LOAD z; SQL SELECT * FROM t, u;\n\
        $(Include=x.qvs);\nSQL EXEC p;\nE: LOAD a as e RESIDENT A;\n\
        F: SQL SELECT a FROM dbo.f(1);\n";
    let report = report(&[("app", script)]);
    let found: Vec<(u32, ReferenceKind, &str, &str)> = report.apps[0]
        .1
        .references
        .iter()
        .map(|reference| {
            let status = match reference.status {
                Status::Resolved => "resolved",
                Status::Ambiguous(_) => "ambiguous",
                Status::Unresolved(_) => "unresolved",
                Status::NotNeeded => "not needed",
            };
            (reference.line, reference.kind, reference.name.as_str(), status)
        })
        .collect();
    let expected = [
        (1, ReferenceKind::File, "lib://Q/$(vUnknown).qvd", "unresolved"),
        (2, ReferenceKind::Script, "INLINE", "not needed"),
        (4, ReferenceKind::Resident, "Nope", "unresolved"),
        (5, ReferenceKind::Table, "t", "resolved"),
        (5, ReferenceKind::Table, "u", "resolved"),
        (5, ReferenceKind::Table, "z", "ambiguous"),
        (6, ReferenceKind::Include, "x.qvs", "unresolved"),
        (7, ReferenceKind::Connection, "", "unresolved"),
        (8, ReferenceKind::Resident, "A", "not needed"),
        (9, ReferenceKind::Table, "dbo.f", "unresolved"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_stays_open_is_said_in_json_and_by_the_app() {
    let script = "A: LOAD a\nFROM [lib://Q/$(vUnknown).qvd] (qvd);\nC: LOAD c RESIDENT Nope;\n";
    let report = report(&[("app", script)]);
    let open: Vec<String> = report.apps[0].1.open_references().map(|it| it.message).collect();
    let said =
        "`lib://Q/$(vUnknown).qvd` is unresolved: a part of the path is known only at reload";
    // What a message says already is not said again.
    assert_eq!(open, [said]);
    assert_eq!(
        report.to_json()["apps"]["app"]["diagnostics"],
        json!([
            {"line": 1, "column": 1, "message": said},
            {"line": 3, "column": 1,
                "message": "table `Nope` cannot be read: no such table is there"},
        ])
    );
}

#[test]
fn a_field_that_several_loads_make_shows_each_way() {
    let script = "T: LOAD a FROM [lib://Q/x.qvd] (qvd);\n\
        CONCATENATE (T) LOAD Upper(b) as a FROM [lib://Q/y.qvd] (qvd);\n\
        CONCATENATE (T) LOAD 'k' as a AUTOGENERATE 1;\n";
    let text = text(&report(&[("app", script)]));
    let line = "a <- lib://Q/x.qvd . a, lib://Q/y.qvd . b  = as it is | Upper(b) | 'k'\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn derived_fields_and_section_access_are_told_apart_from_the_model() {
    let script = "SECTION ACCESS;\nA: LOAD * INLINE [ACCESS\nADMIN];\nSECTION APPLICATION;\n\
        [cal]: DECLARE FIELD DEFINITION FIELDS Year($1) AS [Year Name] Tagged ('$year'), Month($1) AS Month;\n\
        T: LOAD d FROM [x.qvd] (qvd);\nDERIVE FIELDS FROM FIELDS d USING cal;\n";
    let report = report(&[("app", script)]);
    let app = &report.apps[0].1;
    assert!(app.has_section_access);
    let names: Vec<&str> = app.derived_fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["d.cal.Year Name", "d.cal.Month"]);
    assert_eq!(app.tables.len(), 1);
}

#[test]
fn secrets_are_nowhere() {
    let script = "OLEDB CONNECT TO [Provider=x;User ID=u;Password=s3cret1;Data Source=h] (XPassword is s3cret2);\n\
        T: SQL SELECT a FROM t WHERE pwd = 's3cret3';\n\
        LIB CONNECT TO 'Rest';\n\
        R: SQL SELECT \"a\" FROM JSON (wrap on) \"root\" WITH CONNECTION (\
        URL \"https://u:s3cret4@h/x?api_key=s3cret5\", HTTPHEADER \"Authorization\" \"Bearer s3cret6\", BODY \"{\"\"token\"\": \"\"s3cret7\"\"}\");\n\
        TRACE !!qlc Connect password=s3cret8;\n\
        U: LOAD b, 'Password=s3cretA;' & b FROM [https://u:s3cret9@h/y.csv?token=s3cret0] (txt);\n";
    let report = report(&[("app", script)]);
    let json = report.to_json().to_string();
    let all = format!("{report:?}{json}{}{}", text(&report), report.to_mermaid());
    assert!(!all.contains("s3cret"), "{all}");
    assert!(json.contains("***"));
}

#[test]
fn endpoints_of_one_connection_are_two_sources() {
    let script = "LIB CONNECT TO 'REST';\n\
        A: SQL SELECT \"key\" FROM JSON (wrap on) \"root\" WITH CONNECTION (URL \"https://x/api/projects\");\n\
        B: SQL SELECT \"key\" as \"k2\" FROM JSON (wrap on) \"root\" WITH CONNECTION (URL \"https://x/api/users?page=1\");\n";
    let json = report(&[("app", script)]).to_json();
    let tables = &json["chain"]["apps"]["app"]["tables"];
    let check = |table: &str, field: &str, address: &str| {
        let source = json!([{"kind": "table", "connection": "REST", "name": address}]);
        assert_eq!(tables[table]["sources"], source);
        let origin = json!([{"source": address, "column": "key"}]);
        assert_eq!(tables[table]["fields"][field], origin);
    };
    check("A", "key", "https://x/api/projects");
    check("B", "k2", "https://x/api/users");
}

#[test]
fn tables_that_may_not_be_there_are_said() {
    let script =
        "T: LOAD a FROM [lib://Q/t.qvd] (qvd);\nIF NoOfRows('T') > 5 THEN\nDROP TABLE T;\nEND IF";
    let found = report(&[("app", script)]);
    assert!(text(&found).contains("table T (may not be there)"));
    let said = json!([{"line": 1, "column": 1,
        "message": "only a reload tells whether table `T` is there"}]);
    assert_eq!(found.to_json()["apps"]["app"]["diagnostics"], said);
}

#[test]
fn text_names_each_origin_once() {
    let script = "A: LOAD a, a as b FROM [lib://Q/t.qvd] (qvd);\n\
        CONCATENATE (A) LOAD a, Upper(a) as b FROM [lib://Q/t.qvd] (qvd);\n";
    let found = text(&report(&[("app", script)]));
    assert!(found.contains("    b <- lib://Q/t.qvd . a  = as it is | Upper(a)\n"), "{found}");
}

//! Whatever the text, the engine ends, within its bounds and without a panic.

use extractor::script::{Connections, Report, Script, analyse};
use proptest::prelude::*;

use crate::render;

fn run(text: &str) -> Report {
    let script = Script { name: "app", text, log: Some(text), variables: &[] };
    analyse(&[script], &Connections::default(), &|_| None)
}

/// Pieces that scripts are made of, put together at random: far more of the engine is reached than
/// with random characters.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "LOAD ",
        "* ",
        "a, b ",
        "x as y ",
        "FROM [lib://Q/$(v).qvd] (qvd)",
        "RESIDENT T ",
        ";",
        ";\n",
        "INLINE [a, b\n1,2]",
        "AUTOGENERATE 3 ",
        "T: ",
        "[U]: ",
        "JOIN ",
        "LEFT ",
        "(T) ",
        "CONCATENATE ",
        "NOCONCATENATE ",
        "MAPPING ",
        "CROSSTABLE (m, d, 1) ",
        "GENERIC ",
        "KEEP ",
        "SQL SELECT a, b.c AS d FROM t b JOIN u ON b.x = u.y ",
        "SELECT ",
        "WHERE x = 'y' ",
        "IF ",
        "v = 1 ",
        "THEN\n",
        "ELSE\n",
        "ELSEIF Today() > 1 THEN\n",
        "END IF\n",
        "FOR i = 1 TO 3\n",
        "NEXT\n",
        "FOR EACH w IN 'a', 'b'\n",
        "DO WHILE i < 5\n",
        "LOOP\n",
        "SUB s(p)\n",
        "END SUB\n",
        "CALL s('x')\n",
        "CALL s(v)\n",
        "EXIT SCRIPT;\n",
        "EXIT FOR\n",
        "SWITCH v\n",
        "CASE 1\n",
        "DEFAULT\n",
        "END SWITCH\n",
        "LET v = v & 'x';\n",
        "SET v = $(w);\n",
        "LET w = Peek('a', 0, 'T');\n",
        "LET i = i + 1;\n",
        "$(v)",
        "$(=1+1)",
        "$(Include=x)",
        "'",
        "\"",
        "[",
        "]",
        "(",
        ")",
        "//",
        "/*",
        "*/",
        "DROP TABLE T;",
        "DROP FIELD a;",
        "RENAME TABLE T TO U;",
        "RENAME FIELD a TO b;",
        "QUALIFY *;",
        "STORE T INTO [lib://Q/$(v).qvd];",
        "ALIAS a AS b;",
        "MAP a USING T;",
        "SECTION ACCESS;",
        "BINARY [x];",
        "ApplyMap('T', a, b) ",
        "If(a, b, c) ",
        "Peek('a') ",
        "WHEN v = 1 ",
        "2024-01-01 10:00:00 0001 ",
        "\n",
        "\r\n",
        "\u{feff}",
        "é日👽 ",
        "///$tab x\n",
        "TRACE x;",
        "REM y;",
        "INTERVALMATCH (a) ",
        "HIERARCHY (a, b, c) ",
        "FileList('x*') ",
        "UNION ",
        "WITH c AS (SELECT 1) ",
        "--",
        "`",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_characters(text in "\\PC{0,200}") {
        run(&text);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        run(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_pieces(text in pieces()) {
        let report = run(&text);
        // What is reported refers to what is there.
        for (_, app) in &report.apps {
            for used in app.tables.iter().flat_map(|table| &table.sources) {
                prop_assert!(used.source < app.sources.len());
            }
            let fields = app.tables.iter().flat_map(|table| &table.fields)
                .chain(app.stores.iter().flat_map(|store| &store.fields));
            for origin in fields.flat_map(|field| &field.flows).flat_map(|flow| &flow.origins) {
                prop_assert!(origin.source < app.sources.len());
                prop_assert!(!origin.column.is_empty());
            }
            for each in &app.diagnostics {
                prop_assert!(each.line >= 1 && each.column >= 1);
                prop_assert!(each.line as usize <= text.lines().count().max(1));
            }
        }
    }

    /// Comments, white space and letters' case of keywords do not matter.
    #[test]
    fn comments_between_statements_change_nothing(texts in prop::collection::vec(pieces(), 1..4)) {
        let sound: Vec<&String> = texts.iter().filter(|text| !text.contains(['\'', '"', '`', '[', '/', '(']))
            .collect();
        let plain = sound.iter().map(|text| format!("{text};\n")).collect::<String>();
        let commented = sound.iter().map(|text| format!("{text};//c\n")).collect::<String>();
        let tables = |report: &Report| report.apps[0].1.tables.iter().map(|table| table.name.clone()).collect::<Vec<_>>();
        prop_assert_eq!(tables(&run(&plain)), tables(&run(&commented)));
    }

    /// The same input gives the same report.
    #[test]
    fn nothing_depends_on_chance(text in pieces()) {
        prop_assert_eq!(run(&text).to_json().to_string(), run(&text).to_json().to_string());
        prop_assert_eq!(run(&text).to_mermaid(), run(&text).to_mermaid());
        prop_assert_eq!(render::text(&run(&text)), render::text(&run(&text)));
    }
}

/// A real script with some of its text taken out, doubled, or overwritten.
fn mutated() -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), 0..60_usize, 0..6_usize, "\\PC{0,3}");
    (0..500_u64, prop::collection::vec(change, 1..8)).prop_map(|(seed, changes)| {
        let site = crate::generate::site(seed);
        let mut text: Vec<char> =
            site.apps.first().map_or("", |app| app.script.as_str()).chars().collect();
        for (at, length, kind, fresh) in changes {
            let from = at.index(text.len() + 1);
            let to = (from + length).min(text.len());
            let piece: Vec<char> = text[from..to].to_vec();
            let put: Vec<char> = match kind {
                0 => Vec::new(),
                1 => [piece.clone(), piece].concat(),
                2 => fresh.chars().collect(),
                3 => piece.into_iter().rev().collect(),
                4 => [vec!['\''], piece].concat(),
                _ => [piece, vec!['$', '(']].concat(),
            };
            text.splice(from..to, put);
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_damage_to_a_script(text in mutated()) {
        let report = run(&text);
        prop_assert_eq!(report.apps.len(), 1);
        prop_assert!(report.to_json().is_object());
    }
}

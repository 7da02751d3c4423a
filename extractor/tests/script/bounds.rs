//! Scripts that would run forever, grow without end or nest without end.

use std::fmt::Write as _;

use extractor::script::{App, Connections, Script, analyse_one, limits};

fn run(text: &str) -> App {
    let script = Script { name: "app", text, ..Script::default() };
    analyse_one(&script, &Connections::default(), &|path| {
        // A file that includes itself.
        (path == "self.qvs")
            .then(|| "$(Include=self.qvs);\nT: LOAD a FROM [lib://Q/a.qvd] (qvd);\n".to_owned())
    })
}

/// The script ends, and what follows its trap is still followed.
fn check(trap: &str) -> App {
    let app = run(&format!("{trap}\nAfter: LOAD z FROM [lib://Q/after.qvd] (qvd);\n"));
    assert!(app.tables.iter().any(|table| table.name == "After"), "{trap}");
    app
}

#[test]
fn loops_without_end() {
    let app = check("LET i = 0;\nDO WHILE 1 = 1\nLET i = i + 1;\nLOOP");
    let said = format!("a loop of more than {} rounds", limits::MAX_ROUNDS);
    assert!(app.diagnostics.iter().any(|each| each.message.contains(&said)));
    check("DO\nLET i = 1;\nLOOP");
    check("FOR i = 1 TO 1000000000\nLET x = i;\nNEXT");
    check("FOR i = 1 TO 10 STEP 0\nLET x = i;\nNEXT");
    let nested = format!("{}LET x = 1;\n{}", "FOR i = 1 TO 100\n".repeat(50), "NEXT\n".repeat(50));
    let app = check(&nested);
    assert!(
        app.diagnostics.iter().any(|each| each.message.contains("run longer than is followed"))
    );
}

#[test]
fn calls_and_includes_without_end() {
    check("SUB a\nCALL a\nEND SUB\nCALL a");
    check("SUB a\nCALL b\nCALL b\nEND SUB\nSUB b\nCALL a\nCALL a\nEND SUB\nCALL a");
    check("$(Include=self.qvs);");
    let mut bomb = String::new();
    for i in 0..60 {
        writeln!(bomb, "SUB s{i}\nCALL s{}\nCALL s{}\nEND SUB", i + 1, i + 1).expect("a string");
    }
    check(&format!("{bomb}SUB s60\nLET x = 1;\nEND SUB\nCALL s0"));
}

#[test]
fn values_that_double() {
    check(&format!("LET v = 'x';\n{}", "LET v = v & v;\n".repeat(80)));
    check(&format!("LET v = 'x';\n{}", "LET v = '$(v)$(v)';\n".repeat(80)));
    check("LET d = '$';\nLET a = d & '(a)' & d & '(a)';\nSET b = $(a)$(a);");
    check(&format!("LET v = Repeat('x', 100000000);\nT: LOAD a FROM [{}];", "$(v)".repeat(50)));
}

#[test]
fn preceding_loads_that_multiply() {
    let (mut values, mut loads) = (String::new(), String::new());
    for i in 0..24 {
        writeln!(values, "IF Rand() > {i} THEN\nLET v{i} = 'a';\nELSE\nLET v{i} = 'b';\nEND IF")
            .expect("a string");
        writeln!(loads, "LOAD *, $(v{i}) as c{i};").expect("a string");
    }
    let app = check(&format!("{values}T:\n{loads}LOAD a, b FROM [lib://Q/f.qvd] (qvd);"));
    assert!(app.diagnostics.iter().any(|each| each.message.contains("ways to read")));
    assert!(app.tables[0].fields.iter().any(|field| field.name == "c0"));
}

#[test]
fn branches_that_multiply() {
    let mut script = String::new();
    for i in 0..200 {
        writeln!(script, "IF Rand() > {i} THEN\nLET v{i} = 'a';\nELSE\nLET v{i} = 'b';\nEND IF")
            .expect("a string");
    }
    let names: String = (0..200).fold(String::new(), |mut names, i| {
        write!(names, "$(v{i})").expect("a string");
        names
    });
    writeln!(script, "T: LOAD a FROM [lib://Q/{names}.qvd] (qvd);").expect("a string");
    check(&script);
    check(&format!("{}{}", "IF Rand() > 1 THEN\n".repeat(5000), "END IF\n".repeat(5000)));
}

#[test]
fn nesting_without_end() {
    for trap in [
        "(".repeat(200_000),
        "[".repeat(200_000),
        "$(".repeat(100_000),
        "IF 1 = 1 THEN\n".repeat(50_000),
        "SUB a\n".repeat(50_000),
    ] {
        run(&trap);
    }
    let deep = format!("LET x = {}1{};", "(".repeat(100_000), ")".repeat(100_000));
    check(&deep);
    let deep = format!(
        "T: LOAD {}a{} as x FROM [lib://Q/t.qvd] (qvd);",
        "If(b, ".repeat(50_000),
        ")".repeat(50_000)
    );
    let app = check(&deep);
    let field = &app.tables.iter().find(|table| table.name == "T").expect("the table").fields[0];
    assert_eq!(field.flows[0].origins[0].column, "a");
}

#[test]
fn long_scripts_are_followed_whole() {
    let mut script = String::new();
    for i in 0..20_000 {
        writeln!(script, "T{i}: LOAD a{i}, b & c as d{i} FROM [lib://Q/t{i}.qvd] (qvd);\nCONCATENATE (All) LOAD k FROM [lib://Q/t{i}.qvd] (qvd);").expect("a string");
    }
    let app = run(&script);
    assert_eq!(app.tables.len(), 20_001);
    let all = app.tables.iter().find(|table| table.name == "All").expect("the table");
    assert_eq!(all.sources.len(), 20_000);
}

/// Each of these took time with the square of its length.
#[test]
fn long_series_of_the_same_kind() {
    let mut chain = "T0: LOAD Id, Amt, B FROM [lib://Q/f.qvd] (qvd);\n".to_owned();
    let mut branches = String::new();
    let mut rules = String::new();
    for i in 1..1200 {
        let before = i - 1;
        writeln!(
            chain,
            "T{i}: NOCONCATENATE LOAD *, Amt + B as n{} RESIDENT T{before};\nDROP TABLE T{before};",
            i % 20
        )
        .expect("a string");
        writeln!(branches, "IF Rand() > {i} THEN\nT: LOAD a FROM [lib://Q/{i}.qvd] (qvd);\nEND IF")
            .expect("a string");
        writeln!(rules, "ALIAS g{i} AS h{i};\nT{i}: LOAD g{i}, * FROM [lib://Q/{i}.qvd] (qvd);")
            .expect("a string");
    }
    let app = run(&chain);
    assert_eq!((app.tables.len(), app.tables[0].fields.len()), (1, 23));
    assert_eq!(run(&branches).tables[0].sources.len(), 1199);
    assert_eq!(run(&rules).tables.len(), 1199);
}

/// Of each a line costs what it costs, however many there are; the square of their number would
/// take minutes.
#[test]
fn many_statements_of_one_kind() {
    const MANY: usize = 10_000;
    let lines = |line: &dyn Fn(usize) -> String| (0..MANY).map(line).collect::<String>();
    let star = "T: LOAD * FROM [lib://Q/t.qvd] (qvd);\n";
    let stack = (0..MANY).rev().map(|i| format!("LOAD *, a{i} + 1 as a{};\n", i + 1));
    check(&format!("S:\n{}LOAD a0 FROM [lib://Q/s.qvd] (qvd);", stack.collect::<String>()));
    check(&format!(
        "{star}{}",
        lines(&|i| format!("LEFT JOIN (T) LOAD * FROM [lib://Q/j{i}.qvd] (qvd);\n"))
    ));
    check(&lines(&|i| format!("QUALIFY f{i};\nT{i}: LOAD f{i}, g FROM [lib://Q/q.qvd] (qvd);\n")));
    check(&lines(&|i| {
        format!(
            "IF vUnset > {i} THEN\nT{i}: LOAD a, b FROM [lib://Q/a{i}.qvd] (qvd);\nELSE\n\
             T{i}: LOAD a, c FROM [lib://Q/b{i}.qvd] (qvd);\nEND IF\n"
        )
    }));
    check(&lines(&|i| {
        format!("IF vUnset > {i} THEN\nT: LOAD a FROM [lib://Q/a{i}.qvd] (qvd);\nEND IF\n")
    }));
    let union = format!(
        "U: SQL {}SELECT a FROM last;",
        lines(&|i| format!("SELECT a FROM t{i} UNION ALL\n"))
    );
    let app = check(&union);
    assert_eq!(app.sources.len(), MANY + 2);
}

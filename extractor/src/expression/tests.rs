//! The corpus in `tests/corpus/expressions.txt`, and properties of any text.

use proptest::prelude::*;

use super::*;

const CORPUS: &str = include_str!("../../tests/corpus/expressions.txt");

#[derive(Default)]
struct App {
    names: Names,
    columns: Vec<Column>,
}

impl App {
    fn context(&self) -> Context<'_> {
        Context { names: &self.names, columns: &self.columns }
    }

    fn add(&mut self, declaration: &str) {
        let (kind, rest) = declaration.split_once(' ').expect("`let KIND NAME`");
        if kind == "field" {
            self.names.fields.insert(rest.to_owned());
            return;
        }
        let (name, text) = rest.split_once(": ").expect("`NAME: TEXT`");
        let (name, text) = (name.to_owned(), text.to_owned());
        match kind {
            "variable" => drop(self.names.variables.insert(name, text)),
            "measure" => drop(self.names.measures.insert(name, text)),
            "master-dimension" => drop(self.names.dimensions.insert(name, vec![text])),
            "column" | "column-dimension" => self.columns.push(Column {
                label: Some(name),
                expressions: vec![text],
                is_measure: kind == "column",
            }),
            _ => panic!("unknown declaration `{declaration}`"),
        }
    }
}

#[derive(Debug, Default)]
struct Case {
    text: String,
    is_dimension: bool,
    fields: Vec<String>,
    master_items: Vec<String>,
    variables: Vec<String>,
    unsure: bool,
}

fn list(text: &str) -> Vec<String> {
    text.split(" | ").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn corpus() -> (App, Vec<Case>) {
    let (mut app, mut cases) = (App::default(), Vec::new());
    let mut open = Vec::new();
    let mut last: Option<Case> = None;
    for line in CORPUS.lines().filter(|line| !line.starts_with('#')) {
        if let Some(declaration) = line.strip_prefix("let ") {
            app.add(declaration);
        } else if line.is_empty() {
            cases.extend(last.take());
        } else if let Some(fields) = line.strip_prefix("=>") {
            let text = std::mem::take(&mut open).join("\n");
            let dimension = text.strip_prefix("dimension ").map(str::to_owned);
            last = Some(Case {
                is_dimension: dimension.is_some(),
                text: dimension.unwrap_or(text),
                fields: list(fields),
                ..Case::default()
            });
        } else if let Some(case) = &mut last {
            match line.split_once(": ") {
                Some(("master", items)) => case.master_items = list(items),
                Some(("variables", variables)) => case.variables = list(variables),
                None if line == "unsure" => case.unsure = true,
                _ => panic!("unknown expectation `{line}`"),
            }
        } else {
            open.push(line);
        }
    }
    cases.extend(last);
    (app, cases)
}

/// Where the fields are not known, names in a field's place count.
#[test]
fn names_count_where_fields_are_not_known() {
    let mut app = App::default();
    app.names.is_open = true;
    for declaration in [
        "variable vYear: =Max(Year)",
        "variable vSales: Sum(Sales)",
        "measure Margin: Sum(Sales) - Sum(Cost)",
        "master-dimension Where: Region",
        "master-dimension Country: [Country]",
        "master-dimension When: =Year(Date)",
        "column Turnover: Sum(Price)",
    ] {
        app.add(declaration);
    }
    let check = |text: &str, expected: &[&str]| {
        let reads = match text.strip_prefix("dimension ") {
            Some(definition) => dimension_fields(definition, &app.context()),
            None => fields(text, &app.context()),
        };
        assert_eq!(reads.fields, expected, "{text}: {:?}", reads.diagnostics);
    };
    check("Sum(Sales)", &["Sales"]);
    check("Sum([Order Date]) + Max(\"Ship Date\")", &["Order Date", "Ship Date"]);
    check(
        "Sum({<Year={2024}, [Order Date]={\">=$(vYear)\"}>} Sales)",
        &["Order Date", "Sales", "Year"],
    );
    check("Sum({BM01<Region={A, 'B', \"C*\"}>} Sales)", &["Region", "Sales"]);
    check(
        "Sum({<Customer=P({1<Product={'Shoe'}>} Buyer)>} TOTAL <Month> Sales)",
        &["Buyer", "Customer", "Month", "Product", "Sales"],
    );
    check("Sum({<Customer={\"=Sum(Cost) > 1\"}>} Sales)", &["Cost", "Customer", "Sales"]);
    check("RangeSum(Above(TOTAL Sum(Sales), 0, RowNo(TOTAL)))", &["Sales"]);
    check(
        "Aggr(Rank(Sum(Sales)), (Year, (NUMERIC, ASCENDING)), (Month(Text, Descending)))",
        &["Month", "Sales", "Year"],
    );
    check(
        "If(Region like 'A*' and not IsNull(Product), $(vSales))",
        &["Product", "Region", "Sales"],
    );
    check("[Margin] / [Turnover]", &["Cost", "Price", "Sales"]);
    check("Aggr(Sum(Sales), [Where], Country, When)", &["Country", "Date", "Region", "Sales"]);
    check("Text(Date(Max(Day), 'DD.MM.YYYY')) & vYear", &["Day", "Year"]);
    check("FieldValue('Region', 1) & GetSelectedCount(Country)", &["Country", "Region"]);
    check("Sum({<[Date.autoCalendar.Year]={2024}>} Sales)", &["Date", "Sales"]);
    check("Aggr(Sum(Sales), (Year, (=Max(Cost), DESC)))", &["Cost", "Sales", "Year"]);
    check("Sum($Field) + 1", &[]);
    check("Column(1) / Sum(2019Sales)", &["2019Sales", "Price"]);
    check("Sum([$(=Only(Pick))])", &["Pick"]);
    check("Sum({<Year={2024}} [Net Sales] Gross)", &["Net Sales"]);
    check("dimension Order Date", &["Order Date"]);
    check("dimension Order-Date", &["Order-Date"]);
    check("dimension Division %", &["Division %"]);
    check("dimension =Order-Date", &["Date", "Order"]);
    check("dimension =Order Date", &["Order Date"]);
    check("dimension [a]]b]", &["a]b"]);
    check("dimension Year(Date)", &["Date"]);
    check("dimension =Class(Aggr(Sum(Sales), Customer), 10)", &["Customer", "Sales"]);
    check("dimension Country", &["Country"]);
}

#[test]
fn corpus_reads_as_written() {
    let (app, cases) = corpus();
    assert!(cases.len() > 150, "only {} cases were understood", cases.len());
    let mut failures = Vec::new();
    for case in &cases {
        let context = app.context();
        let reads = if case.is_dimension {
            dimension_fields(&case.text, &context)
        } else {
            fields(&case.text, &context)
        };
        let unsure = reads.diagnostics.iter().any(Diagnostic::is_uncertain);
        let found = (&reads.fields, &reads.master_items, &reads.variables, unsure);
        let expected = (&case.fields, &case.master_items, &case.variables, case.unsure);
        if found != expected {
            failures.push(format!(
                "{}\n  expected {expected:?}\n     found {found:?}\n           {:?}",
                case.text, reads.diagnostics
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn unknown_names_are_named() {
    let (app, _) = corpus();
    let reads = fields("Sum(Nope) + [Also no]", &app.context());
    assert_eq!(
        reads.diagnostics,
        [Diagnostic::UnknownName("Nope".into()), Diagnostic::UnknownName("Also no".into())]
    );
}

#[test]
fn diagnostics_tell_where() {
    let (app, _) = corpus();
    let reads = fields("Sum(Sales) + ) Cost", &app.context());
    assert_eq!(
        reads.diagnostics.first().map(ToString::to_string).as_deref(),
        Some("not understood near `) Cost`; every name in it that is a field counts")
    );
}

#[test]
fn deep_nesting_is_read_by_tokens() {
    let (app, _) = corpus();
    for (open, close) in [("(", ")"), ("Sum(", ")"), ("-(", ")"), ("{<A={", "}>}"), ("$(=", ")")] {
        let text = format!("{}Sales{}", open.repeat(20_000), close.repeat(20_000));
        let reads = fields(&text, &app.context());
        assert!(reads.diagnostics.iter().any(Diagnostic::is_uncertain), "{open}");
    }
}

#[test]
fn many_pieces_without_an_end_are_read() {
    let (app, _) = corpus();
    for piece in
        ["$(a'", "$(a')", "$(", "['", "[]]", "\"", "'", "/*", "{<", "$(=[", "$(vA(", "Sum(", ".x"]
    {
        let text = format!("Sales + {}", piece.repeat(20_001));
        let reads = fields(&text, &app.context());
        assert!(!reads.diagnostics.is_empty(), "{piece}");
    }
}

#[test]
fn long_texts_are_read_whole() {
    let (app, _) = corpus();
    let text = format!("{}Sum(Cost)", "Sum(Sales) + ".repeat(15_000));
    let reads = fields(&text, &app.context());
    assert_eq!((reads.fields, reads.diagnostics), (vec!["Cost".into(), "Sales".into()], vec![]));
}

#[test]
fn long_chains_of_labels_do_not_nest() {
    let mut names = Names::default();
    names.fields.insert("F".into());
    for n in 0..5_000 {
        names.measures.insert(format!("M{n}"), format!("[M{}] + 1", n + 1));
    }
    names.measures.insert("M5000".into(), "Sum(F)".into());
    let reads = fields("[M0]", &Context { names: &names, columns: &[] });
    assert_eq!(reads.fields, ["F"]);
    assert_eq!(reads.master_items.len(), 5_001);
}

#[test]
fn variables_that_multiply_each_other_end() {
    let mut names = Names::default();
    for n in 0..40 {
        let (next, equals) = (n + 1, if n % 2 == 0 { "=" } else { "" });
        names.variables.insert(format!("v{n}"), format!("{equals}$(v{next}) + $(v{next}(a,b))"));
    }
    let reads = fields("$(v0)", &Context { names: &names, columns: &[] });
    assert!(reads.diagnostics.contains(&Diagnostic::Limit));
}

proptest! {
    #[test]
    fn any_text_is_read(text in any::<String>()) {
        let (app, _) = corpus();
        let reads = fields(&text, &app.context());
        prop_assert!(reads.fields.iter().all(|field| app.names.fields.contains(field)));
        let reads = dimension_fields(&text, &app.context());
        prop_assert!(reads.fields.iter().all(|field| app.names.fields.contains(field)));
    }

    /// Text of the right characters gets further into the parser than any text.
    #[test]
    fn text_of_expression_pieces_is_read(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "Sum(", ")", "{", "}", "<", ">", "=", "[", "]", "\"", "'", "`", "$(", "$(=", "$(v0", ",",
            "(", "TOTAL ", "DISTINCT ", "Sales", "v0", "*", "-", "/", "//", "/*", "*/", "\n", " ",
            "P(", "::", "#1", "1", "Aggr(", "and ", "not ", "\u{FDD0}", "\u{FDD1}", "é", "$1",
        ]), 0..60)
    ) {
        let text = pieces.concat();
        let mut names = Names::default();
        names.fields.insert("Sales".into());
        names.variables.insert("v0".into(), text.clone());
        names.measures.insert("Sales".into(), text.clone());
        let columns = [Column { label: Some("v0".into()), expressions: vec![text.clone()], is_measure: true }];
        let reads = fields(&text, &Context { names: &names, columns: &columns });
        prop_assert!(reads.fields.iter().all(|field| field == "Sales"));
    }

    /// Where a field stands, it is found, whatever its name.
    #[test]
    fn a_quoted_name_is_found(name in "[^=\u{FDD0}-\u{FDEF}][^\u{FDD0}-\u{FDEF}]{0,20}") {
        prop_assume!(!name.contains("$("));
        let mut names = Names::default();
        names.fields.insert(name.clone());
        let context = Context { names: &names, columns: &[] };
        let quoted = format!("[{}]", name.replace(']', "]]"));
        for text in [format!("Sum({quoted})"), format!("Sum({{<{quoted}={{1}}>}} 1)"), quoted] {
            prop_assert_eq!(fields(&text, &context).fields, vec![name.clone()], "{}", text);
        }
        prop_assert_eq!(dimension_fields(&name, &context).fields, vec![name]);
    }
}

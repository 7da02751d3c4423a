use super::*;

struct Known;

impl Names for Known {
    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn variable(&self, name: &str) -> Option<Value> {
        match name {
            "vText" => Some(Value::text("abc")),
            "vNumber" => Some(Value::text("5")),
            _ => None,
        }
    }

    fn model(&self, _: &str, _: &[Value]) -> Option<Value> {
        None
    }
}

fn check(text: &str, expected: &str) {
    assert_eq!(&*evaluate(text, &Known).shown(), expected, "{text}");
}

#[test]
fn constants_are_evaluated() {
    check("1 + 2 * 3", "7");
    check("'a' & 'b' & 1+1", "ab2");
    check("-(2 - 5)", "3");
    check("vText & '_' & vNumber", "abc_5");
    check("vNumber * 2", "10");
    check("Upper(Left('sales', 1)) & Mid('sales', 2)", "Sales");
    check("SubField('a/b/c.qvd', '/', -1)", "c.qvd");
    check("Replace('a.b.c', '.', '_')", "a_b_c");
    check("Chr(39) & 'x' & Chr(39)", "'x'");
    check("Num(7, '00')", "07");
    check("Date(MakeDate(2020, 2, 29), 'YYYYMMDD')", "20200229");
    check("Year(AddMonths(MakeDate(2019, 12, 31), 2))", "2020");
    check("Date(AddMonths(MakeDate(2020, 1, 31), 1), 'YYYY-MM-DD')", "2020-02-29");
    check("Date(Date#('2021-03-04', 'YYYY-MM-DD') + 1, 'DD.MM.YYYY')", "05.03.2021");
    check("If(vNumber > 3, 'big', 'small')", "big");
    check("Pick(Match('b', 'a', 'b'), 'x', 'y')", "y");
    check("Index('a-b-c', '-', -1)", "4");
    check("not IsNull(Null())", "0");
}

#[test]
fn what_a_reload_decides_stays_visible() {
    check("'sales_' & Today() & '.qvd'", "sales_$(=Today()).qvd");
    check("vOther & '/x'", "$(vOther)/x");
    check("'a$(vOther)b' & 'c'", "a$(vOther)bc");
    check("Len(Today())", "$(=Len(Today()))");
    check("'01/02/2024' + 1", "$(='01/02/2024' + 1)");
    check("If(Today() > 5, 'a', 'b')", "$(=If(Today() > 5, 'a', 'b'))");
    for text in ["FileSize('x') > 0", "'$(v)' = 'x'", "a b", "(", "'Null' = Null()", "'a' = 'A'"] {
        assert_eq!(condition(text, &Known), None, "{text}");
    }
    for (text, truth) in [
        ("1 = 1 and 2 > 1", true),
        ("Today() > 5 or 1 = 1", true),
        ("Today() > 5 and 1 = 2", false),
        ("'abc' like 'A*'", true),
        ("not 1 = 2", true),
        ("Null() > 0", false),
        ("Null() >= 0 or 1 <= Null()", false),
    ] {
        assert_eq!(condition(text, &Known), Some(truth), "{text}");
    }
}

#[test]
fn nesting_is_bounded() {
    let deep = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(evaluate(&deep, &Known).is_unknown());
    let long = format!("1{}", " + 1".repeat(10_000));
    assert_eq!(&*evaluate(&long, &Known).shown(), "10001");
}

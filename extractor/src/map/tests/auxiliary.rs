//! Expressions that are neither dimension nor measure.

use event::AuxiliaryRole as Role;

use super::*;

/// Checks the auxiliary expressions of a chart: role and text, sorted.
fn check(properties: Value, expected: &[(Role, &str)]) {
    let found = one_chart("acme", properties.clone());
    let found: Vec<(Role, &str)> =
        found.auxiliary_expressions.iter().map(|it| (it.role, it.expression.as_str())).collect();
    assert_eq!(found, expected, "{properties}");
}

#[test]
fn captions() {
    check(
        json!({
            "title": "='t' & Max(A)",
            "subtitle": {"qStringExpression": {"qExpr": "Max(B)"}},
            "footnote": {"qStringExpression": "=Max(C)"},
            "dimensionAxis": {"label": "=Max(A)"},
        }),
        &[
            (Role::Title, "='t' & Max(A)"),
            (Role::Subtitle, "Max(B)"),
            (Role::Footnote, "=Max(C)"),
            (Role::Label, "=Max(A)"),
        ],
    );
    check(json!({"title": "plain", "subtitle": "", "other": "= "}), &[]);
}

#[test]
fn columns_carry_labels_conditions_sorting_and_attributes() {
    check(
        json!({"qHyperCubeDef": {
            "qContextSetExpression": "{<C={1}>}",
            "qCalcCondition": {"qCond": {"qv": "Count(A) < 10"}, "qMsg": {"qv": "='too many'"}},
            "qDimensions": [{
                "qDef": {
                    "qFieldDefs": ["A"], "qFieldLabels": ["=Max(A)"], "qLabelExpression": "'l' & Max(A)",
                    "qSortCriterias": [{"qSortByExpression": 1, "qExpression": {"qv": "Sum(B)"}},
                        {"qSortByExpression": 0, "qExpression": {"qv": "Sum(C)"}}],
                },
                "qCalcCondition": {"qCond": {"qv": "vShow = 1"}},
                "qAttributeExpressions": [{"qExpression": "Max(B)", "id": "whatever"},
                    {"qExpression": "Max(A)", "id": "cellForegroundColor"}, {"qExpression": ""}],
                "qAttributeDimensions": [{"qDef": "C"}],
                "qOtherTotalSpec": {"qOtherMode": "OTHER_COUNTED", "qOtherCounted": {"qv": "vTop"}, "qOtherLimit": {"qv": "0"}},
                "qOtherLabel": {"qv": "Others"},
            }, {
                "qDef": {"qFieldDefs": ["B"]},
                "qOtherTotalSpec": {"qOtherMode": "OTHER_OFF", "qOtherCounted": {"qv": "=vTop"}},
            }],
            "qMeasures": [{
                "qDef": {"qDef": "Sum(A)", "qLabel": "='l'", "qExpressions": ["Sum(B)"]},
                "qSortBy": {"qExpression": {"qv": "Sum(C)"}},
                "qMiniChartDef": {"qDef": "C"},
            }],
        }}),
        &[
            (Role::Other, "Sum(B)"),
            (Role::Other, "vTop"),
            (Role::Other, "{<C={1}>}"),
            (Role::Label, "'l' & Max(A)"),
            (Role::Label, "='l'"),
            (Role::Label, "='too many'"),
            (Role::Label, "=Max(A)"),
            (Role::Color, "Max(A)"),
            (Role::Sort, "Sum(B)"),
            (Role::Sort, "Sum(C)"),
            (Role::CalculationCondition, "Count(A) < 10"),
            (Role::CalculationCondition, "vShow = 1"),
            (Role::Attribute, "C"),
            (Role::Attribute, "Max(B)"),
        ],
    );
}

#[test]
fn colours_count_when_they_are_the_chosen_ones() {
    let with = |mode: Value| {
        let mut colour = json!({"colorExpression": "If(Sum(A) > 1, Red())",
            "byMeasureDef": {"key": "Sum(B)", "type": "expression"}, "byDimDef": {"key": "C", "type": "field"}});
        for (key, value) in mode.as_object().expect("an object") {
            colour[key] = value.clone();
        }
        json!({"color": colour, "qHyperCubeDef": {"qMeasures": [{"qDef": {"qDef": "Sum(A)"}, "qAttributeExpressions": [
            {"id": "colorByExpression", "qExpression": "If(Sum(A) > 1, Red())"},
            {"id": "colorByAlternative", "qExpression": "Sum(B)"},
        ]}]}})
    };
    check(with(json!({"auto": true, "mode": "byExpression"})), &[]);
    check(with(json!({"auto": false, "mode": "primary"})), &[]);
    check(with(json!({"mode": "byExpression"})), &[(Role::Color, "If(Sum(A) > 1, Red())")]);
    check(with(json!({"auto": false, "mode": "byMeasure"})), &[(Role::Color, "Sum(B)")]);
    check(
        with(json!({"auto": false, "mode": "byDimension"})),
        &[(Role::Color, "C"), (Role::Color, "Sum(B)")],
    );
}

#[test]
fn conditions_reference_lines_and_tooltips() {
    check(
        json!({
            "showCondition": "Sum(A) > 0",
            "refLine": {
                "refLines": [
                    {"show": true, "refLineExpr": {"label": {"qStringExpression": {"qExpr": "Avg(A)"}},
                        "value": {"qValueExpression": {"qExpr": "Avg(A)"}}}},
                    {"show": false, "refLineExpr": {"value": {"qValueExpression": {"qExpr": "Avg(B)"}}}},
                ],
            },
            "tooltip": {"auto": false, "title": {"qStringExpression": {"qExpr": "Max(C)"}},
                "data": {"qHyperCubeDef": cube(&[], &["Sum(C)"])}},
            "measureAxis": {"autoMinMax": false, "min": {"qValueExpression": {"qExpr": "Min(A)"}}},
        }),
        &[
            (Role::Other, "Min(A)"),
            (Role::ShowCondition, "Sum(A) > 0"),
            (Role::Tooltip, "Max(C)"),
            (Role::Tooltip, "Sum(C)"),
            (Role::ReferenceLine, "Avg(A)"),
        ],
    );
    check(
        json!({
            "tooltip": {"auto": true, "data": {"qHyperCubeDef": cube(&[], &["Sum(C)"])}},
            "measureAxis": {"autoMinMax": true, "min": {"qValueExpression": {"qExpr": "Min(A)"}}},
            "qLayoutExclude": {"expr": "=Sum(A)"}, "qUndoExclude": {"expr": "=Sum(A)"},
        }),
        &[],
    );
}

#[test]
fn map_layers_and_extensions_name_expressions_by_key() {
    check(
        json!({"gaLayers": [{
            "locationOrLatitude": {"key": "GeoMakePoint(A, B)", "label": "x", "type": "expression"},
            "size": {"expression": {"key": "C", "type": "field"}},
            "color": {"auto": false, "mode": "byExpression", "colorExpression": "Max(C)"},
            "qHyperCubeDef": {"qDimensions": [{"qDef": {"qFieldDefs": ["A"]}, "qAttributeExpressions": [
                {"id": "colorByExpression", "qExpression": "Max(C)"}]}]},
        }], "custom": {"deep": [{"expression": "=Sum(B)"}]}}),
        &[
            (Role::Other, "=Sum(B)"),
            (Role::Color, "Max(C)"),
            (Role::Attribute, "C"),
            (Role::Attribute, "GeoMakePoint(A, B)"),
        ],
    );
}

#[test]
fn fields_and_the_library_are_read_here_too() {
    let objects = json!([sheet(
        "s",
        json!([object(
            "c",
            "table",
            json!({
                "color": {"auto": false, "mode": "byMeasure", "byMeasureDef": {"key": "m", "type": "libraryItem"}},
                "qHyperCubeDef": {
                    "qMeasures": [{"qLibraryId": "m", "qDef": {"qLabelExpression": "stale"}}],
                    "qDimensions": [{"qDef": {"qFieldDefs": ["A"]}, "qAttributeDimensions": [{"qDef": "B C"}]}],
                },
            })
        )])
    )]);
    let mut content = content(&["A", "B C", "D"], objects);
    let mut master = measure("m", "Turnover", "Sum(A)");
    master["qMeasure"]["qLabelExpression"] = "'T ' & Max(D)".into();
    content.measures = vec![master];
    let events = map(&content);
    let found: Vec<_> = chart(&events, "c")
        .auxiliary_expressions
        .iter()
        .map(|it| (it.role, it.expression.as_str(), it.fields.join("|")))
        .collect();
    assert_eq!(
        found,
        [
            (Role::Label, "'T ' & Max(D)", "D".to_owned()),
            (Role::Color, "Sum(A)", "A".to_owned()),
            (Role::Attribute, "B C", "B C".to_owned()),
        ]
    );
}

//! What the parser and the reader must know of functions. Names are compared without case.

/// Aggregations: a name in their arguments is a field first, never a measure's label.
/// From Qlik's list of chart aggregation functions.
const AGGREGATIONS: &[&str] = &[
    "avg",
    "concat",
    "correl",
    "count",
    "first",
    "firstsortedvalue",
    "fractile",
    "fractileexc",
    "georeducegeometry",
    "irr",
    "kurtosis",
    "last",
    "max",
    "maxstring",
    "median",
    "min",
    "minstring",
    "missingcount",
    "mode",
    "npv",
    "nullcount",
    "numericcount",
    "only",
    "skew",
    "stdev",
    "sterr",
    "steyx",
    "sum",
    "textcount",
    "xirr",
    "xnpv",
];

/// Families of aggregations that share a prefix.
const AGGREGATION_PREFIXES: &[&str] =
    &["chi2test", "geoaggrgeometry", "linest_", "ttest", "ttestw", "ztest", "ztestw", "mutualinfo"];

/// Functions whose first argument is a field itself, not its value, by name or as text.
const FIELD_FUNCTIONS: &[&str] = &[
    "fieldindex",
    "fieldvalue",
    "fieldvaluecount",
    "getalternativecount",
    "getexcludedcount",
    "getfieldselections",
    "getnotselectedcount",
    "getpossiblecount",
    "getselectedcount",
];

/// Words of `Aggr`'s sorting criteria, as in `(Month, (TEXT, ASCENDING))`.
const SORT_WORDS: &[&str] = &[
    "asc",
    "ascending",
    "desc",
    "descending",
    "expression",
    "frequency",
    "load_order",
    "loadorder",
    "numeric",
    "reverse",
    "text",
];

/// Words between two operands.
const INFIX_WORDS: &[&str] =
    &["and", "bitand", "bitor", "bitxor", "div", "follows", "like", "mod", "or", "precedes", "xor"];

/// Words in front of an operand.
const PREFIX_WORDS: &[&str] = &["bitnot", "not"];

/// Words at the beginning of an aggregation's arguments.
const QUALIFIERS: &[&str] = &["all", "distinct", "nodistinct", "total"];

fn is_in(list: &[&str], word: &str) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(word))
}

pub(super) fn is_aggregation(name: &str) -> bool {
    let has_prefix = |prefix: &&str| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    is_in(AGGREGATIONS, name) || AGGREGATION_PREFIXES.iter().any(has_prefix)
}

pub(super) fn takes_field(name: &str) -> bool {
    is_in(FIELD_FUNCTIONS, name)
}

pub(super) fn is_sort_word(word: &str) -> bool {
    is_in(SORT_WORDS, word)
}

pub(super) fn is_infix(word: &str) -> bool {
    is_in(INFIX_WORDS, word)
}

pub(super) fn is_prefix(word: &str) -> bool {
    is_in(PREFIX_WORDS, word)
}

pub(super) fn is_qualifier(word: &str) -> bool {
    is_in(QUALIFIERS, word)
}

//! What is known of functions and types by their names.

use super::words::{Word, WordKind};

/// Whether a table function makes its rows of its arguments alone: it reads no table.
pub(super) fn is_made_of_arguments(name: &str) -> bool {
    const NAMES: [&str; 38] = [
        "unnest",
        "flatten",
        "explode",
        "explode_outer",
        "posexplode",
        "posexplode_outer",
        "inline",
        "inline_outer",
        "stack",
        "json_tuple",
        "parse_url_tuple",
        "variant_explode",
        "string_split",
        "split_to_table",
        "strtok_split_to_table",
        "generate_series",
        "generate_subscripts",
        "generator",
        "sequence",
        "range",
        "numbers",
        "zeros",
        "rowcount",
        "openjson",
        "openxml",
        "nodes",
        "json_each",
        "json_tree",
        "json_table",
        "xmltable",
        "array",
        "values",
        "regexp_matches",
        "regexp_split_to_table",
        "string_to_table",
        "table",
        "multiset",
        "collection",
    ];
    let name = name.to_ascii_lowercase();
    NAMES.contains(&name.as_str())
        || ["json_", "jsonb_", "json_array_elements", "series_generate_"]
            .iter()
            .any(|start| name.starts_with(start))
        // Oracle's lists: `sys.odcivarchar2list('a', 'b')`.
        || (name.starts_with("odci") && name.ends_with("list"))
}

/// Whether a table function reads the file that its first argument names.
pub(super) fn reads_file(name: &str) -> bool {
    const NAMES: [&str; 18] = [
        "read_parquet",
        "parquet_scan",
        "read_csv",
        "read_csv_auto",
        "read_json",
        "read_json_auto",
        "read_ndjson",
        "read_files",
        "read_text",
        "delta_scan",
        "iceberg_scan",
        "file",
        "url",
        "s3",
        "gcs",
        "hdfs",
        "azureblobstorage",
        "deltalake",
    ];
    NAMES.iter().any(|each| name.eq_ignore_ascii_case(each))
}

/// Columns that a table function always has.
pub(super) fn own_columns(name: &str) -> &'static [&'static str] {
    match name {
        "flatten" => &["value", "key", "index", "path", "seq", "this"],
        "string_split" => &["value", "ordinal"],
        "explode" | "explode_outer" => &["col", "key", "value"],
        "posexplode" | "posexplode_outer" => &["pos", "col", "key", "value"],
        _ => &[],
    }
}

/// Whether a function takes a lambda.
pub(super) fn is_higher_order(name: &str) -> bool {
    const NAMES: [&str; 32] = [
        "transform",
        "filter",
        "aggregate",
        "reduce",
        "exists",
        "forall",
        "zip_with",
        "map_filter",
        "map_zip_with",
        "transform_keys",
        "transform_values",
        "array_sort",
        "any_match",
        "all_match",
        "none_match",
        "list_transform",
        "list_filter",
        "list_reduce",
        "arraymap",
        "arrayfilter",
        "arrayexists",
        "arrayall",
        "arraysum",
        "arraysort",
        "reduce_agg",
        "array_first",
        "array_last",
        "list_sort",
        "arrayfirst",
        "arraylast",
        "arraycount",
        "map_from_entries",
    ];
    NAMES.iter().any(|each| name.eq_ignore_ascii_case(each))
}

/// Whether a function takes a unit of time besides dates: `DATEDIFF(day, a, b)`.
pub(super) fn takes_unit(name: &str) -> bool {
    const NAMES: [&str; 29] = [
        "datediff",
        "dateadd",
        "datepart",
        "datename",
        "date_trunc",
        "datetrunc",
        "timestampdiff",
        "timestampadd",
        "date_diff",
        "timestamp_trunc",
        "date_part",
        "date_add",
        "date_sub",
        "datetime_trunc",
        "datediff_big",
        "date_bucket",
        "last_day",
        "datetime_add",
        "datetime_sub",
        "datetime_diff",
        "time_add",
        "time_sub",
        "time_diff",
        "time_trunc",
        "timestamp_add",
        "timestamp_sub",
        "timestamp_diff",
        "timeadd",
        "timediff",
    ];
    NAMES.iter().any(|each| name.eq_ignore_ascii_case(each))
}

/// Whether a name is a unit of time.
pub(super) fn is_unit(name: &str) -> bool {
    const UNITS: [&str; 57] = [
        "year",
        "yy",
        "yyyy",
        "quarter",
        "qq",
        "q",
        "month",
        "mm",
        "m",
        "week",
        "wk",
        "ww",
        "weekday",
        "dw",
        "dayofyear",
        "dy",
        "day",
        "dd",
        "d",
        "hour",
        "hh",
        "minute",
        "mi",
        "second",
        "ss",
        "millisecond",
        "ms",
        "isoweek",
        "iso_week",
        "isowk",
        "week_iso",
        "dayofweek",
        "dow",
        "doy",
        "microsecond",
        "mcs",
        "nanosecond",
        "epoch",
        "n",
        "epoch_second",
        "epoch_seconds",
        "epoch_millisecond",
        "epoch_milliseconds",
        "epoch_microsecond",
        "epoch_nanosecond",
        "isoyear",
        "isodow",
        "dayofweekiso",
        "dayofweek_iso",
        "weekofyear",
        "yearofweek",
        "yearofweekiso",
        "century",
        "decade",
        "millennium",
        "timezone_hour",
        "timezone_minute",
    ];
    UNITS.iter().any(|unit| name.eq_ignore_ascii_case(unit))
}

/// Whether an argument of a call decides which value it has and does not flow into it. `name`:
/// lower-case.
pub(super) fn selects(name: &str, index: usize, count: usize) -> bool {
    match (name, index) {
        ("iif" | "iff" | "if" | "nvl2" | "choose" | "elt", 0) => true,
        // The second says which value is none, or which row it is taken from.
        ("nullif" | "max_by" | "min_by" | "arg_max" | "arg_min" | "lag" | "lead", 1) => true,
        ("argmax" | "argmin" | "argmaxif" | "argminif", 1) => true,
        // Teradata's: what they are sorted by, and how many rows they see.
        ("csum" | "mavg" | "msum" | "mdiff" | "mlinreg", 1..) => true,
        ("rank" | "dense_rank" | "percent_rank" | "cume_dist", _) => true,
        // multiIf(condition, value, condition, value, …, otherwise)
        ("multiif", index) => index % 2 == 0 && index + 1 < count,
        // Of DB2: where a row stands in a table.
        ("rrn" | "rid", _) => count == 1,
        // DECODE(x, search, result, …, default)
        ("decode", 0) => count > 2,
        ("decode", index) => index % 2 == 1 && index + 1 < count,
        (name, index) if is_conditional(name) => index + 1 == count,
        _ => false,
    }
}

/// Whether the last argument of an aggregate says which rows count: ClickHouse's `sumIf(v, c)`.
fn is_conditional(name: &str) -> bool {
    const STARTS: [&str; 9] =
        ["sum", "avg", "min", "max", "any", "uniq", "quantile", "grouparray", "arg"];
    let name = name.to_ascii_lowercase();
    name == "countif" || (name.ends_with("if") && STARTS.iter().any(|it| name.starts_with(it)))
}

/// Whether it is a method of values, of XML, geometry or an object, and no function of a schema:
/// names that a schema's function may have too are told by the arguments.
pub(super) fn is_method(name: &str, arguments: usize, of_literal: bool) -> bool {
    const XML: [&str; 4] = ["value", "query", "exist", "nodes"];
    const OTHERS: [&str; 5] =
        ["tostring", "getclobval", "getstringval", "getnumberval", "getblobval"];
    let is = |names: &[&str]| names.iter().any(|each| name.eq_ignore_ascii_case(each));
    // `STAsText`, not `STATUS`
    let geometry = matches!(name.as_bytes(), [b'S', b'T', upper, lower, ..]
        if upper.is_ascii_uppercase() && lower.is_ascii_lowercase());
    let hana = arguments == 0 && name.get(..3).is_some_and(|it| it.eq_ignore_ascii_case("st_"));
    geometry || hana || (arguments == 0 && is(&OTHERS)) || (of_literal && is(&XML))
}

/// Whether a word is the name of an SQL type.
pub(super) fn is_type(word: &Word<'_>) -> bool {
    const TYPES: [&str; 52] = [
        "bit",
        "tinyint",
        "smallint",
        "int",
        "int2",
        "int4",
        "int8",
        "integer",
        "bigint",
        "byteint",
        "decimal",
        "dec",
        "numeric",
        "number",
        "float",
        "real",
        "double",
        "money",
        "smallmoney",
        "char",
        "nchar",
        "character",
        "varchar",
        "nvarchar",
        "varchar2",
        "nvarchar2",
        "univarchar",
        "unichar",
        "string",
        "text",
        "ntext",
        "clob",
        "binary",
        "varbinary",
        "image",
        "date",
        "time",
        "datetime",
        "datetime2",
        "smalldatetime",
        "datetimeoffset",
        "bigdatetime",
        "bigtime",
        "timestamp",
        "uniqueidentifier",
        "xml",
        "sql_variant",
        "sysname",
        "geography",
        "geometry",
        "boolean",
        "unsigned",
    ];
    word.kind == WordKind::Bare && TYPES.iter().any(|each| word.is(each))
}

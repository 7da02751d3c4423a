//! Sources and field lists of loads.

use std::collections::BTreeSet;

use super::Writer;
use super::model::{Data, Origins, Source};
use super::style::{column, gap, keyword, keywords, name};

/// Words that names are made of; a number follows, so that names differ where they must.
const WORDS: [&str; 16] = [
    "Amount",
    "Order No",
    "%Key",
    "Größe",
    "Cust.Name",
    "From",
    "#Count",
    "Qty",
    "日付",
    "Date",
    "a-b",
    "Is?",
    "it's",
    "Load",
    "x]y",
    "Region_Code",
];

const COLUMNS: [&str; 10] = [
    "id",
    "amount",
    "Order No",
    "cust_id",
    "Name",
    "region",
    "upd_ts",
    "Größe",
    "qty2",
    "Order.Ref",
];

/// Connections of databases, with their marks around names.
pub(super) const DATABASES: [(&str, (char, char)); 3] =
    [("PG", ('"', '"')), ("Sales SQL", ('[', ']')), ("my:shop", ('`', '`'))];

/// What a load takes its input from.
pub(super) struct Input {
    pub(super) data: Data,
    /// Text after the field list, without `;`.
    pub(super) words: Vec<String>,
    /// Whether it is a statement of its own (`SELECT`), below the field list.
    pub(super) below: bool,
    /// A table of the model: its sources count when their values are taken.
    pub(super) resident: bool,
    /// Whether the columns are known from what the scripts say of it: `*` stands for them.
    pub(super) known: bool,
}

impl Writer<'_> {
    pub(super) fn fresh(&mut self) -> usize {
        *self.number += 1;
        *self.number
    }

    pub(super) fn field_name(&mut self) -> String {
        let word = *self.random.of(&WORDS);
        format!("{word}{}", self.fresh())
    }

    pub(super) fn table_name(&mut self) -> String {
        let word = *self.random.of(&["Orders", "Dim Customer", "fact_", "Tmp", "Länder", "T.x "]);
        format!("{word}{}", self.fresh())
    }

    fn columns(&mut self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for _ in 0..self.random.between(2, 6) {
            let name = (*self.random.of(&COLUMNS)).to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Any input.
    pub(super) fn input(&mut self) -> Input {
        match self.random.below(10) {
            0..=2 => self.raw_file(),
            3 | 4 => self.stored_file().unwrap_or_else(|| self.raw_file_of(None)),
            5 | 6 => self.select(),
            7 | 8 => self.resident(None).unwrap_or_else(|| self.raw_file_of(None)),
            _ => self.inline(),
        }
    }

    pub(super) fn raw_file(&mut self) -> Input {
        self.raw_file_of(None)
    }

    pub(super) fn raw_file_of(&mut self, path: Option<String>) -> Input {
        let path = path.unwrap_or_else(|| {
            let number = self.fresh();
            let (name, _) = *self.random.of(&[("in", 0), ("My File ", 0), ("täst.v", 0)]);
            format!("lib://Raw/{name}{number}")
        });
        let formats = [
            (".qvd", "(qvd)"),
            (".csv", "(txt, utf8, embedded labels, delimiter is ';', msq)"),
            (".xlsx", "(ooxml, embedded labels, table is [Sheet 1])"),
            (".parquet", "(parquet)"),
            (".xls", "(biff, embedded labels, header is 2 lines, table is Sheet1$)"),
            (".csv", "(txt, codepage is 1252, embedded labels, delimiter is '\\t')"),
        ];
        let (extension, format) = *self.random.of(&formats);
        let path = format!("{path}{extension}");
        let data = self.file_data(&path);
        let words = self.from(&path, format);
        Input { data, words, below: false, resident: false, known: false }
    }

    fn file_data(&mut self, path: &str) -> Data {
        let source = Source::File { path: path.to_owned() };
        let fields = self.columns().into_iter();
        let fields = fields.map(|name| (name.clone(), Origins::from([(source.clone(), name)])));
        Data { fields: fields.collect(), sources: BTreeSet::from([source]) }
    }

    /// `FROM` with the path in some spelling: a part of it may be a variable.
    pub(super) fn from(&mut self, path: &str, format: &str) -> Vec<String> {
        let mut shown = path.to_owned();
        if self.random.percent(20) {
            let number = self.fresh();
            let cut = path.rfind('/').unwrap_or(0);
            let (folder, file) = path.split_at(cut);
            let text = match self.random.below(3) {
                0 => format!("SET vPath{number} = {folder};\n"),
                1 => format!("LET vPath{number} = '{folder}';\n"),
                _ => {
                    let rest = folder.strip_prefix("lib:").unwrap_or(folder);
                    format!("LET vPath{number} = 'lib:' & '{rest}';\n")
                }
            };
            self.app.script.push_str(&text);
            shown = format!("$(vPath{number}){file}");
        }
        let quoted = match self.random.below(5) {
            0 => format!("\"{shown}\""),
            1 => format!("'{shown}'"),
            _ => format!("[{shown}]"),
        };
        vec![keyword(self.random, "FROM"), quoted, format.to_owned()]
    }

    /// A file that an app stored, through either connection.
    pub(super) fn stored_file(&mut self) -> Option<Input> {
        let own = self.app.stores.iter().map(|(path, data)| (path.clone(), data.clone()));
        let all: Vec<(String, Data)> =
            self.files.iter().map(|(path, data)| (path.clone(), data.clone())).chain(own).collect();
        if all.is_empty() {
            return None;
        }
        let (path, stored) = self.random.of(&all).clone();
        let source = Source::File { path: path.clone() };
        let names = stored.names().into_iter().flat_map(|name| match name.as_str() {
            "*" => vec!["id".to_owned(), "open_col".to_owned()],
            _ => vec![name],
        });
        let fields = names.map(|name| (name.clone(), Origins::from([(source.clone(), name)])));
        let data = Data { fields: fields.collect(), sources: BTreeSet::from([source]) };
        let words = self.from(&path, "(qvd)");
        let known = data.get("open_col").is_none();
        Some(Input { data, words, below: false, resident: false, known })
    }

    pub(super) fn resident(&mut self, table: Option<&str>) -> Option<Input> {
        let (table, data) = match table {
            Some(table) => self.app.tables.iter().find(|(name, _)| name == table)?.clone(),
            None if self.app.tables.is_empty() => return None,
            None => self.random.of(&self.app.tables).clone(),
        };
        let mut words = vec![keyword(self.random, "RESIDENT"), name(self.random, &table)];
        if self.random.percent(30) {
            let field = self.random.of(&data.names()).clone();
            words.push(keyword(self.random, "WHERE"));
            words.push(name(self.random, &field));
            words.push("> 'x; LOAD'".to_owned());
        }
        if self.random.percent(20) {
            let field = self.random.of(&data.names()).clone();
            words.extend(keywords(self.random, "ORDER BY"));
            words.push(name(self.random, &field));
        }
        Some(Input { data, words, below: false, resident: true, known: true })
    }

    fn inline(&mut self) -> Input {
        let names = ["c1", "c two", "c3"];
        let fields = names.iter().map(|name| ((*name).to_owned(), Origins::new())).collect();
        let mark = *self.random.of(&[',', '|', ';']);
        let rows = format!("\nc1{mark}c two{mark}c3\n1{mark}it's{mark}2\n");
        let format = if mark == ',' { String::new() } else { format!("(delimiter is '{mark}')") };
        let words = vec![keyword(self.random, "INLINE"), format!("[{rows}]"), format];
        Input {
            data: Data { fields, ..Data::default() },
            words,
            below: false,
            resident: false,
            known: true,
        }
    }

    /// Connects to one of the databases, unless it is the present one.
    pub(super) fn connect(&mut self) -> (&'static str, (char, char)) {
        let index = self.random.below(DATABASES.len());
        let (connection, marks) = DATABASES[index];
        if self.connection != Some(index) {
            let quoted =
                self.random.of(&[format!("'{connection}'"), format!("[{connection}]")]).clone();
            let words = [keywords(self.random, "LIB CONNECT TO"), vec![quoted]].concat();
            let text = super::style::statement(self.random, &words);
            self.app.script.push_str(&text);
            self.connection = Some(index);
        }
        (connection, marks)
    }

    /// A `SELECT` of one table or two.
    pub(super) fn select(&mut self) -> Input {
        let (connection, marks) = self.connect();
        let mut from: Vec<String> = Vec::new();
        let mut items: Vec<String> = Vec::new();
        let mut data = Data::default();
        let tables = self.random.between(1, 3);
        let in_query = self.random.percent(25);
        for side in 0..tables {
            let number = self.fresh();
            let schema = *self.random.of(&["dbo", "public", "shop"]);
            let table = format!("tab_{number}");
            let qualified = match self.random.below(3) {
                0 => format!("db1.{schema}.{table}"),
                _ => format!("{schema}.{table}"),
            };
            let source =
                Source::Table { connection: connection.to_owned(), name: qualified.clone() };
            data.sources.insert(source.clone());
            let alias = format!("t{side}");
            let columns = self.columns();
            let shown = qualified
                .split('.')
                .map(|part| column(self.random, part, marks))
                .collect::<Vec<_>>()
                .join(".");
            let shown = if in_query {
                let list: Vec<String> =
                    columns.iter().map(|name| column(self.random, name, marks)).collect();
                format!("(SELECT {} FROM {shown} WHERE 1 = 1)", list.join(", "))
            } else {
                shown
            };
            if side == 0 {
                from.push(format!("{shown} {alias}"));
            } else {
                let how = *self.random.of(&["JOIN", "LEFT JOIN", "INNER JOIN", "left outer join"]);
                from.push(format!("{how} {shown} AS {alias} ON t0.id = {alias}.id"));
            }
            for name in columns {
                let unique = data.get(&name).is_some();
                let output = if unique || self.random.percent(30) {
                    format!("o{}", self.fresh())
                } else {
                    name.clone()
                };
                let shown = column(self.random, &name, marks);
                let expression = match self.random.below(5) {
                    0 => format!("COALESCE({alias}.{shown}, 0)"),
                    1 => format!("CASE WHEN {alias}.id > 1 THEN {alias}.{shown} END"),
                    2 => format!("MAX({alias}.{shown}) OVER (PARTITION BY {alias}.id)"),
                    _ => format!("{alias}.{shown}"),
                };
                let plain = expression == format!("{alias}.{shown}");
                items.push(match plain && output == name {
                    true => expression,
                    false => format!("{expression} AS {}", column(self.random, &output, marks)),
                });
                data.fields.push((output, Origins::from([(source.clone(), name)])));
            }
        }
        let mut words: Vec<String> = Vec::new();
        if self.random.percent(70) {
            words.push(keyword(self.random, "SQL"));
        }
        words.push(keyword(self.random, "SELECT"));
        let between = if self.random.percent(30) { ",\n  " } else { ", " };
        words.push(items.join(between));
        words.push("FROM".to_owned());
        words.extend(from);
        if self.random.percent(30) {
            words.push("WHERE t0.id > 5 /* it is; so */".to_owned());
        }
        Input { data, words, below: true, resident: false, known: true }
    }

    /// A field list over an input: its text and the fields that it makes.
    pub(super) fn list(&mut self, input: &Data, rename: usize) -> (String, Vec<(String, Origins)>) {
        let mut fields: Vec<(String, Origins)> = Vec::new();
        let mut items: Vec<String> = Vec::new();
        for (field, origins) in self.random.some(&input.fields) {
            let shown = name(self.random, &field);
            if self.random.percent(rename) {
                let output = self.field_name();
                let word = keyword(self.random, "AS");
                items.push(format!("{shown} {word} {}", name(self.random, &output)));
                fields.push((output, origins));
            } else {
                items.push(shown);
                fields.push((field, origins));
            }
        }
        for _ in 0..self.random.below(3) {
            let (text, origins) = self.expression(input);
            let output = self.field_name();
            let word = keyword(self.random, "AS");
            items.push(format!("{text} {word} {}", name(self.random, &output)));
            fields.push((output, origins));
        }
        let mut text = String::new();
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                text.push(',');
                text.push_str(gap(self.random));
            }
            text.push_str(item);
        }
        (text, fields)
    }

    /// An expression and the origins of its value.
    fn expression(&mut self, input: &Data) -> (String, Origins) {
        let (a, of_a) = self.random.of(&input.fields).clone();
        let (b, of_b) = self.random.of(&input.fields).clone();
        let (a, b) = (name(self.random, &a), name(self.random, &b));
        let both: Origins = of_a.iter().chain(&of_b).cloned().collect();
        match self.random.below(12) {
            0 => (format!("{a} & ' - it''s ' & {b}"), both),
            1 => (format!("Upper(Trim({a}))"), of_a),
            2 => (format!("If({a} = 'x, y', {b}, Null())"), of_b),
            3 => (format!("Date(Floor({a}), 'YYYY-MM-DD')"), of_a),
            4 => (format!("Pick(Match({a}, 1, 2), {b}, 'none')"), of_b),
            5 => (format!("'[{}]; // LOAD'", "x"), Origins::new()),
            6 => (format!("Num({a}) * 1.19 + ({b} /* and */ / 2)"), both),
            7 => (format!("Dual({a}, {b})"), both),
            8 => (format!("RowNo() + {a}"), of_a),
            9 | 10 if !self.app.maps.is_empty() => {
                let (map, data) = self.random.of(&self.app.maps).clone();
                let values: Origins = data.fields.iter().flat_map(|(_, it)| it).cloned().collect();
                if self.random.percent(50) {
                    (format!("ApplyMap('{map}', {a}, 'n/a')"), values)
                } else {
                    (format!("ApplyMap('{map}', {a})"), values.into_iter().chain(of_a).collect())
                }
            }
            _ => (format!("Left({a}, 3)"), of_a),
        }
    }
}

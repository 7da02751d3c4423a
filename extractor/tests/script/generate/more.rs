//! Less common steps of scripts.

use std::collections::BTreeSet;

use super::Writer;
use super::load::DATABASES;
use super::model::{Column, Data, Origins, Source};
use super::style::{keyword, keywords, label, name, statement};

/// A file of `lib://Raw` and one of its columns.
fn column_of(path: &str, column: &str) -> Column {
    (Source::File { path: path.to_owned() }, column.to_owned())
}

fn data_of(path: &str, fields: &[(&str, &[&str])]) -> Data {
    let origins = |columns: &[&str]| {
        columns.iter().map(|column| column_of(path, column)).collect::<Origins>()
    };
    Data {
        fields: fields
            .iter()
            .map(|(field, columns)| ((*field).to_owned(), origins(columns)))
            .collect(),
        sources: BTreeSet::from([Source::File { path: path.to_owned() }]),
    }
}

impl Writer<'_> {
    pub(super) fn rare_step(&mut self) {
        match self.random.below(19) {
            0 => self.qualified(),
            1 => self.keep(),
            2 => self.map_using(),
            3 => self.list_in_variable(),
            4 => self.include(),
            5 => self.values_of_a_field(),
            6 => self.nested_subs(),
            7 => self.grouped(),
            8 => self.common_table_expression(),
            9 => self.union_all(),
            10 => self.rename_by_map(),
            11 => self.same_name(),
            12 => self.section_access(),
            13 => self.rows_before(),
            14 => self.switch(),
            15 => self.stores_under_a_pattern(),
            16 => self.joined_at_once(),
            17 => self.drop_everywhere(),
            _ => self.alias(),
        }
    }

    fn say(&mut self, text: &str) {
        self.app.script.push_str(text);
    }

    fn qualified(&mut self) {
        let (number, table) = (self.fresh(), self.table_name());
        let path = format!("lib://Raw/q{number}.qvd");
        let mark = label(self.random, &table);
        let (star, key) = match self.random.below(2) {
            0 => ("*".to_owned(), format!("UNQUALIFY 'key{number}*';\n")),
            _ => (format!("'a{number}', \"b{number}\""), String::new()),
        };
        self.say(&format!(
            "QUALIFY {star};\n{key}{mark} LOAD k as key{number}x, a as a{number}, b & c as b{number} FROM [{path}] (qvd);\nUnqualify *;\n"
        ));
        let (a, b) = (format!("{table}.a{number}"), format!("{table}.b{number}"));
        let key = format!("key{number}x");
        let data = data_of(&path, &[(&key, &["k"]), (&a, &["a"]), (&b, &["b", "c"])]);
        self.app.tables.push((table, data));
    }

    fn keep(&mut self) {
        let at = self.random.below(self.app.tables.len());
        let (other, own) = self.app.tables[at].clone();
        let key = self.random.of(&own.names()).clone();
        let (number, table) = (self.fresh(), self.table_name());
        let path = format!("lib://Raw/k{number}.qvd");
        let kind = *self.random.of(&["LEFT", "INNER", "right"]);
        let mut words = vec![label(self.random, &table), kind.to_owned()];
        words.push(keyword(self.random, "KEEP"));
        words.push(format!("({})", name(self.random, &other)));
        words.push(keyword(self.random, "LOAD"));
        words.push(format!("kk as {}, vv as kv{number}", name(self.random, &key)));
        words.push(format!("FROM [{path}] (qvd)"));
        let text = statement(self.random, &words);
        self.say(&text);
        let value = format!("kv{number}");
        self.app.tables.push((table, data_of(&path, &[(&key, &["kk"]), (&value, &["vv"])])));
    }

    fn map_using(&mut self) {
        let Some((map, values)) = self.app.maps.last().cloned() else { return self.keep() };
        let (number, table) = (self.fresh(), self.table_name());
        let path = format!("lib://Raw/m{number}.qvd");
        let mark = label(self.random, &table);
        self.say(&format!(
            "MAP Land{number}, Stadt{number}* USING {map};\n{mark} LOAD Land as Land{number}, b as Rest{number}, c as Stadt{number}x FROM [{path}] (qvd);\nUNMAP *;\n"
        ));
        let (land, rest, town) =
            (format!("Land{number}"), format!("Rest{number}"), format!("Stadt{number}x"));
        let mut data = data_of(&path, &[(&land, &["Land"]), (&rest, &["b"]), (&town, &["c"])]);
        let mapped: Origins = values.fields.iter().flat_map(|(_, it)| it).cloned().collect();
        for (field, origins) in &mut data.fields {
            if *field != rest {
                origins.extend(mapped.iter().cloned());
            }
        }
        data.sources.extend(data.flowing());
        self.app.tables.push((table, data));
    }

    fn list_in_variable(&mut self) {
        let (number, table) = (self.fresh(), self.table_name());
        let path = format!("lib://Raw/v{number}.qvd");
        let mark = label(self.random, &table);
        self.say(&format!(
            "SET vList{number} = a as va{number}, [b c] as vb{number};\nSET fJoin{number} = Upper($1) & '/' & $2;\nSET vFrom{number} = FROM [{path}] (qvd);\n{mark} LOAD $(vList{number}), $(fJoin{number}(d, e)) as vd{number}\n$(vFrom{number});\n"
        ));
        let (a, b, d) = (format!("va{number}"), format!("vb{number}"), format!("vd{number}"));
        let data = data_of(&path, &[(&a, &["a"]), (&b, &["b c"]), (&d, &["d", "e"])]);
        self.app.tables.push((table, data));
    }

    fn include(&mut self) {
        let (number, table) = (self.fresh(), self.table_name());
        let path = format!("lib://Raw/inc{number}.qvd");
        let library = format!("lib://Q/scripts/part{number}.qvs");
        let word = *self.random.of(&["Include", "Must_Include", "must_include"]);
        let text = format!(
            "// a part\n[{}]:\nLOAD p as pi{number} FROM [{path}] (qvd);\n",
            table.replace(']', "]]")
        );
        self.app.includes.insert(library.clone(), text);
        self.say(&format!("$({word}={library});\n"));
        let field = format!("pi{number}");
        self.app.tables.push((table, data_of(&path, &[(&field, &["p"])])));
    }

    fn values_of_a_field(&mut self) {
        let (number, table) = (self.fresh(), self.table_name());
        let mark = label(self.random, &table);
        let how = *self.random.of(&["values", "rows"]);
        self.say(&format!(
            "Cfg{number}: LOAD * INLINE [\nPart{number}, Other{number}\nx, 1\ny z, 2\n];\n"
        ));
        let load = format!(
            "{mark} LOAD id as fi{number}, v as fv{number} FROM [lib://Raw/fv{number} $(p).qvd] (qvd);\n"
        );
        match how {
            "values" => self.say(&format!("FOR EACH p IN FieldValueList('Part{number}')\n{load}NEXT p\n")),
            _ => self.say(&format!(
                "FOR r = 0 TO NoOfRows('Cfg{number}') - 1\nLET p = Peek('Part{number}', r, 'Cfg{number}');\n{load}NEXT r\n"
            )),
        }
        self.say(&format!("DROP TABLE Cfg{number};\n"));
        let (id, value) = (format!("fi{number}"), format!("fv{number}"));
        let mut data = Data::default();
        for part in ["x", "y z"] {
            let path = format!("lib://Raw/fv{number} {part}.qvd");
            data.append(&data_of(&path, &[(&id, &["id"]), (&value, &["v"])]));
        }
        self.app.tables.push((table, data));
    }

    fn nested_subs(&mut self) {
        let number = self.fresh();
        self.say(&format!(
            "SUB Inner{number}(t, f)\n  [$(t)]: NOCONCATENATE LOAD z as z_$(t) FROM [lib://Raw/$(f)_{number}.qvd] (qvd);\n  STORE [$(t)] INTO [lib://Deep/sub/$(t).qvd] (qvd);\nEND SUB\nSUB Outer{number}(t)\n  CALL Inner{number}('$(t)_1', 'eins');\n  CALL Inner{number}('$(t)_2', 'zwei')\n  DROP TABLE [$(t)_1];\nEND SUB\nCALL Outer{number}('N{number}');\n"
        ));
        for (part, file) in [("1", "eins"), ("2", "zwei")] {
            let table = format!("N{number}_{part}");
            let field = format!("z_{table}");
            let data = data_of(&format!("lib://Raw/{file}_{number}.qvd"), &[(&field, &["z"])]);
            self.app.stores.push((format!("lib://Deep/sub/{table}.qvd"), data.clone()));
            if part == "2" {
                self.app.tables.push((table, data));
            }
        }
    }

    fn grouped(&mut self) {
        let (other, own) = self.random.of(&self.app.tables).clone();
        let (number, table) = (self.fresh(), self.table_name());
        let (key, of_key) = self.random.of(&own.fields).clone();
        let (value, of_value) = self.random.of(&own.fields).clone();
        let (order, _) = self.random.of(&own.fields).clone();
        let (text, output) = match self.random.below(4) {
            0 => (format!("Sum({})", name(self.random, &value)), of_value),
            1 => (
                format!(
                    "Concat(DISTINCT {}, ';', {})",
                    name(self.random, &value),
                    name(self.random, &order)
                ),
                of_value,
            ),
            2 => (
                format!(
                    "FirstSortedValue({}, -{})",
                    name(self.random, &value),
                    name(self.random, &order)
                ),
                of_value,
            ),
            _ => (
                format!(
                    "Sum(If({} > 0, {}))",
                    name(self.random, &order),
                    name(self.random, &value)
                ),
                of_value,
            ),
        };
        let mut words = vec![label(self.random, &table), keyword(self.random, "LOAD")];
        words.push(format!("{} as gk{number}, {text} as gv{number}", name(self.random, &key)));
        words.extend([keyword(self.random, "RESIDENT"), name(self.random, &other)]);
        words.extend(keywords(self.random, "GROUP BY"));
        words.push(name(self.random, &key));
        let text = statement(self.random, &words);
        self.say(&text);
        let fields = vec![(format!("gk{number}"), of_key), (format!("gv{number}"), output)];
        let mut data = Data { fields, sources: BTreeSet::new() };
        data.sources = data.flowing();
        if data.sources.is_empty() {
            data.sources = own.sources;
        }
        self.app.tables.push((table, data));
    }

    /// A table of the present database.
    fn database_table(&mut self, table: &str) -> Source {
        let index = self.connection.unwrap_or(0);
        Source::Table { connection: DATABASES[index].0.to_owned(), name: format!("dbo.{table}") }
    }

    fn common_table_expression(&mut self) {
        self.connect();
        let (number, table) = (self.fresh(), self.table_name());
        let mark = label(self.random, &table);
        self.say(&format!(
            "{mark}\nSQL WITH a AS (\n  SELECT x.id, x.v * 2 AS vv, (SELECT MAX(p.price) FROM dbo.price{number} p WHERE p.id = x.id) AS pr FROM dbo.cte{number} x\n), b (bid, total) AS (SELECT id, SUM(vv) FROM a GROUP BY id)\nSELECT b.bid AS ci{number}, b.total AS ct{number}, a.pr AS cp{number} FROM b INNER JOIN a ON a.id = b.bid ORDER BY 1;\n"
        ));
        let (main, price) = (
            self.database_table(&format!("cte{number}")),
            self.database_table(&format!("price{number}")),
        );
        let of =
            |source: &Source, column: &str| Origins::from([(source.clone(), column.to_owned())]);
        let fields = vec![
            (format!("ci{number}"), of(&main, "id")),
            (format!("ct{number}"), of(&main, "v")),
            (format!("cp{number}"), of(&price, "price")),
        ];
        self.app.tables.push((table, Data { fields, sources: BTreeSet::from([main, price]) }));
    }

    fn union_all(&mut self) {
        self.connect();
        let (number, table) = (self.fresh(), self.table_name());
        let mark = label(self.random, &table);
        let word = *self.random.of(&["UNION ALL", "UNION", "union all"]);
        self.say(&format!(
            "{mark}\nLOAD ui as ui{number}, uv & 'x' as uv{number};\nSQL SELECT a.id AS ui, a.v AS uv FROM dbo.u{number}a a {word} SELECT key, COALESCE(w, 0) FROM dbo.u{number}b;\n"
        ));
        let (a, b) = (
            self.database_table(&format!("u{number}a")),
            self.database_table(&format!("u{number}b")),
        );
        let of = |first: &str, second: &str| {
            Origins::from([(a.clone(), first.to_owned()), (b.clone(), second.to_owned())])
        };
        let fields =
            vec![(format!("ui{number}"), of("id", "key")), (format!("uv{number}"), of("v", "w"))];
        self.app.tables.push((table, Data { fields, sources: BTreeSet::from([a, b]) }));
    }

    fn rename_by_map(&mut self) {
        let (number, at) = (self.fresh(), self.random.below(self.app.tables.len()));
        let names = self.app.tables[at].1.names();
        let old = self.random.of(&names).clone();
        if old.contains([',', '[', ']', '"', '\'']) {
            return;
        }
        let new = format!("New name {number}");
        self.say(&format!(
            "Names{number}: MAPPING LOAD * INLINE [\nold, new\n{old}, {new}\nnot there, x\n];\nRENAME FIELDS USING Names{number};\n"
        ));
        let fields = self.app.tables.iter_mut().flat_map(|(_, data)| &mut data.fields);
        for (field, _) in fields.filter(|(field, _)| *field == old) {
            field.clone_from(&new);
        }
    }

    /// A label that is taken, with other fields.
    fn same_name(&mut self) {
        let number = self.fresh();
        let (first, second) =
            (format!("lib://Raw/n{number}a.qvd"), format!("lib://Raw/n{number}b.qvd"));
        let apart = *self.random.of(&["", "NoConcatenate "]);
        self.say(&format!(
            "Twice{number}: LOAD a as ta{number} FROM [{first}] (qvd);\nTwice{number}: {apart}LOAD b as tb{number} FROM [{second}] (qvd);\n"
        ));
        let (a, b) = (format!("ta{number}"), format!("tb{number}"));
        self.app.tables.push((format!("Twice{number}"), data_of(&first, &[(&a, &["a"])])));
        self.app.tables.push((format!("Twice{number}-1"), data_of(&second, &[(&b, &["b"])])));
    }

    fn section_access(&mut self) {
        let number = self.fresh();
        self.say(&format!(
            "Section Access;\nAccess{number}:\nLOAD ACCESS, USERID, OMIT FROM [lib://Raw/access{number}.xlsx] (ooxml, embedded labels, table is users);\nLOAD * INLINE [\nACCESS, USERID\nADMIN, *\n];\nSECTION APPLICATION;\n"
        ));
    }

    fn rows_before(&mut self) {
        let (number, table) = (self.fresh(), self.table_name());
        let path = format!("lib://Raw/r{number}.qvd");
        let mark = label(self.random, &table);
        self.say(&format!(
            "{mark} LOAD a as ra{number}, RangeSum(Peek('rs{number}'), v) as rs{number}, If(Previous(k) = k, Previous(w), x) as rp{number} FROM [{path}] (qvd);\n"
        ));
        let (a, s, p) = (format!("ra{number}"), format!("rs{number}"), format!("rp{number}"));
        let data = data_of(&path, &[(&a, &["a"]), (&s, &["v"]), (&p, &["w", "x"])]);
        self.app.tables.push((table, data));
    }

    fn switch(&mut self) {
        let (number, table) = (self.fresh(), self.table_name());
        let mark = label(self.random, &table);
        let load = |part: &str| {
            format!("{mark} LOAD s as sw{number} FROM [lib://Raw/sw{number}{part}.qvd] (qvd);\n")
        };
        let (value, chosen) = *self.random.of(&[("1", "one"), ("'b'", "two"), ("99", "rest")]);
        self.say(&format!(
            "LET vCase{number} = {value};\nSWITCH vCase{number}\nCASE 1\n{}CASE 'a', 'b'\n{}DEFAULT\n{}END SWITCH\n",
            load("one"),
            load("two"),
            load("rest")
        ));
        let field = format!("sw{number}");
        let path = format!("lib://Raw/sw{number}{chosen}.qvd");
        self.app.tables.push((table, data_of(&path, &[(&field, &["s"])])));
    }

    /// Two files that a later app reads with one pattern.
    fn stores_under_a_pattern(&mut self) {
        let number = self.fresh();
        let mut all = Data::default();
        for part in ["a", "b"] {
            let path = format!("lib://Raw/wc{number}{part}.qvd");
            self.say(&format!(
                "Wc{number}{part}: NOCONCATENATE LOAD i as wi{number}, v as wv{number} FROM [{path}] (qvd);\nSTORE Wc{number}{part} INTO [lib://Q/qvd/wc{number}_{part}.qvd] (qvd);\nDROP TABLE Wc{number}{part};\n"
            ));
            let (i, v) = (format!("wi{number}"), format!("wv{number}"));
            let data = data_of(&path, &[(&i, &["i"]), (&v, &["v"])]);
            self.app.stores.push((format!("lib://Q/qvd/wc{number}_{part}.qvd"), data.clone()));
            all.append(&data);
        }
        self.app.patterns.push((format!("lib://Q/qvd/wc{number}_*.qvd"), all.clone()));
        self.app.patterns.push((format!("lib://Deep/wc{number}_?.qvd"), all));
    }

    /// A table, and a join to it that does not name it.
    fn joined_at_once(&mut self) {
        let (number, table) = (self.fresh(), self.table_name());
        let (first, second) =
            (format!("lib://Raw/j{number}a.qvd"), format!("lib://Raw/j{number}b.csv"));
        let mark = label(self.random, &table);
        let kind = *self.random.of(&["LEFT JOIN", "Inner Join", "JOIN", "outer join"]);
        self.say(&format!(
            "{mark} LOAD jk as jk{number}, a as ja{number} FROM [{first}] (qvd);\n{kind}\nLOAD kk as jk{number}, b as jb{number} FROM [{second}] (txt, embedded labels);\n"
        ));
        let (key, a, b) = (format!("jk{number}"), format!("ja{number}"), format!("jb{number}"));
        let mut data = data_of(&first, &[(&key, &["jk"]), (&a, &["a"])]);
        let joined = data_of(&second, &[(&key, &["kk"]), (&b, &["b"])]);
        let both = matches!(kind, "JOIN" | "outer join");
        data.fields.push(joined.fields[1].clone());
        data.sources.extend(joined.sources);
        if both {
            data.fields[0].1.extend(joined.fields[0].1.iter().cloned());
        }
        self.app.tables.push((table, data));
    }

    /// A field dropped from every table that has it, and two tables at once.
    fn drop_everywhere(&mut self) {
        let number = self.fresh();
        let path = format!("lib://Raw/d{number}.qvd");
        self.say(&format!(
            "Da{number}: LOAD a, b as db{number}, c as dc{number} FROM [{path}] (qvd);\nDb{number}: NoConcatenate LOAD db{number}, dc{number} as dd{number} RESIDENT Da{number};\nDrop Fields db{number}, a From Da{number};\nDROP FIELD db{number};\nDc{number}: LOAD x as dx{number} FROM [{path}] (qvd);\nDd{number}: LOAD y as dy{number} FROM [{path}] (qvd);\nDROP TABLES Dc{number}, Dd{number};\n"
        ));
        let (c, d) = (format!("dc{number}"), format!("dd{number}"));
        self.app.tables.push((format!("Da{number}"), data_of(&path, &[(&c, &["c"])])));
        self.app.tables.push((format!("Db{number}"), data_of(&path, &[(&d, &["c"])])));
    }

    fn alias(&mut self) {
        let (number, table) = (self.fresh(), self.table_name());
        let path = format!("lib://Raw/al{number}.qvd");
        let mark = label(self.random, &table);
        self.say(&format!(
            "ALIAS raw{number} AS Nice{number}, [raw 2 {number}] as \"Nice 2 {number}\";\n{mark} LOAD raw{number}, [raw 2 {number}], c as ac{number} FROM [{path}] (qvd);\n"
        ));
        let (raw, raw_2) = (format!("raw{number}"), format!("raw 2 {number}"));
        let (a, b, c) =
            (format!("Nice{number}"), format!("Nice 2 {number}"), format!("ac{number}"));
        self.app
            .tables
            .push((table, data_of(&path, &[(&a, &[&raw]), (&b, &[&raw_2]), (&c, &["c"])])));
    }
}

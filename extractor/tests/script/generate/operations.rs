//! What a script does, one step after another: the text and what becomes of the model.

use std::collections::BTreeSet;

use super::Writer;
use super::load::Input;
use super::model::{Data, Origins, Source};
use super::style::{keyword, keywords, label, name, statement};

/// A load in the making: its text without a label, and what it gives.
struct Loaded {
    words: Vec<String>,
    data: Data,
}

impl Writer<'_> {
    pub(super) fn step(&mut self) {
        if self.app.tables.is_empty() {
            return self.new_table();
        }
        match self.random.below(32) {
            0..=5 => self.new_table(),
            6 | 7 => self.join(),
            8 | 9 => self.concatenate(),
            10 => self.same_fields(),
            11 => self.mapping(),
            12 => self.rename(),
            13 => self.drop_something(),
            14 | 15 => self.store(),
            16 => self.loop_over_files(),
            17 => self.loop_over_tables(),
            18 => self.branch(),
            19 => self.sub(),
            20 => self.pass_through(),
            21 => self.crosstable(),
            _ => self.rare_step(),
        }
    }

    fn write(&mut self, words: &[String]) {
        let text = statement(self.random, words);
        self.app.script.push_str(&text);
    }

    /// A load over an input, with loads above it. `prefix` stands before the topmost.
    fn loaded(&mut self, input: Input, prefix: &[String]) -> Loaded {
        let Input { data: mut current, words: mut below, below: separate, resident, known } = input;
        let mut everything = true;
        let direct = current.sources.clone();
        let layers = if separate { self.random.below(3) } else { 1 + self.random.below(3) };
        for layer in 0..layers {
            let mut words = vec![keyword(self.random, "LOAD")];
            if self.random.percent(10) {
                words.push(keyword(self.random, "DISTINCT"));
            }
            let star = self.random.percent(25) && (known || layer > 0);
            everything &= star;
            if star {
                words.push("*".to_owned());
                if self.random.percent(50) {
                    let more = self.list_of_new(&current);
                    words.push(format!(", {}", more.0));
                    current.fields.extend(more.1);
                }
            } else {
                let (text, fields) = self.list(&current, 25);
                words.push(text);
                current.fields = fields;
            }
            if layer == 0 && !separate {
                words.extend(below);
            } else {
                let last = words.len() - 1;
                words[last].push(';');
                words.extend(below);
            }
            below = words;
        }
        current.sources = direct;
        if resident {
            let flowing = current.flowing();
            if !everything && !flowing.is_empty() {
                current.sources = flowing;
            }
        }
        current.sources.extend(current.flowing());
        Loaded { words: [prefix.to_vec(), below].concat(), data: current }
    }

    /// Only expressions with new names, to stand beside `*`.
    fn list_of_new(&mut self, input: &Data) -> (String, Vec<(String, Origins)>) {
        let (field, origins) = self.random.of(&input.fields).clone();
        let output = self.field_name();
        let text = format!("{} AS {}", name(self.random, &field), name(self.random, &output));
        (text, vec![(output, origins)])
    }

    /// Puts a load that has its own label into the model.
    fn place(&mut self, table: String, loaded: Loaded, apart: bool) {
        let mut words = vec![label(self.random, &table)];
        if apart {
            words.push(keyword(self.random, "NOCONCATENATE"));
        }
        words.extend(loaded.words);
        self.write(&words);
        self.put(table, loaded.data, apart);
    }

    pub(super) fn put(&mut self, table: String, data: Data, apart: bool) {
        let same = self.app.tables.iter_mut().find(|(_, each)| each.has_names_of(&data));
        match same {
            Some((_, same)) if !apart => same.append(&data),
            _ => self.app.tables.push((table, data)),
        }
    }

    fn new_table(&mut self) {
        let input = self.input();
        let loaded = self.loaded(input, &[]);
        let apart = self.random.percent(30);
        let table = self.table_name();
        self.place(table, loaded, apart);
    }

    /// A table whose rows join another's through one field.
    fn join(&mut self) {
        let at = self.random.below(self.app.tables.len());
        let (table, own) = self.app.tables[at].clone();
        let (key, of_key) = self.random.of(&own.fields).clone();
        let input = self.raw_file();
        let (first, of_first) = input.data.fields[0].clone();
        let extra: Vec<(String, String, Origins)> = input.data.fields[1..]
            .iter()
            .map(|(column, origins)| (column.clone(), origins.clone()))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|(column, origins)| (column, self.field_name(), origins))
            .collect();
        let kind = *self.random.of(&["", "LEFT", "INNER", "RIGHT", "OUTER"]);
        let mut words: Vec<String> = Vec::new();
        if !kind.is_empty() {
            words.push(keyword(self.random, kind));
        }
        words.push(keyword(self.random, "JOIN"));
        words.push(format!("({})", name(self.random, &table)));
        words.push(keyword(self.random, "LOAD"));
        let mut items =
            vec![format!("{} AS {}", name(self.random, &first), name(self.random, &key))];
        for (column, output, _) in &extra {
            items.push(format!("{} as {}", name(self.random, column), name(self.random, output)));
        }
        words.push(items.join(", "));
        words.extend(input.words);
        self.write(&words);
        let table = &mut self.app.tables[at].1;
        let joined: Origins = match kind {
            "LEFT" | "INNER" => of_key,
            "RIGHT" => of_first,
            _ => of_key.into_iter().chain(of_first).collect(),
        };
        for (name, origins) in &mut table.fields {
            if *name == key {
                origins.clone_from(&joined);
            }
        }
        table.fields.extend(extra.into_iter().map(|(_, output, origins)| (output, origins)));
        table.sources.extend(input.data.sources);
    }

    fn concatenate(&mut self) {
        let at = self.random.below(self.app.tables.len());
        let table = self.app.tables[at].0.clone();
        let input = self.input();
        let word = keyword(self.random, "CONCATENATE");
        let prefix = vec![format!("{word} ({})", name(self.random, &table))];
        let loaded = self.loaded(input, &prefix);
        self.write(&loaded.words);
        self.app.tables[at].1.append(&loaded.data);
    }

    /// A load with the very fields of a table: appended without being asked to.
    fn same_fields(&mut self) {
        let at = self.random.below(self.app.tables.len());
        let own = self.app.tables[at].1.clone();
        let input = self.raw_file();
        let mut words = vec![label(self.random, "Ignored"), keyword(self.random, "LOAD")];
        let mut fields = Vec::new();
        let mut items = Vec::new();
        for field in own.names() {
            let (column, origins) = self.random.of(&input.data.fields).clone();
            items.push(format!("{} as {}", name(self.random, &column), name(self.random, &field)));
            fields.push((field, origins));
        }
        words.push(items.join(", "));
        words.extend(input.words);
        self.write(&words);
        self.put("Ignored".to_owned(), Data { fields, sources: input.data.sources }, false);
    }

    fn mapping(&mut self) {
        let map = format!("Map{}", self.fresh());
        let input = self.raw_file();
        if input.data.fields.len() < 2 {
            return;
        }
        let (key, value) = (input.data.fields[0].clone(), input.data.fields[1].clone());
        let list = format!("{}, {}", name(self.random, &key.0), name(self.random, &value.0));
        let mut words = vec![label(self.random, &map)];
        words.extend(keywords(self.random, "MAPPING LOAD"));
        words.push(list);
        words.extend(input.words);
        self.write(&words);
        self.app.maps.push((map, Data { fields: vec![value], sources: input.data.sources }));
    }

    fn rename(&mut self) {
        let at = self.random.below(self.app.tables.len());
        if self.random.percent(30) {
            let (old, new) = (self.app.tables[at].0.clone(), self.table_name());
            let mut words = keywords(self.random, "RENAME TABLE");
            words.extend([
                name(self.random, &old),
                keyword(self.random, "TO"),
                name(self.random, &new),
            ]);
            self.write(&words);
            self.app.tables[at].0 = new;
            return;
        }
        let old = self.random.of(&self.app.tables[at].1.names()).clone();
        let new = self.field_name();
        let mut words = keywords(self.random, "RENAME FIELD");
        words.extend([
            name(self.random, &old),
            keyword(self.random, "TO"),
            name(self.random, &new),
        ]);
        self.write(&words);
        // A field is one in all tables.
        let fields = self.app.tables.iter_mut().flat_map(|(_, data)| &mut data.fields);
        for (field, _) in fields.filter(|(field, _)| *field == old) {
            field.clone_from(&new);
        }
    }

    fn drop_something(&mut self) {
        let at = self.random.below(self.app.tables.len());
        let (table, data) = self.app.tables[at].clone();
        if self.random.percent(50) && self.app.tables.len() > 1 {
            let mut words = keywords(self.random, "DROP TABLE");
            words.push(name(self.random, &table));
            self.write(&words);
            self.app.tables.remove(at);
        } else if data.fields.len() > 1 {
            let field = self.random.of(&data.names()).clone();
            let mut words = keywords(self.random, "DROP FIELD");
            words.extend([name(self.random, &field), keyword(self.random, "FROM")]);
            words.push(name(self.random, &table));
            self.write(&words);
            self.app.tables[at].1.fields.retain(|(each, _)| *each != field);
        }
    }

    pub(super) fn store(&mut self) {
        let (table, data) = self.random.of(&self.app.tables).clone();
        let folder = *self.random.of(&["lib://Q/qvd/", "lib://Deep/", "lib://Q/qvd/"]);
        let path = format!("{folder}out {}.qvd", self.fresh());
        let mut words = vec![keyword(self.random, "STORE")];
        let mut stored = data.clone();
        if self.random.percent(30) {
            let (mut items, mut fields) = (Vec::new(), Vec::new());
            for (field, origins) in self.random.some(&data.fields) {
                let output =
                    if self.random.percent(30) { self.field_name() } else { field.clone() };
                let shown = name(self.random, &field);
                items.push(match output == field {
                    true => shown,
                    false => format!("{shown} AS {}", name(self.random, &output)),
                });
                fields.push((output, origins));
            }
            words.extend([items.join(", "), keyword(self.random, "FROM")]);
            stored.fields = fields;
            let flowing = stored.flowing();
            if !flowing.is_empty() {
                stored.sources = flowing;
            }
        } else if self.random.percent(20) {
            words.extend(["*".to_owned(), keyword(self.random, "FROM")]);
        }
        words.extend([name(self.random, &table), keyword(self.random, "INTO")]);
        words.extend([format!("[{path}]"), "(qvd)".to_owned()]);
        self.write(&words);
        self.app.stores.push((path, stored));
    }

    /// `SELECT *` stored and dropped: columns go through without being named.
    fn pass_through(&mut self) {
        if self.app.script.contains("ALIAS raw") {
            // An alias may name one of the columns that nobody names here.
            return self.loop_over_files();
        }
        self.connect();
        let (number, connection) = (self.fresh(), self.connection.unwrap_or(0));
        let table = format!("Pass{number}");
        let path = format!("lib://Q/qvd/pass {number}.qvd");
        self.app.script.push_str(&format!(
            "{table}:\nSQL SELECT * FROM dbo.pass_{number};\nSTORE {table} INTO [{path}] (qvd);\nDROP TABLE {table};\n"
        ));
        let source = Source::Table {
            connection: super::load::DATABASES[connection].0.to_owned(),
            name: format!("dbo.pass_{number}"),
        };
        let fields = vec![("*".to_owned(), Origins::from([(source.clone(), "*".to_owned())]))];
        self.app.stores.push((path, Data { fields, sources: BTreeSet::from([source]) }));
    }

    fn crosstable(&mut self) {
        let table = self.table_name();
        let input = self.raw_file();
        if input.data.fields.len() < 2 {
            return;
        }
        let (attribute, value) = (self.field_name(), self.field_name());
        let list: Vec<String> =
            input.data.names().iter().map(|field| name(self.random, field)).collect();
        let mut words = vec![label(self.random, &table), keyword(self.random, "CROSSTABLE")];
        words.push(format!("({}, {})", name(self.random, &attribute), name(self.random, &value)));
        words.extend([keyword(self.random, "LOAD"), list.join(", ")]);
        words.extend(input.words);
        self.write(&words);
        let mut fields = vec![input.data.fields[0].clone(), (attribute, Origins::new())];
        let values = input.data.fields[1..].iter().flat_map(|(_, origins)| origins).cloned();
        fields.push((value, values.collect()));
        self.put(table, Data { fields, sources: input.data.sources }, false);
    }
}

//! Control flow: loops, branches and subs.

use std::collections::BTreeSet;

use super::Writer;
use super::model::{Data, Origins, Source};
use super::style::label;

impl Writer<'_> {
    /// One load in a `FOR` over numbers: files under each other in one table.
    pub(super) fn loop_over_files(&mut self) {
        let (number, table) = (self.fresh(), self.table_name());
        let (from, to) = (self.random.between(1, 3), self.random.between(3, 5));
        let mut data = Data::default();
        for index in from..=to {
            let path = format!("lib://Raw/part{number}_{index}.qvd");
            let source = Source::File { path };
            let fields = ["id", "val"].map(|column| {
                (format!("{column}{number}"), Origins::from([(source.clone(), column.to_owned())]))
            });
            data.append(&Data { fields: fields.to_vec(), sources: BTreeSet::from([source]) });
        }
        let (open, close) = match self.random.below(3) {
            0 => (format!("FOR i = {from} TO {to}\n"), "NEXT i\n".to_owned()),
            1 => {
                let list: Vec<String> = (from..=to).map(|index| format!("'{index}'")).collect();
                (format!("For Each i in {}\n", list.join(", ")), "next\n".to_owned())
            }
            _ => (
                format!("LET i = {from};\nDO WHILE i <= {to}\n"),
                "LET i = i + 1;\nLOOP\n".to_owned(),
            ),
        };
        let label = label(self.random, &table);
        let load = format!(
            "{label} LOAD id as id{number}, val as val{number} FROM [lib://Raw/part{number}_$(i).qvd] (qvd);\n"
        );
        self.app.script.push_str(&format!("{open}{load}{close}"));
        self.put(table, data, false);
    }

    /// A loop that makes a table of each name, stores it and drops it.
    pub(super) fn loop_over_tables(&mut self) {
        let number = self.fresh();
        let list: Vec<String> =
            ["A", "B b", "C"].iter().map(|it| format!("{it}{number}")).collect();
        let quoted: Vec<String> = list.iter().map(|it| format!("'{it}'")).collect();
        self.app.script.push_str(&format!(
            "FOR EACH t IN {}\n  [$(t)]:\n  NOCONCATENATE LOAD k, v & '$(t)' as [v $(t)] FROM [lib://Raw/$(t).csv] (txt, embedded labels);\n  STORE [$(t)] INTO [lib://Q/qvd/$(t).qvd] (qvd);\n  DROP TABLE [$(t)];\nNEXT t\n",
            quoted.join(", ")
        ));
        for name in list {
            let source = Source::File { path: format!("lib://Raw/{name}.csv") };
            let field = |output: String, column: &str| {
                (output, Origins::from([(source.clone(), column.to_owned())]))
            };
            let fields = vec![field("k".to_owned(), "k"), field(format!("v {name}"), "v")];
            let data = Data { fields, sources: BTreeSet::from([source.clone()]) };
            self.app.stores.push((format!("lib://Q/qvd/{name}.qvd"), data));
        }
    }

    /// Branches: of a decided one nothing but the right part counts, of an undecided one both.
    pub(super) fn branch(&mut self) {
        let (number, table) = (self.fresh(), self.table_name());
        let path = |part: &str| format!("lib://Raw/b{number}{part}.qvd");
        let part = |part: &str| {
            let source = Source::File { path: path(part) };
            let origins = Origins::from([(source.clone(), "x".to_owned())]);
            Data {
                fields: vec![(format!("bx{number}"), origins)],
                sources: BTreeSet::from([source]),
            }
        };
        let load =
            |part: &str| format!("[{table}]: LOAD x as bx{number} FROM [{}] (qvd);\n", path(part));
        let mut data = part("yes");
        let condition = match self.random.below(3) {
            0 => {
                self.app.script.push_str(&format!("SET vEnv{number} = 'prod';\n"));
                format!("'$(vEnv{number})' = 'prod'")
            }
            1 => {
                self.app.script.push_str(&format!("LET vN{number} = 3 + 4;\n"));
                format!("vN{number} = 7 and Len('$(vN{number})') = 1")
            }
            _ => {
                data.append(&part("no"));
                "Hour(Now()) > 12".to_owned()
            }
        };
        self.app.script.push_str(&format!(
            "IF {condition} THEN\n{}ELSE\n{}END IF\n",
            load("yes"),
            load("no")
        ));
        self.put(table, data, false);
    }

    /// A sub with parameters, called for two files.
    pub(super) fn sub(&mut self) {
        let number = self.fresh();
        self.app.script.push_str(&format!(
            "SUB Load{number}(pTable, pFile, pField)\n[$(pTable)]:\nNOCONCATENATE\nLOAD [$(pField)], y as [y_$(pTable)] FROM [lib://Raw/$(pFile)] (qvd);\nEND SUB\n"
        ));
        for part in ["one", "two"] {
            let (table, file) = (format!("S{number}{part}"), format!("s{number}{part}.qvd"));
            let end = *self.random.of(&[";", ""]);
            self.app
                .script
                .push_str(&format!("CALL Load{number}('{table}', '{file}', 'f {part}'){end}\n"));
            let source = Source::File { path: format!("lib://Raw/{file}") };
            let origin = |column: &str| Origins::from([(source.clone(), column.to_owned())]);
            let fields = vec![
                (format!("f {part}"), origin(&format!("f {part}"))),
                (format!("y_{table}"), origin("y")),
            ];
            self.app
                .tables
                .push((table, Data { fields, sources: BTreeSet::from([source.clone()]) }));
        }
    }
}

//! Regular statements: expansion, and what each does.

use std::rc::Rc;

use super::ahead::Ready;
use super::fork::{Next, Way};
use super::{Machine, Pending, Site};
use crate::script::expand::{self, Comments, Expanded};
use crate::script::lex::{Kind, Raw, Unit};
use crate::script::limits;
use crate::script::mask::mask;
use crate::script::model::state::Choice;
use crate::script::outcome::{Evidence, ReferenceKind, Resolution, Status};
use crate::script::statement::{self, LoadSource, Parsed, Prefix, Statement};

impl Machine<'_> {
    /// A statement that is no control statement. `logged`: as it was executed at this place.
    pub(super) fn plain(&mut self, unit: &Rc<Unit>, raw: Raw, logged: Option<&str>) {
        if !self.alternatives.is_empty() {
            return self.feed_each(unit, raw, logged);
        }
        let text = unit.text_of(&raw);
        let comments = if raw.kind == Kind::Sql { Comments::DropSql } else { Comments::Drop };
        let worlds = self.worlds.each(|| expand::expand(text, comments, &self.view()));
        if self.worlds.was_cut() {
            self.say_cut();
        }
        self.report_includes();
        self.count_expanded(worlds.iter().map(|(_, expanded)| expanded.text.len()).sum());
        if let Some(logged) = logged
            && worlds.iter().any(|(_, expanded)| !expanded.unresolved.is_empty())
        {
            return self.logged_statement(logged);
        }
        let mut worlds = worlds;
        if worlds.len() == 1 {
            if let Some((_, expanded)) = worlds.pop() {
                self.execute(expanded);
            }
            return;
        }
        self.several(worlds);
    }

    /// A statement below preceding loads that branches made differ.
    fn feed_each(&mut self, unit: &Rc<Unit>, raw: Raw, logged: Option<&str>) {
        let most = if self.exhausted { 1 } else { usize::MAX };
        let (guards, mut pending): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.alternatives).into_iter().take(most).unzip();
        let site = self.site.clone();
        self.each_world(guards, |machine, index| {
            machine.pending = pending.get_mut(index).map(std::mem::take).unwrap_or_default();
            machine.site = site.clone();
            machine.plain(unit, raw, logged);
        });
    }

    /// A statement whose text depends on variables that have several values.
    fn several(&mut self, mut worlds: Vec<(Vec<Choice>, Expanded)>) {
        worlds.dedup_by(|a, b| a.1.text == b.1.text);
        if self.assign_several(&worlds) {
            return;
        }
        let guards = worlds.iter().map(|(guard, _)| guard.clone()).collect();
        let mut texts: Vec<Option<Expanded>> =
            worlds.into_iter().map(|(_, expanded)| Some(expanded)).collect();
        self.each_world(guards, |machine, index| {
            if let Some(expanded) = texts.get_mut(index).and_then(Option::take) {
                machine.execute(expanded);
            }
        });
    }

    /// An assignment whose text depends on such variables: one value for each. Whether it is one.
    fn assign_several(&mut self, worlds: &[(Vec<Choice>, Expanded)]) -> bool {
        let mut name: Option<Rc<str>> = None;
        let mut values = Vec::new();
        for (guard, expanded) in worlds {
            let parsed = statement::parse(&expanded.text);
            let before = self.worlds.fixed.len();
            self.worlds.fixed.extend(guard.iter().copied());
            let here = self.worlds.each_assuming(|| self.assignment(&parsed));
            self.worlds.fixed.truncate(before);
            for (inner, assignment) in here {
                let Some((target, value, _)) = assignment else { return false };
                if name.as_ref().is_some_and(|name| *name != target) {
                    return false;
                }
                name = Some(target);
                values.push((guard.iter().chain(&inner).copied().collect(), value));
            }
        }
        if let Some(name) = name {
            self.assign(&name, values);
        }
        true
    }

    /// A statement as the log of the last reload has it.
    fn logged_statement(&mut self, text: &str) {
        let evidence = Evidence::Log;
        let at = self.site.at;
        self.site =
            Site { at, text: kept(text).into(), resolution: Resolution::Expanded, evidence };
        self.run_parsed(text, statement::parse(text));
        self.site.at = at;
    }

    /// A statement that was parsed before.
    pub(super) fn execute_ready(&mut self, ready: Ready) {
        let Ready { text, kept, parsed } = ready;
        self.report_includes();
        self.count_expanded(text.len());
        self.site.text = kept.into();
        self.run_parsed(&text, parsed);
    }

    fn execute(&mut self, expanded: Expanded) {
        if expanded.too_long {
            self.say("the statement grows too long to be followed".to_owned());
        }
        self.site.text = kept(&expanded.text).into();
        self.site.resolution =
            if expanded.replaced { Resolution::Expanded } else { Resolution::Exact };
        if expanded.has_semicolon {
            let unit = Unit::new(&expanded.text, None);
            let single = matches!(unit.raws.as_slice(), [raw] if matches!(raw.kind, Kind::Plain | Kind::Sql));
            if !single {
                return self.run_unit(unit);
            }
        }
        self.run_parsed(&expanded.text, statement::parse(&expanded.text));
    }

    /// Follows a text that an expansion made several statements of.
    fn run_unit(&mut self, unit: Unit) {
        if self.nesting >= limits::MAX_NESTING || self.exhausted {
            self.say("expansions make statements of statements too often".to_owned());
            return;
        }
        self.nesting += 1;
        let floor = std::mem::replace(&mut self.floor, self.frames.len());
        let at = self.site.at;
        self.enter(Rc::new(unit), Some(at));
        self.run_until(self.floor);
        self.floor = floor;
        self.site.at = at;
        self.nesting -= 1;
    }

    fn run_parsed(&mut self, text: &str, mut parsed: Parsed) {
        let when = parsed
            .prefixes
            .iter()
            .position(|prefix| matches!(prefix, Prefix::When { .. } | Prefix::PartialOnly));
        let Some(position) = when else { return self.perform(parsed) };
        let truth = match parsed.prefixes.remove(position) {
            Prefix::When { condition, negated } => {
                self.truth(&condition).map(|truth| truth != negated)
            }
            _ => None,
        };
        match truth {
            Some(true) => self.perform(parsed),
            Some(false) => {}
            None => {
                let choice = super::control::hash(&(text, self.site.at.line));
                let runs = Way { label: 0, start: Some(0) };
                let skips = Way { label: 1, start: None };
                let mut fork = self.fork(choice, vec![runs, skips]);
                self.inline_forks += 1;
                self.perform(parsed);
                self.inline_forks -= 1;
                let exited = std::mem::take(&mut self.exiting);
                if self.end_branch(&mut fork, exited) == Next::Exited {
                    self.exiting = true;
                }
            }
        }
    }

    fn perform(&mut self, parsed: Parsed) {
        if matches!(parsed.statement, Statement::Set { .. } | Statement::Let { .. }) {
            let here = self.worlds.each_assuming(|| self.assignment(&parsed));
            let mut target = None;
            let mut values = Vec::new();
            for (guard, assignment) in here {
                let Some((name, value, rest)) = assignment else { continue };
                values.push((guard, value));
                target = Some((name, rest));
            }
            if let Some((name, rest)) = target {
                self.assign(&name, values);
                if let Some(rest) = rest {
                    self.run_unit(Unit::new(&rest, None));
                }
            }
            return;
        }
        let Parsed { mut label, prefixes, statement, rest } = parsed;
        let feeds = matches!(
            statement,
            Statement::Load(_)
                | Statement::Sql(_)
                | Statement::DirectQuery { .. }
                | Statement::Label
                | Statement::Nothing
        );
        if feeds && !matches!(statement, Statement::Nothing) {
            let alone = self.state.flags.label.take();
            label = label.or_else(|| alone.map(|label| label.to_string()));
        }
        // The label belongs before the first of a stack; one that stands lower is taken for it.
        let labelled = label.is_some() && self.pending.iter().any(|above| above.label.is_some());
        if !feeds || labelled {
            self.drop_pending();
        }
        match statement {
            Statement::Load(load) if load.source == LoadSource::Following => {
                let site = self.site.clone();
                self.pending.push(Pending { label, prefixes, load: *load, site });
            }
            Statement::Load(load) => self.load(label, prefixes, &load),
            Statement::Sql(passed) => self.sql(label, prefixes, passed),
            Statement::DirectQuery { fields, table } => self.direct_query(label, &fields, &table),
            Statement::Connect { kind, target } => self.connect(kind, &target),
            Statement::Disconnect => self.state.flags.connections = Rc::default(),
            Statement::Store { fields, table, path, format } => {
                self.store(fields.as_deref(), &table, &path, format);
            }
            Statement::DropTables(tables) => self.drop_tables(&tables),
            Statement::DropFields { fields, tables } => self.drop_fields(&fields, &tables),
            Statement::RenameTables(pairs) => self.rename_tables(&pairs),
            Statement::RenameTablesUsing(map) => self.rename_tables_using(&map),
            Statement::RenameFields(pairs) => self.rename_fields(&pairs),
            Statement::RenameFieldsUsing(map) => self.rename_fields_using(&map),
            Statement::Qualify { patterns, on } => {
                let rules = Rc::make_mut(&mut self.state.flags.qualify);
                patterns.into_iter().for_each(|pattern| rules.add(pattern, on));
            }
            Statement::Alias(pairs) => {
                let aliases = Rc::make_mut(&mut self.state.flags.aliases);
                aliases.extend(pairs.into_iter().map(|pair| (pair.from, pair.to)));
            }
            Statement::MapUsing { fields, map } => {
                let rules = Rc::make_mut(&mut self.state.flags.using);
                fields.into_iter().for_each(|field| rules.add(field, Some(map.clone())));
            }
            Statement::Unmap(fields) => {
                let rules = Rc::make_mut(&mut self.state.flags.using);
                fields.into_iter().for_each(|field| rules.add(field, None));
            }
            Statement::CommentField { fields, text } => self.comment_fields(&fields, &text),
            Statement::CommentFieldsUsing(map) => self.comment_using(&map, false),
            Statement::CommentTable { tables, text } => self.comment_tables(&tables, &text),
            Statement::CommentTablesUsing(map) => self.comment_using(&map, true),
            Statement::Declare { fields } => {
                if let Some(label) = label {
                    self.definitions.insert(label, fields);
                }
            }
            Statement::Derive { fields, definition } => self.derive(&fields, &definition),
            Statement::Section { access } => {
                self.state.flags.section_access = access;
                self.state.flags.has_section_access |= access;
                self.state.flags.last_table = None;
            }
            Statement::Binary(path) => self.binary(&path),
            Statement::Directory(path) => {
                self.state.flags.directory = (!path.is_empty()).then(|| path.into());
            }
            Statement::Control(text) => self.run_unit(Unit::new(&text, None)),
            Statement::Unknown(reason) => self.say(format!("statement not understood: {reason}")),
            Statement::Label => self.state.flags.label = label.map(Rc::from),
            Statement::Set { .. } | Statement::Let { .. } | Statement::Nothing => {}
        }
        if let Some(rest) =
            rest.filter(|rest| !rest.trim_matches([';', ' ', '\t', '\r', '\n']).is_empty())
        {
            let word: String = rest.chars().take(30).collect();
            self.say(format!("`{word}` does not belong to the statement: is a `;` missing?"));
            self.run_unit(Unit::new(&rest, None));
        }
    }

    /// Preceding loads that nothing feeds.
    pub(super) fn drop_pending(&mut self) {
        let other = std::mem::take(&mut self.alternatives).into_iter().flat_map(|(_, its)| its);
        for pending in std::mem::take(&mut self.pending).into_iter().chain(other) {
            self.say_at(
                pending.site.at,
                "a `LOAD` without a source, and no statement follows that \
                 feeds it"
                    .to_owned(),
            );
        }
    }

    /// `TRACE`: free text, but lineage tools' annotations are said.
    pub(super) fn trace(&mut self, text: &str) {
        let body = text.trim().get(5..).unwrap_or_default().trim_start();
        if body.starts_with("!!qlc") || body.starts_with("!!nodegraph") {
            let shown: String = mask(body).chars().take(80).collect();
            self.notice(format!("annotation `{shown}` is not followed"));
        }
    }

    /// `$(Include=…)` standing alone.
    pub(super) fn include_statement(&mut self, text: &str) {
        let inner = text.trim().trim_start_matches("$(").trim_end_matches(')');
        let path = inner.split_once('=').map_or("", |(_, path)| path.trim());
        let paths = self.worlds.each(|| expand::expand(path, Comments::Keep, &self.view()).text);
        let mut paths: Vec<String> =
            paths.into_iter().map(|(_, path)| crate::script::lex::unquote(path.trim())).collect();
        paths.dedup();
        for path in paths {
            let Some(text) = self.include(&path) else { continue };
            self.refer(ReferenceKind::Include, &path, Status::Resolved);
            let included = self.frames.iter().filter(|frame| frame.unit.include.is_some()).count();
            if included >= limits::MAX_NESTING || self.exhausted {
                self.say(format!("included file `{path}` is included too often"));
                continue;
            }
            let at = self.site.at;
            self.count_expanded(text.len());
            self.enter(Rc::new(Unit::new(&text, Some(path.as_str().into()))), Some(at));
        }
        self.report_includes();
    }

    fn report_includes(&mut self) {
        let missing = std::mem::take(&mut *self.missing_includes.borrow_mut());
        for path in missing {
            // It may make tables.
            self.has_open_names = true;
            self.say(format!("included file `{path}` is not given"));
            let reason = "its text is not given".to_owned();
            self.refer(ReferenceKind::Include, &path, Status::Unresolved(reason));
        }
    }
}

/// A statement's text as it is kept: secrets masked, not too long.
pub(super) fn kept(text: &str) -> String {
    let text = text.trim();
    let mut end = text.len().min(limits::MAX_STATEMENT_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    mask(text.get(..end).unwrap_or_default())
}

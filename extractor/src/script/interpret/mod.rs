//! Follows a script statement by statement on the symbolic model.
//!
//! A machine with a list of frames (script, includes, called subs) and, in each, a list of open
//! blocks; no recursion, whatever the script nests. Branches whose condition is known are decided;
//! of the others each is followed from the same state and what they leave is merged. Loops run as
//! the script counts them, within [`limits`](super::limits); a loop whose bounds only the reload
//! knows is followed once.

mod ahead;
mod control;
mod database;
mod finish;
mod fork;
mod letters;
mod load;
mod logged;
mod looping;
mod messages;
mod naming;
mod open_sql;
mod place;
mod project;
mod registry;
mod resolve;
mod rows;
mod statement;
mod store;
mod subs;
mod tables;
mod transform;
mod variables;
mod versions;
mod view;
mod worlds;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use foldhash::{HashMap, HashSet};

use super::eval::Value;
use super::lex::{Control, Kind, Position, Raw, Unit};
use super::limits;
use super::log::Log;
use super::model::state::Choice;
use super::model::{SourceId, Sources, State, StoredFile, Use};
use super::outcome::{App, DerivedField, Diagnostic, Evidence, Reference, Resolution};
use super::paths::Connections;
use super::sql::Temporaries;
use super::statement::{Load, Prefix};
use super::trace::Trace;
use ahead::{Plan, Reader, Ready};
use control::Block;
use versions::Versions;
use view::View;
use worlds::Worlds;

/// What is known of files and apps from other scripts.
pub(crate) trait Known {
    /// Fields of a stored file (or of all that a pattern meets); the name `*` among them says that
    /// there are more.
    fn fields(&self, path: &str) -> Option<Vec<String>>;
    /// The same in the order in which they stand in the file, where that is known.
    fn columns(&self, path: &str) -> Option<Vec<String>>;
    /// Tables of an app and their fields.
    fn app(&self, id: &str) -> Option<Vec<(String, Vec<String>)>>;
}

/// Everything that a script is followed with.
pub(crate) struct Input<'i> {
    pub(crate) text: &'i str,
    pub(crate) log: Option<&'i Log>,
    pub(crate) connections: &'i Connections,
    pub(crate) includes: &'i dyn Fn(&str) -> Option<String>,
    pub(crate) known: &'i dyn Known,
    pub(crate) variables: &'i [(String, String)],
}

/// Follows a script to its end.
pub(crate) fn run(input: Input<'_>) -> App {
    let plan = Plan::of(input.text.len());
    run_as(input, plan)
}

fn run_as(input: Input<'_>, plan: Plan) -> App {
    let unit = Rc::new(Unit::new(input.text, None));
    ahead::with(&unit, input.connections, plan, |ahead| {
        let mut machine = Machine::new(input, Rc::clone(&unit), ahead);
        machine.run_until(0);
        machine.finish()
    })
}

struct Machine<'i> {
    input: Input<'i>,
    /// Statements of the script that are parsed already.
    ahead: Option<Reader<'i>>,
    sources: Sources,
    state: State,
    worlds: Worlds,
    frames: Vec<Frame>,
    /// Preceding loads that wait for the statement that feeds them.
    pending: Vec<Pending>,
    /// The same where branches made them differ, with the choices that each stands for; `pending` is
    /// then empty.
    alternatives: Vec<(Vec<Choice>, Vec<Pending>)>,
    /// Subs by lower-case name.
    subs: HashMap<String, Sub>,
    /// Variables of loops that count, how far only the reload knows.
    counters: HashSet<Rc<str>>,
    /// Values that stand for the files which a mask meets.
    masks: HashSet<Rc<str>>,
    site: Site,
    diagnostics: Vec<Diagnostic>,
    said: HashSet<(u32, String)>,
    references: Vec<Reference>,
    referred: HashSet<(u32, String)>,
    derived: Vec<DerivedField>,
    derived_names: HashSet<String>,
    field_comments: HashMap<String, String>,
    table_comments: HashMap<String, String>,
    /// Fields of each declared definition.
    definitions: HashMap<String, Vec<String>>,
    /// Tables by the hash of their field names; entries may be out of date.
    by_signature: HashMap<u64, Vec<Rc<str>>>,
    signed: HashSet<(u64, Rc<str>)>,
    /// Tables that have had a field of a name; entries may be out of date.
    by_field: RefCell<registry::FieldIndex>,
    /// Tables by lower-case name; entries may be out of date.
    by_lower: HashMap<String, BTreeSet<Rc<str>>>,
    /// Whether there may be tables of names that are not known.
    has_open_names: bool,
    /// Names of mapping tables that only the reload knows.
    open_mapping_names: BTreeSet<Rc<str>>,
    /// Tables that have had fields that are not known by name.
    open_tables: BTreeSet<Rc<str>>,
    /// Tables whose fields' names a database may write in other letters.
    folded_tables: BTreeSet<Rc<str>>,
    /// Columns that statements are known to take from a table, lower-case.
    catalogue: HashSet<(SourceId, String)>,
    /// Connections that the script passes SAP's Open SQL to, when that was asked.
    open_sql: Option<HashSet<String>>,
    /// Temporary tables of the databases.
    temporaries: Temporaries,
    /// Sources of which one has a field that the present statement takes.
    candidates: BTreeSet<SourceId>,
    /// How each source was first used.
    uses: HashMap<SourceId, Use>,
    /// Number for the next table of a name that is taken.
    suffixes: HashMap<Rc<str>, usize>,
    /// What `BINARY` is known to bring.
    binary_tables: BTreeMap<Rc<str>, Vec<String>>,
    /// What the log says of the script.
    trace: Option<Trace>,
    /// Rounds of loops that were followed because the log has them.
    logged_rounds: usize,
    missing_includes: RefCell<BTreeSet<String>>,
    versions: Versions,
    /// What stores wrote in branches that ended the script.
    lost_stores: Vec<(Rc<str>, Rc<StoredFile>)>,
    order: usize,
    joins: u32,
    steps: usize,
    expanded: usize,
    /// Set when loops and calls cost more than they may: from then on the script is followed
    /// straight through.
    exhausted: bool,
    nesting: usize,
    forks: usize,
    /// Fields renamed in tables that may have them.
    renamed: usize,
    /// Names that were compared without regard to case.
    folded: usize,
    /// Undecided branches so far.
    decisions: usize,
    /// Fields and sources of tables that were merged after them.
    merged: usize,
    /// Entries of `by_signature` that branches made.
    signed_in_branches: Vec<(u64, Rc<str>)>,
    /// The script ended on the level that is being followed; the level above goes on from there.
    exiting: bool,
    /// Decisions that are being followed inside one statement.
    inline_forks: usize,
    /// Number of frames that belong to outer levels.
    floor: usize,
}

/// A text that is being followed.
struct Frame {
    unit: Rc<Unit>,
    at: usize,
    /// Index at which it ends: the end of a sub's body, or of the text.
    end: usize,
    blocks: Vec<Block>,
    /// Variables to put back when a sub returns, and names to copy results to.
    call: Option<subs::Call>,
    /// Where it stands in the script, for included and expanded texts.
    outer: Option<Position>,
}

#[derive(Clone)]
struct Sub {
    unit: Rc<Unit>,
    index: usize,
}

/// A `LOAD` without a source.
#[derive(Clone)]
struct Pending {
    label: Option<String>,
    prefixes: Vec<Prefix>,
    load: Load,
    site: Site,
}

/// The statement that is being followed.
#[derive(Clone, Debug, Default)]
struct Site {
    at: Position,
    /// Text, secrets masked.
    text: Rc<str>,
    resolution: Resolution,
    evidence: Evidence,
}

impl<'i> Machine<'i> {
    fn new(input: Input<'i>, unit: Rc<Unit>, ahead: Option<Reader<'i>>) -> Self {
        let mut machine = Self {
            ahead,
            sources: Sources::default(),
            state: State::new(),
            worlds: Worlds::default(),
            frames: Vec::new(),
            pending: Vec::new(),
            alternatives: Vec::new(),
            subs: HashMap::default(),
            counters: HashSet::default(),
            masks: HashSet::default(),
            site: Site::default(),
            diagnostics: Vec::new(),
            said: HashSet::default(),
            references: Vec::new(),
            referred: HashSet::default(),
            derived: Vec::new(),
            derived_names: HashSet::default(),
            field_comments: HashMap::default(),
            table_comments: HashMap::default(),
            definitions: HashMap::default(),
            by_signature: HashMap::default(),
            signed: HashSet::default(),
            by_field: RefCell::default(),
            by_lower: HashMap::default(),
            has_open_names: false,
            open_mapping_names: BTreeSet::new(),
            open_tables: BTreeSet::new(),
            folded_tables: BTreeSet::new(),
            catalogue: HashSet::default(),
            open_sql: None,
            temporaries: Temporaries::default(),
            candidates: BTreeSet::new(),
            uses: HashMap::default(),
            suffixes: HashMap::default(),
            binary_tables: BTreeMap::new(),
            trace: input.log.map(|log| Trace::new(log, &unit)),
            logged_rounds: 0,
            missing_includes: RefCell::default(),
            versions: Versions::default(),
            lost_stores: Vec::new(),
            order: 0,
            joins: 0,
            steps: 0,
            expanded: 0,
            exhausted: false,
            nesting: 0,
            forks: 0,
            renamed: 0,
            folded: 0,
            decisions: 0,
            merged: 0,
            signed_in_branches: Vec::new(),
            exiting: false,
            inline_forks: 0,
            floor: 0,
            input,
        };
        for (name, value) in machine.input.variables {
            let value = super::model::state::Variable::of(Value::text(value));
            machine.state.variables.set(name.as_str().into(), value);
        }
        machine.enter(unit, None);
        machine
    }

    /// Starts following a text.
    fn enter(&mut self, unit: Rc<Unit>, outer: Option<Position>) {
        for (index, raw) in unit.raws.iter().enumerate() {
            if raw.kind == Kind::Control(Control::Sub) {
                // A sub may be called from a place that the followed way reaches first.
                if let Some(name) = subs::name_of(unit.arguments_of(raw)) {
                    self.subs.entry(name).or_insert_with(|| Sub { unit: Rc::clone(&unit), index });
                }
            }
        }
        for &index in &unit.unbalanced {
            if let Some(raw) = unit.raws.get(index) {
                let word = unit.text_of(raw).split_whitespace().next().unwrap_or_default();
                let at = outer.unwrap_or(raw.at);
                self.say_at(at, format!("`{word}` has no counterpart"));
            }
        }
        let end = unit.raws.len();
        self.frames.push(Frame { unit, at: 0, end, blocks: Vec::new(), call: None, outer });
    }

    /// Follows frames until only `depth` of them are left.
    fn run_until(&mut self, depth: usize) {
        while self.frames.len() > depth && !self.exiting {
            let Some(frame) = self.frames.last_mut() else { return };
            if frame.at >= frame.end {
                self.leave();
                continue;
            }
            let index = frame.at;
            frame.at += 1;
            let unit = Rc::clone(&frame.unit);
            let outer = frame.outer;
            let Some(raw) = unit.raws.get(index).copied() else { continue };
            self.count_step();
            self.site = Site { at: outer.unwrap_or(raw.at), ..Site::default() };
            self.step(&unit, index, raw);
            // A text that this statement expanded to, or a branch of it, ended the script.
            if self.exiting && self.inline_forks == 0 && self.frames.len() > self.floor {
                self.exiting = false;
                self.exit_script();
            }
        }
    }

    fn step(&mut self, unit: &Rc<Unit>, index: usize, raw: Raw) {
        let logged = self.executed(unit, index);
        let logged = logged.as_deref();
        match raw.kind {
            Kind::Plain | Kind::Sql => match self.ready(unit, index) {
                Some(ready) => self.execute_ready(ready),
                None => self.plain(unit, raw, logged),
            },
            Kind::Trace => self.trace(unit.text_of(&raw)),
            Kind::Include => self.include_statement(unit.text_of(&raw)),
            Kind::Control(control) => self.control(control, unit, index, logged),
        }
    }

    /// The statement, where it was parsed ahead and is followed only once.
    fn ready(&mut self, unit: &Rc<Unit>, index: usize) -> Option<Ready> {
        let reader = self.ahead.as_mut().filter(|_| self.alternatives.is_empty())?;
        let is_script = self.frames.first().is_some_and(|first| Rc::ptr_eq(&first.unit, unit));
        if is_script { reader.take(index, self.frames.len() == 1) } else { None }
    }

    /// Ends the innermost frame.
    fn leave(&mut self) {
        while self.frames.last().is_some_and(|frame| !frame.blocks.is_empty()) {
            self.close_block();
            if self.frames.last().is_some_and(|frame| frame.at < frame.end) {
                return; // Another branch of an open decision follows.
            }
        }
        if let Some(frame) = self.frames.pop()
            && let Some(call) = frame.call
        {
            self.return_from(call);
        }
    }

    fn count_step(&mut self) {
        self.steps += 1;
        let straight = self.frames.first().map_or(0, |frame| frame.unit.raws.len());
        if !self.exhausted && self.steps > straight.saturating_add(limits::MAX_EXTRA_STEPS) {
            self.exhaust();
        }
    }

    fn count_expanded(&mut self, bytes: usize) {
        self.expanded = self.expanded.saturating_add(bytes);
        let most = limits::MAX_EXPANDED.saturating_add(self.input.text.len().saturating_mul(4));
        if !self.exhausted && self.expanded > most {
            self.exhaust();
        }
    }

    fn exhaust(&mut self) {
        self.exhausted = true;
        self.say(
            "loops and calls run longer than is followed: from here on each is followed once or not \
             at all"
                .to_owned(),
        );
    }

    fn view(&self) -> View<'_, 'i> {
        View { machine: self, row: None }
    }

    /// Text of an included file; remembers those that are missing.
    fn include(&self, path: &str) -> Option<String> {
        let text = (self.input.includes)(path);
        if text.is_none() {
            self.missing_includes.borrow_mut().insert(path.to_owned());
        }
        text
    }

    fn new_join(&mut self) -> u32 {
        self.joins += 1;
        self.joins
    }
}

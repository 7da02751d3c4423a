//! Statements of a long script, parsed before it is their turn.
//!
//! What a statement does depends on all before it, but what it says mostly does not: without a
//! `$(…)` its text alone tells. Other threads parse such statements, some chunks ahead of the one
//! that is being followed; the thread that follows the script parses along instead of waiting. What
//! comes out is the same as without.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::database::dialect_behind;
use super::statement::kept;
use crate::script::eval::Value;
use crate::script::expand::{self, Comments, Variables};
use crate::script::lex::{Kind, Raw, Unit, part};
use crate::script::paths::Connections;
use crate::script::statement::{self, Parsed, Statement};

/// How much of a script is parsed ahead, and by how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Threads beside the one that follows the script; none: nothing is parsed ahead.
    pub(crate) helpers: usize,
    /// Bytes of text that are parsed at a time.
    pub(crate) chunk: usize,
    /// Chunks from the one that is being followed on that may be held parsed.
    pub(crate) window: usize,
}

impl Plan {
    pub(crate) const ALONE: Self = Self { helpers: 0, chunk: 0, window: 0 };

    /// For a script of so many bytes: below half a megabyte it is not worth a thread.
    pub(crate) fn of(bytes: usize) -> Self {
        if bytes < 512 << 10 {
            return Self::ALONE;
        }
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        Self { helpers: (processors - 1).min(3), chunk: 32 << 10, window: 16 }
    }
}

/// A statement without variables.
#[derive(Debug)]
pub(super) struct Ready {
    /// Without comments.
    pub(super) text: String,
    /// As it is shown.
    pub(super) kept: String,
    pub(super) parsed: Parsed,
}

/// What has been parsed of a script.
pub(super) struct Ahead<'t> {
    text: &'t str,
    raws: &'t [Raw],
    /// Indices of the statements of each chunk.
    chunks: Vec<Range<usize>>,
    /// What is connected to from a statement on, by the order of the text.
    dialects: Vec<(usize, Option<&'static str>)>,
    window: usize,
    shared: Mutex<Shared>,
    changed: Condvar,
}

struct Shared {
    /// The chunk that is being followed.
    at: usize,
    /// The first that nobody has begun.
    next: usize,
    done: BTreeMap<usize, Vec<Option<Ready>>>,
    is_over: bool,
}

/// Runs something that takes the statements of a script as they are parsed.
pub(super) fn with<T>(
    unit: &Unit,
    connections: &Connections,
    plan: Plan,
    run: impl FnOnce(Option<Reader<'_>>) -> T,
) -> T {
    if plan.helpers == 0 {
        return run(None);
    }
    let ahead = Ahead::new(unit, connections, plan);
    thread::scope(|scope| {
        for _ in 0..plan.helpers {
            let thread = thread::Builder::new().name("script-parser".to_owned());
            if thread.spawn_scoped(scope, || ahead.help()).is_err() {
                break; // What cannot be had is done without.
            }
        }
        let _over = Over(&ahead);
        run(Some(Reader { ahead: &ahead, chunk: None, items: Vec::new() }))
    })
}

/// Takes parsed statements in the order of the script.
pub(super) struct Reader<'a> {
    ahead: &'a Ahead<'a>,
    chunk: Option<usize>,
    items: Vec<Option<Ready>>,
}

impl Reader<'_> {
    /// The statement at an index, once; `None` when it has to be parsed now. `moves`: whether the
    /// statements that follow this one are those that are needed next.
    pub(super) fn take(&mut self, index: usize, moves: bool) -> Option<Ready> {
        let chunk = self.ahead.chunks.partition_point(|chunk| chunk.end <= index);
        let first = self.ahead.chunks.get(chunk)?.start;
        if self.chunk != Some(chunk) {
            if !moves || self.chunk.is_some_and(|at| at > chunk) {
                return None;
            }
            self.items = self.ahead.wait(chunk);
            self.chunk = Some(chunk);
        }
        self.items.get_mut(index.checked_sub(first)?)?.take()
    }
}

impl<'t> Ahead<'t> {
    fn new(unit: &'t Unit, connections: &Connections, plan: Plan) -> Self {
        let (text, raws) = (&*unit.text, unit.raws.as_slice());
        let mut chunks = Vec::new();
        let (mut start, mut bytes) = (0, 0);
        for (index, raw) in raws.iter().enumerate() {
            bytes += raw.end - raw.start;
            if bytes >= plan.chunk || index + 1 == raws.len() {
                chunks.push(start..index + 1);
                (start, bytes) = (index + 1, 0);
            }
        }
        Self {
            text,
            raws,
            chunks,
            dialects: dialects(unit, connections),
            window: plan.window,
            shared: Mutex::new(Shared { at: 0, next: 0, done: BTreeMap::new(), is_over: false }),
            changed: Condvar::new(),
        }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Parses chunks until all are begun or the script is at its end.
    fn help(&self) {
        let mut shared = self.shared();
        while !shared.is_over && shared.next < self.chunks.len() {
            shared = self.turn(shared);
        }
    }

    /// The statements of a chunk; parses others along until it is there.
    fn wait(&self, chunk: usize) -> Vec<Option<Ready>> {
        let mut shared = self.shared();
        shared.at = chunk;
        shared.next = shared.next.max(chunk);
        shared.done.retain(|&other, _| other >= chunk);
        self.changed.notify_all();
        loop {
            if let Some(items) = shared.done.remove(&chunk) {
                return items;
            }
            shared = self.turn(shared);
        }
    }

    /// Parses the next chunk; waits for a change where none may be begun.
    fn turn<'s>(&'s self, mut shared: MutexGuard<'s, Shared>) -> MutexGuard<'s, Shared> {
        match shared.begin(self) {
            Some(chunk) => {
                drop(shared);
                self.parse(chunk);
                self.shared()
            }
            None => self.changed.wait(shared).unwrap_or_else(PoisonError::into_inner),
        }
    }

    fn parse(&self, chunk: usize) {
        let indices = self.chunks.get(chunk).cloned().unwrap_or_default();
        let mut begun = Begun { ahead: self, chunk, items: Vec::with_capacity(indices.len()) };
        for index in indices {
            let item = self.raws.get(index).and_then(|raw| self.statement(index, raw));
            begun.items.push(item);
        }
    }

    fn statement(&self, index: usize, raw: &Raw) -> Option<Ready> {
        let comments = match raw.kind {
            Kind::Plain => Comments::Drop,
            Kind::Sql => Comments::DropSql,
            Kind::Trace | Kind::Include | Kind::Control(_) => return None,
        };
        let text = part(self.text, raw.start, raw.end);
        if text.contains("$(") {
            return None;
        }
        let text = expand::expand(text, comments, &Nothing).text;
        let mut parsed = statement::parse(&text);
        if let Statement::Sql(passed) = &mut parsed.statement {
            let before = self.dialects.partition_point(|(from, _)| *from <= index).checked_sub(1);
            let last = before.and_then(|before| self.dialects.get(before));
            passed.read_ahead(last.and_then(|(_, dialect)| *dialect));
        }
        Some(Ready { kept: kept(&text), text, parsed })
    }
}

impl Shared {
    fn begin(&mut self, ahead: &Ahead<'_>) -> Option<usize> {
        let chunk = self.next;
        let may = chunk < ahead.chunks.len() && chunk < self.at.saturating_add(ahead.window);
        self.next += usize::from(may);
        may.then_some(chunk)
    }
}

/// A chunk that is being parsed. It is handed over even when that fails: whoever waits for it then
/// parses the rest.
struct Begun<'a> {
    ahead: &'a Ahead<'a>,
    chunk: usize,
    items: Vec<Option<Ready>>,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        let mut shared = self.ahead.shared();
        if self.chunk >= shared.at {
            shared.done.insert(self.chunk, std::mem::take(&mut self.items));
        }
        self.ahead.changed.notify_all();
    }
}

/// Lets the threads end with the script.
struct Over<'a>(&'a Ahead<'a>);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.shared().is_over = true;
        self.0.changed.notify_all();
    }
}

/// What a text without `$(…)` is expanded with.
struct Nothing;

impl Variables for Nothing {
    fn variable(&self, _: &str) -> Option<Value> {
        None
    }

    fn evaluate(&self, expression: &str) -> Value {
        Value::unknown(expression)
    }

    fn include(&self, _: &str) -> Option<String> {
        None
    }
}

/// Dialects of the connections that a script makes, each with the statement that makes it. Where
/// the script does not go by its text, the statement is read again in its turn.
fn dialects(unit: &Unit, connections: &Connections) -> Vec<(usize, Option<&'static str>)> {
    let plain = unit.raws.iter().enumerate().filter(|(_, raw)| raw.kind == Kind::Plain);
    let connects = plain.filter(|(_, raw)| connects(unit.text_of(raw)));
    let dialect = |raw: &Raw| match statement::parse(unit.text_of(raw)).statement {
        Statement::Connect { kind, target } => dialect_behind(kind, &target, connections),
        _ => None,
    };
    connects.map(|(index, raw)| (index, dialect(raw))).collect()
}

/// Whether a statement may be one that connects, or ends a connection.
pub(super) fn connects(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace().take(3);
    words.any(|word| {
        let is =
            |verb: &str| word.get(..verb.len()).is_some_and(|it| it.eq_ignore_ascii_case(verb));
        is("connect") || is("disconnect")
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::script::interpret::{Input, Known, run_as};
    use crate::script::outcome::App;

    struct Alone;

    impl Known for Alone {
        fn fields(&self, _: &str) -> Option<Vec<String>> {
            None
        }

        fn columns(&self, _: &str) -> Option<Vec<String>> {
            None
        }

        fn app(&self, _: &str) -> Option<Vec<(String, Vec<String>)>> {
            None
        }
    }

    fn follow(text: &str, plan: Plan) -> App {
        let connections = Connections::default();
        let (includes, known, variables) = (&|_: &str| None, &Alone, &[]);
        let input =
            Input { text, log: None, connections: &connections, includes, known, variables };
        run_as(input, plan)
    }

    /// Every script of the corpus, and all of a file as one.
    fn scripts() -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/scripts");
        let files =
            std::fs::read_dir(folder).expect("the corpus").map(|entry| entry.expect("a file"));
        let mut scripts = Vec::new();
        for file in files {
            let text = std::fs::read_to_string(file.path()).expect("a text");
            let of_file: Vec<String> = text
                .split("\n--- script")
                .skip(1)
                .filter_map(|rest| rest.split_once('\n'))
                .map(|(_, rest)| rest.split("\n---").next().unwrap_or_default().to_owned())
                .collect();
            scripts.push(of_file.join(";\n"));
            scripts.extend(of_file);
        }
        scripts
    }

    #[test]
    fn what_is_parsed_ahead_changes_nothing() {
        let scripts = scripts();
        assert!(scripts.len() > 300, "{}", scripts.len());
        for script in scripts {
            let alone = follow(&script, Plan::ALONE);
            for (helpers, chunk, window) in [(1, 1, 1), (2, 100, 4)] {
                let ahead = follow(&script, Plan { helpers, chunk, window });
                assert!(ahead == alone, "helpers: {helpers}, chunk: {chunk}\n{script}");
            }
        }
    }

    #[test]
    fn each_statement_comes_once_and_in_order() {
        let script = "LET v = 1;\nLIB CONNECT TO 'x';\n".repeat(50) + "LOAD $(v) FROM a;";
        let unit = Unit::new(&script, None);
        let plan = Plan { helpers: 1, chunk: 100, window: 2 };
        with(&unit, &Connections::default(), plan, |reader| {
            let mut reader = reader.expect("a reader");
            assert_eq!(reader.take(3, true).expect("a statement").text, "LIB CONNECT TO 'x'");
            assert!(reader.take(3, true).is_none(), "taken twice");
            assert_eq!(reader.take(2, true).expect("a statement").text, "LET v = 1");
            assert!(reader.take(90, false).is_none(), "a sub's body does not move it");
            assert!(reader.take(90, true).is_some());
            assert!(reader.take(0, true).is_none(), "it does not go back");
            assert!(reader.take(100, true).is_none(), "a variable takes part in it");
            assert!(reader.take(101, true).is_none(), "there is none");
        });
    }
}

//! Load scripts → lineage that is true: which external columns can flow into each field of each
//! table and stored file of an app, and through files and apps from app to app.
//!
//! Text goes through these steps, each a module: `lex` cuts it into statements, `expand`
//! replaces `$(…)`, `statement` parses one statement, `interpret` follows it on the symbolic
//! `model`, with `eval` for what the script computes and `sql` for what it passes to
//! databases. [`analyse`] does that for several scripts and joins them through their `paths`.
//! `reads` says what one statement takes of a file. Statements of a long script that hold no
//! `$(…)` are parsed ahead on other threads; what comes out is the same.
//!
//! What only decides which rows or values are taken is no origin of a value: conditions (`WHERE`,
//! `HAVING`, the first argument of `If`), sort keys, the key of a mapping with a default. Values of a join's key come from
//! the side whose rows are all kept, in an outer join from both.
//!
//! Pure: no I/O, no clock; never fails, never panics; bounded by [`limits`].

mod eval;
mod expand;
mod expression;
mod interpret;
mod lex;
pub mod limits;
mod log;
mod mask;
mod model;
mod outcome;
mod paths;
mod reads;
mod report;
mod sql;
mod statement;
mod trace;

pub use outcome::{
    App, DerivedField, Diagnostic, Evidence, Field, Flow, Origin, Reference, ReferenceKind,
    Resolution, Severity, Source, SourceUse, Status, Store, Table,
};
pub use paths::{Connections, DataConnection, Normalised};
pub(crate) use paths::{format_of, glob};
pub(crate) use reads::fields_read;
pub use report::{
    ChainTable, Context, Edge, Ends, Report, Script, analyse, analyse_one, analyse_one_with,
    analyse_with,
};

/// Whether a script log is one of this script as it is now.
#[must_use]
pub fn is_log_of(log: &str, script: &str) -> bool {
    log::Log::read(log).is_of(script)
}

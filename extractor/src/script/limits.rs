//! Bounds on the work that one script may cause. A script says how often it loops and what it
//! expands to, so each of these has a limit; reaching one is a diagnostic, and the rest of the
//! script is followed straight through.

/// Statements that loops and calls may add to those that the script has. Real scripts stay below
/// some thousands.
pub const MAX_EXTRA_STEPS: usize = 200_000;

/// Rounds of one loop. Loops that make tables go through lists of tens or hundreds; loops over
/// rows of data have bounds that only the reload knows and are followed once.
pub const MAX_ROUNDS: usize = 1000;

/// Bytes of statement text that expansions may make, beside four times the script's length.
pub const MAX_EXPANDED: usize = 64 << 20;

/// Longest value of a variable; a longer one is not known any more.
pub const MAX_VALUE: usize = 1 << 20;

/// Calls within calls.
pub const MAX_CALLS: usize = 64;

/// Levels of folders below the first that a script which walks through them is followed into one by
/// one; each is a source of its own. The levels below are one more source, with `**` in its path.
pub const MAX_FOLDERS: usize = 2;

/// Included files within included files, and texts that expansions make statements of.
pub const MAX_NESTING: usize = 16;

/// Undecided branches within each other that are followed from the same state; deeper ones are
/// followed one after another.
pub const MAX_FORKS: usize = 24;

/// Undecided branches of one script that are followed from the same state, in all; merging copies
/// the tables that they change, so that many branches which add to one table would cost the square
/// of their number. Later ones are followed one after another.
pub const MAX_DECISIONS: usize = 5000;

/// Fields and sources of tables that are merged after such branches, in all, for the same reason.
pub const MAX_MERGED: usize = 5_000_000;

/// Names of fields that are compared without regard to case, in all, for fields that are not found
/// as they are written.
pub const MAX_FOLDED: usize = 5_000_000;

/// Fields that are given another name in tables of which it is not known whether they have them,
/// in all.
pub const MAX_RENAMED: usize = 2_000_000;

/// Messages of one script.
pub const MAX_DIAGNOSTICS: usize = 1000;

/// Statements that one table keeps.
pub const MAX_STATEMENTS: usize = 50;

/// Longest text of a statement that is kept.
pub const MAX_STATEMENT_TEXT: usize = 16 << 10;

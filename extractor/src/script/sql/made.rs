//! What a table is made of: columns of others, taken over, put below each other, and bounded.

use std::collections::BTreeSet;

use super::{Select, SelectColumn, Star};

/// External tables that one may be made of, and its columns.
const MAX_MADE_OF: usize = 200;
const MAX_COLUMNS: usize = 1000;

pub(super) fn moved(
    origins: &BTreeSet<(usize, String)>,
    to: &[usize],
) -> BTreeSet<(usize, String)> {
    let new = |(table, name): &(usize, String)| Some((*to.get(*table)?, name.clone()));
    origins.iter().filter_map(new).collect()
}

/// Origins of a column of a table that was made, and the expression that made it.
pub(super) fn of_made(
    made: &Select,
    to: &[usize],
    name: &str,
) -> (BTreeSet<(usize, String)>, Option<String>) {
    if name == "*" {
        let columns = made.columns.iter().flat_map(|column| moved(&column.origins, to));
        let stars =
            made.stars.iter().filter_map(|star| Some((*to.get(star.table)?, "*".to_owned())));
        return (columns.chain(stars).collect(), None);
    }
    if let Some(column) = made.column(name) {
        return (moved(&column.origins, to), column.expression.clone());
    }
    let open: Vec<usize> = made
        .stars
        .iter()
        .filter(|star| !star.except.contains(&name.to_lowercase()))
        .filter_map(|star| to.get(star.table).copied())
        .collect();
    match open.as_slice() {
        [only] => (BTreeSet::from([(*only, name.to_owned())]), None),
        // Of which of several it is cannot be said, unless they lie below each other.
        _ if made.stars.iter().any(|star| star.side.is_some()) => Default::default(),
        several => (several.iter().map(|&table| (table, name.to_owned())).collect(), None),
    }
}

/// The result under the names that the table gives its columns.
pub(super) fn named(mut select: Select, columns: &[String]) -> Select {
    if select.stars.is_empty() {
        for (column, name) in select.columns.iter_mut().zip(columns) {
            column.name.clone_from(name);
        }
    }
    select
}

/// Rows put below those that are there: columns meet by name where the statement names them, as
/// [`named`] did, by position otherwise.
pub(super) fn added(known: Select, select: Select) -> Select {
    let by_name = select.columns.iter().all(|column| known.column(&column.name).is_some());
    let mut select = select;
    if !by_name && select.stars.is_empty() && known.stars.is_empty() {
        for (column, there) in select.columns.iter_mut().zip(&known.columns) {
            column.name.clone_from(&there.name);
        }
    }
    either(known, select)
}

/// What is kept of a table that is made of more than can be followed; it says so.
pub(super) fn bounded(mut made: Select) -> Select {
    if made.tables.len() <= MAX_MADE_OF && made.columns.len() <= MAX_COLUMNS {
        return made;
    }
    made.tables.truncate(MAX_MADE_OF);
    made.columns.truncate(MAX_COLUMNS);
    for column in &mut made.columns {
        column.origins.retain(|(table, _)| *table < MAX_MADE_OF);
    }
    made.stars.retain(|star| star.table < MAX_MADE_OF);
    let note = format!(
        "a temporary table is made of more than {MAX_MADE_OF} tables or {MAX_COLUMNS} columns: \
         the others are not followed"
    );
    if !made.notes.contains(&note) {
        made.notes.push(note);
    }
    made
}

/// Both, by name.
pub(super) fn either(known: Select, select: Select) -> Select {
    let mut both = known;
    let to: Vec<usize> = select
        .tables
        .into_iter()
        .map(|table| match both.tables.iter().position(|there| *there == table) {
            Some(at) => at,
            None => {
                both.tables.push(table);
                both.tables.len() - 1
            }
        })
        .collect();
    for column in select.columns {
        let origins = moved(&column.origins, &to);
        let same = |there: &&mut SelectColumn| there.name.eq_ignore_ascii_case(&column.name);
        match both.columns.iter_mut().find(same) {
            Some(there) => {
                there.origins.extend(origins);
                there.expression = there.expression.take().or(column.expression);
            }
            None => both.columns.push(SelectColumn { origins, ..column }),
        }
    }
    for star in select.stars {
        if let Some(&table) = to.get(star.table) {
            let star = Star { table, ..star };
            if !both.stars.contains(&star) {
                both.stars.push(star);
            }
        }
    }
    both.unknown.extend(select.unknown);
    both.fallback |= select.fallback;
    both
}

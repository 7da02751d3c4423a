//! Columns that come through without being named: those of `*`, and of the parts of a union.

use std::collections::BTreeSet;

use sqlparser::ast::{ExcludeSelectItem, Ident, RenameSelectItem, WildcardAdditionalOptions};

use super::from::lower_parts;
use super::scope::{Output, Relation};

pub(super) fn renames(options: &WildcardAdditionalOptions) -> Vec<(&Ident, &Ident)> {
    match &options.opt_rename {
        Some(RenameSelectItem::Single(one)) => vec![(&one.ident, &one.alias)],
        Some(RenameSelectItem::Multiple(all)) => {
            all.iter().map(|one| (&one.ident, &one.alias)).collect()
        }
        None => Vec::new(),
    }
}

pub(super) fn wildcard(
    relation: &Relation,
    options: &WildcardAdditionalOptions,
    result: &mut Output,
) {
    let mut except: BTreeSet<String> = BTreeSet::new();
    match &options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => except.extend(lower_parts(name).pop()),
        Some(ExcludeSelectItem::Multiple(names)) => {
            except.extend(names.iter().filter_map(|name| lower_parts(name).pop()));
        }
        None => {}
    }
    if let Some(list) = &options.opt_except {
        except.insert(list.first_element.value.to_lowercase());
        except.extend(list.additional_elements.iter().map(|name| name.value.to_lowercase()));
    }
    except.extend(renames(options).into_iter().map(|(from, _)| from.value.to_lowercase()));
    let replaced = options.opt_replace.iter().flat_map(|replace| &replace.items);
    except.extend(replaced.map(|item| item.column_name.value.to_lowercase()));
    for column in &relation.result.columns {
        if !except.contains(&column.name.to_lowercase()) {
            result.columns.push(column.clone());
        }
    }
    for star in &relation.result.stars {
        let mut star = star.clone();
        star.except.extend(except.iter().cloned());
        if !result.stars.contains(&star) {
            result.stars.push(star);
        }
    }
}

/// Adds the rows of another part of a union: columns meet by position where all are known, by
/// name otherwise.
pub(super) fn unite(result: &mut Output, other: &Output) {
    if result.stars.is_empty() && other.stars.is_empty() {
        for (column, added) in result.columns.iter_mut().zip(&other.columns) {
            column.origins.extend(added.origins.iter().cloned());
            if column.expression.is_none() {
                column.expression.clone_from(&added.expression);
            }
        }
        return;
    }
    for added in &other.columns {
        match result.columns.iter_mut().find(|each| each.name.eq_ignore_ascii_case(&added.name)) {
            Some(column) => column.origins.extend(added.origins.iter().cloned()),
            None => result.columns.push(added.clone()),
        }
    }
    for star in &other.stars {
        if !result.stars.contains(star) {
            result.stars.push(star.clone());
        }
    }
}

//! A parsed query → its tables and the columns that its result takes from them.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart,
    Query, Select as SelectAst, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetOperator,
    TableAlias, TableFactor, TableWithJoins, WildcardAdditionalOptions,
};

use super::expression::{column_name, item_expression, mentioned, parts, unique};
use super::scope::{Ctes, Output, Relation, Scope};
use super::{Catalogue, Select, SelectColumn, Star, TableName};

/// Resolves a query.
pub(super) fn resolve(query: &Query, catalogue: &dyn Catalogue) -> Select {
    let mut resolver = Resolver { catalogue, tables: Vec::new(), first: None, notes: Vec::new() };
    let result = resolver.query(query, &Ctes::default(), None);
    Select {
        columns: result.columns.clone(),
        stars: result.stars.clone(),
        tables: resolver.tables,
        first: resolver.first,
        fallback: false,
        notes: resolver.notes,
    }
}

struct Resolver<'a> {
    catalogue: &'a dyn Catalogue,
    tables: Vec<TableName>,
    first: Option<String>,
    notes: Vec<String>,
}

impl Resolver<'_> {
    fn query(&mut self, query: &Query, ctes: &Ctes, outer: Option<&Scope<'_>>) -> Rc<Output> {
        let mut ctes = Rc::clone(ctes);
        if let Some(with) = &query.with {
            for cte in &with.cte_tables {
                let name = cte.alias.name.value.to_lowercase();
                // A recursive reference is no table; what it adds comes from the first part.
                let mut inner = HashMap::clone(&ctes);
                inner.insert(name.clone(), Rc::default());
                let result = self.query(&cte.query, &Rc::new(inner), outer);
                let result = renamed(&result, &cte.alias);
                Rc::make_mut(&mut ctes).insert(name, result);
            }
        }
        self.body(&query.body, &ctes, outer)
    }

    fn body(&mut self, body: &SetExpr, ctes: &Ctes, outer: Option<&Scope<'_>>) -> Rc<Output> {
        // Unions chain to the left: gathered without recursion.
        let mut branches: Vec<(&SetExpr, bool)> = Vec::new();
        let mut current = body;
        while let SetExpr::SetOperation { left, op, right, .. } = current {
            // Rows of the second part of an EXCEPT or INTERSECT do not come through.
            branches.push((right, matches!(op, SetOperator::Union)));
            current = left;
        }
        let mut result = match current {
            SetExpr::Select(select) => self.select(select, ctes, outer),
            SetExpr::Query(query) => Output::clone(&self.query(query, ctes, outer)),
            SetExpr::Table(table) => {
                let parts = table.schema_name.iter().chain(&table.table_name);
                let parts = parts.map(|part| part.value.clone()).collect();
                let star = self.table(parts).map(|table| Star { table, ..Star::default() });
                Output { columns: Vec::new(), stars: star.into_iter().collect() }
            }
            _ => Output::default(),
        };
        for (branch, rows) in branches.into_iter().rev() {
            let other = self.body(branch, ctes, outer);
            if rows {
                unite(&mut result, &other);
            }
        }
        Rc::new(result)
    }

    fn select(&mut self, select: &SelectAst, ctes: &Ctes, outer: Option<&Scope<'_>>) -> Output {
        let mut relations: Vec<Relation> = Vec::new();
        let mut shared: HashMap<String, Vec<usize>> = HashMap::new();
        let mut conditions: Vec<&Expr> = Vec::new();
        for from in &select.from {
            self.from(from, ctes, outer, &mut relations, &mut shared, &mut conditions);
        }
        conditions.extend(select.selection.iter().chain(&select.having).chain(&select.qualify));
        conditions.extend(&select.prewhere);
        note_known(&mut relations, select, &conditions);
        let scope = Scope { ctes, relations: &relations, shared: &shared, outer };
        // Tables in subqueries of conditions are read too, though no value comes from them.
        for condition in conditions {
            for query in mentioned(condition).1 {
                self.query(query, ctes, Some(&scope));
            }
        }
        let mut result = Output::default();
        for item in &select.projection {
            self.item(item, &scope, &mut result);
        }
        result
    }

    fn item(&mut self, item: &SelectItem, scope: &Scope<'_>, result: &mut Output) {
        match item {
            SelectItem::Wildcard(options) => {
                for relation in scope.relations {
                    wildcard(relation, options, result);
                }
            }
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(name),
                options,
            ) => {
                let qualifiers = lower_parts(name);
                let relation =
                    scope.relations.iter().find(|relation| relation.is_named(&qualifiers));
                if let Some(relation) = relation {
                    wildcard(relation, options, result);
                }
            }
            SelectItem::QualifiedWildcard(..) => {}
            SelectItem::UnnamedExpr(expr) => {
                let plain = column_name(expr);
                let name = plain.as_ref().and_then(|parts| parts.last().cloned());
                let name = name.unwrap_or_else(|| expr.to_string());
                result.columns.push(self.column(name, expr, scope));
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                result.columns.push(self.column(alias.value.clone(), expr, scope));
            }
            SelectItem::ExprWithAliases { expr, aliases } => {
                for alias in aliases {
                    result.columns.push(self.column(alias.value.clone(), expr, scope));
                }
            }
        }
    }

    fn column(&mut self, name: String, expr: &Expr, scope: &Scope<'_>) -> SelectColumn {
        let parts = parts(expr);
        let mut origins = BTreeSet::new();
        let mut inherited = None;
        let plain = column_name(expr).is_some();
        for column in unique(parts.columns) {
            let (found, expression) = self.resolve_name(&column, scope);
            origins.extend(found);
            inherited = inherited.or(expression);
        }
        for query in parts.values {
            let result = self.query(query, scope.ctes, Some(scope));
            for column in &result.columns {
                origins.extend(column.origins.iter().cloned());
            }
            for star in &result.stars {
                origins.insert((star.table, "*".to_owned()));
            }
        }
        for query in parts.conditions {
            self.query(query, scope.ctes, Some(scope));
        }
        let expression = if plain { inherited } else { Some(expr.to_string()) };
        SelectColumn { name, origins, expression }
    }

    /// Origins of a column by its qualified name, and the expression that made it.
    fn resolve_name(
        &mut self,
        parts: &[String],
        scope: &Scope<'_>,
    ) -> (BTreeSet<(usize, String)>, Option<String>) {
        let Some((column, qualifiers)) = parts.split_last() else { return Default::default() };
        let lower: Vec<String> = qualifiers.iter().map(|part| part.to_lowercase()).collect();
        if lower.is_empty() {
            return self.resolve_unqualified(column, scope);
        }
        let mut current = Some(scope);
        while let Some(scope) = current {
            if let Some(relation) = scope.relations.iter().find(|each| each.is_named(&lower)) {
                return take(relation, column);
            }
            // `alias.struct.field`
            for end in (1..lower.len()).rev() {
                let head = lower.get(..end).unwrap_or_default();
                if let Some(relation) = scope.relations.iter().find(|each| each.is_named(head)) {
                    return take(relation, &parts.get(end..).unwrap_or_default().join("."));
                }
            }
            current = scope.outer;
        }
        // `Owner.Name` of the one table there is: a path of its own.
        match scope.relations {
            [only] => take(only, &parts.join(".")),
            _ => {
                self.note(format!("column `{}` belongs to no table of the query", parts.join(".")));
                Default::default()
            }
        }
    }

    fn resolve_unqualified(
        &mut self,
        column: &str,
        scope: &Scope<'_>,
    ) -> (BTreeSet<(usize, String)>, Option<String>) {
        let lower = column.to_lowercase();
        if let Some(owners) = scope.shared.get(&lower) {
            let mut origins = BTreeSet::new();
            let mut expression = None;
            for &owner in owners {
                if let Some(relation) = scope.relations.get(owner) {
                    let (found, made_by) = take(relation, column);
                    origins.extend(found);
                    expression = expression.or(made_by);
                }
            }
            return (origins, expression);
        }
        // A valid query has the column in one relation only: where it is known to be, it is.
        let knows = |relation: &&Relation| {
            relation.result.column(column).is_some()
                || relation.known.contains(&lower)
                || relation.result.open(column).any(|table| {
                    self.tables.get(table).is_some_and(|name| self.catalogue.has(name, column))
                })
        };
        if let Some(relation) = scope.relations.iter().find(knows) {
            return take(relation, column);
        }
        let mut open =
            scope.relations.iter().filter(|relation| relation.result.open(column).next().is_some());
        match (open.next(), open.next()) {
            (Some(only), None) => take(only, column),
            (None, _) => match scope.outer {
                Some(outer) => self.resolve_unqualified(column, outer),
                None => Default::default(),
            },
            (Some(_), Some(_)) => {
                self.note(format!("column `{column}` may belong to several tables of the query"));
                Default::default()
            }
        }
    }

    fn from<'b>(
        &mut self,
        from: &'b TableWithJoins,
        ctes: &Ctes,
        outer: Option<&Scope<'_>>,
        relations: &mut Vec<Relation>,
        shared: &mut HashMap<String, Vec<usize>>,
        conditions: &mut Vec<&'b Expr>,
    ) {
        self.factor(&from.relation, ctes, outer, relations, shared, conditions);
        for join in &from.joins {
            let before = relations.len();
            self.factor(&join.relation, ctes, outer, relations, shared, conditions);
            let Some((constraint, kept)) = join_constraint(&join.join_operator) else { continue };
            match constraint {
                JoinConstraint::On(condition) => conditions.push(condition),
                JoinConstraint::Using(columns) | JoinConstraint::UsingAlias(columns, _) => {
                    for column in columns {
                        let Some(name) = lower_parts(column).pop() else { continue };
                        let left = shared
                            .get(&name)
                            .cloned()
                            .unwrap_or_else(|| owners(relations, before, &name));
                        let owners = match kept {
                            Kept::Left => left,
                            Kept::Right => vec![before],
                            Kept::Both => left.into_iter().chain([before]).collect(),
                        };
                        shared.insert(name, owners);
                    }
                }
                JoinConstraint::Natural | JoinConstraint::None => {}
            }
        }
    }

    fn factor<'b>(
        &mut self,
        factor: &'b TableFactor,
        ctes: &Ctes,
        outer: Option<&Scope<'_>>,
        relations: &mut Vec<Relation>,
        shared: &mut HashMap<String, Vec<usize>>,
        conditions: &mut Vec<&'b Expr>,
    ) {
        match factor {
            TableFactor::Table { name, alias, args, .. } => {
                let parts = object_parts(name);
                let lower: Vec<String> = parts.iter().map(|part| part.to_lowercase()).collect();
                let cte = match lower.as_slice() {
                    [single] => ctes.get(single).cloned(),
                    _ => None,
                };
                // `_SYS_BIC` views of HANA take parameters and are tables all the same.
                let is_view = lower.first().is_some_and(|schema| schema.starts_with("_sys_bic"));
                let result = match cte {
                    Some(result) => result,
                    None if args.is_some() && !is_view => Rc::default(),
                    None => {
                        let star = self.table(parts).map(|table| Star { table, ..Star::default() });
                        Rc::new(Output { columns: Vec::new(), stars: star.into_iter().collect() })
                    }
                };
                relations.push(relation(result, lower, alias.as_ref()));
            }
            TableFactor::Derived { subquery, alias, lateral, .. } => {
                let shared_so_far = HashMap::new();
                let scope =
                    Scope { ctes, relations: relations.as_slice(), shared: &shared_so_far, outer };
                let outer = if *lateral { Some(&scope) } else { outer };
                let result = self.query(subquery, ctes, outer);
                relations.push(relation(result, Vec::new(), alias.as_ref()));
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let before = relations.len();
                self.from(table_with_joins, ctes, outer, relations, shared, conditions);
                if let Some(alias) = alias {
                    // The alias hides the names inside.
                    let mut result = Output::default();
                    for inner in relations.drain(before..) {
                        result.columns.extend(inner.result.columns.iter().cloned());
                        result.stars.extend(inner.result.stars.iter().cloned());
                    }
                    relations.push(relation(Rc::new(result), Vec::new(), Some(alias)));
                }
            }
            TableFactor::Pivot { table, alias, .. }
            | TableFactor::Unpivot { table, alias, .. }
            | TableFactor::MatchRecognize { table, alias, .. } => {
                let before = relations.len();
                self.factor(table, ctes, outer, relations, shared, conditions);
                if let (Some(alias), Some(inner)) = (alias, relations.get_mut(before)) {
                    inner.names.push(alias.name.value.to_lowercase());
                }
            }
            TableFactor::TableFunction { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::UNNEST { alias, .. }
            | TableFactor::JsonTable { alias, .. }
            | TableFactor::OpenJsonTable { alias, .. }
            | TableFactor::XmlTable { alias, .. }
            | TableFactor::SemanticView { alias, .. } => {
                relations.push(relation(Rc::default(), Vec::new(), alias.as_ref()));
            }
            TableFactor::UnpivotExpr { .. } => {}
        }
    }

    fn table(&mut self, parts: Vec<String>) -> Option<usize> {
        let name = TableName::from_parts(parts)?;
        if self.first.is_none() {
            self.first = Some(name.table.clone());
        }
        if name.table.eq_ignore_ascii_case("dual") && name.database.is_none() {
            return None; // Oracle's table of one row.
        }
        Some(match self.tables.iter().position(|known| *known == name) {
            Some(index) => index,
            None => {
                self.tables.push(name);
                self.tables.len() - 1
            }
        })
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) && self.notes.len() < 100 {
            self.notes.push(note);
        }
    }
}

/// Which side's value a shared column has.
#[derive(Clone, Copy)]
enum Kept {
    Left,
    Right,
    Both,
}

fn join_constraint(operator: &JoinOperator) -> Option<(&JoinConstraint, Kept)> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::CrossJoin(constraint)
        | JoinOperator::Semi(constraint)
        | JoinOperator::LeftSemi(constraint)
        | JoinOperator::Anti(constraint)
        | JoinOperator::LeftAnti(constraint)
        | JoinOperator::StraightJoin(constraint)
        | JoinOperator::AsOf { constraint, .. } => Some((constraint, Kept::Left)),
        JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::RightSemi(constraint)
        | JoinOperator::RightAnti(constraint) => Some((constraint, Kept::Right)),
        JoinOperator::FullOuter(constraint) => Some((constraint, Kept::Both)),
        JoinOperator::CrossApply
        | JoinOperator::OuterApply
        | JoinOperator::ArrayJoin
        | JoinOperator::LeftArrayJoin
        | JoinOperator::InnerArrayJoin => None,
    }
}

/// The relation on the left of a join that a shared column comes from: the first that can have it.
fn owners(relations: &[Relation], before: usize, name: &str) -> Vec<usize> {
    relations
        .iter()
        .take(before)
        .position(|relation| {
            relation.result.column(name).is_some() || relation.result.open(name).next().is_some()
        })
        .into_iter()
        .collect()
}

fn relation(result: Rc<Output>, names: Vec<String>, alias: Option<&TableAlias>) -> Relation {
    let (names, result) = match alias {
        Some(alias) => (vec![alias.name.value.to_lowercase()], renamed(&result, alias)),
        None => (names, result),
    };
    Relation { names, result, known: BTreeSet::new() }
}

/// A result with the column names that an alias gives: `AS t (a, b)`.
fn renamed(result: &Rc<Output>, alias: &TableAlias) -> Rc<Output> {
    if alias.columns.is_empty() {
        return Rc::clone(result);
    }
    let mut renamed = Output::clone(result);
    for (column, name) in renamed.columns.iter_mut().zip(&alias.columns) {
        column.name.clone_from(&name.name.value);
    }
    Rc::new(renamed)
}

/// A relation's column and the expression that made it.
fn take(relation: &Relation, column: &str) -> (BTreeSet<(usize, String)>, Option<String>) {
    if let Some(found) = relation.result.column(column) {
        return (found.origins.clone(), found.expression.clone());
    }
    let open = relation.result.open(column).map(|table| (table, column.to_owned())).collect();
    (open, None)
}

fn wildcard(relation: &Relation, options: &WildcardAdditionalOptions, result: &mut Output) {
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
fn unite(result: &mut Output, other: &Output) {
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

/// Remembers which columns the query takes from each relation by a qualified name.
fn note_known(relations: &mut [Relation], select: &SelectAst, conditions: &[&Expr]) {
    if relations.len() < 2 {
        return;
    }
    let expressions = select.projection.iter().filter_map(item_expression);
    for expression in expressions.chain(conditions.iter().copied()) {
        for parts in mentioned(expression).0 {
            let Some((column, qualifiers)) = parts.split_last() else { continue };
            let lower: Vec<String> = qualifiers.iter().map(|part| part.to_lowercase()).collect();
            if let Some(relation) = relations.iter_mut().find(|each| each.is_named(&lower)) {
                relation.known.insert(column.to_lowercase());
            }
        }
    }
}

fn object_parts(name: &ObjectName) -> Vec<String> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(Ident { value, .. }) => value.clone(),
            ObjectNamePart::Function(function) => function.name.value.clone(),
        })
        .flat_map(|part| {
            // BigQuery quotes a whole path: `project.dataset.table`.
            let dotted = name.0.len() == 1 && part.matches('.').count() == 2;
            if dotted { part.split('.').map(str::to_owned).collect() } else { vec![part] }
        })
        .collect()
}

fn lower_parts(name: &ObjectName) -> Vec<String> {
    object_parts(name).into_iter().map(|part| part.to_lowercase()).collect()
}

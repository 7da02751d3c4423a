//! A parsed query → its tables and the columns that its result takes from them.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use sqlparser::ast::{
    BinaryOperator, CastKind, ConnectByKind, Expr, Query, Select as SelectAst, SelectFlavor,
    SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetOperator, Value, Values,
    WildcardAdditionalOptions,
};

use super::ctes::is_recursive;
use super::expression::{column_name, mentioned, parts, unique};
use super::from::{lower_parts, renamed};
use super::names::note_known;
use super::scope::{Ctes, Output, Relation, Scope};
use super::wildcards::{renames, unite, wildcard};
use super::{Catalogue, Select, SelectColumn, Star, TableName, Unknown};

/// Dialects in which a column of a select list may use those before it.
const CHAINING: [&str; 6] =
    ["snowflake", "teradata", "redshift", "databricks", "duckdb", "clickhouse"];

/// Columns of rows that are followed at most where a row is one value.
const MAX_OF_ROWS: usize = 200_000;

/// Resolves a query.
pub(super) fn resolve(query: &Query, dialect: Option<&str>, catalogue: &dyn Catalogue) -> Select {
    let mut resolver = Resolver {
        catalogue,
        dialect,
        tables: Vec::new(),
        known: HashMap::default(),
        unknown: BTreeSet::new(),
        hierarchical: false,
        earlier: Vec::new(),
        missed: false,
        joins: 0,
        of_rows: 0,
        first: None,
        notes: Vec::new(),
        server: None,
    };
    let result = resolver.query(query, &Ctes::default(), None);
    Select {
        columns: result.columns.clone(),
        stars: result.stars.clone(),
        tables: resolver.tables,
        unknown: resolver.unknown,
        first: resolver.first,
        notes: resolver.notes,
        ..Select::default()
    }
}

pub(super) struct Resolver<'a> {
    pub(super) catalogue: &'a dyn Catalogue,
    /// The connection's, if it tells.
    pub(super) dialect: Option<&'a str>,
    pub(super) tables: Vec<TableName>,
    /// Where each stands in `tables`.
    known: HashMap<TableName, usize>,
    pub(super) unknown: BTreeSet<Unknown>,
    /// Whether the query at hand has a `CONNECT BY`.
    pub(super) hierarchical: bool,
    /// Columns of the select list so far, where a later one may use them by name.
    pub(super) earlier: Vec<SelectColumn>,
    /// Whether a column is none of any relation.
    pub(super) missed: bool,
    /// Linked server that the query at hand runs on.
    pub(super) server: Option<String>,
    joins: u32,
    /// Columns that were followed through rows taken as one value.
    of_rows: usize,
    first: Option<String>,
    notes: Vec<String>,
}

impl Resolver<'_> {
    pub(super) fn query(
        &mut self,
        query: &Query,
        ctes: &Ctes,
        outer: Option<&Scope<'_>>,
    ) -> Rc<Output> {
        let mut ctes = Rc::clone(ctes);
        if let Some(with) = &query.with {
            for cte in &with.cte_tables {
                let name = cte.alias.name.value.to_lowercase();
                let result = if is_recursive(cte, with.recursive, self.dialect) {
                    // It is no table; what it adds comes from the first part.
                    let mut inner = HashMap::clone(&ctes);
                    inner.insert(name.clone(), Rc::default());
                    self.query(&cte.query, &Rc::new(inner), outer)
                } else {
                    self.query(&cte.query, &ctes, outer)
                };
                let result = renamed(&result, &cte.alias);
                Rc::make_mut(&mut ctes).insert(name, result);
            }
        }
        if !query.pipe_operators.is_empty() {
            return self.piped(&query.body, &query.pipe_operators, &ctes, outer);
        }
        self.body(&query.body, &ctes, outer)
    }

    pub(super) fn body(
        &mut self,
        body: &SetExpr,
        ctes: &Ctes,
        outer: Option<&Scope<'_>>,
    ) -> Rc<Output> {
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
                Output { stars: star.into_iter().collect(), ..Output::default() }
            }
            SetExpr::Values(values) => self.values(values, ctes, outer),
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

    /// Rows of values: their columns meet by position.
    fn values(&mut self, values: &Values, ctes: &Ctes, outer: Option<&Scope<'_>>) -> Output {
        let shared = HashMap::new();
        let scope = Scope { ctes, relations: &[], shared: &shared, outer };
        let mut result = Output::default();
        for row in &values.rows {
            for (index, value) in row.content.iter().enumerate() {
                let made = self.column(format!("column{}", index + 1), value, &scope);
                match result.columns.get_mut(index) {
                    Some(column) => column.origins.extend(made.origins),
                    None => result.columns.push(SelectColumn { expression: None, ..made }),
                }
            }
        }
        result
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
        for hierarchy in &select.connect_by {
            match hierarchy {
                ConnectByKind::ConnectBy { relationships, .. } => conditions.extend(relationships),
                ConnectByKind::StartWith { condition, .. } => conditions.push(condition),
            }
        }
        note_known(&mut relations, select, &conditions);
        let scope = Scope { ctes, relations: &relations, shared: &shared, outer };
        // Tables in subqueries of conditions are read too, though no value comes from them.
        for condition in conditions {
            for query in mentioned(condition).1 {
                self.query(query, ctes, Some(&scope));
            }
        }
        let mut result = Output::default();
        self.hierarchical = !select.connect_by.is_empty();
        let outside = std::mem::take(&mut self.earlier);
        let chains = self.dialect.is_some_and(|dialect| CHAINING.contains(&dialect));
        let missed = std::mem::take(&mut self.missed);
        // A name that nothing has but the list itself tells that the dialect chains.
        for chains in [chains, true] {
            result = Output::default();
            self.earlier.clear();
            for item in &select.projection {
                let from = result.columns.len();
                self.item(item, &scope, &mut result);
                if chains {
                    self.earlier.extend(result.columns.iter().skip(from).cloned());
                }
            }
            let again = std::mem::take(&mut self.missed) && !chains;
            if !again {
                break;
            }
        }
        self.missed = missed;
        if select.flavor == SelectFlavor::FromFirstNoSelect {
            result = self.all(&scope);
        }
        self.earlier = outside;
        // Unknown columns of joined relations: each name is of one of them.
        let sides = relations.iter().enumerate();
        let of_relation = |star: &Star| {
            sides.clone().find(|(_, relation)| {
                relation.result.stars.iter().any(|each| each.table == star.table)
            })
        };
        let mut starred: Vec<usize> = result
            .stars
            .iter()
            .filter_map(|star| of_relation(star).map(|(side, _)| side))
            .collect();
        starred.dedup();
        if starred.len() > 1 {
            self.joins += 1;
            for star in &mut result.stars {
                star.side = of_relation(star).map(|(side, _)| (self.joins, side));
            }
        }
        result
    }

    pub(super) fn item(&mut self, item: &SelectItem, scope: &Scope<'_>, result: &mut Output) {
        match item {
            SelectItem::Wildcard(options) => {
                for relation in scope.relations {
                    wildcard(relation, options, result);
                }
                self.renamed_columns(options, scope, result);
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
                self.renamed_columns(options, scope, result);
            }
            SelectItem::QualifiedWildcard(..) => {}
            // `name = expression` gives a name in SQL Server.
            SelectItem::UnnamedExpr(Expr::BinaryOp { left, op: BinaryOperator::Eq, right })
                if matches!(**left, Expr::Identifier(_)) =>
            {
                let name = match &**left {
                    Expr::Identifier(name) => name.value.clone(),
                    _ => String::new(),
                };
                result.columns.push(self.column(name, right, scope));
            }
            SelectItem::UnnamedExpr(Expr::BinaryOp { left, op: BinaryOperator::Eq, right })
                if text_value(left).is_some() =>
            {
                let name = text_value(left).unwrap_or_default();
                result.columns.push(self.column(name, right, scope));
            }
            SelectItem::UnnamedExpr(expr) => {
                // `a::int` keeps its name.
                let named = match expr {
                    Expr::Cast { kind: CastKind::DoubleColon, expr, .. } => expr,
                    other => other,
                };
                let plain = column_name(named);
                let name = plain.as_ref().and_then(|parts| self.result_name(parts, scope));
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

    /// Everything that a query can see: `*`.
    pub(super) fn all(&mut self, scope: &Scope<'_>) -> Output {
        let mut result = Output::default();
        self.item(&SelectItem::Wildcard(WildcardAdditionalOptions::default()), scope, &mut result);
        result
    }

    /// Name of a column that is taken as it is. In SOQL a path through related objects is one.
    fn result_name(&self, parts: &[String], scope: &Scope<'_>) -> Option<String> {
        if self.dialect != Some(super::SOQL) {
            return parts.last().cloned();
        }
        let first = [parts.first()?.to_lowercase()];
        let told = parts.len() > 1 && scope.relations.iter().any(|it| it.is_named(&first));
        Some(parts.get(usize::from(told)..)?.join("."))
    }

    /// `* REPLACE (expression AS a)`, `* RENAME (a AS b)`: columns under names of their own.
    fn renamed_columns(
        &mut self,
        options: &WildcardAdditionalOptions,
        scope: &Scope<'_>,
        result: &mut Output,
    ) {
        for item in options.opt_replace.iter().flat_map(|replace| &replace.items) {
            result.columns.push(self.column(item.column_name.value.clone(), &item.expr, scope));
        }
        for (from, to) in renames(options) {
            let column = Expr::Identifier(from.clone());
            result.columns.push(self.column(to.value.clone(), &column, scope));
        }
    }

    pub(super) fn column(&mut self, name: String, expr: &Expr, scope: &Scope<'_>) -> SelectColumn {
        let parts = parts(expr);
        let mut origins = BTreeSet::new();
        let mut inherited = None;
        let mut plain = column_name(expr).is_some();
        for column in unique(parts.columns) {
            let (found, expression) = self.resolve_name(&column, scope);
            origins.extend(found);
            inherited = inherited.or(expression);
        }
        for name in parts.pseudo {
            if let Some((found, expression)) = self.resolve_pseudo(&name, scope) {
                origins.extend(found);
                inherited = inherited.or(expression);
                plain |= matches!(expr, Expr::Identifier(_));
            }
        }
        for relation in scope.relations {
            if parts.wildcards.iter().any(|name| name.is_empty() || relation.is_named(name)) {
                let left = MAX_OF_ROWS.saturating_sub(self.of_rows);
                let from = origins.len();
                origins.extend(relation.result.every().take(left));
                self.of_rows += origins.len() - from;
                if left == 0 {
                    self.note(format!(
                        "more than {MAX_OF_ROWS} columns of whole rows: the others are not followed"
                    ));
                }
            }
        }
        for query in parts.values {
            let result = self.query(query, scope.ctes, Some(scope));
            origins.extend(result.every());
        }
        for query in parts.conditions {
            self.query(query, scope.ctes, Some(scope));
        }
        let expression = if plain { inherited } else { Some(expr.to_string()) };
        SelectColumn { name, origins, expression }
    }

    pub(super) fn table(&mut self, mut parts: Vec<String>) -> Option<usize> {
        if let Some(server) = &self.server {
            // `server.database.schema.table` is how SQL Server itself names it.
            parts.insert(0, server.clone());
        }
        let name = TableName::from_parts(parts)?;
        if self.first.is_none() {
            self.first = Some(name.table.clone());
        }
        if name.table.eq_ignore_ascii_case("dual") && name.database.is_none() {
            return None; // Oracle's table of one row.
        }
        Some(*self.known.entry(name).or_insert_with_key(|name| {
            self.tables.push(name.clone());
            self.tables.len() - 1
        }))
    }

    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) && self.notes.len() < 100 {
            self.notes.push(note);
        }
    }
}

/// A literal between single quotes.
pub(super) fn text_value(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

//! From method and path to what is asked for, by release.

use percent_encoding::percent_decode_str;
use uuid::Uuid;

use crate::kind::Kind;
use crate::problem::Problem;
use crate::version::Rules;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Version,
    Health,
    Keys,
    Login,
    SignUp,
    List,
    Create,
    Put,
    Get,
    GetByName,
    Patch,
    PatchByName,
    Delete,
    DeleteByName,
    DeleteLater,
    Bulk,
    DeleteStale,
    Restore,
    Versions,
    VersionAt,
    Columns,
    ColumnsByName,
    Token,
    AuthMechanism,
    GenerateToken,
    Permissions,
    Usage,
    TypeByName,
    AddCustomProperty,
    PutLineage,
    PutLineageByName,
    PatchEdge,
    PatchEdgeByName,
    DeleteEdge,
    DeleteEdgeByName,
    DeleteSource,
    DeleteSourceByName,
    GetEdge,
    GetEdgeByName,
    Lineage,
    LineageByName,
    FieldQuery,
    Query,
}

impl Action {
    /// Whether the action needs no token.
    pub(crate) fn is_public(self) -> bool {
        matches!(self, Self::Version | Self::Health | Self::Keys | Self::Login | Self::SignUp)
    }
}

/// A request that has a handler.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) action: Action,
    pub(crate) kind: Option<Kind>,
    /// The path below the collection with names for its parameters, for counting.
    pub(crate) pattern: &'static str,
    /// The decoded segments of the path below the collection.
    pub(crate) segments: Vec<String>,
}

/// The methods of one path pattern.
type Methods = &'static [(&'static str, Action)];

/// Finds the handler of `path`, which is what follows `/api/v1`.
///
/// # Errors
/// 404 when no pattern of this release matches, 405 when one does but not with this method. As in the real
/// server this comes before the token is looked at.
pub(crate) fn find(method: &str, path: &str, rules: &Rules) -> Result<Route, Problem> {
    let segments: Vec<String> = path
        .trim_matches('/')
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (kind, depth) = collection(&parts);
    let below = parts.get(depth..).unwrap_or_default();
    let found = match kind {
        Some(kind) => entity_pattern(kind, below, rules),
        None => other_pattern(below, rules),
    };
    let (pattern, methods) = found.ok_or(Problem::Route(404))?;
    let action = methods.iter().find(|(name, _)| *name == method).map(|(_, action)| *action);
    let action = action.ok_or(Problem::Route(405))?;
    // A parameter that is no UUID does not match the path at all.
    let by_id =
        pattern.starts_with("{id}") && Uuid::parse_str(below.first().unwrap_or(&"")).is_err();
    if by_id {
        return Err(Problem::Route(404));
    }
    Ok(Route { action, kind, pattern, segments: segments.into_iter().skip(depth).collect() })
}

/// The kind whose collection the path starts with, and how many segments that takes.
fn collection(parts: &[&str]) -> (Option<Kind>, usize) {
    let kind = Kind::ALL.into_iter().find(|kind| {
        let mut wanted = kind.collection().split('/');
        let (first, second) = (wanted.next(), wanted.next());
        parts.first().copied() == first && (second.is_none() || parts.get(1).copied() == second)
    });
    let depth = kind.map_or(0, |kind| kind.collection().split('/').count());
    (kind, depth)
}

fn entity_pattern(kind: Kind, below: &[&str], rules: &Rules) -> Option<(&'static str, Methods)> {
    use Action::{
        AuthMechanism, Bulk, Columns, ColumnsByName, Create, Delete, DeleteByName, DeleteLater,
        DeleteStale, GenerateToken, Get, GetByName, List, Login, Patch, PatchByName, Put, Restore,
        SignUp, Token, VersionAt, Versions,
    };
    let user = kind == Kind::User;
    let columns = rules.column_pages && kind.has_columns();
    Some(match below {
        [] => ("", &[("GET", List), ("POST", Create), ("PUT", Put)]),
        ["login"] if user => ("login", &[("POST", Login)]),
        ["signup"] if user => ("signup", &[("POST", SignUp)]),
        ["token", _] if user => ("token/{id}", &[("GET", Token)]),
        ["auth-mechanism", _] if user => ("auth-mechanism/{id}", &[("GET", AuthMechanism)]),
        ["generateToken", _] if user => ("generateToken/{id}", &[("PUT", GenerateToken)]),
        ["bulk"] if rules.bulk && kind.has_bulk() => ("bulk", &[("PUT", Bulk)]),
        ["deleteStale"] if rules.bulk_of_two && kind.has_bulk() => {
            ("deleteStale", &[("DELETE", DeleteStale)])
        }
        ["restore"] => ("restore", &[("PUT", Restore)]),
        ["name", _] if rules.patch_by_name => {
            ("name/{fqn}", &[("GET", GetByName), ("PATCH", PatchByName), ("DELETE", DeleteByName)])
        }
        ["name", _] => ("name/{fqn}", &[("GET", GetByName), ("DELETE", DeleteByName)]),
        ["async", _] if rules.column_pages => ("async/{id}", &[("DELETE", DeleteLater)]),
        ["name", _, "columns"] if columns => ("name/{fqn}/columns", &[("GET", ColumnsByName)]),
        [_, "columns"] if columns => ("{id}/columns", &[("GET", Columns)]),
        [_, "versions"] => ("{id}/versions", &[("GET", Versions)]),
        [_, "versions", _] => ("{id}/versions/{version}", &[("GET", VersionAt)]),
        [_] => ("{id}", &[("GET", Get), ("PATCH", Patch), ("DELETE", Delete)]),
        _ => return None,
    })
}

fn other_pattern(below: &[&str], rules: &Rules) -> Option<(&'static str, Methods)> {
    use Action::{
        AddCustomProperty, FieldQuery, Health, Keys, Permissions, Query, TypeByName, Usage, Version,
    };
    Some(match below {
        ["system", "version"] => ("system/version", &[("GET", Version)]),
        ["system", "health"] if rules.health => ("system/health", &[("GET", Health)]),
        ["system", "config", "jwks"] => ("system/config/jwks", &[("GET", Keys)]),
        ["permissions", _] => ("permissions/{resource}", &[("GET", Permissions)]),
        ["usage", _, _] => ("usage/{type}/{id}", &[("PUT", Usage), ("POST", Usage)]),
        ["metadata", "types", "name", _] => ("metadata/types/name/{name}", &[("GET", TypeByName)]),
        ["metadata", "types", _] => ("metadata/types/{id}", &[("PUT", AddCustomProperty)]),
        ["search", "fieldQuery"] => ("search/fieldQuery", &[("GET", FieldQuery)]),
        ["search", "query"] => ("search/query", &[("GET", Query)]),
        ["lineage", rest @ ..] => return lineage_pattern(rest, rules),
        _ => return None,
    })
}

fn lineage_pattern(below: &[&str], rules: &Rules) -> Option<(&'static str, Methods)> {
    use Action::{
        DeleteEdge, DeleteEdgeByName, DeleteSource, DeleteSourceByName, GetEdge, GetEdgeByName,
        Lineage, LineageByName, PatchEdge, PatchEdgeByName, PutLineage, PutLineageByName,
    };
    let edges = rules.lineage_edges;
    Some(match below {
        [] => ("lineage", &[("PUT", PutLineage)]),
        ["getLineageEdge", _, _] if edges => {
            ("lineage/getLineageEdge/{from}/{to}", &[("GET", GetEdge)])
        }
        ["getLineageEdge", _, "name", _, _, "name", _] if rules.lineage_by_name => (
            "lineage/getLineageEdge/{type}/name/{fqn}/{type}/name/{fqn}",
            &[("GET", GetEdgeByName)],
        ),
        ["source", "name", _, _, "type", _] if rules.bulk_of_two => {
            ("lineage/source/name/{type}/{fqn}/type/{source}", &[("DELETE", DeleteSourceByName)])
        }
        [_, _, "type", _] if edges => {
            ("lineage/{type}/{id}/type/{source}", &[("DELETE", DeleteSource)])
        }
        [_, "name", _, _, "name", _] if rules.lineage_by_name => (
            "lineage/{type}/name/{fqn}/{type}/name/{fqn}",
            &[("PUT", PutLineageByName), ("PATCH", PatchEdgeByName), ("DELETE", DeleteEdgeByName)],
        ),
        [_, "name", _, _, "name", _] if edges => {
            ("lineage/{type}/name/{fqn}/{type}/name/{fqn}", &[("DELETE", DeleteEdgeByName)])
        }
        [_, "name", _] => ("lineage/{type}/name/{fqn}", &[("GET", LineageByName)]),
        [_, _, _, _] if edges => {
            ("lineage/{type}/{id}/{type}/{id}", &[("PATCH", PatchEdge), ("DELETE", DeleteEdge)])
        }
        [_, _, _, _] => ("lineage/{type}/{id}/{type}/{id}", &[("DELETE", DeleteEdge)]),
        [_, _] => ("lineage/{type}/{id}", &[("GET", Lineage)]),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        fn check(release: &str, method: &str, path: &str, expected: Result<Action, u16>) {
            let rules = Rules::of(&release.parse().expect(release));
            let found =
                find(method, path, &rules).map(|route| route.action).map_err(
                    |problem| match problem {
                        Problem::Route(status) => status,
                        other => panic!("{other:?}"),
                    },
                );
            assert_eq!(found, expected, "{release} {method} {path}");
        }
        let id = "/charts/2d5a1b9c-0f6e-4d0b-9a51-0d1f6f1f0a11";
        check("1.12.6", "PUT", "/charts", Ok(Action::Put));
        check("1.12.6", "GET", id, Ok(Action::Get));
        check("1.12.6", "PUT", id, Err(405));
        check("1.12.6", "GET", "/charts/notauuid", Err(404));
        check("1.12.6", "PUT", "/charts/bulk", Ok(Action::Bulk));
        check("1.10.0", "PUT", "/charts/bulk", Err(405));
        check("1.12.6", "PUT", "/services/dashboardServices/bulk", Err(405));
        check("1.12.6", "DELETE", "/charts/deleteStale", Err(404));
        check("2.0.7", "DELETE", "/charts/deleteStale", Ok(Action::DeleteStale));
        check("1.12.6", "GET", "/dashboard/datamodels/name/a%2Fb", Ok(Action::GetByName));
        check("1.12.6", "GET", "/dashboards/name/a/b", Err(404));
        check("1.12.6", "PATCH", "/dashboards/name/a", Ok(Action::PatchByName));
        check("1.2.0", "PATCH", "/dashboards/name/a", Err(405));
        check("1.12.6", "GET", "/lineage/getLineageEdge/a/b", Ok(Action::GetEdge));
        check("1.2.0", "GET", "/lineage/getLineageEdge/a/b", Err(404));
        check("1.12.6", "DELETE", "/lineage/table/a/type/Manual", Ok(Action::DeleteSource));
        check("1.2.0", "DELETE", "/lineage/table/a/type/Manual", Ok(Action::DeleteEdge));
        check("1.12.6", "PUT", "/lineage/table/name/a/dashboard/name/b", Err(405));
        check("1.2.0", "PUT", "/lineage/table/name/a/dashboard/name/b", Err(404));
        check(
            "2.0.7",
            "PUT",
            "/lineage/table/name/a/dashboard/name/b",
            Ok(Action::PutLineageByName),
        );
        check("1.12.6", "PATCH", "/lineage/x", Err(404));
        check("1.12.6", "GET", "/nonexistent", Err(404));
        check("1.12.6", "GET", "/system/health", Ok(Action::Health));
        check("1.2.0", "GET", "/system/health", Err(404));
        check("1.12.6", "POST", "/users/login", Ok(Action::Login));
    }
}

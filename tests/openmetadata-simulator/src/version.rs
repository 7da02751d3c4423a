//! Which release is impersonated and what follows from it.
//!
//! Two releases were recorded (1.2.0-SNAPSHOT and 1.12.6); the request tables exist for every minor version
//! from 1.1 to 2.0. Where a behaviour is known only at both recorded ends, the switch is put where the code
//! reading of the real server places it, else at 1.3: everything after 1.2 behaves as 1.12 does.

use std::fmt;
use std::str::FromStr;

/// A release of OpenMetadata, `1.1.1` to `2.0.x`. Written and reported as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    major: u16,
    minor: u16,
    patch: u16,
    text: String,
}

/// A text that is not one of the releases this simulator knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRelease(String);

impl fmt::Display for UnknownRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no known release: use 1.1.x to 1.13.x, 2.0.x or 1.2.0-SNAPSHOT", self.0)
    }
}

impl std::error::Error for UnknownRelease {}

impl FromStr for Release {
    type Err = UnknownRelease;

    fn from_str(text: &str) -> Result<Self, UnknownRelease> {
        let unknown = || UnknownRelease(text.to_owned());
        let (numbers, suffix) = text.split_once('-').unwrap_or((text, ""));
        if !matches!(suffix, "" | "SNAPSHOT") {
            return Err(unknown());
        }
        let mut parts = numbers.split('.').map(str::parse::<u16>);
        let mut next = || parts.next().transpose().map_err(|_| unknown());
        let (major, minor) = (next()?.ok_or_else(unknown)?, next()?.ok_or_else(unknown)?);
        let patch = next()?.unwrap_or(0);
        match (major, minor) {
            (1, 1..=13) | (2, 0) => Ok(Self { major, minor, patch, text: text.to_owned() }),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Release {
    /// 1.12.6, the newest release whose answers were recorded.
    pub(crate) fn recorded() -> Self {
        Self { major: 1, minor: 12, patch: 6, text: "1.12.6".to_owned() }
    }

    /// The minor version as one number: 101 for 1.1, 112 for 1.12, 200 for 2.0.
    pub(crate) fn code(&self) -> u16 {
        self.major * 100 + self.minor
    }

    fn is_snapshot(&self) -> bool {
        self.text.ends_with("-SNAPSHOT")
    }
}

/// What the impersonated release does; see the fields for the source of each fact.
///
/// "Recorded" are the answers of the two real servers, "tables" the request models of the Python packages,
/// "read" the code reading in the project's OpenMetadata reference, "assumed" is the 1.3 default above.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// See [`Release::code`].
    pub(crate) code: u16,
    /// `sourceHash` exists (tables: from 1.2; recorded: not in the snapshot).
    pub(crate) source_hash: bool,
    /// `domain` exists up to 1.8 (tables), but not from 1.1.7 to the end of 1.1.
    pub(crate) single_domain: bool,
    /// Errors of the router and unhandled ones are `{code, message}`; before, everything is wrapped as
    /// status 500 `{responseMessage}` (recorded at both ends, assumed between).
    pub(crate) plain_errors: bool,
    /// Bean validation says `[query param name …]` (recorded, assumed).
    pub(crate) query_param_wording: bool,
    /// A chart PUT replaces its dashboards (recorded 1.12, field exists from 1.5).
    pub(crate) chart_put_unlinks: bool,
    /// Deleting a dashboard deletes the charts that no other live dashboard has (read: from 1.8).
    pub(crate) delete_cascades_to_charts: bool,
    /// `PUT /{entity}/bulk` (the Python sink uses it from 1.11).
    pub(crate) bulk: bool,
    /// 2.0: `overrideMetadata`, skip of equal hashes in bulk, `deleteStale`, rows with status 201.
    pub(crate) bulk_of_two: bool,
    /// A bot's PUT keeps a non-empty display name (recorded 1.2: yes, 1.12: no; read 2.0: yes).
    pub(crate) bot_keeps_display_name: bool,
    /// A bot's PUT keeps owners that are set (read: 2.0).
    pub(crate) bot_keeps_owners: bool,
    /// A bot's PUT keeps data products and certification (recorded 1.12; read: not before).
    pub(crate) bot_keeps_products: bool,
    /// A changed `sourceHash` alone raises the version (read: up to 1.11; recorded 1.12: no).
    pub(crate) hash_bumps: bool,
    /// A changed `lifeCycle` alone raises the version (recorded 1.2 yes, 1.12 no; read: 1.8 yes).
    pub(crate) life_cycle_bumps: bool,
    /// A changed `sql` of a data model is noticed (recorded 1.2 no, 1.12 yes; assumed).
    pub(crate) sql_compared: bool,
    /// PATCHes of one user within ten minutes become one version (recorded; assumed).
    pub(crate) folds_patches: bool,
    /// `PATCH /{entity}/name/{fqn}` (read: 1.7).
    pub(crate) patch_by_name: bool,
    /// `ETag` and 412 (recorded 1.12, not 1.2; since when is unknown, 1.10 assumed).
    pub(crate) etag: bool,
    /// Lineage: PATCH, getLineageEdge, deletes by name and by source, service edges (read: about 1.7).
    pub(crate) lineage_edges: bool,
    /// Lineage by names: PUT and getLineageEdge (recorded: not 1.12; read: 2.x).
    pub(crate) lineage_by_name: bool,
    /// Unknown columns are dropped, deleted ends are 404, dashboards take columns (recorded 1.12; before
    /// 1.9 as recorded for 1.2: 400, 200, refused).
    pub(crate) lineage_drops_columns: bool,
    /// STRUCT needs children (recorded 1.2 yes, 1.12 no; read: yes before).
    pub(crate) struct_needs_children: bool,
    /// A model's FQN starts with the service's FQN, not its raw name (read: about 1.12).
    pub(crate) model_fqn_of_service_fqn: bool,
    /// A column name with `"` is stored and poisons its model; before, 400 (recorded).
    pub(crate) quote_poisons: bool,
    /// Column defaults `tags: []`, `children: []`, `dashboardType`, name-and-id cursors and the like.
    pub(crate) modern_defaults: bool,
    /// Search patterns ignore case; before, they meet lower-cased values (recorded; assumed).
    pub(crate) search_ignores_case: bool,
    /// `GET /system/health` (not in the 1.7 index).
    pub(crate) health: bool,
    /// Paged columns and asynchronous deletes (read: 1.9).
    pub(crate) column_pages: bool,
    /// Rule engine errors `RULE_VIOLATION` (recorded 1.12).
    pub(crate) rule_engine: bool,
    /// `entityStatus` on entities (recorded 1.12; assumed from 1.11).
    pub(crate) entity_status: bool,
    /// `incrementalChangeDescription` (recorded 1.12; assumed from 1.6).
    pub(crate) incremental_change: bool,
    /// Users without a role may read (recorded: bots of 1.2 may not).
    pub(crate) everyone_reads: bool,
    /// The bot may not edit display names by PATCH (recorded 1.12, not 1.2).
    pub(crate) denies_display_name: bool,
    /// `generateToken` answers the encrypted form (recorded 1.12).
    pub(crate) token_encrypted: bool,
}

impl Rules {
    /// The rules of `release`.
    pub(crate) fn of(release: &Release) -> Self {
        let code = release.code();
        let after_1_2 = code >= 103;
        Self {
            code,
            source_hash: code >= 102 && !release.is_snapshot(),
            single_domain: code <= 108 && !(code == 101 && release.patch >= 7),
            plain_errors: after_1_2,
            query_param_wording: after_1_2,
            chart_put_unlinks: code >= 105,
            delete_cascades_to_charts: code >= 108,
            bulk: code >= 111,
            bulk_of_two: code >= 200,
            bot_keeps_display_name: code <= 102 || code >= 200,
            bot_keeps_owners: code >= 200,
            bot_keeps_products: code >= 112,
            hash_bumps: code <= 111,
            life_cycle_bumps: code <= 108,
            sql_compared: after_1_2,
            folds_patches: after_1_2,
            patch_by_name: code >= 107,
            etag: code >= 110,
            lineage_edges: code >= 107,
            lineage_by_name: code >= 200,
            lineage_drops_columns: code >= 109,
            struct_needs_children: code < 112,
            model_fqn_of_service_fqn: code >= 112,
            quote_poisons: (112..200).contains(&code),
            modern_defaults: after_1_2,
            search_ignores_case: after_1_2,
            health: code >= 108,
            column_pages: code >= 109,
            rule_engine: code >= 112,
            entity_status: code >= 111,
            incremental_change: code >= 106,
            everyone_reads: after_1_2,
            denies_display_name: after_1_2,
            token_encrypted: code >= 112,
        }
    }

    /// The administrator's e-mail address; its domain changed after 1.2 (recorded).
    pub(crate) fn admin_email(&self) -> &'static str {
        if self.code <= 102 { "admin@openmetadata.org" } else { "admin@open-metadata.org" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases() {
        fn check(text: &str, code: Option<u16>) {
            assert_eq!(text.parse::<Release>().ok().map(|r| r.code()), code, "{text}");
        }
        check("1.1.1", Some(101));
        check("1.12.6", Some(112));
        check("1.13", Some(113));
        check("2.0.7", Some(200));
        check("1.2.0-SNAPSHOT", Some(102));
        check("1.14.0", None);
        check("2.1", None);
        check("1", None);
        check("1.2-beta", None);
        check("", None);
    }

    #[test]
    fn the_snapshot_has_no_hash() {
        fn check(text: &str, hash: bool) {
            let release: Release = text.parse().expect(text);
            assert_eq!(Rules::of(&release).source_hash, hash, "{text}");
        }
        check("1.1.1", false);
        check("1.2.0-SNAPSHOT", false);
        check("1.2.0", true);
        check("2.0.7", true);
    }
}

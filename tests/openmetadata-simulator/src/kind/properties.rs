//! The properties of the entities in the order of their answers, as the entity schemas have them.

use std::sync::LazyLock;

use super::Kind;

/// The properties of every kind, by its place in [`Kind::ALL`].
static PROPERTIES: LazyLock<Vec<Vec<&'static str>>> =
    LazyLock::new(|| Kind::ALL.map(|kind| names(kind).split_ascii_whitespace().collect()).into());

/// The properties of `kind`, of every release.
pub(super) fn of(kind: Kind) -> &'static [&'static str] {
    let place = Kind::ALL.iter().position(|other| *other == kind);
    place.and_then(|place| PROPERTIES.get(place)).map_or(&[], Vec::as_slice)
}

fn names(kind: Kind) -> &'static str {
    match kind {
        Kind::Dashboard => {
            "id name displayName fullyQualifiedName description version updatedAt updatedBy \
             dashboardType sourceUrl charts dataModels href owner owners followers tags service \
             serviceType usageSummary changeDescription incrementalChangeDescription deleted \
             extension domain domains dataProducts votes lifeCycle certification sourceHash \
             project entityStatus"
        }
        Kind::Chart => {
            "id name displayName fullyQualifiedName description version updatedAt updatedBy \
             chartType sourceUrl href owner owners followers tags service serviceType \
             usageSummary changeDescription incrementalChangeDescription deleted domain domains \
             dataProducts votes lifeCycle certification sourceHash dashboards extension \
             entityStatus"
        }
        Kind::DataModel => {
            "id name displayName fullyQualifiedName description version updatedAt updatedBy href \
             owner owners dataProducts tags changeDescription incrementalChangeDescription \
             deleted followers service serviceType dataModelType sql columns project sourceUrl \
             domain domains votes lifeCycle certification sourceHash extension entityStatus"
        }
        Kind::Table => {
            "id name displayName fullyQualifiedName description version updatedAt updatedBy href \
             tableType columns tableConstraints owner owners databaseSchema database service \
             serviceType viewDefinition schemaDefinition tags usageSummary followers \
             changeDescription incrementalChangeDescription deleted extension sourceUrl domain \
             domains dataProducts fileFormat votes lifeCycle certification sourceHash"
        }
        Kind::DashboardService | Kind::DatabaseService => {
            "id name fullyQualifiedName displayName serviceType description connection tags \
             version updatedAt updatedBy href owner owners changeDescription \
             incrementalChangeDescription deleted domain domains dataProducts followers"
        }
        Kind::Database | Kind::DatabaseSchema => {
            "id name fullyQualifiedName displayName description tags version updatedAt updatedBy \
             href owner owners service serviceType database usageSummary changeDescription \
             incrementalChangeDescription deleted retentionPeriod extension sourceUrl domain \
             domains dataProducts votes lifeCycle certification sourceHash followers"
        }
        Kind::Classification | Kind::Tag => {
            "id name fullyQualifiedName displayName description classification version updatedAt \
             updatedBy href changeDescription incrementalChangeDescription deleted \
             mutuallyExclusive provider disabled style owners domain domains"
        }
        Kind::User => {
            "id name fullyQualifiedName description displayName version updatedAt updatedBy \
             email href timezone isBot isAdmin teams roles owns domain domains changeDescription \
             incrementalChangeDescription deleted profile"
        }
        Kind::Team => {
            "id teamType name email fullyQualifiedName displayName description version updatedAt \
             updatedBy href users owner owners changeDescription incrementalChangeDescription \
             deleted domain domains"
        }
        Kind::Bot => {
            "id name fullyQualifiedName displayName description botUser provider version \
             updatedAt updatedBy href changeDescription incrementalChangeDescription deleted"
        }
        Kind::Domain => {
            "id domainType name fullyQualifiedName displayName description style version \
             updatedAt updatedBy href parent owner owners experts changeDescription \
             incrementalChangeDescription deleted"
        }
        Kind::DataProduct => {
            "id name fullyQualifiedName displayName description style version updatedAt \
             updatedBy href owner owners experts domain domains changeDescription \
             incrementalChangeDescription deleted"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plain_property_is_listed() {
        for kind in Kind::ALL {
            for (name, _) in kind.plain() {
                assert!(of(kind).contains(name), "{kind} {name}");
            }
        }
    }
}

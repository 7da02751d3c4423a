//! Qlik Cloud: the apps of a tenant, by its REST interface. There the engine lists no apps, and there
//! is no repository.
//!
//! Lists come in pages; the next page's URL is in the answer. The tenant limits requests per minute and
//! says with 429 and `retry-after` when it has had enough.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use futures::{StreamExt as _, stream};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use super::address::{Address, encode_component};
use super::class::Class;
use super::http::{Http, RestError};
use super::inventory::time;
use super::login::Login;
use super::model::{AppEntry, Owner};
use super::settings::{Settings, SpaceKind, name};

/// Entries of a page; the most that the tenant gives.
const PAGE: &str = "100";
/// Pages of one list: a million entries. A next page that leads in circles must end.
const PAGES: usize = 10_000;
/// Tries of a request that the tenant puts off.
const TRIES: u32 = 6;
/// Users that are asked for at a time, and one by one; more owners are looked up in the list of all.
const USERS_AT_A_TIME: usize = 4;
const FEW_USERS: usize = 200;

/// Client of one tenant.
pub(super) struct Tenant {
    http: Http,
    address: Address,
    limit: Duration,
    /// Wait when the tenant does not say how long.
    retry: Duration,
    /// Kinds of spaces whose apps are wanted.
    spaces: Vec<SpaceKind>,
    /// Whether names and addresses of owners are wanted.
    owners: bool,
}

/// The apps of a tenant.
pub(super) struct Apps {
    pub(super) apps: Vec<AppEntry>,
    /// Entries that are not understood: something is there, and it is not known what.
    pub(super) damaged: usize,
    /// What could not be read besides.
    pub(super) notices: Vec<String>,
    /// Whether owners are known.
    pub(super) owners_read: bool,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Box<RawValue>>,
    #[serde(default)]
    links: Links,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reloads {
    data: Vec<Value>,
}

/// What a tenant remembers of an app's reloads.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Reload {
    /// The last one that left its data in the app; `Null` when none is remembered.
    pub(super) success: Value,
    /// When a later one failed, as the tenant writes it.
    pub(super) failed_at: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Links {
    next: Option<Link>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Link {
    href: Option<String>,
}

/// An entry of the catalogue. Its own id is not the app's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    resource_id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    space_id: Option<String>,
    #[serde(default)]
    owner_id: Option<String>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    resource_created_at: Option<String>,
    #[serde(default)]
    updated_at: Option<String>,
    #[serde(default)]
    resource_updated_at: Option<String>,
    #[serde(default)]
    resource_reload_end_time: Option<String>,
    #[serde(default)]
    resource_reload_status: Option<String>,
    #[serde(default)]
    resource_size: Option<Size>,
    #[serde(default)]
    resource_attributes: Option<Attributes>,
    #[serde(default)]
    meta: Option<Meta>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Size {
    app_file: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Attributes {
    modified_date: Option<String>,
    last_reload_time: Option<String>,
    publish_time: Option<String>,
    has_section_access: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Meta {
    tags: Option<Vec<Named>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    name: Option<String>,
}

/// A space. A user's personal one has no record.
#[derive(Deserialize)]
struct Space {
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    r#type: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct User {
    id: Option<String>,
    name: Option<String>,
    email: Option<String>,
    subject: Option<String>,
}

impl Tenant {
    /// Nothing is sent before the first call.
    pub(super) fn new(http: Http, address: Address, settings: &Settings) -> Self {
        Self {
            http,
            address,
            limit: settings.timeouts.request,
            retry: settings.timeouts.retry,
            spaces: settings.spaces.clone(),
            owners: settings.owners,
        }
    }

    /// Asks who we are, which needs nothing but a valid key.
    pub(super) async fn probe(&self, login: &Login) -> Result<(), RestError> {
        let url = self.address.rest("/api/v1/users/me");
        self.get::<IgnoredAny>(login, "/api/v1/users/me", &url).await.map(|_| ())
    }

    /// All apps that the key's user may see, in spaces of the wanted kinds. Names of spaces and owners
    /// that cannot be read are notices.
    pub(super) async fn apps(&self, login: &Login) -> Result<Apps, RestError> {
        let query = format!("/api/v1/items?resourceType=app&noActions=true&limit={PAGE}");
        let (items, mut damaged) = self.all::<Item>(login, "/api/v1/items", &query).await?;
        let mut notices = Vec::new();
        let query = format!("/api/v1/spaces?limit={PAGE}");
        let spaces: HashMap<String, Space> = match self
            .all::<Space>(login, "/api/v1/spaces", &query)
            .await
        {
            Ok((spaces, _)) => spaces.into_iter().map(|space| (space.id.clone(), space)).collect(),
            Err(error) => {
                notices.push(format!("names of spaces are not known: {error}"));
                HashMap::new()
            }
        };
        let (mut kept, mut unknown) = (Vec::with_capacity(items.len()), 0);
        let mut seen = BTreeSet::new();
        for item in items.into_iter().filter(|item| seen.insert(item.resource_id.clone())) {
            match self.is_wanted(&item, &spaces) {
                Some(true) => kept.push(item),
                Some(false) => {}
                None => unknown += 1,
            }
        }
        if unknown > 0 {
            // They may be wanted or not, so their absence from the list proves nothing.
            damaged += unknown;
            notices.push(format!(
                "{unknown} apps are left out because the kind of their space is not known; give the \
                 key's user access to the spaces, or do not restrict `{}`",
                name::SPACE_TYPES
            ));
        }
        let (users, error) = if self.owners {
            let ids = kept.iter().filter_map(|item| item.owner_id.as_deref()).collect();
            self.users(login, &ids).await
        } else {
            (HashMap::new(), None)
        };
        let owners_read = error.as_ref().is_none_or(|error| error.class() == Class::Denied);
        if let Some(error) = error {
            notices.push(format!("names and e-mail addresses of owners are not known: {error}"));
        }
        let apps = kept.into_iter().map(|item| entry(item, &spaces, &users)).collect();
        Ok(Apps { apps, damaged, notices, owners_read })
    }

    /// Whether an app's space is of a kind that is wanted; `None` when that is not known.
    fn is_wanted(&self, item: &Item, spaces: &HashMap<String, Space>) -> Option<bool> {
        if SpaceKind::ALL.iter().all(|kind| self.spaces.contains(kind)) {
            return Some(true);
        }
        let Some(id) = &item.space_id else {
            return Some(self.spaces.contains(&SpaceKind::Personal));
        };
        let kind = SpaceKind::of_name(spaces.get(id)?.r#type.as_deref()?)?;
        Some(self.spaces.contains(&kind))
    }

    /// The last reload of an app: `{reloadId, endTime, success, statements[{type, connection,
    /// tableName, …}], includeFiles[]}`. The tenant keeps the last ten.
    pub(super) async fn last_reload(&self, login: &Login, app: &str) -> Result<Reload, RestError> {
        // An empty id of the reload lists all that there are.
        let path = format!("/api/v1/apps/{}/reloads/metadata/", encode_component(app));
        let what = "/api/v1/apps/{id}/reloads/metadata";
        match self.get::<Reloads>(login, what, &self.address.rest(&path)).await {
            Ok(reloads) => Ok(last_of(reloads.data)),
            Err(error) if error.class() == Class::NotFound => Ok(Reload::default()),
            Err(error) => Err(error),
        }
    }

    /// The users with these ids; those who are gone are left out, and the first other error ends it.
    async fn users(
        &self,
        login: &Login,
        ids: &BTreeSet<&str>,
    ) -> (HashMap<String, User>, Option<RestError>) {
        if ids.len() > FEW_USERS
            && let Ok((listed, _)) = self
                .all::<User>(login, "/api/v1/users", &format!("/api/v1/users?limit={PAGE}"))
                .await
        {
            let known = listed.into_iter().filter_map(|user| Some((user.id.clone()?, user)));
            return (known.filter(|(id, _)| ids.contains(id.as_str())).collect(), None);
        }
        let mut users = HashMap::new();
        let mut answers = stream::iter(ids)
            .map(|id| async move {
                let url = self.address.rest(&format!("/api/v1/users/{}", encode_component(id)));
                (*id, self.get::<User>(login, "/api/v1/users/{id}", &url).await)
            })
            .buffer_unordered(USERS_AT_A_TIME);
        while let Some((id, answer)) = answers.next().await {
            match answer {
                Ok(user) => {
                    users.insert(id.to_owned(), user);
                }
                Err(error) if error.class() == Class::NotFound => {}
                Err(error) => return (users, Some(error)),
            }
        }
        (users, None)
    }

    /// All entries of a list, and how many were not understood.
    async fn all<T: DeserializeOwned>(
        &self,
        login: &Login,
        what: &str,
        first: &str,
    ) -> Result<(Vec<T>, usize), RestError> {
        let content = |found: String| RestError::Content { what: what.to_owned(), found };
        let (mut entries, mut damaged) = (Vec::new(), 0);
        let mut url = self.address.rest(first);
        for _ in 0..PAGES {
            let page: Page = self.get(login, what, &url).await?;
            for entry in page.data {
                match serde_json::from_str(entry.get()) {
                    Ok(entry) => entries.push(entry),
                    Err(_) => damaged += 1,
                }
            }
            let next = page.links.next.and_then(|next| next.href).filter(|href| !href.is_empty());
            let Some(next) = next else {
                return Ok((entries, damaged));
            };
            url = self
                .own(&url, &next)
                .ok_or_else(|| content("a next page on another server".to_owned()))?;
        }
        Err(content(format!("more than {PAGES} pages")))
    }

    /// The next page's URL, when it is of this tenant: the key goes nowhere else.
    fn own(&self, current: &str, next: &str) -> Option<String> {
        let next = Url::parse(current).ok()?.join(next).ok()?;
        let own = Url::parse(&self.address.origin()).ok()?;
        (next.origin() == own.origin()).then(|| next.to_string())
    }

    async fn get<T: DeserializeOwned>(
        &self,
        login: &Login,
        what: &str,
        url: &str,
    ) -> Result<T, RestError> {
        let mut tries = 1;
        loop {
            let credentials = login.credentials().await.map_err(|error| RestError::Connection {
                what: what.to_owned(),
                reason: error.to_string(),
            })?;
            let headers = credentials.rest_headers();
            let answer = self.http.get(what, url, &[], headers, self.limit).await?;
            let error = RestError::Status { what: what.to_owned(), status: answer.status };
            if (200..300).contains(&answer.status) {
                return serde_json::from_slice(&answer.body).map_err(|error| RestError::Content {
                    what: what.to_owned(),
                    found: format!("what is not understood: {error}"),
                });
            }
            // A wait that the tenant asked for was kept already, several times.
            let asked = answer.asked_wait().is_some();
            if error.class() != Class::Later || asked || tries >= TRIES {
                return Err(error);
            }
            let wait = self.retry.saturating_mul(tries);
            tracing::debug!(what, status = answer.status, ?wait, "the tenant is asked again");
            tokio::time::sleep(wait).await;
            tries += 1;
        }
    }
}

fn last_of(reloads: Vec<Value>) -> Reload {
    let end = |reload: &Value| time(reload.get("endTime").and_then(Value::as_str));
    let failed = |reload: &Value| reload.get("success").and_then(Value::as_bool) == Some(false);
    let (failed, succeeded): (Vec<_>, Vec<_>) = reloads.into_iter().partition(failed);
    let success = succeeded.into_iter().max_by_key(end).unwrap_or_default();
    let failed = failed.into_iter().max_by_key(end).filter(|failed| end(failed) > end(&success));
    let failed_at = failed.and_then(|failed| Some(failed.get("endTime")?.as_str()?.to_owned()));
    Reload { success, failed_at }
}

fn entry(item: Item, spaces: &HashMap<String, Space>, users: &HashMap<String, User>) -> AppEntry {
    let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let at = |text: Option<String>| time(text.as_deref());
    let attributes = item.resource_attributes.unwrap_or_default();
    // The end of a reload that failed is no time of data.
    let reload_failed = item.resource_reload_status.is_some_and(|status| {
        ["fail", "error"].iter().any(|word| status.to_ascii_lowercase().contains(word))
    });
    let reloaded_at = item.resource_reload_end_time.filter(|_| !reload_failed);
    // A tenant's `published` tells of apps that a client-managed site sent; the time tells of all.
    let published_at = at(attributes.publish_time);
    let mut tags: Vec<String> = item
        .meta
        .and_then(|meta| meta.tags)
        .into_iter()
        .flatten()
        .filter_map(|tag| filled(tag.name))
        .collect();
    tags.sort();
    tags.dedup();
    AppEntry {
        title: filled(item.name).unwrap_or_else(|| item.resource_id.clone()),
        id: item.resource_id,
        description: filled(item.description),
        described: true,
        published: Some(published_at.is_some()),
        // No space is the owner's personal one, which has no record.
        project: item.space_id.map(|id| {
            let name = spaces.get(&id).and_then(|space| filled(space.name.clone()));
            let name = name.unwrap_or_else(|| id.clone());
            (Some(id), name)
        }),
        owner: item.owner_id.map(|id| {
            let user = users.get(&id);
            let text =
                |get: fn(&User) -> &Option<String>| filled(user.and_then(|user| get(user).clone()));
            Owner {
                directory: None,
                name: text(|user| &user.name),
                email: text(|user| &user.email),
                id: text(|user| &user.subject).or_else(|| text(|user| &user.id)).or(Some(id)),
            }
        }),
        tags,
        custom_properties: Vec::new(),
        created_at: at(item.resource_created_at).or_else(|| at(item.created_at)),
        modified_at: at(item.resource_updated_at)
            .or_else(|| at(attributes.modified_date))
            .or_else(|| at(item.updated_at)),
        published_at,
        last_reload_at: at(attributes.last_reload_time).or_else(|| at(reloaded_at)),
        size_bytes: item.resource_size.and_then(|size| size.app_file).filter(|size| *size > 0),
        has_section_access: attributes.has_section_access,
    }
}

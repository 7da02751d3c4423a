//! Repository Service (QRS): what the engine does not say of apps — owners, tags, custom properties.
//!
//! `…/full` takes neither `skip` nor `take` and may be cut at a limit of the server without a word, so
//! its length is compared with `…/count`, and what is missing is asked for by id.

mod scripts;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::address::Address;
use super::class::Class;
use super::elements::Elements;
use super::feed::{self, Feed};
use super::http::{Answer, Http, RestError};
use super::login::{Login, XRF_HEADER, XRF_KEY};

/// Ids in one filter: `id eq …` 40 times is 1.9 KiB of URL, below every limit on the way.
const IDS: usize = 40;
/// Filters in flight.
const PARALLEL: usize = 4;
/// Users up to which all of them are read at once.
const USERS_AT_ONCE: u64 = 5_000;

/// What the repository says of an app.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct App {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) published: Option<bool>,
    pub(super) publish_time: Option<String>,
    pub(super) stream: Option<Named>,
    pub(super) owner: Option<User>,
    pub(super) tags: Option<Vec<Named>>,
    pub(super) custom_properties: Option<Vec<CustomProperty>>,
    pub(super) created_date: Option<String>,
    pub(super) modified_date: Option<String>,
    pub(super) last_reload_time: Option<String>,
    pub(super) file_size: Option<i64>,
}

/// Anything with an id and a name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
}

/// A user, whole or as an owner.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct User {
    pub(super) id: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) user_directory: Option<String>,
    pub(super) name: Option<String>,
    attributes: Option<Vec<Attribute>>,
}

/// One value of a custom property.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct CustomProperty {
    pub(super) value: Option<String>,
    pub(super) definition: Option<Named>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Attribute {
    attribute_type: Option<String>,
    attribute_value: Option<String>,
}

impl User {
    /// E-mail address, which user directories deliver as an attribute.
    pub(super) fn email(&self) -> Option<&str> {
        self.attributes
            .iter()
            .flatten()
            .filter(|attribute| {
                attribute
                    .attribute_type
                    .as_deref()
                    .is_some_and(|kind| kind.eq_ignore_ascii_case("email"))
            })
            .filter_map(|attribute| attribute.attribute_value.as_deref())
            .map(str::trim)
            .find(|address| !address.is_empty())
    }
}

/// An entry with an id.
trait Identified {
    fn id(&self) -> Option<&str>;
}

impl Identified for App {
    fn id(&self) -> Option<&str> {
        Some(&self.id)
    }
}

impl Identified for User {
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

/// What was read, and how many entries could not be understood.
#[derive(Debug)]
pub(super) struct Read<T> {
    /// Entries.
    pub(super) entries: Vec<T>,
    /// Entries that were left out.
    pub(super) damaged: usize,
}

/// Client of one repository.
pub(super) struct Repository {
    http: Http,
    address: Address,
    limit: Duration,
}

impl Repository {
    /// Nothing is sent before the first call.
    pub(super) fn new(http: Http, address: Address, limit: Duration) -> Self {
        Self { http, address, limit }
    }

    /// `about`: the build's version.
    pub(super) async fn version(&self, login: &Login) -> Result<String, RestError> {
        let about: Value = self.get_json(login, "/qrs/about", &[]).await?;
        let version = about.get("buildVersion").and_then(Value::as_str);
        Ok(version.unwrap_or("unknown").to_owned())
    }

    /// Asks for changes of apps since now, to see whether the change feed is there.
    pub(super) async fn probe_changes(&self, login: &Login) -> Result<(), RestError> {
        let since = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.000Z");
        let path = format!("/qrs/notification/changes?since={since}&types=App");
        let _: Vec<serde::de::IgnoredAny> = self.get_json(login, &path, &[]).await?;
        Ok(())
    }

    /// All apps that the user may see. `wanted` are the ids that matter when the server cuts its answer.
    pub(super) async fn apps(
        &self,
        login: &Login,
        wanted: &[String],
    ) -> Result<Read<App>, RestError> {
        let count = self.count(login, "app").await?;
        let mut read: Read<App> = self.full(login, "app", None).await?;
        let read_length = u64::try_from(read.entries.len() + read.damaged).unwrap_or(u64::MAX);
        if read_length < count {
            let known: HashSet<&str> = read.entries.iter().map(|app| app.id.as_str()).collect();
            let missing: Vec<String> =
                wanted.iter().filter(|id| !known.contains(id.as_str())).cloned().collect();
            tracing::info!(
                count,
                read = read_length,
                missing = missing.len(),
                "the repository cuts its lists; the rest is read in pieces"
            );
            let rest = self.by_ids(login, "app", &missing).await?;
            read.damaged += rest.damaged;
            read.entries.extend(rest.entries);
        }
        Ok(read)
    }

    /// The users with these ids, with their attributes, by id.
    pub(super) async fn users(
        &self,
        login: &Login,
        ids: &[String],
    ) -> Result<HashMap<String, User>, RestError> {
        let mut users = HashMap::new();
        if ids.is_empty() {
            return Ok(users);
        }
        let by_id = |user: User| Some((user.id.clone()?, user));
        if self.count(login, "user").await? <= USERS_AT_ONCE {
            let all = self.full(login, "user", None).await?;
            users.extend(all.entries.into_iter().filter_map(by_id));
        }
        let missing: Vec<String> =
            ids.iter().filter(|id| !users.contains_key(*id)).cloned().collect();
        let rest = self.by_ids(login, "user", &missing).await?;
        users.extend(rest.entries.into_iter().filter_map(by_id));
        Ok(users)
    }

    /// The entries with these ids that the user may see.
    async fn by_ids<T: DeserializeOwned + Identified + Send>(
        &self,
        login: &Login,
        entity: &str,
        ids: &[String],
    ) -> Result<Read<T>, RestError> {
        let pieces: Vec<&[String]> = ids.chunks(IDS).collect();
        stream::iter(pieces)
            .map(|ids| self.piece(login, entity, ids))
            .buffered(PARALLEL)
            .try_fold(Read { entries: Vec::new(), damaged: 0 }, |mut all, read| async move {
                all.entries.extend(read.entries);
                all.damaged += read.damaged;
                Ok(all)
            })
            .await
    }

    /// The entries with these few ids. The server may cut this answer as well, so what is missing is
    /// asked for again as long as something comes.
    async fn piece<T: DeserializeOwned + Identified + Send>(
        &self,
        login: &Login,
        entity: &str,
        ids: &[String],
    ) -> Result<Read<T>, RestError> {
        let mut all = Read { entries: Vec::new(), damaged: 0 };
        let mut missing: Vec<&String> = ids.iter().collect();
        while !missing.is_empty() {
            let terms: Vec<String> = missing.iter().map(|id| format!("id eq {id}")).collect();
            let read: Read<T> = self.full(login, entity, Some(&terms.join(" or "))).await?;
            let before = missing.len();
            missing.retain(|id| !read.entries.iter().any(|entry| entry.id() == Some(id.as_str())));
            // What was asked for again may come with what is there already.
            for entry in read.entries {
                let is_new = |known: &T| entry.id().is_none() || known.id() != entry.id();
                if all.entries.iter().all(is_new) {
                    all.entries.push(entry);
                }
            }
            all.damaged += read.damaged;
            if missing.len() == before {
                // They are gone, or the user may not see them.
                break;
            }
        }
        Ok(all)
    }

    /// Records are read one by one as they arrive: a site has thousands.
    async fn full<T: DeserializeOwned + Send>(
        &self,
        login: &Login,
        entity: &str,
        filter: Option<&str>,
    ) -> Result<Read<T>, RestError> {
        let path = format!("/qrs/{entity}/full");
        let query: Vec<(&str, &str)> = filter.iter().map(|filter| ("filter", *filter)).collect();
        let mut read = Read { entries: Vec::new(), damaged: 0 };
        let (mut elements, mut is_list) = (Elements::default(), true);
        let answer = self
            .answer(login, &path, &query, &mut |piece| {
                let pushed = elements.push(piece, |entry| match serde_json::from_slice(entry) {
                    Ok(entry) => read.entries.push(entry),
                    Err(_) => read.damaged += 1,
                });
                is_list &= pushed.is_ok();
            })
            .await?;
        if is_list && elements.finish().is_ok() {
            return Ok(read);
        }
        let found = if answer.is_html() { "an HTML page" } else { "what is no whole list" };
        Err(RestError::Content { what: path, found: found.to_owned() })
    }

    /// `…/count` answers a number, or `{"value": number}`.
    async fn count(&self, login: &Login, entity: &str) -> Result<u64, RestError> {
        let path = format!("/qrs/{entity}/count");
        let answer: Value = self.get_json(login, &path, &[]).await?;
        let number = answer.get("value").unwrap_or(&answer);
        number.as_u64().ok_or_else(|| RestError::Content {
            what: path,
            found: "something that is not a number".to_owned(),
        })
    }

    /// What the change feed tells of apps since a time (ISO 8601), oldest first.
    pub(super) async fn changes(&self, login: &Login, since: &str) -> Result<Feed, RestError> {
        let path = "/qrs/notification/changes";
        let answer = self.whole(login, path, &[("since", since), ("types", "App")]).await?;
        let entries: Vec<Value> = parse(path, &answer)?;
        Ok(feed::read(&entries, feed::server_time(&answer.headers)))
    }

    /// The apps with these ids, as far as the user sees them.
    pub(super) async fn apps_by_id(
        &self,
        login: &Login,
        ids: &[String],
    ) -> Result<Read<App>, RestError> {
        self.by_ids(login, "app", ids).await
    }

    /// The users with these ids, with their attributes, by id; asked for one by one and not in a whole
    /// list.
    pub(super) async fn users_by_id(
        &self,
        login: &Login,
        ids: &[String],
    ) -> Result<HashMap<String, User>, RestError> {
        let read: Read<User> = self.by_ids(login, "user", ids).await?;
        Ok(read.entries.into_iter().filter_map(|user| Some((user.id.clone()?, user))).collect())
    }

    async fn get_json<T: DeserializeOwned>(
        &self,
        login: &Login,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, RestError> {
        parse(path, &self.whole(login, path, query).await?)
    }

    async fn whole(
        &self,
        login: &Login,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Answer, RestError> {
        let mut body = Vec::new();
        let mut answer =
            self.answer(login, path, query, &mut |piece| body.extend_from_slice(piece)).await?;
        if answer.body.is_empty() {
            answer.body = body;
        }
        Ok(answer)
    }

    /// Asks, and signs in again once when that is needed. The body goes to `each` piece by piece.
    async fn answer(
        &self,
        login: &Login,
        path: &str,
        query: &[(&str, &str)],
        each: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Answer, RestError> {
        let mut answer = self.get(login, path, query, each).await;
        if matches!(&answer, Err(error) if error.class() == Class::SignIn)
            && let Ok(credentials) = login.credentials().await
            && login.forget(&credentials).await
        {
            answer = self.get(login, path, query, each).await;
        }
        answer
    }

    async fn get(
        &self,
        login: &Login,
        path: &str,
        parameters: &[(&str, &str)],
        each: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Answer, RestError> {
        let credentials = login.credentials().await.map_err(|error| RestError::Connection {
            what: path.to_owned(),
            reason: error.to_string(),
        })?;
        let mut headers = credentials.rest_headers();
        headers.insert(XRF_HEADER, HeaderValue::from_static(XRF_KEY));
        // A path may bring parameters of its own.
        let (path, own) = path.split_once('?').unwrap_or((path, ""));
        let own = own.split('&').filter_map(|pair| pair.split_once('='));
        let mut query: Vec<(&str, &str)> = [("xrfkey", XRF_KEY)].into_iter().chain(own).collect();
        query.extend(parameters);
        let url = self.address.rest(path);
        // What a refusal says is not for `each`, which may be asked again.
        let mut each = |status: u16, piece: &[u8]| {
            if (200..300).contains(&status) {
                each(piece);
            }
        };
        let answer =
            self.http.get_in_pieces(path, &url, &query, headers, self.limit, &mut each).await?;
        if (200..300).contains(&answer.status) {
            Ok(answer)
        } else {
            Err(RestError::Status { what: path.to_owned(), status: answer.status })
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(path: &str, answer: &'a Answer) -> Result<T, RestError> {
    serde_json::from_slice(&answer.body).map_err(|error| RestError::Content {
        what: path.to_owned(),
        found: if answer.is_html() {
            "an HTML page".to_owned()
        } else {
            format!("what is not understood: {error}")
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_among_attributes() {
        let check = |attributes: &str, expected: Option<&str>| {
            let user: User =
                serde_json::from_str(&format!(r#"{{"id":"1","attributes":{attributes}}}"#))
                    .unwrap();
            assert_eq!(user.email(), expected, "{attributes}");
        };
        check("null", None);
        check("[]", None);
        check(r#"[{"attributeType":"Group","attributeValue":"x"}]"#, None);
        check(r#"[{"attributeType":"Email","attributeValue":" a@b.c "}]"#, Some("a@b.c"));
        check(
            r#"[{"attributeType":"email","attributeValue":""},{"attributeType":"email","attributeValue":"d@e.f"}]"#,
            Some("d@e.f"),
        );
    }
}

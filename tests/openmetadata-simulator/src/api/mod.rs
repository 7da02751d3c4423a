//! The REST API: finds the handler, checks the token, runs the handler on the catalogue.

mod cursor;
mod edges;
mod entities;
mod people;
mod route;
mod system;
mod writes;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use self::people::ADMIN;
pub(crate) use self::route::{Action, Route};

use crate::access::{Access, Actor};
use crate::http::{Answer, Request};
use crate::problem::Problem;
use crate::render::{Fields, View};
use crate::settings::Settings;
use crate::store::{Include, Store};
use crate::version::Rules;
use crate::write::Writing;

/// The page that the server's fallback answers for paths outside the API.
pub(crate) const PAGE: &str =
    "<!doctype html><html><head><title>OpenMetadata</title></head><body></body></html>";

/// Everything that requests change.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) access: Access,
}

/// The server without its transport.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) settings: Settings,
    pub(crate) rules: Rules,
    state: Mutex<State>,
}

/// One request in the hands of its handler.
struct Call<'a> {
    api: &'a Api,
    request: &'a Request<'a>,
    route: &'a Route,
    actor: &'a Actor,
    now: i64,
    /// The URL of the API up to and with `/api/v1/`.
    base: String,
}

impl Api {
    pub(crate) fn new(settings: Settings) -> Self {
        let rules = Rules::of(&settings.release);
        let mut state = State::default();
        people::first_users(&mut state, &settings, &rules, now());
        Self { settings, rules, state: Mutex::new(state) }
    }

    /// The state. A handler that panicked left it as it was between two statements; the others go on.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers `request`; also says which route it took, for counting.
    pub(crate) fn answer(&self, request: &Request<'_>) -> (Answer, Option<Route>) {
        let Some(path) = request.path.strip_prefix("/api/v1/") else {
            return (self.outside(request), None);
        };
        let route = match self.route(request, path) {
            Ok(route) => route,
            Err(problem) => return (problem.answer(&self.rules), None),
        };
        let answer =
            self.run(request, &route).unwrap_or_else(|problem| problem.answer(&self.rules));
        (answer, Some(route))
    }

    /// The route that `request` would take.
    pub(crate) fn route_of(&self, request: &Request<'_>) -> Option<Route> {
        self.route(request, request.path.strip_prefix("/api/v1/")?).ok()
    }

    /// Paths that are not the API's: a page, with the status of the release; nothing but GET is allowed.
    fn outside(&self, request: &Request<'_>) -> Answer {
        match request.method {
            "GET" | "HEAD" if self.rules.plain_errors => Answer::html(200, PAGE),
            "GET" | "HEAD" => Answer::html(404, PAGE),
            _ => Answer::empty(405),
        }
    }

    fn route(&self, request: &Request<'_>, path: &str) -> Result<Route, Problem> {
        let route = route::find(request.method, path, &self.rules)?;
        let media = request.content_type.map(|text| text.split(';').next().unwrap_or("").trim());
        let fits = match media {
            None => true,
            Some(media) if request.method == "PATCH" => media == "application/json-patch+json",
            Some(media) => {
                matches!(request.method, "GET" | "DELETE") || media == "application/json"
            }
        };
        if fits { Ok(route) } else { Err(Problem::Route(415)) }
    }

    fn run(&self, request: &Request<'_>, route: &Route) -> Result<Answer, Problem> {
        let now = now();
        if route.action.is_public() {
            return self.public(request, route, now);
        }
        let actor = {
            let memory =
                i64::try_from(self.settings.bot_token_memory.as_millis()).unwrap_or(i64::MAX);
            let State { store, access, .. } = &mut *self.state();
            access.authenticate(store, request.token, &self.rules, now, memory)?
        };
        if request.method == "GET" {
            actor.may_read(&self.rules)?;
        }
        let call =
            Call { api: self, request, route, actor: &actor, now, base: self.base(request.host) };
        call.run()
    }

    fn public(&self, request: &Request<'_>, route: &Route, now: i64) -> Result<Answer, Problem> {
        match route.action {
            Action::Version => Ok(system::version(&self.settings)),
            Action::Health => Ok(Answer::text(200, "OK".to_owned())),
            Action::Login => people::login(self, request),
            Action::SignUp => people::sign_up(self, request, now),
            _ => Ok(system::keys()),
        }
    }

    /// The URL of the API up to and with `/api/v1/`, as it stands in links.
    pub(crate) fn base(&self, host: &str) -> String {
        match &self.settings.public_url {
            Some(url) => format!("{}/api/v1/", url.trim_end_matches('/')),
            None => format!("http://{host}/api/v1/"),
        }
    }
}

impl Call<'_> {
    fn run(&self) -> Result<Answer, Problem> {
        use Action as A;
        match self.route.action {
            A::List => self.list(),
            A::Create => self.create(),
            A::Put => self.put(),
            A::Get | A::GetByName => self.get(),
            A::Patch | A::PatchByName => self.patch(),
            A::Delete | A::DeleteByName => self.delete(),
            A::DeleteLater => self.delete_later(),
            A::Bulk => self.bulk(),
            A::DeleteStale => self.delete_stale(),
            A::Restore => self.restore(),
            A::Versions => self.versions(),
            A::VersionAt => self.version_at(),
            A::Columns | A::ColumnsByName => self.columns(),
            A::Token => self.token(),
            A::AuthMechanism => self.auth_mechanism(),
            A::GenerateToken => self.generate_token(),
            A::Permissions => Ok(self.permissions()),
            A::Usage => self.usage(),
            A::TypeByName => self.type_by_name(),
            A::AddCustomProperty => self.add_custom_property(),
            A::PutLineage | A::PutLineageByName => self.put_lineage(),
            A::PatchEdge | A::PatchEdgeByName => self.patch_edge(),
            A::DeleteEdge | A::DeleteEdgeByName => self.delete_edge(),
            A::DeleteSource | A::DeleteSourceByName => self.delete_source(),
            A::GetEdge | A::GetEdgeByName => self.get_edge(),
            A::Lineage | A::LineageByName => self.lineage(),
            A::FieldQuery | A::Query => self.search(),
            A::Version | A::Health | A::Keys | A::Login | A::SignUp => Err(Problem::Route(404)),
        }
    }

    fn rules(&self) -> &Rules {
        &self.api.rules
    }

    /// The segment `index` of the path below the collection.
    fn segment(&self, index: usize) -> &str {
        self.route.segments.get(index).map_or("", String::as_str)
    }

    fn writing(&self) -> Writing<'_> {
        Writing {
            rules: self.rules(),
            actor: self.actor,
            now: self.now,
            override_metadata: false,
            skip_equal_hash: false,
        }
    }

    fn view<'a>(&'a self, store: &'a Store, fields: Fields, include: Include) -> View<'a> {
        View { store, rules: self.rules(), base: &self.base, fields, include, fresh: false }
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

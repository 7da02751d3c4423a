//! Handlers of users, tokens and permissions, and the first users of a new server.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::{Api, Call, State};
use crate::access::{Actor, INGESTION_BOT};
use crate::entity::Entity;
use crate::http::{Answer, Request};
use crate::json::Json;
use crate::kind::Kind;
use crate::problem::Problem;
use crate::schema;
use crate::settings::Settings;
use crate::store::Store;
use crate::version::Rules;
use crate::write::{Writing, Written};

/// The name and password of the administrator, as of a freshly installed server.
pub(crate) const ADMIN: &str = "admin";

/// What every server has: administrator, ingestion bot, and the tag that marks a certified asset.
pub(super) fn first_users(state: &mut State, settings: &Settings, rules: &Rules, now: i64) {
    let email = rules.admin_email();
    let domain = email.split('@').nth(1).unwrap_or_default();
    let actor = Actor::administrator();
    let writing =
        Writing { rules, actor: &actor, now, override_metadata: false, skip_equal_hash: false };
    let mut make = |kind, body: serde_json::Value| {
        let body = serde_json::from_value::<Json>(body).ok()?;
        let written = writing.create(&mut state.store, kind, body).ok()?;
        Some(written.answer)
    };
    let admin =
        make(Kind::User, serde_json::json!({"name": ADMIN, "email": email, "isAdmin": true}));
    let bot = make(
        Kind::User,
        serde_json::json!({
            "name": INGESTION_BOT,
            "email": format!("{INGESTION_BOT}@{domain}"),
            "isBot": true,
            "roles": ["IngestionBotRole"],
        }),
    );
    make(Kind::Bot, serde_json::json!({"name": INGESTION_BOT, "botUser": INGESTION_BOT}));
    make(
        Kind::Classification,
        serde_json::json!({"name": "Certification", "description": "Certification.", "mutuallyExclusive": true}),
    );
    for name in ["Gold", "Silver", "Bronze"] {
        let description = format!("{name} certified data asset.");
        make(
            Kind::Tag,
            serde_json::json!({"classification": "Certification", "name": name, "description": description}),
        );
    }
    if let Some(bot) = bot {
        state.access.set_token(&bot, &settings.token);
    }
    if let Some(admin) = admin {
        state.access.set_password(admin.id, ADMIN);
    }
}

/// `POST /users/login`: the password comes in base64.
pub(super) fn login(api: &Api, request: &Request<'_>) -> Result<Answer, Problem> {
    let body = schema::parse(request.body, &api.rules)?;
    let email = body.text_of("email").unwrap_or_default().to_lowercase();
    let password =
        STANDARD.decode(&*body.text_of("password").unwrap_or_default()).unwrap_or_default();
    let State { store, access, .. } = &mut *api.state();
    let user = store
        .people_at(&email)
        .iter()
        .filter_map(|id| store.get(*id))
        .find(|user| user.kind == Kind::User && access.has_password(user.id, &password));
    let Some(user) = user else {
        return Err(Problem::Unauthorized(
            "You have entered an invalid username or password.".to_owned(),
        ));
    };
    let token = access.make_token(user);
    Ok(Answer::json(
        200,
        &serde_json::json!({
            "accessToken": token,
            "expiryDuration": 3600,
            "refreshToken": Uuid::new_v4().to_string(),
            "tokenType": "Bearer",
        }),
    ))
}

/// `POST /users/signup`: the password comes as it is.
pub(super) fn sign_up(api: &Api, request: &Request<'_>, now: i64) -> Result<Answer, Problem> {
    let body = schema::parse(request.body, &api.rules)?;
    let text = |key: &str| body.text_of(key).unwrap_or_default();
    let email = text("email").to_lowercase();
    let Some((name, _)) = email.split_once('@') else {
        return Err(Problem::Bad(
            "[query param email must be a well-formed email address]".to_owned(),
        ));
    };
    let user = Json::Object(vec![
        ("name".into(), name.into()),
        ("email".into(), email.as_str().into()),
        (
            "displayName".into(),
            format!("{}{}", text("firstName"), text("lastName")).as_str().into(),
        ),
    ]);
    let actor = Actor::administrator();
    let writing = Writing {
        rules: &api.rules,
        actor: &actor,
        now,
        override_metadata: false,
        skip_equal_hash: false,
    };
    let State { store, access, .. } = &mut *api.state();
    let Written { answer: user, .. } = writing.create(store, Kind::User, user)?;
    access.set_password(user.id, &text("password"));
    let base = api.base(request.host);
    let view = crate::render::View {
        store,
        rules: &api.rules,
        base: &base,
        fields: crate::render::Fields::All,
        include: crate::store::Include::Live,
        fresh: true,
    };
    let mut out = Vec::new();
    view.entity(&user, &mut out);
    Ok(Answer::raw_json(201, out))
}

impl Call<'_> {
    /// The user that the second segment names by id.
    fn user(&self, store: &Store) -> Result<Arc<Entity>, Problem> {
        let id = self.segment(1);
        store.get_of(Kind::User, id).map(Arc::clone).ok_or_else(|| Problem::missing("user", id))
    }

    /// The token of a bot, as it was made last.
    fn bot_token(&self) -> Result<String, Problem> {
        let State { store, access, .. } = &mut *self.api.state();
        let user = self.user(store)?;
        if !user.plain_flag("isBot") {
            return Err(Problem::Bad("JWT token is available only for bots".to_owned()));
        }
        Ok(match access.bot_token(user.id) {
            Some(token) => token.to_owned(),
            None => access.make_token(&user),
        })
    }

    pub(super) fn token(&self) -> Result<Answer, Problem> {
        let token = self.bot_token()?;
        Ok(Answer::json(
            200,
            &serde_json::json!({"JWTToken": token, "JWTTokenExpiry": "Unlimited"}),
        ))
    }

    pub(super) fn auth_mechanism(&self) -> Result<Answer, Problem> {
        let token = self.bot_token()?;
        let config = serde_json::json!({"JWTToken": token, "JWTTokenExpiry": "Unlimited"});
        Ok(Answer::json(200, &serde_json::json!({"authType": "JWT", "config": config})))
    }

    /// A new token. Newer releases answer its encrypted form, which opens nothing: it is to be read again.
    pub(super) fn generate_token(&self) -> Result<Answer, Problem> {
        self.actor.may("EditUsers")?;
        let State { store, access, .. } = &mut *self.api.state();
        let user = self.user(store)?;
        let token = access.make_token(&user);
        let shown = match self.rules().token_encrypted {
            true => format!("fernet:gAAAA{}", STANDARD.encode(token.as_bytes())),
            false => token,
        };
        Ok(Answer::json(
            200,
            &serde_json::json!({"JWTToken": shown, "JWTTokenExpiry": "Unlimited"}),
        ))
    }

    /// What the caller may do with a resource.
    pub(super) fn permissions(&self) -> Answer {
        let operations: &[&str] = if self.rules().plain_errors {
            &[
                "Create",
                "Delete",
                "ViewAll",
                "ViewBasic",
                "ViewUsage",
                "ViewCustomFields",
                "EditAll",
                "EditCustomFields",
                "EditDescription",
                "EditDisplayName",
                "EditLineage",
                "EditOwners",
                "EditTags",
                "EditGlossaryTerms",
                "EditTier",
                "EditCertification",
            ]
        } else {
            &["Create", "Delete", "ViewAll", "EditAll"]
        };
        let permissions: Vec<serde_json::Value> = operations
            .iter()
            .map(|operation| {
                let denied = self.actor.bot
                    && match *operation {
                        "EditDisplayName" => self.rules().denies_display_name,
                        "EditOwners" => self.rules().bot_keeps_owners,
                        _ => false,
                    };
                let allowed = self.actor.may(operation).is_ok() || operation.starts_with("View");
                let access = match (denied, allowed) {
                    (true, _) => "deny",
                    (false, true) => "allow",
                    (false, false) => "notAllow",
                };
                serde_json::json!({"access": access, "operation": operation})
            })
            .collect();
        Answer::json(
            200,
            &serde_json::json!({"permissions": permissions, "resource": self.segment(1)}),
        )
    }
}

//! The opaque cursors of listings.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use crate::entity::Entity;
use crate::fqn;
use crate::http::Request;
use crate::json::Json;
use crate::problem::Problem;
use crate::render::writer::Object;
use crate::store::Cursor;
use crate::version::Rules;

/// The cursor that points at `entity`: its name in old releases, name and id in newer ones.
pub(super) fn of(entity: &Entity, rules: &Rules) -> String {
    if !rules.modern_defaults {
        return STANDARD.encode(&*entity.name);
    }
    let mut text = Vec::new();
    let mut object = Object::new(&mut text);
    object.text("name", &entity.name);
    object.text("id", &entity.id.to_string());
    object.end();
    STANDARD.encode(text)
}

/// The cursor of a request.
///
/// # Errors
/// 400 for two cursors, and for what is no base64, in the words of Java's decoder.
pub(super) fn read(request: &Request<'_>, rules: &Rules) -> Result<Cursor, Problem> {
    let parameter = |name| request.parameter(name).filter(|cursor| !cursor.is_empty());
    match (parameter("before"), parameter("after")) {
        (None, None) => Ok(Cursor::Start),
        (Some(_), Some(_)) => {
            Err(Problem::Bad("Only one of before or after query parameter allowed".to_owned()))
        }
        (Some(before), None) => {
            let (name, id) = decode(&before, rules)?;
            Ok(Cursor::Before { name, id })
        }
        (None, Some(after)) => {
            let (name, id) = decode(&after, rules)?;
            Ok(Cursor::After { name, id })
        }
    }
}

fn decode(cursor: &str, rules: &Rules) -> Result<(String, Option<Uuid>), Problem> {
    let bytes = STANDARD.decode(cursor).map_err(|error| {
        Problem::Bad(match error {
            base64::DecodeError::InvalidByte(_, byte) => {
                format!("Illegal base64 character {byte:x}")
            }
            _ => "Last unit does not have enough valid bits".to_owned(),
        })
    })?;
    if !rules.modern_defaults {
        return Ok((String::from_utf8_lossy(&bytes).into_owned(), None));
    }
    let json: Json =
        serde_json::from_slice(&bytes).map_err(|_| Problem::Bad("Invalid cursor".to_owned()))?;
    let name = json.text_of("name").unwrap_or_default();
    let id = json.text_of("id").and_then(|id| Uuid::parse_str(&id).ok());
    // The server takes the quotes off the name it reads back: a page that ends with a name in quotes is followed
    // by the wrong rows (recorded).
    Ok((fqn::unquote(&name).to_owned(), id))
}

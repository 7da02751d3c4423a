//! Values of the expression evaluator.

use std::rc::Rc;

/// What an expression gives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Number(f64),
    Text(Rc<str>),
    /// A number with a text of its own, such as a date.
    Dual(f64, Rc<str>),
    /// Known only at reload.
    Unknown(Unknown),
}

/// A value that only a reload knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unknown {
    /// How it shows in a text: the known parts as they are, the others as `$(…)`.
    pub(crate) shown: Rc<str>,
    /// Whether a part of it is known.
    pub(crate) partial: bool,
}

impl Value {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn boolean(value: bool) -> Self {
        // Qlik's True() is -1.
        Self::Number(if value { -1.0 } else { 0.0 })
    }

    /// An expression that cannot be evaluated.
    pub(crate) fn unknown(expression: &str) -> Self {
        let shown = format!("$(={})", expression.trim()).into();
        Self::Unknown(Unknown { shown, partial: false })
    }

    /// A variable whose value is not known.
    pub(crate) fn unknown_variable(name: &str) -> Self {
        Self::Unknown(Unknown { shown: format!("$({name})").into(), partial: false })
    }

    /// A literal text, unknown when an unresolved `$(…)` stands in it.
    pub(crate) fn literal(text: String) -> Self {
        if text.contains("$(") {
            let whole = text.starts_with("$(") && text.ends_with(')') && !text.contains(")$");
            Self::Unknown(Unknown { shown: text.into(), partial: !whole })
        } else {
            Self::Text(text.into())
        }
    }

    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// The number it is or reads as.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) | Self::Dual(number, _) => Some(*number),
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Null | Self::Unknown(_) => None,
        }
    }

    /// The text it shows as; `None` when it is not known.
    pub(crate) fn known_text(&self) -> Option<Rc<str>> {
        match self {
            Self::Null => Some("".into()),
            Self::Number(number) => Some(number_text(*number).into()),
            Self::Text(text) | Self::Dual(_, text) => Some(Rc::clone(text)),
            Self::Unknown(_) => None,
        }
    }

    /// The text it shows as, unknown parts as `$(…)`.
    pub(crate) fn shown(&self) -> Rc<str> {
        match self {
            Self::Unknown(unknown) => Rc::clone(&unknown.shown),
            known => known.known_text().unwrap_or_else(|| "".into()),
        }
    }

    /// Whether it counts as true; `None` when that is not known.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Self::Unknown(_) => None,
            known => Some(known.number().is_some_and(|number| number != 0.0)),
        }
    }

    /// `left & right`.
    pub(crate) fn concat(left: &Self, right: &Self) -> Self {
        let shown = format!("{}{}", left.shown(), right.shown());
        if left.is_unknown() || right.is_unknown() {
            Self::Unknown(Unknown { shown: shown.into(), partial: true })
        } else {
            Self::Text(shown.into())
        }
    }
}

/// A number as Qlik shows it without a format.
pub(crate) fn number_text(number: f64) -> String {
    if number == 0.0 { "0".to_owned() } else { number.to_string() }
}

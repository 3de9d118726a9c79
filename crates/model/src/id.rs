//! Identifiers: one type per kind of id, cheap to clone, validated when parsed.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest identifier accepted, in bytes.
pub const ID_BYTES_MAX: usize = 128;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text was empty.
    #[error("an id must not be empty")]
    Empty,
    /// The text was longer than [`ID_BYTES_MAX`].
    #[error("an id must be at most {ID_BYTES_MAX} bytes long, this one has {0}")]
    TooLong(usize),
    /// The text holds a character that would break topics or addresses.
    #[error("an id must not contain {0:?}")]
    Character(char),
}

fn validate(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > ID_BYTES_MAX {
        return Err(IdError::TooLong(text.len()));
    }
    match text.chars().find(|c| matches!(c, '/' | '+' | '#') || c.is_control()) {
        Some(c) => Err(IdError::Character(c)),
        None => Ok(()),
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String))]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Validates and makes an id: 1 to 128 bytes, no `/`, `+`, `#` or control characters.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                validate(text.as_ref())?;
                Ok(Self(Arc::from(text.as_ref())))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }
    };
}

identifier!(
    /// A thing: `lamp-kitchen`.
    ThingId
);
identifier!(
    /// A site: the place that one installation runs.
    SiteId
);
identifier!(
    /// A space of a site: a building, floor, room or zone.
    SpaceId
);
identifier!(
    /// One invocation of an action.
    CommandId
);
identifier!(
    /// The name of a property, event or action of a thing.
    Name
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_refuse_what_would_break_a_topic() {
        assert_eq!(ThingId::new(""), Err(IdError::Empty));
        assert_eq!(ThingId::new("a/b"), Err(IdError::Character('/')));
        assert_eq!(ThingId::new("a\0"), Err(IdError::Character('\0')));
        assert_eq!(ThingId::new("x".repeat(129)), Err(IdError::TooLong(129)));
        assert_eq!(ThingId::new("거실-등").unwrap().as_str(), "거실-등");
    }

    #[test]
    fn ids_are_validated_when_deserialised() {
        assert!(serde_json::from_str::<ThingId>("\"a+b\"").is_err());
        assert_eq!(serde_json::from_str::<ThingId>("\"lamp\"").unwrap().as_str(), "lamp");
    }
}

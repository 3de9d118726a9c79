//! Sunrise and sunset.

/// What the sun does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SunEvent {
    /// Its upper edge appears.
    Sunrise,
    /// Its upper edge disappears.
    Sunset,
}

impl SunEvent {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sunrise => "sunrise",
            Self::Sunset => "sunset",
        }
    }
}

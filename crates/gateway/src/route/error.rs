//! Why a request is let through for nobody.

/// Why a request is let through for nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// What the gateway says of the route makes no sense.
    Misconfigured,
    /// Neither the settings nor the rules fit it.
    NotForAnybody,
    /// Its method, its host or its path can be read in two ways.
    Unclear,
}

impl RouteError {
    /// What the caller is told.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Misconfigured => "The gateway's settings for this route cannot be used.",
            Self::NotForAnybody => "No rule lets this request through.",
            Self::Unclear => "The method, the host or the path can be read in more than one way.",
        }
    }
}

//! Why a token was refused.

capykeys_jwks::refusals!("session", "not signed with RS256", {
    /// `cat` names another kind of token than a session's.
    Category = "session token of another category",
    /// `iss` is absent, or no configured instance's.
    Issuer = "session token of an unknown issuer",
    /// `sub` is not a user's id.
    Subject = "session token without a user",
    /// `sid` is not a session's id.
    SessionId = "session token without a session",
    /// `azp` is not a configured party, or no text.
    AuthorizedParty = "session token of an unauthorized party",
    /// `sts` says that the session is not (yet) signed in.
    Status = "session not signed in",
    /// `v` is not a version that is accepted here.
    Version = "session token of another version",
    /// The claims on the organization are not what they should be.
    Organization = "session token with a malformed organization",
});

//! Why a token was refused.

capykeys_jwks::refusals!("OIDC", "not signed with an accepted algorithm", {
    /// `iss` is absent, or no configured provider's.
    Issuer = "OIDC token of an unknown issuer",
    /// It tells of an event, such as that a user has signed out (RFC 8417), and is no credential.
    Event = "OIDC token that tells of an event",
    /// The claim on the user is absent or no text, cannot be kept, or is the client itself (RFC 9068, section
    /// 2.2).
    Subject = "OIDC token without a user",
    /// `azp` or `client_id` is not a configured party, or no text.
    AuthorizedParty = "OIDC token of an unauthorized party",
    /// The claims on the organization are not what they should be.
    Organization = "OIDC token with a malformed organization",
    /// The claim on the roles is not what it should be.
    Roles = "OIDC token with malformed roles",
});

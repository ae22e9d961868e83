//! Why a token was refused.

capykeys_jwks::refusals!("cluster", "signed with neither RS256 nor ES256", {
    /// `iss` is absent, or not the configured one.
    Issuer = "cluster token of another issuer",
    /// `sub` is absent, or nothing that could name a workload.
    Subject = "cluster token without a subject",
    /// `sub` is not in the configured list.
    NotAllowed = "cluster token of a subject that is not in the list",
});

//! Clerk's categories of tokens.

use capykeys_jwks::Object;

use crate::refusal::Refusal;

/// The category of session tokens, as Clerk's own SDK knows it (`jwtCategories.ts` in
/// `@clerk/backend`). Templates (`cl_B7d4PD222AAA`) and machine tokens (`cl_B7d4PD333AAA`) are
/// signed with the same key and must not pass for sessions. The category `cl_I7d4PD111III` of
/// instances that opted out of categories stands for any of them, and is refused with them.
const SESSION_CATEGORY: &str = "cl_B7d4PD111AAA";

/// Checks that a header names the category of session tokens, or none.
pub(crate) fn check_category(header: &Object) -> Result<(), Refusal> {
    match header.get("cat") {
        Some(category) if category != SESSION_CATEGORY => Err(Refusal::Category),
        _ => Ok(()),
    }
}

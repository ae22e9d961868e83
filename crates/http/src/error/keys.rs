//! Why nothing was done with a key.

use capykeys_domain::usecases::{CreateKeyError, KeyError};

use super::ApiError;

impl From<CreateKeyError> for ApiError {
    fn from(error: CreateKeyError) -> Self {
        match error {
            CreateKeyError::Denied(denial) => Self::Denied(denial),
            CreateKeyError::CreatorInactive => {
                Self::Unauthenticated { credential_given: true, reason: "no longer active key" }
            }
            CreateKeyError::Unavailable(unavailable) => Self::Unavailable(unavailable),
        }
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::NoSuchKey => Self::NoSuchKey,
            KeyError::Denied(denial) => Self::Denied(denial),
            KeyError::CallerInactive => CreateKeyError::CreatorInactive.into(),
            KeyError::Invalid(invalid) => invalid.into(),
            KeyError::Revoked => Self::KeyOver("The API key is revoked."),
            KeyError::Expired => Self::KeyOver("The API key has expired."),
            KeyError::Rotating => Self::KeyOver(
                "The API key is being rotated: its previous secret is still good. Finish that rotation first.",
            ),
            KeyError::Changed => Self::KeyChanged,
            KeyError::Unavailable(unavailable) => Self::Unavailable(unavailable),
        }
    }
}

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
            CreateKeyError::Taken => Self::Conflict("There is an API key with this secret already."),
            CreateKeyError::NotRepeated(reason) => Self::NotRepeated(reason),
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
            KeyError::Revoked => Self::Conflict("The API key is revoked."),
            KeyError::Expired => Self::Conflict("The API key has expired."),
            KeyError::Rotating => Self::Conflict(
                "The API key is being rotated: its previous secret is still good. Finish that rotation first.",
            ),
            KeyError::Changed => Self::KeyChanged,
            KeyError::Unavailable(unavailable) => Self::Unavailable(unavailable),
        }
    }
}

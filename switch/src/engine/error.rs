//! Why a program was not loaded.

use super::limits::JSON_BYTES_MAX;

/// Why a JSON text is not a program that this engine runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It is larger than [`JSON_BYTES_MAX`].
    #[error("the JSON has {0} bytes, more than {JSON_BYTES_MAX}")]
    TooLarge(usize),
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Syntax(#[from] serde_json::Error),
    /// Something in it is wrong or not supported.
    #[error("{path}: {problem}")]
    At {
        /// Where, as `pipelines[0].tables[2].key`.
        path: String,
        /// What.
        problem: Problem,
    },
}

/// What is wrong with a part of the JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// An attribute is missing.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A value has another type.
    #[error("{0} expected")]
    Expected(&'static str),
    /// A name or number refers to nothing.
    #[error("there is no {kind} `{name}`")]
    Unknown {
        /// Of what kind.
        kind: &'static str,
        /// Its name or id.
        name: String,
    },
    /// Two things share a name or id.
    #[error("a second {kind} `{name}`")]
    Duplicate {
        /// Of what kind.
        kind: &'static str,
        /// Its name or id.
        name: String,
    },
    /// Well-formed, but outside of what this engine runs.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// A value contradicts another part of the program or has no meaning.
    #[error("{0}")]
    Invalid(String),
    /// More than the engine allows.
    #[error("{what}: {found}, at most {max}")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How much was asked for.
        found: u64,
        /// How much is allowed.
        max: u64,
    },
    /// The control flow comes back to a node, so that a packet would never leave it.
    #[error("the control flow comes back to `{0}`")]
    Cycle(String),
}

pub(crate) type Result<T> = std::result::Result<T, LoadError>;

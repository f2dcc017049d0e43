//! What a call brought, for people and scripts.

use crate::dynamic::{Answer, binary};
use crate::fault::{APPLICATION, DECLARED, OK, TRANSPORT};
use anyhow::{Context, Result};
use bifrost_rpc::CallError;
use serde_json::{Map, Value};
use std::io::{IsTerminal, Write};

/// Why a call brought no answer of its method.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server answered with an application exception.
    Application(thrift::ApplicationError),
    /// There was no answer, or none that makes sense.
    Transport {
        /// What went wrong.
        reason: String,
        /// Whether the call may have had an effect.
        may_have_run: bool,
    },
}

impl Failure {
    pub(super) fn transport(reason: impl Into<String>, may_have_run: bool) -> Self {
        Self::Transport { reason: reason.into(), may_have_run }
    }

    /// The failure of a call that was sent, unless the error knows better.
    pub(super) fn of(error: thrift::Error) -> Self {
        match (CallError::of(&error).map(CallError::may_have_run), error) {
            (_, thrift::Error::Application(error)) => Self::Application(error),
            (may_have_run, error) => Self::transport(error.to_string(), may_have_run.unwrap_or(true)),
        }
    }

    /// Prints the failure; returns the exit status.
    pub(super) fn report(&self) -> Result<u8> {
        match self {
            Self::Application(error) => {
                let fields = [("type", format!("{:?}", error.kind)), ("message", error.message.clone())];
                let fields = fields.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect();
                eprintln!("{}", named("TApplicationException", fields));
                Ok(APPLICATION)
            }
            Self::Transport { reason, may_have_run } => {
                eprintln!("error: {reason}");
                eprintln!("{}", if *may_have_run { "The call may have run." } else { "The call did not run." });
                Ok(TRANSPORT)
            }
        }
    }
}

/// Prints an answer; returns the exit status.
pub(super) fn answer(answer: &Answer, is_raw: bool, is_single: bool) -> Result<u8> {
    let mut out = std::io::stdout().lock();
    let written = match answer {
        Answer::Declared(name, fields) => {
            eprintln!("{}", named(name, fields.clone()));
            return Ok(DECLARED);
        }
        Answer::Binary(bytes) if is_raw => out.write_all(bytes),
        Answer::Binary(bytes) => writeln!(out, "{}", Value::from(binary::format(bytes))),
        Answer::Result(value) if is_single && out.is_terminal() => writeln!(out, "{value:#}"),
        Answer::Result(value) => writeln!(out, "{value}"),
    };
    written.and_then(|()| out.flush()).context("cannot write the result to standard output")?;
    Ok(OK)
}

/// An exception as JSON.
fn named(name: &str, fields: Map<String, Value>) -> Value {
    Value::Object([(name.to_owned(), Value::Object(fields))].into_iter().collect())
}

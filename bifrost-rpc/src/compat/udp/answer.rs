//! What is read after a call, or fails instead.

use super::outgoing::{FRAME_BYTES, WriteError};
use crate::buffer::MessageBuffer;
use crate::compat::failure;
use crate::endpoint::CallError;
use crate::protocol::{MessageHeader, MethodName, WireProtocol};
use crate::wire::Refusal;
use std::io::{self, ErrorKind};

/// What the reader gets of the end of a call.
pub(super) fn answer(
    called: Result<Option<Vec<u8>>, CallError>,
    protocol: WireProtocol,
    header: &MessageHeader,
    is_framed: bool,
) -> Option<io::Result<Vec<u8>>> {
    let message = match called {
        Ok(None) => return None,
        Ok(Some(message)) => message,
        Err(error @ CallError::Refused(Refusal::UnknownMethod)) => unknown_method(protocol, header, error),
        Err(error) => return Some(Err(call_error(error))),
    };
    Some(if is_framed { framed(&message) } else { Ok(message) })
}

/// The answer that a server over TCP would give.
fn unknown_method(protocol: WireProtocol, header: &MessageHeader, error: CallError) -> Vec<u8> {
    // Answers name methods without the prefix of multiplexed calls.
    let bare = header.name.split_once(':').map(|(_, method)| MethodName::from(method));
    let header = MessageHeader { name: bare.unwrap_or_else(|| header.name.clone()), ..header.clone() };
    let mut message = MessageBuffer::new();
    // A message this small is under every limit.
    let _ = failure(protocol, &header, error.into(), &mut message);
    message.finish().to_vec()
}

fn framed(message: &[u8]) -> io::Result<Vec<u8>> {
    let length = i32::try_from(message.len()).map_err(|_| invalid("the answer is too long for a frame".into()))?;
    let mut frame = Vec::with_capacity(FRAME_BYTES + message.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(message);
    Ok(frame)
}

/// A call's error as Apache's crate understands it. `Interrupted` is never used: readers try again after it.
pub(super) fn call_error(error: CallError) -> io::Error {
    let kind = match &error {
        CallError::Deadline { .. } => ErrorKind::TimedOut,
        CallError::Unreachable { .. } => ErrorKind::NotConnected,
        CallError::OutcomeUnknown(_) => ErrorKind::UnexpectedEof,
        CallError::Refused(Refusal::WrongKey) => ErrorKind::PermissionDenied,
        CallError::Refused(Refusal::TooLarge { .. }) | CallError::TooLarge { .. } => ErrorKind::InvalidInput,
        CallError::Refused(_) => ErrorKind::ConnectionRefused,
        CallError::AnswerTooLarge { .. } => ErrorKind::InvalidData,
        other if other.may_have_run() => ErrorKind::ConnectionAborted,
        _ => ErrorKind::NotConnected,
    };
    io::Error::new(kind, error)
}

/// The error of what cannot be sent.
pub(super) fn write_error(error: WriteError) -> io::Error {
    let kind = match error {
        WriteError::TooLarge { .. } => ErrorKind::InvalidInput,
        _ => ErrorKind::InvalidData,
    };
    io::Error::new(kind, error)
}

pub(super) fn invalid(message: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Lost;
    use std::time::Duration;
    use thrift::TransportErrorKind;

    fn apache_kind(error: CallError) -> TransportErrorKind {
        match call_error(error).into() {
            thrift::Error::Transport(error) => error.kind,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn errors_mean_the_same_to_apache() {
        let (waited, peer) = (Duration::from_secs(1), "[::1]:7400".parse().unwrap());
        let cases = [
            (CallError::Deadline { waited, may_have_run: true }, TransportErrorKind::TimedOut),
            (CallError::Unreachable { peer, waited }, TransportErrorKind::NotOpen),
            (CallError::Refused(Refusal::Draining), TransportErrorKind::NotOpen),
            (CallError::OutcomeUnknown(Lost::Silence), TransportErrorKind::EndOfFile),
            (CallError::Closed { may_have_run: false }, TransportErrorKind::NotOpen),
            (CallError::Closed { may_have_run: true }, TransportErrorKind::Unknown),
            (CallError::AnswerTooLarge { len: 2, limit: 1 }, TransportErrorKind::Unknown),
        ];
        for (error, kind) in cases {
            assert_eq!(apache_kind(error.clone()), kind, "{error}");
        }
    }

    #[test]
    fn the_call_error_is_the_source() {
        let error = call_error(CallError::TooLarge { len: 2, limit: 1 });
        let source = error.get_ref().and_then(|source| source.downcast_ref());
        assert_eq!(source, Some(&CallError::TooLarge { len: 2, limit: 1 }));
    }
}

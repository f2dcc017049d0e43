//! What an object is after some operations: which operation each of its bytes comes from.

use super::history::{Entry, Op, Seen};

/// Bytes `start..end` of the object come from the operation `source`, whose own bytes begin at `origin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Segment {
    start: usize,
    end: usize,
    source: usize,
    origin: usize,
}

/// The object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum State {
    /// It has not been made.
    Unmade,
    /// Its bytes, without gaps. States that are equal byte for byte but written by other operations count as different,
    /// which costs time and no correctness.
    Alive(Vec<Segment>),
    /// It was freed.
    Freed,
}

/// The bytes that an operation brings.
fn bytes(entry: &Entry) -> &[u8] {
    match &entry.op {
        Op::Alloc(data) | Op::Write(_, data) | Op::Restore(data) => data,
        Op::Read(..) | Op::Free => &[],
    }
}

impl State {
    /// What the object is after operation `index`, if it can have been answered so. An operation without an answer takes
    /// effect if it can.
    pub(super) fn after(&self, entries: &[Entry], index: usize) -> Option<Self> {
        let entry = &entries[index];
        let seen = entry.end.as_ref().map(|(_, seen)| seen);
        if seen == Some(&Seen::Gone) {
            return (!matches!(self, Self::Alive(_))).then(|| self.clone());
        }
        match (&entry.op, self) {
            (Op::Alloc(data), Self::Unmade) => Some(Self::made(data.len(), index)),
            (Op::Restore(data), Self::Alive(_) | Self::Freed) => Some(Self::made(data.len(), index)),
            (Op::Free, Self::Alive(_)) => Some(Self::Freed),
            (Op::Write(at, data), Self::Alive(segments)) => overwrite(segments, *at, data.len(), index),
            (Op::Read(at, len), Self::Alive(segments)) => {
                let len = (segments.last()?.end >= at + len).then_some(*len)?;
                let Some(Seen::Bytes(bytes)) = seen else { return None };
                (self.differs(entries, *at, &bytes[..len]).is_none()).then(|| self.clone())
            }
            _ => None,
        }
    }

    fn made(len: usize, source: usize) -> Self {
        Self::Alive(vec![Segment { start: 0, end: len, source, origin: 0 }])
    }

    /// The first byte where the object is not what was read: its offset, what it is, and which operation wrote it.
    pub(super) fn differs(&self, entries: &[Entry], at: usize, read: &[u8]) -> Option<(usize, u8, usize)> {
        let Self::Alive(segments) = self else { return None };
        for segment in segments {
            let (start, end) = (segment.start.max(at), segment.end.min(at + read.len()));
            if start >= end {
                continue;
            }
            let origin = segment.origin + start - segment.start;
            let held = &bytes(&entries[segment.source])[origin..origin + end - start];
            let read = &read[start - at..end - at];
            if let Some(offset) = (0..held.len()).find(|i| held[*i] != read[*i]) {
                return Some((start + offset, held[offset], segment.source));
            }
        }
        None
    }
}

/// The segments with `at..at + len` from another operation, if the object has that range.
fn overwrite(segments: &[Segment], at: usize, len: usize, source: usize) -> Option<State> {
    let end = at + len;
    if segments.last()?.end < end {
        return None;
    }
    let mut out = Vec::with_capacity(segments.len() + 2);
    let before = segments.iter().filter(|segment| segment.start < at);
    out.extend(before.map(|segment| Segment { end: segment.end.min(at), ..*segment }));
    out.push(Segment { start: at, end, source, origin: 0 });
    let after = segments.iter().filter(|segment| segment.end > end);
    out.extend(after.map(|segment| {
        let start = segment.start.max(end);
        Segment { start, origin: segment.origin + start - segment.start, ..*segment }
    }));
    Some(State::Alive(out))
}

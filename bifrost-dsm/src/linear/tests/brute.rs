//! Tries every order of every choice of operations, on a plain array.

use super::super::{Entry, Op, Seen};

/// Whether some order explains the history.
pub(super) fn has_order(entries: &[Entry]) -> bool {
    step(entries, &mut vec![false; entries.len()], &mut Vec::new(), None, false)
}

/// `bytes` is the object, `was` whether it ever existed.
fn step(entries: &[Entry], used: &mut Vec<bool>, order: &mut Vec<usize>, bytes: Option<&[u8]>, was: bool) -> bool {
    if entries.iter().zip(used.iter()).all(|(entry, used)| *used || entry.end.is_none()) {
        return true;
    }
    for index in 0..entries.len() {
        if used[index] || !may_follow(entries, used, order, index) {
            continue;
        }
        let Some((bytes, was)) = apply(&entries[index], bytes, was) else { continue };
        used[index] = true;
        order.push(index);
        let found = step(entries, used, order, bytes.as_deref(), was);
        order.pop();
        used[index] = false;
        if found {
            return true;
        }
    }
    false
}

fn writes(entry: &Entry) -> bool {
    matches!(entry.op, Op::Write(..)) && !matches!(entry.end, Some((_, Seen::Gone)))
}

/// By the times, and by the order in which clients issue their writes.
fn may_follow(entries: &[Entry], used: &[bool], order: &[usize], index: usize) -> bool {
    let entry = &entries[index];
    let late = entries
        .iter()
        .zip(used)
        .any(|(other, used)| !used && other.end.as_ref().is_some_and(|(end, _)| *end < entry.begin));
    let turned = writes(entry)
        && order
            .iter()
            .any(|before| *before > index && entries[*before].client == entry.client && writes(&entries[*before]));
    let over = entry.latest.is_some_and(|latest| order.iter().any(|before| entries[*before].begin > latest));
    !late && !turned && !over
}

/// The object after an operation, and whether it ever existed.
fn apply(entry: &Entry, bytes: Option<&[u8]>, was: bool) -> Option<(Option<Vec<u8>>, bool)> {
    let seen = entry.end.as_ref().map(|(_, seen)| seen);
    if seen == Some(&Seen::Gone) {
        return bytes.is_none().then_some((None, was));
    }
    match (&entry.op, bytes) {
        (Op::Alloc(data), None) if !was => Some((Some(data.clone()), true)),
        (Op::Restore(data), _) if was => Some((Some(data.clone()), true)),
        (Op::Free, Some(_)) => Some((None, was)),
        (Op::Write(at, data), Some(bytes)) if at + data.len() <= bytes.len() => {
            let mut bytes = bytes.to_vec();
            bytes[*at..at + data.len()].copy_from_slice(data);
            Some((Some(bytes), was))
        }
        (Op::Read(at, len), Some(bytes)) if at + len <= bytes.len() => {
            let fits = seen.is_none_or(|seen| *seen == Seen::Bytes(bytes[*at..at + len].to_vec()));
            fits.then(|| (Some(bytes.to_vec()), was))
        }
        _ => None,
    }
}

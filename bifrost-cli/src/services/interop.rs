//! The handler of `Interop` and `InteropUuid`: what clients in other languages are tested against.

use super::generated::interop::{
    Bare, Choice, Color, Containers, Declined, Defaults, Empty, Ids, Implicit, InteropSyncHandler, Keywords, Marked,
    Missing, Optional, Required, Scalars, Tree, Versioned,
};
use super::generated::interop_shared::{Failed, InteropBaseSyncHandler, Level, Point, Token};
use super::generated::interop_uuid::{InteropUuidSyncHandler, Unknown, Uuids};
use bifrost_rpc::reference::Ref;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thrift::{ApplicationErrorKind, OrderedFloat};
use uuid::Uuid;

/// Tokens that are counted; what is recorded for further ones is forgotten.
const TOKENS_MAX: usize = 4096;

/// Echoes, fails as it is told, and counts oneway calls; clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interop(Arc<Mutex<BTreeMap<Token, i64>>>);

impl Interop {
    fn counts(&self) -> MutexGuard<'_, BTreeMap<Token, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, token: Token, times: i32) {
        let mut counts = self.counts();
        if counts.len() < TOKENS_MAX || counts.contains_key(&token) {
            let count = counts.entry(token).or_default();
            *count = count.saturating_add(i64::from(times));
        }
    }
}

/// The failure that a client asked for, or its word back.
fn failure(how: String) -> thrift::Result<String> {
    Err(match how.as_str() {
        "declined" => Declined::new(-42, "as you said".to_owned(), Color::BELOW).into(),
        "missing" => Missing::new(vec!["a".to_owned(), String::new()]).into(),
        "bare" => Bare::new().into(),
        "failed" => Failed::new("elsewhere".to_owned(), Level::HIGH).into(),
        "application" => thrift::new_application_error(ApplicationErrorKind::InvalidTransform, "an application error"),
        "error" => thrift::Error::User("an error that nobody declared".into()),
        "panic" => panic!("a handler that was told to panic"),
        _ => return Ok(how),
    })
}

impl InteropBaseSyncHandler for Interop {
    fn handle_nothing(&self) -> thrift::Result<()> {
        Ok(())
    }

    fn handle_record(&self, token: Token, times: i32) -> thrift::Result<()> {
        self.add(token, times);
        Ok(())
    }

    fn handle_recorded(&self, token: Token) -> thrift::Result<i64> {
        if token < 0 {
            return Err(Failed::new("a token below zero".to_owned(), None).into());
        }
        Ok(self.counts().get(&token).copied().unwrap_or(0))
    }
}

/// Methods that answer with their argument.
macro_rules! echoes {
    ($($method:ident: $of:ty),* $(,)?) => {
        $(fn $method(&self, value: $of) -> thrift::Result<$of> {
            Ok(value)
        })*
    };
}

impl InteropSyncHandler for Interop {
    echoes! {
        handle_echo_bool: bool,
        handle_echo_i8: i8,
        handle_echo_i16: i16,
        handle_echo_i32: i32,
        handle_echo_i64: i64,
        handle_echo_double: OrderedFloat<f64>,
        handle_echo_string: String,
        handle_echo_binary: Vec<u8>,
        handle_echo_color: Color,
        handle_echo_token: Token,
        handle_echo_empty: Empty,
        handle_echo_scalars: Scalars,
        handle_echo_required: Required,
        handle_echo_optional: Optional,
        handle_echo_defaults: Defaults,
        handle_echo_choice: Choice,
        handle_echo_containers: Containers,
        handle_echo_tree: Tree,
        handle_echo_keywords: Keywords,
        handle_echo_ids: Ids,
        handle_echo_implicit: Implicit,
        handle_echo_versioned: Versioned,
        handle_echo_marked: Ref<Marked>,
        handle_echo_marked_binary: Ref<Vec<u8>>,
        handle_echo_list: Vec<Scalars>,
        handle_echo_set: BTreeSet<String>,
        handle_echo_map: BTreeMap<i32, Vec<BTreeMap<String, BTreeSet<i64>>>>,
    }

    fn handle_many(
        &self,
        a: bool,
        b: i8,
        c: i16,
        d: i32,
        e: i64,
        f: OrderedFloat<f64>,
        g: String,
        h: Vec<u8>,
        i: Color,
        j: Point,
        l: BTreeSet<String>,
        m: BTreeMap<String, i32>,
        k: Vec<i32>,
    ) -> thrift::Result<String> {
        let (a, f, i) = (u8::from(a), bits(f), i.0);
        let h = h.iter().fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        let (x, y, k, l, m) = (bits(j.x), bits(j.y), k.len(), l.len(), m.len());
        Ok(format!("{a} {b} {c} {d} {e} {f} {g} {h} {i} {x} {y} {k} {l} {m}"))
    }

    fn handle_loop(&self, type_: i32, self_: i32, match_: i32) -> thrift::Result<i32> {
        Ok(type_.wrapping_add(self_).wrapping_add(match_))
    }

    fn handle_need(&self, value: i32) -> thrift::Result<i32> {
        Ok(value)
    }

    fn handle_fail(&self, how: String) -> thrift::Result<String> {
        failure(how)
    }

    fn handle_fail_void(&self, how: String) -> thrift::Result<()> {
        failure(how).map(drop)
    }

    fn handle_record_and_fail(&self, token: Token, how: String) -> thrift::Result<()> {
        self.add(token, 1);
        failure(how).map(drop)
    }
}

impl InteropUuidSyncHandler for Interop {
    fn handle_echo_uuid(&self, value: Uuid) -> thrift::Result<Uuid> {
        if value.is_nil() {
            return Err(Unknown::new(value).into());
        }
        Ok(value)
    }

    echoes! { handle_echo_uuids: Uuids }
}

/// A double exactly, in the same letters in every language.
fn bits(value: OrderedFloat<f64>) -> String {
    format!("{:016x}", value.to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_count_together_and_within_bounds() {
        let interop = Interop::default();
        for token in 0..=4096 {
            interop.clone().handle_record(token, 2).unwrap();
        }
        interop.handle_record(0, -5).unwrap();
        assert_eq!(interop.handle_recorded(0).unwrap(), -3);
        assert_eq!(interop.handle_recorded(4095).unwrap(), 2);
        assert_eq!(interop.handle_recorded(4096).unwrap(), 0);
        assert!(interop.handle_record_and_fail(1, "error".to_owned()).is_err());
        assert_eq!(interop.handle_recorded(1).unwrap(), 3);
    }

    #[test]
    fn a_failure_is_what_was_asked_for() {
        assert_eq!(failure("none".to_owned()).unwrap(), "none");
        for how in ["declined", "missing", "bare", "failed", "error"] {
            assert!(matches!(failure(how.to_owned()), Err(thrift::Error::User(_))), "{how}");
        }
        assert!(matches!(failure("application".to_owned()), Err(thrift::Error::Application(_))));
        assert!(Interop::default().handle_recorded(-1).is_err());
        assert!(Interop::default().handle_echo_uuid(Uuid::nil()).is_err());
    }
}

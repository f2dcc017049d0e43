//! The handler of `Store` and `Health`.

use super::generated::example::{
    Entry, Eviction, HealthSyncHandler, KEY_BYTES_MAX, NotFound, Policy, Refused, Status, StoreSyncHandler, Value,
};
use crate::clock;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use thrift::OrderedFloat;

/// What `put` is told as the expected version when there is none.
const ANY_VERSION: i64 = -1;

/// A key-value store in memory; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    service: &'static str,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    policy: Policy,
    held: BTreeMap<String, Held>,
    calls: i64,
    notes: i64,
    /// Rises with each read and write, to order them.
    turn: u64,
}

#[derive(Debug)]
struct Held {
    entry: Entry,
    first_written: u64,
    last_used: u64,
    expires: Option<Instant>,
}

impl Store {
    /// An empty store that says it is `service`.
    pub(crate) fn new(service: &'static str, policy: Policy) -> Self {
        let state = State { policy, held: BTreeMap::new(), calls: 0, notes: 0, turn: 0 };
        Self { service, state: Arc::new(Mutex::new(state)) }
    }

    /// The state, for one more call.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.calls += 1;
        state.turn += 1;
        if state.policy.lifetime_s.is_some() {
            let now = clock::now();
            state.held.retain(|_, held| held.expires.is_none_or(|expires| expires > now));
        }
        state
    }
}

impl State {
    /// Makes room for one more entry, if it must.
    fn make_room(&mut self) -> Result<(), Refused> {
        let entries_max = usize::try_from(self.policy.entries_max).unwrap_or(0);
        if self.held.len() < entries_max {
            return Ok(());
        }
        let oldest = |(_, held): &(&String, &Held)| held.first_written;
        let coldest = |(_, held): &(&String, &Held)| held.last_used;
        let victim = match self.policy.eviction {
            Eviction::OLDEST => self.held.iter().min_by_key(oldest),
            Eviction::COLDEST => self.held.iter().min_by_key(coldest),
            _ => None,
        };
        match victim.map(|(key, _)| key.clone()) {
            Some(key) => {
                self.held.remove(&key);
                Ok(())
            }
            None => Err(Refused::new(format!("the store is full: it holds {entries_max} entries"), None)),
        }
    }

    fn put(&mut self, key: String, value: Value, expected: i64) -> Result<i64, Refused> {
        let version = self.held.get(&key).map_or(0, |held| held.entry.version);
        if expected != ANY_VERSION && expected != version {
            return Err(Refused::new(format!("the version is {version}, not {expected}"), version));
        }
        if version == 0 {
            self.make_room()?;
        }
        let lifetime = self.policy.lifetime_s.and_then(|seconds| u64::try_from(seconds).ok());
        let expires = lifetime.and_then(|seconds| clock::now().checked_add(Duration::from_secs(seconds)));
        let labels = labels_of(&value);
        let entry = Entry::new(key.clone(), value, version + 1, (!labels.is_empty()).then_some(labels));
        let first_written = self.held.get(&key).map_or(self.turn, |held| held.first_written);
        self.held.insert(key, Held { entry, first_written, last_used: self.turn, expires });
        Ok(version + 1)
    }
}

/// The words of a text, in lower case; those of all parts of a list.
fn labels_of(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Text(text) => {
            text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
        }
        Value::Items(items) => items.iter().flat_map(labels_of).collect(),
        Value::Data(_) | Value::Number(_) | Value::Pointer(_) | Value::Unknown(_) => BTreeSet::new(),
    }
}

fn check_key(key: &str) -> Result<(), Refused> {
    let bytes_max = usize::try_from(KEY_BYTES_MAX).unwrap_or(0);
    match key.len() {
        0 => Err(Refused::new("the key is empty".to_owned(), None)),
        len if len > bytes_max => Err(Refused::new(format!("the key has {len} bytes; {bytes_max} are allowed"), None)),
        _ => Ok(()),
    }
}

impl HealthSyncHandler for Store {
    fn handle_status(&self) -> thrift::Result<Status> {
        let state = self.state();
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        let gauges = [("entries", state.held.len() as f64), ("notes", state.notes as f64)];
        let gauges: BTreeMap<_, _> = gauges.into_iter().map(|(name, n)| (name.to_owned(), OrderedFloat(n))).collect();
        Ok(Status::new(self.service.to_owned(), state.calls, gauges))
    }

    fn handle_note(&self, line: String) -> thrift::Result<()> {
        self.state().notes += 1;
        // A line for the log must not become several, nor steer a terminal.
        let line: String = line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        eprintln!("note to {}: {line}", self.service);
        Ok(())
    }
}

impl StoreSyncHandler for Store {
    fn handle_get(&self, key: String) -> thrift::Result<Entry> {
        let mut state = self.state();
        let turn = state.turn;
        let Some(held) = state.held.get_mut(&key) else {
            return Err(NotFound::new(key).into());
        };
        held.last_used = turn;
        Ok(held.entry.clone())
    }

    fn handle_put(&self, key: String, value: Value, expected: i64) -> thrift::Result<i64> {
        check_key(&key)?;
        Ok(self.state().put(key, value, expected)?)
    }

    fn handle_remove(&self, key: String) -> thrift::Result<()> {
        check_key(&key)?;
        match self.state().held.remove(&key) {
            Some(_) => Ok(()),
            None => Err(NotFound::new(key).into()),
        }
    }

    fn handle_find(&self, labels: BTreeSet<String>) -> thrift::Result<BTreeMap<String, Entry>> {
        let has_all = |entry: &Entry| match &entry.labels {
            Some(found) => labels.is_subset(found),
            None => labels.is_empty(),
        };
        let state = self.state();
        let fitting = state.held.iter().filter(|(_, held)| has_all(&held.entry));
        Ok(fitting.map(|(key, held)| (key.clone(), held.entry.clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(eviction: Eviction, entries_max: i32) -> Store {
        Store::new("Store", Policy::new(eviction, entries_max, None))
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn put(store: &Store, key: &str) -> thrift::Result<i64> {
        store.handle_put(key.to_owned(), text(key), ANY_VERSION)
    }

    fn keys(store: &Store) -> Vec<String> {
        store.handle_find(BTreeSet::new()).unwrap().into_keys().collect()
    }

    fn refusal(error: thrift::Error) -> Refused {
        match error {
            thrift::Error::User(inner) => *inner.downcast().unwrap(),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn versions_rise_and_are_checked() {
        let store = store(Eviction::NONE, 8);
        let put = |expected| store.handle_put("k".to_owned(), text("Two words"), expected);
        assert_eq!((put(0).unwrap(), put(ANY_VERSION).unwrap(), put(2).unwrap()), (1, 2, 3));
        assert_eq!(refusal(put(0).unwrap_err()).version, Some(3));
        let entry = store.handle_get("k".to_owned()).unwrap();
        assert_eq!((entry.version, entry.labels.unwrap().len()), (3, 2));
        store.handle_remove("k".to_owned()).unwrap();
        assert!(store.handle_get("k".to_owned()).is_err());
        assert!(store.handle_remove("k".to_owned()).is_err());
    }

    #[test]
    fn a_full_store_makes_room_as_its_policy_says() {
        for (eviction, kept) in [(Eviction::OLDEST, ["b", "c"]), (Eviction::COLDEST, ["a", "c"])] {
            let store = store(eviction, 2);
            put(&store, "a").unwrap();
            put(&store, "b").unwrap();
            store.handle_get("a".to_owned()).unwrap();
            put(&store, "c").unwrap();
            assert_eq!(keys(&store), kept);
        }
        let full = store(Eviction::NONE, 1);
        put(&full, "a").unwrap();
        assert!(refusal(put(&full, "b").unwrap_err()).reason.unwrap().contains("full"));
        assert_eq!(put(&full, "a").unwrap(), 2);
    }

    #[test]
    fn labels_are_the_words_of_texts() {
        let store = store(Eviction::NONE, 8);
        let list = Value::Items(vec![text("Red fox"), text("blue")]);
        store.handle_put("k".to_owned(), list, 0).unwrap();
        let find = |words: &[&str]| store.handle_find(words.iter().map(|&word| word.to_owned()).collect()).unwrap();
        assert_eq!((find(&["red", "blue"]).len(), find(&["red", "green"]).len()), (1, 0));
    }

    #[test]
    fn bad_keys_are_refused() {
        let store = store(Eviction::NONE, 8);
        assert!(put(&store, "").is_err());
        assert!(put(&store, &"k".repeat(257)).is_err());
        assert_eq!(put(&store, &"k".repeat(256)).unwrap(), 1);
    }

    #[test]
    fn status_counts_calls_entries_and_notes() {
        let store = store(Eviction::NONE, 8);
        put(&store, "a").unwrap();
        store.handle_note("hello".to_owned()).unwrap();
        let status = store.handle_status().unwrap();
        let gauges = status.gauges.unwrap();
        assert_eq!((status.calls, gauges["entries"].0, gauges["notes"].0), (3, 1.0, 1.0));
    }
}

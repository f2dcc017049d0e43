//! Random values go through Python: our bytes, read there and written again, read here.

use crate::forms::PROTOCOLS;
use crate::generated::interop::Ids;
use crate::peer::{Process, WAIT, python};
use crate::random;
use bifrost_rpc::buffer::MessageBuffer;
use bifrost_rpc::protocol::{Binary, Codec, Compact, Decode, Encode, Json};
use proptest::prelude::*;
use proptest::sample::SizeRange;
use proptest::test_runner::TestRunner;
use std::fmt::Debug;
use std::io::{Read, Write};
use std::sync::mpsc::{self, Receiver};

const CASES: u32 = 60;

/// A process that reads and writes values; one for all values of a test.
struct Echo {
    process: Process,
    answers: Receiver<Vec<u8>>,
}

impl Echo {
    fn start() -> Option<Self> {
        let mut process = python()?.start("codec.py", &[]);
        let mut out = process.child.stdout.take().unwrap();
        let (sender, answers) = mpsc::channel();
        std::thread::spawn(move || {
            let mut len = [0; 4];
            while out.read_exact(&mut len).is_ok() {
                let mut answer = vec![0; usize::try_from(u32::from_be_bytes(len)).unwrap()];
                if out.read_exact(&mut answer).is_err() || sender.send(answer).is_err() {
                    return;
                }
            }
        });
        Some(Self { process, answers })
    }

    /// What Python writes for what it reads.
    fn again(&mut self, protocol: &str, name: &str, bytes: &[u8]) -> Vec<u8> {
        let question = [format!("{protocol} {name}\n").as_bytes(), bytes].concat();
        let len = u32::try_from(question.len()).unwrap().to_be_bytes();
        let input = self.process.input.as_mut().unwrap();
        input.write_all(&len).and_then(|()| input.write_all(&question)).and_then(|()| input.flush()).unwrap();
        let answer = self.answers.recv_timeout(WAIT);
        match answer.as_deref().map(<[u8]>::split_first) {
            Ok(Some((b'=', answer))) => answer.to_vec(),
            Ok(Some((_, error))) => panic!("{name} in {protocol}: {}", String::from_utf8_lossy(error)),
            Ok(None) | Err(_) => panic!("no answer for {name} in {protocol}: {:?}", self.process.complaints()),
        }
    }
}

fn to_bytes<T: Encode>(protocol: &str, value: &T) -> Vec<u8> {
    let mut out = MessageBuffer::new();
    match protocol {
        "json" => value.encode(&mut Json::writer(&mut out)),
        "compact" => value.encode(&mut Compact::writer(&mut out)),
        _ => value.encode(&mut Binary::writer(&mut out)),
    }
    .unwrap();
    out.finish().to_vec()
}

fn from_bytes<T: Decode>(protocol: &str, bytes: &[u8]) -> thrift::Result<T> {
    match protocol {
        "json" => T::decode(&mut Json::reader(bytes)),
        "compact" => T::decode(&mut Compact::reader(bytes)),
        _ => T::decode(&mut Binary::reader(bytes)),
    }
}

/// What a property is checked with.
struct Check {
    echo: Echo,
    /// Whether Python keeps the order of all that it reads, so that the same bytes come back.
    is_ordered: bool,
}

impl Check {
    /// Sends random values of a type through Python in every protocol.
    fn values<T>(&mut self, name: &str, values: &impl Strategy<Value = T>)
    where
        T: Encode + Decode + PartialEq + Debug,
    {
        let mut runner = TestRunner::new(ProptestConfig::with_cases(CASES));
        let check = std::cell::RefCell::new(self);
        let outcome = runner.run(values, |value| {
            let mut check = check.borrow_mut();
            for protocol in PROTOCOLS {
                let bytes = to_bytes(protocol, &value);
                let again = check.echo.again(protocol, name, &bytes);
                // What does not come is filled in by whoever reads.
                let expected: T = from_bytes(protocol, &bytes).unwrap();
                let got: T = from_bytes(protocol, &again).map_err(|error| TestCaseError::fail(error.to_string()))?;
                prop_assert_eq!(&got, &expected, "{}", protocol);
                // Python writes the same doubles in JSON with other digits.
                if check.is_ordered && protocol != "json" {
                    prop_assert_eq!(&again, &bytes, "{}", protocol);
                }
            }
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{name}: {error}");
        }
    }

    /// Values of all types; sets have `set` elements.
    fn everything(&mut self, set: &SizeRange) {
        self.values("Scalars", &random::scalars());
        self.values("Required", &random::required());
        self.values("Optional", &random::optional(set));
        self.values("Defaults", &random::defaults(set));
        self.values("Choice", &random::choice());
        self.values("Containers", &random::containers(set));
        self.values("Tree", &random::tree());
        self.values("Keywords", &random::keywords());
        // Like Apache's crate, and unlike Python, ours takes three bytes for the head of a field whose id is 15 above the
        // last one's, in the compact protocol.
        let is_ordered = self.is_ordered;
        let ids = random::ids().prop_map(move |ids| if is_ordered { Ids { first: None, ..ids } } else { ids });
        self.values("Ids", &ids);
        self.values("Implicit", &random::implicit());
        self.values("Versioned", &random::versioned());
        self.values("Uuids", &random::uuids(set));
    }
}

#[test]
fn values_survive_python() {
    let Some(echo) = Echo::start() else { return };
    Check { echo, is_ordered: false }.everything(&(0..6).into());
}

#[test]
fn python_writes_the_same_bytes() {
    let Some(echo) = Echo::start() else { return };
    // Python's maps keep their order; its sets do not.
    Check { echo, is_ordered: true }.everything(&(0..2).into());
}

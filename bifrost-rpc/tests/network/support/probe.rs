//! A service whose effects can be counted, written by hand as generated code is.

use bifrost_rpc::protocol::{Decode, Encode, MessageHeader, Reader, ThriftType, Writer};
use bifrost_rpc::service::{Answer, exception, missing_field, missing_result, reply, unknown_method};
use bifrost_rpc::thrift::protocol::TType;
use bifrost_rpc::{CallResult, Channel, Dispatch, Method, Pending, thrift};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

const fn method(name: &'static str) -> Method {
    Method { service: "Probe", name, oneway: false, short: false, idempotent: false }
}

/// `i64 add(1: i64 by)`: adds to the total and returns it; on the receiving thread.
pub(crate) const ADD: Method = Method { short: true, ..method("add") };
/// `i64 append(1: i64 id)`: appends the id to the file of effects and returns it; on a worker.
pub(crate) const APPEND: Method = method("append");
/// As `append`, on the receiving thread.
pub(crate) const APPEND_SHORT: Method = Method { short: true, ..method("append_short") };
/// `oneway void note(1: i64 id)`: appends the id; on a worker, after a millisecond.
pub(crate) const NOTE: Method = Method { oneway: true, ..method("note") };
/// `binary echo(1: binary data)`.
pub(crate) const ECHO: Method = method("echo");
/// `binary fill(1: i64 len)`: so many bytes.
pub(crate) const FILL: Method = method("fill");
/// `i64 nap(1: i64 ms)`: returns after so long; on a worker.
pub(crate) const NAP: Method = method("nap");
/// `i64 total(1: i64 zero)`: may be issued again.
pub(crate) const TOTAL: Method = Method { idempotent: true, short: true, ..method("total") };
/// A method that the service does not have.
pub(crate) const ABSENT: Method = method("absent");
/// A method of a service that is not there.
pub(crate) const ELSEWHERE: Method = Method { service: "Elsewhere", ..ADD };

/// A struct of one optional field: arguments and results.
#[derive(Debug)]
pub(crate) struct One<T, const ID: i16>(pub(crate) Option<T>);

impl<T, const ID: i16> ThriftType for One<T, ID> {
    const TYPE: TType = TType::Struct;
}

impl<T: Encode, const ID: i16> Encode for One<T, ID> {
    fn encode<W: Writer>(&self, w: &mut W) -> thrift::Result<()> {
        w.struct_begin("One")?;
        if let Some(value) = &self.0 {
            w.field_begin("value", T::TYPE, ID)?;
            value.encode(w)?;
            w.field_end()?;
        }
        w.field_stop()?;
        w.struct_end()
    }
}

impl<T: Decode, const ID: i16> Decode for One<T, ID> {
    fn decode<R: Reader>(r: &mut R) -> thrift::Result<Self> {
        let mut value = None;
        r.struct_begin()?;
        loop {
            match r.field_begin()? {
                (TType::Stop, _) => break,
                (found, id) if id == ID && found == T::TYPE => value = Some(T::decode(r)?),
                (other, _) => r.skip(other)?,
            }
            r.field_end()?;
        }
        r.struct_end()?;
        Ok(Self(value))
    }
}

/// The arguments of every method.
pub(crate) type Args<T> = One<T, 1>;

impl<T: Decode> CallResult for One<T, 0> {
    type Value = T;

    fn into_value(self) -> thrift::Result<T> {
        self.0.ok_or_else(|| missing_result("a method of Probe"))
    }
}

/// The handlers.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    total: AtomicI64,
    effects: Option<File>,
}

impl Probe {
    /// Handlers whose effects go to this file.
    pub(crate) fn with_effects(path: &Path) -> Self {
        let file = File::options().create(true).append(true).open(path).unwrap();
        Self { total: AtomicI64::new(0), effects: Some(file) }
    }

    /// One `write` of eight bytes to a file opened for appending: it happens, or it does not.
    fn append(&self, id: i64) -> i64 {
        let mut file = self.effects.as_ref().expect("a server with a file of effects");
        assert_eq!(file.write(&id.to_le_bytes()).unwrap(), 8);
        id
    }

    fn add(&self, by: i64) -> i64 {
        self.total.fetch_add(by, SeqCst) + by
    }
}

/// Waits as a slow handler does.
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn answer<A: Decode, T: Encode, R: Reader, W: Writer>(
    header: &MessageHeader,
    args: &mut R,
    out: &mut W,
    run: impl FnOnce(A) -> T,
) -> thrift::Result<Answer> {
    match Args::<A>::decode(args).and_then(|One(value)| value.ok_or(missing_field("arguments", "value"))) {
        Ok(value) => reply(header, out, One::<T, 0>(Some(run(value)))),
        Err(error) => exception(header, out, error),
    }
}

impl Dispatch for Probe {
    const SERVICE: &'static str = "Probe";
    const METHODS: &'static [Method] = &[ADD, APPEND, APPEND_SHORT, NOTE, ECHO, FILL, NAP, TOTAL];

    fn dispatch<R: Reader, W: Writer>(
        &self,
        header: &MessageHeader,
        args: &mut R,
        out: &mut W,
    ) -> thrift::Result<Answer> {
        match header.name.as_str() {
            "add" => answer(header, args, out, |by: i64| self.add(by)),
            "append" | "append_short" => answer(header, args, out, |id: i64| self.append(id)),
            "echo" => answer(header, args, out, |data: Vec<u8>| data),
            "fill" => answer(header, args, out, |len: i64| vec![0xF1_u8; usize::try_from(len).unwrap()]),
            "nap" => answer(header, args, out, |ms: i64| {
                pause(Duration::from_millis(ms.unsigned_abs()));
                ms
            }),
            "total" => answer(header, args, out, |by: i64| self.add(by)),
            "note" => {
                if let Ok(One::<i64, 1>(Some(id))) = Args::decode(args) {
                    pause(Duration::from_millis(1));
                    self.append(id);
                }
                Ok(Answer::Nothing)
            }
            _ => unknown_method(header, args, out),
        }
    }
}

/// Calls the service.
#[derive(Debug, Clone)]
pub(crate) struct Client(pub(crate) Channel);

impl Client {
    pub(crate) fn connect(url: &str) -> Self {
        Self(Channel::connect(url).unwrap())
    }

    /// Calls a method that takes and returns a number.
    pub(crate) fn number(&self, method: &'static Method, value: i64) -> thrift::Result<i64> {
        self.0.call::<_, One<i64, 0>>(method, One::<i64, 1>(Some(value)))
    }

    pub(crate) fn start_number(&self, method: &'static Method, value: i64) -> thrift::Result<Pending<i64>> {
        self.0.start::<_, One<i64, 0>>(method, One::<i64, 1>(Some(value)))
    }

    pub(crate) fn add(&self, by: i64) -> thrift::Result<i64> {
        self.number(&ADD, by)
    }

    pub(crate) fn total(&self) -> i64 {
        self.number(&TOTAL, 0).unwrap()
    }

    pub(crate) fn echo(&self, data: Vec<u8>) -> thrift::Result<Vec<u8>> {
        self.0.call::<_, One<Vec<u8>, 0>>(&ECHO, One::<Vec<u8>, 1>(Some(data)))
    }

    pub(crate) fn start_echo(&self, data: Vec<u8>) -> thrift::Result<Pending<Vec<u8>>> {
        self.0.start::<_, One<Vec<u8>, 0>>(&ECHO, One::<Vec<u8>, 1>(Some(data)))
    }

    pub(crate) fn fill(&self, len: i64) -> thrift::Result<Vec<u8>> {
        self.0.call::<_, One<Vec<u8>, 0>>(&FILL, One::<i64, 1>(Some(len)))
    }

    pub(crate) fn note(&self, id: i64) -> thrift::Result<()> {
        self.0.oneway(&NOTE, One::<i64, 1>(Some(id)))
    }
}

/// A file of effects of its own, removed with this.
#[derive(Debug)]
pub(crate) struct Effects {
    pub(crate) path: PathBuf,
}

impl Effects {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("effects-{}-{}", std::process::id(), NUMBER.fetch_add(1, SeqCst));
        Self { path: Path::new(env!("CARGO_TARGET_TMPDIR")).join(name) }
    }

    /// The ids in the order in which their effects happened.
    pub(crate) fn ids(&self) -> Vec<i64> {
        let bytes = std::fs::read(&self.path).unwrap_or_default();
        bytes.chunks_exact(8).map(|id| i64::from_le_bytes(id.try_into().unwrap())).collect()
    }
}

impl Drop for Effects {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

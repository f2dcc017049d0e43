//! What is measured: the benchmarks, their arguments, and the check of their results.

use anyhow::{Result, ensure};

use crate::chain;
use crate::random::Random;
use crate::variants::Session;

/// Added to each byte by `increment` and `increment-list`.
pub(crate) const INCREMENT: i8 = 3;
/// What a raw socket carries for `ping` and `rate`: about a small call's request, and the shortest reply.
pub(crate) const PING_REQUEST_BYTES: usize = 29;
pub(crate) const PING_REPLY_BYTES: usize = 1;

/// A benchmark by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bench {
    /// A call without arguments or result.
    Ping,
    /// Binary data there and back.
    Echo,
    /// A binary array of which each byte is incremented.
    Increment,
    /// The same as a `list<byte>`, which Thrift codes element by element.
    IncrementList,
    /// Two binary arrays added byte by byte.
    Add,
    /// Small calls per second with several outstanding.
    Rate,
    /// One operation on a memory server: reading, writing, making or freeing an object.
    Memory,
    /// Memory operations per second of several clients against one or more servers.
    MemoryRate,
    /// Services that call each other in turn, each reading a part of an array.
    Chain,
    /// `increment` in parts.
    Breakdown,
}

impl Bench {
    /// What `all` runs, in this order: everything by value.
    pub(crate) const BY_VALUE: [Self; 6] =
        [Self::Ping, Self::Echo, Self::Increment, Self::IncrementList, Self::Add, Self::Rate];
    const BY_REFERENCE: [Self; 4] = [Self::Memory, Self::MemoryRate, Self::Chain, Self::Breakdown];

    /// The name on the command line and in every output.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Echo => "echo",
            Self::Increment => "increment",
            Self::IncrementList => "increment-list",
            Self::Add => "add",
            Self::Rate => "rate",
            Self::Memory => "memory",
            Self::MemoryRate => "memory-rate",
            Self::Chain => "chain",
            Self::Breakdown => "breakdown",
        }
    }

    /// The benchmark of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::BY_VALUE.into_iter().chain(Self::BY_REFERENCE).find(|bench| bench.name() == name)
    }

    /// Whether it is run once for each size.
    pub(crate) fn is_sized(self) -> bool {
        !matches!(self, Self::Ping | Self::Rate)
    }

    /// Whether its figures are operations per second.
    pub(crate) fn is_rate(self) -> bool {
        matches!(self, Self::Rate | Self::MemoryRate)
    }

    /// Whether it is run with several numbers of servers.
    pub(crate) fn has_servers(self) -> bool {
        matches!(self, Self::MemoryRate | Self::Chain)
    }
}

/// One benchmark at one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Workload {
    pub(crate) bench: Bench,
    /// Bytes of one array; 0 where the benchmark has no size.
    pub(crate) size: usize,
    /// Calls outstanding at once, for `rate`; clients, for `memory-rate`; 1 for all others.
    pub(crate) outstanding: usize,
    /// Services in turn, for `chain`; memory servers, for `memory-rate`; 1 for all others.
    pub(crate) servers: usize,
}

impl Workload {
    /// Bytes that a raw socket sends for a call.
    pub(crate) fn request_bytes(&self) -> usize {
        match self.bench {
            Bench::Ping | Bench::Rate => PING_REQUEST_BYTES,
            Bench::Add => 2 * self.size,
            _ => self.size,
        }
    }

    /// Bytes that a raw socket gets back.
    pub(crate) fn reply_bytes(&self) -> usize {
        match self.bench {
            Bench::Ping | Bench::Rate => PING_REPLY_BYTES,
            _ => self.size,
        }
    }

    /// Does a raw server's work in place: turns a request of `request_bytes` into a reply in its first `reply_bytes`.
    pub(crate) fn serve_in_place(&self, buffer: &mut [u8]) {
        match self.bench {
            Bench::Increment | Bench::IncrementList | Bench::Breakdown => increment(buffer, INCREMENT),
            Bench::Add => {
                let (a, b) = buffer.split_at_mut(self.size);
                add(a, b);
            }
            _ => {}
        }
    }

    /// The arguments of a call.
    pub(crate) fn draw(&self, random: &mut Random) -> Argument {
        match self.bench {
            Bench::Ping | Bench::Rate => Argument::Nothing,
            Bench::IncrementList => Argument::Signed(bytemuck::cast_vec(random.bytes(self.size))),
            Bench::Add => Argument::Pair(random.bytes(self.size), random.bytes(self.size)),
            Bench::Chain => {
                let offset = chain::next_offset(self.size, random.next().cast_signed());
                Argument::Visit(random.bytes(self.size), offset)
            }
            _ => Argument::Bytes(random.bytes(self.size)),
        }
    }

    /// One call. `argument` must be one of this workload's.
    #[inline]
    pub(crate) fn call(&self, session: &mut dyn Session, argument: Argument) -> Result<Outcome> {
        Ok(match argument {
            Argument::Nothing => {
                session.ping()?;
                Outcome::Nothing
            }
            Argument::Bytes(data) if self.bench == Bench::Echo => Outcome::Bytes(session.echo(data)?),
            Argument::Bytes(data) => Outcome::Bytes(session.increment(data, INCREMENT)?),
            Argument::Signed(data) => Outcome::Signed(session.increment_list(data, INCREMENT)?),
            Argument::Pair(a, b) => Outcome::Bytes(session.add(a, b)?),
            Argument::Visit(data, offset) => Outcome::Number(session.visit(data, offset)?),
        })
    }

    /// Whether `outcome` is right for `argument`.
    ///
    /// # Errors
    /// The first difference.
    pub(crate) fn check(&self, argument: &Argument, outcome: &Outcome) -> Result<()> {
        let mut expected = match argument.clone() {
            Argument::Nothing => Vec::new(),
            Argument::Bytes(data) => data,
            Argument::Signed(data) => bytemuck::cast_vec(data),
            Argument::Pair(a, b) => [a, b].concat(),
            Argument::Visit(data, offset) => return self.check_visit(&data, offset, outcome),
        };
        self.serve_in_place(&mut expected);
        expected.truncate(self.size);
        let got: &[u8] = match outcome {
            Outcome::Nothing | Outcome::Number(_) => &[],
            Outcome::Bytes(data) => data,
            Outcome::Signed(data) => bytemuck::cast_slice(data),
        };
        check_bytes(got, &expected)
    }

    fn check_visit(&self, data: &[u8], offset: i32, outcome: &Outcome) -> Result<()> {
        let expected = Outcome::Number(chain::answer(data, offset, self.servers)?);
        ensure!(*outcome == expected, "wrong result: {outcome:?} instead of {expected:?}");
        Ok(())
    }
}

/// What a call is given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Argument {
    Nothing,
    Bytes(Vec<u8>),
    Signed(Vec<i8>),
    Pair(Vec<u8>, Vec<u8>),
    /// An array, and where the first service reads in it.
    Visit(Vec<u8>, i32),
}

/// What a call returns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    Nothing,
    Bytes(Vec<u8>),
    Signed(Vec<i8>),
    Number(i64),
}

/// Whether `got` is what was expected.
///
/// # Errors
/// The first difference.
pub(crate) fn check_bytes(got: &[u8], expected: &[u8]) -> Result<()> {
    ensure!(got.len() == expected.len(), "wrong result: {} bytes instead of {}", got.len(), expected.len());
    if got == expected {
        return Ok(());
    }
    let at = got.iter().zip(expected).position(|(got, expected)| got != expected).unwrap_or(0);
    anyhow::bail!("wrong result: byte {at} is {} instead of {}", got[at], expected[at])
}

/// Adds `amount` to each byte, wrapping.
pub(crate) fn increment(data: &mut [u8], amount: i8) {
    let amount = amount.cast_unsigned();
    for byte in data {
        *byte = byte.wrapping_add(amount);
    }
}

/// Adds `b` to `a` byte by byte, wrapping, over the shorter of both.
pub(crate) fn add(a: &mut [u8], b: &[u8]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a = a.wrapping_add(*b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(bench: Bench, size: usize) -> Workload {
        Workload { bench, size, outstanding: 1, servers: 1 }
    }

    #[test]
    fn names_are_unique_and_found() {
        for bench in Bench::BY_VALUE.into_iter().chain(Bench::BY_REFERENCE) {
            assert_eq!(Bench::named(bench.name()), Some(bench));
        }
        assert_eq!(Bench::named("all"), None);
    }

    #[test]
    fn the_check_accepts_what_is_right_and_names_what_is_not() {
        let echo = workload(Bench::Echo, 4);
        let argument = Argument::Bytes(vec![1, 2, 3, 4]);
        echo.check(&argument, &Outcome::Bytes(vec![1, 2, 3, 4])).unwrap();
        let wrong = echo.check(&argument, &Outcome::Bytes(vec![1, 2, 9, 4])).unwrap_err();
        assert!(wrong.to_string().contains("byte 2"), "{wrong}");
        assert!(echo.check(&argument, &Outcome::Bytes(vec![1])).is_err());
    }

    #[test]
    fn what_is_drawn_differs_each_time() {
        let random = &mut Random::seeded(1);
        for bench in [Bench::Echo, Bench::IncrementList, Bench::Add, Bench::Chain] {
            let workload = workload(bench, 5000);
            assert_ne!(workload.draw(random), workload.draw(random), "{bench:?}");
        }
    }

    #[test]
    fn increments_and_sums_wrap() {
        let list = workload(Bench::IncrementList, 2);
        list.check(&Argument::Signed(vec![127, 0]), &Outcome::Signed(vec![-126, 3])).unwrap();
        let add = workload(Bench::Add, 2);
        add.check(&Argument::Pair(vec![255, 1], vec![1, 1]), &Outcome::Bytes(vec![0, 2])).unwrap();
        assert_eq!((add.request_bytes(), add.reply_bytes()), (4, 2));
    }
}

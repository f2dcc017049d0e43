//! What to measure: the checked form of the command line.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::sockets;
use crate::variants::{self, Variant};
use crate::workload::{Bench, Workload};

/// Largest array. Apache's framed transport refuses frames beyond 16,384,000 bytes, and `add` sends two arrays.
pub(crate) const SIZE_BYTES_MAX: usize = 64 << 20;

/// Bytes of an array, unless said otherwise: a decade in about three steps, and the sizes at which a
/// stack has been seen to change its mind.
pub(crate) const SIZES: &str = "1,64,512,1K,4K,9000,16K,64K,131072,256K,1M,2M";

/// The same for what uses global memory.
pub(crate) const SIZES_BY_REFERENCE: &str = "64,1K,4K,16K,64K,256K,1M,2M";
const SIZES_MEMORY_RATE: &str = "64,16K,1M";
const SIZES_CHAIN: &str = "2M";
const SIZES_BREAKDOWN: &str = "16K";
/// Services of a chain, and memory servers of `memory-rate`, at most.
pub(crate) const SERVERS_MAX: usize = 16;

/// Where the two processes run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) name: &'static str,
    /// The processors of client and server; none leaves it to the system.
    pub(crate) cores: Option<(usize, usize)>,
}

impl Placement {
    /// `same`, `cross` or `none`, on the first processors that this process may use.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let cores = sockets::allowed_cores()?;
        let first = *cores.first().context("no processor is allowed")?;
        Ok(match name {
            "same" => Self { name: "same", cores: Some((first, first)) },
            "cross" => {
                let second =
                    *cores.get(1).context("`--pin cross` needs two processors, and this process may use one")?;
                Self { name: "cross", cores: Some((first, second)) }
            }
            "none" => Self { name: "none", cores: None },
            other => bail!("no placement `{other}`: same, cross or none"),
        })
    }

    /// Lets this thread, and those that it starts from now on, run where clients do.
    pub(crate) fn pin_client(&self) -> Result<()> {
        self.cores.map_or(Ok(()), |(client, _)| sockets::pin(&[client]))
    }

    /// The same where servers do.
    pub(crate) fn pin_server(&self) -> Result<()> {
        self.server_core().map_or(Ok(()), |server| sockets::pin(&[server]))
    }

    /// The processor of servers, if there is one.
    pub(crate) fn server_core(&self) -> Option<usize> {
        self.cores.map(|(_, server)| server)
    }
}

/// A whole run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) benches: Vec<Bench>,
    /// Empty for each benchmark's own.
    pub(crate) sizes: Vec<usize>,
    /// Services in turn, or memory servers; empty for each benchmark's own.
    pub(crate) servers: Vec<usize>,
    /// Calls by reference as well.
    pub(crate) by_ref: bool,
    pub(crate) variants: Vec<&'static dyn Variant>,
    pub(crate) rounds: u32,
    /// Calls of one variant in one round, at most.
    pub(crate) iterations: u32,
    /// Time of one variant in one round, about.
    pub(crate) budget: Duration,
    pub(crate) outstanding: usize,
    pub(crate) placement: Placement,
    pub(crate) address: IpAddr,
    pub(crate) key: Option<PathBuf>,
}

impl Plan {
    /// Every workload in order.
    pub(crate) fn workloads(&self) -> Vec<Workload> {
        let mut workloads = Vec::new();
        for &bench in &self.benches {
            for size in self.sizes_of(bench) {
                let outstanding = if bench.is_rate() { self.outstanding } else { 1 };
                let of = |servers| Workload { bench, size, outstanding, servers };
                workloads.extend(self.servers_of(bench).into_iter().map(of));
            }
        }
        workloads
    }

    fn sizes_of(&self, bench: Bench) -> Vec<usize> {
        let list = match bench {
            Bench::Ping | Bench::Rate => return vec![0],
            _ if !self.sizes.is_empty() => return self.sizes.clone(),
            Bench::Chain => SIZES_CHAIN,
            Bench::Breakdown => SIZES_BREAKDOWN,
            Bench::MemoryRate => SIZES_MEMORY_RATE,
            Bench::Memory => SIZES_BY_REFERENCE,
            _ if self.by_ref => SIZES_BY_REFERENCE,
            _ => SIZES,
        };
        list.split(',').filter_map(|size| parse_size(size).ok()).collect()
    }

    fn servers_of(&self, bench: Bench) -> Vec<usize> {
        match bench {
            _ if !bench.has_servers() => vec![1],
            _ if !self.servers.is_empty() => self.servers.clone(),
            Bench::Chain => vec![1, 2, 4],
            _ => vec![1, 2, 3],
        }
    }
}

/// A number of bytes with an optional suffix `K` or `M` (1,024 and its square).
pub(crate) fn parse_size(text: &str) -> Result<usize> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 1 << 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    let count: usize = digits.parse().ok().with_context(|| format!("`{text}` is no size; say 512, 64K or 2M"))?;
    let bytes = count.checked_mul(unit).filter(|&bytes| bytes <= SIZE_BYTES_MAX);
    let bytes = bytes.with_context(|| format!("{text} is more than {} MiB", SIZE_BYTES_MAX >> 20))?;
    ensure!(bytes > 0, "a size of 0 measures `ping`; the smallest is 1");
    Ok(bytes)
}

/// The benchmarks that a name stands for.
pub(crate) fn parse_benches(name: &str) -> Result<Vec<Bench>> {
    match name {
        "all" => return Ok(Bench::BY_VALUE.to_vec()),
        "memory" => return Ok(vec![Bench::Memory, Bench::MemoryRate]),
        _ => {}
    }
    let names = || Bench::BY_VALUE.map(Bench::name).join(", ");
    Bench::named(name).map(|bench| vec![bench]).with_context(|| format!("no benchmark `{name}`: {} or all", names()))
}

/// The variants named, in the usual order; all if none is, those that concern calls by reference only if `by_ref` says so.
pub(crate) fn parse_variants(names: &[String], by_ref: bool) -> Result<Vec<&'static dyn Variant>> {
    for name in names {
        let known = || variants::ALL.iter().map(|variant| variant.name()).collect::<Vec<_>>().join(", ");
        ensure!(variants::named(name).is_some(), "no variant `{name}`: {}", known());
    }
    let wanted = |variant: &&dyn Variant| match names {
        [] => by_ref || !variant.is_by_reference(),
        names => names.iter().any(|name| name == variant.name()),
    };
    Ok(variants::ALL.iter().copied().filter(wanted).collect())
}

/// A size as people write it: `2 MiB`, `9000 B`.
pub(crate) fn size_text(bytes: usize) -> String {
    match bytes {
        0 => "-".to_owned(),
        b if b.is_multiple_of(1 << 20) => format!("{} MiB", b >> 20),
        b if b.is_multiple_of(1 << 10) => format!("{} KiB", b >> 10),
        b => format!("{b} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [("1", 1), ("1K", 1024), ("64k", 65_536), ("2M", 2 << 20), ("9000", 9000)] {
            assert_eq!(parse_size(text).unwrap(), bytes);
        }
        for (text, complaint) in [
            ("0", "ping"),
            ("0K", "ping"),
            ("", "no size"),
            ("K", "no size"),
            ("-1", "no size"),
            ("1G", "no size"),
            ("65M", "64 MiB"),
            ("99999999999999999999", "no size"),
            ("18446744073709551615M", "64 MiB"),
        ] {
            let error = parse_size(text).unwrap_err().to_string();
            assert!(error.contains(complaint), "{text}: {error}");
        }
        assert!(SIZES.split(',').map(parse_size).all(|size| size.is_ok()));
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!([0, 9000, 1 << 10, 131_072, 2 << 20].map(size_text), ["-", "9000 B", "1 KiB", "128 KiB", "2 MiB"]);
    }

    #[test]
    fn names() {
        assert_eq!(parse_benches("all").unwrap().len(), Bench::BY_VALUE.len());
        assert_eq!(parse_benches("memory").unwrap(), [Bench::Memory, Bench::MemoryRate]);
        assert_eq!(parse_benches("echo").unwrap(), [Bench::Echo]);
        assert!(parse_benches("pong").unwrap_err().to_string().contains("increment-list"));
        assert_eq!(parse_variants(&[], true).unwrap().len(), variants::ALL.len());
        assert!(parse_variants(&[], false).unwrap().iter().all(|variant| !variant.is_by_reference()));
        let some = parse_variants(&["raw-tcp".to_owned(), "raw-udp".to_owned()], false).unwrap();
        assert_eq!(some.iter().map(|variant| variant.name()).collect::<Vec<_>>(), ["raw-udp", "raw-tcp"]);
        assert!(parse_variants(&["tcp".to_owned()], true).unwrap_err().to_string().contains("raw-tcp"));
        assert!(Placement::named("here").is_err());
    }

    #[test]
    fn benchmarks_are_repeated_by_what_they_have() {
        let mut plan = Plan {
            benches: Bench::BY_VALUE.to_vec(),
            sizes: vec![1, 2],
            servers: Vec::new(),
            by_ref: false,
            variants: Vec::new(),
            rounds: 1,
            iterations: 1,
            budget: Duration::ZERO,
            outstanding: 16,
            placement: Placement { name: "none", cores: None },
            address: "::1".parse().unwrap(),
            key: None,
        };
        let workloads = plan.workloads();
        assert_eq!(workloads.len(), 2 + 4 * 2);
        assert_eq!(workloads[9], Workload { bench: Bench::Rate, size: 0, outstanding: 16, servers: 1 });
        plan.benches = vec![Bench::MemoryRate, Bench::Chain];
        let servers: Vec<usize> = plan.workloads().iter().map(|workload| workload.servers).collect();
        assert_eq!(servers, [1, 2, 3, 1, 2, 3, 1, 2, 4, 1, 2, 4]);
        (plan.sizes, plan.servers) = (Vec::new(), vec![2]);
        assert_eq!(plan.workloads().len(), 3 + 1);
    }
}

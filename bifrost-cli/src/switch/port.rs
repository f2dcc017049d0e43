//! Ports as they are given on the command line.

use crate::fault::usage;
use anyhow::Result;
use bifrost_rpc::wire::tunnel::NODE_NAME_BYTES_MAX;
use bifrost_switch::daemon::{PORTS_MAX, PortKind, TunnelPort};
use std::collections::BTreeMap;
use std::str::FromStr;

/// `N=tunnel`, `N=tunnel:NODE`, `N=dev:DEVICE` or `N=unix:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PortArg {
    pub(crate) number: u32,
    pub(crate) kind: PortKind,
}

impl FromStr for PortArg {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (number, kind) =
            text.split_once('=').ok_or("write N=tunnel, N=tunnel:NODE, N=dev:DEVICE or N=unix:PATH")?;
        let number = number.parse().ok().filter(|&number| number < PORTS_MAX);
        let number = number.ok_or_else(|| format!("a port's number is 0 to {}", PORTS_MAX - 1))?;
        let kind = match kind.split_once(':') {
            None if kind == "tunnel" => PortKind::Tunnel(TunnelPort::default()),
            Some(("tunnel", node)) if !node.is_empty() && node.len() <= NODE_NAME_BYTES_MAX => {
                PortKind::Tunnel(TunnelPort { node: node.to_owned(), ..TunnelPort::default() })
            }
            Some(("tunnel", _)) => return Err(format!("a node's name has 1 to {NODE_NAME_BYTES_MAX} bytes")),
            Some(("dev", device)) if !device.is_empty() => PortKind::Device(device.to_owned()),
            Some(("unix", path)) if !path.is_empty() => PortKind::Socket(path.into()),
            _ => return Err(format!("no port {kind:?}: write tunnel, tunnel:NODE, dev:DEVICE or unix:PATH")),
        };
        Ok(Self { number, kind })
    }
}

/// Ports by their numbers, of which none may be given twice.
pub(crate) fn by_number(given: &[PortArg]) -> Result<BTreeMap<u32, PortKind>> {
    let mut ports = BTreeMap::new();
    for PortArg { number, kind } in given {
        if ports.insert(*number, kind.clone()).is_some() {
            return Err(usage(format!("port {number} is given twice")));
        }
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read() {
        let of = |text: &str| text.parse::<PortArg>().map(|port| (port.number, port.kind.to_string()));
        assert_eq!(of("1=tunnel"), Ok((1, "tunnel".into())));
        assert_eq!(of("510=tunnel:n1"), Ok((510, "tunnel n1".into())));
        assert_eq!(of("0=dev:veth0"), Ok((0, "veth0".into())));
        assert_eq!(of("510=unix:/run/x"), Ok((510, "socket /run/x".into())));
        for text in ["1", "511=tunnel", "x=tunnel", "1=tunnel:", "1=dev:", "1=unix:", "1=veth0", "1=", "-1=tunnel"] {
            assert!(of(text).is_err(), "{text}");
        }
    }
}

//! The forms in which calls travel: protocol, transport, and whether names are prefixed with their service.

/// The protocols.
pub(crate) const PROTOCOLS: [&str; 3] = ["binary", "compact", "json"];

/// The transports.
const TRANSPORTS: [&str; 2] = ["framed", "buffered"];

/// An address for each form, with a port that the system chooses.
pub(crate) fn urls() -> Vec<String> {
    let mut urls = Vec::new();
    for protocol in PROTOCOLS {
        for transport in TRANSPORTS {
            for multiplexed in [false, true] {
                urls.push(format!(
                    "tcp://127.0.0.1:0?protocol={protocol}&transport={transport}&multiplexed={multiplexed}"
                ));
            }
        }
    }
    urls
}

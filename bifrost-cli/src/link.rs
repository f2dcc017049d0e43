//! The link by which a command attaches to a rack's switch.

use crate::fault::usage;
use crate::key;
use anyhow::Result;
use bifrost_rpc::node::{Node, NodeBuilder};
use bifrost_rpc::{Key, Link, LinkError, Url};
use std::path::PathBuf;

/// How to attach.
#[derive(Debug, clap::Args)]
pub(crate) struct Attachment {
    /// Attach to a rack's switch by a tunnel, tunnel://HOST:PORT?node=NAME or ?port=NUMBER; then udp:// and rack:// are addresses
    /// of the rack. What the switch does not tell: &address=ADDRESS&mac=MAC&switch-mac=MAC&prefix=ADDRESS&mtu=BYTES. Or, where a network
    /// device leads to the switch, `native://[ADDRESS]:7400?node=NAME`; then &prefix=ADDRESS&mtu=BYTES
    #[arg(long, value_name = "URL")]
    link: Option<String>,

    /// The rack's key, 64 hexadecimal digits in this file; without it the switch must be on this machine
    #[arg(long, value_name = "FILE", requires = "link")]
    link_key: Option<PathBuf>,

    /// Join the rack: its control plane takes the node in, and says what it may do. Without it the switch must have its entries already
    #[arg(long, requires = "link")]
    rack: bool,
}

impl Attachment {
    /// Attaches, if that is asked for.
    pub(crate) fn attach(&self) -> Result<Option<Link>> {
        let Some(url) = &self.link else { return Ok(None) };
        let mut builder = Link::builder();
        if let Some(key) = self.key()? {
            builder = builder.key(key);
        }
        match builder.attach(url) {
            Ok(link) => Ok(Some(link)),
            Err(
                error @ (LinkError::Url(_)
                | LinkError::Anonymous
                | LinkError::Value { .. }
                | LinkError::NoKey(_)
                | LinkError::Unknown(_)),
            ) => Err(usage(format!("--link: {error}"))),
            Err(error) => Err(error.into()),
        }
    }

    /// The rack's key, if one was given.
    pub(crate) fn key(&self) -> Result<Option<Key>> {
        self.link_key.as_deref().map(key::read).transpose()
    }

    /// Whether the rack is joined.
    pub(crate) fn joins(&self) -> bool {
        self.rack
    }

    /// Joins the rack, if that is asked for. The node has the name that the link's URL has, if it was given no other.
    pub(crate) fn join(&self, link: &Link, name: Option<String>, node: NodeBuilder) -> Result<Option<Node>> {
        let Some(url) = self.link.as_ref().filter(|_| self.rack) else { return Ok(None) };
        let named = Url::parse(url).ok().and_then(|url| url.parameter("node").map(str::to_owned));
        let name = name.or(named).ok_or_else(|| usage("--rack: say who joins: ?node=NAME in --link"))?;
        let mut node = node.name(&name);
        if let Some(key) = self.key()? {
            node = node.key(key);
        }
        Ok(Some(node.over(link)?))
    }

    /// Where a server listens that is not told where.
    pub(crate) fn listen<'a>(&self, without: &'a str) -> &'a str {
        if self.link.is_some() { "udp://[::]:7400" } else { without }
    }
}

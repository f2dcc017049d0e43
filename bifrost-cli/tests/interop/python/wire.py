"""Protocols and transports as a URL says, the same URLs that `bifrost serve` and `bifrost call` take.

Two parameters only this peer knows: `accelerated=true` takes the C extension, `strict=false` writes message headers of
the binary protocol in the old form.
"""

import logging
from urllib.parse import parse_qsl, urlsplit

from thrift.protocol.TBinaryProtocol import TBinaryProtocolAcceleratedFactory, TBinaryProtocolFactory
from thrift.protocol.TCompactProtocol import TCompactProtocolAcceleratedFactory, TCompactProtocolFactory
from thrift.protocol.TJSONProtocol import TJSONProtocolFactory
from thrift.transport.TTransport import TBufferedTransportFactory, TFramedTransportFactory

WAIT_MS = 20_000

# Generated processors log each error of a handler; what breaks a connection is what matters here.
logging.basicConfig(level=logging.CRITICAL)
logging.getLogger("thrift.server.TServer").setLevel(logging.ERROR)


class Form:
    """A URL taken apart."""

    def __init__(self, url):
        self.url = url
        parts = urlsplit(url)
        self.scheme, self.host, self.port, self.path = parts.scheme, parts.hostname, parts.port, parts.path
        known = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.protocol = known.pop("protocol", "binary")
        self.transport = known.pop("transport", "framed")
        self.is_multiplexed = known.pop("multiplexed", "false") == "true"
        self.is_accelerated = known.pop("accelerated", "false") == "true"
        self.is_strict = known.pop("strict", "true") == "true"
        self.is_newer = known.pop("newer", "false") == "true"
        if known:
            raise ValueError(f"{url}: unknown parameters {known}")

    def protocol_factory(self):
        """The factory of the protocol."""
        if self.protocol == "json":
            return TJSONProtocolFactory()
        if self.protocol == "compact":
            return TCompactProtocolAcceleratedFactory(fallback=False) if self.is_accelerated else TCompactProtocolFactory()
        if self.protocol != "binary":
            raise ValueError(f"{self.url}: no protocol {self.protocol}")
        if self.is_accelerated:
            return TBinaryProtocolAcceleratedFactory(fallback=False)
        return TBinaryProtocolFactory(strictRead=False, strictWrite=self.is_strict)

    def transport_factory(self):
        """The factory of the transport."""
        return {"framed": TFramedTransportFactory, "buffered": TBufferedTransportFactory}[self.transport]()

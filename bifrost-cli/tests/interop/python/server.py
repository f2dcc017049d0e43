"""Serves `Interop` at each URL, port 0 for a free one. Usage: server.py URL…

Prints `listening on URL` for each, and ends when its standard input does. `newer=true` in a URL serves what
`newer.thrift` says.
"""

import os
import struct
import sys
import threading

from interop import Interop
from interop.ttypes import Bare, Color, Declined, Missing
from interop_shared.ttypes import Failed, Level
from newer import Interop as NewerInterop
from newer import ttypes as newer
from thrift.protocol.TProtocol import TProtocolException
from thrift.server.TServer import TThreadedServer
from thrift.Thrift import TApplicationException
from thrift.TMultiplexedProcessor import TMultiplexedProcessor
from thrift.transport.TSocket import TServerSocket

from wire import Form


def bits(value):
    """A double exactly, in the same letters in every language."""
    return struct.pack(">d", value).hex()


def failure(how):
    """Raises what a client asked for, or returns its word."""
    if how == "declined":
        raise Declined(-42, "as you said", Color.BELOW)
    if how == "missing":
        raise Missing(["a", ""])
    if how == "bare":
        raise Bare()
    if how == "failed":
        raise Failed("elsewhere", Level.HIGH)
    if how == "application":
        raise TApplicationException(TApplicationException.INVALID_TRANSFORM, "an application error")
    if how in ("error", "panic"):
        raise RuntimeError("an error that nobody declared")
    return how


class Handler:
    """Echoes, fails as it is told, and counts oneway calls."""

    def __init__(self):
        self.counts = {}
        self.lock = threading.Lock()

    def __getattr__(self, name):
        if name.startswith("echo_"):
            return lambda value: value
        raise AttributeError(name)

    def nothing(self):
        pass

    def record(self, token, times):
        with self.lock:
            self.counts[token] = self.counts.get(token, 0) + times

    def recorded(self, token):
        if token < 0:
            raise Failed("a token below zero")
        with self.lock:
            return self.counts.get(token, 0)

    def many(self, a, b, c, d, e, f, g, h, i, j, k, l, m):
        return (f"{int(a)} {b} {c} {d} {e} {bits(f)} {g} {h.hex()} {i} {bits(j.x)} {bits(j.y)} "
                f"{len(k)} {len(l)} {len(m)}")

    def loop(self, first, second, third):
        return first + second + third

    def need(self, value):
        # Python's stubs do not look whether required arguments came.
        if value is None:
            raise TApplicationException(TApplicationException.PROTOCOL_ERROR, "Required field value is unset!")
        return value

    def fail(self, how):
        return failure(how)

    def fail_void(self, how):
        failure(how)

    def record_and_fail(self, token, how):
        self.record(token, 1)
        failure(how)


class NewerHandler:
    """Answers with all that the newer version knows."""

    def echo_versioned(self, value, more, parts):
        part = newer.Part("part", [[1], []], True)
        text = "passed \U0001f980 over".encode()
        return newer.Versioned("first", value.number, value.kind, [part], {"": [part]}, {0.5}, [newer.Kind(part=part)], text,
                               "last", True, part)

    def unheard_of(self, value, number):
        return f"{value.number} {number}"

    def unheard_of_oneway(self, value):
        pass

    def need(self, value):
        raise TProtocolException(TProtocolException.INVALID_DATA, value)


class Listening(TServerSocket):
    """A socket that listens from the start, so that its port is known."""

    def __init__(self, form):
        super().__init__(form.host or "", form.port or 0, unix_socket=form.path if form.scheme == "unix" else None)
        super().listen()

    def listen(self):
        """Is done."""

    def url(self, form):
        """Where clients call."""
        if form.scheme == "unix":
            return form.url
        host, port = self.handle.getsockname()[:2]
        return form.url.replace(f":{form.port}", f":{port}", 1) if host else form.url


def serve(form, handler):
    """Starts to serve at a URL."""
    if form.is_newer:
        processor = NewerInterop.Processor(NewerHandler())
    else:
        processor = Interop.Processor(handler)
    if form.is_multiplexed:
        single, processor = processor, TMultiplexedProcessor()
        processor.registerProcessor("Interop", single)
    socket = Listening(form)
    server = TThreadedServer(processor, socket, form.transport_factory(), form.protocol_factory(), daemon=True)
    threading.Thread(target=server.serve, daemon=True).start()
    print(f"listening on {socket.url(form)}", flush=True)


def main():
    handler = Handler()
    for url in sys.argv[1:]:
        serve(Form(url), handler)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()

"""Calls everything of `Interop` at each URL, and says what came back wrong. Usage: client.py URL…"""

import itertools
import os
import sys
import traceback

from interop import Interop
from interop.ttypes import Bare, Color, Declined, Kind, Missing, Part, Versioned
from interop_shared.ttypes import Failed, Level, Point
from newer import Interop as NewerInterop
from newer import ttypes as newer
from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol
from thrift.Thrift import TApplicationException
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TTransportException

from values import DOUBLES, ECHOES, canonical, filled
from wire import WAIT_MS, Form

TOKENS = itertools.count(os.getpid() << 20)


class Connection:
    """A connection, and clients of both versions of the IDL over it."""

    def __init__(self, form):
        socket = TSocket(unix_socket=form.path) if form.scheme == "unix" else TSocket(form.host, form.port)
        socket.setTimeout(WAIT_MS)
        self.transport = form.transport_factory().getTransport(socket)
        protocol = form.protocol_factory().getProtocol(self.transport)
        if form.is_multiplexed:
            protocol = TMultiplexedProtocol(protocol, "Interop")
        self.client = Interop.Client(protocol)
        self.newer = NewerInterop.Client(protocol)

    def __enter__(self):
        self.transport.open()
        return self

    def __exit__(self, *_):
        self.transport.close()


def same(got, expected):
    """Fails unless both are the same value of the same types."""
    got, expected = canonical(got), canonical(expected)
    if got != expected:
        at = next((n for n, (a, b) in enumerate(zip(got, expected)) if a != b), min(len(got), len(expected)))
        start = max(at - 60, 0)
        raise AssertionError(f"got …{got[start:at + 60]!r}, expected …{expected[start:at + 60]!r}")


def application_error(kind, call, *args):
    """The application exception of this kind that a call must end in."""
    try:
        got = call(*args)
    except TApplicationException as error:
        if error.type != kind:
            raise AssertionError(f"application exception of kind {error.type} ({error}), not {kind}") from error
        return error
    raise AssertionError(f"returned {got!r} instead of application exception {kind}")


def declared(kind, call, *args):
    """The declared exception that a call must end in."""
    try:
        got = call(*args)
    except kind as error:
        return error
    raise AssertionError(f"returned {got!r} instead of {kind.__name__}")


def echoes(at):
    for method, values in ECHOES.items():
        if method == "echo_implicit" and at.form.is_accelerated:
            # The extension reads no struct that has ids below zero.
            continue
        for value in values:
            try:
                same(getattr(at.client, method)(value), filled(value))
            except Exception as error:
                raise AssertionError(f"{method}({canonical(value)[:200]}): {error!r}") from error


def void(at):
    same(at.client.nothing(), None)


def many_arguments(at):
    got = at.client.many(True, -128, -32768, -2**31, -2**63, -0.0, "\U0001f980", b"\0\xff", Color.BELOW, Point(1.5), [1, 2, 3],
                         {"a", "b"}, {"k": 1})
    same(got, "1 -128 -32768 -2147483648 -9223372036854775808 8000000000000000 \U0001f980 00ff -7 3ff8000000000000 "
              "bfe0000000000000 3 2 1")
    same(at.client.loop(1, 20, 300), 321)


def declared_exceptions(at):
    for call in [at.client.fail, at.client.fail_void]:
        error = declared(Declined, call, "declined")
        same([error.code, error.reason, error.color], [-42, "as you said", Color.BELOW])
    same(declared(Missing, at.client.fail, "missing").keys, ["a", ""])
    declared(Bare, at.client.fail, "bare")
    error = declared(Failed, at.client.fail, "failed")
    same([error.reason, error.level], ["elsewhere", Level.HIGH])
    error = declared(Failed, at.client.recorded, -1)
    same([error.reason, error.level], ["a token below zero", None])
    same(at.client.fail("none"), "none")
    same(at.client.fail_void("none"), None)


def application_exceptions(at):
    for call in [at.client.fail, at.client.fail_void]:
        error = application_error(TApplicationException.INVALID_TRANSFORM, call, "application")
        same(error.message, "an application error")
        application_error(TApplicationException.INTERNAL_ERROR, call, "error")
    # Not declared by this method.
    application_error(TApplicationException.INTERNAL_ERROR, at.client.fail_void, "missing")
    void(at)


def oneway(at):
    token, other = next(TOKENS), next(TOKENS)
    at.client.record(token, 5)
    at.client.record(other, -1)
    for how in ["declined", "application", "error", "none"]:
        at.client.record_and_fail(token, how)
    same([at.client.recorded(token), at.client.recorded(other), at.client.recorded(next(TOKENS))], [9, -1, 0])


def panics(at):
    application_error(TApplicationException.INTERNAL_ERROR, at.client.fail, "panic")
    application_error(TApplicationException.INTERNAL_ERROR, at.client.fail_void, "panic")
    void(at)
    token = next(TOKENS)
    at.client.record_and_fail(token, "panic")
    same(at.client.recorded(token), 1)


def missing_required(at):
    same(at.client.need(-3), -3)
    application_error(TApplicationException.PROTOCOL_ERROR, at.client.need, None)
    # Its type is wrong, so that it is passed over and then missing.
    application_error(TApplicationException.PROTOCOL_ERROR, at.newer.need, "text")
    void(at)


def unknown_methods(at):
    value = newer_value(newer.Kind(text="known"))
    application_error(TApplicationException.UNKNOWN_METHOD, at.newer.unheard_of, value, 5)
    at.newer.unheard_of_oneway(value)
    void(at)


def newer_value(kind):
    """A value of the newer version with everything set."""
    parts = [newer.Part("one", [[1, -1], []], True), newer.Part("two", [], False)]
    # Python itself passes over a binary as over text.
    text = "passed \U0001f980 over".encode()
    return newer.Versioned("first", 2, kind, parts, {"": [], "p": parts}, set(DOUBLES), [newer.Kind(part=parts[0])], text, "last",
                           False, parts[1])


def unknown_fields(at):
    got = at.newer.echo_versioned(newer_value(newer.Kind(number=-1)), "more", {1: [newer.Part("x")]})
    same([got.number, got.kind, [part.name for part in got.parts], got.last], [2, newer.Kind(number=-1), ["one", "two"], "last"])
    void(at)


def unknown_variants(at):
    # What the server does not know comes back as it went.
    for kind in [newer.Kind(part=newer.Part("new", [[1, -1], []], False)), newer.Kind(flag=True)]:
        same(at.newer.echo_versioned(newer_value(kind), "", {}).kind, kind)
    same(at.client.echo_versioned(Versioned(1, Kind(number=2), [Part("p")], "l")).kind, Kind(number=2))


def several_connections(at):
    with Connection(at.form) as other:
        same([other.client.echo_i32(1), at.client.echo_i32(2), other.client.echo_i32(3)], [1, 2, 3])


CHECKS = [void, echoes, many_arguments, declared_exceptions, application_exceptions, oneway, panics,
          missing_required, unknown_methods, unknown_fields, unknown_variants, several_connections]


def run(form):
    """The failures at one URL; a check that broke its connection does not break the next."""
    failures = 0
    for check in CHECKS:
        try:
            with Connection(form) as at:
                at.form = form
                check(at)
        except (AssertionError, TTransportException) as error:
            failures += 1
            print(f"FAILED {form.url} {check.__name__}: {error or repr(error)}", flush=True)
        except Exception:  # whatever a broken answer makes of a generated client
            failures += 1
            print(f"FAILED {form.url} {check.__name__}: {traceback.format_exc(limit=-3)}", flush=True)
    return failures


def main():
    failures = 0
    for url in sys.argv[1:]:
        found = run(Form(url))
        failures += found
        print(f"{'ok' if not found else found} {url}", flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()

"""Reads values and writes them again, until standard input ends.

A question is its length (32 bits), and that much: protocol, a space, the name of a struct, a newline, the struct's
bytes. The answer is its length, and `=` with the bytes that Python writes for what it read, or `!` with the error.
"""

import struct
import sys
import traceback

from interop import ttypes
from thrift.transport.TTransport import TMemoryBuffer

import uuids
from wire import Form


def again(protocol, name, data):
    """The bytes that Python writes for what it reads."""
    factory = Form(f"tcp://?protocol={protocol}").protocol_factory()
    source = TMemoryBuffer(data)
    value = getattr(ttypes if hasattr(ttypes, name) else uuids, name)()
    value.read(factory.getProtocol(source))
    left = source.read(1)
    if left:
        raise ValueError(f"{left!r} follows the value")
    target = TMemoryBuffer()
    value.write(factory.getProtocol(target))
    return target.getvalue()


def main():
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while head := source.read(4):
        question = source.read(struct.unpack(">I", head)[0])
        line, data = question.split(b"\n", 1)
        try:
            answer = b"=" + again(*line.decode().split(" "), data)
        except Exception:  # the test says for which value
            answer = b"!" + traceback.format_exc(limit=-2).encode()
        target.write(struct.pack(">I", len(answer)) + answer)
        target.flush()


if __name__ == "__main__":
    main()

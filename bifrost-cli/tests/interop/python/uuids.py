"""The structs of `idl/interop_uuid.thrift` by hand: the compiler that makes the other stubs need not know `uuid`."""

from thrift.protocol.TBase import TBase
from thrift.Thrift import TType


class Struct(TBase):
    """A struct whose fields are absent until they are read."""

    __slots__ = ()

    def __init__(self):
        for _, _, name, _, default in filter(None, self.thrift_spec):
            setattr(self, name, default)


class UuidChoice(Struct):
    __slots__ = ("id", "ids")

    thrift_spec = (
        None,
        (1, TType.UUID, "id", None, None),
        (2, TType.LIST, "ids", (TType.UUID, None, False), None),
    )


class Uuids(Struct):
    __slots__ = ("id", "must", "may", "several", "unique", "by_id", "named", "choice")

    thrift_spec = (
        None,
        (1, TType.UUID, "id", None, None),
        (2, TType.UUID, "must", None, None),
        (3, TType.UUID, "may", None, None),
        (4, TType.LIST, "several", (TType.UUID, None, False), None),
        (5, TType.SET, "unique", (TType.UUID, None, False), None),
        (6, TType.MAP, "by_id", (TType.UUID, None, TType.STRING, "UTF8", False), None),
        (7, TType.MAP, "named", (TType.STRING, "UTF8", TType.LIST, (TType.UUID, None, False), False), None),
        (8, TType.STRUCT, "choice", (UuidChoice, UuidChoice.thrift_spec), None),
    )

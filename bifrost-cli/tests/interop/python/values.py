"""Values that are hard to carry, for each type of the IDL, and a way to compare them."""

import math
import struct

from interop.ttypes import (Choice, Color, Containers, Defaults, Empty, Ids, Implicit, Keywords, Kind, Marked, Optional, Part, Required,
                            Scalars, Tree, Versioned)
from interop_shared.ttypes import Level, Point

I8 = [-2**7, -1, 0, 1, 2**7 - 1]
I16 = [-2**15, -129, -1, 0, 1, 63, 64, 8191, 8192, 2**15 - 1]
I32 = [-2**31, -2**15 - 1, -1, 0, 1, 2**20, 2**31 - 1]
I64 = [-2**63, -2**31 - 1, -2**53 - 1, -1, 0, 1, 2**53 + 1, 2**56, 2**63 - 1]
DOUBLES = [0.0, -0.0, 1.0, -1.5, 0.1, math.pi, 1e-7, 123456789.125, 1e16, 1e22, 5e-324, -5e-324, 2.2250738585072014e-308,
           2.225073858507201e-308, 1.7976931348623157e308, -1.7976931348623157e308, math.inf, -math.inf, math.nan]
STRINGS = ["", "a", "\0", "a\0b", "\"quoted\" \\ / \b\f\n\r\t\x01\x1f\x7f", "\u00e9\u00df\u20ac\u2028\ufeff\ufffd\uffff",
           "\U0001f980\U0001f600\U0010ffff", "\u4e16\u754c", "\\u0041 \\n", "{\"1\":{\"str\":\"x\"}}", "a" * 127, "a" * 128,
           "\u00e9" * 16384, "x" * 65536]
BINARIES = [b"", b"\0", b"\xff", bytes(range(256)), bytes(range(255)), b"ab", b"abc", b"abcd", b"\x80\x01\0\x01",
            bytes(range(256)) * 256]
COLORS = [Color.RED, Color.BELOW, Color.FARTHEST, Color.NEAREST, 0, 4711, -4711]

FULL = Scalars(True, -128, -32768, -2**31, -2**63, -0.0, "text \U0001f980", b"\0\xff", Color.BELOW, 2**62)
ZERO = Scalars(False, 0, 0, 0, 0, 0.0, "", b"", 0, 0)
REQUIRED = Required(False, 127, 32767, 2**31 - 1, 2**63 - 1, 5e-324, "\0", bytes(range(256)), 77, Empty(), [1, -1])

CHOICES = [Choice(text=""), Choice(text="\U0001f980"), Choice(number=-2**63), Choice(scalars=FULL), Choice(scalars=Scalars()),
           Choice(several=[]), Choice(several=[Choice(flag=False), Choice(several=[Choice(number=0)])]), Choice(flag=False),
           Choice(flag=True), Choice(bytes=b""), Choice(color=4711), Choice(empty=Empty()), Choice(counts={}),
           Choice(counts={"": -1, "b": 2})]

# Python takes its time for long text in JSON.
SHORT = STRINGS[:-2]

CONTAINERS = Containers(
    flags=[True, False, True], smalls=I8, mediums=I16, numbers=I32, larges=I64, reals=DOUBLES, texts=SHORT, blocks=BINARIES[:-1],
    colors=COLORS, structs=[FULL, Scalars(), ZERO], choices=CHOICES, empties=[Empty(), Empty()], flag_set={True, False},
    small_set=set(I8), large_set=set(I64), real_set=set(DOUBLES), word_set=set(SHORT), block_set=set(BINARIES[:-1]),
    color_set=set(COLORS), point_set={Point(1.0, 2.0), Point(-math.inf)}, by_flag={True: "", False: "no"},
    by_small={n: n for n in I8}, by_medium={n: n > 0 for n in I16}, by_number={n: -n - 1 for n in I32},
    by_large={n: float(n % 7) for n in I64}, by_real={n: 1 for n in DOUBLES}, by_text={s: s.encode()[:300] for s in SHORT},
    by_block={b: str(len(b)) for b in BINARIES[:-1]}, by_color={n: Color.GREEN for n in COLORS},
    by_point={Point(0.5): FULL, Point(0.5, 0.5): Scalars()}, deep_lists=[[[1], []], [], [[2, -2**31]]],
    deep_maps={"": {}, "a": {-1: [], 2: [set(), {"x", ""}]}}, maps=[{}, {1: CHOICES[0], -2**63: CHOICES[6]}],
    sets=[set(), {1, 2}], levels=[{"l": Level.LOW}, {}, {"h": Level.HIGH, "?": 99}])

EMPTY_CONTAINERS = Containers(*[type(value)() for name, value in vars(CONTAINERS).items()])


def deep_tree(levels):
    """A tree that is a list's and a map's child in turn."""
    tree = Tree("leaf")
    for level in range(levels):
        tree = Tree(str(level), children=[tree]) if level % 2 else Tree(str(level), named={"only": tree})
    return tree


ECHOES = {
    "echo_bool": [True, False],
    "echo_i8": I8,
    "echo_i16": I16,
    "echo_i32": I32,
    "echo_i64": I64,
    "echo_double": DOUBLES,
    "echo_string": STRINGS,
    "echo_binary": BINARIES,
    "echo_color": COLORS,
    "echo_token": [-2**63, 2**63 - 1],
    "echo_empty": [Empty()],
    "echo_scalars": [Scalars(), ZERO, FULL],
    "echo_required": [REQUIRED],
    "echo_optional": [
        Optional(), Optional(False, 0, 0, 0, 0, 0.0, "", b"", 0, Scalars(), [], set(), {}),
        Optional(True, 1, 2, 3, 4, 5.5, "six", b"seven", Color.BLUE, FULL, [1], {"w"}, {-1: ""})],
    "echo_defaults": [Defaults(), Defaults(may=None, words=set(), text="")],
    "echo_choice": CHOICES,
    "echo_containers": [Containers(), EMPTY_CONTAINERS, CONTAINERS, Containers(empties=[Empty()] * 20, flags=[True] * 15)],
    "echo_tree": [Tree(""), deep_tree(12), Tree("r", [Tree("a"), Tree("b", [])], {"": Tree("c")})],
    "echo_keywords": [Keywords(), Keywords(1, "m", False, [4], "r", -6)],
    "echo_ids": [Ids(), Ids(1, True, "first", False, 17)],
    "echo_implicit": [Implicit(), Implicit([True, False], "text", 5, -1)],
    "echo_versioned": [Versioned(), Versioned(5, Kind(text="t"), [Part("p")], "last")],
    "echo_marked": [Marked(), Marked(b"", [], {}), Marked(b"\0" * 100000, ["", "\u00e9"], {-1: [2**40], 1: []}, FULL)],
    "echo_marked_binary": BINARIES,
    "echo_list": [[], [Scalars()], [FULL, ZERO] * 40],
    "echo_set": [set(), {""}, set(SHORT), {str(n) for n in range(1000)}],
    "echo_map": [{}, {1: []}, {-1: [{}, {"a": set(), "": {1, -2**63}}], 2**31 - 1: [{"b": {0}}]}],
}


# What a field that is neither required nor optional is when it does not come, in Rust as Apache's generator makes it.
ABSENT = {
    Scalars: {**vars(ZERO), "color": None},
    Containers: vars(EMPTY_CONTAINERS),
    Tree: {"children": [], "named": {}},
    Keywords: {"type": 0, "match": "", "fn": False, "impl": []},
    Ids: {"last": 0, "far": False, "first": "", "sixteenth": False, "seventeenth": 0},
    Implicit: {"flags": [], "text": "", "number": 0},
    Versioned: {"number": 0, "parts": [], "last": ""},
    Defaults: {"may": "maybe"},
}


def filled(value):
    """The value as it comes back from a server that fills in what is absent."""
    if isinstance(value, (set, frozenset, list)):
        return type(value)(map(filled, value))
    if isinstance(value, dict):
        return {key: filled(item) for key, item in value.items()}
    if not hasattr(value, "__dict__"):
        return value
    absent = ABSENT.get(type(value), {})
    fields = {name: absent.get(name) if field is None else filled(field) for name, field in vars(value).items()}
    return type(value)(**fields)


def canonical(value):
    """The value as text that is the same for the same value: doubles by their bits, sets and maps in order."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack(">d", value).hex()
    if isinstance(value, (set, frozenset)):
        return "{" + ", ".join(sorted(map(canonical, value))) + "}"
    if isinstance(value, dict):
        return "{" + ", ".join(sorted(f"{canonical(k)}: {canonical(v)}" for k, v in value.items())) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(canonical, value)) + "]"
    if hasattr(value, "__slots__") and not hasattr(value, "__dict__"):
        fields = {name: getattr(value, name) for name in value.__slots__}
    elif hasattr(value, "__dict__"):
        fields = vars(value)
    else:
        return repr(value)
    return f"{type(value).__name__}({', '.join(f'{name}={canonical(field)}' for name, field in fields.items())})"

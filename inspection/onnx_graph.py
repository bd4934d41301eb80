"""Cuts an ONNX file down to what leads to one of its outputs, without the ``onnx`` package.

ONNX Runtime computes every node of the file it opened, whichever outputs a run asks for; what is not to be
computed must not be in the file. ONNX files are protocol buffers, so this reads and writes their wire format
(https://protobuf.dev/programming-guides/encoding); the numbers of fields are those of onnx.proto3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inspection.errors import ModelError

__all__ = ["digest_of", "part_that_gives"]

Field = tuple[int, int, bytes]
"""Number, wire type and value: that of a varint as its bytes, that of bytes without their length."""

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

MODEL_GRAPH, MODEL_OPSETS, MODEL_FUNCTIONS = 7, 8, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT, GRAPH_VALUE_INFO = 1, 5, 11, 12, 13
GRAPH_SELDOM = (14, 15)
"""Annotations of quantised values, and sparse weights."""
NODE_INPUT, NODE_OUTPUT, NODE_OPERATOR, NODE_ATTRIBUTE, NODE_DOMAIN = 1, 2, 4, 5, 7
ATTRIBUTE_GRAPHS = (6, 11)
ATTRIBUTE_NOTES = (13,)
TENSOR_NAME, TENSOR_NOTES = 8, (8, 12, 16)
VALUE_NAME = 1


def part_that_gives(model: bytes, output: str) -> bytes:
    """The model with one of its outputs and nothing that does not lead to it.

    Parameters
    ----------
    model : content of an ONNX file.
    output : name of one of its outputs.

    Returns
    -------
    Content of an ONNX file that takes what the model takes. ModelError when the file is damaged, does not
    give that output, or holds branches or loops, which Welt's networks do not.
    """
    fields = _fields(model)
    graph = _only(fields, MODEL_GRAPH)
    parts = _fields(graph)
    if output not in _names(parts, GRAPH_OUTPUT, VALUE_NAME):
        raise _not_understood(f"it does not give {output}")
    nodes = [_node(body) for body in _all(parts, GRAPH_NODE)]
    wanted, kept = {output}, set()
    # Nodes are sorted, each after those that it reads (onnx.proto3 promises it).
    for place, node in reversed(list(enumerate(nodes))):
        if not wanted.isdisjoint(node.outputs):
            kept.add(place)
            wanted.update(node.inputs)
    names = {GRAPH_INITIALIZER: TENSOR_NAME, GRAPH_VALUE_INFO: VALUE_NAME}
    left, place = [], 0
    for number, wire, value in parts:
        if number == GRAPH_NODE:
            place += 1
            keep = place - 1 in kept
        elif number == GRAPH_OUTPUT:
            keep = _name(value, VALUE_NAME) == output
        else:
            keep = number not in names or _name(value, names[number]) in wanted
        if keep:
            left.append((number, wire, value))
    return _bytes_of(
        [
            (number, wire, _bytes_of(left) if number == MODEL_GRAPH else value)
            for number, wire, value in fields
        ]
    )


def digest_of(model: bytes) -> str:
    """What a model computes, as a SHA-256: its operators, how they are joined, and its weights.

    Two exports of the same layers give the same digest, whatever their values are called and wherever in the
    file their weights lie. (The reverse holds too, but for a broken SHA-256.)
    """
    fields = _fields(model)
    parts = _fields(_only(fields, MODEL_GRAPH))
    weights = {_name(body, TENSOR_NAME): body for body in _all(parts, GRAPH_INITIALIZER)}
    digest = hashlib.sha256()
    numbers: dict[str, int] = {}

    def add(*pieces: bytes) -> None:
        for piece in pieces:
            digest.update(len(piece).to_bytes(8, "little") + piece)

    def add_value(name: str) -> None:
        met = name in numbers
        add(b"value", str(numbers.setdefault(name, len(numbers))).encode())
        if name in weights and not met:
            add(b"weights", _without(weights[name], TENSOR_NOTES))

    add(*sorted(_all(fields, MODEL_OPSETS)), *_all(fields, MODEL_FUNCTIONS))
    add(*(body for number in GRAPH_SELDOM for body in _all(parts, number)))
    for name in _names(parts, GRAPH_INPUT, VALUE_NAME):
        add_value(name)
    for body in _all(parts, GRAPH_NODE):
        node = _node(body)
        add(b"node", node.domain, node.operator)
        add(*sorted(_without(attribute, ATTRIBUTE_NOTES) for attribute in node.attributes))
        for name in (*node.inputs, "", *node.outputs):
            add_value(name)
    for name in _names(parts, GRAPH_OUTPUT, VALUE_NAME):
        add_value(name)
    return digest.hexdigest()


@dataclass(frozen=True)
class _Node:
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operator: bytes
    domain: bytes
    attributes: tuple[bytes, ...]


def _node(body: bytes) -> _Node:
    fields = _fields(body)
    attributes = tuple(_all(fields, NODE_ATTRIBUTE))
    if any(number in ATTRIBUTE_GRAPHS for attribute in attributes for number, _, _ in _fields(attribute)):
        raise _not_understood("it holds branches or loops")
    return _Node(
        inputs=tuple(_text(name) for name in _all(fields, NODE_INPUT)),
        outputs=tuple(_text(name) for name in _all(fields, NODE_OUTPUT)),
        operator=b"".join(_all(fields, NODE_OPERATOR)),
        domain=b"".join(_all(fields, NODE_DOMAIN)),
        attributes=attributes,
    )


# The wire format


def _fields(message: bytes) -> list[Field]:
    return list(_read(message))


def _read(message: bytes) -> Iterator[Field]:
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        if wire == VARINT:
            _, end = _varint(message, at)
        elif wire == BYTES:
            length, at = _varint(message, at)
            end = at + length
        elif wire in (FIXED64, FIXED32):
            end = at + (8 if wire == FIXED64 else 4)
        else:
            raise _not_understood(f"it holds a field of type {wire}")
        if end > len(message):
            raise _not_understood("it ends too early")
        yield tag >> 3, wire, message[at:end]
        at = end


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that begins at a byte, and where the next thing begins."""
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise _not_understood("it ends too early")


def _bytes_of(fields: Sequence[Field]) -> bytes:
    pieces = []
    for number, wire, value in fields:
        pieces.append(_varint_of(number << 3 | wire))
        if wire == BYTES:
            pieces.append(_varint_of(len(value)))
        pieces.append(value)
    return b"".join(pieces)


def _varint_of(value: int) -> bytes:
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _all(fields: Sequence[Field], number: int) -> list[bytes]:
    return [value for field, _, value in fields if field == number]


def _only(fields: Sequence[Field], number: int) -> bytes:
    found = _all(fields, number)
    if len(found) != 1:
        raise _not_understood(f"it holds {len(found)} graphs")
    return found[0]


def _without(message: bytes, left_out: Sequence[int]) -> bytes:
    return _bytes_of([field for field in _fields(message) if field[0] not in left_out])


def _name(message: bytes, number: int) -> str:
    return _text(b"".join(_all(_fields(message), number)))


def _names(fields: Sequence[Field], number: int, name: int) -> list[str]:
    return [_name(body, name) for body in _all(fields, number)]


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise _not_understood("a name in it is no text") from error


def _not_understood(why: str) -> ModelError:
    return ModelError(
        f"the network's file is not an ONNX file as Welt writes them: {why}",
        hint="Copy the model folder again, or export it again.",
    )

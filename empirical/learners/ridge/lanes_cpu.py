"""Sixteen float32 lanes as one instruction, for numba kernels: what the loop vectorizer would not be sure to do.

Arrays are flat; an offset counts floats, and 16 floats from it are one vector. LLVM splits a vector into what the CPU
has (one register with AVX-512, two with AVX2, four with NEON). Each function's rounding is fixed by its text alone:
lanes never mix, so a model's numbers do not depend on which models share the vector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils as _cgutils
from numba.extending import intrinsic

LANES = 16
cgutils: Any = _cgutils
_VECTOR = ir.VectorType(ir.FloatType(), LANES)


class _Lanes:
    """Loads, stores and arithmetic on vectors of one intrinsic's arguments."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self.context, self.builder, self.types, self.values = context, builder, signature.args, arguments

    def pointer(self, array: int, offset: Any) -> Any:
        data = self.context.make_array(self.types[array])(self.context, self.builder, self.values[array]).data
        return self.builder.bitcast(self.builder.gep(data, [offset]), _VECTOR.as_pointer())

    def load(self, array: int, offset: Any) -> Any:
        return self.builder.load(self.pointer(array, offset), align=4)

    def numbers(self, array: int, count: int = 4) -> list[Any]:
        """The first whole numbers of an array, as scalars."""
        data = self.context.make_array(self.types[array])(self.context, self.builder, self.values[array]).data
        at = [ir.Constant(ir.IntType(64), r) for r in range(count)]
        return [self.builder.load(self.builder.gep(data, [r])) for r in at]

    def store(self, value: Any, array: int, offset: Any) -> Any:
        self.builder.store(value, self.pointer(array, offset), align=4)
        return self.context.get_dummy_value()

    def call(self, name: str, *values: Any) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(values))
        function = cgutils.get_or_insert_function(self.builder.module, kind, f"llvm.{name}.v{LANES}f32")
        return self.builder.call(function, values)

    def constant(self, value: float) -> Any:
        return ir.Constant(_VECTOR, [value] * LANES)


def _binary(body: Callable[[_Lanes, Any, Any], Any]) -> Any:
    """d[o:] = body(a[i:], b[j:]) as an intrinsic of (d, o, a, i, b, j)."""

    def typed(typing: Any, d: Any, o: Any, a: Any, i: Any, b: Any, j: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            v = _Lanes(context, builder, signature, arguments)
            return v.store(body(v, v.load(2, arguments[3]), v.load(4, arguments[5])), 0, arguments[1])

        return types.void(d, types.int64, a, types.int64, b, types.int64), generate

    return intrinsic(typed)


add: Any = _binary(lambda v, x, y: v.builder.fadd(x, y))
multiply: Any = _binary(lambda v, x, y: v.builder.fmul(x, y))


def _take(typing: Any, d: Any, o: Any, a: Any, i: Any, b: Any, j: Any) -> Any:
    """d[o:] −= a[i:] b[j:], fused."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = _Lanes(context, builder, signature, arguments)
        x = builder.fneg(v.load(2, arguments[3]))
        return v.store(v.call("fmuladd", x, v.load(4, arguments[5]), v.load(0, arguments[1])), 0, arguments[1])

    return types.void(d, types.int64, a, types.int64, b, types.int64), generate


def _inverse_root(typing: Any, d: Any, o: Any, a: Any, i: Any) -> Any:
    """d[o:] = 1 / √a[i:]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = _Lanes(context, builder, signature, arguments)
        root = v.call("sqrt", v.load(2, arguments[3]))
        return v.store(builder.fdiv(v.constant(1.0), root), 0, arguments[1])

    return types.void(d, types.int64, a, types.int64), generate


def _add_entries(typing: Any, d: Any, o: Any, tables: Any, word: Any, spacing: Any) -> Any:
    """d[o:] += Σ_g tables[g · spacing + 2 byte_g(word):] for the 8 bytes of a word, added in pairs.

    Bytes are multiples of 8: entry e of a table, 16 floats on, is byte 8 e, which is as far as an address can scale.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = _Lanes(context, builder, signature, arguments)
        wide = ir.IntType(64)
        values = []
        for g in range(8):
            byte = builder.and_(builder.lshr(arguments[3], ir.Constant(wide, 8 * g)), ir.Constant(wide, 0xF8))
            start = builder.mul(arguments[4], ir.Constant(wide, g))
            values.append(v.load(2, builder.add(start, builder.shl(byte, ir.Constant(wide, 1)))))
        while len(values) > 1:
            values = [builder.fadd(x, y) for x, y in zip(values[::2], values[1::2], strict=True)]
        return v.store(builder.fadd(v.load(0, arguments[1]), values[0]), 0, arguments[1])

    return types.void(d, types.int64, tables, types.uint64, types.int64), generate


def _take_rows(typing: Any, d: Any, o: Any, count: Any, rows: Any, factors: Any) -> Any:
    """d[o + 16 k:] −= Σ_r d[rows[r] + 16 k:] d[factors[r]:] for k < count and 4 rows."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = _Lanes(context, builder, signature, arguments)
        wide = ir.IntType(64)
        starts = [v.numbers(part) for part in (3, 4)]
        scale = [builder.fneg(v.load(0, start)) for start in starts[1]]
        with cgutils.for_range(builder, arguments[2]) as loop:
            step = builder.mul(loop.index, ir.Constant(wide, LANES))
            here = builder.add(arguments[1], step)
            total = v.load(0, here)
            for start, s in zip(starts[0], scale, strict=True):
                total = v.call("fmuladd", v.load(0, builder.add(start, step)), s, total)
            v.store(total, 0, here)
        return context.get_dummy_value()

    return types.void(d, types.int64, types.int64, rows, factors), generate


def _products(typing: Any, d: Any, a: Any, rows: Any, columns: Any, count: Any) -> Any:
    """d[(4 r + c) 16:] = Σ_{k < count} a[rows[r] + 16 k:] a[columns[c] + 16 k:] for 4 rows × 4 columns."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = _Lanes(context, builder, signature, arguments)
        wide = ir.IntType(64)
        starts = [v.numbers(part) for part in (2, 3)]
        sums = [cgutils.alloca_once_value(builder, v.constant(0.0)) for _ in range(16)]
        for s in sums:
            builder.store(v.constant(0.0), s)
        with cgutils.for_range(builder, arguments[4]) as loop:
            step = builder.mul(loop.index, ir.Constant(wide, LANES))
            left = [v.load(1, builder.add(start, step)) for start in starts[0]]
            right = [v.load(1, builder.add(start, step)) for start in starts[1]]
            for at, s in enumerate(sums):
                builder.store(v.call("fmuladd", left[at // 4], right[at % 4], builder.load(s)), s)
        for at, s in enumerate(sums):
            v.store(builder.load(s), 0, ir.Constant(wide, LANES * at))
        return context.get_dummy_value()

    return types.void(d, a, rows, columns, types.int64), generate


take: Any = intrinsic(_take)
inverse_root: Any = intrinsic(_inverse_root)
add_entries: Any = intrinsic(_add_entries)
take_rows: Any = intrinsic(_take_rows)
products: Any = intrinsic(_products)

"""The processor told which memory is wanted soon, for compiled loops: no value depends on it.

Rows of a few kilobytes end in the middle of a page, where the processor's own prefetching stops; so a pass over weights that are
larger than the second-level cache waits at the beginning of each.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LINE = 16  # float32 numbers of a cache line


@intrinsic
def prefetch(_, address):
    """The cache line of an address, to be read, into the second-level cache."""

    def generated(context, builder, _, arguments):
        byte, whole = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, whole, whole, whole])
        function = builder.module.declare_intrinsic("llvm.prefetch", (byte,), kind)
        where = builder.inttoptr(arguments[0], byte)
        builder.call(function, [where, whole(0), whole(2), whole(1)])
        return context.get_dummy_value()

    return types.void(types.uintp), generated

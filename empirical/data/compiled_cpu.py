"""numba's compiler for this package's kernels: division as in C, for a check for zero keeps LLVM from vectorizing."""

from __future__ import annotations

from pathlib import Path

from longtail.core.compiled_cpu import HOME, compiler

compiled = compiler(HOME, Path(__file__).parents[1], error_model="numpy")

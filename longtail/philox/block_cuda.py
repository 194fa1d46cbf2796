"""Philox4x32-10 as CUDA source: the words of ``longtail.philox``, for the ``*_cuda`` kernels.

Plain C++ apart from ``__device__`` and ``__umulhi``, so that g++ compiles it too, behind two lines of shim.
"""

from __future__ import annotations

from typing import Final

from longtail.philox import MULTIPLIERS, ROUNDS, WEYL

SOURCE: Final = f"""
typedef unsigned int u32;
typedef unsigned long long u64;
struct Block {{ u32 w[4]; }};

__device__ __forceinline__ Block philox(u32 c0, u32 c1, u32 c2, u32 c3, u32 k0, u32 k1) {{
  #pragma unroll
  for (int r = 0; r < {ROUNDS}; ++r) {{
    u32 h0 = __umulhi({MULTIPLIERS[0]}u, c0), l0 = {MULTIPLIERS[0]}u * c0;
    u32 h1 = __umulhi({MULTIPLIERS[1]}u, c2), l1 = {MULTIPLIERS[1]}u * c2;
    c0 = h1 ^ c1 ^ k0; c1 = l1;
    c2 = h0 ^ c3 ^ k1; c3 = l0;
    k0 += {WEYL[0]}u; k1 += {WEYL[1]}u;
  }}
  Block out = {{{{c0, c1, c2, c3}}}};
  return out;
}}

// Block b (words 4b .. 4b + 3) of (seed, stream, trial).
__device__ __forceinline__ Block philox_block(u64 seed, u32 stream, u64 trial, u64 b) {{
  return philox((u32)b, stream, (u32)trial, (u32)(trial >> 32), (u32)seed, (u32)(seed >> 32));
}}

// Word i of (seed, stream, trial).
__device__ __forceinline__ u32 philox_word(u64 seed, u32 stream, u64 trial, u64 i) {{
  return philox_block(seed, stream, trial, i >> 2).w[i & 3];
}}
"""

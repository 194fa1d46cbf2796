// What training under masks does beside products, for all nets at once: ``descent``'s scales, and its step.

// scale[m, r, j]: what unit j is multiplied by for the r-th example from ``first`` on of net m's order; low and high are that where its bit is
// 0 and 1, equal where no mask touches it. ``masks`` and ``drops`` are the unit's streams of words, ``units`` its place in them.
extern "C" __global__ void
scale(const u64* seeds, const u32* orders, const u64* groups, const u32* masks, const u32* drops, const u32* units,
      const float* low, const float* high, u32 nets, u32 n, u32 first, u32 b, u32 wide, u64 limit, u64 epoch, u64 drop, float lift, float* out) {
  const u64 all = (u64)nets * b * wide;
  for (u64 at = (u64)blockIdx.x * blockDim.x + threadIdx.x; at < all; at += (u64)gridDim.x * blockDim.x) {
    const u64 row = at / wide, m = row / b, seed = seeds[m], i = orders[m * n + first + row % b];
    const u32 j = at % wide;
    float value = high[j];
    if (low[j] != value && philox_word(seed, masks[j], groups[i], units[j]) >= limit) value = low[j];
    if (drop) value = philox_word(seed, drops[j], (epoch << 32) + i, units[j]) >= drop ? value * lift : 0;
    out[at] = value;
  }
}

// v <- momentum v + g + decay w, w <- w - rate v, in one pass.
extern "C" __global__ void
descend(const float* g, u64 count, float rate, float momentum, float decay, float* w, float* v) {
  for (u64 at = (u64)blockIdx.x * blockDim.x + threadIdx.x; at < count; at += (u64)gridDim.x * blockDim.x) {
    v[at] = momentum * v[at] + decay * w[at] + g[at];
    w[at] -= rate * v[at];
  }
}

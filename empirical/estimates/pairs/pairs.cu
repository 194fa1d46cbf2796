// Hits of pairs_cpu.py: AND and popcount of two tiles of examples in shared memory, three words to two counts.

typedef unsigned int u32;
typedef unsigned long long u64;

extern "C" __global__ void __launch_bounds__(SIDE * SIDE)
hits(const u64* a, const u64* b, u64 words, const u32* inside, const u32* totals, u64 first_row, u64 last_row,
     u64 first_column, u64 last_column, u64 trials, double threshold, u64 room, u64* key, u32* count, u64* found) {
  __shared__ u64 left[CHUNK][TILE + 1], right[CHUNK][TILE + 1];  // one more: words of a row fall in different banks
  const u64 me = threadIdx.x, across = (last_column - first_column + TILE - 1) / TILE;
  const u64 row = first_row + blockIdx.x / across * TILE, column = first_column + blockIdx.x % across * TILE;
  const u64 mine = me / SIDE, theirs = me % SIDE;
  u32 sums[EACH][EACH];
  for (int i = 0; i < EACH; ++i)
    for (int j = 0; j < EACH; ++j) sums[i][j] = 0;
  for (u64 base = 0; base < words; base += CHUNK) {
    for (u64 k = me; k < CHUNK * TILE; k += SIDE * SIDE) {
      const u64 w = k % CHUNK, i = k / CHUNK;
      const bool there = base + w < words;  // words past the last are 0, and count for nothing
      left[w][i] = there && row + i < last_row ? a[(row + i) * words + base + w] : 0;
      right[w][i] = there && column + i < last_column ? b[(column + i) * words + base + w] : 0;
    }
    __syncthreads();
    for (u64 w = 0; w < CHUNK && base + w < words; w += 3) {
      u64 p[3][EACH], q[3][EACH];
      #pragma unroll
      for (int k = 0; k < 3; ++k)
        #pragma unroll
        for (int i = 0; i < EACH; ++i) {
          p[k][i] = left[w + k][mine + SIDE * i];
          q[k][i] = right[w + k][theirs + SIDE * i];
        }
      #pragma unroll
      for (int i = 0; i < EACH; ++i)
        #pragma unroll
        for (int j = 0; j < EACH; ++j) {  // a full adder: three words become their sums' ones and twos
          const u64 x = p[0][i] & q[0][j], y = p[1][i] & q[1][j], z = p[2][i] & q[2][j], odd = x ^ y;
          sums[i][j] += __popcll(odd ^ z) + 2 * __popcll((x & y) | (odd & z));
        }
    }
    __syncthreads();
  }
  for (int i = 0; i < EACH; ++i) {
    const u64 r = row + mine + SIDE * i;
    if (r >= last_row) continue;
    const double within = inside[r], without = (double)trials - within;
    if (within == 0 || without == 0) continue;  // never in, or never out: no influence
    const double slope = 1 / (1 / within + 1 / without), offset = threshold * slope - 1e-6, rate = slope / without;
    for (int j = 0; j < EACH; ++j) {
      const u64 c = column + theirs + SIDE * j;
      if (c >= last_column) continue;
      const double here = sums[i][j], total = totals[c];
      if (here < offset + rate * total) continue;  // with a margin for rounding: the formula itself decides
      if (here / within - (total - here) / without >= threshold) {
        const u64 at = atomicAdd(found, 1ULL);
        if (at < room) {
          key[at] = c / LANES << 38 | r << 6 | c % LANES;  // sorts as the CPU finds them
          count[at] = sums[i][j];
        }
      }
    }
  }
}

// The census expected given the frequencies: expected_cpu.py's sums, a block of threads to a trial, STEP rows at a time.

extern "C" __global__ void __launch_bounds__(BLOCK, 3)
expected(const double* entries, u64 listed, const double* given, u64 given_rows, u64 size, u64 n, u64 seed,
         u64 first, u64 trials, u64 rows, double* number, double* mass, double* before) {
  __shared__ double sums[2 * STEP * BLOCK];
  const u64 me = threadIdx.x, all = blockDim.x, tiles = (size + TILE - 1) / TILE, last = rows - 1;
  before += blockIdx.x * tiles;
  for (u64 t = blockIdx.x; t < trials; t += gridDim.x) {
    const Source s = {entries, given_rows ? given + (given_rows > 1 ? t : 0) * size : 0, listed, size, seed, first + t};
    const double sum = total(s, before, tiles);
    double seen = 0, held = 0;  // all that rows below the last one take
    for (u64 low = 0; low < last; low += STEP) {
      double many[STEP], much[STEP];
      for (int i = 0; i < STEP; ++i) many[i] = much[i] = 0;
      for (u64 j = me; j < tiles; j += all)
        for (u64 b = j * (TILE / 4); b < (j + 1) * (TILE / 4) && 4 * b < size; ++b) {
          double p[4];
          four(s, b, p);
          for (int i = 0; i < 4 && 4 * b + i < size; ++i) {
            const double alpha = p[i] / sum, odds = alpha / (1 - alpha);
            double start = alpha < 1 ? n * log1p(-alpha) : -1e308;
            bool recur = start > -700;
            if (!recur && n * alpha - 40 * sqrt(n * alpha) - 800 >= (double)last) continue;
            double term = recur ? exp(start) : 0;
            if (recur)
              for (u64 k = 0; k < low && k <= n; ++k) term *= (double)(n - k) / (k + 1.0) * odds;
            for (u64 k = low; k < low + STEP && k < last && k <= n; ++k) {
              if (!recur)
                term = alpha < 1 ? exp(lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) + k * log(alpha) +
                                       (n - k) * log1p(-alpha))
                                 : (k == n ? 1.0 : 0.0);
              many[k - low] += term;
              much[k - low] += alpha * term;
              if (recur) term *= (double)(n - k) / (k + 1.0) * odds;
            }
          }
        }
      for (int i = 0; i < STEP; ++i) {
        sums[(2 * i) * BLOCK + me] = many[i];
        sums[(2 * i + 1) * BLOCK + me] = much[i];
      }
      __syncthreads();
      for (u64 i = me; i < 2 * STEP; i += all) {  // one thread to a row, in order: the same for every schedule
        double row = 0;
        for (u64 j = 0; j < all; ++j) row += sums[i * BLOCK + j];
        sums[i * BLOCK] = row;
        if (low + i / 2 < last) (i % 2 ? mass : number)[t * rows + low + i / 2] = row;
      }
      __syncthreads();
      for (int i = 0; i < STEP && low + i < last; ++i) {
        seen += sums[(2 * i) * BLOCK];
        held += sums[(2 * i + 1) * BLOCK];
      }
      __syncthreads();
    }
    if (me == 0) {
      bool more = n >= last;
      number[t * rows + last] = more && size - seen > 0 ? size - seen : 0;
      mass[t * rows + last] = more && 1 - held > 0 ? 1 - held : 0;
    }
    __syncthreads();
  }
}

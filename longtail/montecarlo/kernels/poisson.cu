// Poisson counts for a GPU, by the method of kernels/poisson.py; poisson_cpu.py is the same for the CPU.

__device__ __forceinline__ double unit(u32 high, u32 low) {
  return (double)((((u64)high << 32) | low) >> 11) * (1.0 / 9007199254740992.0);
}

// The count at ``word``; UNSURE where single precision cannot tell: ``margin`` is its rounding, and what further bits add.
__device__ __forceinline__ int quick(u32 word, double mean_of_cell, float margin) {
  float mean = (float)mean_of_cell, u = (float)(word >> 8) * (1.0f / 16777216.0f), x = mean * 0.125f;
  float e = A0 + x * (A1 + x * (A2 + x * (A3 + x * (A4 + x * (A5 + x * A6)))));
  e = e * e; e = e * e; e = e * e;
  float threshold = e, term = e * mean;
  int count = u >= threshold;
  float gap = fabsf(u - threshold);
  threshold = threshold + term; term = term * mean * 0.5f;
  count += u >= threshold;
  gap = fminf(gap, fabsf(u - threshold));
  threshold = threshold + term; term = term * mean * (1.0f / 3.0f);
  count += u >= threshold;
  gap = fminf(gap, fabsf(u - threshold));
  threshold = threshold + term;
  count += u >= threshold;
  gap = fminf(gap, fabsf(u - threshold));
  return (gap < margin || mean > LIMIT || count == 4) ? UNSURE : count;
}

// log of the Poisson probability of k, mean >= HEAVY.
__device__ double log_law(double k, double mean) {
  if (k < 16) return k * log(mean) - mean - lgamma(k + 1.0);
  double x = (k - mean) / mean, deviance = 0;
  if (fabs(x) < 0.1) {
    double power = x * x;
    for (double j = 2;; j += 1) {
      double step = power / (j * (j - 1));
      deviance += step;
      if (fabs(step) <= 1e-17 * deviance) break;
      power *= -x;
    }
  } else {
    deviance = (1 + x) * log1p(x) - x;
  }
  double r = 1.0 / k;
  double stirling = r * (1.0 / 12 - r * r * (1.0 / 360 - r * r * (1.0 / 1260 - r * r / 1680)));
  return -mean * deviance - stirling - 0.5 * (1.8378770664093454836 + log(k));
}

// PTRS at a mean >= HEAVY.
__device__ u64 heavy(double mean, u64 seed, u64 trial, u32 attempt, u64 cell) {
  double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b;
  double inverse = 1.1239 + 1.1328 / (b - 3.4), squeeze = 0.9277 - 3.6224 / (b - 2);
  for (u32 turn = 1;; ++turn) {
    Block w = philox_block(seed, SAMPLE | (attempt * TURNS + turn) << 8, trial, cell);
    double u = unit(w.w[0], w.w[1]) - 0.5, v = unit(w.w[2], w.w[3]), us = 0.5 - fabs(u);
    if (us <= 0.0) continue;
    double k = floor((2 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= squeeze) return (u64)k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (log(v * inverse / (a / (us * us) + b)) <= log_law(k, mean)) return (u64)k;
  }
}

// One block of threads to a data set: census_cpu.py's three steps, with no random number and no count in memory.
//
// A thread takes a tile of TILE cells and makes their words where it needs them, twice: for T, and for the counts. Cells
// that ``quick`` cannot decide wait in a queue, so that a warp does not stand still for one lane. Masses are summed as
// integers, D(x) 2^63: sums of integers do not depend on their order, so neither do results on the scheduling.

struct Source {
  const double* entries;
  const double* given;  // this trial's frequencies, or null
  u64 listed, size, seed, trial;
};

// floor(U listed) and the first 64 bits of the fraction, U = the word of cell x and its 64 further bits.
__device__ __forceinline__ u64 parts(const Source& s, u32 word, u64 x, u64* fraction) {
  const Block w = philox_block(s.seed, NEXT, s.trial, x >> 1);
  const u64 high = w.w[2 * (x & 1)], low = w.w[2 * (x & 1) + 1];
  const u64 scaled = (u64)word * s.listed, more = high * s.listed + ((low * s.listed) >> 32);
  *fraction = (scaled << 32) + more;  // modulo 2^64
  return (scaled >> 32) + (*fraction < more);
}

// The list's entry at floor(U listed); the word becomes a lower bound, less than listed/2^32 below, of the fraction.
__device__ __forceinline__ double entry(const Source& s, u32* word, u64 x) {
  const u64 scaled = (u64)*word * s.listed;
  u64 index = scaled >> 32, fraction = scaled << 32;
  if ((scaled & 0xffffffffu) + s.listed > 4294967296ull) index = parts(s, *word, x, &fraction);
  *word = (u32)(fraction >> 32);
  return s.entries[index];
}

// The frequencies of cells 4b .. 4b + 3, 0 past the end, and the fractions that their words have left.
__device__ __forceinline__ void four(const Source& s, u64 b, double* p, Block* left) {
  if (s.given) {
    for (int i = 0; i < 4; ++i) p[i] = 4 * b + i < s.size ? s.given[4 * b + i] : 0.0;
  } else {
    *left = philox_block(s.seed, FREQUENCIES, s.trial, b);
    for (int i = 0; i < 4; ++i) p[i] = 4 * b + i < s.size ? entry(s, left->w + i, 4 * b + i) : 0.0;
  }
}

__device__ __forceinline__ void four(const Source& s, u64 b, double* p) {
  Block left;
  four(s, b, p, &left);
}

__device__ __forceinline__ double one(const Source& s, u64 x, u32* left) {
  if (s.given) return s.given[x];
  *left = philox_word(s.seed, FREQUENCIES, s.trial, x);
  return entry(s, left, x);
}

// 53 bits of the uniform number of cell x, whose first 32 are ``word``: the fraction where it is ``shared``.
__device__ double further(const Source& s, bool shared, u32 word, u32 attempt, u64 x) {
  if (!shared) return unit(word, philox_word(s.seed, DOUBT | attempt << 8, s.trial, x));
  u64 fraction;
  parts(s, philox_word(s.seed, FREQUENCIES, s.trial, x), x, &fraction);
  return (double)(fraction >> 11) * (1.0 / 9007199254740992.0);
}

// The count of cell x, whose word is ``word``, in doubles.
__device__ u64 exact(const Source& s, double mean, bool shared, u32 word, u32 attempt, u64 x) {
  if (mean >= HEAVY) return heavy(mean, s.seed, s.trial, attempt, x);
  const double width = (shared ? (double)s.listed : 1.0) * (1.0 / 4294967296.0);
  double u = (double)word * (1.0 / 4294967296.0), term = exp(-mean), threshold = term;
  u64 k = 0;
  for (int turn = 0; turn < 2; ++turn) {
    while (u >= threshold && term > 1e-18 * threshold) {
      k += 1;
      term *= mean / (double)k;
      threshold += term;
    }
    if (threshold - u >= width) break;  // else these bits do not tell this count from the next
    u = further(s, shared, word, attempt, x);
  }
  return k;
}

// T; before[j] becomes the sum of what comes before tile j. The same for every schedule.
__device__ double total(const Source& s, double* before, u64 tiles) {
  __shared__ double part[BLOCK];
  __shared__ double sum;
  const u64 me = threadIdx.x, all = blockDim.x;
  for (u64 j = me; j < tiles; j += all) {
    double tile = 0;
    for (u64 b = j * (TILE / 4); b < (j + 1) * (TILE / 4) && 4 * b < s.size; ++b) {
      double p[4];
      four(s, b, p);
      for (int i = 0; i < 4; ++i) tile += p[i];
    }
    before[j] = tile;
  }
  __syncthreads();
  u64 share = (tiles + all - 1) / all, low = me * share, high = low + share < tiles ? low + share : tiles;
  double running = 0;
  for (u64 j = low; j < high; ++j) {
    double tile = before[j];
    before[j] = running;
    running += tile;
  }
  part[me] = running;
  __syncthreads();
  if (me == 0) {
    running = 0;
    for (u64 i = 0; i < all; ++i) {
      double tile = part[i];
      part[i] = running;
      running += tile;
    }
    sum = running;
  }
  __syncthreads();
  for (u64 j = low; j < high; ++j) before[j] += part[me];
  __syncthreads();
  return sum;
}

// The cell in which ``point`` of [0, T) lies.
__device__ u64 search(const Source& s, const double* before, u64 tiles, double point) {
  u64 low = 0, high = tiles - 1;
  while (low < high) {
    u64 middle = (low + high + 1) / 2;
    if (before[middle] <= point) low = middle; else high = middle - 1;
  }
  double rest = point - before[low];
  u64 last = low * TILE;
  for (u64 b = low * (TILE / 4); b < (low + 1) * (TILE / 4) && 4 * b < s.size; ++b) {
    double p[4];
    four(s, b, p);
    for (int i = 0; i < 4; ++i)
      if (p[i] > 0) {
        last = 4 * b + i;
        rest -= p[i];
        if (rest < 0) return last;
      }
  }
  return last;
}

__device__ __forceinline__ u64 integer(double mass) { return (u64)(mass + 0.5); }

__device__ __forceinline__ void put(u64* number, u64* mass, u64 row, u64 many, u64 much) {
  if (many) {
    atomicAdd(number + row, many);
    atomicAdd(mass + row, much);
  }
}

// ``number`` and ``mass`` have ``rows`` columns for each trial; ``counts`` and ``frequency`` are null or have ``size``.
// ``before``, ``queue`` and ``points`` are working memory, ``tiles``, ``size`` and ``room`` items for each block.
extern "C" __global__ void __launch_bounds__(BLOCK, 3)
census(const double* entries, u64 listed, const double* given, u64 given_rows, u64 size, u64 n, u64 seed,
       u64 first, u64 trials, u64 rows, u64* number, u64* mass, u64* counts, double* frequency, double* before,
       u32* queue, u32* points, u64 room) {
  __shared__ u64 kept[2 * SHARED_ROWS];
  __shared__ u64 drawn;
  __shared__ u32 waiting;
  const u64 me = threadIdx.x, all = blockDim.x, tiles = (size + TILE - 1) / TILE, last = rows - 1;
  before += blockIdx.x * tiles;
  queue += blockIdx.x * size;
  points += blockIdx.x * room;
  for (u64 t = blockIdx.x; t < trials; t += gridDim.x) {
    const Source s = {entries, given_rows ? given + (given_rows > 1 ? t : 0) * size : 0, listed, size, seed, first + t};
    const double sum = total(s, before, tiles);
    const double below = (double)n - 2.0 * sqrt((double)n), rate = (below > 0 ? below : 0.0) / sum;
    const double unit_mass = 9223372036854775808.0 / sum;
    u64* row_number = rows <= SHARED_ROWS ? kept : number + t * rows;
    u64* row_mass = rows <= SHARED_ROWS ? kept + SHARED_ROWS : mass + t * rows;
    u64* row_counts = counts ? counts + t * size : 0;
    for (u32 attempt = 0;; ++attempt) {
      const bool shared = attempt == 0 && !s.given && listed <= LONGEST;  // one random number a cell serves twice
      const float margin = MARGIN + (shared ? (float)listed * (1.0f / 4294967296.0f) : 0.0f);
      for (u64 r = me; r < rows; r += all) row_number[r] = row_mass[r] = 0;
      if (me == 0) { drawn = 0; waiting = 0; }
      __syncthreads();
      u64 c0 = 0, c1 = 0, c2 = 0, c3 = 0, m0 = 0, m1 = 0, m2 = 0, m3 = 0;
      for (u64 j = me; j < tiles; j += all)
        for (u64 b = j * (TILE / 4); b < (j + 1) * (TILE / 4) && 4 * b < size; ++b) {
          double p[4];
          Block w;
          four(s, b, p, &w);
          if (!shared) w = philox_block(seed, SAMPLE | attempt * TURNS << 8, s.trial, b);
          for (int i = 0; i < 4 && 4 * b + i < size; ++i) {
            int k = quick(w.w[i], p[i] * rate, margin);
            if (k == UNSURE) {
              queue[atomicAdd(&waiting, 1u)] = (u32)(4 * b + i);
            } else {
              u64 much = integer(p[i] * unit_mass);
              c0 += k == 0; c1 += k == 1; c2 += k == 2; c3 += k == 3;
              m0 += k == 0 ? much : 0; m1 += k == 1 ? much : 0; m2 += k == 2 ? much : 0; m3 += k == 3 ? much : 0;
              if (row_counts) row_counts[4 * b + i] = k;
            }
            if (frequency) frequency[t * size + 4 * b + i] = p[i] / sum;
          }
        }
      put(row_number, row_mass, 0, c0, m0);
      put(row_number, row_mass, 1 < last ? 1 : last, c1, m1);
      put(row_number, row_mass, 2 < last ? 2 : last, c2, m2);
      put(row_number, row_mass, 3 < last ? 3 : last, c3, m3);
      u64 points_of_mine = c1 + 2 * c2 + 3 * c3;
      __syncthreads();
      for (u64 q = me; q < waiting; q += all) {
        u64 x = queue[q];
        u32 word;
        double p = one(s, x, &word);
        if (!shared) word = philox_word(seed, SAMPLE | attempt * TURNS << 8, s.trial, x);
        u64 k = exact(s, p * rate, shared, word, attempt, x);
        put(row_number, row_mass, k < last ? k : last, 1, integer(p * unit_mass));
        points_of_mine += k;
        if (row_counts) row_counts[x] = k;
      }
      atomicAdd(&drawn, points_of_mine);
      __syncthreads();
      bool enough = drawn <= n && n - drawn <= room;  // more than ``room`` short: 10 standard deviations, never seen
      u64 found = drawn;
      __syncthreads();
      if (!enough) continue;

      for (u64 i = me; i < n - found; i += all) {
        Block w = philox_block(seed, CORRECTION, s.trial, i >> 1);
        points[i] = (u32)search(s, before, tiles, unit(w.w[2 * (i & 1)], w.w[2 * (i & 1) + 1]) * sum);
      }
      __syncthreads();
      for (u64 i = me; i < n - found; i += all) {
        u64 x = points[i];
        u32 word;
        double p = one(s, x, &word);
        if (!shared) word = philox_word(seed, SAMPLE | attempt * TURNS << 8, s.trial, x);
        int sure = quick(word, p * rate, margin);
        u64 k = sure == UNSURE ? exact(s, p * rate, shared, word, attempt, x) : (u64)sure;
        for (u64 j = 0; j < i; ++j) k += points[j] == x;  // what points before this one have added to its cell
        if (k < last) {
          u64 much = integer(p * unit_mass);
          put(row_number, row_mass, k, ~0ull, 0 - much);  // -1 and -mass, modulo 2^64
          put(row_number, row_mass, k + 1, 1, much);
        }
        if (row_counts) atomicAdd(row_counts + x, 1ull);
      }
      __syncthreads();
      break;
    }
    if (rows <= SHARED_ROWS)
      for (u64 r = me; r < rows; r += all) {
        number[t * rows + r] = row_number[r];
        mass[t * rows + r] = row_mass[r];
      }
    __syncthreads();
  }
}

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

// floor(U listed), U = word / 2^32 and, where that leaves doubt, 32 bits more.
__device__ __forceinline__ double entry(const Source& s, u32 word, u64 x) {
  u64 scaled = (u64)word * s.listed;
  u32 index = (u32)(scaled >> 32);
  u64 low = scaled & 0xffffffffu;
  if (low + s.listed > 4294967296ull) {
    u64 more = philox_word(s.seed, FREQUENCIES | 1 << 8, s.trial, x);
    index += (u32)((low + ((more * s.listed) >> 32)) >> 32);
  }
  return s.entries[index];
}

// The frequencies of cells 4b .. 4b + 3, 0 past the end.
__device__ __forceinline__ void four(const Source& s, u64 b, double* p) {
  if (s.given) {
    for (int i = 0; i < 4; ++i) p[i] = 4 * b + i < s.size ? s.given[4 * b + i] : 0.0;
  } else {
    Block w = philox_block(s.seed, FREQUENCIES, s.trial, b);
    for (int i = 0; i < 4; ++i) p[i] = 4 * b + i < s.size ? entry(s, w.w[i], 4 * b + i) : 0.0;
  }
}

__device__ __forceinline__ double one(const Source& s, u64 x) {
  return s.given ? s.given[x] : entry(s, philox_word(s.seed, FREQUENCIES, s.trial, x), x);
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
      for (u64 r = me; r < rows; r += all) row_number[r] = row_mass[r] = 0;
      if (me == 0) { drawn = 0; waiting = 0; }
      __syncthreads();
      u64 c0 = 0, c1 = 0, c2 = 0, c3 = 0, m0 = 0, m1 = 0, m2 = 0, m3 = 0;
      for (u64 j = me; j < tiles; j += all)
        for (u64 b = j * (TILE / 4); b < (j + 1) * (TILE / 4) && 4 * b < size; ++b) {
          double p[4];
          four(s, b, p);
          Block w = philox_block(seed, SAMPLE | attempt * TURNS << 8, s.trial, b);
          for (int i = 0; i < 4 && 4 * b + i < size; ++i) {
            int k = quick(w.w[i], p[i] * rate);
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
        double p = one(s, x);
        u32 word = philox_word(seed, SAMPLE | attempt * TURNS << 8, s.trial, x);
        u64 k = exact(p * rate, word, seed, s.trial, attempt, x);
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
        double p = one(s, x);
        u32 word = philox_word(seed, SAMPLE | attempt * TURNS << 8, s.trial, x);
        int sure = quick(word, p * rate);
        u64 k = sure == UNSURE ? exact(p * rate, word, seed, s.trial, attempt, x) : (u64)sure;
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

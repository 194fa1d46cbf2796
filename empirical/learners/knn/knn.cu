// Walks down neighbor lists: knn_cpu.py's, a thread to an example and a word of 64 trials, or an example and a trial.

typedef unsigned char u8;
typedef unsigned long long u64;

// right[q, w]: trials whose first neighbor in the subset agrees; open[q] where a list ended too soon.
extern "C" __global__ void
nearest(const int* order, const u8* agree, const u64* bits, const u64* valid, u64 queries, u64 length, u64 words,
        u64* right, u8* open) {
  for (u64 at = (u64)blockIdx.x * blockDim.x + threadIdx.x; at < queries * words; at += (u64)gridDim.x * blockDim.x) {
    const u64 q = at / words, w = at % words;
    u64 waiting = valid[w], hit = 0;
    for (u64 s = q * length; waiting && s < (q + 1) * length; ++s) {
      const u64 settled = waiting & bits[(u64)order[s] * words + w];
      if (agree[s]) hit |= settled;
      waiting &= ~settled;
    }
    right[at] = hit;
    if (waiting) open[q] = 1;
  }
}

// counts[q, t, class] of the k nearest in the subset, from 0; brief[q] where a list ended before k.
extern "C" __global__ void
votes(const int* order, const long long* labels, const u64* bits, u64 queries, u64 length, u64 words, u64 trials,
      u64 k, u64 classes, short* counts, u8* brief) {
  for (u64 at = (u64)blockIdx.x * blockDim.x + threadIdx.x; at < queries * trials; at += (u64)gridDim.x * blockDim.x) {
    const u64 q = at / trials, t = at % trials;  // a warp walks one list: the word it reads is the same for all
    u64 left = k;
    for (u64 s = q * length; left && s < (q + 1) * length; ++s) {
      const u64 i = order[s];
      if (bits[i * words + t / 64] >> t % 64 & 1) {
        ++counts[at * classes + labels[i]];
        --left;
      }
    }
    if (left) brief[q] = 1;
  }
}

// Enough of CUDA for g++ to compile the kernels as they are and run them: a block is so many threads and a barrier.
#include <barrier>
#include <cmath>
#include <math.h>
#include <memory>
#include <thread>
#include <vector>

#define __device__
#define __global__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(...)
#define SHIM  // one PTX instruction has its own here
inline unsigned short half_of(float x) {
  const _Float16 rounded = (_Float16)x;
  unsigned short bits;
  __builtin_memcpy(&bits, &rounded, 2);
  return bits;
}


struct Index { unsigned x; };
static thread_local Index threadIdx;
static Index blockIdx, blockDim, gridDim;
static std::unique_ptr<std::barrier<>> gate;

inline void __syncthreads() { gate->arrive_and_wait(); }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)(((unsigned long long)a * b) >> 32); }
inline int __popcll(unsigned long long word) { return __builtin_popcountll(word); }
template <class T> inline T atomicAdd(T* where, T what) { return __atomic_fetch_add(where, what, __ATOMIC_RELAXED); }

template <class Kernel> void launch(unsigned blocks, unsigned threads, Kernel kernel) {
  gridDim.x = blocks;
  blockDim.x = threads;
  for (unsigned b = 0; b < blocks; ++b) {
    blockIdx.x = b;
    gate = std::make_unique<std::barrier<>>(threads);
    std::vector<std::thread> block;
    for (unsigned t = 0; t < threads; ++t)
      block.emplace_back([=] {
        threadIdx.x = t;
        kernel();
      });
    for (auto& thread : block) thread.join();
  }
}

// What a training step does between its products, for all models at once: mlp.py's ``descent`` with float16 operands.
// A row is one example of one model's minibatch; a block takes a row at a time, or a span of parameters.

typedef unsigned char u8;
typedef unsigned short u16;

#ifndef SHIM
__device__ __forceinline__ u16 half_of(float x) {
  u16 out;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(out) : "f"(x));
  return out;
}
#endif

__device__ __forceinline__ u16 held_half(float x) { return half_of(fminf(fmaxf(x, -LARGEST), LARGEST)); }

// Model m's minibatch of a step: its epoch, first place in that epoch's order, and how many examples; 0 when done.
struct Batch {
  u32 epoch, first, size, steps;
};
__device__ __forceinline__ Batch batch_of(const u32* members, u32 m, u32 step, u32 epochs, u32 b) {
  const u32 all = members[m], each = (all + b - 1) / b, epoch = step / each, first = step % each * b;
  const u32 left = all - first;
  Batch out = {epoch, first, epoch < epochs ? (left < b ? left : b) : 0, each * epochs};
  return out;
}

// Initial parameters: Glorot's uniform weights, biases 0.
extern "C" __global__ void
start(const u64* trials, u64 seed, u32 stream, u32 models, u32 d, u32 h, u32 classes, float bound_in, float bound_out,
      float* w, u16* operand) {
  const u64 size = (u64)(d + 1) * h + (u64)(h + 1) * classes, lift = (u64)d * h, out = lift + h;
  for (u64 at = (u64)blockIdx.x * blockDim.x + threadIdx.x; at < models * size; at += (u64)gridDim.x * blockDim.x) {
    const u64 m = at / size, i = at % size;
    const bool inner = i < lift, outer = i >= out && i < out + (u64)h * classes;
    float value = 0;
    if (inner || outer) {
      const float unit = (float)philox_word(seed, stream, trials[m], inner ? i : i - h) * 4.656612873077392578125e-10f /* 2^-31 */ - 1.0f;
      value = (inner ? bound_in : bound_out) * unit;
    }
    w[at] = value;
    operand[at] = held_half(value);
  }
}

// Keys that sort an epoch's order: the subset's examples by their words, ties by index; the rest last.
extern "C" __global__ void
keys(const u64* trials, const u8* masks, u64 seed, u32 stream, u32 models, u32 n, u64* key) {
  for (u64 at = (u64)blockIdx.x * blockDim.x + threadIdx.x; at < (u64)models * n; at += (u64)gridDim.x * blockDim.x) {
    const u64 m = at / n, i = at % n;
    key[at] = masks[at] ? (u64)philox_word(seed, stream, trials[m], i) << 32 | i : ~0ULL;
  }
}

// rows[m, r] = x[the r-th example of model m's minibatch], 0 past its end.
extern "C" __global__ void
gather(u32 step, u32 epochs, const u16* x, const u32* orders, const u32* members, u32 models, u32 b, u32 d, u32 n,
       u16* rows) {
  for (u32 row = blockIdx.x; row < models * b; row += gridDim.x) {
    const u32 m = row / b, r = row % b;
    const Batch batch = batch_of(members, m, step, epochs, b);
    const bool there = r < batch.size;
    const u16* from = there ? x + (u64)orders[((u64)m * epochs + batch.epoch) * n + batch.first + r] * d : x;
    for (u32 f = threadIdx.x; f < d; f += blockDim.x) rows[(u64)row * d + f] = there ? from[f] : 0;
  }
}

// operand = ReLU(hidden + bias), rounded; ``each`` rows to a model, whose parameters start at w[m, 0].
extern "C" __global__ void
lift(const float* hidden, const float* w, u64 size, u64 bias, u32 rows, u32 each, u32 h, u16* operand) {
  for (u32 row = blockIdx.x; row < rows; row += gridDim.x) {
    const float* shift = w + row / each * size + bias;
    for (u32 j = threadIdx.x; j < h; j += blockDim.x)
      operand[(u64)row * h + j] = held_half(fmaxf(hidden[(u64)row * h + j] + shift[j], 0));
  }
}

// operand = SCALE (softmax(z + bias) − 1{label}) over the classes present, 0 past the minibatch's end.
extern "C" __global__ void
softmax(u32 step, u32 epochs, const float* z, const float* w, const u32* labels, const u8* present, const u32* orders,
        const u32* members, u64 size, u64 bias, u32 models, u32 b, u32 n, u32 classes, u16* operand) {
  for (u32 row = blockIdx.x * blockDim.x + threadIdx.x; row < models * b; row += gridDim.x * blockDim.x) {
    const u32 m = row / b, r = row % b;
    const Batch batch = batch_of(members, m, step, epochs, b);
    u16* out = operand + (u64)row * classes;
    if (r >= batch.size) {
      for (u32 c = 0; c < classes; ++c) out[c] = 0;
      continue;
    }
    const float *values = z + (u64)row * classes, *shift = w + m * size + bias;
    const u8* has = present + m * classes;
    float top = -LARGEST * LARGEST, sum = 0;
    for (u32 c = 0; c < classes; ++c)
      if (has[c]) top = fmaxf(top, values[c] + shift[c]);
    for (u32 c = 0; c < classes; ++c)
      if (has[c]) sum += expf(values[c] + shift[c] - top);
    const u32 label = labels[orders[((u64)m * epochs + batch.epoch) * n + batch.first + r]];
    for (u32 c = 0; c < classes; ++c)
      out[c] = half_of(SCALE * ((has[c] ? expf(values[c] + shift[c] - top) / sum : 0) - (c == label)));
  }
}

// operand = back where the hidden unit is open, rounded.
extern "C" __global__ void gated(const float* back, const u16* hidden, u64 count, u16* operand) {
  for (u64 at = (u64)blockIdx.x * blockDim.x + threadIdx.x; at < count; at += (u64)gridDim.x * blockDim.x)
    operand[at] = hidden[at] ? held_half(back[at]) : 0;  // hidden is never below 0
}

// Adam, all in one pass: g / (SCALE · examples) plus the penalty's gradient; w in float32, and its rounded copy.
extern "C" __global__ void
adam(u32 step, u32 epochs, float first, float second, const float* g, const u32* members, u32 models, u32 b, u32 d,
     u32 h, u32 classes, float rate, float penalty, float* w, float* mean, float* square, u16* operand) {
  const u64 size = (u64)(d + 1) * h + (u64)(h + 1) * classes, lift = (u64)d * h, out = lift + h;
  const u32 spans = (size + SPAN - 1) / SPAN;
  for (u32 span = blockIdx.x; span < models * spans; span += gridDim.x) {
    const u32 m = span / spans;
    const u64 from = (u64)(span % spans) * SPAN, end = from + SPAN < size ? from + SPAN : size;
    const Batch batch = batch_of(members, m, step, epochs, b);
    if (!batch.size) continue;
    const float share = 1 / (SCALE * batch.size), pace = rate * (1 - (float)step / batch.steps) / first;
    for (u64 i = from + threadIdx.x; i < end; i += blockDim.x) {
      const u64 at = m * size + i;
      const bool decays = i < lift || (i >= out && i < out + (u64)h * classes);
      const float here = w[at], slope = g[at] * share + (decays ? penalty * here : 0);
      const float one = 0.9f * mean[at] + 0.1f * slope, two = 0.999f * square[at] + 0.001f * slope * slope;
      const float moved = here - pace * one / (sqrtf(two / second) + 1e-8f);
      mean[at] = one;
      square[at] = two;
      w[at] = moved;
      operand[at] = held_half(moved);
    }
  }
}

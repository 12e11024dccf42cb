// Work over the samples or rows of a batch on TensorFlow's own threads.

#ifndef NASREC_TF_NATIVE_PARALLEL_H_
#define NASREC_TF_NATIVE_PARALLEL_H_

#include <algorithm>
#include <cstdint>
#include <functional>

#include "tensorflow/core/framework/op_kernel.h"

namespace nasrec {

// Calls work(first, last) for ranges that cover 0 to count; `cycles` are those of one entry, which
// may be more than an integer can count.
inline void ForEachRange(tensorflow::OpKernelContext* context, int64_t count, double cycles,
                         const std::function<void(int64_t, int64_t)>& work) {
  using tensorflow::thread::ThreadPool;
  if (count == 0) return;
  constexpr double kMostCycles = 1e15;
  const auto cost = static_cast<int64_t>(std::min(cycles, kMostCycles));
  context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(
      count, ThreadPool::SchedulingParams::Adaptive(cost), work);
}

}  // namespace nasrec

#endif  // NASREC_TF_NATIVE_PARALLEL_H_

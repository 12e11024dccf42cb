// Work over the samples or rows of a batch on TensorFlow's own threads.

#ifndef NASREC_TF_NATIVE_PARALLEL_H_
#define NASREC_TF_NATIVE_PARALLEL_H_

#include <cstdint>
#include <functional>

#include "tensorflow/core/framework/op_kernel.h"

namespace nasrec {

// Calls work(first, last) for ranges that cover 0 to count; `cycles` are those of one entry.
inline void ForEachRange(tensorflow::OpKernelContext* context, int64_t count, int64_t cycles,
                         const std::function<void(int64_t, int64_t)>& work) {
  if (count == 0) return;
  context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(count, cycles, work);
}

}  // namespace nasrec

#endif  // NASREC_TF_NATIVE_PARALLEL_H_

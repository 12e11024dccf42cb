// Decay of embedding rows that a step is about to read, for all steps since they were last read.

#ifndef NASREC_TF_NATIVE_ROW_DECAY_H_
#define NASREC_TF_NATIVE_ROW_DECAY_H_

#include <memory>

#include "parallel.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/resource_mgr.h"
#include "tensorflow/core/framework/resource_var.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/core/kernels/training_op_helpers.h"

namespace nasrec {

// table *= exp(-decay * (rate_sum - settled) / (sqrt(accumulator) + epsilon)) in the named rows,
// whose settled sums become rate_sum. A row that is named twice is decayed once.
class DecayRowsOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    RefCountPtr<Var> table, accumulator, settled;
    OP_REQUIRES_OK(context, Find(context, 0, &table));
    OP_REQUIRES_OK(context, Find(context, 1, &accumulator));
    OP_REQUIRES_OK(context, Find(context, 2, &settled));
    const tensorflow::Tensor& named = context->input(3);
    OP_REQUIRES(context, named.dims() == 1, absl::InvalidArgumentError("rows must be a vector"));
    for (int index = 4; index < 7; ++index) {
      OP_REQUIRES(context, context->input(index).NumElements() == 1,
                  absl::InvalidArgumentError("sum, decay and epsilon must be one number each"));
    }
    const double rate_sum = context->input(4).flat<double>()(0);
    const float decay = context->input(5).flat<float>()(0);
    const float epsilon = context->input(6).flat<float>()(0);
    using Device = Eigen::ThreadPoolDevice;
    // Nobody who read the variables before may see what is written.
    OP_REQUIRES_OK(context, (tensorflow::EnsureSparseVariableAccess<Device, float>(
                                context, table.get())));
    OP_REQUIRES_OK(context, (tensorflow::EnsureSparseVariableAccess<Device, double>(
                                context, settled.get())));
    tensorflow::mutex_lock table_lock(*table->mu());
    tensorflow::tf_shared_lock accumulator_lock(*accumulator->mu());
    tensorflow::mutex_lock settled_lock(*settled->mu());
    tensorflow::Tensor& weights = *table->tensor();
    const tensorflow::Tensor& squares = *accumulator->tensor();
    OP_REQUIRES(context,
                weights.dims() == 2 && weights.dtype() == tensorflow::DT_FLOAT &&
                    squares.dtype() == tensorflow::DT_FLOAT && squares.shape() == weights.shape(),
                absl::InvalidArgumentError(absl::StrCat(
                    "a float table (rows, width) and an accumulator of its shape are needed; "
                    "received ", weights.shape().DebugString(), " and ",
                    squares.shape().DebugString())));
    OP_REQUIRES(context,
                settled->tensor()->dtype() == tensorflow::DT_DOUBLE &&
                    settled->tensor()->NumElements() == weights.dim_size(0),
                absl::InvalidArgumentError("settled sums must be one double for each row"));
    const int64_t width = weights.dim_size(1), rows = weights.dim_size(0);
    const auto row = named.vec<int64_t>();
    for (int64_t at = 0; at < row.size(); ++at) {
      OP_REQUIRES(context, row(at) >= 0 && row(at) < rows,
                  absl::InvalidArgumentError(
                      absl::StrCat("row ", row(at), " of a table of ", rows, " rows")));
    }
    float* weight = weights.flat<float>().data();
    const float* square = squares.flat<float>().data();
    double* sum = settled->tensor()->flat<double>().data();
    // A row belongs to one shard, so that two threads never decay the same one.
    ForEachRange(context, kShards, row.size() * (4 + 8 * width / kShards),
                 [&](int64_t first, int64_t last) {
      for (int64_t at = 0; at < row.size(); ++at) {
        if (at + kAhead < row.size()) {
          // Rows of a large table lie anywhere in memory; waiting for each would cost most.
          const int64_t next = row(at + kAhead);
          __builtin_prefetch(sum + next, 1);
          __builtin_prefetch(square + next * width);
          __builtin_prefetch(weight + next * width, 1);
        }
        const int64_t of = row(at), shard = of % kShards;
        if (shard < first || shard >= last || sum[of] == rate_sum) continue;
        const float missed = decay * static_cast<float>(rate_sum - sum[of]);
        Eigen::Map<Eigen::ArrayXf> values(weight + of * width, width);
        const Eigen::Map<const Eigen::ArrayXf> squared(square + of * width, width);
        values *= (-missed / (squared.sqrt() + epsilon)).exp();
        sum[of] = rate_sum;
      }
    });
  }

 private:
  static constexpr int64_t kShards = 8;
  static constexpr int64_t kAhead = 16;

  static absl::Status Find(tensorflow::OpKernelContext* context, int index,
                           RefCountPtr<Var>* variable) {
    return tensorflow::LookupResource(context, tensorflow::HandleFromInput(context, index),
                                      variable);
  }
};

REGISTER_OP("NasrecDecayRows")
    .Input("table: resource")
    .Input("accumulator: resource")
    .Input("settled: resource")
    .Input("rows: int64")
    .Input("rate_sum: double")
    .Input("decay: float")
    .Input("epsilon: float")
    .SetIsStateful()
    .SetShapeFn(tensorflow::shape_inference::NoOutputs);

REGISTER_KERNEL_BUILDER(Name("NasrecDecayRows").Device(tensorflow::DEVICE_CPU), DecayRowsOp);

}  // namespace nasrec

#endif  // NASREC_TF_NATIVE_ROW_DECAY_H_

// Decay of embedding rows that a step is about to read, for all steps since they were last read.

#ifndef NASREC_TF_NATIVE_ROW_DECAY_H_
#define NASREC_TF_NATIVE_ROW_DECAY_H_

#include <algorithm>
#include <array>
#include <memory>

#include "checks.h"
#include "parallel.h"
#include "slices.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/resource_var.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/core/kernels/training_op_helpers.h"

namespace nasrec {

// table *= exp(-decay * (rate_sum - settled) / (sqrt(accumulator) + epsilon)) in the named rows,
// whose settled sums become rate_sum. A row that is named twice is decayed once.
class DecayRowsOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(OpKernelContext* context) override {
    ActiveRows<int64_t> row;
    OP_REQUIRES_OK(context, HasRank(context, "rows", context->input(3).shape(), 1));
    OP_REQUIRES_OK(context, row.Read(context, context->input(3)));
    OP_REQUIRES_OK(context, IsScalar(context, "rate_sum", context->input(4)));
    OP_REQUIRES_OK(context, IsScalar(context, "decay", context->input(5)));
    OP_REQUIRES_OK(context, IsScalar(context, "epsilon", context->input(6)));
    std::array<RefCountPtr<Var>, 3> variables;
    for (int index = 0; index < 3; ++index) {
      OP_REQUIRES_OK(context, FindVariable(context, kNames[index], index, &variables[index]));
      for (int other = 0; other < index; ++other) {
        OP_REQUIRES(context, variables[other].get() != variables[index].get(),
                    Wrong(context, kNames[index], " is ", kNames[other], " too"));
      }
    }
    {
      // What follows takes the types as given.
      const Locks locks(variables);
      OP_REQUIRES_OK(context, Check(context, row, variables));
    }
    // Nobody who read the variables before may see what is written.
    using Device = Eigen::ThreadPoolDevice;
    OP_REQUIRES_OK(context, (tensorflow::EnsureSparseVariableAccess<Device, float>(
                                context, variables[0].get())));
    OP_REQUIRES_OK(context, (tensorflow::EnsureSparseVariableAccess<Device, double>(
                                context, variables[2].get())));
    const Locks locks(variables);
    OP_REQUIRES_OK(context, Check(context, row, variables));
    Decay(context, row, variables);
  }

 private:
  static constexpr const char* kNames[] = {"table", "accumulator", "settled"};
  static constexpr int64_t kShards = 8;
  static constexpr int64_t kAhead = 16;

  // All three, in the order of their addresses, which is TensorFlow's.
  class Locks {
   public:
    explicit Locks(const std::array<RefCountPtr<Var>, 3>& variables) {
      std::array<tensorflow::mutex*, 3> order;
      for (int index = 0; index < 3; ++index) order[index] = variables[index]->mu();
      std::sort(order.begin(), order.end());
      for (int index = 0; index < 3; ++index) {
        held_[index] = std::make_unique<tensorflow::mutex_lock>(*order[index]);
      }
    }

   private:
    std::array<std::unique_ptr<tensorflow::mutex_lock>, 3> held_;
  };

  static absl::Status Holds(OpKernelContext* context, int index, const Tensor& stored,
                            tensorflow::DataType type) {
    if (!stored.IsInitialized()) return Wrong(context, kNames[index], " has no value");
    if (stored.dtype() == type) return absl::OkStatus();
    return Wrong(context, kNames[index], " holds ", tensorflow::DataTypeString(stored.dtype()),
                 " instead of ", tensorflow::DataTypeString(type));
  }

  static absl::Status Check(OpKernelContext* context, const ActiveRows<int64_t>& row,
                            const std::array<RefCountPtr<Var>, 3>& variables) {
    const Tensor& table = *variables[0]->tensor();
    TF_RETURN_IF_ERROR(Holds(context, 0, table, tensorflow::DT_FLOAT));
    TF_RETURN_IF_ERROR(HasRank(context, "table", table.shape(), 2));
    TF_RETURN_IF_ERROR(row.Check(context, "table", table.dim_size(0)));
    TF_RETURN_IF_ERROR(Holds(context, 1, *variables[1]->tensor(), tensorflow::DT_FLOAT));
    TF_RETURN_IF_ERROR(HasShape(context, "accumulator", *variables[1]->tensor(), table.shape()));
    TF_RETURN_IF_ERROR(Holds(context, 2, *variables[2]->tensor(), tensorflow::DT_DOUBLE));
    return HasShape(context, "settled", *variables[2]->tensor(), {table.dim_size(0)});
  }

  static void Decay(OpKernelContext* context, const ActiveRows<int64_t>& row,
                    const std::array<RefCountPtr<Var>, 3>& variables) {
    const double rate_sum = context->input(4).scalar<double>()();
    const float decay = context->input(5).scalar<float>()();
    const float epsilon = context->input(6).scalar<float>()();
    const int64_t width = variables[0]->tensor()->dim_size(1);
    float* weights = variables[0]->tensor()->flat<float>().data();
    const float* squares = variables[1]->tensor()->flat<float>().data();
    double* sums = variables[2]->tensor()->flat<double>().data();
    // A row belongs to one shard, so that two threads never decay the same one.
    ForEachRange(context, kShards, row.count() * (4 + 8 * width / kShards),
                 [&](int64_t first, int64_t last) {
      for (int64_t at = 0; at < row.count(); ++at) {
        if (at + kAhead < row.count()) {
          // Rows of a large table lie anywhere in memory; waiting for each would cost most.
          const int64_t next = row[at + kAhead];
          __builtin_prefetch(sums + next, 1);
          __builtin_prefetch(squares + next * width);
          __builtin_prefetch(weights + next * width, 1);
        }
        const int64_t of = row[at], shard = of % kShards;
        if (shard < first || shard >= last || sums[of] == rate_sum) continue;
        const float missed = decay * static_cast<float>(rate_sum - sums[of]);
        Eigen::Map<Eigen::ArrayXf> values(weights + of * width, width);
        const Eigen::Map<const Eigen::ArrayXf> squared(squares + of * width, width);
        values *= (-missed / (squared.sqrt() + epsilon)).exp();
        sums[of] = rate_sum;
      }
    });
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

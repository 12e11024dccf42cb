// Decay of embedding rows that a step is about to read, for all steps since they were last read.

#ifndef NASREC_TF_NATIVE_ROW_DECAY_H_
#define NASREC_TF_NATIVE_ROW_DECAY_H_

#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/container/inlined_vector.h"
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
// whose settled sums become rate_sum; without an accumulator the denominator is 1. A row that is
// named twice is decayed once.
class DecayRowsOp : public tensorflow::OpKernel {
 public:
  explicit DecayRowsOp(tensorflow::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("N", &accumulators_));
    OP_REQUIRES(context, accumulators_ <= 1,
                absl::InvalidArgumentError(absl::StrCat("NasrecDecayRows: ", accumulators_,
                                                        " accumulators instead of at most 1")));
  }

  void Compute(OpKernelContext* context) override {
    const int next = 2 + accumulators_;
    ActiveRows<int64_t> row;
    OP_REQUIRES_OK(context, HasRank(context, "rows", context->input(next).shape(), 1));
    OP_REQUIRES_OK(context, row.Read(context, context->input(next)));
    OP_REQUIRES_OK(context, IsScalar(context, "rate_sum", context->input(next + 1)));
    OP_REQUIRES_OK(context, IsScalar(context, "decay", context->input(next + 2)));
    OP_REQUIRES_OK(context, IsScalar(context, "epsilon", context->input(next + 3)));
    Variables variables(2 + accumulators_);
    for (int index = 0; index < next; ++index) {
      OP_REQUIRES_OK(context, FindVariable(context, Name(index), index, &variables[index]));
      for (int other = 0; other < index; ++other) {
        OP_REQUIRES(context, variables[other].get() != variables[index].get(),
                    Wrong(context, Name(index), " is ", Name(other), " too"));
      }
    }
    {
      // What follows takes the types as given.
      const Locks locks(variables);
      OP_REQUIRES_OK(context, Check(context, row, variables));
    }
    // Nobody who read the variables before may see what is written.
    OP_REQUIRES_OK(context, MakeWritable<float>(context, variables[kTable].get()));
    OP_REQUIRES_OK(context, MakeWritable<double>(context, variables[kSettled].get()));
    const Locks locks(variables);
    OP_REQUIRES_OK(context, Check(context, row, variables));
    Decay(context, row, variables);
  }

 private:
  using Variables = absl::InlinedVector<RefCountPtr<Var>, 3>;
  static constexpr int kTable = 0, kSettled = 1, kAccumulator = 2;
  // Misses of the caches that are waited for at the same time.
  static constexpr int64_t kAhead = 16;

  static InputName Name(int index) {
    if (index == kAccumulator) return Entry("accumulators", 0);
    return index == kTable ? "table" : "settled";
  }

  // All of them, in the order of their addresses, which is TensorFlow's.
  class Locks {
   public:
    explicit Locks(const Variables& variables) {
      absl::InlinedVector<tensorflow::mutex*, 3> order;
      for (const auto& variable : variables) order.push_back(variable->mu());
      std::sort(order.begin(), order.end());
      for (tensorflow::mutex* mutex : order) {
        held_.push_back(std::make_unique<tensorflow::mutex_lock>(*mutex));
      }
    }

   private:
    absl::InlinedVector<std::unique_ptr<tensorflow::mutex_lock>, 3> held_;
  };

  // Reads copy from now on only if somebody who has read the variable still holds its memory: of a
  // large table that would take its size again at every checkpoint.
  template <typename T>
  static absl::Status MakeWritable(OpKernelContext* context, Var* variable) {
    {
      tensorflow::mutex_lock lock(*variable->mu());
      if (variable->copy_on_read_mode.load() || variable->tensor()->RefCountIsOne()) {
        return absl::OkStatus();
      }
    }
    return tensorflow::EnsureSparseVariableAccess<Eigen::ThreadPoolDevice, T>(context, variable);
  }

  static absl::Status Holds(OpKernelContext* context, int index, const Tensor& stored,
                            tensorflow::DataType type) {
    if (!stored.IsInitialized()) return Wrong(context, Name(index), " has no value");
    if (stored.dtype() == type) return absl::OkStatus();
    return Wrong(context, Name(index), " holds ", tensorflow::DataTypeString(stored.dtype()),
                 " instead of ", tensorflow::DataTypeString(type));
  }

  static absl::Status Check(OpKernelContext* context, const ActiveRows<int64_t>& row,
                            const Variables& variables) {
    const Tensor& table = *variables[kTable]->tensor();
    TF_RETURN_IF_ERROR(Holds(context, kTable, table, tensorflow::DT_FLOAT));
    TF_RETURN_IF_ERROR(HasRank(context, "table", table.shape(), 2));
    TF_RETURN_IF_ERROR(row.Check(context, "table", table.dim_size(0)));
    const Tensor& settled = *variables[kSettled]->tensor();
    TF_RETURN_IF_ERROR(Holds(context, kSettled, settled, tensorflow::DT_DOUBLE));
    TF_RETURN_IF_ERROR(HasShape(context, "settled", settled, {table.dim_size(0)}));
    if (variables.size() <= kAccumulator) return absl::OkStatus();
    const Tensor& accumulator = *variables[kAccumulator]->tensor();
    TF_RETURN_IF_ERROR(Holds(context, kAccumulator, accumulator, tensorflow::DT_FLOAT));
    return HasShape(context, Name(kAccumulator), accumulator, table.shape());
  }

  static void Decay(OpKernelContext* context, const ActiveRows<int64_t>& row,
                    const Variables& variables) {
    const int next = variables.size();
    const double rate_sum = context->input(next + 1).scalar<double>()();
    const float decay = context->input(next + 2).scalar<float>()();
    const float epsilon = context->input(next + 3).scalar<float>()();
    const int64_t width = variables[kTable]->tensor()->dim_size(1);
    float* weights = variables[kTable]->tensor()->flat<float>().data();
    double* sums = variables[kSettled]->tensor()->flat<double>().data();
    const float* squares = variables.size() <= kAccumulator
                               ? nullptr
                               : variables[kAccumulator]->tensor()->flat<float>().data();
    ForEachRange(context, row.count(), 60 + 4 * width, [&](int64_t first, int64_t last) {
      for (int64_t at = first; at < last; ++at) {
        if (at + kAhead < last) {
          // Rows of a large table lie anywhere in memory; waiting for each would cost most.
          const int64_t later = row[at + kAhead];
          __builtin_prefetch(sums + later, 1);
          Prefetch<1>(weights + later * width, width);
          if (squares != nullptr) Prefetch<0>(squares + later * width, width);
        }
        const int64_t of = row[at];
        double before;
        if (!Claim(sums + of, rate_sum, &before)) continue;
        const float missed = decay * static_cast<float>(rate_sum - before);
        Eigen::Map<Eigen::ArrayXf> values(weights + of * width, width);
        if (squares == nullptr) {
          values *= std::exp(-missed);
          continue;
        }
        const Eigen::Map<const Eigen::ArrayXf> squared(squares + of * width, width);
        values *= (-missed / (squared.sqrt() + epsilon)).exp();
      }
    });
  }

  template <int kToWrite>
  static void Prefetch(const float* values, int64_t width) {
    constexpr int64_t kLine = 64 / sizeof(float);
    for (int64_t at = 0; at < width; at += kLine) __builtin_prefetch(values + at, kToWrite);
  }

  // Sets a row's settled sum; whether it was another one before. Of all threads that come to a row
  // one alone sees the sum before, and decays it.
  static bool Claim(double* settled, double rate_sum, double* before) {
    __atomic_load(settled, before, __ATOMIC_RELAXED);
    if (*before == rate_sum) return false;
    __atomic_exchange(settled, &rate_sum, before, __ATOMIC_RELAXED);
    return *before != rate_sum;
  }

  int accumulators_;
};

REGISTER_OP("NasrecDecayRows")
    .Input("table: resource")
    .Input("settled: resource")
    .Input("accumulators: N * resource")
    .Input("rows: int64")
    .Input("rate_sum: double")
    .Input("decay: float")
    .Input("epsilon: float")
    .Attr("N: int >= 0")
    .SetIsStateful()
    .SetShapeFn(tensorflow::shape_inference::NoOutputs);

REGISTER_KERNEL_BUILDER(Name("NasrecDecayRows").Device(tensorflow::DEVICE_CPU), DecayRowsOp);

}  // namespace nasrec

#endif  // NASREC_TF_NATIVE_ROW_DECAY_H_

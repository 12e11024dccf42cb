// Active slices of shared weights: read out of variables, and updated there by Adagrad.
//
// A weight may be stored in several variables, groups of columns side by side. A slice is some of
// its rows and its first columns; nothing else of the variables is read or written.

#ifndef NASREC_TF_NATIVE_SLICES_H_
#define NASREC_TF_NATIVE_SLICES_H_

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "parallel.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/resource_mgr.h"
#include "tensorflow/core/framework/resource_var.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/core/kernels/training_op_helpers.h"

namespace nasrec {

using tensorflow::OpInputList;
using tensorflow::Var;
using tensorflow::core::RefCountPtr;

// Columns of a variable; a vector has one.
inline int64_t ColumnsOf(const tensorflow::Tensor& tensor) {
  return tensor.dims() == 2 ? tensor.dim_size(1) : 1;
}

// The active rows of a weight: those that a vector names, or as many first ones as a scalar says.
template <typename Index>
class ActiveRows {
 public:
  explicit ActiveRows(const tensorflow::Tensor& rows)
      : named_(rows.dims() == 1 ? rows.flat<Index>().data() : nullptr),
        count_(rows.dims() == 1 ? rows.NumElements() : rows.scalar<Index>()()) {}

  int64_t count() const { return count_; }
  bool AreFirst() const { return named_ == nullptr; }
  int64_t operator[](int64_t at) const { return named_ == nullptr ? at : named_[at]; }

  absl::Status Check(int64_t available) const {
    for (int64_t at = named_ == nullptr ? std::max<int64_t>(count_ - 1, 0) : 0; at < count_; ++at) {
      const int64_t row = (*this)[at];
      if (row < 0 || row >= available) {
        return absl::InvalidArgumentError(
            absl::StrCat("row ", row, " of a variable of ", available, " rows"));
      }
    }
    return absl::OkStatus();
  }

 private:
  const Index* named_;
  const int64_t count_;
};

class ReadSliceOp : public tensorflow::OpKernel {
 public:
  explicit ReadSliceOp(tensorflow::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("rank", &rank_));
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    OpInputList handles;
    OP_REQUIRES_OK(context, context->input_list("variables", &handles));
    const ActiveRows<int32_t> row(context->input(handles.size()));
    const int64_t count = row.count();
    const int64_t columns = context->input(handles.size() + 1).scalar<int32_t>()();
    tensorflow::Tensor* slice;
    tensorflow::TensorShape shape({count, columns});
    if (rank_ == 1) shape.RemoveDim(1);
    OP_REQUIRES_OK(context, context->allocate_output(0, shape, &slice));
    if (count == 0 || columns == 0) return;
    float* to = slice->flat<float>().data();
    int64_t start = 0;
    for (int index = 0; index < handles.size() && start < columns; ++index) {
      RefCountPtr<Var> variable;
      OP_REQUIRES_OK(context, tensorflow::LookupResource(
                                  context, tensorflow::HandleFromInput(context, index), &variable));
      tensorflow::tf_shared_lock lock(*variable->mu());
      const tensorflow::Tensor& stored = *variable->tensor();
      OP_REQUIRES_OK(context, row.Check(stored.dim_size(0)));
      const int64_t width = ColumnsOf(stored), used = std::min(width, columns - start);
      const float* from = stored.flat<float>().data();
      ForEachRange(context, count, 8 + used / 4, [&](int64_t first, int64_t last) {
        for (int64_t at = first; at < last; ++at) {
          std::copy_n(from + row[at] * width, used, to + at * columns + start);
        }
      });
      start += used;
    }
    OP_REQUIRES(context, start == columns,
                absl::InvalidArgumentError(
                    absl::StrCat(columns, " columns of variables with ", start)));
  }

 private:
  int rank_;
};

// accumulator += (scale g)^2; variable -= rate * scale g / (sqrt(accumulator) + epsilon).
template <typename Index>
class AdagradSliceOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    OpInputList handles, sums;
    OP_REQUIRES_OK(context, context->input_list("variables", &handles));
    OP_REQUIRES_OK(context, context->input_list("accumulators", &sums));
    const int groups = handles.size(), next = 2 * groups;
    const ActiveRows<Index> row(context->input(next));
    const tensorflow::Tensor& gradient = context->input(next + 1);
    const float rate = context->input(next + 2).scalar<float>()();
    const float epsilon = context->input(next + 3).scalar<float>()();
    const float scale = context->input(next + 4).scalar<float>()();
    const int64_t count = row.count();
    if (gradient.NumElements() == 0) return;
    const int64_t columns = gradient.NumElements() / count;
    const float* of_slice = gradient.flat<float>().data();
    int64_t start = 0;
    for (int index = 0; index < groups && start < columns; ++index) {
      RefCountPtr<Var> variable, accumulator;
      OP_REQUIRES_OK(context, Find(context, index, &variable));
      OP_REQUIRES_OK(context, Find(context, groups + index, &accumulator));
      std::unique_ptr<tensorflow::mutex_lock> locks[2];
      OP_REQUIRES_OK(context, LockForWriting(context, variable.get(), row, columns, &locks[0]));
      OP_REQUIRES_OK(context, LockForWriting(context, accumulator.get(), row, columns, &locks[1]));
      OP_REQUIRES_OK(context, row.Check(variable->tensor()->dim_size(0)));
      OP_REQUIRES(context, accumulator->tensor()->shape() == variable->tensor()->shape(),
                  absl::InvalidArgumentError("an accumulator of another shape than its variable"));
      const int64_t width = ColumnsOf(*variable->tensor());
      const int64_t used = std::min(width, columns - start);
      float* weights = variable->tensor()->flat<float>().data();
      float* squares = accumulator->tensor()->flat<float>().data();
      ForEachRange(context, count, 8 + 3 * used, [&](int64_t first, int64_t last) {
        for (int64_t at = first; at < last; ++at) {
          float* weight = weights + row[at] * width;
          float* square = squares + row[at] * width;
          const float* slope = of_slice + at * columns + start;
          for (int64_t column = 0; column < used; ++column) {
            const float clipped = slope[column] * scale;
            square[column] += clipped * clipped;
            weight[column] -= rate * clipped / (std::sqrt(square[column]) + epsilon);
          }
        }
      });
      start += used;
    }
  }

 private:
  static absl::Status Find(tensorflow::OpKernelContext* context, int index,
                           RefCountPtr<Var>* variable) {
    return tensorflow::LookupResource(context, tensorflow::HandleFromInput(context, index),
                                      variable);
  }

  // Locks a variable of which memory is about to be written.
  //
  // Nobody who read it before may see what is written. If somebody still holds that memory, then
  // either all of it is to be written, and it moves, or reads copy from now on. Reads copy only
  // then: of a large table that would take its size again at every checkpoint.
  static absl::Status LockForWriting(tensorflow::OpKernelContext* context, Var* variable,
                                     const ActiveRows<Index>& row, int64_t columns,
                                     std::unique_ptr<tensorflow::mutex_lock>* lock) {
    using Device = Eigen::ThreadPoolDevice;
    *lock = std::make_unique<tensorflow::mutex_lock>(*variable->mu());
    if (variable->copy_on_read_mode.load() || variable->tensor()->RefCountIsOne()) {
      return absl::OkStatus();
    }
    const bool is_whole = row.AreFirst() && row.count() == variable->tensor()->dim_size(0) &&
                          columns == ColumnsOf(*variable->tensor());
    if (is_whole) {
      return tensorflow::PrepareToUpdateVariable<Device, float>(context, variable->tensor(), false);
    }
    lock->reset();
    TF_RETURN_IF_ERROR((tensorflow::EnsureSparseVariableAccess<Device, float>(context, variable)));
    *lock = std::make_unique<tensorflow::mutex_lock>(*variable->mu());
    return absl::OkStatus();
  }
};

// The L2 norm over all tensors together.
class GlobalNormOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    double total = 0.0;
    std::vector<double> sums;
    for (int index = 0; index < context->num_inputs(); ++index) {
      const tensorflow::Tensor& part = context->input(index);
      const float* values = part.flat<float>().data();
      const int64_t size = part.NumElements(), stretches = (size + kStretch - 1) / kStretch;
      sums.assign(stretches, 0.0);
      ForEachRange(context, stretches, kStretch / 4, [&](int64_t first, int64_t last) {
        for (int64_t stretch = first; stretch < last; ++stretch) {
          const int64_t start = stretch * kStretch;
          const int64_t length = std::min(kStretch, size - start);
          sums[stretch] =
              Eigen::Map<const Eigen::ArrayXf>(values + start, length).square().sum();
        }
      });
      for (double sum : sums) total += sum;
    }
    tensorflow::Tensor* norm;
    OP_REQUIRES_OK(context, context->allocate_output(0, {}, &norm));
    norm->scalar<float>()() = static_cast<float>(std::sqrt(total));
  }

 private:
  static constexpr int64_t kStretch = 4096;
};

REGISTER_OP("NasrecReadSlice")
    .Input("variables: N * resource")
    .Input("rows: int32")
    .Input("columns: int32")
    .Attr("N: int >= 1")
    .Attr("rank: int = 2")
    .Output("slice: float")
    .SetIsStateful()
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      int groups, rank;
      TF_RETURN_IF_ERROR(context->GetAttr("N", &groups));
      TF_RETURN_IF_ERROR(context->GetAttr("rank", &rank));
      tensorflow::shape_inference::ShapeHandle rows;
      TF_RETURN_IF_ERROR(context->WithRankAtMost(context->input(groups), 1, &rows));
      tensorflow::shape_inference::DimensionHandle count;
      if (context->Rank(rows) == 0) {
        TF_RETURN_IF_ERROR(context->MakeDimForScalarInput(groups, &count));
      } else {
        count = context->Dim(rows, 0);
      }
      tensorflow::shape_inference::DimensionHandle columns;
      TF_RETURN_IF_ERROR(context->MakeDimForScalarInput(groups + 1, &columns));
      context->set_output(0, rank == 1 ? context->MakeShape({count})
                                       : context->MakeShape({count, columns}));
      return absl::OkStatus();
    });

REGISTER_OP("NasrecAdagradSlice")
    .Input("variables: N * resource")
    .Input("accumulators: N * resource")
    .Input("rows: Index")
    .Input("gradient: float")
    .Input("rate: float")
    .Input("epsilon: float")
    .Input("scale: float")
    .Attr("N: int >= 1")
    .Attr("Index: {int32, int64}")
    .SetIsStateful()
    .SetShapeFn(tensorflow::shape_inference::NoOutputs);

REGISTER_OP("NasrecGlobalNorm")
    .Input("parts: N * float")
    .Attr("N: int >= 1")
    .Output("norm: float")
    .SetShapeFn(tensorflow::shape_inference::ScalarShape);

REGISTER_KERNEL_BUILDER(Name("NasrecReadSlice").Device(tensorflow::DEVICE_CPU), ReadSliceOp);
REGISTER_KERNEL_BUILDER(Name("NasrecAdagradSlice")
                            .Device(tensorflow::DEVICE_CPU)
                            .TypeConstraint<int32_t>("Index"),
                        AdagradSliceOp<int32_t>);
REGISTER_KERNEL_BUILDER(Name("NasrecAdagradSlice")
                            .Device(tensorflow::DEVICE_CPU)
                            .TypeConstraint<int64_t>("Index"),
                        AdagradSliceOp<int64_t>);
REGISTER_KERNEL_BUILDER(Name("NasrecGlobalNorm").Device(tensorflow::DEVICE_CPU), GlobalNormOp);

}  // namespace nasrec

#endif  // NASREC_TF_NATIVE_SLICES_H_

// Active slices of shared weights: read out of variables, and updated there by Adagrad.
//
// A weight may be stored in several variables, groups of columns side by side. A slice is some of
// its rows and its first columns; nothing else of the variables is read or written.

#ifndef NASREC_TF_NATIVE_SLICES_H_
#define NASREC_TF_NATIVE_SLICES_H_

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "checks.h"
#include "parallel.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/resource_mgr.h"
#include "tensorflow/core/framework/resource_var.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/core/kernels/training_op_helpers.h"

namespace nasrec {

using tensorflow::Var;
using tensorflow::core::RefCountPtr;

// Columns of a variable; a vector has one.
inline int64_t ColumnsOf(const TensorShape& shape) {
  return shape.dims() == 2 ? shape.dim_size(1) : 1;
}

// The active rows of a weight: those that a vector names, or as many first ones as a scalar says.
template <typename Index>
class ActiveRows {
 public:
  absl::Status Read(OpKernelContext* context, const Tensor& rows) {
    if (rows.dims() > 1) {
      return Wrong(context, "rows of shape ", rows.shape().DebugString(),
                   " instead of rank 0 or 1");
    }
    if (rows.dims() == 0) {
      count_ = rows.scalar<Index>()();
      if (count_ < 0) return Wrong(context, "rows is ", count_);
      last_ = count_ - 1;
      return absl::OkStatus();
    }
    named_ = rows.flat<Index>().data();
    count_ = rows.NumElements();
    if (count_ == 0) return absl::OkStatus();
    Index first = named_[0], last = named_[0];
    for (int64_t at = 1; at < count_; ++at) {
      first = std::min(first, named_[at]);
      last = std::max(last, named_[at]);
    }
    first_ = first;
    last_ = last;
    return absl::OkStatus();
  }

  int64_t count() const { return count_; }
  bool AreFirst() const { return named_ == nullptr; }
  int64_t operator[](int64_t at) const { return named_ == nullptr ? at : named_[at]; }

  absl::Status Check(OpKernelContext* context, const InputName& name, int64_t available) const {
    if (count_ == 0 || (first_ >= 0 && last_ < available)) return absl::OkStatus();
    return Wrong(context, "row ", first_ < 0 ? first_ : last_, " of ", name, ", a variable of ",
                 available, " rows");
  }

 private:
  const Index* named_ = nullptr;
  int64_t count_ = 0;
  int64_t first_ = 0, last_ = -1;
};

// A variable that holds some columns of a slice, and its shape when it was checked.
struct ColumnGroup {
  RefCountPtr<Var> variable;
  TensorShape shape;

  // What is stored there now; the caller holds the variable's lock.
  absl::Status Stored(OpKernelContext* context, const InputName& name,
                      const Tensor** stored) const {
    *stored = variable->tensor();
    if (!(*stored)->IsInitialized()) return Wrong(context, name, " has no value");
    if ((*stored)->dtype() != tensorflow::DT_FLOAT) {
      return Wrong(context, name, " holds ", tensorflow::DataTypeString((*stored)->dtype()),
                   " instead of float");
    }
    return absl::OkStatus();
  }

  absl::Status IsAsChecked(OpKernelContext* context, const InputName& name) const {
    const Tensor* stored;
    TF_RETURN_IF_ERROR(Stored(context, name, &stored));
    return HasShape(context, name, *stored, shape);
  }
};

using ColumnGroups = absl::InlinedVector<ColumnGroup, 4>;

inline absl::Status FindVariable(OpKernelContext* context, const InputName& name, int input,
                                 RefCountPtr<Var>* variable) {
  TF_RETURN_IF_ERROR(IsScalar(context, name, context->input(input)));
  const auto& handle = context->input(input).scalar<tensorflow::ResourceHandle>()();
  const absl::Status status = tensorflow::LookupResource(context, handle, variable);
  if (status.ok()) return status;
  return Wrong(context, name, " is no variable: ", status.message());
}

// Of variables that hold a weight's columns side by side, those that hold its first columns, and
// at least one where there are rows or columns; all of them have the rows.
template <typename Index>
absl::Status FindColumnGroups(OpKernelContext* context, const char* list, int first_input,
                              int inputs, const ActiveRows<Index>& row, int64_t columns,
                              ColumnGroups* groups) {
  // What a path leaves out has nothing to be checked.
  if (row.count() == 0 && columns == 0) return absl::OkStatus();
  int64_t found = 0;
  for (int index = 0; index < inputs && (index == 0 || found < columns); ++index) {
    const InputName name = Entry(list, index);
    ColumnGroup group;
    TF_RETURN_IF_ERROR(FindVariable(context, name, first_input + index, &group.variable));
    {
      tensorflow::tf_shared_lock lock(*group.variable->mu());
      const Tensor* stored;
      TF_RETURN_IF_ERROR(group.Stored(context, name, &stored));
      group.shape = stored->shape();
    }
    if (group.shape.dims() != 1 && group.shape.dims() != 2) {
      return Wrong(context, name, " of shape ", group.shape.DebugString(),
                   " instead of rank 1 or 2");
    }
    TF_RETURN_IF_ERROR(row.Check(context, name, group.shape.dim_size(0)));
    found += ColumnsOf(group.shape);
    groups->push_back(std::move(group));
  }
  if (found >= columns) return absl::OkStatus();
  return Wrong(context, columns, " columns of ", list, " that have ", found);
}

class ReadSliceOp : public tensorflow::OpKernel {
 public:
  explicit ReadSliceOp(tensorflow::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("rank", &rank_));
    OP_REQUIRES(context, rank_ == 1 || rank_ == 2,
                absl::InvalidArgumentError(
                    absl::StrCat("NasrecReadSlice: rank is ", rank_, " instead of 1 or 2")));
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    const int inputs = context->num_inputs() - 2;
    ActiveRows<int32_t> row;
    OP_REQUIRES_OK(context, row.Read(context, context->input(inputs)));
    const int64_t count = row.count();
    OP_REQUIRES_OK(context, IsScalar(context, "columns", context->input(inputs + 1)));
    const int64_t columns = context->input(inputs + 1).scalar<int32_t>()();
    OP_REQUIRES(context, columns >= 0, Wrong(context, "columns is ", columns));
    OP_REQUIRES(context, rank_ == 2 || columns == 1,
                Wrong(context, "a slice of rank 1 and ", columns, " columns"));
    ColumnGroups groups;
    OP_REQUIRES_OK(context, FindColumnGroups(context, "variables", 0, inputs, row, columns,
                                             &groups));
    tensorflow::Tensor* slice;
    if (rank_ == 1) {
      OP_REQUIRES_OK(context, Allocate(context, 0, {count}, &slice));
    } else {
      OP_REQUIRES_OK(context, Allocate(context, 0, {count, columns}, &slice));
    }
    if (slice->NumElements() == 0) return;
    float* to = slice->flat<float>().data();
    int64_t start = 0;
    for (size_t index = 0; index < groups.size(); ++index) {
      const ColumnGroup& group = groups[index];
      tensorflow::tf_shared_lock lock(*group.variable->mu());
      OP_REQUIRES_OK(context, group.IsAsChecked(context, Entry("variables", index)));
      const int64_t width = ColumnsOf(group.shape), used = std::min(width, columns - start);
      const float* from = group.variable->tensor()->flat<float>().data();
      ForEachRange(context, count, 8 + used / 4, [&](int64_t first, int64_t last) {
        for (int64_t at = first; at < last; ++at) {
          std::copy_n(from + row[at] * width, used, to + at * columns + start);
        }
      });
      start += used;
    }
  }

 private:
  int rank_;
};

// accumulator += (scale g)^2; variable -= rate * scale g / (sqrt(accumulator) + epsilon).
//
// No row may be named twice: threads share out the rows, and would write it at the same time.
template <typename Index>
class AdagradSliceOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const int inputs = (context->num_inputs() - 5) / 2, next = 2 * inputs;
    ActiveRows<Index> row;
    OP_REQUIRES_OK(context, row.Read(context, context->input(next)));
    const Tensor& gradient = context->input(next + 1);
    OP_REQUIRES(context,
                (gradient.dims() == 1 || gradient.dims() == 2) &&
                    gradient.dim_size(0) == row.count(),
                Wrong(context, "gradient of shape ", gradient.shape().DebugString(), " for ",
                      row.count(), " rows"));
    OP_REQUIRES_OK(context, IsScalar(context, "rate", context->input(next + 2)));
    OP_REQUIRES_OK(context, IsScalar(context, "epsilon", context->input(next + 3)));
    OP_REQUIRES_OK(context, IsScalar(context, "scale", context->input(next + 4)));
    const Step step{context->input(next + 2).scalar<float>()(),
                    context->input(next + 3).scalar<float>()(),
                    context->input(next + 4).scalar<float>()()};
    const int64_t columns = ColumnsOf(gradient.shape());
    ColumnGroups groups, sums;
    OP_REQUIRES_OK(
        context, FindColumnGroups(context, "variables", 0, inputs, row, columns, &groups));
    OP_REQUIRES_OK(
        context, FindColumnGroups(context, "accumulators", inputs, inputs, row, columns, &sums));
    // All is checked before anything is written.
    for (size_t index = 0; index < groups.size(); ++index) {
      OP_REQUIRES_OK(context, CheckPair(context, index, groups, sums));
    }
    if (gradient.NumElements() == 0) return;
    int64_t start = 0;
    for (size_t index = 0; index < groups.size(); ++index) {
      OP_REQUIRES_OK(context, Update(context, index, groups[index], sums[index], row,
                                     gradient.flat<float>().data(), columns, start, step));
      start += ColumnsOf(groups[index].shape);
    }
  }

 private:
  struct Step {
    float rate, epsilon, scale;
  };
  using Lock = std::unique_ptr<tensorflow::mutex_lock>;

  static absl::Status CheckPair(OpKernelContext* context, size_t index,
                                const ColumnGroups& groups,
                                const ColumnGroups& sums) {
    if (index >= sums.size() || sums[index].shape != groups[index].shape) {
      return Wrong(context, Entry("accumulators", index), " has not the shape ",
                   groups[index].shape.DebugString(), " of ", Entry("variables", index));
    }
    // One lock cannot be taken twice.
    if (sums[index].variable.get() != groups[index].variable.get()) return absl::OkStatus();
    return Wrong(context, Entry("accumulators", index), " is ", Entry("variables", index));
  }

  static absl::Status Update(OpKernelContext* context, int index, const ColumnGroup& group,
                             const ColumnGroup& sums, const ActiveRows<Index>& row,
                             const float* gradient, int64_t columns, int64_t start,
                             const Step& step) {
    Lock locks[2];
    TF_RETURN_IF_ERROR(LockForWriting(context, index, group, sums, row, columns, locks));
    const int64_t width = ColumnsOf(group.shape), used = std::min(width, columns - start);
    float* weights = group.variable->tensor()->template flat<float>().data();
    float* squares = sums.variable->tensor()->template flat<float>().data();
    ForEachRange(context, row.count(), 8 + 3 * used, [&](int64_t first, int64_t last) {
      const auto [rate, epsilon, scale] = step;  // Not in memory, which might be what is written.
      for (int64_t at = first; at < last; ++at) {
        float* weight = weights + row[at] * width;
        float* square = squares + row[at] * width;
        const float* slope = gradient + at * columns + start;
        for (int64_t column = 0; column < used; ++column) {
          const float clipped = slope[column] * scale;
          square[column] += clipped * clipped;
          weight[column] -= rate * clipped / (std::sqrt(square[column]) + epsilon);
        }
      }
    });
    return absl::OkStatus();
  }

  // Locks variables of which memory is about to be written.
  //
  // Nobody who read them before may see what is written. If somebody still holds that memory, then
  // either all of it is to be written, and it moves, or reads copy from now on. Reads copy only
  // then: of a large table that would take its size again at every checkpoint.
  static absl::Status LockForWriting(OpKernelContext* context, int index, const ColumnGroup& group,
                                     const ColumnGroup& sums, const ActiveRows<Index>& row,
                                     int64_t columns, Lock* locks) {
    using Device = Eigen::ThreadPoolDevice;
    const bool is_whole = row.AreFirst() && row.count() == group.shape.dim_size(0) &&
                          columns == ColumnsOf(group.shape);
    Var* const both[] = {group.variable.get(), sums.variable.get()};
    TakeLocks(both, locks);
    TF_RETURN_IF_ERROR(AreAsChecked(context, index, group, sums));
    if (is_whole) {
      for (Var* variable : both) {
        if (!MayBeRead(variable)) continue;
        TF_RETURN_IF_ERROR((tensorflow::PrepareToUpdateVariable<Device, float>(
            context, variable->tensor(), false)));
      }
      return absl::OkStatus();
    }
    for (Var* variable : both) {
      if (!MayBeRead(variable)) continue;
      locks[0].reset();
      locks[1].reset();
      TF_RETURN_IF_ERROR((tensorflow::EnsureSparseVariableAccess<Device, float>(context, variable)));
      TakeLocks(both, locks);
    }
    return AreAsChecked(context, index, group, sums);
  }

  // In the order of addresses, as TensorFlow does: two who wait for each other never go on.
  static void TakeLocks(Var* const* variables, Lock* locks) {
    const int first = variables[0]->mu() < variables[1]->mu() ? 0 : 1;
    for (int which : {first, 1 - first}) {
      locks[which] = std::make_unique<tensorflow::mutex_lock>(*variables[which]->mu());
    }
  }

  // Whether somebody who has read the variable still holds its memory, and reads do not copy.
  static bool MayBeRead(Var* variable) {
    return !variable->copy_on_read_mode.load() && !variable->tensor()->RefCountIsOne();
  }

  static absl::Status AreAsChecked(OpKernelContext* context, int index, const ColumnGroup& group,
                                   const ColumnGroup& sums) {
    TF_RETURN_IF_ERROR(group.IsAsChecked(context, Entry("variables", index)));
    return sums.IsAsChecked(context, Entry("accumulators", index));
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
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape(), &norm));
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

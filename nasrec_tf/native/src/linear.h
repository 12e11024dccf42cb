// What stands around the matrix product of a linear map over the last axis.

#ifndef NASREC_TF_NATIVE_LINEAR_H_
#define NASREC_TF_NATIVE_LINEAR_H_

#include <algorithm>
#include <vector>

#include "parallel.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace nasrec {

// All axes but the last as one, without a copy.
class FlattenOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& x = context->input(0);
    int64_t rows = 1;
    for (int axis = 0; axis + 1 < x.dims(); ++axis) rows *= x.dim_size(axis);
    tensorflow::Tensor flat;
    OP_REQUIRES(context, flat.CopyFrom(x, {rows, x.dim_size(x.dims() - 1)}),
                absl::InvalidArgumentError("a tensor that has no last axis"));
    context->set_output(0, flat);
  }
};

// The axes of `like`, but for the last one, in place of the first of a matrix.
class UnflattenOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& flat = context->input(0);
    tensorflow::TensorShape shape = context->input(1).shape();
    shape.set_dim(shape.dims() - 1, flat.dim_size(1));
    tensorflow::Tensor y;
    OP_REQUIRES(context, y.CopyFrom(flat, shape),
                absl::InvalidArgumentError(absl::StrCat(flat.shape().DebugString(),
                                                        " has not the rows of ",
                                                        shape.DebugString())));
    context->set_output(0, y);
  }
};

class AddBiasOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const int64_t units = context->input(1).NumElements();
    const tensorflow::Tensor& x = context->input(0);
    OP_REQUIRES(context, x.dim_size(x.dims() - 1) == units,
                absl::InvalidArgumentError("a bias of another width than what it is added to"));
    tensorflow::Tensor* y;
    OP_REQUIRES_OK(context, context->forward_input_or_allocate_output({0}, 0, x.shape(), &y));
    const int64_t rows = units == 0 ? 0 : x.NumElements() / units;
    const float* from = x.flat<float>().data();
    const float* bias = context->input(1).flat<float>().data();
    float* to = y->flat<float>().data();
    ForEachRange(context, rows, units / 2, [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) {
        for (int64_t unit = 0; unit < units; ++unit) {
          to[row * units + unit] = from[row * units + unit] + bias[unit];
        }
      }
    });
  }
};

// The sum of the rows, which is the gradient of a bias.
class SumRowsOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& x = context->input(0);
    const int64_t units = x.dim_size(x.dims() - 1);
    const int64_t rows = units == 0 ? 0 : x.NumElements() / units;
    tensorflow::Tensor* sum;
    OP_REQUIRES_OK(context, context->allocate_output(0, {units}, &sum));
    // A fixed number of stretches, so that sums do not depend on the number of threads.
    const int64_t stretches = std::min<int64_t>(rows, kStretches);
    std::vector<float> sums(units * stretches, 0.0f);
    const float* from = x.flat<float>().data();
    ForEachRange(context, stretches, stretches ? units * rows / stretches / 4 : 0,
                 [&](int64_t first, int64_t last) {
      for (int64_t stretch = first; stretch < last; ++stretch) {
        for (int64_t row = stretch * rows / stretches; row < (stretch + 1) * rows / stretches;
             ++row) {
          AddRow(from + row * units, units, sums.data() + stretch * units);
        }
      }
    });
    float* to = sum->flat<float>().data();
    std::fill_n(to, units, 0.0f);
    for (int64_t stretch = 0; stretch < stretches; ++stretch) {
      AddRow(sums.data() + stretch * units, units, to);
    }
  }

 private:
  static constexpr int64_t kStretches = 16;

  static void AddRow(const float* row, int64_t units, float* sum) {
    for (int64_t unit = 0; unit < units; ++unit) sum[unit] += row[unit];
  }
};

REGISTER_OP("NasrecFlatten")
    .Input("x: float")
    .Output("flat: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      context->set_output(
          0, context->MakeShape({context->UnknownDim(), context->Dim(context->input(0), -1)}));
      return absl::OkStatus();
    });

REGISTER_OP("NasrecUnflatten")
    .Input("flat: float")
    .Input("like: float")
    .Output("y: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      tensorflow::shape_inference::ShapeHandle shape;
      TF_RETURN_IF_ERROR(context->ReplaceDim(context->input(1), -1,
                                             context->Dim(context->input(0), 1), &shape));
      context->set_output(0, shape);
      return absl::OkStatus();
    });

REGISTER_OP("NasrecAddBias")
    .Input("x: float")
    .Input("bias: float")
    .Output("y: float")
    .SetShapeFn(tensorflow::shape_inference::UnchangedShape);

REGISTER_OP("NasrecSumRows")
    .Input("x: float")
    .Output("sum: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      context->set_output(0, context->MakeShape({context->Dim(context->input(0), -1)}));
      return absl::OkStatus();
    });

REGISTER_KERNEL_BUILDER(Name("NasrecFlatten").Device(tensorflow::DEVICE_CPU), FlattenOp);
REGISTER_KERNEL_BUILDER(Name("NasrecUnflatten").Device(tensorflow::DEVICE_CPU), UnflattenOp);
REGISTER_KERNEL_BUILDER(Name("NasrecAddBias").Device(tensorflow::DEVICE_CPU), AddBiasOp);
REGISTER_KERNEL_BUILDER(Name("NasrecSumRows").Device(tensorflow::DEVICE_CPU), SumRowsOp);

}  // namespace nasrec

#endif  // NASREC_TF_NATIVE_LINEAR_H_

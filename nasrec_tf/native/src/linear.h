// What stands around the matrix product of a linear map over the last axis.

#ifndef NASREC_TF_NATIVE_LINEAR_H_
#define NASREC_TF_NATIVE_LINEAR_H_

#include <algorithm>
#include <vector>

#include "checks.h"
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
    OP_REQUIRES_OK(context, HasLastAxis(context, "x", x.shape()));
    int64_t rows = 1;
    for (int axis = 0; axis + 1 < x.dims(); ++axis) rows *= x.dim_size(axis);
    TensorShape shape;
    OP_REQUIRES_OK(context,
                   TensorShape::BuildTensorShape({rows, x.dim_size(x.dims() - 1)}, &shape));
    tensorflow::Tensor flat;
    OP_REQUIRES(context, flat.CopyFrom(x, shape),
                Wrong(context, "x of shape ", x.shape().DebugString()));
    context->set_output(0, flat);
  }
};

// The axes of `like`, but for the last one, in place of the first of a matrix.
class UnflattenOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& flat = context->input(0);
    TensorShape shape = context->input(1).shape();
    OP_REQUIRES_OK(context, HasRank(context, "flat", flat.shape(), 2));
    OP_REQUIRES_OK(context, HasLastAxis(context, "like", shape));
    int64_t rows = 1;
    for (int axis = 0; axis + 1 < shape.dims(); ++axis) rows *= shape.dim_size(axis);
    OP_REQUIRES(context, flat.dim_size(0) == rows,
                Wrong(context, "flat of shape ", flat.shape().DebugString(),
                      " has not the rows of ", shape.DebugString()));
    OP_REQUIRES_OK(context, Resize(context, shape.dims() - 1, flat.dim_size(1), &shape));
    tensorflow::Tensor y;
    OP_REQUIRES(context, y.CopyFrom(flat, shape),
                Wrong(context, "flat of shape ", flat.shape().DebugString(), " as ",
                      shape.DebugString()));
    context->set_output(0, y);
  }
};

class AddBiasOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& x = context->input(0);
    OP_REQUIRES_OK(context, HasLastAxis(context, "x", x.shape()));
    const int64_t units = x.dim_size(x.dims() - 1);
    OP_REQUIRES_OK(context, HasShape(context, "bias", context->input(1), {units}));
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
    OP_REQUIRES_OK(context, HasLastAxis(context, "x", x.shape()));
    const int64_t units = x.dim_size(x.dims() - 1);
    const int64_t rows = units == 0 ? 0 : x.NumElements() / units;
    tensorflow::Tensor* sum;
    OP_REQUIRES_OK(context, Allocate(context, 0, {units}, &sum));
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
      auto x = context->input(0);
      TF_RETURN_IF_ERROR(context->WithRankAtLeast(x, 1, &x));
      context->set_output(0, context->MakeShape({context->UnknownDim(), context->Dim(x, -1)}));
      return absl::OkStatus();
    });

REGISTER_OP("NasrecUnflatten")
    .Input("flat: float")
    .Input("like: float")
    .Output("y: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      auto flat = context->input(0), like = context->input(1);
      TF_RETURN_IF_ERROR(context->WithRank(flat, 2, &flat));
      TF_RETURN_IF_ERROR(context->WithRankAtLeast(like, 1, &like));
      TF_RETURN_IF_ERROR(context->ReplaceDim(like, -1, context->Dim(flat, 1), &like));
      context->set_output(0, like);
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
      auto x = context->input(0);
      TF_RETURN_IF_ERROR(context->WithRankAtLeast(x, 1, &x));
      context->set_output(0, context->MakeShape({context->Dim(x, -1)}));
      return absl::OkStatus();
    });

REGISTER_KERNEL_BUILDER(Name("NasrecFlatten").Device(tensorflow::DEVICE_CPU), FlattenOp);
REGISTER_KERNEL_BUILDER(Name("NasrecUnflatten").Device(tensorflow::DEVICE_CPU), UnflattenOp);
REGISTER_KERNEL_BUILDER(Name("NasrecAddBias").Device(tensorflow::DEVICE_CPU), AddBiasOp);
REGISTER_KERNEL_BUILDER(Name("NasrecSumRows").Device(tensorflow::DEVICE_CPU), SumRowsOp);

}  // namespace nasrec

#endif  // NASREC_TF_NATIVE_LINEAR_H_

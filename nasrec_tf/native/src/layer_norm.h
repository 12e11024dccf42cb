// Layer normalisation of the last axis, each row read from memory once.

#ifndef NASREC_TF_NATIVE_LAYER_NORM_H_
#define NASREC_TF_NATIVE_LAYER_NORM_H_

#include <algorithm>
#include <cmath>
#include <vector>

#include "Eigen/Core"
#include "checks.h"
#include "parallel.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace nasrec {

constexpr int64_t kUnits = 8;
using Units = Eigen::Array<float, kUnits, 1>;

inline Units At(const float* values) { return Eigen::Map<const Units>(values); }

// The sum of term(first unit) over all units, kUnits at a time, and then of last(unit) one by one.
template <typename Term, typename Last>
inline float SumUnits(int64_t units, Term&& term, Last&& last) {
  Units sums = Units::Zero();
  int64_t unit = 0;
  for (; unit + kUnits <= units; unit += kUnits) sums += term(unit);
  float total = sums.sum();
  for (; unit < units; ++unit) total += last(unit);
  return total;
}

// Rows of x, whose last axis is as wide as the scale.
inline absl::Status RowsToNormalise(OpKernelContext* context, const Tensor& x, const Tensor& scale,
                                    int64_t* rows) {
  TF_RETURN_IF_ERROR(HasLastAxis(context, "x", x.shape()));
  const int64_t units = x.dim_size(x.dims() - 1);
  TF_RETURN_IF_ERROR(HasShape(context, "scale", scale, {units}));
  *rows = units == 0 ? 0 : x.NumElements() / units;
  return absl::OkStatus();
}

class LayerNormOp : public tensorflow::OpKernel {
 public:
  explicit LayerNormOp(tensorflow::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon_));
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& x = context->input(0);
    const int64_t units = context->input(1).NumElements();
    int64_t rows;
    OP_REQUIRES_OK(context, RowsToNormalise(context, x, context->input(1), &rows));
    OP_REQUIRES_OK(context, HasShape(context, "offset", context->input(2), {units}));
    tensorflow::Tensor *y, *moments;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &y));
    OP_REQUIRES_OK(context, Allocate(context, 1, {rows, 2}, &moments));
    const float* from = x.flat<float>().data();
    const float* scale = context->input(1).flat<float>().data();
    const float* offset = context->input(2).flat<float>().data();
    float* to = y->flat<float>().data();
    float* kept = moments->flat<float>().data();
    ForEachRange(context, rows, 2 * units, [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) {
        NormaliseRow(from + row * units, scale, offset, units, to + row * units, kept + 2 * row);
      }
    });
  }

 private:
  void NormaliseRow(const float* x, const float* scale, const float* offset, int64_t units,
                    float* y, float* moments) const {
    const float mean = SumUnits(units, [&](int64_t unit) { return At(x + unit); },
                                [&](int64_t unit) { return x[unit]; }) / units;
    const float variance =
        SumUnits(units, [&](int64_t unit) { return (At(x + unit) - mean).square().eval(); },
                 [&](int64_t unit) { return (x[unit] - mean) * (x[unit] - mean); }) / units;
    const float inverse = 1.0f / std::sqrt(variance + epsilon_);
    for (int64_t unit = 0; unit < units; ++unit) {
      y[unit] = (x[unit] - mean) * inverse * scale[unit] + offset[unit];
    }
    moments[0] = mean;
    moments[1] = inverse;
  }

  float epsilon_;
};

class LayerNormGradOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& x = context->input(0);
    const int64_t units = context->input(1).NumElements();
    int64_t rows;
    OP_REQUIRES_OK(context, RowsToNormalise(context, x, context->input(1), &rows));
    OP_REQUIRES_OK(context, HasShape(context, "moments", context->input(2), {rows, 2}));
    OP_REQUIRES_OK(context, HasShape(context, "of_y", context->input(3), x.shape()));
    tensorflow::Tensor *of_x, *of_scale, *of_offset;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &of_x));
    OP_REQUIRES_OK(context, Allocate(context, 1, {units}, &of_scale));
    OP_REQUIRES_OK(context, Allocate(context, 2, {units}, &of_offset));
    const float* from = x.flat<float>().data();
    const float* scale = context->input(1).flat<float>().data();
    const float* moments = context->input(2).flat<float>().data();
    const float* upstream = context->input(3).flat<float>().data();
    float* to = of_x->flat<float>().data();
    // A fixed number of stretches, so that sums do not depend on the number of threads.
    const int64_t stretches = std::min<int64_t>(rows, kStretches);
    std::vector<float> sums(2 * units * stretches, 0.0f);
    ForEachRange(context, stretches, stretches ? 4 * units * rows / stretches : 0,
                 [&](int64_t first, int64_t last) {
      for (int64_t stretch = first; stretch < last; ++stretch) {
        float* scale_sum = sums.data() + 2 * stretch * units;
        for (int64_t row = stretch * rows / stretches; row < (stretch + 1) * rows / stretches;
             ++row) {
          DifferentiateRow(from + row * units, scale, upstream + row * units, moments + 2 * row,
                           units, to + row * units, scale_sum, scale_sum + units);
        }
      }
    });
    float* scale_total = of_scale->flat<float>().data();
    float* offset_total = of_offset->flat<float>().data();
    std::fill_n(scale_total, units, 0.0f);
    std::fill_n(offset_total, units, 0.0f);
    for (int64_t stretch = 0; stretch < stretches; ++stretch) {
      const float* scale_sum = sums.data() + 2 * stretch * units;
      for (int64_t unit = 0; unit < units; ++unit) {
        scale_total[unit] += scale_sum[unit];
        offset_total[unit] += scale_sum[units + unit];
      }
    }
  }

 private:
  static constexpr int64_t kStretches = 16;

  static void DifferentiateRow(const float* x, const float* scale, const float* upstream,
                               const float* moments, int64_t units, float* of_x,
                               float* __restrict scale_sum, float* __restrict offset_sum) {
    const float mean = moments[0], inverse = moments[1];
    const float across =
        SumUnits(units,
                 [&](int64_t unit) { return (At(upstream + unit) * At(scale + unit)).eval(); },
                 [&](int64_t unit) { return upstream[unit] * scale[unit]; }) / units;
    const float along =
        SumUnits(units,
                 [&](int64_t unit) {
                   return (At(upstream + unit) * At(scale + unit) * (At(x + unit) - mean)).eval();
                 },
                 [&](int64_t unit) { return upstream[unit] * scale[unit] * (x[unit] - mean); }) *
        inverse / units;
    for (int64_t unit = 0; unit < units; ++unit) {
      const float standard = (x[unit] - mean) * inverse;
      of_x[unit] = (upstream[unit] * scale[unit] - across - standard * along) * inverse;
      scale_sum[unit] += upstream[unit] * standard;
      offset_sum[unit] += upstream[unit];
    }
  }
};

REGISTER_OP("NasrecLayerNorm")
    .Input("x: float")
    .Input("scale: float")
    .Input("offset: float")
    .Attr("epsilon: float")
    .Output("y: float")
    .Output("moments: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      context->set_output(0, context->input(0));
      context->set_output(1, context->MakeShape({context->UnknownDim(), context->MakeDim(2)}));
      return absl::OkStatus();
    });

REGISTER_OP("NasrecLayerNormGrad")
    .Input("x: float")
    .Input("scale: float")
    .Input("moments: float")
    .Input("of_y: float")
    .Output("of_x: float")
    .Output("of_scale: float")
    .Output("of_offset: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      context->set_output(0, context->input(0));
      context->set_output(1, context->input(1));
      context->set_output(2, context->input(1));
      return absl::OkStatus();
    });

REGISTER_KERNEL_BUILDER(Name("NasrecLayerNorm").Device(tensorflow::DEVICE_CPU), LayerNormOp);
REGISTER_KERNEL_BUILDER(Name("NasrecLayerNormGrad").Device(tensorflow::DEVICE_CPU),
                        LayerNormGradOp);

}  // namespace nasrec

#endif  // NASREC_TF_NATIVE_LAYER_NORM_H_

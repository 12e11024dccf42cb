// Layer normalisation of the last axis, each row read from memory once.

#ifndef NASREC_TF_NATIVE_LAYER_NORM_H_
#define NASREC_TF_NATIVE_LAYER_NORM_H_

#include <algorithm>
#include <cmath>
#include <vector>

#include "Eigen/Core"
#include "parallel.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace nasrec {

using Row = Eigen::Map<Eigen::ArrayXf>;
using ConstRow = Eigen::Map<const Eigen::ArrayXf>;

class LayerNormOp : public tensorflow::OpKernel {
 public:
  explicit LayerNormOp(tensorflow::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon_));
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& x = context->input(0);
    const int64_t units = context->input(1).NumElements();
    const int64_t rows = units == 0 ? 0 : x.NumElements() / units;
    tensorflow::Tensor *y, *moments;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &y));
    OP_REQUIRES_OK(context, context->allocate_output(1, {rows, 2}, &moments));
    const float* from = x.flat<float>().data();
    const ConstRow scale(context->input(1).flat<float>().data(), units);
    const ConstRow offset(context->input(2).flat<float>().data(), units);
    float* to = y->flat<float>().data();
    float* kept = moments->flat<float>().data();
    ForEachRange(context, rows, 2 * units, [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) {
        const ConstRow values(from + row * units, units);
        const float mean = values.mean();
        const float variance = (values - mean).square().mean();
        const float inverse = 1.0f / std::sqrt(variance + epsilon_);
        Row(to + row * units, units) = (values - mean) * inverse * scale + offset;
        kept[2 * row] = mean;
        kept[2 * row + 1] = inverse;
      }
    });
  }

 private:
  float epsilon_;
};

class LayerNormGradOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& x = context->input(0);
    const int64_t units = context->input(1).NumElements();
    const int64_t rows = units == 0 ? 0 : x.NumElements() / units;
    tensorflow::Tensor *of_x, *of_scale, *of_offset;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &of_x));
    OP_REQUIRES_OK(context, context->allocate_output(1, {units}, &of_scale));
    OP_REQUIRES_OK(context, context->allocate_output(2, {units}, &of_offset));
    const float* from = x.flat<float>().data();
    const ConstRow scale(context->input(1).flat<float>().data(), units);
    const float* moments = context->input(2).flat<float>().data();
    const float* upstream = context->input(3).flat<float>().data();
    float* to = of_x->flat<float>().data();
    // A fixed number of stretches, so that sums do not depend on the number of threads.
    const int64_t stretches = std::min<int64_t>(rows, kStretches);
    std::vector<float> sums(2 * units * stretches, 0.0f);
    ForEachRange(context, stretches, stretches ? 4 * units * rows / stretches : 0,
                 [&](int64_t first, int64_t last) {
      for (int64_t stretch = first; stretch < last; ++stretch) {
        Row scale_sum(sums.data() + 2 * stretch * units, units);
        Row offset_sum(sums.data() + (2 * stretch + 1) * units, units);
        for (int64_t row = stretch * rows / stretches; row < (stretch + 1) * rows / stretches;
             ++row) {
          DifferentiateRow(ConstRow(from + row * units, units), scale,
                           ConstRow(upstream + row * units, units), moments[2 * row],
                           moments[2 * row + 1], Row(to + row * units, units), scale_sum,
                           offset_sum);
        }
      }
    });
    Row scale_total(of_scale->flat<float>().data(), units);
    Row offset_total(of_offset->flat<float>().data(), units);
    scale_total.setZero();
    offset_total.setZero();
    for (int64_t stretch = 0; stretch < stretches; ++stretch) {
      scale_total += ConstRow(sums.data() + 2 * stretch * units, units);
      offset_total += ConstRow(sums.data() + (2 * stretch + 1) * units, units);
    }
  }

 private:
  static constexpr int64_t kStretches = 32;

  static void DifferentiateRow(const ConstRow& x, const ConstRow& scale, const ConstRow& upstream,
                               float mean, float inverse, Row of_x, Row& scale_sum,
                               Row& offset_sum) {
    const auto standard = (x - mean) * inverse;
    const float across = (upstream * scale).mean();
    const float along = (upstream * scale * standard).mean();
    of_x = (upstream * scale - across - standard * along) * inverse;
    scale_sum += upstream * standard;
    offset_sum += upstream;
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

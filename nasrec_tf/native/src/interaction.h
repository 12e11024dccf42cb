// The second-order term of a factorization machine: (sum of tokens)^2 - sum of squared tokens.

#ifndef NASREC_TF_NATIVE_INTERACTION_H_
#define NASREC_TF_NATIVE_INTERACTION_H_

#include <numeric>

#include "checks.h"
#include "parallel.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace nasrec {

class InteractionOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& tokens = context->input(0);
    OP_REQUIRES_OK(context, HasRank(context, "tokens", tokens.shape(), 3));
    const int64_t batch = tokens.dim_size(0), embedding = tokens.dim_size(1);
    const int64_t count = tokens.dim_size(2);
    tensorflow::Tensor* interaction;
    OP_REQUIRES_OK(context, Allocate(context, 0, {batch, embedding}, &interaction));
    const float* from = tokens.flat<float>().data();
    float* to = interaction->flat<float>().data();
    ForEachRange(context, batch * embedding, 4.0 * count, [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) {
        float sum = 0.0f, squares = 0.0f;
        for (const float* value = from + row * count; value < from + (row + 1) * count; ++value) {
          sum += *value;
          squares += *value * *value;
        }
        to[row] = sum * sum - squares;
      }
    });
  }
};

// dL/dtoken = 2 (sum of tokens - token) dL/dinteraction.
class InteractionGradOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& tokens = context->input(0);
    OP_REQUIRES_OK(context, HasRank(context, "tokens", tokens.shape(), 3));
    OP_REQUIRES_OK(context, HasShape(context, "of_interaction", context->input(1),
                                     {tokens.dim_size(0), tokens.dim_size(1)}));
    const int64_t rows = tokens.dim_size(0) * tokens.dim_size(1), count = tokens.dim_size(2);
    tensorflow::Tensor* of_tokens;
    OP_REQUIRES_OK(context, context->allocate_output(0, tokens.shape(), &of_tokens));
    const float* from = tokens.flat<float>().data();
    const float* upstream = context->input(1).flat<float>().data();
    float* to = of_tokens->flat<float>().data();
    ForEachRange(context, rows, 4.0 * count, [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row) {
        const float* values = from + row * count;
        const float sum = std::accumulate(values, values + count, 0.0f);
        for (int64_t token = 0; token < count; ++token) {
          to[row * count + token] = 2.0f * upstream[row] * (sum - values[token]);
        }
      }
    });
  }
};

REGISTER_OP("NasrecInteraction")
    .Input("tokens: float")
    .Output("interaction: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      tensorflow::shape_inference::ShapeHandle tokens;
      TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 3, &tokens));
      context->set_output(
          0, context->MakeShape({context->Dim(tokens, 0), context->Dim(tokens, 1)}));
      return absl::OkStatus();
    });

REGISTER_OP("NasrecInteractionGrad")
    .Input("tokens: float")
    .Input("of_interaction: float")
    .Output("of_tokens: float")
    .SetShapeFn(tensorflow::shape_inference::UnchangedShape);

REGISTER_KERNEL_BUILDER(Name("NasrecInteraction").Device(tensorflow::DEVICE_CPU), InteractionOp);
REGISTER_KERNEL_BUILDER(Name("NasrecInteractionGrad").Device(tensorflow::DEVICE_CPU),
                        InteractionGradOp);

}  // namespace nasrec

#endif  // NASREC_TF_NATIVE_INTERACTION_H_

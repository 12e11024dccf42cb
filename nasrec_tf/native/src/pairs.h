// Inner products of every token of a sample with every earlier one: the strictly lower triangle
// of X^T X, row by row, and nothing of the upper one.

#ifndef NASREC_TF_NATIVE_PAIRS_H_
#define NASREC_TF_NATIVE_PAIRS_H_

#include <algorithm>
#include <vector>

#include "checks.h"
#include "parallel.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace nasrec {

// Pairs of so many tokens; fewer than 0 if there are more than can be counted.
inline int64_t PairsOf(int64_t count) {
  constexpr int64_t kMostTokens = int64_t{1} << 31;
  return count > kMostTokens ? -1 : count * (count - 1) / 2;
}

// tokens: (embedding, count). products: (count * (count - 1) / 2).
inline void PairsOfSample(const float* tokens, int64_t embedding, int64_t count, float* products) {
  for (int64_t row = 1; row < count; ++row) {
    std::fill_n(products, row, 0.0f);
    for (int64_t part = 0; part < embedding; ++part) {
      const float* all = tokens + part * count;
      const float own = all[row];
      for (int64_t column = 0; column < row; ++column) products[column] += own * all[column];
    }
    products += row;
  }
}

// The gradient of `tokens`: X times the symmetric matrix of upstream gradients.
inline void PairsGradOfSample(const float* tokens, const float* upstream, int64_t embedding,
                              int64_t count, float* symmetric, float* of_tokens) {
  for (int64_t row = 0; row < count; ++row) {
    symmetric[row * count + row] = 0.0f;
    for (int64_t column = 0; column < row; ++column) {
      symmetric[row * count + column] = *upstream;
      symmetric[column * count + row] = *upstream++;
    }
  }
  std::fill_n(of_tokens, embedding * count, 0.0f);
  for (int64_t part = 0; part < embedding; ++part) {
    float* sums = of_tokens + part * count;
    for (int64_t row = 0; row < count; ++row) {
      const float value = tokens[part * count + row];
      const float* products = symmetric + row * count;
      for (int64_t column = 0; column < count; ++column) sums[column] += value * products[column];
    }
  }
}

class PairsOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& tokens = context->input(0);
    OP_REQUIRES_OK(context, HasRank(context, "tokens", tokens.shape(), 3));
    const int64_t batch = tokens.dim_size(0), embedding = tokens.dim_size(1);
    const int64_t count = tokens.dim_size(2), pairs = PairsOf(count);
    OP_REQUIRES(context, pairs >= 0, Wrong(context, "tokens: too many, ", count));
    tensorflow::Tensor* products;
    OP_REQUIRES_OK(context, Allocate(context, 0, {batch, pairs}, &products));
    if (products->NumElements() == 0) return;
    const float* from = tokens.flat<float>().data();
    float* to = products->flat<float>().data();
    ForEachRange(context, batch, 0.25 * embedding * pairs, [&](int64_t first, int64_t last) {
      for (int64_t sample = first; sample < last; ++sample) {
        PairsOfSample(from + sample * embedding * count, embedding, count, to + sample * pairs);
      }
    });
  }
};

class PairsGradOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& tokens = context->input(0);
    OP_REQUIRES_OK(context, HasRank(context, "tokens", tokens.shape(), 3));
    const int64_t batch = tokens.dim_size(0), embedding = tokens.dim_size(1);
    const int64_t count = tokens.dim_size(2), pairs = PairsOf(count);
    OP_REQUIRES_OK(context, HasShape(context, "of_products", context->input(1), {batch, pairs}));
    tensorflow::Tensor* of_tokens;
    OP_REQUIRES_OK(context, context->allocate_output(0, tokens.shape(), &of_tokens));
    if (of_tokens->NumElements() == 0) return;
    const float* from = tokens.flat<float>().data();
    const float* upstream = context->input(1).flat<float>().data();
    float* to = of_tokens->flat<float>().data();
    ForEachRange(context, batch, 0.5 * embedding * pairs, [&](int64_t first, int64_t last) {
      std::vector<float> symmetric(count * count);
      for (int64_t sample = first; sample < last; ++sample) {
        const int64_t at = sample * embedding * count;
        PairsGradOfSample(from + at, upstream + sample * pairs, embedding, count, symmetric.data(),
                          to + at);
      }
    });
  }
};

REGISTER_OP("NasrecPairs")
    .Input("tokens: float")
    .Output("products: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      auto tokens = context->input(0);
      TF_RETURN_IF_ERROR(context->WithRank(tokens, 3, &tokens));
      auto pairs = context->UnknownDim();
      if (context->ValueKnown(context->Dim(tokens, 2))) {
        const int64_t count = PairsOf(context->Value(context->Dim(tokens, 2)));
        if (count < 0) return absl::InvalidArgumentError("NasrecPairs: too many tokens");
        pairs = context->MakeDim(count);
      }
      context->set_output(0, context->MakeShape({context->Dim(tokens, 0), pairs}));
      return absl::OkStatus();
    });

REGISTER_OP("NasrecPairsGrad")
    .Input("tokens: float")
    .Input("of_products: float")
    .Output("of_tokens: float")
    .SetShapeFn(tensorflow::shape_inference::UnchangedShape);

REGISTER_KERNEL_BUILDER(Name("NasrecPairs").Device(tensorflow::DEVICE_CPU), PairsOp);
REGISTER_KERNEL_BUILDER(Name("NasrecPairsGrad").Device(tensorflow::DEVICE_CPU), PairsGradOp);

}  // namespace nasrec

#endif  // NASREC_TF_NATIVE_PAIRS_H_

// Multi-head self-attention over the tokens of a sample, with its scores kept in the caches.
//
// Heads are narrow (2 of an embedding of 16), so that the cost of attention by matrix products is
// writing and reading the scores. Here a block of queries passes over all keys in registers: no
// score is ever stored, and the gradient computes them again from the logarithm of each query's
// sum of exponentials.

#ifndef NASREC_TF_NATIVE_ATTENTION_H_
#define NASREC_TF_NATIVE_ATTENTION_H_

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "attention_core.h"
#include "checks.h"
#include "parallel.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace nasrec {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::shape_inference::InferenceContext;

// The same with the tokens first, as matrix products leave them.
template <int Size>
class SampleAttention {
 public:
  SampleAttention(int64_t tokens, int64_t heads)
      : attention_(tokens, heads),
        packed_(3 * Values(), 0.0f),
        mixed_(Values(), 0.0f),
        of_packed_(3 * Values(), 0.0f),
        of_mixed_(Values(), 0.0f) {}

  // packed: (token, 3 * embedding). mixed: (token, embedding). log_sums: (head, token).
  void Forward(const float* packed, float* mixed, float* log_sums) {
    const int64_t tokens = attention_.tokens(), embedding = attention_.embedding();
    TokensLast(packed, tokens, 3 * embedding, packed_.data());
    attention_.Mix(packed_.data(), mixed_.data(), log_sums);
    TokensFirst(mixed_.data(), tokens, embedding, mixed);
  }

  // The gradient of `packed`, given that of `mixed`.
  void Backward(const float* packed, const float* mixed, const float* log_sums,
                const float* of_mixed, float* of_packed) {
    const int64_t tokens = attention_.tokens(), embedding = attention_.embedding();
    TokensLast(packed, tokens, 3 * embedding, packed_.data());
    TokensLast(mixed, tokens, embedding, mixed_.data());
    TokensLast(of_mixed, tokens, embedding, of_mixed_.data());
    attention_.Differentiate(packed_.data(), mixed_.data(), log_sums, of_mixed_.data(),
                             of_packed_.data());
    TokensFirst(of_packed_.data(), tokens, 3 * embedding, of_packed);
  }

 private:
  int64_t Values() const { return attention_.embedding() * attention_.padded(); }

  Attention<Size> attention_;
  std::vector<float> packed_, mixed_, of_packed_, of_mixed_;
};

// Calls function(Sample<Size>(arguments...)) for the width of a head.
template <template <int> class Sample, typename Function, typename... Arguments>
void WithHeadSize(int64_t size, Function&& function, Arguments&&... arguments) {
  switch (size) {
    case 1: return function(Sample<1>(arguments...));
    case 2: return function(Sample<2>(arguments...));
    case 4: return function(Sample<4>(arguments...));
    case 8: return function(Sample<8>(arguments...));
  }
}

inline absl::Status CheckHeads(OpKernelContext* context, int64_t embedding, int64_t heads) {
  for (int64_t size : {1, 2, 4, 8}) {
    if (embedding % heads == 0 && embedding / heads == size) return absl::OkStatus();
  }
  return Wrong(context, "attention of ", heads, " heads over an embedding of ", embedding);
}

inline double AttentionCycles(int64_t tokens, int64_t heads) {
  return 3.0 * heads * tokens * tokens;
}

class AttentionKernel : public OpKernel {
 public:
  explicit AttentionKernel(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("heads", &heads_));
  }

 protected:
  int64_t heads_;
};

// The sizes of queries, keys and values side by side: (batch, token, 3 * embedding).
struct PackedSizes {
  int64_t batch, tokens, embedding;

  absl::Status Read(OpKernelContext* context, const Tensor& packed, int64_t heads) {
    TF_RETURN_IF_ERROR(HasRank(context, "packed", packed.shape(), 3));
    batch = packed.dim_size(0);
    tokens = packed.dim_size(1);
    embedding = packed.dim_size(2) / 3;
    if (packed.dim_size(2) % 3 != 0) {
      return Wrong(context, "packed of shape ", packed.shape().DebugString(),
                   " is not of three equal parts");
    }
    return CheckHeads(context, embedding, heads);
  }
};

class AttentionOp : public AttentionKernel {
 public:
  using AttentionKernel::AttentionKernel;

  void Compute(OpKernelContext* context) override {
    const Tensor& packed = context->input(0);
    PackedSizes sizes;
    OP_REQUIRES_OK(context, sizes.Read(context, packed, heads_));
    const int64_t batch = sizes.batch, tokens = sizes.tokens, embedding = sizes.embedding;
    Tensor *mixed, *log_sums;
    OP_REQUIRES_OK(context, Allocate(context, 0, {batch, tokens, embedding}, &mixed));
    OP_REQUIRES_OK(context, Allocate(context, 1, {batch, heads_, tokens}, &log_sums));
    if (packed.NumElements() == 0) return;
    const float* from = packed.flat<float>().data();
    float* to = mixed->flat<float>().data();
    float* sums = log_sums->flat<float>().data();
    ForEachRange(context, batch, AttentionCycles(tokens, heads_), [&](int64_t first, int64_t last) {
      const auto forward = [&](auto attention) {
        for (int64_t sample = first; sample < last; ++sample) {
          attention.Forward(from + sample * tokens * 3 * embedding,
                            to + sample * tokens * embedding, sums + sample * heads_ * tokens);
        }
      };
      WithHeadSize<SampleAttention>(embedding / heads_, forward, tokens, heads_);
    });
  }
};

class AttentionGradOp : public AttentionKernel {
 public:
  using AttentionKernel::AttentionKernel;

  void Compute(OpKernelContext* context) override {
    const Tensor& packed = context->input(0);
    PackedSizes sizes;
    OP_REQUIRES_OK(context, sizes.Read(context, packed, heads_));
    const int64_t batch = sizes.batch, tokens = sizes.tokens, embedding = sizes.embedding;
    OP_REQUIRES_OK(context,
                   HasShape(context, "mixed", context->input(1), {batch, tokens, embedding}));
    OP_REQUIRES_OK(context,
                   HasShape(context, "log_sums", context->input(2), {batch, heads_, tokens}));
    OP_REQUIRES_OK(context,
                   HasShape(context, "of_mixed", context->input(3), {batch, tokens, embedding}));
    Tensor* of_packed;
    OP_REQUIRES_OK(context, context->allocate_output(0, packed.shape(), &of_packed));
    if (packed.NumElements() == 0) return;
    const float* from = packed.flat<float>().data();
    const float* mixed = context->input(1).flat<float>().data();
    const float* sums = context->input(2).flat<float>().data();
    const float* upstream = context->input(3).flat<float>().data();
    float* to = of_packed->flat<float>().data();
    const double cycles = 3 * AttentionCycles(tokens, heads_);
    ForEachRange(context, batch, cycles, [&](int64_t first, int64_t last) {
      const auto backward = [&](auto attention) {
        for (int64_t sample = first; sample < last; ++sample) {
          const int64_t at = sample * tokens * embedding;
          attention.Backward(from + 3 * at, mixed + at, sums + sample * heads_ * tokens,
                             upstream + at, to + 3 * at);
        }
      };
      WithHeadSize<SampleAttention>(embedding / heads_, backward, tokens, heads_);
    });
  }
};

inline absl::Status AttentionShape(InferenceContext* context) {
  auto packed = context->input(0);
  int64_t heads;
  TF_RETURN_IF_ERROR(context->GetAttr("heads", &heads));
  TF_RETURN_IF_ERROR(context->WithRank(packed, 3, &packed));
  tensorflow::shape_inference::DimensionHandle embedding;
  TF_RETURN_IF_ERROR(context->Divide(context->Dim(packed, 2), int64_t{3}, true, &embedding));
  auto batch = context->Dim(packed, 0), tokens = context->Dim(packed, 1);
  context->set_output(0, context->MakeShape({batch, tokens, embedding}));
  context->set_output(1, context->MakeShape({batch, context->MakeDim(heads), tokens}));
  return absl::OkStatus();
}

REGISTER_OP("NasrecAttention")
    .Input("packed: float")
    .Attr("heads: int >= 1")
    .Output("mixed: float")
    .Output("log_sums: float")
    .SetShapeFn(AttentionShape);

REGISTER_OP("NasrecAttentionGrad")
    .Input("packed: float")
    .Input("mixed: float")
    .Input("log_sums: float")
    .Input("of_mixed: float")
    .Attr("heads: int >= 1")
    .Output("of_packed: float")
    .SetShapeFn(tensorflow::shape_inference::UnchangedShape);

REGISTER_KERNEL_BUILDER(Name("NasrecAttention").Device(tensorflow::DEVICE_CPU), AttentionOp);
REGISTER_KERNEL_BUILDER(Name("NasrecAttentionGrad").Device(tensorflow::DEVICE_CPU),
                        AttentionGradOp);

}  // namespace nasrec

#endif  // NASREC_TF_NATIVE_ATTENTION_H_

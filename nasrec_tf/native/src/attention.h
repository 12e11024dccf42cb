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
#include <cstring>
#include <limits>
#include <vector>

#include "Eigen/Core"
#include "parallel.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace nasrec {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using tensorflow::shape_inference::InferenceContext;

// Queries that are worked on at once.
constexpr int kQueries = 16;
using Queries = Eigen::Array<float, kQueries, 1>;
using QueriesAt = Eigen::Map<Queries>;
using ConstQueriesAt = Eigen::Map<const Queries>;

// e^x of numbers that are not above 0; 0 or nearly so below -87.
inline Queries Exponential(const Queries& x) {
  constexpr float kLog2OfE = 1.44269504f;
  // Added to a number, it leaves the number's nearest integer in the last bits.
  constexpr float kRounding = 12582912.0f;
  // Of the Taylor series of 2^f; six terms are exact to 1.2e-7 for f in -0.5 to 0.5.
  constexpr float k1 = 0.693147181f, k2 = 0.240226507f, k3 = 0.0555041087f;
  constexpr float k4 = 0.00961812911f, k5 = 0.00133335581f, k6 = 0.000154035304f;
  Queries result;
  for (int lane = 0; lane < kQueries; ++lane) {
    const float in_range = x[lane] < -87.0f ? -87.0f : x[lane];
    const float shifted = in_range * kLog2OfE + kRounding;
    const float f = in_range * kLog2OfE - (shifted - kRounding);
    const float power = 1.0f + f * (k1 + f * (k2 + f * (k3 + f * (k4 + f * (k5 + f * k6)))));
    int32_t bits, exponent;
    std::memcpy(&bits, &power, sizeof bits);
    std::memcpy(&exponent, &shifted, sizeof exponent);
    bits += static_cast<int32_t>(static_cast<uint32_t>(exponent) << 23);
    std::memcpy(&result[lane], &bits, sizeof bits);
  }
  return result;
}

inline int64_t PaddedTokens(int64_t tokens) {
  return (tokens + kQueries - 1) / kQueries * kQueries;
}

// (tokens, width) to (width, padded tokens); what is between tokens and padded tokens stays.
inline void TokensLast(const float* source, int64_t tokens, int64_t width, float* target) {
  const int64_t padded = PaddedTokens(tokens);
  for (int64_t column = 0; column < width; ++column) {
    for (int64_t token = 0; token < tokens; ++token) {
      target[column * padded + token] = source[token * width + column];
    }
  }
}

inline void TokensFirst(const float* source, int64_t tokens, int64_t width, float* target) {
  const int64_t padded = PaddedTokens(tokens);
  for (int64_t token = 0; token < tokens; ++token) {
    for (int64_t column = 0; column < width; ++column) {
      target[token * width + column] = source[column * padded + token];
    }
  }
}

// The attention of one sample; Size is the width of a head.
template <int Size>
class SampleAttention {
 public:
  SampleAttention(int64_t tokens, int64_t heads)
      : tokens_(tokens),
        heads_(heads),
        padded_(PaddedTokens(tokens)),
        scale_(1.0f / std::sqrt(static_cast<float>(Size))),
        packed_(3 * heads * Size * padded_, 0.0f),
        mixed_(heads * Size * padded_, 0.0f),
        of_packed_(3 * heads * Size * padded_, 0.0f),
        of_mixed_(heads * Size * padded_, 0.0f),
        of_keys_(2 * Size * kQueries * tokens) {}

  // packed: (token, 3 * embedding). mixed: (token, embedding). log_sums: (head, token).
  void Forward(const float* packed, float* mixed, float* log_sums) {
    TokensLast(packed, tokens_, 3 * Embedding(), packed_.data());
    for (int64_t head = 0; head < heads_; ++head) {
      for (int64_t first = 0; first < tokens_; first += kQueries) {
        const Queries log_sum = MixBlock(head, first);
        const int64_t count = std::min<int64_t>(kQueries, tokens_ - first);
        std::copy_n(log_sum.data(), count, log_sums + head * tokens_ + first);
      }
    }
    TokensFirst(mixed_.data(), tokens_, Embedding(), mixed);
  }

  // The gradient of `packed`, given that of `mixed`.
  void Backward(const float* packed, const float* mixed, const float* log_sums,
                const float* of_mixed, float* of_packed) {
    TokensLast(packed, tokens_, 3 * Embedding(), packed_.data());
    TokensLast(mixed, tokens_, Embedding(), mixed_.data());
    TokensLast(of_mixed, tokens_, Embedding(), of_mixed_.data());
    for (int64_t head = 0; head < heads_; ++head) {
      std::fill(of_keys_.begin(), of_keys_.end(), 0.0f);
      for (int64_t first = 0; first < tokens_; first += kQueries) {
        // Beyond the last token the exponential of minus infinity leaves nothing.
        Queries log_sum = Queries::Constant(std::numeric_limits<float>::infinity());
        const int64_t count = std::min<int64_t>(kQueries, tokens_ - first);
        std::copy_n(log_sums + head * tokens_ + first, count, log_sum.data());
        DifferentiateBlock(head, first, log_sum);
      }
      for (int part = 0; part < Size; ++part) {
        for (int64_t key = 0; key < tokens_; ++key) {
          Row(of_packed_, 1, head, part)[key] = KeySums(0, part, key).sum();
          Row(of_packed_, 2, head, part)[key] = KeySums(1, part, key).sum();
        }
      }
    }
    TokensFirst(of_packed_.data(), tokens_, 3 * Embedding(), of_packed);
  }

 private:
  int64_t Embedding() const { return heads_ * Size; }

  // One number of a head for all tokens: of queries (0), keys (1) or values (2).
  float* Row(std::vector<float>& values, int kind, int64_t head, int part) {
    return values.data() + (kind * Embedding() + head * Size + part) * padded_;
  }

  // Sums over the queries of gradients of keys (0) and values (1), lane by lane.
  QueriesAt KeySums(int kind, int part, int64_t key) {
    return QueriesAt(of_keys_.data() + ((kind * Size + part) * tokens_ + key) * kQueries);
  }

  Queries MixBlock(int64_t head, int64_t first) {
    Queries query[Size], sums[Size];
    const float *keys[Size], *values[Size];
    for (int part = 0; part < Size; ++part) {
      query[part] = ConstQueriesAt(Row(packed_, 0, head, part) + first) * scale_;
      keys[part] = Row(packed_, 1, head, part);
      values[part] = Row(packed_, 2, head, part);
      sums[part].setZero();
    }
    Queries largest = Queries::Constant(-std::numeric_limits<float>::infinity());
    for (int64_t key = 0; key < tokens_; ++key) {
      Queries score = query[0] * keys[0][key];
      for (int part = 1; part < Size; ++part) score += query[part] * keys[part][key];
      largest = largest.max(score);
    }
    Queries total = Queries::Zero();
    for (int64_t key = 0; key < tokens_; ++key) {
      Queries score = query[0] * keys[0][key] - largest;
      for (int part = 1; part < Size; ++part) score += query[part] * keys[part][key];
      const Queries weight = Exponential(score);
      total += weight;
      for (int part = 0; part < Size; ++part) sums[part] += weight * values[part][key];
    }
    for (int part = 0; part < Size; ++part) {
      QueriesAt(Row(mixed_, 0, head, part) + first) = sums[part] / total;
    }
    return largest + total.log();
  }

  // With weight_k the softmax, dL/dscore_k = weight_k (dL/dweight_k - mixed . dL/dmixed).
  void DifferentiateBlock(int64_t head, int64_t first, const Queries& log_sum) {
    Queries query[Size], upstream[Size], of_query[Size], mean = Queries::Zero();
    const float *keys[Size], *values[Size];
    for (int part = 0; part < Size; ++part) {
      query[part] = ConstQueriesAt(Row(packed_, 0, head, part) + first) * scale_;
      upstream[part] = ConstQueriesAt(Row(of_mixed_, 0, head, part) + first);
      mean += upstream[part] * ConstQueriesAt(Row(mixed_, 0, head, part) + first);
      keys[part] = Row(packed_, 1, head, part);
      values[part] = Row(packed_, 2, head, part);
      of_query[part].setZero();
    }
    for (int64_t key = 0; key < tokens_; ++key) {
      Queries score = query[0] * keys[0][key] - log_sum;
      Queries of_weight = upstream[0] * values[0][key] - mean;
      for (int part = 1; part < Size; ++part) {
        score += query[part] * keys[part][key];
        of_weight += upstream[part] * values[part][key];
      }
      const Queries weight = Exponential(score);
      const Queries of_score = weight * of_weight;
      for (int part = 0; part < Size; ++part) {
        of_query[part] += of_score * keys[part][key];
        KeySums(0, part, key) += of_score * query[part];
        KeySums(1, part, key) += weight * upstream[part];
      }
    }
    for (int part = 0; part < Size; ++part) {
      QueriesAt(Row(of_packed_, 0, head, part) + first) = of_query[part] * scale_;
    }
  }

  const int64_t tokens_, heads_, padded_;
  const float scale_;
  // All with the tokens last.
  std::vector<float> packed_, mixed_, of_packed_, of_mixed_, of_keys_;
};

// Calls function(SampleAttention<Size>) for the width of a head.
template <typename Function>
void WithHeadSize(int64_t size, int64_t tokens, int64_t heads, Function&& function) {
  switch (size) {
    case 1: return function(SampleAttention<1>(tokens, heads));
    case 2: return function(SampleAttention<2>(tokens, heads));
    case 4: return function(SampleAttention<4>(tokens, heads));
    case 8: return function(SampleAttention<8>(tokens, heads));
  }
}

// packed: (batch, token, 3 * embedding), of heads that are built.
inline absl::Status CheckPacked(const Tensor& packed, int64_t heads) {
  const int64_t width = packed.dims() == 3 ? packed.dim_size(2) : 0;
  for (int64_t size : {1, 2, 4, 8}) {
    if (width == 3 * heads * size) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("attention of ", heads, " heads over ",
                                                 packed.shape().DebugString()));
}

inline int64_t AttentionCycles(int64_t tokens, int64_t heads) { return 3 * heads * tokens * tokens; }

class AttentionOp : public OpKernel {
 public:
  explicit AttentionOp(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("heads", &heads_));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& packed = context->input(0);
    OP_REQUIRES_OK(context, CheckPacked(packed, heads_));
    const int64_t batch = packed.dim_size(0), tokens = packed.dim_size(1);
    const int64_t embedding = packed.dim_size(2) / 3;
    Tensor *mixed, *log_sums;
    OP_REQUIRES_OK(context, context->allocate_output(0, {batch, tokens, embedding}, &mixed));
    OP_REQUIRES_OK(context, context->allocate_output(1, {batch, heads_, tokens}, &log_sums));
    const float* from = packed.flat<float>().data();
    float* to = mixed->flat<float>().data();
    float* sums = log_sums->flat<float>().data();
    ForEachRange(context, batch, AttentionCycles(tokens, heads_), [&](int64_t first, int64_t last) {
      WithHeadSize(embedding / heads_, tokens, heads_, [&](auto attention) {
        for (int64_t sample = first; sample < last; ++sample) {
          attention.Forward(from + sample * tokens * 3 * embedding,
                            to + sample * tokens * embedding, sums + sample * heads_ * tokens);
        }
      });
    });
  }

 private:
  int64_t heads_;
};

class AttentionGradOp : public OpKernel {
 public:
  explicit AttentionGradOp(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("heads", &heads_));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& packed = context->input(0);
    OP_REQUIRES_OK(context, CheckPacked(packed, heads_));
    const int64_t batch = packed.dim_size(0), tokens = packed.dim_size(1);
    const int64_t embedding = packed.dim_size(2) / 3;
    Tensor* of_packed;
    OP_REQUIRES_OK(context, context->allocate_output(0, packed.shape(), &of_packed));
    const float* from = packed.flat<float>().data();
    const float* mixed = context->input(1).flat<float>().data();
    const float* sums = context->input(2).flat<float>().data();
    const float* upstream = context->input(3).flat<float>().data();
    float* to = of_packed->flat<float>().data();
    const int64_t cycles = 3 * AttentionCycles(tokens, heads_);
    ForEachRange(context, batch, cycles, [&](int64_t first, int64_t last) {
      WithHeadSize(embedding / heads_, tokens, heads_, [&](auto attention) {
        for (int64_t sample = first; sample < last; ++sample) {
          const int64_t at = sample * tokens * embedding;
          attention.Backward(from + 3 * at, mixed + at, sums + sample * heads_ * tokens,
                             upstream + at, to + 3 * at);
        }
      });
    });
  }

 private:
  int64_t heads_;
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

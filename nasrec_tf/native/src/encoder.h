// A transformer encoder over the tokens of a sample, all of it within the caches.
//
// It is post-norm: x -> norm(x + attended(attention(x))) -> norm(x + output(relu(hidden(x)))).
// Everything is laid out (embedding, token), so that sixteen tokens are worked on at once whatever
// the step. The gradient computes again all but the attention's own results, which is faster than
// to read it, and keeps nothing else in memory.

#ifndef NASREC_TF_NATIVE_ENCODER_H_
#define NASREC_TF_NATIVE_ENCODER_H_

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "attention.h"
#include "parallel.h"
#include "token_steps.h"

namespace nasrec {

// The weights, in the order in which they are given. A kernel is (inputs, outputs).
enum EncoderWeight {
  kPackedKernel,  // queries, keys and values
  kPackedBias,
  kAttendedKernel,
  kAttendedBias,
  kAttendedScale,
  kAttendedOffset,
  kHiddenKernel,
  kHiddenBias,
  kOutputKernel,
  kOutputBias,
  kOutputScale,
  kOutputOffset,
  kEncoderWeights,
};

inline absl::Status CheckEncoderWeight(OpKernelContext* context, int weight, const Tensor& given,
                                       int64_t embedding) {
  const InputName name = Entry("weights", weight);
  switch (weight) {
    case kPackedKernel: return HasShape(context, name, given, {embedding, 3 * embedding});
    case kPackedBias: return HasShape(context, name, given, {3 * embedding});
    case kAttendedKernel:
    case kHiddenKernel:
    case kOutputKernel: return HasShape(context, name, given, {embedding, embedding});
    default: return HasShape(context, name, given, {embedding});
  }
}

template <int Size>
class SampleEncoder {
 public:
  SampleEncoder(int64_t tokens, int64_t heads, const float* const* weights, float epsilon)
      : attention_(tokens, heads),
        steps_(attention_.padded()),
        weights_(weights),
        epsilon_(epsilon),
        x_(Values(), 0.0f),
        packed_(3 * Values()),
        mixed_(Values(), 0.0f),
        attended_(Values()),
        first_(Values()),
        hidden_(Values()),
        second_(Values()),
        y_(Values()),
        of_y_(Values(), 0.0f),
        of_hidden_(Values()),
        of_mixed_(Values()),
        of_x_(Values()),
        of_packed_(3 * Values(), 0.0f),
        first_moments_(2 * attention_.padded()),
        second_moments_(2 * attention_.padded()) {}

  // x, y, mixed: (embedding, token). log_sums: (head, token).
  void Forward(const float* x, float* y, float* mixed, float* log_sums) {
    Load(x, x_);
    Pack();
    attention_.Mix(packed_.data(), mixed_.data(), log_sums);
    Store(mixed_, mixed);
    Encode();
    Store(y_, y);
  }

  // The gradient of x, given that of y; adds those of the weights.
  void Backward(const float* x, const float* mixed, const float* log_sums, const float* of_y,
                float* of_x, float* const* of_weights) {
    const int64_t embedding = attention_.embedding();
    Load(x, x_);
    Load(mixed, mixed_);
    Load(of_y, of_y_);
    Pack();
    Encode();
    // second = first + output(hidden), first = norm(attended).
    steps_.NormaliseGrad(second_.data(), embedding, weights_[kOutputScale],
                         second_moments_.data(), of_y_.data(), of_weights[kOutputScale],
                         of_weights[kOutputOffset], of_y_.data());
    BackThrough(kOutputKernel, embedding, hidden_, of_y_, of_weights, of_hidden_);
    for (size_t at = 0; at < of_hidden_.size(); ++at) {
      of_hidden_[at] = hidden_[at] > 0.0f ? of_hidden_[at] : 0.0f;
    }
    BackThrough(kHiddenKernel, embedding, first_, of_hidden_, of_weights, of_x_);
    Add(of_x_, of_y_);
    // attended = x + attended(mixed).
    steps_.NormaliseGrad(attended_.data(), embedding, weights_[kAttendedScale],
                         first_moments_.data(), of_y_.data(), of_weights[kAttendedScale],
                         of_weights[kAttendedOffset], of_y_.data());
    BackThrough(kAttendedKernel, embedding, mixed_, of_y_, of_weights, of_mixed_);
    attention_.Differentiate(packed_.data(), mixed_.data(), log_sums, of_mixed_.data(),
                             of_packed_.data());
    BackThrough(kPackedKernel, 3 * embedding, x_, of_packed_, of_weights, of_x_);
    Add(of_y_, of_x_);
    Store(of_x_, of_x);
  }

 private:
  using Buffer = std::vector<float>;

  int64_t Values() const { return attention_.embedding() * attention_.padded(); }

  void Load(const float* from, Buffer& to) const {
    const int64_t tokens = attention_.tokens(), padded = attention_.padded();
    for (int64_t unit = 0; unit < attention_.embedding(); ++unit) {
      std::copy_n(from + unit * tokens, tokens, to.data() + unit * padded);
    }
  }

  void Store(const Buffer& from, float* to) const {
    const int64_t tokens = attention_.tokens(), padded = attention_.padded();
    for (int64_t unit = 0; unit < attention_.embedding(); ++unit) {
      std::copy_n(from.data() + unit * padded, tokens, to + unit * tokens);
    }
  }

  static void Add(const Buffer& from, Buffer& to) {
    for (size_t at = 0; at < to.size(); ++at) to[at] += from[at];
  }

  // The linear map whose kernel and bias are the given weight and the next.
  void Map(int kernel, int64_t outputs, const Buffer& x, Buffer& y) const {
    steps_.Product(x.data(), attention_.embedding(), weights_[kernel], outputs, 1,
                   weights_[kernel + 1], outputs, y.data());
  }

  void BackThrough(int kernel, int64_t outputs, const Buffer& x, const Buffer& of_y,
                   float* const* of_weights, Buffer& of_x) {
    const int64_t inputs = attention_.embedding();
    steps_.AddProductGrad(x.data(), inputs, of_y.data(), outputs, of_weights[kernel],
                          of_weights[kernel + 1]);
    steps_.Product(of_y.data(), outputs, weights_[kernel], 1, outputs, nullptr, inputs,
                   of_x.data());
  }

  void Pack() { Map(kPackedKernel, 3 * attention_.embedding(), x_, packed_); }

  // All that follows the attention.
  void Encode() {
    const int64_t embedding = attention_.embedding();
    Map(kAttendedKernel, embedding, mixed_, attended_);
    Add(x_, attended_);
    steps_.Normalise(attended_.data(), embedding, weights_[kAttendedScale],
                     weights_[kAttendedOffset], epsilon_, first_moments_.data(), first_.data());
    Map(kHiddenKernel, embedding, first_, hidden_);
    for (float& value : hidden_) value = value < 0.0f ? 0.0f : value;
    Map(kOutputKernel, embedding, hidden_, second_);
    Add(first_, second_);
    steps_.Normalise(second_.data(), embedding, weights_[kOutputScale], weights_[kOutputOffset],
                     epsilon_, second_moments_.data(), y_.data());
  }

  Attention<Size> attention_;
  TokenSteps steps_;
  const float* const* weights_;
  const float epsilon_;
  Buffer x_, packed_, mixed_, attended_, first_, hidden_, second_, y_;
  Buffer of_y_, of_hidden_, of_mixed_, of_x_, of_packed_;
  Buffer first_moments_, second_moments_;
};

inline absl::Status CheckNumberOfWeights(OpKernelConstruction* context) {
  int given;
  TF_RETURN_IF_ERROR(context->GetAttr("N", &given));
  if (given == kEncoderWeights) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("an encoder of ", given, " weights instead of ", +kEncoderWeights));
}

// What both kernels read: tokens (batch, embedding, token) and the weights.
class EncoderInputs {
 public:
  static constexpr int kCount = 1 + kEncoderWeights;

  absl::Status Read(OpKernelContext* context, int64_t heads) {
    const Tensor& tokens = context->input(0);
    TF_RETURN_IF_ERROR(HasRank(context, "tokens", tokens.shape(), 3));
    batch = tokens.dim_size(0);
    embedding = tokens.dim_size(1);
    count = tokens.dim_size(2);
    x = tokens.flat<float>().data();
    TF_RETURN_IF_ERROR(CheckHeads(context, embedding, heads));
    starts[0] = 0;
    for (int weight = 0; weight < kEncoderWeights; ++weight) {
      const Tensor& given = context->input(1 + weight);
      TF_RETURN_IF_ERROR(CheckEncoderWeight(context, weight, given, embedding));
      weights[weight] = given.flat<float>().data();
      starts[weight + 1] = starts[weight] + given.NumElements();
    }
    return absl::OkStatus();
  }

  double Cycles(int64_t heads) const {
    return AttentionCycles(count, heads) + 3.0 * embedding * embedding * count;
  }

  int64_t batch, embedding, count;
  const float* x;
  const float* weights[kEncoderWeights];
  // Where each weight starts if they stand one behind another.
  int64_t starts[kEncoderWeights + 1];
};

class EncoderKernel : public OpKernel {
 public:
  explicit EncoderKernel(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("heads", &heads_));
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon_));
    OP_REQUIRES_OK(context, CheckNumberOfWeights(context));
  }

 protected:
  int64_t heads_;
  float epsilon_;
};

class EncoderOp : public EncoderKernel {
 public:
  using EncoderKernel::EncoderKernel;

  void Compute(OpKernelContext* context) override {
    EncoderInputs in;
    OP_REQUIRES_OK(context, in.Read(context, heads_));
    Tensor *encoded, *mixed, *log_sums;
    OP_REQUIRES_OK(context, context->allocate_output(0, context->input(0).shape(), &encoded));
    OP_REQUIRES_OK(context, context->allocate_output(1, context->input(0).shape(), &mixed));
    OP_REQUIRES_OK(context, Allocate(context, 2, {in.batch, heads_, in.count}, &log_sums));
    if (encoded->NumElements() == 0) return;
    float* to = encoded->flat<float>().data();
    float* kept = mixed->flat<float>().data();
    float* sums = log_sums->flat<float>().data();
    ForEachRange(context, in.batch, in.Cycles(heads_), [&](int64_t first, int64_t last) {
      const auto forward = [&](auto encoder) {
        for (int64_t sample = first; sample < last; ++sample) {
          const int64_t at = sample * in.embedding * in.count;
          encoder.Forward(in.x + at, to + at, kept + at, sums + sample * heads_ * in.count);
        }
      };
      WithHeadSize<SampleEncoder>(in.embedding / heads_, forward, in.count, heads_, in.weights,
                                  epsilon_);
    });
  }
};

class EncoderGradOp : public EncoderKernel {
 public:
  using EncoderKernel::EncoderKernel;

  void Compute(OpKernelContext* context) override {
    EncoderInputs in;
    OP_REQUIRES_OK(context, in.Read(context, heads_));
    const TensorShape& shape = context->input(0).shape();
    const int next = EncoderInputs::kCount;
    OP_REQUIRES_OK(context, HasShape(context, "mixed", context->input(next), shape));
    OP_REQUIRES_OK(context, HasShape(context, "log_sums", context->input(next + 1),
                                     {in.batch, heads_, in.count}));
    OP_REQUIRES_OK(context, HasShape(context, "of_encoded", context->input(next + 2), shape));
    Tensor* of_tokens;
    OP_REQUIRES_OK(context, context->allocate_output(0, shape, &of_tokens));
    float* to = of_tokens->flat<float>().data();
    const float* mixed = context->input(next).flat<float>().data();
    const float* sums = context->input(next + 1).flat<float>().data();
    const float* upstream = context->input(next + 2).flat<float>().data();
    const int64_t* starts = in.starts;
    // A fixed number of stretches, so that sums do not depend on the number of threads.
    const int64_t stretches = in.count == 0 ? 0 : std::min<int64_t>(in.batch, kStretches);
    std::vector<float> of_weights(stretches * starts[kEncoderWeights], 0.0f);
    const double cycles = stretches ? 4.0 * in.Cycles(heads_) * in.batch / stretches : 0.0;
    ForEachRange(context, stretches, cycles, [&](int64_t first, int64_t last) {
      const auto backward = [&](auto encoder) {
        for (int64_t stretch = first; stretch < last; ++stretch) {
          float* own[kEncoderWeights];
          for (int weight = 0; weight < kEncoderWeights; ++weight) {
            own[weight] = of_weights.data() + stretch * starts[kEncoderWeights] + starts[weight];
          }
          const int64_t end = (stretch + 1) * in.batch / stretches;
          for (int64_t sample = stretch * in.batch / stretches; sample < end; ++sample) {
            const int64_t at = sample * in.embedding * in.count;
            encoder.Backward(in.x + at, mixed + at, sums + sample * heads_ * in.count,
                             upstream + at, to + at, own);
          }
        }
      };
      WithHeadSize<SampleEncoder>(in.embedding / heads_, backward, in.count, heads_, in.weights,
                                  epsilon_);
    });
    for (int weight = 0; weight < kEncoderWeights; ++weight) {
      Tensor* sum;
      OP_REQUIRES_OK(
          context, context->allocate_output(1 + weight, context->input(1 + weight).shape(), &sum));
      float* total = sum->flat<float>().data();
      const int64_t size = starts[weight + 1] - starts[weight];
      std::fill_n(total, size, 0.0f);
      for (int64_t stretch = 0; stretch < stretches; ++stretch) {
        const float* own = of_weights.data() + stretch * starts[kEncoderWeights] + starts[weight];
        for (int64_t at = 0; at < size; ++at) total[at] += own[at];
      }
    }
  }

 private:
  static constexpr int64_t kStretches = 16;
};

REGISTER_OP("NasrecEncoder")
    .Input("tokens: float")
    .Input("weights: N * float")
    .Attr("N: int >= 12")
    .Attr("heads: int >= 1")
    .Attr("epsilon: float")
    .Output("encoded: float")
    .Output("mixed: float")
    .Output("log_sums: float")
    .SetShapeFn([](InferenceContext* context) {
      int64_t heads;
      TF_RETURN_IF_ERROR(context->GetAttr("heads", &heads));
      auto tokens = context->input(0);
      TF_RETURN_IF_ERROR(context->WithRank(tokens, 3, &tokens));
      context->set_output(0, tokens);
      context->set_output(1, tokens);
      context->set_output(2, context->MakeShape({context->Dim(tokens, 0), context->MakeDim(heads),
                                                 context->Dim(tokens, 2)}));
      return absl::OkStatus();
    });

REGISTER_OP("NasrecEncoderGrad")
    .Input("tokens: float")
    .Input("weights: N * float")
    .Input("mixed: float")
    .Input("log_sums: float")
    .Input("of_encoded: float")
    .Attr("N: int >= 12")
    .Attr("heads: int >= 1")
    .Attr("epsilon: float")
    .Output("of_tokens: float")
    .Output("of_weights: N * float")
    .SetShapeFn([](InferenceContext* context) {
      for (int index = 0; index < context->num_outputs(); ++index) {
        context->set_output(index, context->input(index));
      }
      return absl::OkStatus();
    });

REGISTER_KERNEL_BUILDER(Name("NasrecEncoder").Device(tensorflow::DEVICE_CPU), EncoderOp);
REGISTER_KERNEL_BUILDER(Name("NasrecEncoderGrad").Device(tensorflow::DEVICE_CPU), EncoderGradOp);

}  // namespace nasrec

#endif  // NASREC_TF_NATIVE_ENCODER_H_

// Multi-head self-attention over the tokens of a sample, with its scores kept in registers.

#ifndef NASREC_TF_NATIVE_ATTENTION_CORE_H_
#define NASREC_TF_NATIVE_ATTENTION_CORE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "lanes.h"

namespace nasrec {

// The attention of one sample, all with the tokens last and padded; Size is the width of a head.
template <int Size>
class Attention {
 public:
  static constexpr int kHeadSize = Size;

  Attention(int64_t tokens, int64_t heads)
      : tokens_(tokens),
        heads_(heads),
        padded_(PaddedTokens(tokens)),
        scale_(1.0f / std::sqrt(static_cast<float>(Size))),
        of_keys_(2 * Size * kLanes * tokens) {}

  int64_t tokens() const { return tokens_; }
  int64_t heads() const { return heads_; }
  int64_t padded() const { return padded_; }
  int64_t embedding() const { return heads_ * Size; }

  // packed: (3 * embedding, padded). mixed: (embedding, padded). log_sums: (head, token).
  void Mix(const float* packed, float* mixed, float* log_sums) const {
    for (int64_t head = 0; head < heads_; ++head) {
      for (int64_t first = 0; first < tokens_; first += kLanes) {
        const Lanes log_sum = MixBlock(packed, head, first, mixed);
        const int64_t count = std::min<int64_t>(kLanes, tokens_ - first);
        std::copy_n(log_sum.data(), count, log_sums + head * tokens_ + first);
      }
    }
  }

  // The gradient of `packed`, given that of `mixed`, which must be 0 beyond the last token; what
  // is between tokens and padded tokens of keys and values stays.
  void Differentiate(const float* packed, const float* mixed, const float* log_sums,
                     const float* of_mixed, float* of_packed) {
    for (int64_t head = 0; head < heads_; ++head) {
      std::fill(of_keys_.begin(), of_keys_.end(), 0.0f);
      for (int64_t first = 0; first < tokens_; first += kLanes) {
        Lanes log_sum = Lanes::Zero();
        const int64_t count = std::min<int64_t>(kLanes, tokens_ - first);
        std::copy_n(log_sums + head * tokens_ + first, count, log_sum.data());
        // Beyond the last token there is no query, and its exponentials must not overflow.
        std::fill(log_sum.data() + count, log_sum.data() + kLanes,
                  std::numeric_limits<float>::infinity());
        DifferentiateBlock(packed, mixed, of_mixed, head, first, log_sum, of_packed);
      }
      for (int part = 0; part < Size; ++part) {
        float* of_key = of_packed + RowStart(1, head, part);
        float* of_value = of_packed + RowStart(2, head, part);
        for (int64_t key = 0; key < tokens_; ++key) {
          of_key[key] = KeySums(0, part, key).sum();
          of_value[key] = KeySums(1, part, key).sum();
        }
      }
    }
  }

 private:
  // Where one number of a head starts, for all tokens: of queries (0), keys (1) or values (2).
  int64_t RowStart(int kind, int64_t head, int part) const {
    return (kind * embedding() + head * Size + part) * padded_;
  }

  // Sums over the queries of gradients of keys (0) and values (1), lane by lane.
  LanesAt KeySums(int kind, int part, int64_t key) {
    return LanesAt(of_keys_.data() + ((kind * Size + part) * tokens_ + key) * kLanes);
  }

  NASREC_HOT Lanes MixBlock(const float* packed, int64_t head, int64_t first, float* mixed) const {
    Lanes query[Size], sums[Size];
    const float *keys[Size], *values[Size];
    for (int part = 0; part < Size; ++part) {
      query[part] = ConstLanesAt(packed + RowStart(0, head, part) + first) * scale_;
      keys[part] = packed + RowStart(1, head, part);
      values[part] = packed + RowStart(2, head, part);
      sums[part].setZero();
    }
    Lanes largest = Lanes::Constant(-std::numeric_limits<float>::infinity());
    for (int64_t key = 0; key < tokens_; ++key) {
      Lanes score = query[0] * keys[0][key];
      for (int part = 1; part < Size; ++part) score += query[part] * keys[part][key];
      largest = largest.max(score);
    }
    Lanes total = Lanes::Zero();
    for (int64_t key = 0; key < tokens_; ++key) {
      Lanes score = query[0] * keys[0][key] - largest;
      for (int part = 1; part < Size; ++part) score += query[part] * keys[part][key];
      const Lanes weight = Exponential(score);
      total += weight;
      for (int part = 0; part < Size; ++part) sums[part] += weight * values[part][key];
    }
    for (int part = 0; part < Size; ++part) {
      LanesAt(mixed + RowStart(0, head, part) + first) = sums[part] / total;
    }
    return largest + total.log();
  }

  // With weight_k the softmax, dL/dscore_k = weight_k (dL/dweight_k - mixed . dL/dmixed).
  NASREC_HOT void DifferentiateBlock(const float* packed, const float* mixed,
                                     const float* of_mixed, int64_t head, int64_t first,
                                     const Lanes& log_sum, float* of_packed) {
    Lanes query[Size], upstream[Size], of_query[Size], mean = Lanes::Zero();
    const float *keys[Size], *values[Size];
    for (int part = 0; part < Size; ++part) {
      const int64_t row = RowStart(0, head, part);
      query[part] = ConstLanesAt(packed + row + first) * scale_;
      upstream[part] = ConstLanesAt(of_mixed + row + first);
      mean += upstream[part] * ConstLanesAt(mixed + row + first);
      keys[part] = packed + RowStart(1, head, part);
      values[part] = packed + RowStart(2, head, part);
      of_query[part].setZero();
    }
    for (int64_t key = 0; key < tokens_; ++key) {
      Lanes score = query[0] * keys[0][key] - log_sum;
      Lanes of_weight = upstream[0] * values[0][key] - mean;
      for (int part = 1; part < Size; ++part) {
        score += query[part] * keys[part][key];
        of_weight += upstream[part] * values[part][key];
      }
      const Lanes weight = Exponential(score);
      const Lanes of_score = weight * of_weight;
      for (int part = 0; part < Size; ++part) {
        of_query[part] += of_score * keys[part][key];
        KeySums(0, part, key) += of_score * query[part];
        KeySums(1, part, key) += weight * upstream[part];
      }
    }
    for (int part = 0; part < Size; ++part) {
      LanesAt(of_packed + RowStart(0, head, part) + first) = of_query[part] * scale_;
    }
  }

  const int64_t tokens_, heads_, padded_;
  const float scale_;
  std::vector<float> of_keys_;
};

}  // namespace nasrec

#endif  // NASREC_TF_NATIVE_ATTENTION_CORE_H_

// Steps of an encoder on the tokens of a sample, laid out (units, padded tokens).

#ifndef NASREC_TF_NATIVE_TOKEN_STEPS_H_
#define NASREC_TF_NATIVE_TOKEN_STEPS_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lanes.h"

namespace nasrec {

// Steps on (units, padded tokens), some tokens of all units at a time.
class TokenSteps {
 public:
  explicit TokenSteps(int64_t padded) : padded_(padded) {}

  // y_o = bias_o + sum_i kernel[i, o] x_i, where the kernel has the given strides.
  void Product(const float* x, int64_t inputs, const float* kernel, int64_t input_stride,
               int64_t output_stride, const float* bias, int64_t outputs, float* y) const {
    for (int64_t first = 0; first < padded_; first += kLanes) {
      int64_t output = 0;
      for (; output + kTile <= outputs; output += kTile) {
        ProductTile<kTile>(x + first, inputs, kernel + output * output_stride, input_stride,
                           output_stride, bias == nullptr ? nullptr : bias + output,
                           y + output * padded_ + first);
      }
      for (; output < outputs; ++output) {
        ProductTile<1>(x + first, inputs, kernel + output * output_stride, input_stride,
                       output_stride, bias == nullptr ? nullptr : bias + output,
                       y + output * padded_ + first);
      }
    }
  }

  // of_kernel[i, o] += sum over tokens of x_i of_y_o; of_bias_o += sum over tokens of of_y_o.
  void AddProductGrad(const float* x, int64_t inputs, const float* of_y, int64_t outputs,
                      float* of_kernel, float* of_bias) {
    TurnTokensFirst(of_y, outputs);
    for (int64_t output = 0; output < outputs; output += kLanes) {
      const int64_t count = std::min<int64_t>(kLanes, outputs - output);
      int64_t input = 0;
      for (; input + kTile <= inputs; input += kTile) {
        AddOuterTile<kTile>(x + input * padded_, output, count,
                            of_kernel + input * outputs + output, outputs);
      }
      for (; input < inputs; ++input) {
        AddOuterTile<1>(x + input * padded_, output, count,
                        of_kernel + input * outputs + output, outputs);
      }
    }
    for (int64_t output = 0; output < outputs; ++output) {
      of_bias[output] += SumOverTokens(of_y + output * padded_);
    }
  }

  // Normalises over the units of each token; `moments` gets mean and inverse deviation.
  NASREC_HOT void Normalise(const float* x, int64_t units, const float* scale, const float* offset,
                 float epsilon, float* moments, float* y) const {
    for (int64_t first = 0; first < padded_; first += kLanes) {
      Lanes mean = Lanes::Zero(), variance = Lanes::Zero();
      for (int64_t unit = 0; unit < units; ++unit) mean += At(x, unit, first);
      mean /= static_cast<float>(units);
      for (int64_t unit = 0; unit < units; ++unit) variance += (At(x, unit, first) - mean).square();
      const Lanes inverse = (variance / static_cast<float>(units) + epsilon).sqrt().inverse();
      for (int64_t unit = 0; unit < units; ++unit) {
        To(y, unit, first) = (At(x, unit, first) - mean) * inverse * scale[unit] + offset[unit];
      }
      To(moments, 0, first) = mean;
      To(moments, 1, first) = inverse;
    }
  }

  // The gradient of x, which may take the place of that of y; adds those of scale and offset.
  NASREC_HOT void NormaliseGrad(const float* x, int64_t units, const float* scale, const float* moments,
                     const float* of_y, float* of_scale, float* of_offset, float* of_x) const {
    for (int64_t unit = 0; unit < units; ++unit) {
      Lanes scale_sum = Lanes::Zero();
      for (int64_t first = 0; first < padded_; first += kLanes) {
        scale_sum += At(of_y, unit, first) * Standard(x, unit, moments, first);
      }
      of_scale[unit] += scale_sum.sum();
      of_offset[unit] += SumOverTokens(of_y + unit * padded_);
    }
    for (int64_t first = 0; first < padded_; first += kLanes) {
      Lanes across = Lanes::Zero(), along = Lanes::Zero();
      for (int64_t unit = 0; unit < units; ++unit) {
        const Lanes scaled = At(of_y, unit, first) * scale[unit];
        across += scaled;
        along += scaled * Standard(x, unit, moments, first);
      }
      across /= static_cast<float>(units);
      along /= static_cast<float>(units);
      for (int64_t unit = 0; unit < units; ++unit) {
        To(of_x, unit, first) =
            (At(of_y, unit, first) * scale[unit] - across -
             Standard(x, unit, moments, first) * along) * At(moments, 1, first);
      }
    }
  }

 private:
  // Outputs, or inputs, that are worked on at once: their sums stay in registers.
  static constexpr int kTile = 4;

  Lanes At(const float* values, int64_t unit, int64_t first) const {
    return ConstLanesAt(values + unit * padded_ + first);
  }

  LanesAt To(float* values, int64_t unit, int64_t first) const {
    return LanesAt(values + unit * padded_ + first);
  }

  Lanes Standard(const float* x, int64_t unit, const float* moments, int64_t first) const {
    return (At(x, unit, first) - At(moments, 0, first)) * At(moments, 1, first);
  }

  float SumOverTokens(const float* values) const {
    Lanes sum = Lanes::Zero();
    for (int64_t first = 0; first < padded_; first += kLanes) sum += At(values, 0, first);
    return sum.sum();
  }

  template <int Outputs>
  NASREC_HOT void ProductTile(const float* x, int64_t inputs, const float* kernel, int64_t input_stride,
                   int64_t output_stride, const float* bias, float* y) const {
    Lanes sums[Outputs];
    for (int output = 0; output < Outputs; ++output) {
      sums[output].setConstant(bias == nullptr ? 0.0f : bias[output]);
    }
    for (int64_t input = 0; input < inputs; ++input) {
      const Lanes value = At(x, input, 0);
      for (int output = 0; output < Outputs; ++output) {
        sums[output] += value * kernel[input * input_stride + output * output_stride];
      }
    }
    for (int output = 0; output < Outputs; ++output) To(y, output, 0) = sums[output];
  }

  // (units, token) to turned_, (token, padded units).
  void TurnTokensFirst(const float* values, int64_t units) {
    turned_width_ = (units + kLanes - 1) / kLanes * kLanes;
    turned_.resize(turned_width_ * padded_);
    for (int64_t token = 0; token < padded_; ++token) {
      for (int64_t unit = 0; unit < units; ++unit) {
        turned_[token * turned_width_ + unit] = values[unit * padded_ + token];
      }
    }
  }

  // Adds the products, summed over the tokens, of some inputs and of turned_ from `output` on.
  template <int Inputs>
  NASREC_HOT void AddOuterTile(const float* x, int64_t output, int64_t count, float* sums,
                               int64_t stride) const {
    Lanes products[Inputs];
    for (Lanes& product : products) product.setZero();
    for (int64_t token = 0; token < padded_; ++token) {
      const Lanes values = ConstLanesAt(turned_.data() + token * turned_width_ + output);
      for (int input = 0; input < Inputs; ++input) {
        products[input] += values * x[input * padded_ + token];
      }
    }
    for (int input = 0; input < Inputs; ++input) {
      for (int64_t lane = 0; lane < count; ++lane) {
        sums[input * stride + lane] += products[input][lane];
      }
    }
  }

  const int64_t padded_;
  int64_t turned_width_ = 0;
  std::vector<float> turned_;
};

}  // namespace nasrec

#endif  // NASREC_TF_NATIVE_TOKEN_STEPS_H_

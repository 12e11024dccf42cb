// Numbers of several tokens, which the processor works on at once.

#ifndef NASREC_TF_NATIVE_LANES_H_
#define NASREC_TF_NATIVE_LANES_H_

#include <cstdint>
#include <cstring>

#include "Eigen/Core"

// Of a function with inner loops: all that it calls becomes part of it. Left to itself, the compiler
// stops doing so in a large unit, and the numbers of the lanes go through memory.
#define NASREC_HOT __attribute__((noinline, flatten))

namespace nasrec {

// Tokens that are worked on at once.
constexpr int kLanes = 16;
using Lanes = Eigen::Array<float, kLanes, 1>;
using LanesAt = Eigen::Map<Lanes>;
using ConstLanesAt = Eigen::Map<const Lanes>;

// Part of the lanes, as a vector of the compiler's own; loops over single lanes are not reliably
// turned into such.
constexpr int kPart = 8;
typedef float Floats __attribute__((vector_size(kPart * sizeof(float))));
// Without a sign: the bits of a number are shifted and added as they are.
typedef uint32_t Integers __attribute__((vector_size(kPart * sizeof(uint32_t))));

// e^x of numbers that are not above 0; 0 or nearly so below -87.
EIGEN_ALWAYS_INLINE Floats Exponential(Floats x) {
  constexpr float kLog2OfE = 1.44269504f;
  // Added to a number, it leaves the number's nearest integer in the last bits.
  constexpr float kRounding = 12582912.0f;
  // Of the Taylor series of 2^f; six terms are exact to 1.2e-7 for f in -0.5 to 0.5.
  constexpr float k1 = 0.693147181f, k2 = 0.240226507f, k3 = 0.0555041087f;
  constexpr float k4 = 0.00961812911f, k5 = 0.00133335581f, k6 = 0.000154035304f;
  const Floats least = Floats{} - 87.0f;
  x = x < least ? least : x;  // A NaN stays one.
  const Floats shifted = x * kLog2OfE + kRounding;
  const Floats f = x * kLog2OfE - (shifted - kRounding);
  const Floats power = 1.0f + f * (k1 + f * (k2 + f * (k3 + f * (k4 + f * (k5 + f * k6)))));
  Integers bits, exponent;
  std::memcpy(&bits, &power, sizeof bits);
  std::memcpy(&exponent, &shifted, sizeof exponent);
  bits += exponent << 23;
  Floats result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

EIGEN_ALWAYS_INLINE Lanes Exponential(const Lanes& x) {
  Lanes result;
  for (int first = 0; first < kLanes; first += kPart) {
    Floats part;
    std::memcpy(&part, x.data() + first, sizeof part);
    part = Exponential(part);
    std::memcpy(result.data() + first, &part, sizeof part);
  }
  return result;
}

inline int64_t PaddedTokens(int64_t tokens) {
  return (tokens + kLanes - 1) / kLanes * kLanes;
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

}  // namespace nasrec

#endif  // NASREC_TF_NATIVE_LANES_H_

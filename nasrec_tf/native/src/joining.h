// Joining what a path reads and sums, without work for what it leaves out.
//
// What is left out is an empty tensor, forward as well as backward, and what stands alone is passed
// on as it is, without a copy. Gradients ask for the shapes of what was joined or summed, never for
// the values, which would be kept until then.

#ifndef NASREC_TF_NATIVE_JOINING_H_
#define NASREC_TF_NATIVE_JOINING_H_

#include <algorithm>
#include <vector>

#include "checks.h"
#include "parallel.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace nasrec {

inline int64_t LastDimension(const tensorflow::Tensor& tensor) {
  return tensor.dim_size(tensor.dims() - 1);
}

// Concatenates those values along the last axis whose count is not 0.
class JoinOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const int inputs = context->num_inputs() - 1;
    OP_REQUIRES_OK(context, HasShape(context, "counts", context->input(inputs), {inputs}));
    const auto counts = context->input(inputs).vec<int32_t>();
    std::vector<int> read;
    int64_t width = 0;
    for (int index = 0; index < inputs; ++index) {
      if (counts(index) == 0) continue;
      const TensorShape& own = context->input(index).shape();
      OP_REQUIRES_OK(context, HasLastAxis(context, Entry("values", index), own));
      OP_REQUIRES(context, counts(index) == own.dim_size(own.dims() - 1),
                  Wrong(context, counts(index), " entries of ", Entry("values", index),
                        " of shape ", own.DebugString(), ", which is joined whole or not at all"));
      OP_REQUIRES(
          context, read.empty() || SameButForLastAxis(own, context->input(read[0]).shape()),
          Wrong(context, Entry("values", index), " of shape ", own.DebugString(), " beside ",
                Entry("values", read[0]), " of shape ",
                context->input(read[0]).shape().DebugString()));
      read.push_back(index);
      width += counts(index);
    }
    if (read.size() == 1) return context->set_output(0, context->input(read[0]));
    TensorShape shape = context->input(read.empty() ? 0 : read[0]).shape();
    OP_REQUIRES_OK(context, HasLastAxis(context, Entry("values", 0), shape));
    OP_REQUIRES_OK(context, Resize(context, shape.dims() - 1, width, &shape));
    tensorflow::Tensor* joined;
    OP_REQUIRES_OK(context, context->allocate_output(0, shape, &joined));
    if (joined->NumElements() == 0) return;
    const int64_t rows = joined->NumElements() / width;
    float* to = joined->flat<float>().data();
    ForEachRange(context, rows, width / 2, [&](int64_t first, int64_t last) {
      int64_t start = 0;
      for (int index : read) {
        const float* from = context->input(index).flat<float>().data();
        const int64_t count = counts(index);
        for (int64_t row = first; row < last; ++row) {
          std::copy_n(from + row * count, count, to + row * width + start);
        }
        start += count;
      }
    });
  }
};

// The parts of a joint gradient, empty for what was left out.
class JoinGradOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& of_joined = context->input(0);
    OP_REQUIRES_OK(context, HasLastAxis(context, "of_joined", of_joined.shape()));
    OP_REQUIRES_OK(context, HasShape(context, "counts", context->input(1), {num_outputs()}));
    const auto counts = context->input(1).vec<int32_t>();
    const int64_t width = LastDimension(of_joined);
    int64_t joined = 0;
    for (int index = 0; index < num_outputs(); ++index) {
      OP_REQUIRES(context, counts(index) >= 0,
                  Wrong(context, Entry("counts", index), " is ", counts(index)));
      joined += counts(index);
    }
    OP_REQUIRES(context, joined == width,
                Wrong(context, "counts of ", joined, " in all beside of_joined of shape ",
                      of_joined.shape().DebugString()));
    const int64_t rows = width == 0 ? 0 : of_joined.NumElements() / width;
    std::vector<float*> parts(num_outputs(), nullptr);
    for (int index = 0; index < num_outputs(); ++index) {
      if (counts(index) == width && width > 0) {
        context->set_output(index, of_joined);
        continue;
      }
      TensorShape shape = of_joined.shape();
      OP_REQUIRES_OK(context, Resize(context, shape.dims() - 1, counts(index), &shape));
      tensorflow::Tensor* part;
      OP_REQUIRES_OK(context, context->allocate_output(index, shape, &part));
      parts[index] = part->flat<float>().data();
    }
    const float* from = of_joined.flat<float>().data();
    ForEachRange(context, rows, width / 2, [&](int64_t first, int64_t last) {
      int64_t start = 0;
      for (int index = 0; index < num_outputs(); start += counts(index++)) {
        const int64_t count = counts(index);
        if (parts[index] == nullptr || count == 0) continue;
        for (int64_t row = first; row < last; ++row) {
          std::copy_n(from + row * width + start, count, parts[index] + row * count);
        }
      }
    });
  }
};

// Allocates nothing of the first and of the last axis of a value.
inline absl::Status AllocateNothing(OpKernelContext* context, int output, TensorShape shape) {
  TF_RETURN_IF_ERROR(HasLastAxis(context, "value", shape));
  TF_RETURN_IF_ERROR(Resize(context, 0, 0, &shape));
  TF_RETURN_IF_ERROR(Resize(context, shape.dims() - 1, 0, &shape));
  Tensor* nothing;
  return context->allocate_output(output, shape, &nothing);
}

// The value several times, for readers that each read it whole or not at all.
class AliasesOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    for (int index = 0; index < num_outputs(); ++index) {
      context->set_output(index, context->input(0));
    }
  }
};

// The value where it is on; otherwise nothing.
class PresentOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& value = context->input(0);
    OP_REQUIRES_OK(context, IsScalar(context, "on", context->input(1)));
    if (context->input(1).scalar<int32_t>()() != 0) return context->set_output(0, value);
    OP_REQUIRES_OK(context, AllocateNothing(context, 0, value.shape()));
  }
};

// The value first where the condition holds, else second; nothing on the other side.
class RouteOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& value = context->input(0);
    OP_REQUIRES_OK(context, IsScalar(context, "condition", context->input(1)));
    const int taken = context->input(1).scalar<bool>()() ? 0 : 1;
    context->set_output(taken, value);
    OP_REQUIRES_OK(context, AllocateNothing(context, 1 - taken, value.shape()));
  }
};

// The first value if it is not empty, else the second.
class EitherOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    context->set_output(0, context->input(context->input(0).NumElements() > 0 ? 0 : 1));
  }
};

// What of a gradient reaches each of the two; the other one, which is empty, is its own gradient.
class EitherGradOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const int taken = context->input(0).NumElements() > 0 ? 0 : 1;
    OP_REQUIRES_OK(context, HasShape(context, "of_either", context->input(2),
                                     context->input(taken).shape()));
    context->set_output(taken, context->input(2));
    context->set_output(1 - taken, context->input(1 - taken));
  }
};

// Adds the first columns of `to`, row by row.
inline void AddPadded(const float* from, int64_t width, int64_t rows, float* to,
                      int64_t to_width) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < width; ++column) {
      to[row * to_width + column] += from[row * width + column];
    }
  }
}

// The sum of the values that are not empty, narrower ones padded with zeros up to `shape`, which
// has a last axis.
inline void SumPresent(tensorflow::OpKernelContext* context, int first_input,
                       const tensorflow::TensorShape& shape) {
  std::vector<int> present;
  for (int index = first_input; index < context->num_inputs(); ++index) {
    if (context->input(index).NumElements() > 0) present.push_back(index);
  }
  if (present.size() == 1 && context->input(present[0]).shape() == shape) {
    return context->set_output(0, context->input(present[0]));
  }
  const int64_t width = shape.dim_size(shape.dims() - 1);
  const int64_t rows = width == 0 ? 0 : shape.num_elements() / width;
  for (int index : present) {
    const TensorShape& own = context->input(index).shape();
    OP_REQUIRES(context, SameButForLastAxis(own, shape) && own.dim_size(own.dims() - 1) <= width,
                Wrong(context, "value ", index - first_input, " of shape ", own.DebugString(),
                      " in a sum of ", shape.DebugString()));
  }
  tensorflow::Tensor* sum;
  OP_REQUIRES_OK(context, context->allocate_output(0, shape, &sum));
  float* to = sum->flat<float>().data();
  const int64_t cycles = (present.size() + 1) * width / 2;
  ForEachRange(context, rows, cycles, [&](int64_t first, int64_t last) {
    std::fill(to + first * width, to + last * width, 0.0f);
    for (int index : present) {
      const int64_t own = LastDimension(context->input(index));
      const float* from = context->input(index).flat<float>().data();
      AddPadded(from + first * own, own, last - first, to + first * width, width);
    }
  });
}

// The sum of the parts that are not empty; zeros of the given shape if there are none.
class SumPresentOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    TensorShape shape;
    OP_REQUIRES_OK(context, ReadShape(context, "shape", context->input(0), &shape));
    SumPresent(context, 1, shape);
  }
};

// Samples and units are two axes.
inline absl::Status HasRankOfRows(OpKernelContext* context, const InputName& name,
                                  const TensorShape& shape) {
  if (shape.dims() >= 2) return absl::OkStatus();
  return Wrong(context, name, " of shape ", shape.DebugString(), " instead of rank 2 or more");
}

// The sum of the outputs that have samples, padded with zeros up to `width`.
class SumActiveOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    TensorShape shape = context->input(2).shape();
    OP_REQUIRES_OK(context, IsScalar(context, "batch", context->input(0)));
    OP_REQUIRES_OK(context, IsScalar(context, "width", context->input(1)));
    OP_REQUIRES_OK(context, HasRankOfRows(context, Entry("outputs", 0), shape));
    const int32_t width = context->input(1).scalar<int32_t>()();
    OP_REQUIRES_OK(context, Resize(context, 0, context->input(0).scalar<int32_t>()(), &shape));
    OP_REQUIRES_OK(context, Resize(context, shape.dims() - 1, width, &shape));
    SumPresent(context, 2, shape);
  }
};

// The first columns of a gradient, as many as the shape of each output says; nothing for one that
// is empty.
class SumActiveGradOp : public tensorflow::OpKernel {
 public:
  using tensorflow::OpKernel::OpKernel;

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& of_sum = context->input(0);
    OP_REQUIRES_OK(context, HasLastAxis(context, "of_sum", of_sum.shape()));
    const int64_t width = LastDimension(of_sum);
    const int64_t rows = width == 0 ? 0 : of_sum.NumElements() / width;
    for (int index = 0; index < num_outputs(); ++index) {
      TensorShape shape;
      OP_REQUIRES_OK(
          context, ReadShape(context, Entry("shapes", index), context->input(1 + index), &shape));
      if (shape == of_sum.shape()) {
        context->set_output(index, of_sum);
        continue;
      }
      const int64_t own = shape.dim_size(shape.dims() - 1);
      OP_REQUIRES(context,
                  shape.num_elements() == 0 ||
                      (SameButForLastAxis(shape, of_sum.shape()) && own <= width),
                  Wrong(context, Entry("shapes", index), " is ", shape.DebugString(),
                        " beside of_sum of shape ", of_sum.shape().DebugString()));
      tensorflow::Tensor* part;
      OP_REQUIRES_OK(context, context->allocate_output(index, shape, &part));
      if (part->NumElements() == 0) continue;
      const float* from = of_sum.flat<float>().data();
      float* to = part->flat<float>().data();
      for (int64_t row = 0; row < rows; ++row) {
        std::copy_n(from + row * width, own, to + row * own);
      }
    }
  }
};

inline absl::Status LastDimensionUnknown(
    tensorflow::shape_inference::InferenceContext* context) {
  tensorflow::shape_inference::ShapeHandle shape;
  TF_RETURN_IF_ERROR(
      context->ReplaceDim(context->input(0), -1, context->UnknownDim(), &shape));
  context->set_output(0, shape);
  return absl::OkStatus();
}

inline absl::Status JoinedShape(tensorflow::shape_inference::InferenceContext* context) {
  const tensorflow::Tensor* counts = context->input_tensor(context->num_inputs() - 1);
  if (counts == nullptr) return LastDimensionUnknown(context);
  int64_t width = 0;
  for (int64_t index = 0; index < counts->NumElements(); ++index) {
    const int32_t count = counts->flat<int32_t>()(index);
    if (count < 0) {
      return absl::InvalidArgumentError(absl::StrCat("NasrecJoin: counts[", index, "] is ", count));
    }
    width += count;
  }
  tensorflow::shape_inference::ShapeHandle shape;
  TF_RETURN_IF_ERROR(
      context->ReplaceDim(context->input(0), -1, context->MakeDim(width), &shape));
  context->set_output(0, shape);
  return absl::OkStatus();
}

inline absl::Status EndsUnknown(tensorflow::shape_inference::InferenceContext* context,
                                int input) {
  tensorflow::shape_inference::ShapeHandle shape;
  TF_RETURN_IF_ERROR(
      context->ReplaceDim(context->input(input), 0, context->UnknownDim(), &shape));
  TF_RETURN_IF_ERROR(context->ReplaceDim(shape, -1, context->UnknownDim(), &shape));
  context->set_output(0, shape);
  return absl::OkStatus();
}

inline absl::Status ShapeThatIsGiven(tensorflow::shape_inference::InferenceContext* context,
                                     int input, int output) {
  tensorflow::shape_inference::ShapeHandle shape;
  TF_RETURN_IF_ERROR(context->MakeShapeFromShapeTensor(input, &shape));
  context->set_output(output, shape);
  return absl::OkStatus();
}

REGISTER_OP("NasrecJoin")
    .Input("values: N * float")
    .Input("counts: int32")
    .Attr("N: int >= 1")
    .Output("joined: float")
    .SetShapeFn(JoinedShape);

REGISTER_OP("NasrecJoinGrad")
    .Input("of_joined: float")
    .Input("counts: int32")
    .Attr("N: int >= 1")
    .Output("of_values: N * float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      TF_RETURN_IF_ERROR(LastDimensionUnknown(context));
      for (int index = 1; index < context->num_outputs(); ++index) {
        context->set_output(index, context->output(0));
      }
      return absl::OkStatus();
    });

REGISTER_OP("NasrecAliases")
    .Input("value: float")
    .Attr("N: int >= 1")
    .Output("aliases: N * float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      for (int index = 0; index < context->num_outputs(); ++index) {
        context->set_output(index, context->input(0));
      }
      return absl::OkStatus();
    });

REGISTER_OP("NasrecRoute")
    .Input("value: float")
    .Input("condition: bool")
    .Output("if_true: float")
    .Output("if_false: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      TF_RETURN_IF_ERROR(EndsUnknown(context, 0));
      context->set_output(1, context->output(0));
      return absl::OkStatus();
    });

REGISTER_OP("NasrecEither")
    .Input("first: float")
    .Input("second: float")
    .Output("either: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      return EndsUnknown(context, 1);
    });

REGISTER_OP("NasrecEitherGrad")
    .Input("first: float")
    .Input("second: float")
    .Input("of_either: float")
    .Output("of_first: float")
    .Output("of_second: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      context->set_output(0, context->input(0));
      context->set_output(1, context->input(1));
      return absl::OkStatus();
    });

REGISTER_OP("NasrecSumActiveGrad")
    .Input("of_sum: float")
    .Input("shapes: N * int32")
    .Attr("N: int >= 1")
    .Output("of_outputs: N * float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      for (int index = 0; index < context->num_outputs(); ++index) {
        TF_RETURN_IF_ERROR(ShapeThatIsGiven(context, 1 + index, index));
      }
      return absl::OkStatus();
    });

REGISTER_OP("NasrecPresent")
    .Input("value: float")
    .Input("on: int32")
    .Output("present: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      return EndsUnknown(context, 0);
    });

REGISTER_OP("NasrecSumPresent")
    .Input("shape: int32")
    .Input("parts: N * float")
    .Attr("N: int >= 1")
    .Output("sum: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      return ShapeThatIsGiven(context, 0, 0);
    });

REGISTER_OP("NasrecSumActive")
    .Input("batch: int32")
    .Input("width: int32")
    .Input("outputs: N * float")
    .Attr("N: int >= 1")
    .Output("sum: float")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
      return EndsUnknown(context, 2);
    });

REGISTER_KERNEL_BUILDER(Name("NasrecJoin").Device(tensorflow::DEVICE_CPU), JoinOp);
REGISTER_KERNEL_BUILDER(Name("NasrecJoinGrad").Device(tensorflow::DEVICE_CPU), JoinGradOp);
REGISTER_KERNEL_BUILDER(Name("NasrecAliases").Device(tensorflow::DEVICE_CPU), AliasesOp);
REGISTER_KERNEL_BUILDER(Name("NasrecPresent").Device(tensorflow::DEVICE_CPU), PresentOp);
REGISTER_KERNEL_BUILDER(Name("NasrecRoute").Device(tensorflow::DEVICE_CPU), RouteOp);
REGISTER_KERNEL_BUILDER(Name("NasrecEither").Device(tensorflow::DEVICE_CPU), EitherOp);
REGISTER_KERNEL_BUILDER(Name("NasrecEitherGrad").Device(tensorflow::DEVICE_CPU), EitherGradOp);
REGISTER_KERNEL_BUILDER(Name("NasrecSumPresent").Device(tensorflow::DEVICE_CPU), SumPresentOp);
REGISTER_KERNEL_BUILDER(Name("NasrecSumActive").Device(tensorflow::DEVICE_CPU), SumActiveOp);
REGISTER_KERNEL_BUILDER(Name("NasrecSumActiveGrad").Device(tensorflow::DEVICE_CPU), SumActiveGradOp);

}  // namespace nasrec

#endif  // NASREC_TF_NATIVE_JOINING_H_

// What every kernel asks of its inputs before it reads them.
//
// TensorFlow checks shapes where a graph is built, and then only what it knows of them; whoever
// calls a kernel directly is not checked at all. So nothing is taken for granted here: an input of
// another shape, length or index is an error that names the operation, the input and the sizes.

#ifndef NASREC_TF_NATIVE_CHECKS_H_
#define NASREC_TF_NATIVE_CHECKS_H_

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace nasrec {

using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;

// The error of a call: the operation's name, and what is wrong.
template <typename... Parts>
absl::Status Wrong(OpKernelContext* context, const Parts&... parts) {
  return absl::InvalidArgumentError(
      absl::StrCat(context->op_kernel().type_string(), ": ", parts...));
}

// The name of an input, or of one entry of a list, which is put together only for an error.
class InputName {
 public:
  InputName(const char* name) : name_(name) {}  // NOLINT: names are given as they are.
  InputName(const char* list, int index) : name_(list), index_(index) {}

  template <typename Sink>
  friend void AbslStringify(Sink& sink, const InputName& name) {
    sink.Append(name.name_);
    if (name.index_ >= 0) sink.Append(absl::StrCat("[", name.index_, "]"));
  }

 private:
  const char* name_;
  int index_ = -1;
};

inline InputName Entry(const char* list, int index) { return InputName(list, index); }

inline absl::Status HasRank(OpKernelContext* context, const InputName& name,
                            const TensorShape& shape, int rank) {
  if (shape.dims() == rank) return absl::OkStatus();
  return Wrong(context, name, " of shape ", shape.DebugString(), " instead of rank ", rank);
}

inline absl::Status IsScalar(OpKernelContext* context, const InputName& name,
                             const Tensor& tensor) {
  return HasRank(context, name, tensor.shape(), 0);
}

// A tensor that has a last axis at all.
inline absl::Status HasLastAxis(OpKernelContext* context, const InputName& name,
                                const TensorShape& shape) {
  if (shape.dims() > 0) return absl::OkStatus();
  return Wrong(context, name, " of shape [] has no last axis");
}

inline absl::Status HasShape(OpKernelContext* context, const InputName& name, const Tensor& tensor,
                             std::initializer_list<int64_t> sizes) {
  bool is_same = tensor.dims() == static_cast<int>(sizes.size());
  int axis = 0;
  for (int64_t size : sizes) is_same = is_same && tensor.dim_size(axis++) == size;
  if (is_same) return absl::OkStatus();
  return Wrong(context, name, " of shape ", tensor.shape().DebugString(), " instead of [",
               absl::StrJoin(sizes, ","), "]");
}

inline absl::Status HasShape(OpKernelContext* context, const InputName& name, const Tensor& tensor,
                             const TensorShape& shape) {
  if (tensor.shape() == shape) return absl::OkStatus();
  return Wrong(context, name, " of shape ", tensor.shape().DebugString(), " instead of ",
               shape.DebugString());
}

// Whether two shapes of a last axis are alike but for that axis.
inline bool SameButForLastAxis(const TensorShape& one, const TensorShape& other) {
  if (one.dims() != other.dims()) return false;
  for (int axis = 0; axis + 1 < one.dims(); ++axis) {
    if (one.dim_size(axis) != other.dim_size(axis)) return false;
  }
  return true;
}

// Allocates an output, whose number of entries may be more than can be counted.
inline absl::Status Allocate(OpKernelContext* context, int output,
                             std::initializer_list<int64_t> sizes, Tensor** tensor) {
  TensorShape shape;
  if (!TensorShape::BuildTensorShape(sizes, &shape).ok()) {
    return Wrong(context, "an output of [", absl::StrJoin(sizes, ","), "] is too large");
  }
  return context->allocate_output(output, shape, tensor);
}

// Another number of entries along an axis.
inline absl::Status Resize(OpKernelContext* context, int axis, int64_t size, TensorShape* shape) {
  if (size >= 0 && shape->SetDimWithStatus(axis, size).ok()) return absl::OkStatus();
  return Wrong(context, size, " entries along axis ", axis, " of ", shape->DebugString());
}

// The shape that a vector holds, which must have a last axis.
inline absl::Status ReadShape(OpKernelContext* context, const InputName& name,
                              const Tensor& sizes, TensorShape* shape) {
  TF_RETURN_IF_ERROR(HasRank(context, name, sizes.shape(), 1));
  if (sizes.NumElements() == 0) return Wrong(context, name, " is [], which has no last axis");
  const auto given = sizes.vec<int32_t>();
  const std::vector<int64_t> wide(given.data(), given.data() + given.size());
  if (TensorShape::BuildTensorShape(wide, shape).ok()) return absl::OkStatus();
  return Wrong(context, name, " is [", absl::StrJoin(wide, ","), "], which no tensor has");
}

}  // namespace nasrec

#endif  // NASREC_TF_NATIVE_CHECKS_H_

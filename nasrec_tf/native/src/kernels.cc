// All kernels in one unit: TensorFlow's headers take longer to compile than the kernels do.

#define EIGEN_USE_THREADS

#include "attention.h"
#include "layer_norm.h"
#include "pairs.h"
#include "slices.h"

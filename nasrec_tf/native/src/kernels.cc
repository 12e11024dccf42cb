// All kernels in one unit: TensorFlow's headers take longer to compile than the kernels do.

#define EIGEN_USE_THREADS

#include "attention.h"
#include "encoder.h"
#include "interaction.h"
#include "joining.h"
#include "layer_norm.h"
#include "linear.h"
#include "pairs.h"
#include "slices.h"
#include "row_decay.h"

"""The weight-sharing supernet: paths, their sampling, and the model that trains them."""

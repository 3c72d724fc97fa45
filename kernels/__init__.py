"""One kernel a file, with its CPU and its CUDA driver."""

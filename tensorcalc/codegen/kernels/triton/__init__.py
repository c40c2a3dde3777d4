"""Programs for GPUs: the loops of a schedule as kernels in Triton, and the function in Python that starts them."""

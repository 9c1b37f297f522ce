//! The WGSL kernels in `shaders/`, and the generators that write them.

//! Tests of the order of anchors on drawn DAGs.

//! Tests of the decision rules on drawn DAGs.

//! What tests and benches of GPU code share.

use super::{Adapter, Select, select};

/// Where set, a test that finds no adapter fails.
const REQUIRED: &str = "BYZLAB_REQUIRE_GPU_TESTS";

/// The software adapter, which is what tests run on; `None`, and a line that says so, where there is
/// none.
///
/// # Panics
/// When there is none, and the environment says that tests must not be skipped.
pub fn software() -> Option<Adapter> {
    match select(Select::Software) {
        Ok(adapter) => Some(adapter),
        Err(error) if std::env::var_os(REQUIRED).is_some_and(|value| value == "1") => {
            panic!(
                "{REQUIRED}=1 and {error}; on Debian: apt-get install mesa-vulkan-drivers libvulkan1"
            )
        }
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}

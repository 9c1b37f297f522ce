//! Kernels without run-time checks: the only unsafe code of the engine.

use std::borrow::Cow;

/// Compiles `wgsl` without the checks that wgpu adds to shaders of strangers: bounds of every access,
/// an end to every loop. They cost a third to a half of a hash kernel's speed.
///
/// The text must be one of this crate's kernels.
pub fn module(device: &wgpu::Device, name: &str, wgsl: &str) -> wgpu::ShaderModule {
    let source = wgpu::ShaderSource::Wgsl(Cow::Borrowed(wgsl));
    let descriptor = wgpu::ShaderModuleDescriptor { label: Some(name), source };
    // SAFETY: a module without checks must not reach outside its buffers nor loop for ever, whatever
    // its buffers hold. `Program` is not reachable from outside this crate, so the text is one of its
    // own kernels. Each kernel takes its indexes from its invocation's number, held against a count that
    // the caller states beside the sizes of the buffers, which `Program::submit` makes large enough; a
    // kernel that reads an index from a buffer reads what the CPU wrote there. Every loop counts up to a
    // bound known before it begins. The tests run every kernel with the checks as well
    // (`Options::checked`) and want the same answers.
    unsafe {
        device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
    }
}

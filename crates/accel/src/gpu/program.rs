//! Kernels that work on common buffers, and how batches are given to them.

use std::{
    fmt,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use super::{
    engine::{Engine, locked},
    error::Error,
    job::{Inputs, Job, Kernel, PARAMS_MAX, PASSES_MAX, Pass, Region, Role, Spec},
    ring::{CLOCK_BYTES, Flight, Lent, Lists, Ring, Slot, Ticket},
};

/// Bytes from the parameters of one pass to those of the next: what every adapter accepts as the
/// alignment of a dynamic offset.
const PARAMS_STRIDE: u64 = 256;
/// Passes of a batch for which a slot has room from the start: those of a tree of 64 k leaves.
const SLOT_PASSES: usize = 17;
/// The least bytes of a buffer.
const ROOM_MIN: u64 = 1 << 10;
/// How long a driver may take to compile a program's kernels on their first run.
const WARM_UP: Duration = Duration::from_secs(120);

/// Kernels, compiled, with their buffers on the device.
pub struct Program {
    engine: Arc<Engine>,
    name: &'static str,
    buffers: Vec<(&'static str, Role)>,
    kernels: Vec<(wgpu::ComputePipeline, u32)>,
    layout: wgpu::BindGroupLayout,
    on_device: Mutex<OnDevice>,
    ring: Arc<Ring>,
}

/// One set of buffers for all batches: a device's queue runs them one after another.
struct OnDevice {
    params: wgpu::Buffer,
    buffers: Vec<wgpu::Buffer>,
    group: wgpu::BindGroup,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Program {
    /// Compiles `spec` and runs each of its kernels once, so that no batch waits for a compiler. That
    /// run has parameters of zero and buffers of any content: a kernel must then do nothing.
    ///
    /// # Errors
    /// When a kernel is refused, or the device fails.
    pub fn new(engine: &Arc<Engine>, spec: &Spec) -> Result<Self, Error> {
        engine.check()?;
        let named = |error| match error {
            Error::Invalid(reason) => Error::Invalid(format!("{}: {reason}", spec.name)),
            other => other,
        };
        let program = engine.in_scope(|| Self::build(engine, spec)).map_err(named)?;
        let passes: Vec<_> = (0..spec.kernels.len())
            .map(|kernel| Pass { kernel, params: &[], invocations: 1 })
            .collect();
        let sizes = vec![0; spec.buffers.len()];
        let job = Job { sizes: &sizes, passes: &passes, wanted: &[] };
        program.submit(program.room()?, &job, |_| ())?.wait_at_most(WARM_UP)?;
        Ok(program)
    }

    fn build(engine: &Arc<Engine>, spec: &Spec) -> Self {
        let device = &engine.device;
        let entry = |binding: usize, ty, has_dynamic_offset| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None },
            count: None,
        };
        let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform, true)];
        for (i, (_, role)) in spec.buffers.iter().enumerate() {
            let read_only = !matches!(role, Role::Work { .. });
            entries.push(entry(i + 1, wgpu::BufferBindingType::Storage { read_only }, false));
        }
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(spec.name),
            entries: &entries,
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(spec.name),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let kernels = spec.kernels.iter().map(|kernel| {
            let pipeline = pipeline(engine, &pipeline_layout, kernel);
            (pipeline, kernel.workgroup)
        });
        let kernels = kernels.collect();
        let params = engine.make_buffer(&wgpu::BufferDescriptor {
            label: Some("params"),
            size: PASSES_MAX as u64 * PARAMS_STRIDE,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let sizes = spec.room.sizes(spec.buffers.len());
        let most = engine.bytes_max();
        let room = sizes.iter().map(|size| size.max(&ROOM_MIN).next_power_of_two().min(most));
        let buffers =
            spec.buffers.iter().zip(room).map(|((name, _), size)| storage(engine, name, size));
        let buffers: Vec<_> = buffers.collect();
        let group = group(engine, &layout, &params, &buffers);
        let up = Lists { sizes, ..Lists::default() }.place(spec.buffers, SLOT_PASSES);
        Self {
            engine: engine.clone(),
            name: spec.name,
            buffers: spec.buffers.to_vec(),
            kernels,
            layout,
            on_device: Mutex::new(OnDevice { params, buffers, group }),
            ring: Ring::new(engine, up, CLOCK_BYTES + spec.room.back),
        }
    }

    /// The device it runs on.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Waits for room for a batch. Whoever has a [`Ticket`] of this program already takes
    /// [`try_room`](Self::try_room) instead, so that no two callers wait for each other.
    ///
    /// # Errors
    /// When the device has failed or is late.
    pub fn room(&self) -> Result<Lent, Error> {
        self.ring.take(&self.engine)
    }

    /// Room for a batch, if there is any now.
    pub fn try_room(&self) -> Option<Lent> {
        self.ring.try_take()
    }

    /// Writes `bytes` (a multiple of 4) into a table from byte `at` on (likewise). The table grows as
    /// needed and keeps what it has. Batches submitted before this see the table as it was.
    ///
    /// # Errors
    /// When the adapter cannot hold so much, or the device has failed.
    ///
    /// # Panics
    /// When `buffer` is no table.
    pub fn load(&self, buffer: usize, at: u64, bytes: &[u8]) -> Result<(), Error> {
        assert_eq!(self.buffers[buffer].1, Role::Table, "only tables are kept");
        self.engine.check()?;
        let mut on_device = locked(&self.on_device);
        self.grow(&mut on_device, buffer, at + bytes.len() as u64, true)?;
        self.engine.queue.write_buffer(&on_device.buffers[buffer], at, bytes);
        self.engine.counters.bytes_up.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.engine.failure().map_or(Ok(()), Err)
    }

    /// Gives a batch to the device: `fill` writes its input, and the rest happens elsewhere.
    ///
    /// # Errors
    /// When the adapter cannot hold so much, or the device has failed or is late.
    ///
    /// # Panics
    /// When the job does not fit the program: a bug in its caller.
    pub fn submit(
        &self,
        mut room: Lent,
        job: &Job,
        fill: impl FnOnce(&mut Inputs),
    ) -> Result<Ticket, Error> {
        assert_eq!(job.sizes.len(), self.buffers.len(), "a size for each buffer");
        assert!(job.passes.len() <= PASSES_MAX, "at most {PASSES_MAX} passes");
        self.engine.check()?;
        let mut lists = std::mem::take(&mut room.slot().lists);
        lists.sizes.clear();
        lists.sizes.extend(job.sizes.iter().map(|size| size.next_multiple_of(4)));
        let up = lists.place(&self.buffers, job.passes.len());
        let down = job.wanted.iter().map(|region| region.bytes).sum::<u64>();
        room.slot().fit(&self.engine, up, CLOCK_BYTES + down);
        let lists = write(room.slot(), job.passes, lists, up, fill)?;

        let mut on_device = locked(&self.on_device);
        for (buffer, size) in lists.sizes.iter().enumerate() {
            if self.buffers[buffer].1 != Role::Table {
                self.grow(&mut on_device, buffer, *size, false)?;
            }
        }
        let flight = Flight::new(self.engine.clone());
        let commands = self.record(&on_device, room.slot(), job, &lists.places, &flight);
        room.slot().lists = lists;
        flight.board(room);
        let submission = self.engine.queue.submit([commands]);
        drop(on_device);
        let counters = &self.engine.counters;
        counters.bytes_up.fetch_add(up, Ordering::Relaxed);
        counters.bytes_down.fetch_add(CLOCK_BYTES + down, Ordering::Relaxed);
        self.engine.wait_for(submission);
        match self.engine.failure() {
            Some(failure) => Err(failure),
            None => Ok(Ticket::new(flight, down)),
        }
    }

    /// Makes a buffer on the device hold `bytes`.
    fn grow(&self, on: &mut OnDevice, buffer: usize, bytes: u64, keep: bool) -> Result<(), Error> {
        let (what, most) = (self.buffers[buffer].0, self.engine.bytes_max());
        if bytes > most {
            return Err(Error::TooLarge { what, bytes, most });
        }
        if on.buffers[buffer].size() >= bytes {
            return Ok(());
        }
        let new = storage(&self.engine, what, bytes.next_power_of_two().min(most));
        let old = std::mem::replace(&mut on.buffers[buffer], new);
        if keep {
            let mut encoder = self.engine.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(&old, 0, &on.buffers[buffer], 0, old.size());
            self.engine.queue.submit([encoder.finish()]);
        }
        on.group = group(&self.engine, &self.layout, &on.params, &on.buffers);
        Ok(())
    }

    /// The commands of a batch; they tell `flight` when the host has its buffers back.
    fn record(
        &self,
        on: &OnDevice,
        slot: &Slot,
        job: &Job,
        places: &[(usize, usize)],
        flight: &Arc<Flight>,
    ) -> wgpu::CommandBuffer {
        let mut encoder = self.engine.device.create_command_encoder(&Default::default());
        let params = job.passes.len() as u64 * PARAMS_STRIDE;
        encoder.copy_buffer_to_buffer(&slot.staging, 0, &on.params, 0, params);
        for ((buffer, (begin, end)), (_, role)) in on.buffers.iter().zip(places).zip(&self.buffers)
        {
            let (begin, end) = (*begin as u64, *end as u64);
            if end > begin {
                encoder.copy_buffer_to_buffer(&slot.staging, begin, buffer, 0, end - begin);
            }
            if *role == (Role::Work { zeroed: true }) {
                encoder.clear_buffer(buffer, 0, None);
            }
        }
        let timestamp_writes = slot.clock.as_ref().map(|clock| wgpu::ComputePassTimestampWrites {
            query_set: &clock.queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        });
        let descriptor = wgpu::ComputePassDescriptor { label: Some(self.name), timestamp_writes };
        let mut passes = encoder.begin_compute_pass(&descriptor);
        for (i, pass) in job.passes.iter().enumerate() {
            let (pipeline, workgroup) = &self.kernels[pass.kernel];
            let [x, y] = Engine::grid(pass.invocations, *workgroup);
            passes.set_pipeline(pipeline);
            passes.set_bind_group(0, &on.group, &[i as u32 * PARAMS_STRIDE as u32]);
            passes.dispatch_workgroups(x, y, 1);
        }
        drop(passes);
        if let Some(clock) = &slot.clock {
            encoder.resolve_query_set(&clock.queries, 0..2, &clock.resolved, 0);
            encoder.copy_buffer_to_buffer(&clock.resolved, 0, &slot.readback, 0, CLOCK_BYTES);
        }
        let mut end = CLOCK_BYTES;
        for Region { buffer, at, bytes } in job.wanted {
            let from = &on.buffers[*buffer];
            encoder.copy_buffer_to_buffer(from, *at, &slot.readback, end, *bytes);
            end += bytes;
        }
        let told = flight.clone();
        encoder.map_buffer_on_submit(&slot.readback, wgpu::MapMode::Read, 0..end, move |result| {
            told.mapped(result.is_ok());
        });
        let told = flight.clone();
        encoder.map_buffer_on_submit(&slot.staging, wgpu::MapMode::Write, .., move |result| {
            told.mapped(result.is_ok());
        });
        encoder.finish()
    }
}

impl Lists {
    /// Finds each input its place in the staging buffer, behind the parameters; where they end.
    fn place(&mut self, buffers: &[(&str, Role)], passes: usize) -> u64 {
        let mut end = passes as u64 * PARAMS_STRIDE;
        self.places.clear();
        for ((_, role), size) in buffers.iter().zip(&self.sizes) {
            // Where pieces of a buffer may be mapped by themselves.
            let begin = end.next_multiple_of(wgpu::MAP_ALIGNMENT);
            if *role == Role::Input {
                end = begin + size;
            }
            self.places.push((begin as usize, end.max(begin) as usize));
        }
        end.next_multiple_of(4)
    }
}

/// Writes a batch's parameters and input into a slot, and hands its staging buffer to the device.
fn write(
    slot: &Slot,
    passes: &[Pass],
    lists: Lists,
    up: u64,
    fill: impl FnOnce(&mut Inputs),
) -> Result<Lists, Error> {
    let mut inputs = Inputs::new(&slot.staging, up.max(PARAMS_STRIDE), lists)?;
    for (i, pass) in passes.iter().enumerate() {
        assert!(pass.params.len() <= PARAMS_MAX, "at most {PARAMS_MAX} words of parameters");
        let mut words = [0; PARAMS_MAX];
        words[..pass.params.len()].copy_from_slice(pass.params);
        let at = i * PARAMS_STRIDE as usize;
        let place = at..at + PARAMS_STRIDE as usize;
        inputs.all().slice(place).copy_from_slice(bytemuck::cast_slice(&words));
    }
    fill(&mut inputs);
    let lists = inputs.done()?;
    slot.staging.unmap();
    Ok(lists)
}

fn pipeline(
    engine: &Engine,
    layout: &wgpu::PipelineLayout,
    kernel: &Kernel,
) -> wgpu::ComputePipeline {
    let module = engine.device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(kernel.entry),
        source: wgpu::ShaderSource::Wgsl(kernel.text.into()),
    });
    engine.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(kernel.entry),
        layout: Some(layout),
        module: &module,
        entry_point: Some(kernel.entry),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &kernel.constants(),
            zero_initialize_workgroup_memory: false,
        },
        cache: None,
    })
}

fn storage(engine: &Engine, name: &str, size: u64) -> wgpu::Buffer {
    engine.make_buffer(&wgpu::BufferDescriptor {
        label: Some(name),
        size,
        usage: wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_DST
            | wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: false,
    })
}

fn group(
    engine: &Engine,
    layout: &wgpu::BindGroupLayout,
    params: &wgpu::Buffer,
    buffers: &[wgpu::Buffer],
) -> wgpu::BindGroup {
    let params = wgpu::BindingResource::Buffer(wgpu::BufferBinding {
        buffer: params,
        offset: 0,
        size: wgpu::BufferSize::new(PARAMS_STRIDE),
    });
    let mut entries = vec![wgpu::BindGroupEntry { binding: 0, resource: params }];
    for (i, buffer) in buffers.iter().enumerate() {
        let resource = buffer.as_entire_binding();
        entries.push(wgpu::BindGroupEntry { binding: i as u32 + 1, resource });
    }
    let descriptor = wgpu::BindGroupDescriptor { label: None, layout, entries: &entries };
    engine.device.create_bind_group(&descriptor)
}

/// Runs `parts` one after another on `program`, two in flight where there is room. `start` submits a
/// part; `finish` takes its answer, in order, and says whether to go on.
///
/// # Errors
/// The first that comes up.
pub fn in_turn<P>(
    program: &Program,
    parts: impl IntoIterator<Item = P>,
    mut start: impl FnMut(Lent, &P) -> Result<Ticket, Error>,
    mut finish: impl FnMut(P, super::ring::Answer) -> Result<bool, Error>,
) -> Result<(), Error> {
    let mut ahead: Option<(P, Ticket)> = None;
    for part in parts {
        let room = match (&ahead, program.try_room()) {
            (_, Some(room)) => room,
            (None, None) => program.room()?,
            (Some(_), None) => {
                let (part, ticket) = ahead.take().expect("just seen");
                if !finish(part, ticket.wait()?)? {
                    return Ok(());
                }
                program.room()?
            }
        };
        let ticket = start(room, &part)?;
        if let Some((part, ticket)) = ahead.replace((part, ticket))
            && !finish(part, ticket.wait()?)?
        {
            return Ok(());
        }
    }
    if let Some((part, ticket)) = ahead {
        finish(part, ticket.wait()?)?;
    }
    Ok(())
}

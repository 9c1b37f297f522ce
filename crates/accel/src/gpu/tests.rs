//! The engine itself, on a kernel that is easy to follow.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::*;

/// `made[i] = given[i] * table[0]` for one pass, then `made[i] += params.add` for another.
const TEXT: &str = "
override WORKGROUP: u32 = 64u;
struct Params { count: u32, add: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> given: array<u32>;
@group(0) @binding(2) var<storage, read_write> made: array<u32>;
@group(0) @binding(3) var<storage, read> table: array<u32>;
@group(0) @binding(4) var<storage, read_write> seen: atomic<u32>;

fn place(id: vec3<u32>, groups: vec3<u32>) -> u32 { return id.x + id.y * groups.x * WORKGROUP; }

@compute @workgroup_size(WORKGROUP)
fn times(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = place(id, groups);
  if (i >= params.count) { return; }
  made[i] = given[i] * table[0];
}
@compute @workgroup_size(WORKGROUP)
fn plus(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = place(id, groups);
  if (i >= params.count) { return; }
  made[i] += params.add;
  atomicAdd(&seen, 1u);
}
";

/// One device for all tests that leave it whole.
fn engine() -> Option<Arc<Engine>> {
    static ENGINE: OnceLock<Option<Arc<Engine>>> = OnceLock::new();
    let open = || Some(Engine::open(&testing::software()?, Options::default()).unwrap());
    ENGINE.get_or_init(open).clone()
}

/// One of its own, for a test that breaks it.
fn own(patience: Duration) -> Option<Arc<Engine>> {
    let options = Options { patience: Some(patience), ..Options::default() };
    Some(Engine::open(&testing::software()?, options).unwrap())
}

fn spec<'a>(
    name: &'static str,
    buffers: &'a [(&'static str, Role)],
    kernels: &'a [Kernel<'a>],
) -> Spec<'a> {
    Spec { name, buffers, kernels, room: Room { sizes: &[4_000, 4_000], back: 4_004 } }
}

fn program(engine: &Arc<Engine>) -> Program {
    let buffers = [
        ("given", Role::Input),
        ("made", Role::Work { zeroed: false }),
        ("table", Role::Table),
        ("seen", Role::Work { zeroed: true }),
    ];
    let kernels = [Kernel::new(TEXT, "times", 64), Kernel::new(TEXT, "plus", 64)];
    let program = Program::new(engine, &spec("test", &buffers, &kernels));
    let program = program.unwrap();
    program.load(2, 0, &3u32.to_le_bytes()).unwrap();
    program
}

fn submit(program: &Program, room: Lent, words: &[u32]) -> Result<Ticket, Error> {
    let (bytes, count) = (4 * words.len() as u64, words.len() as u32);
    let passes = [
        Pass { kernel: 0, params: &[count], invocations: count },
        Pass { kernel: 1, params: &[count, 7], invocations: count },
        Pass { kernel: 1, params: &[count, 1], invocations: count },
    ];
    let wanted = [Region { buffer: 3, at: 0, bytes: 4 }, Region { buffer: 1, at: 0, bytes }];
    let job = Job { sizes: &[bytes, bytes, 0, 4], passes: &passes, wanted: &wanted };
    program.submit(room, &job, |inputs| {
        inputs.of(0).copy_from_slice(bytemuck::cast_slice(words));
    })
}

fn check(answer: &Answer, words: &[u32]) {
    let got = answer.read(|bytes| bytemuck::cast_slice::<u8, u32>(bytes).to_vec()).unwrap();
    assert_eq!(got[0], 2 * words.len() as u32, "every item was seen in both passes");
    assert!(words.iter().map(|word| word.wrapping_mul(3).wrapping_add(8)).eq(got[1..].to_vec()));
}

/// Parts of growing and shrinking sizes, more than are in flight; the largest needs two dimensions.
#[test]
fn parts_follow_each_other_in_order() {
    let Some(engine) = engine() else { return };
    let program = program(&engine);
    let parts: Vec<Vec<u32>> =
        [1, 64, 65, 5_000_000, 3, 1_000, 0].map(|count| (0..count).collect()).into();
    let mut done = 0;
    in_turn(
        &program,
        parts.iter().filter(|part| !part.is_empty()),
        |room, part| submit(&program, room, part),
        |part, answer| {
            check(&answer, part);
            done += 1;
            Ok(done < 6)
        },
    )
    .unwrap();
    assert_eq!(done, 6);
    assert_eq!(engine.failure(), None);
}

#[test]
fn many_callers_share_a_program() {
    let Some(engine) = engine() else { return };
    let program = program(&engine);
    std::thread::scope(|scope| {
        for caller in 0..4u32 {
            let program = &program;
            scope.spawn(move || {
                for round in 0..10 {
                    let words = vec![caller * 100 + round; 100 + caller as usize];
                    let ticket = submit(program, program.room().unwrap(), &words).unwrap();
                    check(&ticket.wait().unwrap(), &words);
                }
            });
        }
    });
}

#[test]
fn a_table_keeps_what_it_has_when_it_grows() {
    let Some(engine) = engine() else { return };
    let program = program(&engine);
    program.load(2, 1 << 20, &[1; 4]).unwrap();
    let words = [1, 2, 3];
    check(&submit(&program, program.room().unwrap(), &words).unwrap().wait().unwrap(), &words);
}

/// Within the room that there is from the start, and for sizes seen before, no buffer is made.
#[test]
fn a_batch_that_fits_makes_no_buffer() {
    let Some(engine) = own(Duration::from_secs(60)) else { return };
    let program = program(&engine);
    let run = |count: u32| {
        let (before, words) = (engine.stats().buffers, (0..count).collect::<Vec<_>>());
        check(&submit(&program, program.room().unwrap(), &words).unwrap().wait().unwrap(), &words);
        engine.stats().buffers - before
    };
    assert_eq!([1, 64, 1_000, 7, 1_000].map(run), [0; 5]);
    assert_eq!(run(5_000), 4, "given, made, what goes up and what comes back");
    assert_eq!([5_000, 1, 8_000].map(run), [0; 3], "up to the next power of two");
}

#[test]
fn what_is_too_large_is_an_error() {
    let Some(engine) = engine() else { return };
    let program = program(&engine);
    let most = engine.bytes_max();
    let job = Job { sizes: &[4, most + 4, 0, 4], passes: &[], wanted: &[] };
    let refused = program.submit(program.room().unwrap(), &job, |_| ()).map(drop);
    assert_eq!(refused, Err(Error::TooLarge { what: "made", bytes: most + 4, most }));
    assert!(engine.items_max(1_000) as u64 * 1_000 <= most);
    // Room that led to nothing is room again.
    let (a, b) = (program.room(), program.room());
    assert!(a.is_ok() && b.is_ok() && program.try_room().is_none());
}

#[test]
fn a_bad_kernel_is_an_error() {
    let Some(engine) = engine() else { return };
    let text = TEXT.replace("read_write> made", "read> made");
    let kernels = [Kernel::new(&text, "times", 64)];
    let buffers = [("given", Role::Work { zeroed: false })];
    let refused = Program::new(&engine, &spec("bad", &buffers, &kernels));
    assert!(matches!(refused, Err(Error::Invalid(reason)) if reason.starts_with("bad: ")));
    assert_eq!(engine.failure(), None, "the device is none the worse");
}

/// Late, busy, and well again when the batch is back.
#[test]
fn a_late_device_is_told_of_and_used_again() {
    let Some(engine) = own(Duration::from_millis(300)) else { return };
    let program = program(&engine);
    let words = [5; 10];
    engine.inject(Fault::Stall);
    let late = submit(&program, program.room().unwrap(), &words).unwrap();
    assert_eq!(late.wait().map(drop), Err(Error::Late(engine.patience())));
    assert_eq!(program.room().map(drop), Err(Error::Busy));
    engine.inject(Fault::Resume);
    let room = loop {
        match program.room() {
            Err(Error::Busy) => std::thread::yield_now(),
            room => break room.unwrap(),
        }
    };
    check(&submit(&program, room, &words).unwrap().wait().unwrap(), &words);
}

#[test]
fn a_lost_device_is_told_of() {
    let Some(engine) = own(Duration::from_secs(60)) else { return };
    let program = program(&engine);
    engine.inject(Fault::Lose);
    let words = [5; 10];
    let lost = program.room().and_then(|room| submit(&program, room, &words)?.wait()).map(drop);
    assert!(lost.is_err(), "{lost:?}");
    assert!(matches!(engine.failure(), Some(Error::Lost(_) | Error::Invalid(_))));
    assert!(program.room().is_err());
}

#[test]
fn what_is_not_there_is_an_error_that_names_what_is() {
    let error = select(Select::Named("Difference Engine")).unwrap_err();
    assert!(error.to_string().starts_with("no adapter named \"Difference Engine\"; found: "));
    let kinds: Vec<_> = adapters().iter().map(|adapter| adapter.kind).collect();
    assert!(kinds.is_sorted());
}

//! A child process that answers questions, one line of JSON for one line of JSON.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    process::{self, ChildStderr, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use serde::{Serialize, de::DeserializeOwned};

/// The longest line, in bytes, either way.
pub const FRAME_MAX: usize = 16 << 20;
/// How much of what a child last said on stderr is told when it fails, in bytes.
const LAST_WORDS_MAX: usize = 2 << 10;
/// How long an ended child's exit status and last words are waited for.
const BURIAL: Duration = Duration::from_millis(500);

/// A running child. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Child {
    process: process::Child,
    questions: mpsc::SyncSender<Vec<u8>>,
    answers: mpsc::Receiver<Result<Vec<u8>, String>>,
    last_words: Arc<Mutex<Vec<u8>>>,
    silent: mpsc::Receiver<()>,
    deadline: Duration,
}

impl Child {
    /// Starts `command`, which has `deadline` for each answer.
    pub(super) fn start(command: &[String], deadline: Duration) -> Result<Self, String> {
        let (program, arguments) =
            command.split_first().ok_or("no program: `process = [\"python3\", \"mine.py\"]`")?;
        let mut process = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("it does not start: {error}"))?;
        let (questions, to_ask) = mpsc::sync_channel(1);
        let (answer, answers) = mpsc::sync_channel(1);
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (stdin, stdout) = pipes.expect("both are piped");
        thread::spawn(move || converse(stdin, stdout, &to_ask, &answer));
        let stderr = process.stderr.take().expect("it is piped");
        let last_words = Arc::<Mutex<Vec<u8>>>::default();
        let (ended, silent) = mpsc::channel();
        let heard = last_words.clone();
        thread::spawn(move || listen(stderr, &heard, ended));
        Ok(Self { process, questions, answers, last_words, silent, deadline })
    }
    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// If the child has ended, does not answer in time, or answers something else; then it is of no
    /// further use.
    pub(super) fn ask<A: DeserializeOwned>(
        &mut self,
        question: &impl Serialize,
    ) -> Result<A, String> {
        let mut line = serde_json::to_vec(question).map_err(|e| format!("cannot ask it: {e}"))?;
        if line.len() >= FRAME_MAX {
            return Err(format!("a question of {} bytes; {FRAME_MAX} at most", line.len()));
        }
        line.push(b'\n');
        let answer = match self.questions.send(line) {
            Ok(()) => self.answers.recv_timeout(self.deadline),
            Err(_) => Err(mpsc::RecvTimeoutError::Disconnected),
        };
        let line = match answer {
            Ok(Ok(line)) => line,
            Ok(Err(why)) => return Err(self.post_mortem(&why)),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(self.post_mortem("it has ended"));
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                return Err(self.stopped(&format!("no answer in {:?}", self.deadline)));
            }
        };
        serde_json::from_slice(&line).map_err(|error| {
            let start = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
            self.stopped(&format!("it answered {start:?}: {error}"))
        })
    }
    /// What went wrong with a child that ended, how it ended, and its last words.
    fn post_mortem(&mut self, why: &str) -> String {
        let start = Instant::now();
        let mut status = None;
        while status.is_none() && start.elapsed() < BURIAL {
            status = self.process.try_wait().ok().flatten();
            if status.is_none() {
                thread::sleep(Duration::from_millis(5));
            }
        }
        let Some(status) = status else { return self.stopped(why) };
        let _ = self.silent.recv_timeout(BURIAL);
        format!("{why} ({status}){}", self.quoted("its last words"))
    }
    /// What went wrong with a child that runs, and what it said; then it runs no more.
    fn stopped(&mut self, why: &str) -> String {
        let _ = self.process.kill();
        format!("{why}{}", self.quoted("it said"))
    }
    fn quoted(&self, who: &str) -> String {
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        match String::from_utf8_lossy(&words).trim() {
            "" => String::new(),
            words => format!("; {who}: {words}"),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // The threads end with the pipes. One that a grandchild holds open is left to it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Writes questions and reads answers until either side is gone.
fn converse(
    mut stdin: ChildStdin,
    stdout: ChildStdout,
    questions: &mpsc::Receiver<Vec<u8>>,
    answers: &mpsc::SyncSender<Result<Vec<u8>, String>>,
) {
    let mut stdout = BufReader::new(stdout);
    for question in questions {
        // A child that has ended says so by its answer.
        let _ = stdin.write_all(&question).and_then(|()| stdin.flush());
        let answer = read_line(&mut stdout).and_then(|line| match stdout.buffer() {
            [] => Ok(line),
            // It would be taken for the answer to what is asked next.
            _ => Err("it said more than one line to one question".into()),
        });
        let is_last = answer.is_err();
        if answers.send(answer).is_err() || is_last {
            return;
        }
    }
}

fn read_line(from: &mut impl BufRead) -> Result<Vec<u8>, String> {
    let mut line = Vec::new();
    let read = from.by_ref().take(FRAME_MAX as u64 + 1).read_until(b'\n', &mut line);
    read.map_err(|error| format!("its stdout cannot be read: {error}"))?;
    match line.pop() {
        Some(b'\n') => Ok(line),
        Some(_) if line.len() >= FRAME_MAX => Err(format!("a line of more than {FRAME_MAX} bytes")),
        Some(_) => Err("it ended in the middle of a line".into()),
        None => Err("it ended".into()),
    }
}

/// Keeps the end of what is said; says when no more will be.
fn listen(mut stderr: ChildStderr, words: &Mutex<Vec<u8>>, ended: mpsc::Sender<()>) {
    let mut buffer = [0; 512];
    loop {
        match stderr.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
                words.extend_from_slice(&buffer[..read]);
                let surplus = words.len().saturating_sub(LAST_WORDS_MAX);
                words.drain(..surplus);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let _ = ended.send(());
}

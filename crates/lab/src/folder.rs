//! The results folder of one experiment: what lies in it, and how it is read.
//!
//! ```text
//! results/quickstart-1/
//!   manifest.json    what made these results: spec digest, commit, toolchain, machine (`Manifest`)
//!   spec.toml        the resolved experiment file: every default filled in; it runs again as it is
//!   records.jsonl    one `Record` a run, one a line, in order of run number
//!   trace-N.bin      what `byzlab replay` finds the first differing event of run N by
//!   *.csv            the data of one figure each, one observation a row
//!   report.html      made from the files above and from nothing else
//!   ledgers/         the replicas' folders of runs on `quic`, if the experiment keeps them
//! ```
//! The CSV files say in another form what `records.jsonl` says; names of columns carry units.

use std::{
    fs,
    io::{BufRead, BufReader, BufWriter},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use byzlab_core::crypto::sha256;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::record::{Record, steps_file};

/// The manifest's file name.
pub const MANIFEST: &str = "manifest.json";
/// The resolved experiment file's name.
pub const SPEC: &str = "spec.toml";
/// The records' file name.
pub const RECORDS: &str = "records.jsonl";
/// The report's file name.
pub const REPORT: &str = "report.html";

/// What made a folder of results: enough to find the numbers' origin and to make them again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The experiment's name.
    pub name: String,
    /// What the experiment shows, in the experimenter's words.
    pub about: String,
    /// The version of byzlab.
    pub byzlab: String,
    /// The commit that the program was built from, with `"+changes"` if the tree had any; null if unknown.
    pub commit: Option<String>,
    /// SHA-256 of the `Cargo.lock` the program was built with; null if unknown.
    pub lock_digest: Option<String>,
    /// The compiler, as it names itself.
    pub toolchain: String,
    /// `"release"` or `"debug"`; numbers of a debug build say nothing about speed.
    pub profile: String,
    /// SHA-256 of `spec.toml`.
    pub spec_digest: String,
    /// `--set` edits made on the command line, as given; already in `spec.toml`.
    pub set: Vec<String>,
    /// When the first run began, RFC 3339, UTC.
    pub started: String,
    /// How long all runs together took.
    pub wall_s: f64,
    /// The machine that ran it; no names, no paths.
    pub machine: Machine,
    /// What proved claims and hashed.
    pub accelerator: String,
    /// The trace digest of each simulated run, by run number.
    pub trace_digests: IndexMap<String, String>,
    /// What a reader of the numbers must know: other load on the machine, a debug build, unsigned
    /// transactions, simulated signatures.
    pub notes: Vec<String>,
}

/// A machine, without its name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's model.
    pub cpu: String,
    /// Logical cores that the program may use.
    pub cores: usize,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Operating system and architecture.
    pub system: String,
    /// The one-minute load average when the first run began, where the system gives one.
    pub load_average: Option<f64>,
}

/// The folder of the replicas' folders.
pub const LEDGERS: &str = "ledgers";

/// A results folder that exists.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new folder at `path`, which must be missing or empty.
    ///
    /// # Errors
    /// If something lies there: results are never overwritten.
    pub fn create(path: &Path) -> Result<Self> {
        let what = || format!("cannot create the results folder {}", path.display());
        fs::create_dir_all(path).with_context(what)?;
        let mut entries = fs::read_dir(path).with_context(what)?;
        ensure!(
            entries.next().is_none(),
            "{} is not empty, and results are never overwritten",
            path.display()
        );
        Ok(Self(path.to_owned()))
    }
    /// A new folder `results/NAME-N` with the first free number.
    ///
    /// # Errors
    /// If folders cannot be created here.
    pub fn create_numbered(name: &str) -> Result<Self> {
        let results = Path::new("results");
        fs::create_dir_all(results).context("cannot create the folder `results`")?;
        for number in 1_u64.. {
            let path = results.join(format!("{name}-{number}"));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => {
                    return Err(e).with_context(|| format!("cannot create {}", path.display()));
                }
            }
        }
        unreachable!("a folder system holds fewer folders than that")
    }
    /// The folder at `path`, which must hold a manifest.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = Self(path.to_owned());
        let shown = path.display();
        ensure!(path.exists(), "there is no folder {shown}");
        ensure!(
            folder.0.join(MANIFEST).is_file(),
            "{shown} is no results folder: it has no {MANIFEST}"
        );
        Ok(folder)
    }
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
    /// What made it.
    pub fn manifest(&self) -> Result<Manifest> {
        let text = self.read(MANIFEST)?;
        serde_json::from_str(&text).with_context(|| self.damaged(MANIFEST))
    }
    /// The resolved experiment file.
    ///
    /// # Errors
    /// If it cannot be read, or is not the one that the manifest names.
    pub fn spec(&self) -> Result<String> {
        let text = self.read(SPEC)?;
        ensure!(
            sha256(text.as_bytes()).to_string() == self.manifest()?.spec_digest,
            "{} is not the file that gave these results: its digest is not the manifest's",
            self.0.join(SPEC).display()
        );
        Ok(text)
    }
    /// Writes one of its files, replacing it.
    ///
    /// # Errors
    /// If the operating system does not let us.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.0.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
    /// Writes the manifest.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        let text = serde_json::to_string_pretty(manifest).context("a manifest is JSON")?;
        self.write(MANIFEST, &(text + "\n"))
    }
    /// The file of records, open for appending.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn append_records(&self) -> Result<BufWriter<fs::File>> {
        let path = self.0.join(RECORDS);
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        file.map(BufWriter::new).with_context(|| format!("cannot write {}", path.display()))
    }
    /// All records, in order of run number.
    ///
    /// # Errors
    /// If they cannot be read; if a run has two; if they are not the manifest's, where it was finished.
    pub fn records(&self) -> Result<Vec<Record>> {
        let path = self.0.join(RECORDS);
        let file =
            fs::File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        let mut records = Vec::new();
        for (number, line) in BufReader::new(file).lines().enumerate() {
            let line = line.with_context(|| format!("cannot read {}", path.display()))?;
            let record = serde_json::from_str::<Record>(&line);
            records.push(record.with_context(|| {
                format!("{}, in the object on line {}", self.damaged(RECORDS), number + 1)
            })?);
        }
        records.sort_by_key(|record| record.run);
        self.ensure_whole(&records)?;
        Ok(records)
    }
    /// Whether each run has one record, and the digest that the manifest names.
    fn ensure_whole(&self, records: &[Record]) -> Result<()> {
        let damaged = || self.damaged(RECORDS);
        if let Some(pair) = records.windows(2).find(|pair| pair[0].run == pair[1].run) {
            bail!("{}: run {} stands there twice", damaged(), pair[0].run);
        }
        // Empty while runs are under way, and if they were broken off.
        for (run, digest) in &self.manifest()?.trace_digests {
            let of_run = records.iter().find(|record| record.run.to_string() == *run);
            let Some(record) = of_run else {
                bail!("{}: run {run}, which {MANIFEST} names, is missing", damaged());
            };
            ensure!(
                record.summary.trace_digest.as_ref() == Some(digest),
                "{}: the digest of run {run} is not the one that {MANIFEST} names",
                damaged()
            );
        }
        Ok(())
    }
    fn damaged(&self, name: &str) -> String {
        format!("{} is damaged", self.0.join(name).display())
    }
    /// Writes a run's [steps](Record::steps), if it has any.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_steps(&self, record: &Record) -> Result<()> {
        if record.steps.is_empty() {
            return Ok(());
        }
        let path = self.0.join(steps_file(record.run));
        let bytes: Vec<u8> = record.steps.iter().flat_map(|step| step.to_le_bytes()).collect();
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }
    /// A run's [steps](Record::steps); none if their file is missing.
    pub fn steps(&self, run: usize) -> Vec<u16> {
        let bytes = fs::read(self.0.join(steps_file(run))).unwrap_or_default();
        let (steps, _) = bytes.as_chunks::<2>();
        steps.iter().map(|&step| u16::from_le_bytes(step)).collect()
    }
    fn read(&self, name: &str) -> Result<String> {
        let path = self.0.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }
}

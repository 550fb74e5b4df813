//! Many pictures: side by side, with a line for each at the end.

use std::collections::HashSet;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::gather::{Source, gather};
use super::{Arguments, Made, Recipe, cannot_write, is_folder};
use crate::output::{self, CommandError, Exit, Outcome, grouped};

/// What the bar shows.
const BAR: &str = "{bar:24} {pos} of {len}, {eta} left  {wide_msg}";

/// Makes all pictures that are meant. One that fails does not keep the others from being made.
pub fn run(arguments: &Arguments, recipe: &Recipe) -> Outcome {
    if arguments.output.exists() && !is_folder(&arguments.output) || is_stdout(arguments) {
        return Err(CommandError::usage(format_args!(
            "`--output {}` must be a folder where several pictures are made",
            arguments.output.display()
        )));
    }
    let sources = gather(&arguments.inputs)?;
    let batch = Batch::new(&sources, recipe, &arguments.output);
    let jobs = arguments
        .jobs
        .or_else(|| std::thread::available_parallelism().ok())
        .map_or(1, NonZeroUsize::get);
    let results = batch.run(jobs.min(sources.len()));
    let total = Total::of(&results);
    if arguments.json {
        let files: Vec<Value> = results.iter().map(Done::describe_json).collect();
        output::json(&json!({ "files": files, "total": total.describe_json() }));
    } else {
        output::talk(table(&results));
        output::talk(total.describe());
    }
    Ok(match total.failed {
        0 => Exit::Done,
        _ => Exit::Failed,
    })
}

fn is_stdout(arguments: &Arguments) -> bool {
    arguments.output == Path::new("-")
}

/// The pictures to be made.
struct Batch<'a> {
    sources: &'a [Source],
    recipe: &'a Recipe,
    output: &'a Path,
    /// No result may take the place of one of these.
    originals: HashSet<PathBuf>,
    next: AtomicUsize,
}

impl<'a> Batch<'a> {
    fn new(sources: &'a [Source], recipe: &'a Recipe, output: &'a Path) -> Self {
        let whole = |source: &Source| fs::canonicalize(&source.path).ok();
        Self {
            sources,
            recipe,
            output,
            originals: sources.iter().filter_map(whole).collect(),
            next: AtomicUsize::new(0),
        }
    }

    /// Makes them all with so many threads; in the order of the sources.
    fn run(&self, jobs: usize) -> Vec<Done> {
        let style =
            ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(self.sources.len() as u64).with_style(style);
        let done = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    while let Some((place, made)) = self.make_next(&bar) {
                        bar.inc(1);
                        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                        done.push((place, made));
                    }
                });
            }
        });
        bar.finish_and_clear();
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(place, _)| *place);
        done.into_iter().map(|(_, made)| made).collect()
    }

    fn make_next(&self, bar: &ProgressBar) -> Option<(usize, Done)> {
        let place = self.next.fetch_add(1, Ordering::Relaxed);
        let source = self.sources.get(place)?;
        bar.set_message(source.path.display().to_string());
        let made = self.make(source);
        let path = source.path.clone();
        Some((place, Done { path, made }))
    }

    fn make(&self, source: &Source) -> Result<Written, CommandError> {
        let bytes = super::super::read_picture(&source.path)?;
        let (made, reasons) = self.recipe.make(&source.path, &bytes)?;
        let to = self.output.join(source.place_for(ending(&made)));
        self.write(&to, &made.bytes)?;
        Ok(Written {
            to,
            before: bytes.len(),
            made,
            reasons,
        })
    }

    /// Writes a result as a whole: a name never stands for half a picture.
    fn write(&self, to: &Path, bytes: &[u8]) -> Result<(), CommandError> {
        let failed = |error: std::io::Error| cannot_write(to, &error);
        if fs::canonicalize(to).is_ok_and(|whole| self.originals.contains(&whole)) {
            let message = format!("{} would take the place of a source", to.display());
            return Err(CommandError::new(message).hint("give another folder with `--output`"));
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut draft = to.as_os_str().to_owned();
        draft.push(".part");
        let written = fs::write(&draft, bytes).and_then(|()| fs::rename(&draft, to));
        if written.is_err() {
            // Nothing more can be done about it.
            let _ = fs::remove_file(&draft);
        }
        written.map_err(failed)
    }
}

/// The ending of a result's name.
fn ending(made: &Made) -> &'static str {
    match made.format {
        Some(image::Format::Jpeg) => "jpg",
        Some(format) => format.word(),
        None if made.is_facts() => "json",
        None => "txt",
    }
}

/// What became of a picture.
struct Done {
    path: PathBuf,
    made: Result<Written, CommandError>,
}

/// A result that was written.
struct Written {
    to: PathBuf,
    before: usize,
    made: Made,
    reasons: Vec<String>,
}

impl Done {
    fn describe_json(&self) -> Value {
        let path = self.path.display().to_string();
        match &self.made {
            Ok(written) => {
                let mut described = written.made.describe_json(&written.reasons, written.before);
                described["input"] = path.into();
                described["output"] = written.to.display().to_string().into();
                described
            }
            Err(error) => json!({ "input": path, "error": error.message() }),
        }
    }

    /// The cells of the table: picture, before, after, share, and what was made of it.
    fn cells(&self) -> [String; 5] {
        let path = self.path.display().to_string();
        match &self.made {
            Ok(written) => {
                let after = written.made.bytes.len() as u64;
                let before = written.before as u64;
                [
                    path,
                    grouped(before),
                    grouped(after),
                    share(after, before),
                    written.made.what.clone(),
                ]
            }
            Err(error) => {
                let nothing = || "–".to_owned();
                [
                    path,
                    nothing(),
                    nothing(),
                    nothing(),
                    error.message().into(),
                ]
            }
        }
    }
}

fn share(after: u64, before: u64) -> String {
    let share = (after * 100).checked_div(before).unwrap_or(0);
    format!("{share} %")
}

/// A line for each picture, with numbers below one another.
fn table(results: &[Done]) -> String {
    let head = ["picture", "before", "after", "of it", "made"].map(str::to_owned);
    let rows: Vec<[String; 5]> = std::iter::once(head)
        .chain(results.iter().map(Done::cells))
        .collect();
    let widths: [usize; 5] = std::array::from_fn(|column| {
        let wide = |row: &[String; 5]| row[column].chars().count();
        rows.iter().map(wide).max().unwrap_or(0)
    });
    let line = |[path, before, after, share, made]: &[String; 5]| {
        let [w0, w1, w2, w3, _] = widths;
        format!("{path:w0$}  {before:>w1$}  {after:>w2$}  {share:>w3$}  {made}")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// All pictures together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Total {
    pictures: usize,
    failed: usize,
    before: u64,
    after: u64,
}

impl Total {
    fn of(results: &[Done]) -> Self {
        let mut total = Self::default();
        for done in results {
            total.pictures += 1;
            match &done.made {
                Ok(written) => {
                    total.before += written.before as u64;
                    total.after += written.made.bytes.len() as u64;
                }
                Err(_) => total.failed += 1,
            }
        }
        total
    }

    fn describe(&self) -> String {
        let (after, before) = (grouped(self.after), grouped(self.before));
        let share = share(self.after, self.before);
        let failed = match self.failed {
            0 => String::new(),
            failed => format!("; {failed} failed"),
        };
        format!(
            "{} pictures, {after} bytes, {share} of {before}{failed}",
            self.pictures
        )
    }

    fn describe_json(&self) -> Value {
        json!({
            "pictures": self.pictures,
            "failed": self.failed,
            "source_bytes": self.before,
            "bytes": self.after,
        })
    }
}

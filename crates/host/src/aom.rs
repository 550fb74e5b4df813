//! libaom's `aomenc`, and `aomdec` beside it.

use std::path::{Path, PathBuf};

use avif::{Channels, Effort, Options, Order, Outside, Program};

use crate::process::run;
use crate::task::Task;

/// Sides of the picture that a program is tried out with.
const TRIAL: (usize, usize) = (18, 10);
/// Memory that it has beside the picture, and for each byte of it. Its code and its stacks are in
/// it, too.
const MEMORY: u64 = 512 << 20;
const MEMORY_EACH: u64 = 256;

/// The two programs.
#[derive(Debug)]
pub(crate) struct Aom {
    encoder: PathBuf,
    decoder: Option<PathBuf>,
    name: String,
}

impl Aom {
    /// Has a program code a small picture, and a decoder beside it read that.
    pub(crate) fn try_out(path: &Path) -> Result<Outside, String> {
        let beside = path.with_file_name("aomdec");
        let both = Self::new(path, beside.is_file().then_some(beside));
        match both.makes_a_picture() {
            Ok(()) => Ok(Outside(both)),
            // Perhaps it is the decoder that does not work.
            Err(_) if both.decoder.is_some() => {
                let alone = Self::new(path, None);
                alone.makes_a_picture().map(|()| Outside(alone))
            }
            Err(why) => Err(why),
        }
    }

    /// It stays for as long as the process lives: there are as many as configurations name.
    fn new(path: &Path, decoder: Option<PathBuf>) -> &'static Self {
        Box::leak(Box::new(Self {
            encoder: path.to_owned(),
            decoder,
            name: path.file_name().map_or_else(
                || "aomenc".to_owned(),
                |name| name.to_string_lossy().into_owned(),
            ),
        }))
    }

    fn makes_a_picture(&'static self) -> Result<(), String> {
        let (width, height) = TRIAL;
        let pixels: Vec<u8> = (0..width * height * 4).map(|it| (it * 7) as u8).collect();
        let options = Options {
            quantizer: 60,
            alpha_quantizer: 60,
            full_colour: false,
            effort: Effort::Quick,
            outside: Some(Outside(self)),
            shown: self.decoder.is_some(),
        };
        avif::encode(&pixels, Channels::Rgba, TRIAL, &options, &|| false)
            .map(drop)
            .map_err(|error| error.to_string())
    }

    fn arguments(order: &Order<'_>) -> Vec<String> {
        let speed = match order.effort {
            Effort::Quick => 9,
            Effort::Thorough => 6,
        };
        let (speed, level) = (
            format!("--cpu-used={speed}"),
            format!("--cq-level={}", order.level),
        );
        let fixed = [
            "--allintra",
            "--obu",
            "--passes=1",
            "--limit=1",
            "--threads=1",
            "--end-usage=q",
            "--min-q=0",
            "--max-q=63",
            "--enable-qm=1",
            "--qm-min=2",
            "--qm-max=10",
            "--color-primaries=bt709",
            "--transfer-characteristics=srgb",
            "--matrix-coefficients=bt601",
        ];
        let grey = order.grey.then_some("--monochrome");
        let files = ["-o", "-", "-"];
        fixed
            .into_iter()
            .chain([speed.as_str(), level.as_str()])
            .chain(grey)
            .chain(files)
            .map(str::to_owned)
            .collect()
    }
}

impl Program for Aom {
    fn name(&self) -> &str {
        &self.name
    }

    fn reads(&self) -> bool {
        self.decoder.is_some()
    }

    fn encode(&self, order: &Order<'_>, cancel: &dyn Fn() -> bool) -> Result<Vec<u8>, String> {
        let task = Task {
            program: &self.encoder,
            arguments: &Self::arguments(order),
            input: order.y4m,
            most: order.most,
            memory: MEMORY + order.y4m.len() as u64 * MEMORY_EACH,
        };
        run(&task, cancel)
    }

    fn decode(
        &self,
        obus: &[u8],
        most: usize,
        cancel: &dyn Fn() -> bool,
    ) -> Result<Vec<u8>, String> {
        let decoder = self.decoder.as_deref().ok_or("there is no `aomdec`")?;
        let arguments = ["--rawvideo", "--threads=1", "-o", "-", "-"].map(str::to_owned);
        let task = Task {
            program: decoder,
            arguments: &arguments,
            input: obus,
            most,
            memory: MEMORY + most as u64 * MEMORY_EACH,
        };
        run(&task, cancel)
    }
}

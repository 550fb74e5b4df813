//! Writes scenes as JPEG files, to be looked at:
//!
//! ```text
//! cargo run --release -p firstlight-gallery --example photograph -- FOLDER [WIDTHxHEIGHT] [SEED] [SCENE…]
//! ```

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use firstlight_gallery::{Scene, baseline_jpeg, photograph};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name a folder")?);
    let size = arguments.next().unwrap_or_else(|| "1600x1067".into());
    let (width, height) = size.split_once('x').ok_or("the size is WIDTHxHEIGHT")?;
    let (width, height) = (width.parse()?, height.parse()?);
    let seed: Option<u64> = arguments.next().map(|seed| seed.parse()).transpose()?;
    let names: Vec<String> = arguments.collect();
    std::fs::create_dir_all(&folder)?;
    for scene in Scene::ALL {
        if !names.is_empty() && !names.iter().any(|name| name == scene.name()) {
            continue;
        }
        let start = Instant::now();
        let picture = photograph(*scene, width, height, seed.unwrap_or(scene.take()));
        let painted = start.elapsed();
        let file = baseline_jpeg(&picture, 90);
        println!(
            "{:9} painted in {painted:.0?}, {} bytes",
            scene.name(),
            file.len()
        );
        std::fs::write(folder.join(format!("{}.jpg", scene.name())), file)?;
    }
    Ok(())
}

//! Photographs from a folder, as the benches of codecs want them.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fast_ssim2::{PixelDescriptor, PixelSlice, compute_ssimulacra2};

/// The pictures of a folder and of those in it, by name: JPEG and PNG.
///
/// # Errors
/// It cannot be read, or there are none.
pub fn find(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    gather(folder, &mut found)?;
    found.sort();
    match found.is_empty() {
        true => Err(format!("no `.jpg` and no `.png` in {}", folder.display())),
        false => Ok(found),
    }
}

fn gather(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            gather(&path, found)?;
        } else if is(&path, "jpg") || is(&path, "png") {
            found.push(path);
        }
    }
    Ok(())
}

/// Whether a file's name has this ending.
pub fn is(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|given| given == ending)
}

/// What a program makes of its input; an error if it fails.
///
/// # Errors
/// It cannot be started, or says that it failed.
pub fn piped(program: &str, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("{program}: {error}");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let mut to = child.stdin.take().ok_or("a pipe that was asked for")?;
    let result = std::thread::scope(|scope| {
        // A program that stops reading has its reasons, and its status tells of them.
        scope.spawn(move || to.write_all(input).is_ok());
        child.wait_with_output()
    });
    let output = result.map_err(failed)?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(format!(
            "{program} {}: {}",
            arguments.join(" "),
            output.status
        )),
    }
}

/// A picture's pixels as a PPM file, a JPEG at half its size, so that little is left of what its
/// own encoder did.
///
/// # Errors
/// It cannot be read.
pub fn ppm(path: &Path) -> Result<Vec<u8>, String> {
    let file = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if is(path, "jpg") {
        return piped("djpeg", &["-rgb", "-pnm", "-scale", "1/2"], &file);
    }
    let failed = |error: png::DecodingError| format!("{}: {error}", path.display());
    let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(failed)?;
    let room = reader
        .output_buffer_size()
        .ok_or("a picture beyond memory")?;
    let mut pixels = vec![0; room];
    let frame = reader.next_frame(&mut pixels).map_err(failed)?;
    if frame.color_type != png::ColorType::Rgb {
        return Err(format!(
            "{}: only red, green and blue is read",
            path.display()
        ));
    }
    let mut ppm = format!("P6\n{} {}\n255\n", frame.width, frame.height).into_bytes();
    ppm.extend_from_slice(pixels.get(..frame.buffer_size()).unwrap_or_default());
    Ok(ppm)
}

/// The width, the height and the pixels of a PPM file as the programs here write it.
pub fn pixels(ppm: &[u8]) -> Option<(u32, u32, &[u8])> {
    let mut lines = ppm.splitn(4, |byte| *byte == b'\n');
    let (kind, size, _) = (lines.next()?, lines.next()?, lines.next()?);
    let (width, height) = std::str::from_utf8(size).ok()?.split_once(' ')?;
    let pixels = lines.next().filter(|_| kind == b"P6")?;
    Some((width.parse().ok()?, height.parse().ok()?, pixels))
}

/// The SSIMULACRA2 of a PPM file beside another of its size.
///
/// # Errors
/// They are no such files.
pub fn score(reference: &[u8], seen: &[u8]) -> Result<f64, String> {
    let slice = |ppm| {
        let (width, height, pixels) = pixels(ppm).ok_or("no PPM file")?;
        let stride = width as usize * 3;
        PixelSlice::new(pixels, width, height, stride, PixelDescriptor::RGB8_SRGB)
            .map_err(|error| error.to_string())
    };
    compute_ssimulacra2(&slice(reference)?, &slice(seen)?).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_ppm_is_its_size_and_its_pixels() {
        let file = b"P6\n1 2\n255\nabc\n\xFFf";
        assert_eq!(super::pixels(file), Some((1, 2, &b"abc\n\xFFf"[..])));
        assert_eq!(super::pixels(b"P5\n1 1\n255\na"), None);
    }
}

//! Settings from the environment of another image server, so that a container takes its place and
//! keeps them.

use ::image::grammar::{HexSecret, ImagorAlgorithm, Secret};
use base::Quality;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::QualityChoice;
use server::Config;

use crate::output::CommandError;

/// Whose environment is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Peer {
    /// IMGPROXY_KEY, IMGPROXY_SALT, IMGPROXY_ALLOWED_SOURCES, IMGPROXY_PRESETS and more
    Imgproxy,
    /// SECURITY_KEY, ALLOW_UNSAFE_URL, AUTO_WEBP
    Thumbor,
    /// IMAGOR_SECRET, IMAGOR_UNSAFE, HTTP_LOADER_ALLOWED_SOURCES and more
    Imagor,
}

/// Applies what `variable` tells of a peer's settings to every site.
///
/// # Errors
/// A variable whose value makes no sense here, by name; never its value, as it may be a secret.
pub fn apply(
    config: &mut Config,
    peers: &[Peer],
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(), CommandError> {
    let environment = Environment(variable);
    for site in &mut config.site {
        let images = &mut site.images;
        for peer in peers {
            match peer {
                Peer::Imgproxy => environment.imgproxy(images)?,
                Peer::Thumbor => environment.thumbor(images)?,
                Peer::Imagor => environment.imagor(images)?,
            }
        }
    }
    Ok(())
}

/// Which of the variables that are set are a peer's.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Names of variables that mean here what they mean there.
    pub understood: Vec<String>,
    /// Names of variables that mean something there, and nothing here.
    pub passed_over: Vec<String>,
}

impl Survey {
    /// Looks through the names of all variables that are set.
    pub fn of(peer: Peer, names: impl Iterator<Item = String>) -> Self {
        let mut survey = Self::default();
        for name in names {
            if peer.understood().contains(&name.as_str()) {
                survey.understood.push(name);
            } else if peer.has(&name) {
                survey.passed_over.push(name);
            }
        }
        survey.understood.sort_unstable();
        survey.passed_over.sort_unstable();
        survey
    }
}

impl Peer {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Imgproxy => "imgproxy",
            Self::Thumbor => "thumbor",
            Self::Imagor => "imagor",
        }
    }

    /// The variables that are read.
    fn understood(self) -> &'static [&'static str] {
        match self {
            Self::Imgproxy => &[
                "IMGPROXY_KEY",
                "IMGPROXY_SALT",
                "IMGPROXY_TRUSTED_SIGNATURES",
                "IMGPROXY_SIGNATURE_SIZE",
                "IMGPROXY_PRESETS",
                "IMGPROXY_ONLY_PRESETS",
                "IMGPROXY_BASE_URL",
                "IMGPROXY_PATH_PREFIX",
                "IMGPROXY_AUTO_WEBP",
                "IMGPROXY_ENABLE_WEBP_DETECTION",
                "IMGPROXY_QUALITY",
                "IMGPROXY_ALLOWED_SOURCES",
                "IMGPROXY_WATERMARK_DATA",
                "IMGPROXY_WATERMARK_PATH",
                "IMGPROXY_WATERMARK_URL",
                "IMGPROXY_WATERMARK_OPACITY",
                "IMGPROXY_ALLOW_SECURITY_OPTIONS",
            ],
            Self::Thumbor => &[
                "SECURITY_KEY",
                "THUMBOR_SECURITY_KEY",
                "ALLOW_UNSAFE_URL",
                "AUTO_WEBP",
                "ALLOWED_SOURCES",
            ],
            Self::Imagor => &[
                "IMAGOR_SECRET",
                "IMAGOR_UNSAFE",
                "IMAGOR_BASE_PATH_PREFIX",
                "IMAGOR_AUTO_WEBP",
                "IMAGOR_SIGNER_TYPE",
                "IMAGOR_SIGNER_TRUNCATE",
                "HTTP_LOADER_ALLOWED_SOURCES",
            ],
        }
    }

    /// Whether a variable looks like one of its own.
    fn has(self, name: &str) -> bool {
        let (prefixes, names): (&[&str], &[&str]) = match self {
            Self::Imgproxy => (&["IMGPROXY_"], &[]),
            // Its own have no prefix; these are those of its documentation that change answers.
            Self::Thumbor => (
                &["THUMBOR_", "RESULT_STORAGE", "HTTP_LOADER_", "FILE_LOADER_"],
                &[
                    "QUALITY",
                    "WEBP_QUALITY",
                    "AVIF_QUALITY",
                    "AUTO_AVIF",
                    "AUTO_HEIF",
                    "AUTO_PNG_TO_JPG",
                    "MAX_WIDTH",
                    "MAX_HEIGHT",
                    "MIN_WIDTH",
                    "MIN_HEIGHT",
                    "MAX_PIXELS",
                    "MAX_AGE",
                    "ENGINE",
                    "LOADER",
                    "STORAGE",
                    "DETECTORS",
                    "FILTERS",
                    "OPTIMIZERS",
                    "PRESERVE_EXIF_INFO",
                    "RESPECT_ORIENTATION",
                    "ALLOW_ANIMATED_GIFS",
                ],
            ),
            Self::Imagor => (
                &[
                    "IMAGOR_",
                    "HTTP_LOADER_",
                    "FILE_",
                    "S3_",
                    "GCLOUD_",
                    "VIPS_",
                ],
                &[],
            ),
        };
        prefixes.iter().any(|prefix| name.starts_with(prefix)) || names.contains(&name)
    }
}

type Images = server::ImagesSettings;

struct Environment<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Environment<'_> {
    /// A variable that is set and not empty.
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn list(&self, name: &str) -> Vec<String> {
        let value = self.get(name).unwrap_or_default();
        let entries = value.split(',').map(str::trim);
        entries
            .filter(|entry| !entry.is_empty())
            .map(ToOwned::to_owned)
            .collect()
    }

    fn is_on(&self, name: &str) -> bool {
        let value = self.get(name).map(|value| value.to_ascii_lowercase());
        matches!(value.as_deref(), Some("1" | "t" | "true" | "yes" | "on"))
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, CommandError> {
        let parse = |text: String| text.parse().map_err(|_| wrong(name, "a number"));
        self.get(name).map(parse).transpose()
    }

    fn secrets(&self, name: &str) -> Result<Vec<HexSecret>, CommandError> {
        let parse = |digits: &String| {
            HexSecret::parse(digits).ok_or_else(|| wrong(name, "hexadecimal digits"))
        };
        self.list(name).iter().map(parse).collect()
    }

    fn imgproxy(&self, images: &mut Images) -> Result<(), CommandError> {
        let settings = &mut images.grammars.imgproxy;
        settings.enabled = true;
        settings.keys = self.secrets("IMGPROXY_KEY")?;
        settings.salts = self.secrets("IMGPROXY_SALT")?;
        if settings.keys.len() != settings.salts.len() {
            return Err(wrong(
                "IMGPROXY_SALT",
                "as many salts as IMGPROXY_KEY has keys",
            ));
        }
        let trusted = self.list("IMGPROXY_TRUSTED_SIGNATURES");
        settings.trusted_signatures = trusted.into_iter().filter_map(Secret::new).collect();
        // As imgproxy does without a key.
        settings.unsigned = settings.keys.is_empty();
        if let Some(size) = self.number("IMGPROXY_SIGNATURE_SIZE")? {
            settings.signature_size = size;
        }
        settings.presets = self.list("IMGPROXY_PRESETS");
        settings.only_presets = self.is_on("IMGPROXY_ONLY_PRESETS");
        settings.base_url = self.get("IMGPROXY_BASE_URL").unwrap_or_default();
        settings.prefix = self.get("IMGPROXY_PATH_PREFIX").unwrap_or_default();
        settings.auto_format = ["IMGPROXY_AUTO_WEBP", "IMGPROXY_ENABLE_WEBP_DETECTION"]
            .iter()
            .any(|name| self.is_on(name));
        if let Some(quality) = self.number::<u8>("IMGPROXY_QUALITY")? {
            let sound = (1..=100).contains(&quality);
            if !sound {
                return Err(wrong("IMGPROXY_QUALITY", "1 to 100"));
            }
            images.policy.quality = QualityChoice::Number(Quality::new(quality));
        }
        settings.security_options = self.is_on("IMGPROXY_ALLOW_SECURITY_OPTIONS");
        self.watermark(images)?;
        let name = "IMGPROXY_ALLOWED_SOURCES";
        let sources = self.list(name);
        let remote = sources
            .iter()
            .filter(|source| !source.starts_with("local://"));
        for source in remote {
            allow(images, name, source.trim_end_matches(['/', '*']))?;
        }
        allow_any_unless(!sources.is_empty(), images)
    }

    /// The first of the three that is set, in imgproxy's order.
    fn watermark(&self, images: &mut Images) -> Result<(), CommandError> {
        let data = self.get("IMGPROXY_WATERMARK_DATA");
        let path = self.get("IMGPROXY_WATERMARK_PATH");
        let address = self.get("IMGPROXY_WATERMARK_URL");
        images.grammars.imgproxy.watermark = match (data, path, address) {
            (Some(data), ..) => format!("data:{data}"),
            (None, Some(path), _) => {
                let form = "a file of up to 4 MiB that can be read";
                let wrong = || wrong("IMGPROXY_WATERMARK_PATH", form);
                let file = watermark_file(&path).ok_or_else(wrong)?;
                format!("data:{}", STANDARD.encode(file))
            }
            (None, None, Some(address)) => {
                // What the operator has named needs no other leave.
                allow(images, "IMGPROXY_WATERMARK_URL", &address)?;
                address
            }
            (None, None, None) => String::new(),
        };
        if let Some(opacity) = self.number("IMGPROXY_WATERMARK_OPACITY")? {
            let sound = (0.0..=1.0).contains(&opacity);
            if !sound {
                return Err(wrong("IMGPROXY_WATERMARK_OPACITY", "0 to 1"));
            }
            images.grammars.imgproxy.watermark_opacity = opacity;
        }
        Ok(())
    }

    fn thumbor(&self, images: &mut Images) -> Result<(), CommandError> {
        let settings = &mut images.grammars.thumbor;
        settings.enabled = true;
        let key = self.get("SECURITY_KEY");
        let key = key.or_else(|| self.get("THUMBOR_SECURITY_KEY"));
        settings.key = key.and_then(Secret::new);
        // thumbor allows them unless told otherwise; with a key that would be no lock.
        settings.unsigned = match self.get("ALLOW_UNSAFE_URL") {
            Some(_) => self.is_on("ALLOW_UNSAFE_URL"),
            None => settings.key.is_none(),
        };
        settings.auto_format = self.is_on("AUTO_WEBP");
        if self.get("ALLOWED_SOURCES").is_some() {
            let form = "nothing: regular expressions of sources become `site.images.sources`";
            return Err(wrong("ALLOWED_SOURCES", form));
        }
        allow_any_unless(false, images)
    }

    fn imagor(&self, images: &mut Images) -> Result<(), CommandError> {
        let settings = &mut images.grammars.imagor;
        settings.enabled = true;
        settings.key = self.get("IMAGOR_SECRET").and_then(Secret::new);
        settings.unsigned = self.is_on("IMAGOR_UNSAFE");
        settings.prefix = self.get("IMAGOR_BASE_PATH_PREFIX").unwrap_or_default();
        settings.auto_format = self.is_on("IMAGOR_AUTO_WEBP");
        if let Some(word) = self.get("IMAGOR_SIGNER_TYPE") {
            let algorithm = ImagorAlgorithm::parse(&word);
            let form = "sha1, sha256, sha384 or sha512";
            settings.algorithm = algorithm.ok_or_else(|| wrong("IMAGOR_SIGNER_TYPE", form))?;
        }
        if let Some(length) = self.number("IMAGOR_SIGNER_TRUNCATE")? {
            settings.signature_length = length;
        }
        let name = "HTTP_LOADER_ALLOWED_SOURCES";
        let hosts = self.list(name);
        for host in &hosts {
            for scheme in ["https", "http"] {
                allow(images, name, &format!("{scheme}://{host}"))?;
            }
        }
        allow_any_unless(!hosts.is_empty(), images)
    }
}

/// A file that is not too large to be laid over pictures.
fn watermark_file(path: &str) -> Option<Vec<u8>> {
    let length = std::fs::metadata(path).ok()?.len();
    (length <= image::MAX_OVERLAY_BYTES).then(|| std::fs::read(path).ok())?
}

fn allow(images: &mut Images, name: &str, pattern: &str) -> Result<(), CommandError> {
    images
        .allow(pattern)
        .map_err(|error| wrong(name, error.problem))
}

/// The peers ask any source unless they are given a list. Addresses that are not public stay out
/// of reach.
fn allow_any_unless(listed: bool, images: &mut Images) -> Result<(), CommandError> {
    if listed {
        return Ok(());
    }
    ["https://*", "http://*"]
        .iter()
        .try_for_each(|pattern| allow(images, "sources", pattern))
}

fn wrong(name: &str, form: &str) -> CommandError {
    CommandError::usage(format_args!(
        "the variable `{name}` is not understood: expected {form}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(peer: Peer, variables: &[(&str, &str)]) -> Result<Images, CommandError> {
        let mut config = Config::for_origin("http://127.0.0.1:3000").unwrap();
        let get = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        apply(&mut config, &[peer], &get)?;
        Ok(config.site.remove(0).images)
    }

    #[test]
    fn imgproxy_keeps_its_settings() {
        let images = read(
            Peer::Imgproxy,
            &[
                ("IMGPROXY_KEY", "6b6579,6b32"),
                ("IMGPROXY_SALT", "73616c74,7332"),
                ("IMGPROXY_SIGNATURE_SIZE", "8"),
                ("IMGPROXY_PRESETS", "default=q:70, small=w:320/h:240"),
                (
                    "IMGPROXY_ALLOWED_SOURCES",
                    "https://*.example.com/,local://,http://a.example/b/*",
                ),
                ("IMGPROXY_QUALITY", "77"),
                ("IMGPROXY_AUTO_WEBP", "true"),
            ],
        );
        let images = images.unwrap();
        let settings = &images.grammars.imgproxy;
        assert!(settings.enabled && !settings.unsigned && settings.auto_format);
        assert_eq!((settings.keys.len(), settings.signature_size), (2, 8));
        assert_eq!(settings.presets, ["default=q:70", "small=w:320/h:240"]);
        assert_eq!(
            images.policy.quality,
            QualityChoice::Number(Quality::new(77))
        );
        let sources: Vec<_> = images.sources.iter().map(ToString::to_string).collect();
        assert_eq!(sources, ["https://*.example.com", "http://a.example/b"]);
    }

    #[test]
    fn a_watermark_comes_from_wherever_imgproxy_has_it() {
        let of = |name, value| {
            let images = read(Peer::Imgproxy, &[(name, value)]).unwrap();
            let allowed = images.sources.iter().map(ToString::to_string).collect();
            (images.grammars.imgproxy.watermark, allowed)
        };
        let address = "https://example.com/logo.png";
        let (watermark, allowed): (_, Vec<String>) = of("IMGPROXY_WATERMARK_URL", address);
        assert_eq!(watermark, address);
        assert!(allowed.contains(&watermark), "{allowed:?}");
        assert_eq!(of("IMGPROXY_WATERMARK_DATA", "aGVsbG8=").0, "data:aGVsbG8=");
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let (watermark, _) = of("IMGPROXY_WATERMARK_PATH", manifest);
        let file = STANDARD.decode(&watermark["data:".len()..]).unwrap();
        assert_eq!(file, std::fs::read(manifest).unwrap());
    }

    #[test]
    fn what_is_read_is_what_is_said_to_be_understood() {
        for peer in [Peer::Imgproxy, Peer::Thumbor, Peer::Imagor] {
            let asked = std::cell::RefCell::new(std::collections::BTreeSet::new());
            let mut config = Config::for_origin("http://127.0.0.1:3000").unwrap();
            let none = |name: &str| {
                asked.borrow_mut().insert(name.to_owned());
                None
            };
            apply(&mut config, &[peer], &none).unwrap();
            let mut understood: Vec<_> = peer.understood().to_vec();
            understood.sort_unstable();
            assert!(asked.borrow().iter().eq(&understood), "{asked:?}");
        }
    }

    #[test]
    fn variables_that_mean_nothing_here_are_named() {
        let names = ["IMGPROXY_SALT", "HOME", "IMGPROXY_WORKERS", "IMGPROXY_KEY"];
        let survey = Survey::of(Peer::Imgproxy, names.iter().map(ToString::to_string));
        assert_eq!(survey.understood, ["IMGPROXY_KEY", "IMGPROXY_SALT"]);
        assert_eq!(survey.passed_over, ["IMGPROXY_WORKERS"]);
        let names = ["SECURITY_KEY", "DETECTORS", "PATH"];
        let survey = Survey::of(Peer::Thumbor, names.iter().map(ToString::to_string));
        assert_eq!(
            (survey.understood.len(), survey.passed_over),
            (1, vec!["DETECTORS".to_owned()])
        );
    }

    #[test]
    fn what_peers_do_without_settings_is_done() {
        let imgproxy = read(Peer::Imgproxy, &[]).unwrap();
        assert!(imgproxy.grammars.imgproxy.unsigned);
        assert_eq!(imgproxy.sources.len(), 2);
        let thumbor = read(Peer::Thumbor, &[("SECURITY_KEY", "key")]).unwrap();
        assert!(thumbor.grammars.thumbor.key.is_some() && !thumbor.grammars.thumbor.unsigned);
        let imagor = read(
            Peer::Imagor,
            &[
                ("IMAGOR_SECRET", "key"),
                ("IMAGOR_SIGNER_TYPE", "sha256"),
                ("IMAGOR_SIGNER_TRUNCATE", "40"),
                ("HTTP_LOADER_ALLOWED_SOURCES", "*.example.com"),
            ],
        );
        let imagor = imagor.unwrap();
        let settings = &imagor.grammars.imagor;
        assert_eq!(settings.algorithm, ImagorAlgorithm::Sha256);
        assert_eq!((settings.signature_length, settings.unsigned), (40, false));
        assert_eq!(imagor.sources.len(), 2);
    }

    #[test]
    fn what_makes_no_sense_is_said_without_the_value() {
        for (peer, name, value) in [
            (Peer::Imgproxy, "IMGPROXY_KEY", "hush"),
            (Peer::Imgproxy, "IMGPROXY_SALT", "73616c74"),
            (Peer::Imgproxy, "IMGPROXY_QUALITY", "101"),
            (Peer::Imgproxy, "IMGPROXY_WATERMARK_PATH", "/no/such/file"),
            (Peer::Imgproxy, "IMGPROXY_WATERMARK_OPACITY", "1.5"),
            (Peer::Imgproxy, "IMGPROXY_ALLOWED_SOURCES", "s3://bucket"),
            (Peer::Thumbor, "ALLOWED_SOURCES", "['.+example']"),
            (Peer::Imagor, "IMAGOR_SIGNER_TYPE", "md5"),
        ] {
            let error = format!("{:?}", read(peer, &[(name, value)]).unwrap_err());
            assert!(error.contains(name) && !error.contains("hush"), "{error}");
        }
    }
}

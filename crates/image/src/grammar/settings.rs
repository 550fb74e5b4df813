//! Settings of the grammars.

use std::fmt;

use base::settings::{DeValue, Report, Spanned, Value, decode_text, join};

use super::imgproxy::names_a_watermark;

/// A text that is not shown in messages and logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret of this text; `None` if it is empty, as a key that anybody guesses is none.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (!text.is_empty()).then_some(Self(text))
    }

    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Value for Secret {
    fn form() -> String {
        "a secret as a string that is not empty".into()
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        decode_text(node, key, report, Self::form(), |text| Self::new(text))
    }

    fn show(&self) -> String {
        "\"…\"".into()
    }
}

/// Secret bytes, written in hexadecimal.
#[derive(Clone, PartialEq, Eq)]
pub struct HexSecret(Vec<u8>);

impl HexSecret {
    /// Reads hexadecimal digits; `None` if they are none or an odd number.
    pub fn parse(digits: &str) -> Option<Self> {
        let sound = digits.len().is_multiple_of(2)
            && !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let byte = |place| u8::from_str_radix(digits.get(place..place + 2)?, 16).ok();
        let bytes = sound.then(|| (0..digits.len()).step_by(2).map(byte).collect());
        bytes.flatten().map(Self)
    }

    /// The bytes.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for HexSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HexSecret(…)")
    }
}

impl Value for HexSecret {
    fn form() -> String {
        "a secret in hexadecimal digits, two a byte".into()
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        let secret = node.get_ref().as_str().and_then(Self::parse);
        if secret.is_none() {
            // The value itself stays out of the report.
            report.reject(key, "…", Self::form());
        }
        secret
    }

    fn show(&self) -> String {
        "\"…\"".into()
    }
}

base::settings! {
    /// URLs of other image servers, answered as they answer them, so that a site can change over
    /// without changing its pages. What each can do is in [drop-in.md](drop-in.md). Sources on
    /// other sites must be among `sources`, whichever grammar names them.
    pub struct GrammarSettings {
        /// Whether `/cdn-cgi/image/<options>/<source>` is answered, in the manner of Cloudflare.
        cloudflare: bool = true,
        /// Whether `/_next/image?url=…&w=…&q=…` is answered, in the place of Next.js.
        next: bool = false,
        /// Whether `/_vercel/image?url=…&w=…&q=…` is answered, in the place of Vercel.
        vercel: bool = false,
        /// Whether `/.netlify/images?url=…` is answered, in the place of Netlify.
        netlify: bool = false,
        /// Whether `/_ipx/<modifiers>/<source>` is answered, in the place of IPX and Nuxt.
        ipx: bool = false,
        /// Whether `/?url=…` is answered, in the place of weserv.
        weserv: bool = false,
        /// Whether pictures take Fastly's arguments, such as `?width=640&fit=crop`.
        fastly: bool = false,
        /// Whether pictures take Photon's arguments, such as `?resize=640,480`, at
        /// `/<host>/<path>` and at their own address.
        photon: bool = false,
        /// imgproxy.
        imgproxy: ImgproxySettings = ImgproxySettings::default(),
        /// thumbor.
        thumbor: ThumborSettings = ThumborSettings::default(),
        /// imagor.
        imagor: ImagorSettings = ImagorSettings::default(),
        /// imgix: arguments of pictures, such as `?w=640&auto=format`.
        imgix: ImgixSettings = ImgixSettings::default(),
        /// Cloudinary: `/<cloud>/image/upload/<transformations>/<source>`.
        cloudinary: CloudinarySettings = CloudinarySettings::default(),
    }
}

base::settings! {
    /// imgproxy: `<prefix>/<signature>/<options>/plain/<source>@<format>`.
    pub struct ImgproxySettings {
        /// Whether its URLs are answered.
        enabled: bool = false,
        /// What stands before the signature, such as `"/imgproxy"`. Empty: nothing, and paths that
        /// do not look like imgproxy's belong to the site.
        prefix: String = String::new(),
        /// `IMGPROXY_KEY`: keys in hexadecimal, each with the salt at the same place.
        keys: Vec<HexSecret> = vec![],
        /// `IMGPROXY_SALT`: salts in hexadecimal, as many as there are keys.
        salts: Vec<HexSecret> = vec![],
        /// `IMGPROXY_SIGNATURE_SIZE`: bytes of a signature that count, 1 to 32.
        signature_size: usize = 32,
        /// `IMGPROXY_TRUSTED_SIGNATURES`: texts that stand for a right signature.
        trusted_signatures: Vec<Secret> = vec![],
        /// Whether URLs need no signature. Without keys and without this, none is answered.
        unsigned: bool = false,
        /// `IMGPROXY_PRESETS`: presets, each `"name=option:argument/option:argument"`. The one
        /// called `default` is used for every picture.
        presets: Vec<String> = vec![],
        /// `IMGPROXY_ONLY_PRESETS`: whether URLs name presets instead of options.
        only_presets: bool = false,
        /// `IMGPROXY_BASE_URL`: what stands before sources that have no scheme of their own.
        /// Empty: they are paths on the site.
        base_url: String = String::new(),
        /// `IMGPROXY_AUTO_WEBP` and its like: whether a URL that names no format gets the best one
        /// that the client accepts.
        auto_format: bool = false,
        /// `IMGPROXY_WATERMARK_URL`, `IMGPROXY_WATERMARK_PATH` or `IMGPROXY_WATERMARK_DATA`: the
        /// picture that `watermark` lays over others. An address among `sources`, a path on the
        /// site, or `data:` and the file in base64. Empty: none, and `watermark` is ignored.
        watermark: String = String::new(),
        /// `IMGPROXY_WATERMARK_OPACITY`: how much of it is seen, 0 to 1.
        watermark_opacity: f64 = 1.0,
        /// `IMGPROXY_ALLOW_SECURITY_OPTIONS`: whether URLs may name limits of their own, such as
        /// `max_src_resolution`. They make those of `limits` tighter, never wider.
        security_options: bool = false,
    }
}

base::settings! {
    /// thumbor: `<prefix>/<signature>/<size>/<source>`.
    pub struct ThumborSettings {
        /// Whether its URLs are answered.
        enabled: bool = false,
        /// What stands before the signature. Empty: nothing, and paths that do not look like
        /// thumbor's belong to the site.
        prefix: String = String::new(),
        /// `SECURITY_KEY`.
        key: Option<Secret> = None,
        /// `ALLOW_UNSAFE_URL`: whether `unsafe` stands for a right signature.
        unsigned: bool = false,
        /// `AUTO_WEBP` and its like: whether a URL that names no format gets the best one that the
        /// client accepts.
        auto_format: bool = false,
    }
}

base::choices! {
    /// How signatures are made.
    pub enum ImagorAlgorithm {
        /// HMAC-SHA1.
        Sha1 = "sha1",
        /// HMAC-SHA256.
        Sha256 = "sha256",
        /// HMAC-SHA384.
        Sha384 = "sha384",
        /// HMAC-SHA512.
        Sha512 = "sha512",
    }
}

base::settings! {
    /// imagor: `<prefix>/<signature>/<size>/<source>`.
    pub struct ImagorSettings {
        /// Whether its URLs are answered.
        enabled: bool = false,
        /// What stands before the signature. Empty: nothing, and paths that do not look like
        /// imagor's belong to the site.
        prefix: String = String::new(),
        /// `IMAGOR_SECRET`.
        key: Option<Secret> = None,
        /// `IMAGOR_SIGNER_TYPE`.
        algorithm: ImagorAlgorithm = ImagorAlgorithm::Sha1,
        /// `IMAGOR_SIGNER_TRUNCATE`: characters of a signature that count; 0 for all.
        signature_length: usize = 0,
        /// `IMAGOR_UNSAFE`: whether `unsafe` stands for a right signature.
        unsigned: bool = false,
        /// `IMAGOR_AUTO_WEBP` and its like: whether a URL that names no format gets the best one
        /// that the client accepts.
        auto_format: bool = false,
    }
}

base::settings! {
    /// imgix: arguments of pictures, such as `?w=640&auto=format`.
    pub struct ImgixSettings {
        /// Whether pictures take its arguments.
        enabled: bool = false,
        /// The token that signs URLs, as `s=…`. Not set: URLs need no signature.
        token: Option<Secret> = None,
    }
}

base::settings! {
    /// Cloudinary: `/<cloud>/image/upload/<transformations>/<source>`.
    pub struct CloudinarySettings {
        /// Whether its URLs are answered.
        enabled: bool = false,
        /// The path on the site, or the address, under which uploaded pictures lie.
        base_url: String = "/".to_owned(),
        /// The account's secret, which signs URLs as `s--…--`.
        secret: Option<Secret> = None,
        /// Whether URLs need no signature. Without a secret they need none.
        unsigned: bool = false,
    }
}

impl GrammarSettings {
    /// Reports what was read but makes no sense; `place` is the path of this table.
    pub fn check(&self, place: &str, report: &mut Report) {
        let imgproxy = &self.imgproxy;
        let mut reject = |key: &str, given: &str, expected: &str| {
            report.reject(&join(place, key), given, expected);
        };
        if imgproxy.keys.len() != imgproxy.salts.len() {
            let given = format!("{} for {} keys", imgproxy.salts.len(), imgproxy.keys.len());
            reject("imgproxy.salts", &given, "as many salts as keys");
        }
        if !(1..=32).contains(&imgproxy.signature_size) {
            let given = imgproxy.signature_size.to_string();
            reject("imgproxy.signature_size", &given, "1 to 32 bytes");
        }
        if !imgproxy.watermark.is_empty() && !names_a_watermark(&imgproxy.watermark) {
            let form = "an address, a path on the site, or `data:` and a picture in base64";
            // A whole picture in a message would hide it.
            let given: String = imgproxy.watermark.chars().take(60).collect();
            reject("imgproxy.watermark", &given, form);
        }
        if !(0.0..=1.0).contains(&imgproxy.watermark_opacity) {
            let given = imgproxy.watermark_opacity.to_string();
            reject("imgproxy.watermark_opacity", &given, "0 to 1, such as 0.5");
        }
        for (number, preset) in imgproxy.presets.iter().enumerate() {
            let named = preset
                .split_once('=')
                .is_some_and(|(name, _)| !name.trim().is_empty());
            if !named {
                let key = format!("imgproxy.presets[{number}]");
                reject(
                    &key,
                    preset,
                    "a name and options, such as `\"small=w:320/q:70\"`",
                );
            }
        }
        for (key, prefix) in [
            ("imgproxy.prefix", &imgproxy.prefix),
            ("thumbor.prefix", &self.thumbor.prefix),
            ("imagor.prefix", &self.imagor.prefix),
        ] {
            if !prefix.is_empty() && !prefix.starts_with('/') {
                reject(key, prefix, "nothing, or a path that begins with `/`");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_reported() {
        let text = "[imgproxy]\nkeys = [\"00\"]\nsignature_size = 0\npresets = [\"=w:1\"]\n\
                    watermark = \"data:*\"\nwatermark_opacity = 50.0\n\
                    prefix = \"x\"\n";
        let read = base::settings::read_and_check("test", text, |all: &GrammarSettings, report| {
            all.check("", report);
        });
        let keys: Vec<_> = read
            .unwrap_err()
            .problems()
            .iter()
            .map(|p| p.key.clone())
            .collect();
        for key in [
            "salts",
            "signature_size",
            "watermark",
            "watermark_opacity",
            "presets[0]",
            "prefix",
        ] {
            assert!(keys.contains(&format!("imgproxy.{key}")), "{keys:?}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let secret = Secret::new("hush").unwrap();
        let bytes = HexSecret::parse("68757368").unwrap();
        assert_eq!((secret.reveal(), bytes.reveal()), ("hush", &b"hush"[..]));
        let shown = format!("{secret:?}{bytes:?}{}{}", secret.show(), bytes.show());
        assert!(!shown.contains("hush") && !shown.contains("68757368"));
        for wrong in ["", "6", "6g", "+1"] {
            assert_eq!(HexSecret::parse(wrong), None, "{wrong}");
        }
    }
}

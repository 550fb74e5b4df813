//! What the client says of itself, as far as pictures go.

use crate::{Accept, Factor};

/// Round-trip time over which a connection counts as slow, in milliseconds; Cloudflare's rule.
const SLOW_RTT: u32 = 150;
/// A device with no more memory than this is weak, in thousandths of a gibibyte: what a picture
/// costs to decode and to hold is felt there.
const LITTLE_MEMORY: u32 = 2000;
/// Bandwidth under which a connection counts as slow, in thousandths of a megabit per second.
const SLOW_DOWNLINK: u32 = 5000;

base::choices! {
    /// How fast the way to the client is, as the server itself sees it.
    pub enum Tier {
        /// Every byte is waited for.
        Slow = "slow",
        /// In between.
        Medium = "medium",
        /// Bytes cost next to nothing.
        Fast = "fast",
    }
}

/// What the client says of itself, and what its connection says of it. The default is a client that
/// says nothing, over a way that nothing is known of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// `Accept`.
    pub accept: Accept,
    /// `Sec-CH-DPR` or `DPR`: device pixels to a CSS pixel.
    pub dpr: Option<Factor>,
    /// `Sec-CH-Width` or `Width`: how wide the picture is shown, in device pixels.
    pub width: Option<u32>,
    /// `Sec-CH-Viewport-Width` or `Viewport-Width`, in CSS pixels.
    pub viewport_width: Option<u32>,
    /// `Sec-CH-Device-Memory` or `Device-Memory`: the device's memory, in gibibytes.
    pub memory: Option<Factor>,
    /// `Save-Data: on`.
    pub save_data: bool,
    /// `RTT`, in milliseconds.
    pub rtt: Option<u32>,
    /// `Downlink`, in megabits per second.
    pub downlink: Option<Factor>,
    /// `ECT` below `4g`.
    pub slow_type: bool,
    /// `Sec-CH-UA-Mobile`, or else whether `User-Agent` holds `Mobi`.
    pub mobile: bool,
    /// How fast the way to the client is; `None` where that is not known. No header says it.
    pub tier: Option<Tier>,
    /// Whether the page is known to show many pictures. No header says it.
    pub crowded: bool,
    /// Whether the source is a JPEG XL by its name: only then it matters who reads that. No header
    /// says it.
    pub jxl: bool,
}

impl Signals {
    /// The request headers that are read, lower case.
    pub const HEADERS: [&'static str; 14] = [
        "accept",
        "sec-ch-dpr",
        "dpr",
        "sec-ch-width",
        "width",
        "sec-ch-viewport-width",
        "viewport-width",
        "sec-ch-device-memory",
        "device-memory",
        "save-data",
        "rtt",
        "downlink",
        "ect",
        "sec-ch-ua-mobile",
    ];

    /// Reads the signals through `header`, which gives the value of a request header by its
    /// lower-case name; several lines of one header are joined with commas. Malformed values count
    /// as absent.
    pub fn read<'a>(header: impl Fn(&'static str) -> Option<&'a str>) -> Self {
        let either = |new, old| header(new).or_else(|| header(old)).map(str::trim);
        let mobile = match header("sec-ch-ua-mobile").map(str::trim) {
            Some("?1") => true,
            Some("?0") => false,
            _ => header("user-agent").is_some_and(|agent| agent.contains("Mobi")),
        };
        Self {
            accept: header("accept").map(Accept::parse).unwrap_or_default(),
            dpr: either("sec-ch-dpr", "dpr")
                .and_then(Factor::parse)
                .filter(|dpr| dpr.thousandths() > 0),
            width: either("sec-ch-width", "width").and_then(pixels),
            viewport_width: either("sec-ch-viewport-width", "viewport-width").and_then(pixels),
            memory: either("sec-ch-device-memory", "device-memory")
                .and_then(Factor::parse)
                .filter(|memory| memory.thousandths() > 0),
            save_data: header("save-data").is_some_and(|value| {
                let first = value.split(';').next().unwrap_or_default();
                first.trim().eq_ignore_ascii_case("on")
            }),
            rtt: header("rtt").and_then(|value| value.trim().parse().ok()),
            downlink: header("downlink").map(str::trim).and_then(Factor::parse),
            slow_type: matches!(header("ect").map(str::trim), Some("slow-2g" | "2g" | "3g")),
            mobile,
            tier: None,
            crowded: false,
            jxl: false,
        }
    }

    /// The same, for a source that is a JPEG XL by its name, or not.
    #[must_use]
    pub fn of_jxl(self, jxl: bool) -> Self {
        Self { jxl, ..self }
    }

    /// The same, over a way of this tier.
    #[must_use]
    pub fn over(self, tier: Option<Tier>) -> Self {
        Self { tier, ..self }
    }

    /// The same, on a page that shows many pictures or does not.
    #[must_use]
    pub fn among(self, crowded: bool) -> Self {
        Self { crowded, ..self }
    }

    /// Whether the device says that it has little memory: 2 GiB or less.
    pub fn is_weak(&self) -> bool {
        self.memory
            .is_some_and(|memory| memory.thousandths() <= LITTLE_MEMORY)
    }

    /// Whether the connection counts as slow for `slow-connection-quality`: data saving asked, a
    /// round trip over 150 ms, less than 5 Mbit/s, a type below 4G, or a way that is seen to be.
    pub fn is_slow(&self) -> bool {
        self.save_data
            || self.tier == Some(Tier::Slow)
            || self.slow_type
            || self.rtt.is_some_and(|rtt| rtt > SLOW_RTT)
            || self
                .downlink
                .is_some_and(|downlink| downlink.thousandths() < SLOW_DOWNLINK)
    }
}

fn pixels(text: &str) -> Option<u32> {
    let pixels: u16 = text.parse().ok()?;
    (pixels > 0).then_some(pixels.into())
}

#[cfg(test)]
mod tests {
    use super::Signals;
    use crate::{Factor, Format};

    fn read(headers: &[(&str, &'static str)]) -> Signals {
        Signals::read(|name| {
            headers
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| *value)
        })
    }

    #[test]
    fn hints_are_read() {
        let signals = read(&[
            ("accept", "image/webp"),
            ("sec-ch-dpr", "2.625"),
            ("dpr", "1"),
            ("width", "600"),
            ("sec-ch-viewport-width", "412"),
            ("save-data", "on"),
            ("sec-ch-ua-mobile", "?1"),
            ("device-memory", "0.5"),
        ]);
        assert!(signals.is_weak() && !read(&[("sec-ch-device-memory", "4")]).is_weak());
        assert!(signals.accept.names(Format::WebP));
        assert_eq!(signals.dpr, Some(Factor::from_thousandths(2625)));
        assert_eq!(
            (signals.width, signals.viewport_width),
            (Some(600), Some(412))
        );
        assert!(signals.save_data && signals.mobile && signals.is_slow());
    }

    #[test]
    fn malformed_hints_count_as_absent() {
        let wrong = [
            ("sec-ch-dpr", "0"),
            ("width", "-5"),
            ("rtt", "x"),
            ("save-data", "off"),
            ("sec-ch-device-memory", "0"),
        ];
        assert_eq!(read(&wrong), Signals::default());
        assert_eq!(read(&[("width", "70000")]), Signals::default());
    }

    #[test]
    fn any_one_sign_makes_a_connection_slow() {
        let slow = [
            ("rtt", "151"),
            ("downlink", "4.9"),
            ("ect", "3g"),
            ("save-data", "on"),
        ];
        for sign in slow {
            assert!(read(&[sign]).is_slow(), "{sign:?}");
        }
        for fine in [("rtt", "150"), ("downlink", "5"), ("ect", "4g")] {
            assert!(!read(&[fine]).is_slow(), "{fine:?}");
        }
    }

    #[test]
    fn the_user_agent_stands_in_for_the_hint() {
        let agent = ("user-agent", "Mozilla/5.0 (iPhone) Mobile/15E148");
        assert!(read(&[agent]).mobile);
        assert!(!read(&[agent, ("sec-ch-ua-mobile", "?0")]).mobile);
    }
}

//! What can be switched off by itself, so that each part's share is seen.

use base::Quality;
use image::{Prefer, QualityChoice};
use origin::HostHeader;

use crate::Config;

/// The quality of pictures where none is given away: what cameras write.
const WHOLE_QUALITY: u8 = 95;

/// What Firstlight does to a page, part by part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Responses leave in the order of what they show.
    Order,
    /// Pictures are made at all.
    Images,
    /// Photographs are made in the form that shows a preview soonest, not in the smallest one.
    Progressive,
    /// Pictures are made in newer formats than they came in.
    Formats,
    /// Pictures are made for how fast the visitor's connection is seen to be.
    Network,
    /// Pictures are made at a quality that is enough for the eye.
    Quality,
    /// Texts are compressed.
    Compression,
    /// Responses and pictures are kept.
    Cache,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Order,
        Self::Images,
        Self::Progressive,
        Self::Formats,
        Self::Network,
        Self::Quality,
        Self::Compression,
        Self::Cache,
    ];

    /// Its name in options and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Images => "images",
            Self::Progressive => "progressive",
            Self::Formats => "formats",
            Self::Network => "network",
            Self::Quality => "quality",
            Self::Compression => "compression",
            Self::Cache => "cache",
        }
    }

    /// What it does, in a line.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Order => "responses leave in the order of what they show; without: plain HTTP/2",
            Self::Images => "pictures are made smaller and progressive; without: as they came",
            Self::Progressive => {
                "photographs are made in the form that shows a preview soonest; without: in the smallest"
            }
            Self::Formats => "WebP for browsers that take it; without: formats as they came",
            Self::Network => {
                "pictures are smaller where the connection is slow; without: the same for everyone"
            }
            Self::Quality => {
                "pictures of the quality that is set; without: hardly less than the original’s"
            }
            Self::Compression => "texts are compressed; without: as the origin sends them",
            Self::Cache => "responses and pictures are kept; without: made for each visit",
        }
    }
}

impl Config {
    /// Switches a feature off, for every site.
    pub fn switch_off(&mut self, feature: Feature) {
        if feature == Feature::Order {
            self.front.http2.order = false;
        }
        for site in &mut self.site {
            match feature {
                Feature::Order => {}
                Feature::Images => site.images.enabled = false,
                Feature::Progressive => site.images.policy.prefer = Prefer::Bytes,
                Feature::Formats => site.images.policy.webp = false,
                Feature::Network => site.network.enabled = false,
                Feature::Quality => {
                    let whole = Quality::new(WHOLE_QUALITY);
                    site.images.policy.quality = QualityChoice::Number(whole);
                }
                Feature::Compression => site.compression.enabled = false,
                Feature::Cache => site.cache.enabled = false,
            }
        }
    }

    /// Origins are told their own host, whatever host a visitor asked for.
    pub fn tell_origins_their_own_host(&mut self) {
        for site in &mut self.site {
            site.host_header = HostHeader::Upstream;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_is_a_setting_of_its_own() {
        let origin = "http://127.0.0.1:3000";
        let all = format!("{:?}", Config::for_origin(origin).unwrap());
        let mut seen = vec![all];
        for feature in Feature::ALL {
            let mut config = Config::for_origin(origin).unwrap();
            config.switch_off(feature);
            let shown = format!("{config:?}");
            assert!(!seen.contains(&shown), "{feature:?} changes nothing");
            seen.push(shown);
            assert!(!feature.name().is_empty() && feature.meaning().contains("without"));
        }
    }
}

//! Photographs nobody took: scenes computed in linear light, then put through a lens, a sensor
//! and a film curve. The same scene, size and seed give the same bytes on every run.

mod camera;
mod canvas;
mod noise;
mod scenes;
mod terrain;
pub(crate) mod tone;

use std::fmt;

use noise::Noise;

/// A picture: RGB, 8 bits a channel, sRGB, rows from the top without padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels per row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width × height × 3` bytes.
    pub pixels: Vec<u8>,
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}×{})", self.width, self.height)
    }
}

/// What a scene is painted with: the size in pixels and the noise of its seed.
struct Frame {
    width: usize,
    height: usize,
    noise: Noise,
}

impl Frame {
    /// The place of a pixel: x −aspect..aspect from the left, y 1..−1 from the top.
    fn place(&self, x: usize, y: usize) -> (f32, f32) {
        let half = self.height as f32 / 2.0;
        (
            (x as f32 + 0.5 - self.width as f32 / 2.0) / half,
            (half - y as f32 - 0.5) / half,
        )
    }

    /// The size of a pixel in the units of [`Frame::place`].
    fn pixel(&self) -> f32 {
        2.0 / self.height as f32
    }
}

/// Takes the photograph of a scene.
///
/// Uses all cores; at 1600 × 1067 about one second of processor time in all (0.7–1.7 s measured
/// on a core of 2.3 GHz). A side of 0 gives an empty picture.
pub fn photograph(scene: Scene, width: u32, height: u32, seed: u64) -> Picture {
    let mut pixels = Vec::new();
    if width > 0 && height > 0 {
        let noise = Noise::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ scene as u64);
        let frame = Frame {
            width: width as usize,
            height: height as usize,
            noise,
        };
        let (canvas, camera) = scenes::paint(scene, &frame);
        pixels = camera.develop(&canvas, noise.other(77));
    }
    Picture {
        width,
        height,
        pixels,
    }
}

/// Declares the scenes once: variant, seed of its best take, name in addresses, title, what it
/// shows.
macro_rules! scenes {
    ($($(#[doc = $doc:literal])+ $variant:ident, $take:literal, $name:literal, $title:literal, $alt:literal;)+) => {
        /// What can be photographed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Scene { $($(#[doc = $doc])+ $variant,)+ }

        impl Scene {
            /// Every scene, in the order the sample site shows them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in addresses: lower-case letters.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The caption.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }

            /// The seed of the take that the sample site shows.
            pub const fn take(self) -> u64 {
                match self { $(Self::$variant => $take),+ }
            }

            /// What the picture shows, for those who cannot see it.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $alt),+ }
            }
        }
    };
}

scenes! {
    /// Snowy mountains mirrored in a lake.
    Lake, 3, "lake", "Still water", "Snow-capped mountains mirrored in a calm lake";
    /// Desert dunes in low light.
    Dunes, 6, "dunes", "Sand sea", "Wind-rippled desert dunes in low evening light";
    /// Wooded ridges in morning mist.
    Mist, 6, "mist", "First light", "Wooded ridges fading into morning mist";
    /// A coast seen from above.
    Shore, 2026, "shore", "Where the reef ends", "A sandy shore and turquoise water seen from above";
    /// A slot canyon.
    Canyon, 5, "canyon", "Carved by water", "Smooth glowing walls of a sandstone slot canyon";
    /// A flower close up.
    Dahlia, 2026, "dahlia", "Dahlia", "A dahlia in full bloom against a soft green background";
    /// A skyline at dusk.
    City, 2026, "city", "Blue hour", "A city skyline at dusk with lit windows reflected in a river";
    /// Rolling farmland.
    Hills, 4, "hills", "After the rain", "Rolling green hills with lines of cypress trees";
    /// A row of houses.
    Street, 2026, "street", "Harbour street", "Painted house fronts with shutters and balconies in the sun";
    /// Autumn leaves.
    Leaves, 2026, "leaves", "Ground cover", "Autumn leaves in red, gold and brown covering the ground";
    /// The sea at sunset.
    Sunset, 2026, "sunset", "Last minutes", "The sun setting over the sea, its light glittering on the waves";
    /// Fruit on a table.
    Peaches, 2026, "peaches", "Peaches", "Ripe peaches on a wooden table in window light";
    /// Northern lights.
    Aurora, 2026, "aurora", "Northern lights", "Green northern lights above snowy fir trees";
    /// Round stones.
    Pebbles, 2026, "pebbles", "Low tide", "Round wet pebbles on a beach";
    /// Lights out of focus.
    Lights, 2026, "lights", "Rush hour", "Out-of-focus lights of a street at night";
    /// A sea of clouds.
    Clouds, 2, "clouds", "Above it all", "Dark peaks rising from a sea of clouds at sunrise";
}

impl Scene {
    /// The scene of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|scene| scene.name() == name)
    }
}

#[cfg(test)]
mod tests;

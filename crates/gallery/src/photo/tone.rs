//! Three numbers: a colour in linear light, or a direction.

use std::ops::{Add, AddAssign, Mul, Neg, Sub};

/// Linear-light red, green and blue, 1.0 a white wall in full light; or x, y (up) and z.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tone(pub f32, pub f32, pub f32);

impl Tone {
    /// The colour an sRGB triple `0xrrggbb` stands for.
    pub fn hex(code: u32) -> Self {
        let channel = |shift: u32| {
            let value = ((code >> shift) & 255) as f32 / 255.0;
            if value <= 0.040_45 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        Self(channel(16), channel(8), channel(0))
    }

    /// The same value three times.
    pub const fn grey(value: f32) -> Self {
        Self(value, value, value)
    }

    /// `self` at 0, `other` at 1.
    pub fn mix(self, other: Self, share: f32) -> Self {
        self + (other - self) * share
    }

    /// Scalar product.
    pub fn dot(self, other: Self) -> f32 {
        self.0 * other.0 + self.1 * other.1 + self.2 * other.2
    }

    /// Vector product.
    pub fn cross(self, other: Self) -> Self {
        Self(
            self.1 * other.2 - self.2 * other.1,
            self.2 * other.0 - self.0 * other.2,
            self.0 * other.1 - self.1 * other.0,
        )
    }

    /// The same direction with length 1; zero stays zero.
    pub fn unit(self) -> Self {
        let length = self.dot(self).sqrt();
        if length > 0.0 {
            self * (1.0 / length)
        } else {
            self
        }
    }

    /// Brightness as the eye weighs it (BT.709).
    pub fn luminance(self) -> f32 {
        self.dot(Self(0.2126, 0.7152, 0.0722))
    }
}

impl Add for Tone {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1, self.2 + other.2)
    }
}

impl AddAssign for Tone {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Tone {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0, self.1 - other.1, self.2 - other.2)
    }
}

impl Neg for Tone {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0, -self.1, -self.2)
    }
}

impl Mul<f32> for Tone {
    type Output = Self;
    fn mul(self, factor: f32) -> Self {
        Self(self.0 * factor, self.1 * factor, self.2 * factor)
    }
}

impl Mul for Tone {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0, self.1 * other.1, self.2 * other.2)
    }
}

/// 0 below `from`, 1 above `to`, a smooth cubic between.
pub fn smooth(from: f32, to: f32, value: f32) -> f32 {
    let share = ((value - from) / (to - from)).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}

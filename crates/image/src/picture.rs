//! Pixels between decoder and encoder.

/// What a pixel holds, one byte each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channels {
    Grey,
    Rgb,
    Rgba,
}

impl Channels {
    pub(crate) const fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// A picture in sRGB or grey, row by row from the top without padding; alpha is not premultiplied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) channels: Channels,
    /// Exactly `width × height × channels` bytes.
    pub(crate) data: Vec<u8>,
}

impl Picture {
    /// Wraps pixels; `None` if there are not exactly as many as the dimensions say.
    pub(crate) fn new(
        width: usize,
        height: usize,
        channels: Channels,
        data: Vec<u8>,
    ) -> Option<Self> {
        let length = width.checked_mul(height)?.checked_mul(channels.count())?;
        (length == data.len() && length > 0).then_some(Self {
            width,
            height,
            channels,
            data,
        })
    }

    /// Wraps a plane of samples, `stride` bytes from row to row; `None` if there are too few.
    pub(crate) fn from_plane(
        width: usize,
        height: usize,
        stride: usize,
        data: Vec<u8>,
    ) -> Option<Self> {
        if stride == width && data.len() == width * height {
            return Self::new(width, height, Channels::Grey, data);
        }
        let rows = (0..height).map(|y| data.get(y * stride..)?.get(..width));
        let data = rows.collect::<Option<Vec<_>>>()?.concat();
        Self::new(width, height, Channels::Grey, data)
    }

    pub(crate) fn row_length(&self) -> usize {
        self.width * self.channels.count()
    }

    pub(crate) fn rows(&self) -> std::slice::ChunksExact<'_, u8> {
        self.data.chunks_exact(self.row_length())
    }

    /// The part of `width` × `height` pixels that starts at (`left`, `top`); it must lie inside.
    pub(crate) fn part(&self, left: usize, top: usize, width: usize, height: usize) -> Self {
        let depth = self.channels.count();
        let mut data = Vec::with_capacity(width * height * depth);
        for row in self.rows().skip(top).take(height) {
            data.extend_from_slice(&row[left * depth..(left + width) * depth]);
        }
        Self {
            width,
            height,
            channels: self.channels,
            data,
        }
    }

    /// Drops an alpha channel that is opaque throughout.
    pub(crate) fn without_idle_alpha(self) -> Self {
        if self.channels != Channels::Rgba || self.data.chunks_exact(4).any(|pixel| pixel[3] != 255)
        {
            return self;
        }
        let data = self
            .data
            .chunks_exact(4)
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
            .collect();
        Self {
            channels: Channels::Rgb,
            data,
            ..self
        }
    }

    /// The picture as RGB or RGBA.
    pub(crate) fn into_colour(self) -> Self {
        if self.channels != Channels::Grey {
            return self;
        }
        let data = self.data.iter().flat_map(|grey| [*grey; 3]).collect();
        Self {
            channels: Channels::Rgb,
            data,
            ..self
        }
    }

    /// The picture as RGBA.
    pub(crate) fn into_rgba(self) -> Self {
        let colour = self.into_colour();
        if colour.channels == Channels::Rgba {
            return colour;
        }
        let data = colour
            .data
            .chunks_exact(3)
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255])
            .collect();
        Self {
            channels: Channels::Rgba,
            data,
            ..colour
        }
    }
}

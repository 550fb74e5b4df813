//! CSS colours.

/// A colour with alpha, each channel 0–255, sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Colour {
    /// Red.
    pub red: u8,
    /// Green.
    pub green: u8,
    /// Blue.
    pub blue: u8,
    /// 0 is transparent, 255 opaque.
    pub alpha: u8,
}

impl Colour {
    /// White.
    pub const WHITE: Self = Self::opaque(0xFF_FF_FF);

    const fn opaque(rgb: u32) -> Self {
        Self {
            red: (rgb >> 16) as u8,
            green: (rgb >> 8) as u8,
            blue: rgb as u8,
            alpha: 255,
        }
    }

    /// Reads a CSS colour: a name, `#rgb`, `#rgba`, `#rrggbb`, `#rrggbbaa`, `rgb(…)` or `rgba(…)`
    /// with commas or spaces, numbers or percentages (CSS Color 4 §5.1, §5.2, §6.1).
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        if let Some(digits) = text.strip_prefix('#') {
            return hexadecimal(digits);
        }
        if let Some(inside) = text
            .strip_prefix("rgba(")
            .or_else(|| text.strip_prefix("rgb("))
        {
            return function(inside.strip_suffix(')')?);
        }
        if text == "transparent" {
            return Some(Self {
                alpha: 0,
                ..Self::opaque(0)
            });
        }
        let place = NAMES
            .binary_search_by_key(&text.as_str(), |(name, _)| name)
            .ok()?;
        NAMES.get(place).map(|(_, rgb)| Self::opaque(*rgb))
    }
}

fn hexadecimal(digits: &str) -> Option<Colour> {
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let full: String = match digits.len() {
        3 | 4 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
        6 | 8 => digits.to_owned(),
        _ => return None,
    };
    let channel = |place: usize| u8::from_str_radix(full.get(place..place + 2)?, 16).ok();
    Some(Colour {
        red: channel(0)?,
        green: channel(2)?,
        blue: channel(4)?,
        alpha: if full.len() == 8 { channel(6)? } else { 255 },
    })
}

fn function(inside: &str) -> Option<Colour> {
    let separators = |character: char| character.is_ascii_whitespace() || ",/".contains(character);
    let mut numbers = inside.split(separators).filter(|part| !part.is_empty());
    let mut channel = || level(numbers.next()?, 255.0);
    let (red, green, blue) = (channel()?, channel()?, channel()?);
    let alpha = match numbers.next() {
        Some(text) => level(text, 1.0)?,
        None => 255,
    };
    numbers.next().is_none().then_some(Colour {
        red,
        green,
        blue,
        alpha,
    })
}

/// A number out of `whole`, or a percentage, as 0–255.
fn level(text: &str, whole: f32) -> Option<u8> {
    let (number, whole) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, whole),
    };
    if !number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return None;
    }
    let number: f32 = number.parse().ok()?;
    Some((number / whole * 255.0).round().clamp(0.0, 255.0) as u8)
}

/// The named colours (CSS Color 4 §6.1), by name.
const NAMES: &[(&str, u32)] = &[
    ("aliceblue", 0xF0F8FF),
    ("antiquewhite", 0xFAEBD7),
    ("aqua", 0x00FFFF),
    ("aquamarine", 0x7FFFD4),
    ("azure", 0xF0FFFF),
    ("beige", 0xF5F5DC),
    ("bisque", 0xFFE4C4),
    ("black", 0x000000),
    ("blanchedalmond", 0xFFEBCD),
    ("blue", 0x0000FF),
    ("blueviolet", 0x8A2BE2),
    ("brown", 0xA52A2A),
    ("burlywood", 0xDEB887),
    ("cadetblue", 0x5F9EA0),
    ("chartreuse", 0x7FFF00),
    ("chocolate", 0xD2691E),
    ("coral", 0xFF7F50),
    ("cornflowerblue", 0x6495ED),
    ("cornsilk", 0xFFF8DC),
    ("crimson", 0xDC143C),
    ("cyan", 0x00FFFF),
    ("darkblue", 0x00008B),
    ("darkcyan", 0x008B8B),
    ("darkgoldenrod", 0xB8860B),
    ("darkgray", 0xA9A9A9),
    ("darkgreen", 0x006400),
    ("darkgrey", 0xA9A9A9),
    ("darkkhaki", 0xBDB76B),
    ("darkmagenta", 0x8B008B),
    ("darkolivegreen", 0x556B2F),
    ("darkorange", 0xFF8C00),
    ("darkorchid", 0x9932CC),
    ("darkred", 0x8B0000),
    ("darksalmon", 0xE9967A),
    ("darkseagreen", 0x8FBC8F),
    ("darkslateblue", 0x483D8B),
    ("darkslategray", 0x2F4F4F),
    ("darkslategrey", 0x2F4F4F),
    ("darkturquoise", 0x00CED1),
    ("darkviolet", 0x9400D3),
    ("deeppink", 0xFF1493),
    ("deepskyblue", 0x00BFFF),
    ("dimgray", 0x696969),
    ("dimgrey", 0x696969),
    ("dodgerblue", 0x1E90FF),
    ("firebrick", 0xB22222),
    ("floralwhite", 0xFFFAF0),
    ("forestgreen", 0x228B22),
    ("fuchsia", 0xFF00FF),
    ("gainsboro", 0xDCDCDC),
    ("ghostwhite", 0xF8F8FF),
    ("gold", 0xFFD700),
    ("goldenrod", 0xDAA520),
    ("gray", 0x808080),
    ("green", 0x008000),
    ("greenyellow", 0xADFF2F),
    ("grey", 0x808080),
    ("honeydew", 0xF0FFF0),
    ("hotpink", 0xFF69B4),
    ("indianred", 0xCD5C5C),
    ("indigo", 0x4B0082),
    ("ivory", 0xFFFFF0),
    ("khaki", 0xF0E68C),
    ("lavender", 0xE6E6FA),
    ("lavenderblush", 0xFFF0F5),
    ("lawngreen", 0x7CFC00),
    ("lemonchiffon", 0xFFFACD),
    ("lightblue", 0xADD8E6),
    ("lightcoral", 0xF08080),
    ("lightcyan", 0xE0FFFF),
    ("lightgoldenrodyellow", 0xFAFAD2),
    ("lightgray", 0xD3D3D3),
    ("lightgreen", 0x90EE90),
    ("lightgrey", 0xD3D3D3),
    ("lightpink", 0xFFB6C1),
    ("lightsalmon", 0xFFA07A),
    ("lightseagreen", 0x20B2AA),
    ("lightskyblue", 0x87CEFA),
    ("lightslategray", 0x778899),
    ("lightslategrey", 0x778899),
    ("lightsteelblue", 0xB0C4DE),
    ("lightyellow", 0xFFFFE0),
    ("lime", 0x00FF00),
    ("limegreen", 0x32CD32),
    ("linen", 0xFAF0E6),
    ("magenta", 0xFF00FF),
    ("maroon", 0x800000),
    ("mediumaquamarine", 0x66CDAA),
    ("mediumblue", 0x0000CD),
    ("mediumorchid", 0xBA55D3),
    ("mediumpurple", 0x9370DB),
    ("mediumseagreen", 0x3CB371),
    ("mediumslateblue", 0x7B68EE),
    ("mediumspringgreen", 0x00FA9A),
    ("mediumturquoise", 0x48D1CC),
    ("mediumvioletred", 0xC71585),
    ("midnightblue", 0x191970),
    ("mintcream", 0xF5FFFA),
    ("mistyrose", 0xFFE4E1),
    ("moccasin", 0xFFE4B5),
    ("navajowhite", 0xFFDEAD),
    ("navy", 0x000080),
    ("oldlace", 0xFDF5E6),
    ("olive", 0x808000),
    ("olivedrab", 0x6B8E23),
    ("orange", 0xFFA500),
    ("orangered", 0xFF4500),
    ("orchid", 0xDA70D6),
    ("palegoldenrod", 0xEEE8AA),
    ("palegreen", 0x98FB98),
    ("paleturquoise", 0xAFEEEE),
    ("palevioletred", 0xDB7093),
    ("papayawhip", 0xFFEFD5),
    ("peachpuff", 0xFFDAB9),
    ("peru", 0xCD853F),
    ("pink", 0xFFC0CB),
    ("plum", 0xDDA0DD),
    ("powderblue", 0xB0E0E6),
    ("purple", 0x800080),
    ("rebeccapurple", 0x663399),
    ("red", 0xFF0000),
    ("rosybrown", 0xBC8F8F),
    ("royalblue", 0x4169E1),
    ("saddlebrown", 0x8B4513),
    ("salmon", 0xFA8072),
    ("sandybrown", 0xF4A460),
    ("seagreen", 0x2E8B57),
    ("seashell", 0xFFF5EE),
    ("sienna", 0xA0522D),
    ("silver", 0xC0C0C0),
    ("skyblue", 0x87CEEB),
    ("slateblue", 0x6A5ACD),
    ("slategray", 0x708090),
    ("slategrey", 0x708090),
    ("snow", 0xFFFAFA),
    ("springgreen", 0x00FF7F),
    ("steelblue", 0x4682B4),
    ("tan", 0xD2B48C),
    ("teal", 0x008080),
    ("thistle", 0xD8BFD8),
    ("tomato", 0xFF6347),
    ("turquoise", 0x40E0D0),
    ("violet", 0xEE82EE),
    ("wheat", 0xF5DEB3),
    ("white", 0xFFFFFF),
    ("whitesmoke", 0xF5F5F5),
    ("yellow", 0xFFFF00),
    ("yellowgreen", 0x9ACD32),
];

#[cfg(test)]
mod tests {
    use super::{Colour, NAMES};

    #[test]
    fn names_are_sorted() {
        assert!(NAMES.is_sorted_by(|one, two| one.0 < two.0));
        assert_eq!(NAMES.len(), 148);
        assert_eq!(Colour::parse("White"), Some(Colour::WHITE));
    }

    #[test]
    fn colours_are_read() {
        let colour = |red, green, blue, alpha| {
            Some(Colour {
                red,
                green,
                blue,
                alpha,
            })
        };
        let cases = [
            ("#0af", colour(0, 170, 255, 255)),
            ("#0af8", colour(0, 170, 255, 136)),
            ("#F08000", colour(240, 128, 0, 255)),
            ("#F0800080", colour(240, 128, 0, 128)),
            ("rgb(240,40,145)", colour(240, 40, 145, 255)),
            ("rgb(240 40 145)", colour(240, 40, 145, 255)),
            ("rgb(100%, 0%, 50%)", colour(255, 0, 128, 255)),
            ("rgba(1, 2, 3, 0.5)", colour(1, 2, 3, 128)),
            ("rgb(1 2 3 / 50%)", colour(1, 2, 3, 128)),
            ("rgb(300 0 0)", colour(255, 0, 0, 255)),
            ("transparent", colour(0, 0, 0, 0)),
            ("rebeccapurple", colour(0x66, 0x33, 0x99, 255)),
            ("#12345", None),
            ("#+1+2+3", None),
            ("rgb(1,2)", None),
            ("rgb(1,2,3,4,5)", None),
            ("rgb(1,2,3", None),
            ("rgb(-1,2,3)", None),
            ("reddish", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Colour::parse(text), expected, "{text}");
        }
    }
}

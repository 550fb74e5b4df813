//! Header compression (RFC 7541): a plain encoder and a whole decoder.

use std::collections::VecDeque;
use std::sync::LazyLock;

/// Encodes a field as a literal that is not indexed (RFC 7541 §6.2.2), without Huffman codes.
pub fn encode(name: &str, value: &str, block: &mut Vec<u8>) {
    block.push(0);
    for text in [name, value] {
        encode_length(text.len(), block);
        block.extend(text.as_bytes());
    }
}

fn encode_length(length: usize, block: &mut Vec<u8>) {
    if length < 127 {
        block.push(length as u8);
        return;
    }
    block.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        block.push(rest as u8 | 128);
        rest >>= 7;
    }
    block.push(rest as u8);
}

/// What the peer's encoder remembers, remembered here.
#[derive(Debug)]
pub struct Decoder {
    table: VecDeque<(String, String)>,
    size: usize,
    limit: usize,
}

/// The size of the dynamic table unless settings say otherwise.
const TABLE_SIZE: usize = 4096;

impl Default for Decoder {
    fn default() -> Self {
        Self {
            table: VecDeque::new(),
            size: 0,
            limit: TABLE_SIZE,
        }
    }
}

impl Decoder {
    /// The fields of a whole header block; `None` if it is malformed, after which the
    /// connection is of no use.
    pub fn decode(&mut self, block: &[u8]) -> Option<Vec<(String, String)>> {
        let mut rest = block;
        let mut fields = Vec::new();
        while let Some(first) = rest.first().copied() {
            if first & 0x80 != 0 {
                let index = integer(&mut rest, 7)?;
                fields.push(self.entry(index)?);
            } else if first & 0x40 != 0 {
                let field = self.literal(&mut rest, 6)?;
                self.remember(field.clone());
                fields.push(field);
            } else if first & 0x20 != 0 {
                self.limit = integer(&mut rest, 5).filter(|limit| *limit <= TABLE_SIZE)?;
                self.evict(0);
            } else {
                fields.push(self.literal(&mut rest, 4)?);
            }
        }
        Some(fields)
    }

    fn literal(&self, rest: &mut &[u8], prefix: u32) -> Option<(String, String)> {
        let name = match integer(rest, prefix)? {
            0 => string(rest, 7)?,
            index => self.entry(index)?.0,
        };
        Some((name, string(rest, 7)?))
    }

    fn entry(&self, index: usize) -> Option<(String, String)> {
        let index = index.checked_sub(1)?;
        if let Some((name, value)) = STATIC.get(index) {
            return Some(((*name).to_owned(), (*value).to_owned()));
        }
        self.table.get(index - STATIC.len()).cloned()
    }

    fn remember(&mut self, field: (String, String)) {
        let size = entry_size(&field);
        self.evict(size);
        if size <= self.limit {
            self.size += size;
            self.table.push_front(field);
        }
    }

    fn evict(&mut self, coming: usize) {
        while self.size + coming > self.limit {
            let Some(oldest) = self.table.pop_back() else {
                break;
            };
            self.size -= entry_size(&oldest);
        }
    }
}

/// RFC 7541 §4.1.
fn entry_size(field: &(String, String)) -> usize {
    field.0.len() + field.1.len() + 32
}

/// A number whose first byte holds so many bits of it (RFC 7541 §5.1).
pub fn integer(rest: &mut &[u8], prefix: u32) -> Option<usize> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    let full = (1_usize << prefix) - 1;
    let mut value = usize::from(*first) & full;
    if value < full {
        return Some(value);
    }
    for shift in [0, 7, 14, 21] {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value += usize::from(byte & 127) << shift;
        if byte & 128 == 0 {
            return Some(value);
        }
    }
    None
}

/// A string whose length has so many bits in its first byte; the bit above says whether it is
/// coded (RFC 7541 §5.2).
pub fn string(rest: &mut &[u8], prefix: u32) -> Option<String> {
    let coded = rest.first()? & (1 << prefix) != 0;
    let length = integer(rest, prefix)?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    let bytes = if coded { huffman(text)? } else { text.to_vec() };
    String::from_utf8(bytes).ok()
}

fn huffman(coded: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(coded.len() * 8 / 5);
    let (mut code, mut length) = (0_u32, 0_u32);
    for byte in coded {
        for bit in (0..8).rev() {
            code = code << 1 | u32::from(byte >> bit & 1);
            length += 1;
            if length > 30 {
                return None;
            }
            if let Some(symbol) = SYMBOLS.symbol(code, length) {
                decoded.push(u8::try_from(symbol).ok()?);
                (code, length) = (0, 0);
            }
        }
    }
    // Padding is the start of the end-of-string code: up to seven ones.
    (length < 8 && code == (1 << length) - 1).then_some(decoded)
}

/// The code is canonical: codes of one length follow one another in the order of their symbols.
struct Symbols {
    /// For each length: its first code, and where its symbols begin.
    starts: [(u32, usize); 32],
    sorted: Vec<u16>,
}

static SYMBOLS: LazyLock<Symbols> = LazyLock::new(|| {
    let mut sorted: Vec<u16> = (0..LENGTHS.len() as u16).collect();
    sorted.sort_by_key(|symbol| LENGTHS[usize::from(*symbol)]);
    let mut starts = [(0, 0); 32];
    let (mut code, mut place) = (0, 0);
    for (length, start) in starts.iter_mut().enumerate() {
        *start = (code, place);
        let count = LENGTHS
            .iter()
            .filter(|other| usize::from(**other) == length)
            .count();
        code = (code + count as u32) << 1;
        place += count;
    }
    Symbols { starts, sorted }
});

impl Symbols {
    fn symbol(&self, code: u32, length: u32) -> Option<u16> {
        let (first, place) = self.starts[length as usize];
        let next = self.starts[length as usize + 1].1;
        let index = place + code.checked_sub(first)? as usize;
        if index >= next {
            return None;
        }
        self.sorted.get(index).copied()
    }
}

/// Lengths of the Huffman codes, by symbol; the last ends a string (RFC 7541 Appendix B).
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// RFC 7541 Appendix A.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        (0..text.len() / 2)
            .map(|place| u8::from_str_radix(&text[place * 2..place * 2 + 2], 16).unwrap())
            .collect()
    }

    fn texts(fields: &[(String, String)]) -> Vec<String> {
        fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect()
    }

    #[test]
    fn the_examples_of_the_specification_are_read() {
        // RFC 7541 C.4.1 to C.4.3: requests with Huffman codes, one decoder.
        let mut decoder = Decoder::default();
        let first = decoder
            .decode(&bytes("828684418cf1e3c2e5f23a6ba0ab90f4ff"))
            .unwrap();
        assert_eq!(
            texts(&first),
            [
                ":method: GET",
                ":scheme: http",
                ":path: /",
                ":authority: www.example.com"
            ]
        );
        let second = decoder.decode(&bytes("828684be5886a8eb10649cbf")).unwrap();
        assert_eq!(
            texts(&second)[3..],
            [":authority: www.example.com", "cache-control: no-cache"]
        );
        let third = bytes("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf");
        let third = decoder.decode(&third).unwrap();
        assert_eq!(texts(&third)[4], "custom-key: custom-value");
        assert_eq!(decoder.size, 164);
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let mut block = Vec::new();
        let long = "v".repeat(5000);
        encode(":path", "/a", &mut block);
        encode("x-long", &long, &mut block);
        let fields = Decoder::default().decode(&block).unwrap();
        assert_eq!(fields[0], (":path".into(), "/a".into()));
        assert_eq!(fields[1], ("x-long".into(), long));
    }

    #[test]
    fn malformed_blocks_are_refused() {
        for block in [
            "80",
            "c0",
            "00",
            "0085",
            "ff",
            "3fe21f",
            "0084ffffffff00",
            "7fffffffffff",
        ] {
            assert_eq!(Decoder::default().decode(&bytes(block)), None, "{block}");
        }
    }
}

//! A typeface made of squares, as cameras print dates: a small but complete TrueType file.
//!
//! Tables follow the OpenType specification 1.9.1; every glyph is drawn on a grid five squares
//! wide and seven high.

/// The characters and their rows from the top, one bit a square, the leftmost the highest.
#[rustfmt::skip]
const GLYPHS: &[(char, [u8; 7])] = &[
    (' ', [0, 0, 0, 0, 0, 0, 0]),
    ('-', [0, 0, 0, 0b01110, 0, 0, 0]),
    ('.', [0, 0, 0, 0, 0, 0b01100, 0b01100]),
    ('/', [0b00001, 0b00001, 0b00010, 0b00100, 0b01000, 0b10000, 0b10000]),
    ('0', [0b01110, 0b10001, 0b10001, 0b10101, 0b10001, 0b10001, 0b01110]),
    ('1', [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110]),
    ('2', [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111]),
    ('3', [0b11110, 0b00001, 0b00001, 0b01110, 0b00001, 0b00001, 0b11110]),
    ('4', [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010]),
    ('5', [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110]),
    ('6', [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110]),
    ('7', [0b11111, 0b00001, 0b00010, 0b00100, 0b00100, 0b01000, 0b01000]),
    ('8', [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110]),
    ('9', [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100]),
    ('A', [0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001]),
    ('B', [0b11110, 0b10001, 0b10001, 0b11110, 0b10001, 0b10001, 0b11110]),
    ('C', [0b01110, 0b10001, 0b10000, 0b10000, 0b10000, 0b10001, 0b01110]),
    ('D', [0b11110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11110]),
    ('E', [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111]),
    ('F', [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b10000]),
    ('G', [0b01110, 0b10001, 0b10000, 0b10111, 0b10001, 0b10001, 0b01110]),
    ('H', [0b10001, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001]),
    ('I', [0b01110, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110]),
    ('J', [0b00111, 0b00010, 0b00010, 0b00010, 0b00010, 0b10010, 0b01100]),
    ('K', [0b10001, 0b10010, 0b10100, 0b11000, 0b10100, 0b10010, 0b10001]),
    ('L', [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111]),
    ('M', [0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001]),
    ('N', [0b10001, 0b11001, 0b10101, 0b10101, 0b10011, 0b10001, 0b10001]),
    ('O', [0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110]),
    ('P', [0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000]),
    ('Q', [0b01110, 0b10001, 0b10001, 0b10001, 0b10101, 0b10010, 0b01101]),
    ('R', [0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001]),
    ('S', [0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110]),
    ('T', [0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100]),
    ('U', [0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110]),
    ('V', [0b10001, 0b10001, 0b10001, 0b10001, 0b01010, 0b01010, 0b00100]),
    ('W', [0b10001, 0b10001, 0b10001, 0b10101, 0b10101, 0b11011, 0b10001]),
    ('X', [0b10001, 0b10001, 0b01010, 0b00100, 0b01010, 0b10001, 0b10001]),
    ('Y', [0b10001, 0b10001, 0b01010, 0b00100, 0b00100, 0b00100, 0b00100]),
    ('Z', [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b10000, 0b11111]),
];

/// Font units to a square; seven squares and one below make the em of 1024.
const SQUARE: i16 = 128;
const EM: u16 = 1024;
const ADVANCE: u16 = 6 * SQUARE as u16;
const FAMILY: &str = "Imprint";

/// The TrueType file. Capitals, digits, space and `-./`; small letters show as capitals.
pub fn imprint() -> Vec<u8> {
    let outlines: Vec<Vec<u8>> = std::iter::once(Vec::new())
        .chain(GLYPHS.iter().map(|(_, rows)| outline(rows)))
        .collect();
    let count = outlines.len() as u16;
    let squares = GLYPHS.iter().map(|(_, rows)| rectangles(rows).len()).max();
    let squares = squares.unwrap_or(0) as u16;
    let mut glyf = Vec::new();
    let mut loca = Vec::new();
    for outline in &outlines {
        loca.extend((glyf.len() as u32).to_be_bytes());
        glyf.extend(outline);
    }
    loca.extend((glyf.len() as u32).to_be_bytes());
    assemble(&[
        (b"OS/2", os2()),
        (b"cmap", cmap()),
        (b"glyf", glyf),
        (b"head", head()),
        (b"hhea", hhea(count)),
        (b"hmtx", words(&[ADVANCE, 0].repeat(count as usize))),
        (b"loca", loca),
        (b"maxp", maxp(count, squares)),
        (b"name", name()),
        (b"post", post()),
    ])
}

/// Runs of squares: (row, first column, columns).
fn rectangles(rows: &[u8; 7]) -> Vec<(i16, i16, i16)> {
    let mut found = Vec::new();
    for (row, bits) in rows.iter().enumerate() {
        let mut column = 0;
        while column < 5 {
            let run = (column..5)
                .take_while(|place| bits >> (4 - place) & 1 == 1)
                .count() as i16;
            if run > 0 {
                found.push((row as i16, column, run));
            }
            column += run + 1;
        }
    }
    found
}

/// A simple glyph: one clockwise rectangle for each run (OpenType `glyf`).
fn outline(rows: &[u8; 7]) -> Vec<u8> {
    let runs = rectangles(rows);
    if runs.is_empty() {
        return Vec::new();
    }
    let left = runs.iter().map(|run| run.1).min().unwrap_or(0);
    let right = runs.iter().map(|run| run.1 + run.2).max().unwrap_or(0);
    let top = runs.iter().map(|run| run.0).min().unwrap_or(0);
    let bottom = runs.iter().map(|run| run.0).max().unwrap_or(0);
    let mut glyph = signed(&[
        runs.len() as i16,
        left * SQUARE,
        (6 - bottom) * SQUARE,
        right * SQUARE,
        (7 - top) * SQUARE,
    ]);
    glyph.extend(words(
        &(0..runs.len() as u16)
            .map(|run| run * 4 + 3)
            .collect::<Vec<_>>(),
    ));
    glyph.extend(words(&[0]));
    // Every point is on the curve, coordinates are two bytes.
    glyph.extend(vec![1; runs.len() * 4]);
    let (mut across, mut upward) = (Vec::new(), Vec::new());
    let (mut x, mut y) = (0, 0);
    for (row, column, run) in runs {
        let (west, east) = (column * SQUARE, (column + run) * SQUARE);
        let (north, south) = ((7 - row) * SQUARE, (6 - row) * SQUARE);
        for (next_x, next_y) in [(west, south), (west, north), (east, north), (east, south)] {
            across.extend((next_x - x).to_be_bytes());
            upward.extend((next_y - y).to_be_bytes());
            (x, y) = (next_x, next_y);
        }
    }
    glyph.extend(across);
    glyph.extend(upward);
    glyph.resize(glyph.len().next_multiple_of(4), 0);
    glyph
}

/// Format 4, one segment for each character, small letters after the capitals' glyphs.
fn cmap() -> Vec<u8> {
    let mut pairs: Vec<(u16, u16)> = Vec::new();
    for (index, (character, _)) in GLYPHS.iter().enumerate() {
        let glyph = index as u16 + 1;
        pairs.push((*character as u16, glyph));
        if character.is_ascii_uppercase() {
            pairs.push((character.to_ascii_lowercase() as u16, glyph));
        }
    }
    pairs.sort_unstable();
    pairs.push((0xffff, 0));
    let count = pairs.len() as u16;
    let floor = 1_u16 << count.ilog2();
    let mut table = vec![
        4,
        16 + 8 * count,
        0,
        count * 2,
        floor * 2,
        floor.ilog2() as u16,
    ];
    table.push((count - floor) * 2);
    table.extend(pairs.iter().map(|pair| pair.0));
    table.push(0);
    table.extend(pairs.iter().map(|pair| pair.0));
    table.extend(pairs.iter().map(|pair| match pair.0 {
        0xffff => 1,
        code => pair.1.wrapping_sub(code),
    }));
    table.extend(vec![0; pairs.len()]);
    // One encoding record: Windows, Unicode BMP, at offset 12.
    let mut bytes = words(&[0, 1, 3, 1, 0, 12]);
    bytes.extend(words(&table));
    bytes
}

fn head() -> Vec<u8> {
    let mut table = words(&[1, 0, 1, 0]);
    // The sum of the whole file is filled in by `assemble`.
    table.extend(0_u32.to_be_bytes());
    table.extend(0x5f0f_3cf5_u32.to_be_bytes());
    table.extend(words(&[0b11, EM]));
    // Created and changed: seconds since 1904; 1 January 2026.
    for _ in 0..2 {
        table.extend(3_850_070_400_u64.to_be_bytes());
    }
    table.extend(signed(&[0, 0, 5 * SQUARE, 7 * SQUARE, 0, 8, 2, 1, 0]));
    table
}

fn hhea(count: u16) -> Vec<u8> {
    let mut table = words(&[1, 0]);
    table.extend(signed(&[7 * SQUARE, -SQUARE, 0, ADVANCE as i16]));
    table.extend(signed(&[0, SQUARE, 5 * SQUARE, 1, 0, 0, 0, 0, 0, 0, 0]));
    table.extend(words(&[count]));
    table
}

fn maxp(count: u16, squares: u16) -> Vec<u8> {
    words(&[
        1,
        0,
        count,
        squares * 4,
        squares,
        0,
        0,
        1,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ])
}

fn os2() -> Vec<u8> {
    let mut table = words(&[4]);
    table.extend(signed(&[ADVANCE as i16]));
    // Weight, width, embedding allowed.
    table.extend(words(&[400, 5, 0]));
    let half = EM as i16 / 2;
    table.extend(signed(&[
        half,
        half,
        0,
        half / 4,
        half,
        half,
        0,
        half,
        SQUARE / 2,
        3 * SQUARE,
    ]));
    table.extend(signed(&[0]));
    // Panose: ten times "any"; Unicode range: Basic Latin.
    table.extend([0; 10]);
    table.extend([0, 0, 0, 1]);
    table.extend([0; 12]);
    table.extend(b"FIRS");
    table.extend(words(&[1 << 6, u16::from(b' '), u16::from(b'z')]));
    table.extend(signed(&[7 * SQUARE, -SQUARE, 0, 7 * SQUARE, SQUARE]));
    table.extend([0, 0, 0, 1, 0, 0, 0, 0]);
    table.extend(signed(&[5 * SQUARE, 7 * SQUARE]));
    table.extend(words(&[0, u16::from(b' '), 0]));
    table
}

fn name() -> Vec<u8> {
    let texts = [
        (1, FAMILY),
        (2, "Regular"),
        (3, "Imprint Regular 1.0"),
        (4, FAMILY),
        (5, "Version 1.0"),
        (6, FAMILY),
    ];
    let mut table = words(&[0, texts.len() as u16, 6 + 12 * texts.len() as u16]);
    let mut strings = Vec::new();
    for (id, text) in texts {
        let encoded = words(&text.encode_utf16().collect::<Vec<_>>());
        table.extend(words(&[
            3,
            1,
            0x409,
            id,
            encoded.len() as u16,
            strings.len() as u16,
        ]));
        strings.extend(encoded);
    }
    table.extend(strings);
    table
}

fn post() -> Vec<u8> {
    let mut table = words(&[3, 0, 0, 0]);
    table.extend(signed(&[-SQUARE, SQUARE / 2]));
    table.extend(1_u32.to_be_bytes());
    table.extend([0; 16]);
    table
}

/// The file: directory, tables at multiples of four, sums.
fn assemble(tables: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let count = tables.len() as u16;
    let floor = 1_u16 << count.ilog2();
    let mut file = words(&[
        1,
        0,
        count,
        floor * 16,
        floor.ilog2() as u16,
        (count - floor) * 16,
    ]);
    let mut offset = 12 + 16 * tables.len();
    let mut head_at = 0;
    for (tag, table) in tables {
        if *tag == b"head" {
            head_at = offset;
        }
        file.extend(*tag);
        file.extend(sum(table).to_be_bytes());
        file.extend((offset as u32).to_be_bytes());
        file.extend((table.len() as u32).to_be_bytes());
        offset += table.len().next_multiple_of(4);
    }
    for (_, table) in tables {
        file.extend(table);
        file.resize(file.len().next_multiple_of(4), 0);
    }
    let adjustment = 0xb1b0_afba_u32.wrapping_sub(sum(&file));
    file[head_at + 8..head_at + 12].copy_from_slice(&adjustment.to_be_bytes());
    file
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(4).fold(0, |total, chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        total.wrapping_add(u32::from_be_bytes(word))
    })
}

fn words(values: &[u16]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_be_bytes())
        .collect()
}

fn signed(values: &[i16]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_be_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_file_has_the_sum_the_format_asks_for() {
        assert_eq!(sum(&imprint()), 0xb1b0_afba);
    }

    #[test]
    fn tables_lie_within_the_file_in_order() {
        let file = imprint();
        let count = usize::from(u16::from_be_bytes([file[4], file[5]]));
        let mut end = 12 + 16 * count;
        for entry in file[12..end].chunks(16) {
            let number = |at: usize| {
                u32::from_be_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]])
            };
            assert_eq!(number(8) as usize, end);
            end += (number(12) as usize).next_multiple_of(4);
        }
        assert_eq!(end, file.len());
    }

    #[test]
    fn tables_of_fixed_size_have_it() {
        let sizes = [
            head().len(),
            hhea(3).len(),
            maxp(3, 4).len(),
            os2().len(),
            post().len(),
        ];
        assert_eq!(sizes, [54, 36, 32, 96, 32]);
    }

    #[test]
    fn squares_in_a_row_are_one_rectangle() {
        let rows = [0b11011, 0, 0, 0, 0, 0, 0b11111];
        assert_eq!(rectangles(&rows), [(0, 0, 2), (0, 3, 2), (6, 0, 5)]);
    }
}

//! Seeded mutations: the same corpus and seed make the same input, on every machine.

use fastrand::Rng;

/// Longest input a mutation makes, in bytes.
const LONGEST: usize = 1 << 17;

/// Values that parsers stumble over.
const EDGES: [u8; 9] = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff, b'\n', b'/', b'"'];

/// An input made from one of the corpus by one to eight small changes. An empty corpus counts as
/// one empty input.
pub fn mutate(corpus: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let mut rng = Rng::with_seed(seed);
    let mut input = pick(corpus, &mut rng).to_vec();
    for _ in 0..rng.usize(1..=8) {
        change(&mut input, corpus, &mut rng);
    }
    input.truncate(LONGEST);
    input
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut Rng) {
    let place = rng.usize(..=input.len());
    let length = rng.usize(..=16).min(input.len() - place);
    match rng.u8(..8) {
        0 => flip_bit(input, rng),
        1 => set(input, place, EDGES[rng.usize(..EDGES.len())]),
        2 => set(input, place, rng.u8(..)),
        3 => drop(input.drain(place..place + length)),
        4 => input.truncate(place),
        5 => {
            let again = input[place..place + length].to_vec();
            input.splice(place..place, again);
        }
        6 => {
            let other = pick(corpus, rng);
            let from = rng.usize(..=other.len());
            input.truncate(place);
            input.extend_from_slice(&other[from..]);
        }
        _ => {
            let fresh: Vec<u8> = (0..rng.usize(1..=4)).map(|_| rng.u8(..)).collect();
            input.splice(place..place, fresh);
        }
    }
}

fn flip_bit(input: &mut [u8], rng: &mut Rng) {
    if !input.is_empty() {
        input[rng.usize(..input.len())] ^= 1 << rng.u8(..8);
    }
}

fn set(input: &mut [u8], place: usize, value: u8) {
    if let Some(byte) = input.get_mut(place) {
        *byte = value;
    }
}

fn pick<'a>(corpus: &'a [Vec<u8>], rng: &mut Rng) -> &'a [u8] {
    match corpus.len() {
        0 => &[],
        count => &corpus[rng.usize(..count)],
    }
}

/// A number that names an input in file names (FNV-1a).
pub fn fingerprint(input: &[u8]) -> u64 {
    input.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_input_and_seeds_differ() {
        let corpus = [
            b"some text to begin with".to_vec(),
            vec![0; 100],
            Vec::new(),
        ];
        let inputs: Vec<_> = (0..200).map(|seed| mutate(&corpus, seed)).collect();
        assert!((0..200).all(|seed| mutate(&corpus, seed) == inputs[seed as usize]));
        let distinct: std::collections::HashSet<_> = inputs.iter().collect();
        assert!(distinct.len() > 150, "{}", distinct.len());
    }

    #[test]
    fn an_empty_corpus_does() {
        assert!((0..50).all(|seed| mutate(&[], seed).len() < 200));
    }
}

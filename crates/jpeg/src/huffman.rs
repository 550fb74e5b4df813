//! The best Huffman codes for counted symbols, within the format's 16 bits.

/// Huffman codes for up to 256 symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Codes {
    /// How many codes there are of each length, 1–16.
    pub lengths: [u8; 16],
    /// The symbols in order of their codes.
    pub symbols: Vec<u8>,
}

impl Codes {
    /// The shortest codes for symbols that occur `counts[symbol]` times; symbols that never occur
    /// get none.
    ///
    /// The code of all ones stays free, as the format demands (T.81 §C), by way of one more
    /// symbol that occurs less often than all others and is left out in the end.
    pub(crate) fn best(counts: &[u32]) -> Self {
        let mut symbols: Vec<(u64, Option<u8>)> = vec![(0, None)];
        let occurring = (0..=255u8).zip(counts).filter(|(_, count)| **count > 0);
        symbols.extend(occurring.map(|(symbol, count)| (u64::from(*count), Some(symbol))));
        symbols.sort_by_key(|(count, symbol)| (*count, std::cmp::Reverse(*symbol)));
        let weights = symbols.iter().map(|(count, _)| *count).collect::<Vec<_>>();
        let mut depths = limited(depths(&weights));
        // The symbols are from rare to frequent and the depths from deep to shallow; the first is
        // the one that is left out.
        let mut lengths = [0u8; 16];
        depths.remove(0);
        for depth in depths.iter().filter(|depth| **depth > 0) {
            lengths[depth - 1] += 1;
        }
        let symbols = symbols
            .into_iter()
            .rev()
            .filter_map(|(_, symbol)| symbol)
            .collect();
        Self { lengths, symbols }
    }

    /// Each symbol's code: 5 bits of length below the code's own bits.
    pub(crate) fn assign(&self, codes: &mut [u32]) {
        let mut code = 0u32;
        let mut symbols = self.symbols.iter();
        for (length, count) in (1..).zip(self.lengths) {
            for symbol in symbols.by_ref().take(count.into()) {
                codes[usize::from(*symbol)] = code << 5 | length;
                code += 1;
            }
            code <<= 1;
        }
    }
}

/// How deep each symbol lies in the best tree for ascending `weights`: never rising from one
/// symbol to the next.
fn depths(weights: &[u64]) -> Vec<usize> {
    let leaves = weights.len();
    if leaves == 1 {
        return vec![0];
    }
    // Inner nodes are made in ascending order too, so the lightest node is always the next leaf
    // or the next inner node without a parent.
    let mut inner: Vec<u64> = Vec::with_capacity(leaves - 1);
    let mut parents = vec![0; 2 * leaves - 1];
    let (mut leaf, mut node) = (0, 0);
    for made in 0..leaves - 1 {
        let mut weight = 0;
        for _ in 0..2 {
            let take_leaf = match (weights.get(leaf), inner.get(node)) {
                (Some(leaf), Some(inner)) => leaf <= inner,
                (leaf, _) => leaf.is_some(),
            };
            if take_leaf {
                weight += weights[leaf];
                parents[leaf] = leaves + made;
                leaf += 1;
            } else {
                weight += inner[node];
                parents[leaves + node] = leaves + made;
                node += 1;
            }
        }
        inner.push(weight);
    }
    let mut depths = vec![0; 2 * leaves - 1];
    for node in (0..2 * leaves - 2).rev() {
        depths[node] = depths[parents[node]] + 1;
    }
    depths.truncate(leaves);
    // Among equal weights the depths may be out of order; any order of them is as good.
    depths.sort_by_key(|depth| std::cmp::Reverse(*depth));
    depths
}

/// Shortens codes beyond 16 bits at the least cost to others (the method of T.81 §K.2, Figure
/// K.3): two codes of the deepest length give way to one a bit shorter, and a shorter code is
/// lengthened to make room for the other.
fn limited(depths: Vec<usize>) -> Vec<usize> {
    let deepest = depths.first().copied().unwrap_or(0);
    if deepest <= 16 {
        return depths;
    }
    let mut counts = vec![0usize; deepest + 1];
    for depth in &depths {
        counts[*depth] += 1;
    }
    for length in (17..=deepest).rev() {
        while counts[length] > 0 {
            let Some(donor) = (1..length - 1).rev().find(|shorter| counts[*shorter] > 0) else {
                break;
            };
            counts[length] -= 2;
            counts[length - 1] += 1;
            counts[donor + 1] += 2;
            counts[donor] -= 1;
        }
    }
    let lengths = counts.iter().enumerate().rev();
    lengths
        .flat_map(|(length, count)| std::iter::repeat_n(length, *count))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The cost in bits of the codes for the counts.
    fn cost(codes: &Codes, counts: &[u32]) -> u64 {
        let mut assigned = vec![0; 256];
        codes.assign(&mut assigned);
        counts
            .iter()
            .zip(&assigned)
            .map(|(count, code)| u64::from(*count) * u64::from(code & 31))
            .sum()
    }

    /// Kraft's sum in units of 2⁻¹⁶.
    fn kraft(codes: &Codes) -> u64 {
        (1..)
            .zip(codes.lengths)
            .map(|(length, count)| u64::from(count) << (16 - length))
            .sum()
    }

    #[test]
    fn one_symbol_gets_one_bit() {
        let mut counts = [0; 256];
        counts[7] = 99;
        let codes = Codes::best(&counts);
        assert_eq!(codes.symbols, [7]);
        assert_eq!(codes.lengths[0], 1);
        assert_eq!(codes.lengths[1..], [0; 15]);
    }

    #[test]
    fn steep_counts_stay_within_sixteen_bits() {
        // Fibonacci numbers make the deepest trees.
        let mut counts = [0u32; 256];
        let (mut a, mut b) = (1u32, 1u32);
        for count in counts.iter_mut().take(40) {
            *count = a;
            (a, b) = (b, a + b);
        }
        let codes = Codes::best(&counts);
        assert_eq!(codes.symbols.len(), 40);
        assert_eq!(
            codes.lengths.iter().map(|n| usize::from(*n)).sum::<usize>(),
            40
        );
        assert!(kraft(&codes) < 1 << 16, "the code of all ones is free");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn codes_are_complete_and_near_the_entropy(
            counts in proptest::collection::vec(prop_oneof![Just(0u32), 1..50u32, 1..1_000_000u32], 256)
        ) {
            let codes = Codes::best(&counts);
            let used = counts.iter().filter(|count| **count > 0).count();
            prop_assert_eq!(codes.symbols.len(), used);
            prop_assert!(kraft(&codes) < 1 << 16);
            let total: f64 = counts.iter().map(|count| f64::from(*count)).sum();
            let entropy: f64 = counts.iter().filter(|count| **count > 0)
                .map(|count| f64::from(*count) * (total / f64::from(*count)).log2()).sum();
            let cost = cost(&codes, &counts) as f64;
            prop_assert!(cost >= entropy - 1e-6);
            prop_assert!(cost <= entropy + total + 256.0);
        }
    }
}

//! Numbers as text, for lines and headers that are written at every request: formatting through
//! [`std::fmt`] would cost more there than all else that is written.

use std::time::Duration;

/// Appends a number.
pub fn push_number(text: &mut Vec<u8>, number: u64) {
    push_padded(text, number, 1);
}

/// Appends a number with zeros in front up to `width` digits, at most 20.
pub fn push_padded(text: &mut Vec<u8>, mut number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    while number > 0 || digits.len() - first < width.min(digits.len()) {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    text.extend_from_slice(&digits[first..]);
}

/// Appends a duration in milliseconds with one decimal, cut off, not rounded: `12.3`.
pub fn push_millis(text: &mut Vec<u8>, duration: Duration) {
    let tenths = u64::try_from(duration.as_micros() / 100).unwrap_or(u64::MAX);
    push_number(text, tenths / 10);
    text.push(b'.');
    push_number(text, tenths % 10);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut text = Vec::new();
        push(&mut text);
        String::from_utf8(text).unwrap()
    }

    proptest! {
        #[test]
        fn numbers_are_written_as_the_formatter_does(number: u64, width in 1..=20usize) {
            prop_assert_eq!(written(|text| push_number(text, number)), number.to_string());
            prop_assert_eq!(
                written(|text| push_padded(text, number, width)),
                format!("{number:0width$}")
            );
        }

        #[test]
        fn durations_have_one_decimal(micros in 0..10_000_000_000u64) {
            let expected = format!("{}.{}", micros / 1000, micros / 100 % 10);
            let duration = Duration::from_micros(micros);
            prop_assert_eq!(written(|text| push_millis(text, duration)), expected);
        }
    }

    #[test]
    fn the_ends_are_right() {
        assert_eq!(written(|text| push_number(text, 0)), "0");
        assert_eq!(
            written(|text| push_number(text, u64::MAX)),
            u64::MAX.to_string()
        );
    }
}

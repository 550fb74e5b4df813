//! Types that can be the value of a setting.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::{DeValue, Report, Setting, Spanned, Value, decode_text};
use crate::units::{ByteSize, Quality, parse_duration, show_duration};

macro_rules! text_values {
    ($( $type:ty: $form:literal, $parse:expr, $show:expr; )+) => { $(
        impl Value for $type {
            fn form() -> String {
                $form.into()
            }

            fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
                decode_text(node, key, report, Self::form(), $parse)
            }

            fn show(&self) -> String {
                let show: fn(&$type) -> String = $show;
                format!("\"{}\"", show(self))
            }
        }
    )+ };
}

text_values! {
    String: "a string", |text| Some(text.to_owned()), String::clone;
    PathBuf: "a path in quotes", |text| (!text.is_empty()).then(|| text.into()),
        |path| path.display().to_string();
    Duration: "a duration such as `\"250ms\"`, `\"5s\"` or `\"1h\"`", parse_duration,
        |duration| show_duration(*duration);
    SocketAddr: "an address and port such as `\"127.0.0.1:8443\"` or `\"[::]:443\"`",
        |text| text.parse().ok(), ToString::to_string;
    IpAddr: "an IP address such as `\"192.0.2.1\"`", |text| text.parse().ok(), ToString::to_string;
    http::HeaderName: "the name of a header", |text| text.parse().ok(), ToString::to_string;
}

impl Value for ByteSize {
    fn form() -> String {
        "a size such as `\"64 MiB\"` or a number of bytes".into()
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        let size = match node.get_ref() {
            DeValue::String(text) => text.parse().ok(),
            DeValue::Integer(number) => integer(number).and_then(|n| n.try_into().ok()).map(Self),
            _ => None,
        };
        if size.is_none() {
            report.mismatch(key, node, Self::form());
        }
        size
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

fn integer(number: &toml::de::DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
}

macro_rules! integer_values {
    ($( $type:ty, $form:expr, $from:expr, $to:expr; )+) => { $(
        impl Value for $type {
            fn form() -> String {
                $form.into()
            }

            fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
                let from: fn(i128) -> Option<$type> = $from;
                let value = match node.get_ref() {
                    DeValue::Integer(number) => integer(number).and_then(from),
                    _ => None,
                };
                if value.is_none() {
                    report.mismatch(key, node, Self::form());
                }
                value
            }

            fn show(&self) -> String {
                let to: fn(&$type) -> String = $to;
                to(self)
            }
        }
    )+ };
}

integer_values! {
    u16, "a whole number from 0 to 65535", |n| n.try_into().ok(), ToString::to_string;
    u32, "a whole number from 0 to 4294967295", |n| n.try_into().ok(), ToString::to_string;
    u64, "a whole number, 0 or more", |n| n.try_into().ok(), ToString::to_string;
    usize, "a whole number, 0 or more", |n| n.try_into().ok(), ToString::to_string;
    Quality, "a whole number from 1 to 100",
        |n| u8::try_from(n).ok().filter(|n| (1..=100).contains(n)).map(Quality::new),
        ToString::to_string;
}

impl Value for bool {
    fn form() -> String {
        "`true` or `false`".into()
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        let value = node.get_ref().as_bool();
        if value.is_none() {
            report.mismatch(key, node, Self::form());
        }
        value
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for f64 {
    fn form() -> String {
        "a number".into()
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        let value = match node.get_ref() {
            DeValue::Float(number) => number.as_str().replace('_', "").parse().ok(),
            DeValue::Integer(number) => integer(number).map(|n| n as f64),
            _ => None,
        };
        let value = value.filter(|number: &f64| number.is_finite());
        if value.is_none() {
            report.mismatch(key, node, Self::form());
        }
        value
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl<T: Value> Value for Option<T> {
    fn form() -> String {
        T::form()
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        T::decode(node, key, report).map(Some)
    }

    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }

    fn inner() -> Vec<Setting> {
        T::inner()
    }
}

impl<T: Value> Value for Vec<T> {
    fn form() -> String {
        format!("a list, each entry {}", T::form())
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        let DeValue::Array(entries) = node.get_ref() else {
            report.mismatch(key, node, Self::form());
            return None;
        };
        let mut values = Vec::with_capacity(entries.len());
        for (place, entry) in entries.iter().enumerate() {
            let key = format!("{key}[{place}]");
            report.visit(&key, entry);
            values.extend(T::decode(entry, &key, report));
        }
        Some(values)
    }

    fn show(&self) -> String {
        let entries: Vec<String> = self.iter().map(T::show).collect();
        format!("[{}]", entries.join(", "))
    }

    fn inner() -> Vec<Setting> {
        T::inner()
    }
}

/// A text that no message shows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "none" } else { "secret" })
    }
}

impl Value for Secret {
    fn form() -> String {
        "a text, best given in the environment".into()
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        match node.get_ref() {
            DeValue::String(text) => Some(Self(text.to_string())),
            _ => {
                report.reject(key, "", Self::form());
                None
            }
        }
    }

    fn show(&self) -> String {
        String::new()
    }
}

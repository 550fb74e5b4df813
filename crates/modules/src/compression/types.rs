//! Which content types are compressed.

/// A content type, all types of a kind, or all with a suffix. In lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `text/css`
    Exact(Box<str>),
    /// `text/*`, kept as `text/`.
    Kind(Box<str>),
    /// `+json`
    Suffix(Box<str>),
}

impl Pattern {
    /// Reads a pattern; `None` if it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let token = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
        };
        if text.strip_prefix('+').is_some_and(token) {
            return Some(Self::Suffix(text.into()));
        }
        match text.split_once('/')? {
            (kind, "*") if token(kind) => Some(Self::Kind(format!("{kind}/").into())),
            (kind, own) if token(kind) && token(own) => Some(Self::Exact(text.into())),
            _ => None,
        }
    }

    fn matches(&self, essence: &[u8]) -> bool {
        let ends = |tail: &[u8]| {
            let start = essence.len().checked_sub(tail.len());
            start.is_some_and(|start| essence[start..].eq_ignore_ascii_case(tail))
        };
        match self {
            Self::Exact(whole) => essence.eq_ignore_ascii_case(whole.as_bytes()),
            Self::Suffix(tail) => ends(tail.as_bytes()),
            Self::Kind(head) => essence
                .get(..head.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(head.as_bytes())),
        }
    }
}

/// A list of patterns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Types(Vec<Pattern>);

impl Types {
    /// The patterns among these texts.
    pub(crate) fn new(texts: &[String]) -> Self {
        Self(
            texts
                .iter()
                .filter_map(|text| Pattern::parse(text))
                .collect(),
        )
    }

    /// Whether a `Content-Type` is one of them; parameters do not matter.
    pub(crate) fn hold(&self, content_type: &[u8]) -> bool {
        let end = content_type.iter().position(|byte| *byte == b';');
        let essence = content_type[..end.unwrap_or(content_type.len())].trim_ascii();
        self.0.iter().any(|pattern| pattern.matches(essence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_matched_by_kind_name_and_suffix() {
        let texts = ["text/*", "+json", "Application/WASM"].map(str::to_owned);
        let types = Types::new(&texts);
        for (content_type, held) in [
            ("text/html; charset=utf-8", true),
            ("TEXT/CSS", true),
            ("application/ld+json", true),
            ("application/wasm", true),
            ("application/wasm2", false),
            ("application/json", false),
            ("+json", true),
            ("image/png", false),
            ("text", false),
            ("", false),
        ] {
            assert_eq!(types.hold(content_type.as_bytes()), held, "{content_type}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "text", "/", "*/*", "text/", "a b/c", "+", "text/*;q=1"] {
            assert_eq!(Pattern::parse(text), None, "{text}");
        }
    }
}

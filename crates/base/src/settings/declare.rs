//! The macros that declare settings.

/// Declares a group of settings: a struct with documentation and defaults, its [`Default`], and
/// how it is read, checked and described.
///
/// ```ignore
/// base::settings! {
///     /// How pictures are made.
///     pub struct ImagesSettings {
///         /// Largest source, in pixels.
///         max_pixels: u64 = 100_000_000,
///     }
/// }
/// ```
#[macro_export]
macro_rules! settings {
    ($(#[doc = $about:literal])+ $vis:vis struct $name:ident {
        $( $(#[doc = $doc:literal])+ $field:ident : $type:ty = $default:expr ),* $(,)?
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug)]
        $vis struct $name { $( $(#[doc = $doc])+ pub $field: $type, )* }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        impl $crate::settings::Settings for $name {
            fn describe() -> Vec<$crate::settings::Setting> {
                let default = Self::default();
                vec![ $( $crate::settings::Setting {
                    name: stringify!($field),
                    doc: concat!($($doc, "\n"),+).trim(),
                    form: <$type as $crate::settings::Value>::form(),
                    default: $crate::settings::Value::show(&default.$field),
                    inner: <$type as $crate::settings::Value>::inner(),
                } ),* ]
            }

            fn decode(
                table: &$crate::settings::DeTable<'_>,
                place: &str,
                report: &mut $crate::settings::Report,
            ) -> Self {
                let mut settings = Self::default();
                $( if let Some(value) =
                    $crate::settings::decode_field(table, stringify!($field), place, report)
                {
                    settings.$field = value;
                } )*
                report.reject_unknown(table, place, &[$(stringify!($field)),*]);
                settings
            }
        }

        impl $crate::settings::Value for $name {
            fn form() -> String {
                "a table".into()
            }

            fn decode(
                node: &$crate::settings::Spanned<$crate::settings::DeValue<'_>>,
                key: &str,
                report: &mut $crate::settings::Report,
            ) -> Option<Self> {
                $crate::settings::decode_table(node, key, report)
            }

            fn show(&self) -> String {
                String::new()
            }

            fn inner() -> Vec<$crate::settings::Setting> {
                <Self as $crate::settings::Settings>::describe()
            }
        }
    };
}

/// Declares a closed set of words as the value of a setting.
///
/// ```ignore
/// base::choices! {
///     /// What matters more.
///     pub enum Prefer {
///         /// Early pictures.
///         Preview = "preview",
///         /// Few bytes.
///         Bytes = "bytes",
///     }
/// }
/// ```
#[macro_export]
macro_rules! choices {
    ($(#[doc = $about:literal])+ $vis:vis enum $name:ident {
        $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal ),+ $(,)?
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $name { $( $(#[doc = $doc])+ $variant ),+ }

        impl $name {
            /// Every choice with its word.
            pub const ALL: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];

            /// The word for this choice.
            pub fn word(self) -> &'static str {
                match self { $( Self::$variant => $word ),+ }
            }

            /// The choice for a word, if it is one.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice)
            }
        }

        impl $crate::settings::Value for $name {
            fn form() -> String {
                let words: Vec<String> =
                    Self::ALL.iter().map(|(word, _)| format!("`\"{word}\"`")).collect();
                format!("one of {}", words.join(", "))
            }

            fn decode(
                node: &$crate::settings::Spanned<$crate::settings::DeValue<'_>>,
                key: &str,
                report: &mut $crate::settings::Report,
            ) -> Option<Self> {
                $crate::settings::decode_text(node, key, report, Self::form(), Self::parse)
            }

            fn show(&self) -> String {
                format!("\"{}\"", self.word())
            }
        }
    };
}

//! Dictionaries of structured fields (RFC 9651 §3.2), as far as anybody here wants to know.

/// What a member of a dictionary says, as far as anybody here wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// The digits of an integer that is not negative.
    Number(&'a [u8]),
    /// True or false.
    Flag(bool),
    /// A string as it is written, see [`unescape`].
    Text(&'a [u8]),
    /// A word.
    Token(&'a [u8]),
    /// Something else.
    Other,
}

/// A name and its value.
pub type Member<'a> = (&'a [u8], Value<'a>);

/// Reads a dictionary; `None` if it is none. Of members of one name the last one counts; all are
/// returned, in their order.
pub fn dictionary(line: &[u8]) -> Option<Vec<Member<'_>>> {
    let mut members = Vec::new();
    Reader(line).dictionary(&mut members)?;
    Some(members)
}

/// The text of a string, without its escapes.
pub fn unescape(written: &[u8]) -> String {
    let mut text = String::with_capacity(written.len());
    let mut bytes = written.iter();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'\\' => bytes.next().unwrap_or(byte),
            byte => byte,
        };
        text.push(char::from(*byte));
    }
    text
}

/// Reads structured fields (RFC 9651 §4.2); `None` at the first thing that is none.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn dictionary(&mut self, members: &mut Vec<Member<'a>>) -> Option<()> {
        self.spaces();
        while !self.0.is_empty() {
            let name = self.key()?;
            let value = match self.eat(b'=') {
                true => self.item_or_list()?,
                false => Value::Flag(true),
            };
            self.parameters()?;
            members.push((name, value));
            self.white();
            if self.0.is_empty() {
                break;
            }
            if !self.eat(b',') {
                return None;
            }
            self.white();
            if self.0.is_empty() {
                return None;
            }
        }
        Some(())
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        let starts = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'*';
        self.0.first().filter(|byte| starts(byte))?;
        Some(self.take_while(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte)
        }))
    }

    fn item_or_list(&mut self) -> Option<Value<'a>> {
        if !self.eat(b'(') {
            return self.bare_item();
        }
        loop {
            self.spaces();
            if self.eat(b')') {
                return Some(Value::Other);
            }
            self.bare_item()?;
            self.parameters()?;
            if !matches!(self.0.first(), Some(b' ' | b')')) {
                return None;
            }
        }
    }

    fn bare_item(&mut self) -> Option<Value<'a>> {
        match *self.0.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string(),
            b'?' => {
                self.0 = &self.0[1..];
                let flag = self.eat(b'1');
                (flag || self.eat(b'0')).then_some(Value::Flag(flag))
            }
            b':' => {
                self.0 = &self.0[1..];
                self.take_while(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
                self.eat(b':').then_some(Value::Other)
            }
            b'@' => {
                self.0 = &self.0[1..];
                self.number().map(|_| Value::Other)
            }
            byte if byte.is_ascii_alphabetic() || byte == b'*' => {
                let word = self.take_while(|byte| {
                    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte)
                });
                Some(Value::Token(word))
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Value<'a>> {
        let negative = self.eat(b'-');
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        if self.eat(b'.') {
            let fraction = self.take_while(|byte| byte.is_ascii_digit());
            let fits = (1..=12).contains(&digits.len()) && (1..=3).contains(&fraction.len());
            return fits.then_some(Value::Other);
        }
        if !(1..=15).contains(&digits.len()) {
            return None;
        }
        Some(match negative {
            true => Value::Other,
            false => Value::Number(digits),
        })
    }

    fn string(&mut self) -> Option<Value<'a>> {
        self.0 = &self.0[1..];
        let written = self.0;
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            match byte {
                b'"' => {
                    let length = written.len() - rest.len() - 1;
                    return Some(Value::Text(&written[..length]));
                }
                b'\\' => {
                    let (escaped, rest) = self.0.split_first()?;
                    self.0 = rest;
                    matches!(escaped, b'"' | b'\\').then_some(())?;
                }
                b' '..=b'~' => {}
                _ => return None,
            }
        }
    }

    fn parameters(&mut self) -> Option<()> {
        while self.eat(b';') {
            self.spaces();
            self.key()?;
            if self.eat(b'=') {
                self.bare_item()?;
            }
        }
        Some(())
    }

    fn eat(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn spaces(&mut self) {
        self.take_while(|byte| byte == b' ');
    }

    fn white(&mut self) {
        self.take_while(|byte| byte == b' ' || byte == b'\t');
    }

    fn take_while(&mut self, holds: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|byte| !holds(*byte));
        let (taken, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        taken
    }
}

//! JSON as a browser writes it (RFC 8259), read strictly: one value and nothing behind it, no member twice, nested no deeper
//! than [`DEPTH`]. Two parsers that disagree about a doubled member would let an attacker show each its own (WA-01).
//!
//! Members that nobody asks for are checked for their form and otherwise ignored, as WebAuthn section 5.8.1.1 demands: browsers
//! may add some.

use std::borrow::Cow;

/// How deep values may be nested.
const DEPTH: u8 = 16;
/// How many members an object may have whose members are looked at: no browser's call comes near.
const MEMBERS: usize = 64;

/// An object: its members, in the order in which they were written.
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

/// A value: of good form, and not looked into yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value<'a>(&'a str);

impl<'a> Object<'a> {
    /// Reads a text that is one object. None if it is not, or is written against the rules.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut rest = Cursor { text, at: 0 };
        rest.space();
        let object = rest.object()?;
        rest.space();
        (rest.at == text.len()).then_some(object)
    }

    /// The member of that name.
    pub(super) fn get(&self, name: &str) -> Option<Value<'a>> {
        let mut members = self.0.iter();
        members
            .find(|(known, _)| known == name)
            .map(|(_, value)| *value)
    }

    /// The text of that name: none if it is missing or no text.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name)?.text()
    }

    /// The member of that name; one that is `null` counts as missing, as some libraries write it so.
    pub(super) fn some(&self, name: &str) -> Option<Value<'a>> {
        self.get(name).filter(|value| value.0 != "null")
    }
}

impl<'a> Value<'a> {
    /// The text, if it is one.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        Cursor {
            text: self.0,
            at: 0,
        }
        .string()
    }

    /// The object, if it is one in which nothing is twice.
    pub(super) fn object(self) -> Option<Object<'a>> {
        Cursor {
            text: self.0,
            at: 0,
        }
        .object()
    }

    /// Whether it is `true` or `false`; none if it is neither.
    pub(super) fn flag(self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The texts of a list of texts.
    pub(super) fn texts(self) -> Option<Vec<Cow<'a, str>>> {
        let mut rest = Cursor {
            text: self.0,
            at: 0,
        };
        let mut texts = Vec::new();
        rest.sequence(b'[', b']', |rest| {
            texts.push(rest.string()?);
            Some(())
        })?;
        Some(texts)
    }
}

/// A text, and how far it was read.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let octet = self.peek()?;
        self.at += 1;
        Some(octet)
    }

    fn take(&mut self, octet: u8) -> Option<()> {
        (self.next()? == octet).then_some(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// What was read since `from`. Both ends lie beside ASCII, so on the border of a character.
    fn since(&self, from: usize) -> Option<&'a str> {
        self.text.get(from..self.at)
    }

    fn object(&mut self) -> Option<Object<'a>> {
        let mut members: Vec<(Cow<'a, str>, Value<'a>)> = Vec::new();
        self.sequence(b'{', b'}', |rest| {
            let name = rest.string()?;
            if members.len() == MEMBERS || members.iter().any(|(known, _)| *known == name) {
                return None;
            }
            rest.space();
            rest.take(b':')?;
            rest.space();
            let from = rest.at;
            rest.skip(DEPTH)?;
            members.push((name, Value(rest.since(from)?)));
            Some(())
        })?;
        Some(Object(members))
    }

    /// Items with commas between them.
    fn sequence(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.take(open)?;
        self.space();
        if self.peek()? == close {
            return self.take(close);
        }
        loop {
            item(self)?;
            self.space();
            match self.next()? {
                b',' => self.space(),
                octet => return (octet == close).then_some(()),
            }
        }
    }

    /// A value of any kind, whose form alone matters.
    fn skip(&mut self, depth: u8) -> Option<()> {
        let below = depth.checked_sub(1)?;
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => self.sequence(b'{', b'}', |rest| {
                rest.string()?;
                rest.space();
                rest.take(b':')?;
                rest.space();
                rest.skip(below)
            }),
            b'[' => self.sequence(b'[', b']', |rest| rest.skip(below)),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        word.bytes().try_for_each(|octet| self.take(octet))
    }

    /// RFC 8259 section 6.
    fn number(&mut self) -> Option<()> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let from = self.at;
        while self.peek().is_some_and(|octet| octet.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > from).then_some(())
    }

    /// RFC 8259 section 7. Borrowed where nothing is escaped, as browsers write almost everything.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.take(b'"')?;
        let mut from = self.at;
        let mut unescaped: Option<String> = None;
        loop {
            match self.next()? {
                b'"' => {
                    let last = self.text.get(from..self.at - 1)?;
                    return Some(match unescaped {
                        None => Cow::Borrowed(last),
                        Some(before) => Cow::Owned(before + last),
                    });
                }
                b'\\' => {
                    let plain = self.text.get(from..self.at - 1)?;
                    let text = unescaped.get_or_insert_default();
                    text.push_str(plain);
                    text.push(self.escaped()?);
                    from = self.at;
                }
                0..=0x1f => return None,
                _ => {}
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.next()? {
            plain @ (b'"' | b'\\' | b'/') => char::from(plain),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.unit()?;
                let scalar = match unit {
                    // The two halves of a character beyond the first 65,536; one alone is none.
                    0xd800..=0xdbff => {
                        self.word("\\u")?;
                        let low = self.unit().filter(|low| (0xdc00..=0xdfff).contains(low))?;
                        0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
                    }
                    _ => unit,
                };
                char::from_u32(scalar)?
            }
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit * 16 + char::from(self.next()?).to_digit(16)?;
        }
        Some(unit)
    }
}

/// Puts a text into JSON that is being written.
pub(super) fn quote(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            // Nor anything that ends a script or a line inside a page.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let unit = u32::from(character);
                out.push_str("\\u");
                for shift in [12, 8, 4, 0] {
                    out.extend(char::from_digit((unit >> shift) & 15, 16));
                }
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Object, quote};

    #[test]
    fn members_are_found_whatever_their_order_and_escapes() {
        let text = r#" { "a" : "x\u0041\ud83d\ude00\n" , "\u0062":true,"c":["y","z"],"d":{"e":null},"f":-1.5e+3 } "#;
        let object = Object::parse(text).unwrap();
        assert_eq!(object.text("a").unwrap(), "xA\u{1f600}\n");
        assert_eq!(object.get("b").unwrap().flag(), Some(true));
        assert_eq!(object.get("c").unwrap().texts().unwrap(), ["y", "z"]);
        assert!(
            object
                .get("d")
                .unwrap()
                .object()
                .unwrap()
                .some("e")
                .is_none()
        );
        assert!(object.some("missing").is_none());
    }

    #[test]
    fn what_parsers_disagree_about_is_refused() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let many: Vec<String> = (0..100).map(|n| format!("\"{n}\":0")).collect();
        let many = format!("{{{}}}", many.join(","));
        for text in [
            "",
            "[]",
            "{",
            "{} {}",
            "{}x",
            "\u{feff}{}",
            r#"{"a":1,}"#,
            r#"{"a":1"b":2}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":01}"#,
            r#"{"a":.5}"#,
            r#"{"a":+1}"#,
            r#"{"a":1.}"#,
            r#"{"a":1e}"#,
            r#"{"a":NaN}"#,
            r#"{"a":tru}"#,
            r#"{"a":'b'}"#,
            r#"{a:1}"#,
            r#"{"a":"\x41"}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\ud800\u0041"}"#,
            r#"{"a":"\udc00"}"#,
            r#"{"a":"\u00g0"}"#,
            "{\"a\":\"\n\"}",
            "{\"a\":1 // b\n}",
            r#"{"a":{"b" 1}}"#,
            &deep,
            &many,
        ] {
            assert!(
                Object::parse(text).is_none(),
                "{}",
                text.get(..40).unwrap_or(text)
            );
        }
    }

    #[test]
    fn what_is_quoted_reads_as_it_was_and_harms_no_page() {
        let text = "a\"b\\c</script>\u{2028}\u{1}é\u{1f600}";
        let mut out = String::from("{\"t\":");
        quote(text, &mut out);
        out.push('}');
        assert_eq!(Object::parse(&out).unwrap().text("t").unwrap(), text);
        assert!(!out.contains('<') && !out.contains('\u{2028}'));
    }
}

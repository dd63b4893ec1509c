//! The document as statements: table headers and `key = value` lines, one after the other.
//!
//! The component's memory holds the document and little else, so no tree of it is built and no more than one statement's
//! tokens are kept. A statement that is no TOML costs one error, and reading goes on behind it.

use std::borrow::Cow;

use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::lexer::{Token, TokenKind};
use toml_parser::parser::{EventReceiver, parse_document};
use toml_parser::{ErrorSink, Expected, ParseError, Raw, Source, Span};

use super::report::{Place, decimal, quoted};

/// One statement.
pub(crate) struct Statement<'d> {
    /// What it is.
    pub(crate) form: Form<'d>,
    /// The dotted name, part by part.
    pub(crate) path: Vec<Cow<'d, str>>,
    /// Where the name begins.
    pub(crate) place: Place,
}

/// What a statement is.
pub(crate) enum Form<'d> {
    /// `[name]`
    Table,
    /// `[[name]]`
    ListTable,
    /// `name = value`, and where the value begins.
    KeyValue(Value<'d>, Place),
}

/// A value, as far as a policy has use for it.
pub(crate) enum Value<'d> {
    /// Text.
    Text(Cow<'d, str>),
    /// A whole number; `None` if it is too large for any key.
    Integer(Option<i64>),
    /// True or false.
    Flag(bool),
    /// A date, a time, or both.
    Date(Cow<'d, str>),
    /// A list of scalars, each with its place.
    List(Vec<(Value<'d>, Place)>),
    /// Anything else: what.
    Other(&'static str),
}

impl Value<'_> {
    /// What it is, in words.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "a number",
            Self::List(_) => "a list",
            Self::Flag(_) => "true or false",
            Self::Date(_) => "a date",
            Self::Other(what) => what,
        }
    }
}

/// A statement that is no TOML, or that goes beyond what a policy needs.
pub(crate) struct Malformed {
    /// Where.
    pub(crate) place: Place,
    /// What was found.
    pub(crate) problem: String,
    /// What would be right.
    pub(crate) help: String,
    /// Whether it was to be a header, so that the keys behind it belong to nothing.
    pub(crate) header: bool,
}

/// Reads a document statement by statement.
pub(crate) struct Statements<'d> {
    document: &'d str,
    tokens: Vec<Token>,
    /// Where the next statement begins: octets, and its place.
    next: usize,
    place: Place,
}

/// Tokens of one statement: a list of two hundred words, one a line.
const MAX_TOKENS: usize = 512;
/// Octets of one scalar; what is longer is not decoded.
const MAX_SCALAR: usize = 1024;
/// Parts of a dotted name; a policy has names of two.
const MAX_PARTS: usize = 8;

impl<'d> Statements<'d> {
    pub(crate) fn new(document: &'d str) -> Self {
        // A byte order mark is no column.
        let document = document.strip_prefix('\u{feff}').unwrap_or(document);
        Self {
            document,
            tokens: Vec::with_capacity(MAX_TOKENS),
            next: 0,
            place: Place::START,
        }
    }

    /// Collects the tokens up to the end of the statement, and says where the statement after it begins.
    fn collect(&mut self, rest: &'d str) -> Result<usize, Malformed> {
        self.tokens.clear();
        let mut brackets = 0_usize;
        let mut in_value = false;
        let mut first_newline = None;
        for token in Source::new(rest).lex() {
            let end = token.span().end();
            match token.kind() {
                TokenKind::Newline | TokenKind::Eof => {
                    first_newline.get_or_insert(end);
                    if brackets == 0 || !in_value {
                        self.tokens.push(token);
                        return Ok(end);
                    }
                    if token.kind() == TokenKind::Eof {
                        break;
                    }
                }
                TokenKind::Equals => in_value = true,
                TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => brackets += 1,
                TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                    brackets = brackets.saturating_sub(1);
                }
                _ => {}
            }
            if self.tokens.len() + 1 >= MAX_TOKENS {
                break;
            }
            self.tokens.push(token);
        }
        // The bracket was never closed: blame its line and read on behind that line.
        self.tokens.clear();
        let end = match first_newline {
            Some(end) => end,
            None => rest.find('\n').map_or(rest.len(), |at| at + 1),
        };
        let malformed = Malformed {
            place: self.place,
            problem: "the statement has no end, or is too long".into(),
            help: "close the bracket or the quotation mark that it opens".into(),
            header: is_header(rest),
        };
        self.advance(rest, end);
        Err(malformed)
    }

    fn advance(&mut self, rest: &str, end: usize) {
        self.place = self.place.after(rest.get(..end).unwrap_or(rest));
        self.next += end;
    }
}

impl<'d> Iterator for Statements<'d> {
    type Item = Result<Statement<'d>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self
                .document
                .get(self.next..)
                .filter(|rest| !rest.is_empty())?;
            let end = match self.collect(rest) {
                Ok(end) => end,
                Err(malformed) => return Some(Err(malformed)),
            };
            let begin = self.place;
            let mut assembly = Assembly::new(rest);
            let mut first: Option<ParseError> = None;
            parse_document(&self.tokens, &mut assembly, &mut first);
            self.advance(rest, end);
            let at = |offset: usize| begin.after(rest.get(..offset).unwrap_or(rest));
            if let Some(error) = first {
                return Some(Err(malformed(&error, rest, at)));
            }
            match assembly.finish(at) {
                None => {}
                Some(outcome) => return Some(outcome),
            }
        }
    }
}

fn malformed(error: &ParseError, source: &str, at: impl Fn(usize) -> Place) -> Malformed {
    let offset = error
        .unexpected()
        .or_else(|| error.context())
        .map_or(0, |span| span.start());
    let mut help = String::new();
    for expected in error.expected().unwrap_or_default() {
        help.push_str(if help.is_empty() { "expected " } else { " or " });
        match expected {
            Expected::Literal("\n") => help.push_str("a new line"),
            Expected::Literal(literal) => help.push_str(&quoted(literal)),
            Expected::Description(description) => help.push_str(description),
            _ => help.push_str("something else"),
        }
    }
    if help.is_empty() {
        help.push_str("see https://toml.io for how a line is written");
    }
    Malformed {
        place: at(offset),
        problem: ["no TOML: ", error.description()].concat(),
        help,
        header: is_header(source),
    }
}

fn is_header(statement: &str) -> bool {
    statement.trim_start_matches([' ', '\t']).starts_with('[')
}

/// Puts the events of one statement together.
struct Assembly<'d> {
    source: &'d str,
    shape: Shape,
    parts: Vec<Cow<'d, str>>,
    begin: Option<usize>,
    /// Scalars of the value, with where they begin.
    scalars: Vec<(Raw<'d>, usize)>,
    value_begin: usize,
    in_value: bool,
    list: bool,
    /// A value that no key takes, such as a list in a list.
    nested: Option<&'static str>,
    too_many_parts: bool,
}

#[derive(PartialEq)]
enum Shape {
    Nothing,
    Table,
    ListTable,
    KeyValue,
}

impl<'d> Assembly<'d> {
    fn new(source: &'d str) -> Self {
        Self {
            source,
            shape: Shape::Nothing,
            parts: Vec::new(),
            begin: None,
            scalars: Vec::new(),
            value_begin: 0,
            in_value: false,
            list: false,
            nested: None,
            too_many_parts: false,
        }
    }

    /// Nothing for an empty line or a comment.
    fn finish(self, at: impl Fn(usize) -> Place) -> Option<Result<Statement<'d>, Malformed>> {
        let place = at(self.begin.unwrap_or(0));
        if self.too_many_parts {
            let help = [
                "a name has at most two parts, not over ",
                &decimal(MAX_PARTS as u64),
            ]
            .concat();
            return Some(Err(Malformed {
                place,
                problem: "the name has too many parts".into(),
                help,
                header: self.shape != Shape::KeyValue,
            }));
        }
        let form = match self.shape {
            Shape::Nothing => return None,
            Shape::Table => Form::Table,
            Shape::ListTable => Form::ListTable,
            Shape::KeyValue => {
                let mut values = Vec::new();
                for (raw, begin) in &self.scalars {
                    match scalar(*raw) {
                        Ok(value) => values.push((value, at(*begin))),
                        Err(error) => return Some(Err(malformed(&error, self.source, &at))),
                    }
                }
                let value = match (self.nested, self.list) {
                    (Some(what), _) => Value::Other(what),
                    (None, true) => Value::List(values),
                    (None, false) => values
                        .pop()
                        .map_or(Value::Other("nothing"), |(value, _)| value),
                };
                Form::KeyValue(value, at(self.value_begin))
            }
        };
        Some(Ok(Statement {
            form,
            path: self.parts,
            place,
        }))
    }

    fn raw(&self, span: Span, encoding: Option<Encoding>) -> Raw<'d> {
        let text = self
            .source
            .get(span.start()..span.end())
            .unwrap_or_default();
        Raw::new_unchecked(text, encoding, span)
    }
}

fn scalar<'d>(raw: Raw<'d>) -> Result<Value<'d>, ParseError> {
    if raw.len() > MAX_SCALAR {
        return Ok(Value::Other("a value of more than 1,024 octets"));
    }
    let mut text = Cow::Borrowed("");
    let mut error: Option<ParseError> = None;
    let kind = raw.decode_scalar(&mut text, &mut error);
    if let Some(error) = error {
        return Err(error);
    }
    Ok(match kind {
        ScalarKind::String => Value::Text(text),
        ScalarKind::Integer(radix) => {
            Value::Integer(i64::from_str_radix(&text, radix.value()).ok())
        }
        ScalarKind::Boolean(on) => Value::Flag(on),
        ScalarKind::Float => Value::Other("a fraction"),
        ScalarKind::DateTime => Value::Date(text),
    })
}

impl EventReceiver for Assembly<'_> {
    fn std_table_open(&mut self, _span: Span, _error: &mut dyn ErrorSink) {
        self.shape = Shape::Table;
    }

    fn array_table_open(&mut self, _span: Span, _error: &mut dyn ErrorSink) {
        self.shape = Shape::ListTable;
    }

    fn simple_key(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        if self.in_value {
            return;
        }
        if self.shape == Shape::Nothing {
            self.shape = Shape::KeyValue;
        }
        self.begin.get_or_insert(span.start());
        let raw = self.raw(span, encoding);
        if self.parts.len() >= MAX_PARTS || raw.len() > MAX_SCALAR {
            self.too_many_parts = true;
            return;
        }
        let mut part = Cow::Borrowed("");
        raw.decode_key(&mut part, error);
        self.parts.push(part);
    }

    fn key_val_sep(&mut self, span: Span, _error: &mut dyn ErrorSink) {
        if !self.in_value {
            self.in_value = true;
            self.value_begin = span.end();
        }
    }

    fn scalar(&mut self, span: Span, encoding: Option<Encoding>, _error: &mut dyn ErrorSink) {
        if self.scalars.is_empty() && !self.list {
            self.value_begin = span.start();
        }
        let raw = self.raw(span, encoding);
        self.scalars.push((raw, span.start()));
    }

    // What is not entered cannot recurse: the parser skips to the closing bracket.
    fn array_open(&mut self, span: Span, _error: &mut dyn ErrorSink) -> bool {
        if self.list {
            self.nested = Some("a list in a list");
            return false;
        }
        self.list = true;
        self.value_begin = span.start();
        true
    }

    fn inline_table_open(&mut self, span: Span, _error: &mut dyn ErrorSink) -> bool {
        if !self.list {
            self.value_begin = span.start();
        }
        self.nested = Some("a table in braces");
        false
    }

    fn comment(&mut self, span: Span, error: &mut dyn ErrorSink) {
        self.raw(span, None).decode_comment(error);
    }

    fn newline(&mut self, span: Span, error: &mut dyn ErrorSink) {
        self.raw(span, None).decode_newline(error);
    }
}

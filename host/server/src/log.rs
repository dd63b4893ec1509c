//! The log: one line an event, for people or for programs.
//!
//! Everything in a line that came from outside is escaped, so that nobody can write a line of their own, colour the
//! terminal or break out of the JSON (LG-01). Codes, secrets, cookies and `otpauth` URIs never get here: the types that
//! carry them print `[redacted]` (LG-02). Lines of one request carry its id as `request`.

use std::fmt::{self, Write as _};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use cofactor_runtime::contract::{Action, Outcome};
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Instrument as _, Subscriber};
use tracing_subscriber::field::{RecordFields, VisitOutput};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

use crate::config::{Level, Log, LogFormat};

/// Sends the log of this process to standard error. A second call changes nothing.
pub fn init(log: Log) {
    let _ = tracing::subscriber::set_global_default(subscriber(log, std::io::stderr));
}

/// The same, to another place: for tests.
pub fn subscriber<W>(log: Log, to: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> tracing_subscriber::fmt::MakeWriter<'w> + Send + Sync + 'static,
{
    let level = match log.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        // What cannot be written is lost. To complain on standard error, where it could not be written, would panic.
        .log_internal_errors(false)
        .fmt_fields(Line(log.format))
        .event_format(Line(log.format))
        .with_writer(to)
        .finish()
        // Below that, libraries tell of what they handle: frames and headers, with the secrets in them (LG-02).
        .with(
            Targets::new()
                .with_default(level.min(LevelFilter::INFO))
                .with_target("cofactor", level),
        )
}

/// A new id for one request, in hexadecimal: eight random bytes of this process, and how many requests came before. It only
/// names lines, so nobody has to be kept from guessing it; asking the system for randomness at every session check would
/// cost more than the check's own arithmetic.
#[must_use]
pub fn request_id() -> String {
    static PROCESS: LazyLock<[u8; 8]> = LazyLock::new(|| {
        let mut id = [0; 8];
        // All zero where the system has no randomness to give: nothing else starts then either.
        let _ = getrandom::fill(&mut id);
        id
    });
    static BEFORE: AtomicU64 = AtomicU64::new(0);
    let [mut id, number] = [
        *PROCESS,
        BEFORE.fetch_add(1, Ordering::Relaxed).to_be_bytes(),
    ]
    .map(hex::encode);
    id.push_str(&number);
    id
}

/// The header in which a caller is told the id of its request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives every request an id: in the lines that are written meanwhile, and in the answer.
pub async fn traced(request: Request, next: Next) -> Response {
    let id = request_id();
    let span = tracing::info_span!("request", request = id);
    told(id, next.run(request).instrument(span).await)
}

/// The same without a middleware's boxes, for the question that every request asks.
pub async fn traced_here(answer: impl Future<Output = Response>) -> Response {
    let id = request_id();
    let span = tracing::info_span!("request", request = id);
    told(id, answer.instrument(span).await)
}

fn told(id: String, mut response: Response) -> Response {
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// What is asked, in one word of the contract.
#[must_use]
pub fn asked(action: &Action) -> &'static str {
    match action {
        Action::Begin(_) => "begin",
        Action::Answer(_) => "answer",
        Action::ChooseMethod(_) => "choose-method",
        Action::Resend(_) => "resend",
        Action::Poll(_) => "poll",
        Action::PhoneAnswer(_) => "phone-answer",
        Action::DeliveryReport(_) => "delivery-report",
        Action::EnrolBegin(_) => "enrol-begin",
        Action::EnrolFinish(_) => "enrol-finish",
        Action::Manage(_) => "manage",
        Action::Administer(_) => "administer",
        Action::Vouch(_) => "vouch",
        Action::FactorAnswer(_) => "factor-answer",
        Action::Snooze(_) => "snooze",
        Action::Other(_) => "other",
    }
}

/// Outcome and reason in words of the contract: the internal reason where there is one.
#[must_use]
pub fn decided(outcome: &Outcome) -> (&'static str, &str) {
    match outcome {
        Outcome::Allow(it) => ("allow", &it.claims.reason),
        Outcome::Challenge(it) => ("challenge", it.after.as_deref().unwrap_or_default()),
        Outcome::Pending(_) => ("pending", ""),
        Outcome::Enrol(it) => ("enrol", it.after.as_deref().unwrap_or_default()),
        Outcome::Deny(it) => ("deny", &it.internal_reason),
        Outcome::Done(it) => ("done", &it.reason),
        Outcome::Delegate(_) => ("delegate", ""),
        Outcome::Other(_) => ("other", ""),
    }
}

#[derive(Clone, Copy)]
struct Line(LogFormat);

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = event.metadata().level();
        match self.0 {
            LogFormat::Text => {
                SystemTime.format_time(&mut writer)?;
                write!(writer, " {level:5}")?;
            }
            LogFormat::Json => {
                writer.write_str("{\"time\":\"")?;
                SystemTime.format_time(&mut writer)?;
                write!(writer, "\",\"level\":\"{level}\"")?;
            }
        }
        context.format_fields(writer.by_ref(), event)?;
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                writer.write_str(fields)?;
            }
        }
        writer.write_str(match self.0 {
            LogFormat::Text => "\n",
            LogFormat::Json => "}\n",
        })
    }
}

impl<'w> FormatFields<'w> for Line {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = Fields {
            format: self.0,
            writer,
            result: Ok(()),
        };
        fields.record(&mut visitor);
        visitor.finish()
    }

    fn add_fields(
        &self,
        current: &'w mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

struct Fields<'w> {
    format: LogFormat,
    writer: Writer<'w>,
    result: fmt::Result,
}

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: &str, is_text: bool) {
        let result = match self.format {
            LogFormat::Text => self.put_text(field.name(), value),
            LogFormat::Json => self.put_json(field.name(), value, is_text),
        };
        self.result = self.result.and(result);
    }

    fn put_text(&mut self, name: &str, value: &str) -> fmt::Result {
        let writer = &mut self.writer;
        if name == "message" {
            return write!(writer, " {}", Plain(value));
        }
        write!(writer, " {name}=")?;
        let bare = |c: char| c.is_alphanumeric() || "-_.:/@+,[]".contains(c);
        if !value.is_empty() && value.chars().all(bare) {
            writer.write_str(value)
        } else {
            write!(writer, "\"{}\"", value.escape_debug())
        }
    }

    fn put_json(&mut self, name: &str, value: &str, is_text: bool) -> fmt::Result {
        let writer = &mut self.writer;
        if is_text {
            write!(writer, ",\"{name}\":\"{}\"", JsonText(value))
        } else {
            write!(writer, ",\"{name}\":{value}")
        }
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value, true);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, &format!("{value:?}"), true);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, &value.to_string(), false);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, &value.to_string(), false);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, if value { "true" } else { "false" }, false);
    }
}

impl VisitOutput<fmt::Result> for Fields<'_> {
    fn finish(self) -> fmt::Result {
        self.result
    }
}

/// A message: control characters and what turns the direction of text are escaped, quotes are not.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '"' | '\'' | '\\' => f.write_char(c),
            _ => write!(f, "{}", c.escape_debug()),
        })
    }
}

/// The inside of a JSON string. Also escapes what JSON would let through but a terminal would act on.
struct JsonText<'a>(&'a str);

impl fmt::Display for JsonText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                _ if c.is_control() || turns_text(c) => {
                    let mut units = [0; 2];
                    for unit in c.encode_utf16(&mut units) {
                        write!(f, "\\u{unit:04x}")?;
                    }
                }
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Line separators, and the controls of the bidirectional algorithm.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, act: impl Fn()) -> String {
        let lines = Lines::default();
        let to = lines.clone();
        let log = Log {
            format,
            level: Level::Info,
        };
        tracing::subscriber::with_default(subscriber(log, move || to.clone()), act);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    /// LG-01: whatever a user is called, it stays one line, and JSON stays JSON.
    #[test]
    fn nobody_writes_a_line_of_their_own() {
        for evil in [
            "alice\n{\"event\":\"accept\"}",
            "alice\r\n2026-01-01T00:00:00Z  INFO signed in user=root",
            "\u{1b}[2J\u{1b}[31malice",
            "alice\",\"outcome\":\"allow",
            "alice outcome=allow",
            "\u{202e}ecila\u{2028}x\u{85}y\u{9b}2J",
        ] {
            let act = || {
                let span = tracing::info_span!("request", request = "00ff");
                let _in = span.enter();
                tracing::info!(user = evil, level = 2u64, "denied {evil}");
                tracing::info!(user = %evil, "denied");
            };
            let text = logged(LogFormat::Text, act);
            assert_eq!(text.lines().count(), 2, "{text:?}");
            for line in text.lines() {
                assert!(line.ends_with(" request=00ff"), "{line:?}");
                assert!(!line.contains("user=alice outcome"), "{line:?}");
                assert!(
                    !line.contains(|c: char| c.is_control() || turns_text(c)),
                    "{line:?}"
                );
            }
            let json = logged(LogFormat::Json, act);
            assert_eq!(json.lines().count(), 2, "{json:?}");
            for line in json.lines() {
                assert!(
                    !line.contains(|c: char| c.is_control() || turns_text(c)),
                    "{line:?}"
                );
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!(value["user"], evil);
                assert_eq!(value["request"], "00ff");
                assert!(value.get("outcome").is_none());
            }
        }
    }

    /// LG-02: a whole event with codes and secrets can be logged without showing one.
    #[test]
    fn no_code_is_logged() {
        use cofactor_runtime::contract::{Answer, Proof, SignIn, Surface};
        let sign_in = SignIn {
            surface: Surface::default(),
            early_answer: Some("canary-1".to_owned()),
            device_token: Some("canary-2".to_owned()),
            risk: None,
            required_level: 0,
            max_age: None,
            method: None,
            transaction: None,
            approves: None,
        };
        let answer = Answer {
            challenge: "00".repeat(16),
            proof: Proof::TwoCodes(("canary-3".to_owned(), "canary-4".to_owned())),
            remember: false,
        };
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = logged(format, || tracing::info!(?sign_in, ?answer, "asked"));
            assert!(
                text.contains("redacted") && !text.contains("canary"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_level_silences_what_is_below() {
        let text = logged(LogFormat::Text, || {
            tracing::debug!("quiet");
            tracing::warn!("loud");
        });
        assert!(
            text.contains(" WARN  loud") && !text.contains("quiet"),
            "{text}"
        );
    }
}

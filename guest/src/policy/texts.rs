//! Every key of the policy that holds a text, or a list of texts: what it may be, and where it is kept.

use super::Policy;
use super::report::quoted;
use super::statement::Value;
use super::values::Refusal;

/// One key.
pub(crate) struct Text {
    /// Table and name: `enrolment.issuer`.
    pub(crate) path: &'static str,
    /// How many it holds: one, or a list of at most so many, which is kept one a line.
    pub(crate) most: usize,
    /// Whether a text is legal: what is wrong with it.
    pub(crate) check: fn(&str) -> Result<(), &'static str>,
    /// What would be right.
    pub(crate) help: &'static str,
    /// The text.
    pub(crate) get: for<'a> fn(&Policy<'a>) -> &'a str,
    /// Puts it back.
    pub(crate) set: for<'a> fn(&mut Policy<'a>, &'a str),
}

/// Longest text or list, in octets.
pub(crate) const MAX_TEXT: usize = 2048;

macro_rules! texts {
    ($(($path:literal $most:literal $check:ident => $table:ident.$field:ident; $help:literal),)+) => {
        /// All of them, in the order of docs/policy.md. The compiled form has them in this order.
        pub(crate) static TEXTS: [Text; [$($path),+].len()] = [$(Text {
            path: $path,
            most: $most,
            check: $check,
            help: $help,
            get: |policy| policy.$table.$field,
            set: |policy, text| policy.$table.$field = text,
        }),+];

        /// Puts all of them back, as `next` reads them one after the other. Every step does so: without calls through [`Text`], each
        /// of which would cost the engine a look into its tables.
        pub(crate) fn put_back<'a, E>(
            policy: &mut Policy<'a>,
            mut next: impl FnMut(&'static str) -> Result<&'a str, E>,
        ) -> Result<(), E> {
            $(policy.$table.$field = next($path)?;)+
            Ok(())
        }
    };
}

#[rustfmt::skip]
texts![
    ("enrolment.issuer" 1 issuer => enrolment.issuer; "a name of 1 to 64 octets, without a colon, such as \"Example Ltd\""),
    ("voice.digits" 1 keys => voice.digits; "1 to 16 digits"),
    ("voice.fraud-code" 1 keys => voice.fraud_code; "1 to 16 digits, or \"\" for none"),
    ("voice.caller-id" 1 number => voice.caller_id; "a number such as \"+4930123456\""),
    ("sends.countries" 64 calling_code => sends.countries; "a list of country calling codes, such as [\"49\", \"1\"]"),
    ("webauthn.rp-id" 1 domain => webauthn.rp_id; "the domain of the protected site, such as \"example.com\""),
    ("webauthn.origins" 16 origin => webauthn.origins; "a list of origins, such as [\"https://app.example.com\"]"),
    ("webauthn.aaguids" 32 aaguid => webauthn.aaguids; "a list of AAGUIDs, such as [\"cb69481e-8ff7-4039-93ec-0a2729a154a8\"]"),
];

/// The key of this path.
pub(crate) fn find(path: &str) -> Option<(usize, &'static Text)> {
    TEXTS.iter().enumerate().find(|(_, text)| text.path == path)
}

/// What was written for a key, as it is kept.
pub(crate) fn read(key: &Text, value: &Value<'_>) -> Result<String, Refusal> {
    let refuse = |problem: String| {
        Err(Refusal {
            problem,
            help: key.help.into(),
        })
    };
    let given: Vec<&str> = match value {
        Value::Text(text) if key.most == 1 => vec![text],
        Value::List(list) if key.most > 1 => {
            let mut texts = Vec::with_capacity(list.len());
            for (item, _) in list {
                match item {
                    Value::Text(text) => texts.push(text.as_ref()),
                    other => return refuse([other.describe(), " in the list"].concat()),
                }
            }
            texts
        }
        other => return refuse([other.describe(), " where something else belongs"].concat()),
    };
    if given.len() > key.most {
        return refuse("the list is too long".into());
    }
    for (at, text) in given.iter().enumerate() {
        if let Err(problem) = (key.check)(text) {
            return refuse(if key.most == 1 {
                problem.into()
            } else {
                [&quoted(text), ": ", problem].concat()
            });
        }
        if given.iter().take(at).any(|earlier| earlier == text) {
            return refuse([&quoted(text), " is written twice"].concat());
        }
    }
    let kept = given.join("\n");
    if kept.len() > MAX_TEXT {
        return refuse("the list is too long".into());
    }
    Ok(kept)
}

/// The texts of a list.
pub(crate) fn lines(kept: &str) -> impl Iterator<Item = &str> {
    kept.split('\n').filter(|line| !line.is_empty())
}

/// The name that authenticators show.
fn issuer(name: &str) -> Result<(), &'static str> {
    if name.trim() != name || name.is_empty() {
        Err("the name is empty, or has space around it")
    } else if name.len() > super::compiled::MAX_ISSUER {
        Err("the name is too long")
    } else if name.contains(':') {
        // The label of a Key Uri Format is `issuer:account`.
        Err("a colon would end the name inside an authenticator's label")
    } else if name.chars().any(char::is_control) {
        Err("the name has a control character")
    } else {
        Ok(())
    }
}

fn keys(digits: &str) -> Result<(), &'static str> {
    if digits.len() <= 16 && digits.bytes().all(|octet| octet.is_ascii_digit()) {
        Ok(())
    } else {
        Err("no digits, or too many")
    }
}

fn number(text: &str) -> Result<(), &'static str> {
    match text.strip_prefix('+') {
        _ if text.is_empty() => Ok(()),
        Some(digits)
            if (7..=15).contains(&digits.len())
                && !digits.starts_with('0')
                && digits.bytes().all(|octet| octet.is_ascii_digit()) =>
        {
            Ok(())
        }
        _ => Err("no number in the form of E.164"),
    }
}

fn calling_code(text: &str) -> Result<(), &'static str> {
    if (1..=4).contains(&text.len())
        && !text.starts_with('0')
        && text.bytes().all(|octet| octet.is_ascii_digit())
    {
        Ok(())
    } else {
        Err("no calling code")
    }
}

fn domain(text: &str) -> Result<(), &'static str> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-')
    };
    if text.is_empty() || (text.len() <= 253 && text.split('.').all(label)) {
        Ok(())
    } else {
        Err("no domain in lower-case letters, without a port")
    }
}

fn origin(text: &str) -> Result<(), &'static str> {
    let host = text.strip_prefix("https://").or_else(|| {
        text.strip_prefix("http://")
            .filter(|host| host.split(':').next() == Some("localhost"))
    });
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) => Ok(()),
        _ => Err("no origin: https, a host, perhaps a port, and nothing behind it"),
    }
}

fn aaguid(text: &str) -> Result<(), &'static str> {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let hexadecimal = parts.iter().all(|part| {
        part.bytes()
            .all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'))
    });
    if lengths == [8, 4, 4, 4, 12] && hexadecimal {
        Ok(())
    } else {
        Err("no AAGUID in lower case")
    }
}

/// The names of all, for messages.
pub(crate) fn names(table: &str) -> impl Iterator<Item = &'static str> {
    TEXTS
        .iter()
        .filter_map(move |text| {
            text.path
                .split_once('.')
                .filter(|(owner, _)| *owner == table)
        })
        .map(|(_, name)| name)
}

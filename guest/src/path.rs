//! A request's path in the form in which it is compared with the paths of a policy (FA-04).
//!
//! A path goes through many hands, and not all of them read it in the same way. What everybody does is the normal form of RFC
//! 3986 section 6.2.2: what is encoded without need is decoded, duplicate slashes are one. Beyond it, one may take `%2f` or a
//! backslash for a slash, cut off what follows a semicolon, decode a second time, or ignore a dot at the end of a name. So the
//! form that is compared is the one in which *every* such reading was taken: it begins with all that any of them begins with.
//!
//! Why that is enough: the paths of a policy have none of these characters. If some reading of a request begins with the
//! segments of such a path, these segments were plain, all readings leave plain segments as they are, and so the form begins
//! with them as well. A reading may end earlier than the form does, where a semicolon or question mark was taken for the end:
//! [`Path::is`] knows the first such place. Only dot segments could take away what came before them: a path that has any,
//! openly or hidden, is compared with nothing and counts as every path, as does one that cannot be read at all. Browsers send
//! neither.

use core::str;
use std::borrow::Cow;

/// A path in the form in which it is compared: `/` before each segment, none at the end, and small letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path<'a> {
    form: Cow<'a, [u8]>,
    /// Where the shortest reading ends.
    ends: usize,
    /// Whether everybody reads it in the same way.
    plain: bool,
}

/// How long a path may be that has to be decoded or cut, in octets: longer ones would cost more than a request is worth.
const MOST_DOUBTFUL: usize = 2048;
/// How often a path may be encoded over: beyond it, nobody knows how often it will be decoded.
const MOST_ENCODED: u8 = 2;

impl<'a> Path<'a> {
    /// Reads a path that is not decoded. None if it may be any.
    pub(crate) fn read(raw: &'a str) -> Option<Self> {
        let octets = raw.as_bytes();
        if is_plain(octets) {
            let form = octets.strip_suffix(b"/").unwrap_or(octets);
            let ends = form.len();
            let form = match form.iter().any(u8::is_ascii_uppercase) {
                true => Cow::Owned(form.to_ascii_lowercase()),
                false => Cow::Borrowed(form),
            };
            return Some(Self {
                form,
                ends,
                plain: true,
            });
        }
        if octets.first() != Some(&b'/') || octets.len() > MOST_DOUBTFUL {
            return None;
        }
        let (decoded, times) = decode(octets)?;
        let is_hidden = count(&decoded, is_separator) != count(octets, |octet| octet == b'/');
        // Whether the slash belongs to what is cut off depends on what is done first.
        if is_hidden && decoded.contains(&b';') {
            return None;
        }
        let mut path = flatten(&decoded)?;
        path.plain &= times < 2 && !is_hidden;
        Some(path)
    }

    /// Whether it is this path, as a policy keeps it, or lies below it.
    pub(crate) fn is_within(&self, folder: &[u8]) -> bool {
        match self.form.split_at_checked(folder.len()) {
            // The end first: it settles most of them.
            Some((head, [] | [b'/', ..])) => head == folder,
            _ => false,
        }
    }

    /// Whether it is this path, as a policy keeps it, and not one below it.
    pub(crate) fn is(&self, page: &[u8]) -> bool {
        self.is_within(page) && page.len() >= self.ends
    }

    /// The path as a policy keeps it: none unless everybody reads it in the same way, and it is UTF-8 when it is decoded.
    pub(crate) fn kept(&self) -> Option<String> {
        let text = str::from_utf8(&self.form).ok().filter(|_| self.plain)?;
        Some(text.to_owned())
    }
}

/// Whether there is nothing to decode, to cut or to doubt. Most paths are so, and are compared as they are.
fn is_plain(octets: &[u8]) -> bool {
    let mut before = 0;
    for octet in octets.iter().copied() {
        let ends_a_name = octet == b'/';
        let doubtful = match octet {
            b'%' | b'\\' | b';' | b'?' | b'#' | 0..b' ' | 0x7f.. => true,
            // An empty segment, and a name that ends in a dot or a blank.
            _ => ends_a_name && matches!(before, b'/' | b'.' | b' '),
        };
        if doubtful {
            return false;
        }
        before = octet;
    }
    octets.first() == Some(&b'/') && !matches!(before, b'.' | b' ')
}

/// Decodes for as long as there is something to decode, and says how often there was. None for a broken escape, a control
/// character, an overlong form of UTF-8, and what was encoded too often.
fn decode(raw: &[u8]) -> Option<(Vec<u8>, u8)> {
    let mut octets = raw.to_vec();
    let mut times = 0;
    loop {
        let (mut kept, mut at, mut before) = (0, 0, 0);
        while let Some(octet) = octets.get(at).copied() {
            let escape = (octet == b'%').then(|| escaped(octets.get(at + 1..at + 3)));
            let (octet, length) = match escape {
                Some(Some(octet)) => (octet, 3),
                // A percent sign that was decoded is one; the client's own has to be written as an escape.
                Some(None) if times == 0 => return None,
                _ => (octet, 1),
            };
            // Control characters, and what begins an overlong form of one octet, of three, and of four (RFC 3629 section 3).
            if matches!(octet, 0..b' ' | 0x7f | 0xc0 | 0xc1 | 0xf5..)
                || matches!((before, octet), (0xe0, 0x80..=0x9f) | (0xf0, 0x80..=0x8f))
            {
                return None;
            }
            before = octet;
            *octets.get_mut(kept)? = octet;
            kept += 1;
            at += length;
        }
        if kept == octets.len() {
            return Some((octets, times));
        }
        octets.truncate(kept);
        times += 1;
        if times > MOST_ENCODED {
            return None;
        }
    }
}

/// The octet that two hexadecimal digits stand for.
fn escaped(digits: Option<&[u8]>) -> Option<u8> {
    let [high, low] = digits? else {
        return None;
    };
    let digit = |octet: u8| char::from(octet).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

/// Splits at whatever somebody may take for a slash, and leaves what all take for a name. None for dot segments.
fn flatten(decoded: &[u8]) -> Option<Path<'static>> {
    let mut form = Vec::with_capacity(decoded.len());
    let (mut ends, mut plain) = (None, true);
    let mut rest = decoded.get(1..)?;
    loop {
        let end = rest.iter().position(|octet| is_separator(*octet));
        let (segment, tail) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        let parameter = segment.iter().position(|octet| *octet == b';');
        let whole = segment.get(..parameter.unwrap_or(segment.len()))?;
        let name = trimmed(whole);
        if name.is_empty() && !whole.is_empty() {
            return None;
        }
        if !name.is_empty() {
            form.push(b'/');
            form.extend(name.iter().map(u8::to_ascii_lowercase));
        }
        let separator = tail.first();
        let cut = parameter.is_some() || matches!(separator, Some(b'?' | b'#'));
        if cut && ends.is_none() {
            ends = Some(form.len());
        }
        let is_last = separator.is_none();
        plain &= !cut
            && name.len() == segment.len()
            && separator != Some(&b'\\')
            && (is_last || !segment.is_empty());
        if is_last {
            break;
        }
        rest = tail.get(1..)?;
    }
    Some(Path {
        ends: ends.unwrap_or(form.len()),
        form: Cow::Owned(form),
        plain,
    })
}

/// Without the dots and blanks at its end, which some file systems ignore.
fn trimmed(mut name: &[u8]) -> &[u8] {
    while let [head @ .., b'.' | b' '] = name {
        name = head;
    }
    name
}

/// What somebody may take for the end of a segment.
fn is_separator(octet: u8) -> bool {
    matches!(octet, b'/' | b'\\' | b'?' | b'#')
}

fn count(octets: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
    octets.iter().filter(|octet| wanted(**octet)).count()
}

#[cfg(test)]
mod tests;

//! XML as far as PSKC needs it, and no further: no document type, so no entities and nothing fetched (IM-01).

use roxmltree::{Document, Node, ParsingOptions};

use super::error::{FileError, Refused};

/// The namespace of PSKC.
pub(super) const PSKC: &str = "urn:ietf:params:xml:ns:keyprov:pskc";
/// XML Signature.
pub(super) const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
/// XML Encryption.
pub(super) const ENCRYPTION: &str = "http://www.w3.org/2001/04/xmlenc#";
/// XML Encryption 1.1.
pub(super) const ENCRYPTION_1_1: &str = "http://www.w3.org/2009/xmlenc11#";

/// The figures of RFC 6030 are 10 deep.
const MAX_DEPTH: usize = 32;
/// A tag with its attributes, in octets: the parser compares each attribute of a tag with every other.
const MAX_TAG: usize = 4_096;
/// Namespaces declared by a tag and those around it: the parser copies them into each tag that declares one.
const MAX_NAMESPACES: usize = 32;
/// Elements and texts: 10,000 keys have 40 to 60 each.
const MAX_NODES: u32 = 1_000_000;

/// Parses what was measured before.
pub(super) fn parse(text: &str) -> Result<Document<'_>, FileError> {
    guard(text)?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => FileError::DocumentType(1),
        roxmltree::Error::NodesLimitReached => FileError::TooMany,
        // Cut short: said of the beginning, and to be looked for at the end.
        roxmltree::Error::UnclosedRootNode => FileError::Xml(text.lines().count()),
        // Only where: what stands there may be a secret.
        error => FileError::Xml(error.pos().row as usize),
    })
}

/// Refuses what would cost a parser more than its size: walks over the tags once, without understanding them.
fn guard(text: &str) -> Result<(), FileError> {
    let line = |rest: &str| {
        let before = text.len() - rest.len();
        let before = text.get(..before).unwrap_or_default();
        before.matches('\n').count() + 1
    };
    let mut rest = text;
    // How many namespaces each open element has declared, and all of them.
    let (mut open, mut namespaces) = (Vec::new(), 0);
    while let Some((_, after)) = rest.split_once('<') {
        let hidden = [("!--", "-->"), ("![CDATA[", "]]>"), ("?", "?>")];
        let hidden = hidden
            .iter()
            .find_map(|(begin, end)| Some((after.strip_prefix(begin)?, end)));
        if let Some((inside, end)) = hidden {
            let Some((inside, after_it)) = inside.split_once(end) else {
                return Err(FileError::Xml(line(after)));
            };
            if after.starts_with("?xml") && !is_utf8(inside) {
                return Err(FileError::Encoding);
            }
            rest = after_it;
            continue;
        }
        if after.starts_with('!') {
            return Err(FileError::DocumentType(line(after)));
        }
        if after.starts_with('/') {
            namespaces -= open.pop().unwrap_or(0);
            rest = after;
            continue;
        }
        let Some((tag, after_it)) = tag(after) else {
            let too_long = after.len() > MAX_TAG;
            let line = line(after);
            return Err(if too_long {
                FileError::Excessive(line)
            } else {
                FileError::Xml(line)
            });
        };
        rest = after_it;
        let declared = tag.matches("xmlns").count();
        if open.len() >= MAX_DEPTH || namespaces + declared > MAX_NAMESPACES {
            return Err(FileError::Excessive(line(after)));
        }
        if !tag.ends_with('/') {
            open.push(declared);
            namespaces += declared;
        }
    }
    Ok(())
}

/// What is inside a tag, and what comes after it. A `>` may stand in an attribute.
fn tag(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, octet) in text.bytes().enumerate().take(MAX_TAG) {
        match (quote, octet) {
            (None, b'>') => {
                let (tag, rest) = text.split_at_checked(at)?;
                return Some((tag, rest.get(1..)?));
            }
            (None, b'"' | b'\'') => quote = Some(octet),
            (Some(open), octet) if open == octet => quote = None,
            _ => {}
        }
    }
    None
}

/// Whether the XML declaration says what was found: UTF-8.
fn is_utf8(declaration: &str) -> bool {
    let Some((_, value)) = declaration.split_once("encoding") else {
        return true;
    };
    let value = value.trim_start_matches([' ', '\t', '\r', '\n', '=']);
    let mut parts = value.split(['"', '\'']);
    let named = (parts.next(), parts.next());
    matches!(named, (Some(""), Some(name)) if ["utf-8", "us-ascii"].contains(&name.to_ascii_lowercase().as_str()))
}

/// The elements of that name.
pub(super) fn children<'a, 'i: 'a>(
    parent: Node<'a, 'i>,
    namespace: &'static str,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> {
    parent
        .children()
        .filter(move |node| node.has_tag_name((namespace, name)))
}

/// The element of that name, where there is one.
pub(super) fn only<'a, 'i: 'a>(
    parent: Node<'a, 'i>,
    namespace: &'static str,
    name: &'static str,
) -> Result<Option<Node<'a, 'i>>, Refused> {
    let mut found = children(parent, namespace, name);
    let first = found.next();
    match found.next() {
        Some(_) => Err(Refused::Twice(name)),
        None => Ok(first),
    }
}

/// The text of an element, without blanks around it. Comments may stand between, elements may not.
pub(super) fn text<'a>(
    node: Node<'a, '_>,
    name: &'static str,
) -> Result<std::borrow::Cow<'a, str>, Refused> {
    if node.children().any(|child| child.is_element()) {
        return Err(Refused::NoText(name));
    }
    let mut texts = node.children().filter(|child| child.is_text());
    match (texts.next().and_then(|child| child.text()), texts.next()) {
        (None, _) => Ok("".into()),
        (Some(text), None) => Ok(text.trim().into()),
        (Some(_), Some(_)) => Err(Refused::NoText(name)),
    }
}

/// The text of the PSKC element of that name; none where it is absent or empty.
pub(super) fn value<'a>(
    parent: Node<'a, '_>,
    name: &'static str,
) -> Result<Option<String>, Refused> {
    let Some(node) = only(parent, PSKC, name)? else {
        return Ok(None);
    };
    let text = text(node, name)?;
    Ok((!text.is_empty()).then(|| text.into_owned()))
}

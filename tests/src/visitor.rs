//! A person with a browser that keeps cookies, follows redirects and sends forms, but is quicker than a real one: what
//! tests of behaviour use. Pages are looked at in [`crate::browser`].

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::http::{Answer, send};
use crate::tls;

/// A browser's memory, and the password that its user gave to the site's first factor.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// `127.0.0.1:8080`: where addresses without a site lead to.
    site: String,
    /// Whether every site is spoken to over TLS.
    secure: bool,
    /// Other sites that ask for the same password.
    others: Vec<String>,
    /// Headers of each request: the first factor.
    first: Vec<(String, String)>,
    /// Cookies by host, as browsers keep them: whatever the port.
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

/// A page, and the address that it has.
#[derive(Clone, Debug)]
pub struct Page {
    /// The address after all redirects.
    pub address: String,
    /// The last answer.
    pub answer: Answer,
}

impl Visitor {
    /// Somebody who gives this name and password to basic authentication.
    #[must_use]
    pub fn with_password(port: u16, user: &str, password: &str) -> Self {
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        Self::with_header(port, "Authorization", &format!("Basic {credentials}"))
    }

    /// Somebody whose requests get this header from a proxy in front.
    #[must_use]
    pub fn with_header(port: u16, name: &str, value: &str) -> Self {
        Self {
            site: format!("127.0.0.1:{port}"),
            secure: false,
            others: Vec::new(),
            first: vec![(name.to_owned(), value.to_owned())],
            cookies: BTreeMap::new(),
        }
    }

    /// The same person at [`tls::SITE`], on the same port and over TLS.
    #[must_use]
    pub fn over_tls(self) -> Self {
        let port = self.site.rsplit(':').next().unwrap_or_default();
        Self {
            site: format!("{}:{port}", tls::SITE),
            secure: true,
            ..self
        }
    }

    /// The same person in a new window of another browser: no cookies.
    #[must_use]
    pub fn elsewhere(&self) -> Self {
        Self {
            cookies: BTreeMap::new(),
            ..self.clone()
        }
    }

    /// Somebody else at this browser: the cookies stay.
    #[must_use]
    pub fn as_user(&self, user: &str, password: &str) -> Self {
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        Self {
            first: vec![("Authorization".into(), format!("Basic {credentials}"))],
            ..self.clone()
        }
    }

    /// Another site, such as `localhost:8081`, asks for the same password.
    pub fn also_at(&mut self, site: &str) {
        self.others.push(site.to_owned());
    }

    /// The header that is the first factor.
    #[must_use]
    pub fn first_factor(&self) -> Option<(&str, &str)> {
        let (name, value) = self.first.first()?;
        Some((name.as_str(), value.as_str()))
    }

    /// A cookie of a host.
    #[must_use]
    pub fn cookie_of(&self, host: &str, name: &str) -> Option<&str> {
        self.cookies.get(host)?.get(name).map(String::as_str)
    }

    /// A cookie of the guarded site.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get("127.0.0.1")?.get(name).map(String::as_str)
    }

    /// Puts a cookie of the guarded site into the browser, as a thief would.
    pub fn plant(&mut self, name: &str, value: &str) {
        self.cookies
            .entry("127.0.0.1".to_owned())
            .or_default()
            .insert(name.to_owned(), value.to_owned());
    }

    /// Asks for a page as a browser does, without following redirects.
    ///
    /// # Errors
    /// Where there is no answer.
    pub fn get(&mut self, address: &str) -> anyhow::Result<Answer> {
        self.request("GET", address, &[], "")
    }

    /// A request with whatever headers and body; cookies and first factor are added.
    ///
    /// # Errors
    /// Where there is no answer.
    pub fn request(
        &mut self,
        method: &str,
        address: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> anyhow::Result<Answer> {
        let (site, target) = self.split(address);
        let (host, port) = site.rsplit_once(':').context("no port")?;
        let cookie = self.cookies.get(host).map(|cookies| {
            cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join("; ")
        });
        let accept = ("Accept", "text/html,application/xhtml+xml");
        let mut all = vec![("Host", site.as_str())];
        if !headers.iter().any(|(name, _)| *name == "Accept") {
            all.push(accept);
        }
        // The password belongs to the guarded sites alone.
        if site == self.site || self.others.contains(&site) {
            all.extend(
                self.first
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str())),
            );
        }
        if let Some(cookie) = cookie.as_deref().filter(|cookie| !cookie.is_empty()) {
            all.push(("Cookie", cookie));
        }
        all.extend_from_slice(headers);
        let send = if self.secure { tls::send } else { send };
        let answer = send(port.parse()?, method, &target, &all, body)?;
        let jar = self.cookies.entry(host.to_owned()).or_default();
        for line in answer.all("set-cookie") {
            let pair = line.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').context("a cookie without a name")?;
            if line.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }

    /// Goes to an address and wherever it leads.
    ///
    /// # Errors
    /// Where there is no answer, or no end.
    pub fn visit(&mut self, address: &str) -> anyhow::Result<Page> {
        let answer = self.get(address)?;
        self.follow(address, answer)
    }

    /// Sends the form of a page that leads to `action`, with what was typed into its fields.
    ///
    /// # Errors
    /// Where the page has no such form.
    pub fn submit(
        &mut self,
        page: &Page,
        action: &str,
        typed: &[(&str, &str)],
    ) -> anyhow::Result<Page> {
        let mut fields = page.hidden(action)?;
        fields.extend(
            typed
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let (site, _) = self.split(&page.address);
        let origin = format!("{}{site}", self.scheme());
        let address = format!("{origin}{action}");
        let headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Origin", origin.as_str()),
            ("Sec-Fetch-Site", "same-origin"),
        ];
        let answer = self.request("POST", &address, &headers, &form(&fields))?;
        self.follow(&address, answer)
    }

    fn follow(&mut self, address: &str, mut answer: Answer) -> anyhow::Result<Page> {
        let mut address = self.absolute(address);
        for _ in 0..10 {
            if !matches!(answer.status, 301..=303 | 307 | 308) {
                return Ok(Page { address, answer });
            }
            let to = answer.location().to_owned();
            address = match to.strip_prefix('/') {
                Some(_) => format!("{}{}{to}", self.scheme(), self.split(&address).0),
                None => to,
            };
            answer = self.get(&address)?;
        }
        bail!("redirected without an end, at last to {address}")
    }

    /// The address with its site, as a browser shows it.
    #[must_use]
    pub fn absolute(&self, address: &str) -> String {
        let (site, target) = self.split(address);
        format!("{}{site}{target}", self.scheme())
    }

    fn scheme(&self) -> &'static str {
        if self.secure { "https://" } else { "http://" }
    }

    fn split(&self, address: &str) -> (String, String) {
        match address.strip_prefix(self.scheme()) {
            None => (self.site.clone(), address.to_owned()),
            Some(rest) => match rest.find('/') {
                None => (rest.to_owned(), "/".to_owned()),
                Some(at) => {
                    let (site, target) = rest.split_at(at);
                    (site.to_owned(), target.to_owned())
                }
            },
        }
    }
}

impl Page {
    /// What the page says.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.answer.body
    }

    /// The hidden fields of the first form that leads to `action`.
    ///
    /// # Errors
    /// Where there is no such form.
    pub fn hidden(&self, action: &str) -> anyhow::Result<Vec<(String, String)>> {
        let body = &self.answer.body;
        let start = body
            .find(&format!("action=\"{action}\""))
            .with_context(|| format!("no form to {action} on {}: {body}", self.address))?;
        let form = body.get(start..).unwrap_or_default();
        let form = form.split("</form>").next().unwrap_or_default();
        Ok(form
            .split("<input ")
            .skip(1)
            .filter(|input| input.contains("type=\"hidden\""))
            .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)))
            .collect())
    }

    /// The secret that an enrolment page shows for typing.
    ///
    /// # Errors
    /// Where the page shows none.
    pub fn secret(&self) -> anyhow::Result<String> {
        let key = self
            .answer
            .body
            .split("class=\"key\">")
            .nth(1)
            .and_then(|rest| rest.split('<').next())
            .with_context(|| format!("no key on {}: {}", self.address, self.answer.body))?;
        Ok(key.replace(' ', ""))
    }
}

fn attribute(input: &str, name: &str) -> Option<String> {
    let value = input
        .split(&format!("{name}=\""))
        .nth(1)?
        .split('"')
        .next()?;
    Some(value.replace("&amp;", "&").replace("&quot;", "\""))
}

/// Fields as `application/x-www-form-urlencoded` has them.
#[must_use]
pub fn form(fields: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        encode(name, &mut text);
        text.push('=');
        encode(value, &mut text);
    }
    text
}

fn encode(part: &str, to: &mut String) {
    for octet in part.bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                to.push(char::from(octet));
            }
            _ => {
                let _ = write!(to, "%{octet:02X}");
            }
        }
    }
}

//! Somebody who is signed in, and asks for one page again and again.

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofactor_tests::authenticator::Authenticator;
use cofactor_tests::visitor::Visitor;

/// A secret in base32: that of RFC 6238.
pub(super) const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

pub(super) struct SignedIn {
    cookie: String,
    credentials: String,
}

impl SignedIn {
    /// Signs in with a code of [`SECRET`], which has to be enrolled.
    pub(super) fn at(port: u16, user: &str, password: &str) -> anyhow::Result<Self> {
        let mut visitor = Visitor::with_password(port, user, password);
        let mut phone = Authenticator::with(SECRET).context("no oathtool")?;
        let page = visitor.visit("/")?;
        let code = phone.fresh()?;
        let page = visitor.submit(&page, "/.cofactor/answer", &[("code", &code)])?;
        ensure!(page.answer.status == 200, "not signed in: {}", page.text());
        let cookie = visitor.cookie("cofactor").context("no session")?.to_owned();
        Ok(Self {
            cookie,
            credentials: STANDARD.encode(format!("{user}:{password}")),
        })
    }

    /// The octets of a request to the proxy at that port.
    pub(super) fn request(&self, port: u16) -> Vec<u8> {
        let Self {
            cookie,
            credentials,
        } = self;
        format!(
            "GET /page?a=b HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Basic {credentials}\r\nAccept: text/html\r\n\
             Cookie: cofactor={cookie}\r\n\r\n"
        )
        .into_bytes()
    }
}

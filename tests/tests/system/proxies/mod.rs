//! Every proxy through one table of behaviours, with the configuration that `cofactor gateway print` prints.

mod authorization;
mod certificates;
mod contracts;
mod in_front;
mod over_tls;
mod pages;
mod rows;
mod table;

use anyhow::Context as _;
use cofactor_tests::application::Asked;
use cofactor_tests::authenticator::Authenticator;
use cofactor_tests::http::Answer;
use cofactor_tests::proxies::{Guarded, PASSWORD, Proxy};
use cofactor_tests::visitor::{Page, Visitor, form};

/// Does the same at every proxy, each in a thread of its own: most of it is waiting.
fn at_every_proxy<T: Send>(
    run: impl Fn(Proxy) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<(Proxy, T)>> {
    let run = &run;
    std::thread::scope(|scope| {
        let threads: Vec<_> = Proxy::ALL
            .into_iter()
            .map(|proxy| {
                let name = std::thread::current().name().map(str::to_owned);
                let thread = std::thread::Builder::new().name(name.unwrap_or_default());
                (proxy, thread.spawn_scoped(scope, move || run(proxy)))
            })
            .collect();
        threads
            .into_iter()
            .map(|(proxy, thread)| {
                let done = thread?.join().expect("a proxy's thread panicked");
                Ok((proxy, done.with_context(|| proxy.title())?))
            })
            .collect::<anyhow::Result<Vec<_>>>()
    })
}

/// Somebody new at this site, with a browser that has never been there.
fn visitor(site: &Guarded) -> (String, Visitor) {
    let name = site.somebody();
    let visitor = Visitor::with_password(site.port, &name, PASSWORD);
    (name, visitor)
}

/// The same, with a device that an administrator enrolled.
fn with_device(site: &Guarded) -> anyhow::Result<(String, Visitor, Authenticator)> {
    let (name, visitor) = visitor(site);
    site.server.enrol(&name, crate::SECRET)?;
    Ok((name, visitor, crate::phone()))
}

/// The same, signed in.
fn signed_in(site: &Guarded) -> anyhow::Result<(String, Visitor, Authenticator)> {
    let (name, mut visitor, mut phone) = with_device(site)?;
    let page = crate::sign_in(&mut visitor, &mut phone, "/")?;
    anyhow::ensure!(crate::is_application(&page), "{}", page.text());
    Ok((name, visitor, phone))
}

/// Signs in by the page, and says what was put into the browser meanwhile: the cookie of the browser, and of the session.
fn cookies_of_a_sign_in(
    who: &mut Visitor,
    phone: &mut Authenticator,
) -> anyhow::Result<[String; 2]> {
    let address = who.absolute("/.cofactor/");
    let answer = who.get(&address)?;
    let browser = set_cookie(&answer)?;
    let page = Page { address, answer };
    let mut fields = page.hidden("/.cofactor/answer")?;
    fields.push(("code".to_owned(), phone.fresh()?));
    let own = who.absolute("");
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Origin", own.as_str()),
    ];
    let answer = who.request("POST", "/.cofactor/answer", &headers, &form(&fields))?;
    anyhow::ensure!(answer.status == 303, "{}: {}", answer.status, answer.body);
    Ok([browser, set_cookie(&answer)?])
}

/// The one cookie that an answer sets.
fn set_cookie(answer: &Answer) -> anyhow::Result<String> {
    let set: Vec<&str> = answer.all("set-cookie").collect();
    anyhow::ensure!(set.len() == 1, "{set:?}");
    Ok(set[0].to_owned())
}

/// What the application was asked since it had been asked `before` times.
fn since(site: &Guarded, before: usize) -> Vec<Asked> {
    site.application.asked().split_off(before)
}

//! The demonstration's own pages. They say what they are.

use axum::http::StatusCode;
use axum::response::Html;
use maud::{DOCTYPE, Markup, html};

use crate::portal;

/// The first factor's form.
pub(super) fn sign_in(to: &str, problem: Option<&str>) -> Html<String> {
    page(
        "Sign in",
        &html! {
            p.lead { "This form is the demonstration's first factor. The test user and the password are printed in the terminal." }
            @if let Some(problem) = problem {
                p.alert #problem role="alert" { (problem) }
            }
            form method="post" action="/sign-in" {
                input type="hidden" name="to" value=(to);
                div.field {
                    label for="user" { "User name" }
                    input #user name="user" type="text" autocomplete="username" autocapitalize="off" spellcheck="false"
                        required autofocus aria-describedby=[problem.map(|_| "problem")];
                }
                div.field {
                    label for="password" { "Password" }
                    input #password name="password" type="password" autocomplete="current-password" required;
                }
                button type="submit" { "Sign in" }
            }
        },
    )
}

/// The protected page, with the headers that the application received.
pub(super) fn application(headers: &[(&str, String)]) -> Html<String> {
    let user = headers.first().map_or("", |(_, user)| user.as_str());
    page(
        &format!("Hello, {user}"),
        &html! {
            p.lead { "Two factors protect this page. It belongs to a small application that knows nothing about signing in: it believes these headers, which the gateway wrote." }
            dl {
                @for (name, value) in headers {
                    dt { (name) }
                    dd { (value) }
                }
            }
            form method="post" action="/sign-out" {
                button type="submit" { "Sign out" }
            }
            p.center { a href="/.cofactor/devices" { "My devices" } }
            p.note { "Sign out, and sign in again with the same code: it is refused, because a code is good once." }
        },
    )
}

/// What a 403 of the service looks like here.
pub(super) fn refused() -> (StatusCode, Html<String>) {
    let content = html! { p.lead { "The service has refused this request." } };
    (
        StatusCode::FORBIDDEN,
        page("You cannot be let in", &content),
    )
}

fn page(title: &str, content: &Markup) -> Html<String> {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Demonstration application" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(portal::style_path());
            }
            body {
                header { span.brand { "Demonstration application" } }
                main #content { h1 { (title) } (content) }
                footer { p { "Runs on this machine only." } }
            }
        }
    };
    Html(markup.into_string())
}

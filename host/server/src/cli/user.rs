//! `cofactor user`.

mod duration;
mod shown;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use cofactor_runtime::contract::{AccountState, AdministrationChange, Issuance, Outcome};
use cofactor_runtime::store::Name;
use serde_json::json;
use zeroize::Zeroizing;

use duration::duration;
use shown::{handed_out, shown};

use super::administration::event;
use super::{ConfigFile, Exit, Failure, Opened, existing, input, open_service, output, wait};

/// Accounts: add, look at, enrol, issue, unlock, remove
///
/// Works on the configured database, also while the host is running. Every change goes through the component and into
/// the audit chain, with who made it and why.
///
/// Names are as the first factor writes them; they are made canonical first, so that `ALICE` and `alice` are one user.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor user enrol alice              a new TOTP credential, with a QR code to scan
  cofactor user show alice
  cofactor user unlock alice --why 'called the help desk, ticket 4711'")]
pub(super) struct User {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// Create an account, without a credential
    #[command(after_help = "Example:\n  cofactor user add alice")]
    Add(Change),
    List(List),
    Show(Show),
    Enrol(Enrol),
    Issue(Issue),
    State(SetState),
    Bypass(Bypass),
    /// Lift lockouts and clear failure counters
    ///
    /// A credential that reached the hard ceiling of failures stays disabled: remove it and enrol another.
    #[command(after_help = "Example:\n  cofactor user unlock alice --why 'called the help desk'")]
    Unlock(Change),
    /// Refuse every sign-in and end every session, until `unblock`
    #[command(after_help = "Example:\n  cofactor user block alice --why 'lost phone'")]
    Block(Change),
    /// Lift `block`
    #[command(after_help = "Example:\n  cofactor user unblock alice")]
    Unblock(Change),
    /// End every session of the user
    #[command(after_help = "Example:\n  cofactor user sign-out alice")]
    SignOut(Change),
    /// Know no remembered device any more
    #[command(after_help = "Example:\n  cofactor user forget-devices alice --why 'laptop stolen'")]
    ForgetDevices(Change),
    /// Forget the latest instant of the account, after a clock that ran ahead was set right
    #[command(
        after_help = "Example:\n  cofactor user reset-clock alice --why 'clock was a day ahead'"
    )]
    ResetClock(Change),
    Remove(Remove),
}

/// Whose account.
#[derive(Debug, Args)]
struct Who {
    #[command(flatten)]
    config: ConfigFile,
    /// The user's name, as the first factor writes it.
    #[arg(value_name = "USER")]
    user: String,
    /// Whose users these are: the `tenant` of gateways and clients.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Which first factor vouches for the name: the `issuer` of gateways and clients.
    #[arg(long, default_value = "default")]
    issuer: String,
}

/// A change by an administrator.
#[derive(Debug, Args)]
struct Change {
    #[command(flatten)]
    who: Who,
    /// Why, for the audit.
    #[arg(long, default_value = "command line", value_name = "TEXT")]
    why: String,
    /// Print the outcome as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Names of all accounts
///
/// In order, one a line.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cofactor user list --json | jq -r .user")]
struct List {
    #[command(flatten)]
    config: ConfigFile,
    /// Print one JSON object for each: `tenant`, `issuer`, `user`, `account`.
    #[arg(long)]
    json: bool,
}

/// What is known of an account: credentials, locks, failures
///
/// Never a secret.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cofactor user show alice --json | jq '.credentials[].state'")]
struct Show {
    #[command(flatten)]
    who: Who,
    /// Print the account view of the contract (wit/types.wit) as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Enrol a TOTP or HOTP credential
///
/// Without --uri, makes a TOTP credential and prints its QR code and secret, once: show them to the user and to nobody
/// else. With --uri, takes over a token whose secret is known, given as an `otpauth://` URI on standard input or in a
/// file, never on the command line, where other users of the machine could read it.
///
/// Creates the account if there is none.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor user enrol alice --label 'Work phone'
  cofactor user enrol alice --uri token.txt
  pass show otp/alice | cofactor user enrol alice --uri -")]
struct Enrol {
    #[command(flatten)]
    change: Change,
    /// What the user calls it.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "Authenticator",
        conflicts_with = "uri"
    )]
    label: String,
    /// Take over a token: a file whose first line is its `otpauth://` URI, or `-` for standard input.
    #[arg(long, value_name = "FILE")]
    uri: Option<PathBuf>,
}

/// Issue a credential of any method
///
/// For methods whose secret the component makes (recovery codes, a temporary access pass, an app password, a code token) it
/// is printed, once: show it to the user and to nobody else. For methods that reach the user elsewhere (text message, call,
/// e-mail) --address says where, and whoever issues it vouches for that.
///
/// Creates the account if there is none.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor user issue alice --method temporary-pass --label 'First day' --lifetime 8h --once
  cofactor user issue alice --method sms --label Mobile --address +4915112345678 --why 'ticket 4711'
  cofactor user issue alice --method recovery-code --label Recovery
  cofactor user issue alice --method app-password --label 'Old mail program' --address mail")]
struct Issue {
    #[command(flatten)]
    change: Change,
    /// Which method, as `cofactor component` lists them.
    #[arg(long, value_name = "METHOD")]
    method: String,
    /// What the user calls it.
    #[arg(long, value_name = "TEXT")]
    label: String,
    /// What the method needs to know: a telephone number, a mail address, the application of an app password.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// How long it is good for, such as 45m, 8h or 7d. Absent: as the policy has it.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    lifetime: Option<u64>,
    /// Good for one sign-in only. Absent: as the policy has it.
    #[arg(long)]
    once: bool,
}

/// Say whether a second factor is asked for
///
/// `disabled`: it is not, where the policy allows that. `enabled`: it is, and a user without a credential is asked to enrol.
/// `enforced`: it is, and enrolment cannot be put off.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cofactor user state alice enforced")]
struct SetState {
    #[command(flatten)]
    change: Change,
    /// The state.
    #[arg(value_name = "STATE")]
    state: State,
}

/// As `account-state` of the contract.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Disabled,
    Enabled,
    Enforced,
}

/// Let the next sign-in pass without a second factor
///
/// Once, and only for a while; the audit has who allowed it and why.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  cofactor user bypass alice --why 'phone left at home, ticket 4711' --lifetime 10m"
)]
struct Bypass {
    #[command(flatten)]
    who: Who,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// For how long at most, such as 5m or 1h. Absent: as the policy has it.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    lifetime: Option<u64>,
    /// Print the outcome as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Remove an account with everything in it, or one credential
///
/// Under a policy with first-sign-in provisioning, a user without an account is asked to enrol at the next sign-in.
/// Sessions end at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor user remove alice --why 'left the company'
  cofactor user remove alice --credential 00112233aabbccdd --why 'lost token'")]
struct Remove {
    #[command(flatten)]
    change: Change,
    /// Only this credential, as `user show` names it.
    #[arg(long, value_name = "ID")]
    credential: Option<String>,
}

impl User {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Sub::Add(it) => it.plain(AdministrationChange::Create),
            Sub::List(it) => it.run(),
            Sub::Show(it) => it.run(),
            Sub::Enrol(it) => it.run(),
            Sub::Issue(it) => it.run(),
            Sub::State(it) => it.run(),
            Sub::Bypass(it) => it.run(),
            Sub::ForgetDevices(it) => it.plain(AdministrationChange::ForgetDevices),
            Sub::Unlock(it) => it.plain(AdministrationChange::Unlock),
            Sub::Block(it) => it.plain(AdministrationChange::Block),
            Sub::Unblock(it) => it.plain(AdministrationChange::Unblock),
            Sub::SignOut(it) => it.plain(AdministrationChange::SignOut),
            Sub::ResetClock(it) => it.plain(AdministrationChange::ResetClock),
            Sub::Remove(it) => {
                let change = match it.credential {
                    Some(id) => AdministrationChange::RemoveCredential(id),
                    None => AdministrationChange::Remove,
                };
                it.change.plain(change)
            }
        }
    }
}

impl Who {
    fn open(&self) -> Result<(Opened, Name), Failure> {
        let config = self.config.load()?;
        let user = config
            .names
            .canonical(self.user.as_bytes())
            .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        let name = Name {
            tenant: self.tenant.clone(),
            issuer: self.issuer.clone(),
            user: user.as_str().to_owned(),
        };
        Ok((open_service(&config)?, name))
    }
}

impl Change {
    /// Makes a change that hands nothing out.
    fn plain(self, change: AdministrationChange) -> Result<(), Failure> {
        let (outcome, name) = self.make(change)?;
        if self.json {
            return Ok(output::json(&outcome)?);
        }
        Ok(output::lines([format!(
            "{}: done",
            name.user.escape_debug()
        )])?)
    }

    /// Makes a change; a denial is a failure that says why.
    fn make(&self, change: AdministrationChange) -> Result<(Outcome, Name), Failure> {
        let ((service, _in_use), name) = self.who.open()?;
        let event = event(&name, &self.why, change)?;
        let settled = wait(service.step(&name, event))?;
        service.store().close();
        match settled?.outcome {
            Outcome::Deny(denial) => Err(Failure::new(
                Exit::Failed,
                format!("{}: {}", name.user.escape_debug(), denial.internal_reason),
            )),
            outcome => Ok((outcome, name)),
        }
    }
}

impl List {
    fn run(self) -> Result<(), Failure> {
        const PAGE: u32 = 1000;
        let config = self.config.load()?;
        existing(&config)?;
        let (service, _in_use) = open_service(&config)?;
        let mut after: Option<Name> = None;
        loop {
            let page = service.store().names(after.as_ref(), PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (name, account) in page {
                if self.json {
                    output::json(&json!({
                        "tenant": name.tenant, "issuer": name.issuer, "user": name.user,
                        "account": account.to_string(),
                    }))?;
                } else {
                    output::lines([format!(
                        "{}  {}  {}",
                        name.tenant.escape_debug(),
                        name.issuer.escape_debug(),
                        name.user.escape_debug()
                    )])?;
                }
            }
        }
        Ok(())
    }
}

impl Show {
    fn run(self) -> Result<(), Failure> {
        existing(&self.who.config.load()?)?;
        let ((service, _in_use), name) = self.who.open()?;
        let Some(view) = wait(service.view(&name))?? else {
            return Err(Failure::new(
                Exit::Failed,
                format!(
                    "there is no account of {} (tenant {}, issuer {}): see `cofactor user list`",
                    name.user.escape_debug(),
                    name.tenant.escape_debug(),
                    name.issuer.escape_debug()
                ),
            ));
        };
        if self.json {
            return Ok(output::json(&view)?);
        }
        Ok(output::lines(shown(&name, &view))?)
    }
}

impl Enrol {
    fn run(self) -> Result<(), Failure> {
        let change = match &self.uri {
            Some(path) => {
                let text = Zeroizing::new(input::text(path)?);
                let uri = text.lines().next().unwrap_or_default().trim();
                AdministrationChange::ImportOtpauth(uri.to_owned())
            }
            None => AdministrationChange::Issue(Issuance::new("totp", self.label.clone())),
        };
        self.change.enrol(change)
    }
}

impl Issue {
    fn run(self) -> Result<(), Failure> {
        self.change.enrol(AdministrationChange::Issue(Issuance {
            address: self.address,
            lifetime: self.lifetime,
            once: self.once.then_some(true),
            ..Issuance::new(self.method, self.label)
        }))
    }
}

impl SetState {
    fn run(self) -> Result<(), Failure> {
        let state = match self.state {
            State::Disabled => AccountState::Disabled,
            State::Enabled => AccountState::Enabled,
            State::Enforced => AccountState::Enforced,
        };
        self.change.plain(AdministrationChange::SetState(state))
    }
}

impl Bypass {
    fn run(self) -> Result<(), Failure> {
        let change = Change {
            who: self.who,
            why: self.why,
            json: self.json,
        };
        change.plain(AdministrationChange::GrantBypass(self.lifetime))
    }
}

impl Change {
    /// Makes a change that enrols a credential, and prints what its user needs.
    fn enrol(self, change: AdministrationChange) -> Result<(), Failure> {
        let (outcome, name) = self.make(change)?;
        if self.json {
            return Ok(output::json(&outcome)?);
        }
        let Outcome::Done(done) = outcome else {
            return Err(Failure::new(
                Exit::Failed,
                "the component answered with something else than an enrolment",
            ));
        };
        let user = name.user.escape_debug();
        let credential = done.credential.as_deref().unwrap_or("?");
        match &done.provisioning {
            None => Ok(output::lines([format!(
                "{user}: credential {credential} is enrolled"
            )])?),
            Some(provisioning) => Ok(output::lines(handed_out(provisioning)?.into_iter().chain(
                [format!(
                    "{user}: credential {credential} is enrolled; the above is shown once"
                )],
            ))?),
        }
    }
}

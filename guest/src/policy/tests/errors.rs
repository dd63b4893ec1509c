//! Documents that are refused, and what is said of them.

use super::super::{compile, compiled};
use super::errors;

#[test]
fn errors_name_the_place_the_key_and_the_way_out() {
    // Document, line, column, field, and what problem or help has to say.
    #[rustfmt::skip] // One case a line.
    let cases = [
        ("[totp]\nwindow = 11", 2, 10, "totp.window", "0 to 10"),
        ("[totp]\nwindow = -1", 2, 10, "totp.window", "0 to 10"),
        ("[totp]\nwindow = 99999999999999999999", 2, 10, "totp.window", "0 to 10"),
        ("[totp]\nwindow = \"1\"", 2, 10, "totp.window", "a string"),
        ("[totp]\nwindow = 1.5", 2, 10, "totp.window", "a fraction"),
        ("[totp]\nwindow = true", 2, 10, "totp.window", "true or false"),
        ("[totp]\nwindow = [1]", 2, 10, "totp.window", "a list"),
        ("[totp]\nwindow = {a = 1}", 2, 10, "totp.window", "braces"),
        ("[totp]\nwindow = 1979-05-27", 2, 10, "totp.window", "a date"),
        ("[totp]\nperiod = 30", 2, 10, "totp.period", "\"15s\" to \"5m\""),
        ("[totp]\nperiod = '14s'", 2, 10, "totp.period", "\"15s\" to \"5m\""),
        ("[totp]\nperiod = '30'", 2, 10, "totp.period", "no whole number with a unit"),
        ("[totp]\nperiod = '500ms'", 2, 10, "totp.period", "no whole number with a unit"),
        ("[totp]\nwindw = 1", 2, 1, "totp.windw", "did you mean `window`?"),
        ("[totp]\nlook-ahead = 1", 2, 1, "totp.look-ahead", "[hotp]"),
        ("[totp]\nx.y = 1", 2, 1, "totp.x.y", "no key `x.y`"),
        ("[totp]\n'é' = 1", 2, 1, "totp.é", "its keys are `algorithm`"),
        ("'é' = 1", 1, 1, "é", "only `preset`"),
        ("a.b.c = 1", 1, 1, "a.b.c", "only `preset`"),
        ("[totp]\na.b = 1", 2, 1, "totp.a.b", "its keys are `algorithm`"),
        ("'é'.x = 1", 1, 1, "é", "the tables are"),
        ("é = 1", 1, 1, "", "no TOML"),
        ("window = 1", 1, 1, "window", "[totp]"),
        ("totp = 1", 1, 1, "totp", "[totp]"),
        ("[toptp]\nwindow = 1\nx = 2", 1, 2, "toptp", "did you mean `totp`?"),
        ("[totp.more]", 1, 2, "totp.more", "no table `totp.more`"),
        ("[[totp]]", 1, 3, "totp", "[totp], with one bracket"),
        ("[application]", 1, 2, "application", "[[application]]"),
        ("[totp]\nwindow = 1\nwindow = 1", 3, 1, "totp.window", "in line 2"),
        ("[totp]\n[hotp]\n[totp]", 3, 2, "totp", "in line 1"),
        ("totp.window = 1\n[totp]", 2, 2, "totp", "in line 1"),
        ("'totp.window' = 1", 1, 1, "totp.window", "only `preset`"),
        ("preset = 'asv'", 1, 10, "preset", "did you mean `asvs`?"),
        ("preset = 'zzzz'", 1, 10, "preset", "`mfa-server`"),
        ("preset = 1", 1, 10, "preset", "a number"),
        ("preset = 'nist'\npreset = 'pci'", 2, 1, "preset", "in line 1"),
        ("[totp]\npreset = 'nist'", 2, 1, "totp.preset", "no key"),
        ("[totp]\npreset = 'nist'", 2, 1, "totp.preset", "before the first table"),
        ("[accounts]\nmethods = []", 2, 11, "accounts.methods", "empty"),
        ("[accounts]\nmethods = ['totp', 'totp']", 2, 11, "accounts.methods", "twice"),
        ("[accounts]\nmethods = ['fax']", 2, 11, "accounts.methods", "`fax` is not known"),
        ("[accounts]\nmethods = [['totp']]", 2, 11, "accounts.methods", "a list in a list"),
        ("[accounts]\nmethods = 'totp'", 2, 11, "accounts.methods", "a list of"),
        ("[enrolment]\nissuer = 'a:b'", 2, 10, "enrolment.issuer", "colon"),
        ("[enrolment]\nissuer = ''", 2, 10, "enrolment.issuer", "empty"),
        ("[enrolment]\nissuer = \"a\\tb\"", 2, 10, "enrolment.issuer", "control"),
        ("[[application]]\nmax-age = '1h'", 1, 3, "application.name", "no name"),
        ("[[application]]\nname = 'a'\nfail-mode = 'phantom'", 3, 13, "application.fail-mode", "none was"),
        ("[[application]]\nname = 'a'\nfail-mode = 'none'", 3, 13, "application.fail-mode", "nobody would notice"),
        ("[[application]]\nname = 'a'\nfail-mode = 'ajar'", 3, 13, "application.fail-mode", "`closed` or `open`"),
        ("[[application]]\nname = 'a'\nrequired-level = 4", 3, 18, "application.required-level", "1 to 3"),
        ("[[application]]\nname = 'a'\nmax-age = '0s'", 3, 11, "application.max-age", "\"30s\" to \"30d\""),
        ("[[application]]\nname = 'a'\n[[application]]\nname = 'a'", 4, 8, "application.name", "already"),
        ("[[application]]\nname = 'a'\nname = 'b'", 3, 1, "application.name", "in line 2"),
        ("[[application]]\nname = 'a'\nstrength = 'mfaa'", 3, 12, "application.strength", "did you mean `mfa`?"),
        ("[[application]]\nname = 'a'\napprovals = 1", 3, 13, "application.approvals", "no `approvers`"),
        ("[[application]]\nname = 'a'\napprovers = ['b']", 3, 13, "application.approvers", "no `approvals`"),
        ("[[application]]\nname = 'a'\nmethods = ['totq']", 3, 11, "application.methods", "did you mean `totp`?"),
        ("[rule]", 1, 2, "rule", "[[rule]]"),
        ("[[rul]]", 1, 3, "rul", "did you mean `rule`?"),
        ("[[rule]]\nthen = 'deny'\ngroups = ['g']", 1, 3, "rule.name", "no name"),
        ("[[rule]]\nname = 'r'\ngroups = ['g']", 1, 3, "rule.then", "no then"),
        ("[[rule]]\nname = 'r'\nthen = 'skipp'", 3, 8, "rule.then", "did you mean `skip`?"),
        ("[[rule]]\nname = 'r'\nthen = 'deny'", 3, 8, "rule.then", "refuses everybody"),
        ("[[rule]]\nname = 'r'\nthen = 'skip'", 3, 8, "rule.then", "everybody, everywhere"),
        ("[[rule]]\nname = 'r'\nthen = 'require'", 3, 8, "rule.then", "requires nothing"),
        ("[[rule]]\nname = 'r'\nthen = 'deny'\ngroups = ['g']\nlevel = 3", 5, 9, "rule.level", "asks for nothing"),
        ("[[rule]]\nname = 'r'\nthen = 'skip'\ngroups = ['g']\nwhy = 'w'", 1, 3, "rule.until", "no until"),
        ("[[rule]]\nname = 'r'\nthen = 'skip'\ngroups = ['g']\nuntil = 2030-01-01T00:00:00Z", 1, 3, "rule.why", "no why"),
        ("[[rule]]\nname = 'r'\nthen = 'deny'\ngroups = ['g']\nuntil = 2030-01-01", 5, 9, "rule.until", "2026-12-31T18:00:00Z"),
        ("[[rule]]\nname = 'r'\nthen = 'deny'\ngroups = 'g'", 4, 10, "rule.groups", "a list of 1 to 64 names"),
        ("[[rule]]\nname = 'r'\nthen = 'deny'\ngroups = []", 4, 10, "rule.groups", "empty"),
        ("[[rule]]\nname = 'r'\nthen = 'deny'\ngroups = ['g', 'g']", 4, 10, "rule.groups", "twice"),
        ("[[rule]]\nname = 'r'\nthen = 'deny'\nlocations = ['offce']\n[[location]]\nname = 'office'\ncountries = ['DE']", 4, 13, "rule.locations", "did you mean `office`?"),
        ("[[rule]]\nname = 'r'\nthen = 'deny'\nnot-locations = ['office']", 4, 17, "rule.not-locations", "no [[location]]"),
        ("[[rule]]\nname = 'r'\nthen = 'skip'\nlocations = ['de']\n[[location]]\nname = 'de'\ncountries = ['DE']", 4, 13, "rule.locations", "no country is trusted"),
        ("[[rule]]\nname = 'r'\nthen = 'require'\nstrength = 'best'", 4, 12, "rule.strength", "`phishing-resistant`"),
        ("[[rule]]\nname = 'r'\nthen = 'deny'\nrisk = ['grave']", 4, 8, "rule.risk", "`high`"),
        ("[[rule]]\nname = 'r'\nthen = 'deny'\nstates = ['off']", 4, 10, "rule.states", "`enforced`"),
        ("[[rule]]\nname = 'r'\nthen = 'deny'\nusers = ['u']\ngroup = ['g']", 5, 1, "rule.group", "did you mean `groups`?"),
        ("[[rule]]\nname = 'r'\nthen = 'require'\nmax-age = '1s'", 4, 11, "rule.max-age", "\"30s\" to \"30d\""),
        ("[[location]]\nname = 'l'", 1, 3, "location", "nothing is in this location"),
        ("[[location]]\nname = 'l'\nnetworks = ['10.0.0.1/8']", 3, 12, "location.networks", "10.0.0.0/8?"),
        ("[[location]]\nname = 'l'\nnetworks = ['::/0']", 3, 12, "location.networks", "every address"),
        ("[[location]]\nname = 'l'\nnetworks = ['0.0.0.0/1', '128.0.0.0/1']", 3, 12, "location.networks", "every address"),
        ("[[location]]\nname = 'l'\ncountries = ['de']", 3, 13, "location.countries", "upper-case"),
        ("[[strength]]\nname = 'mfa'\nany-of = ['totp']", 2, 8, "strength.name", "built in"),
        ("[[strength]]\nname = 's'", 1, 3, "strength.any-of", "no any-of"),
        ("[[strength]]\nname = 's'\nany-of = ['totp+hotq']", 3, 10, "strength.any-of", "did you mean `hotp`?"),
        ("[[strength]]\nname = 's'\nany-of = ['totp+totp']", 3, 10, "strength.any-of", "twice"),
        ("[[strength]]\nname = 's'\nany-of = ['']", 3, 10, "strength.any-of", "no method"),
        ("[[greeting]]\nmessage = 'm'", 1, 3, "greeting.text-id", "no text-id"),
        ("[[greeting]]\nmessage = 'm'\ntext-id = 'a b'", 3, 11, "greeting.text-id", "no name of a text"),
        ("[[greeting]]\nmessage = 'm'\ntext-id = 'a'\n[[greeting]]\nmessage = 'm'\ntext-id = 'b'", 4, 3, "greeting", "same message"),
        ("[[application]]\nname = 'a'\nsession = 's'\napprovals = 1\napprovers = ['g']", 3, 11, "application.session", "one sign-in"),
        ("[route]", 1, 2, "route", "[[route]]"),
        ("[[route]]\npaths = ['/a']\nlevel = 3", 1, 3, "route.name", "no name"),
        ("[[route]]\nname = 'r'\npaths = ['/a']", 1, 3, "route", "demands nothing"),
        ("[[route]]\nname = 'r'\nlevel = 3", 1, 3, "route", "every request"),
        ("[[route]]\nname = 'r'\npaths = ['/a']\nlevel = 1", 4, 9, "route.level", "2 to 3"),
        ("[[route]]\nname = 'r'\npaths = ['/a']\nmax-age = '1s'", 4, 11, "route.max-age", "\"30s\" to \"30d\""),
        ("[[route]]\nname = 'r'\nlevel = 2\npaths = '/a'", 4, 9, "route.paths", "a list of paths"),
        ("[[route]]\nname = 'r'\nlevel = 2\npaths = []", 4, 9, "route.paths", "empty"),
        ("[[route]]\nname = 'r'\nlevel = 2\npaths = ['/a', '/%61/']", 4, 9, "route.paths", "twice"),
        ("[[route]]\nname = 'r'\nlevel = 2\npaths = ['a']", 4, 9, "route.paths", "no path"),
        ("[[route]]\nname = 'r'\nlevel = 2\npaths = ['/a/../b']", 4, 9, "route.paths", "several ways"),
        ("[[route]]\nname = 'r'\nlevel = 2\npaths = ['/a%2fb']", 4, 9, "route.paths", "several ways"),
        ("[[route]]\nname = 'r'\nlevel = 2\npaths = ['/a?b=1']", 4, 9, "route.paths", "several ways"),
        ("[[route]]\nname = 'r'\nlevel = 2\npaths = ['/a*']\nhost = ['b']", 5, 1, "route.host", "did you mean `hosts`?"),
        ("[[route]]\nname = 'r'\nlevel = 2\nhosts = ['https://a']", 4, 9, "route.hosts", "is no host"),
        ("[[route]]\nname = 'r'\nlevel = 2\nhosts = ['*.a']", 4, 9, "route.hosts", "app.example.com:8443"),
        ("[[route]]\nname = 'r'\nlevel = 2\nhttp-methods = ['get']", 4, 16, "route.http-methods", "did you mean `GET`?"),
        ("[[route]]\nname = 'r'\nlevel = 2\nhttp-methods = ['totp']", 4, 16, "route.http-methods", "no HTTP method"),
        ("[[route]]\nname = 'r'\nlevel = 2\npaths = ['/a']\nmethods = ['GET']", 5, 1, "route.methods", "no key `methods`"),
        ("[[route]]\nname = 'r'\nlevel = 2\npaths = ['/a']\n[[route]]\nname = 'r'\nlevel = 2\npaths = ['/b']", 6, 8, "route.name", "already"),
        ("[application-default]\nfail-mode = 'open'", 2, 1, "application-default.fail-mode", "never for all"),
        ("[throttle]\nlock-after = 50\nceiling = 40", 3, 11, "throttle.ceiling", "at least 50"),
        ("[throttle]\nceiling = 5", 2, 11, "throttle.ceiling", "throttle.lock-after = 10"),
        ("[throttle]\ndelay-base = '10m'", 2, 14, "throttle.delay-base", "at most 5m"),
        ("[throttle]\nlock-for = '2h'\nlock-max = '1h'", 3, 12, "throttle.lock-max", "at least 2h"),
        ("[totp]\nwindow = 2\ndrift-cap = 1", 3, 13, "totp.drift-cap", "at least 2"),
        ("[hotp]\nresync-window = 5", 2, 17, "hotp.resync-window", "at least 10"),
        ("[session]\nidle = '13h'", 2, 8, "session.idle", "at most 12h"),
        ("[session]\nidle = '1m'", 2, 8, "session.idle", "more than 1m"),
        ("[totp\nwindow = 1", 1, 6, "", "no TOML"),
        ("[totp]\nwindow 1", 2, 8, "totp", "no TOML"),
        ("[totp]\nwindow = ", 2, 10, "totp", "no TOML"),
        ("[accounts]\nmethods = ['totp'\n", 2, 1, "accounts", "no end"),
        ("x = \"abc", 1, 9, "", "no TOML"),
    ];
    for (document, line, column, field, says) in cases {
        let found = errors(document);
        let error = &found[0];
        assert_eq!(
            (error.line, error.column, error.field.as_str()),
            (line, column, field),
            "{document}\n{found:?}"
        );
        let texts = format!("{} / {}", error.problem, error.help);
        assert!(texts.contains(says), "{document}: {texts}");
        assert_eq!(found.len(), 1, "{document}: {found:?}");
    }
}

#[test]
fn all_errors_are_told_in_the_order_of_the_document_up_to_64() {
    let found = errors(
        "[throttle]\nceiling = 5\nlock-for = 1\n[[application]]\n[totp]\nwindow = 99\n= 1\n[hotp]\ndigits = 5",
    );
    let places: Vec<_> = found
        .iter()
        .map(|error| (error.line, error.field.as_str()))
        .collect();
    assert_eq!(
        places,
        [
            (2, "throttle.ceiling"),
            (3, "throttle.lock-for"),
            (4, "application.name"),
            (6, "totp.window"),
            (7, "totp"),
            (9, "hotp.digits")
        ]
    );
    assert_eq!(errors(&"[x]\n".repeat(1000)).len(), 64);
    assert_eq!(errors(&"[[application]]\n".repeat(70)).len(), 64);
}

#[test]
fn hostile_documents_end_in_errors() {
    for document in [
        "a=".to_owned() + &"[".repeat(60_000),
        "a=".to_owned() + &"{a=".repeat(20_000),
        "[".repeat(60_000),
        "a=[\n".repeat(15_000),
        "a.".repeat(30_000),
        format!("a = \"{}\"", "\\n".repeat(30_000)),
        format!("{} = 1", "x".repeat(60_000)),
        "\"\"\"".into(),
        "\0".into(),
        "é".repeat(30_000),
        "[totp]\n#".to_owned() + &"\u{7}".repeat(100),
        " ".repeat(65_537),
    ] {
        let found = errors(&document);
        assert!(found.len() <= 64);
        for error in found {
            assert!(
                error.field.len() + error.problem.len() + error.help.len() < 1000,
                "{error:?}"
            );
        }
    }
    let many: String = (0..64)
        .map(|at| format!("[[application]]\nname = '{at:0>128}'\n"))
        .collect();
    assert!(compile(&many).unwrap().bytes.len() <= compiled::MAX_BYTES);
    assert!(
        errors(&(many + "[[application]]\nname = 'x'"))[0]
            .help
            .starts_with("at most 64")
    );
    let routes: String = (0..65)
        .map(|at| format!("[[route]]\nname = '{at}'\npaths = ['/{at}']\nlevel = 2\n"))
        .collect();
    assert_eq!(errors(&routes)[0].help, "at most 64 routes");
}

//! What a stranger's browser could send where a passkey is enrolled or answers: any text, any octets in the place of each part,
//! and right ones that were bent, signed again or not. Nothing panics, and what is accepted is right by a judge that takes the
//! parts apart with other code: the challenge, the origin and the domain that were asked for, and a signature of the key.
#![no_main]

use cofactor_fuzz::authenticator::{Authenticator, Given, Key, UP, UV, decode, options};
use cofactor_fuzz::world::{World, challenge_id, is_allowed};
use cofactor_fuzz::written;
use cofactor_guest::contract::{Action, Answer, Fault, Proof, Transition};
use ed25519_dalek::Verifier as _;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sha2::{Digest, Sha256};

const POLICY: &str = "[accounts]\nmethods = ['webauthn']\n[webauthn]\nrp-id = 'example.com'\n\
                      origins = ['https://app.example.com']\n";
/// What the first octet chooses.
const POLICIES: [&str; 4] = [
    "attestation = 'none'\n",
    "attestation = 'own'\n",
    "user-verification = 'required'\nsynced = false\n",
    "attestation = 'certified'\naaguids = ['11111111-1111-1111-1111-111111111111']\n",
];
/// The one under which something is enrolled.
const NONE: usize = 0;
/// The one that wants a verified user.
const STRICT: usize = 2;

/// One user with a passkey, and one who is enrolling one.
#[derive(Clone)]
struct Site {
    signing_in: World,
    asked: Transition,
    passkey: Authenticator,
    answer: Given,
    enrolling: World,
    begun: Transition,
    fresh: Authenticator,
    creation: Given,
}

thread_local! {
    static SITES: Vec<Site> = (0..POLICIES.len())
        .flat_map(|policy| [Key::es256(1), Key::eddsa(1)].map(|key| site(policy, key)))
        .collect();
}

fn site(policy: usize, key: Key) -> Site {
    let document = format!("{POLICY}{}", POLICIES[policy]);
    let mut signing_in = World::new(&format!("{POLICY}{}", POLICIES[NONE]));
    let mut passkey = Authenticator::new(key.clone(), 1);
    let begun = signing_in.enrol_begin("webauthn", None);
    let given = passkey.create(&begun.outcome);
    let done = finish(&mut signing_in, &begun, given.proof());
    assert!(is_allowed(&done.expect("no fault")));
    signing_in.policy = World::new(&document).policy;
    let asked = signing_in.begin();
    let answer = passkey.get(&asked.outcome);

    let mut enrolling = World::new(&document);
    let begun = enrolling.enrol_begin("webauthn", None);
    let mut fresh = Authenticator::new(key, 2);
    fresh.attests = true;
    let creation = fresh.create(&begun.outcome);
    Site {
        signing_in,
        asked,
        passkey,
        answer,
        enrolling,
        begun,
        fresh,
        creation,
    }
}

fn finish(world: &mut World, begun: &Transition, proof: Proof) -> Result<Transition, Fault> {
    let event = world.event(Action::EnrolFinish(answer(begun, proof)));
    world.judge(&event)
}

fn answer(asked: &Transition, proof: Proof) -> Answer {
    Answer {
        challenge: challenge_id(&asked.outcome),
        proof,
        remember: false,
    }
}

fuzz_target!(|octets: &[u8]| {
    let [which, how, rest @ ..] = octets else {
        return;
    };
    let policy = usize::from(*which >> 1) % POLICIES.len();
    let mut site = SITES.with(|sites| {
        let at = policy * 2 + usize::from(which & 1);
        sites[at].clone()
    });
    let enrols = how & 1 == 1;
    let right = if enrols { &site.creation } else { &site.answer };
    let text = match how >> 1 & 3 {
        0 => String::from_utf8_lossy(rest).into_owned(),
        1 => bent(right.json().to_string().into_bytes(), rest),
        _ => {
            let given = bent_parts(right, rest, how >> 3);
            let signs = how >> 2 & 1 == 1 && how & 0x80 != 0;
            let given = match (signs, enrols) {
                (true, false) => site.passkey.sign(given),
                _ => given,
            };
            given.json().to_string()
        }
    };
    if std::env::var_os("COFACTOR_FUZZ_SHOW").is_some() {
        eprintln!("{} {enrols}: {text}", POLICIES[policy]);
    }
    let proof = Proof::Webauthn(text.clone());
    let (world, judged) = if enrols {
        let judged = finish(&mut site.enrolling, &site.begun, proof);
        (&site.enrolling, judged)
    } else {
        let event = site
            .signing_in
            .event(Action::Answer(answer(&site.asked, proof)));
        let judged = site.signing_in.judge(&event);
        (&site.signing_in, judged)
    };
    let judged = match judged {
        Ok(judged) => judged,
        // A text that is longer than the contract allows.
        Err(Fault::BadRequest(_)) => return,
        Err(fault) => panic!("{fault:?}"),
    };
    let view = written(world.record.as_deref().expect("a record"));
    assert_eq!(
        view.credentials.len(),
        usize::from(!enrols || is_allowed(&judged))
    );
    if is_allowed(&judged) {
        let sent = Sent::read(&text).expect("what is accepted is JSON with every part");
        if enrols {
            sent.judge(&options(&site.begun.outcome), "webauthn.create");
            assert_ne!(policy, 3, "nobody here has a certificate");
            if policy != NONE {
                assert!(sent.made == site.creation.made || policy == STRICT);
            }
            assert_eq!(site.fresh.id.len(), 32);
        } else {
            sent.judge(&options(&site.asked.outcome), "webauthn.get");
            sent.judge_answer(&site.passkey, policy == STRICT);
        }
    }
});

/// Changes octets: four at a time say where, and what.
fn bent(mut octets: Vec<u8>, changes: &[u8]) -> String {
    bend(&mut octets, changes);
    String::from_utf8_lossy(&octets).into_owned()
}

fn bend(octets: &mut Vec<u8>, changes: &[u8]) {
    for [high, low, kind, value] in changes.as_chunks().0 {
        if octets.is_empty() {
            return;
        }
        let at = usize::from(u16::from_be_bytes([*high, *low])) % octets.len();
        match kind % 4 {
            0 => octets[at] ^= value | 1,
            1 => octets[at] = *value,
            2 => octets.insert(at, *value),
            _ => {
                octets.remove(at);
            }
        }
    }
}

/// One part replaced, or bent.
fn bent_parts(right: &Given, rest: &[u8], which: u8) -> Given {
    let mut given = right.clone();
    let mut empty = Vec::new();
    let part = match which % 5 {
        0 => &mut given.made,
        1 => &mut given.client_data,
        2 => given.signature.as_mut().unwrap_or(&mut empty),
        3 => &mut given.id,
        _ => given.handle.as_mut().unwrap_or(&mut empty),
    };
    if which & 8 == 0 {
        bend(part, rest);
    } else {
        *part = rest.to_vec();
    }
    given
}

/// What was sent, taken apart.
struct Sent {
    id: Vec<u8>,
    client_data: Vec<u8>,
    made: Vec<u8>,
    signature: Vec<u8>,
    handle: Option<Vec<u8>>,
}

impl Sent {
    fn read(text: &str) -> Option<Self> {
        let sent: Value = serde_json::from_str(text).ok()?;
        let response = &sent["response"];
        let octets = |value: &Value| value.is_string().then(|| decode(value));
        let made = ["authenticatorData", "attestationObject"];
        Some(Self {
            id: octets(&sent["rawId"]).or_else(|| octets(&sent["id"]))?,
            client_data: octets(&response["clientDataJSON"])?,
            made: made.into_iter().find_map(|name| octets(&response[name]))?,
            signature: octets(&response["signature"]).unwrap_or_default(),
            handle: octets(&response["userHandle"]),
        })
    }

    /// The browser asked for this.
    fn judge(&self, asked: &Value, kind: &str) {
        let seen: Value = serde_json::from_slice(&self.client_data).expect("client data");
        assert_eq!(seen["type"], kind);
        assert_eq!(seen["challenge"], asked["challenge"]);
        assert_eq!(seen["origin"], "https://app.example.com");
        assert_ne!(seen["crossOrigin"], true);
    }

    /// The key signed for this domain, with somebody there.
    fn judge_answer(&self, passkey: &Authenticator, verified: bool) {
        assert_eq!(self.id, passkey.id);
        if let Some(handle) = &self.handle {
            assert_eq!(handle, &passkey.handle);
        }
        let data = &self.made;
        assert!(data.len() >= 37 && data[..32] == *Sha256::digest(b"example.com"));
        assert_eq!(data[32] & UP, UP);
        assert!(!verified || data[32] & UV == UV);
        let message = [&data[..], &Sha256::digest(&self.client_data)].concat();
        let signed = match &passkey.key {
            Key::Es256(key) => p256::ecdsa::Signature::from_der(&self.signature)
                .is_ok_and(|it| key.verifying_key().verify(&message, &it).is_ok()),
            Key::EdDsa(key) => ed25519_dalek::Signature::from_slice(&self.signature)
                .is_ok_and(|it| key.verifying_key().verify(&message, &it).is_ok()),
            Key::Rs256(_) => false,
        };
        assert!(signed, "accepted without a signature");
    }
}

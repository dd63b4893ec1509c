//! What the forms of the portal are for, and where they are sent to.

/// What a form is for. A token opens for no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// What the user typed, or a key signed, for a challenge.
    Answer,
    /// Another of the methods that a challenge offers.
    Choose,
    /// The message of a challenge, once more.
    Resend,
    /// Not a form but the address of a page that waits.
    Wait,
    /// A new credential.
    EnrolBegin,
    /// The proof that it arrived.
    EnrolFinish,
    /// Setting up is put off.
    Snooze,
    /// What was shown once is kept by its user.
    Kept,
    Rename,
    Remove,
    SetDefault,
    SetPin,
    ForgetDevice,
    ForgetDevices,
    SignOut,
    SignOutEverywhere,
}

impl Purpose {
    /// Every form.
    pub(super) const FORMS: [Self; 15] = [
        Self::Answer,
        Self::Choose,
        Self::Resend,
        Self::EnrolBegin,
        Self::EnrolFinish,
        Self::Snooze,
        Self::Kept,
        Self::Rename,
        Self::Remove,
        Self::SetDefault,
        Self::SetPin,
        Self::ForgetDevice,
        Self::ForgetDevices,
        Self::SignOut,
        Self::SignOutEverywhere,
    ];

    /// Where it is sent to, under the reserved path.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Choose => "choose",
            Self::Resend => "resend",
            Self::Wait => "wait",
            Self::EnrolBegin => "enrol",
            Self::EnrolFinish => "enrol/confirm",
            Self::Snooze => "snooze",
            Self::Kept => "kept",
            Self::Rename => "devices/rename",
            Self::Remove => "devices/remove",
            Self::SetDefault => "devices/default",
            Self::SetPin => "devices/pin",
            Self::ForgetDevice => "devices/forget",
            Self::ForgetDevices => "devices/forget-all",
            Self::SignOut => "sign-out",
            Self::SignOutEverywhere => "sign-out/everywhere",
        }
    }

    /// Where whoever goes to that address without the form is sent.
    pub(super) fn home(self) -> &'static str {
        match self {
            Self::Rename
            | Self::Remove
            | Self::SetDefault
            | Self::SetPin
            | Self::ForgetDevice
            | Self::ForgetDevices
            | Self::SignOutEverywhere => "devices",
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Purpose;

    #[test]
    fn every_form_has_an_address_of_its_own() {
        let paths: std::collections::BTreeSet<_> = Purpose::FORMS.map(Purpose::path).into();
        assert_eq!(paths.len(), Purpose::FORMS.len());
    }
}

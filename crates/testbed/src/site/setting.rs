//! How a site and its daemon work, and tests that run on all such settings.

use serde_json::Value;

/// The gateway's interface to the internet.
const INTERNET: &str = "eth0";

/// How the daemon of a site works: with how many workers, on what wires, and whether every frame is handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// `engine.workers`; `None` leaves it to the gateway file.
    pub workers: Option<usize>,
    /// What the machines are connected by.
    pub wires: Wires,
    /// `engine.handOff: always`.
    pub hand_off: bool,
}

/// What the machines of a site are connected by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wires {
    /// A pair of veth interfaces each, there before the daemon.
    Veth,
    /// A TAP device each, which the daemon makes and which is then moved to its machine.
    Tap,
    /// A TAP device to each machine, and a pair of veth interfaces to the internet.
    TapAndVeth,
    /// A pair of veth interfaces each with every offload off, for `engine.io: pnet`.
    Plain,
}

impl Setting {
    /// What the gateway file says, on veth.
    pub const PLAIN: Self = Self { workers: None, wires: Wires::Veth, hand_off: false };

    /// So many workers on veth.
    pub const fn veth(workers: usize) -> Self {
        Self { workers: Some(workers), ..Self::PLAIN }
    }

    /// So many workers on TAP devices.
    pub const fn tap(workers: usize) -> Self {
        Self { wires: Wires::Tap, ..Self::veth(workers) }
    }

    /// So many workers, the machines on TAP devices and the internet on veth.
    pub const fn tap_and_veth(workers: usize) -> Self {
        Self { wires: Wires::TapAndVeth, ..Self::veth(workers) }
    }

    /// The portable backend, which serves one worker.
    pub const fn pnet() -> Self {
        Self { wires: Wires::Plain, ..Self::veth(1) }
    }

    /// The same with every frame handed over.
    #[must_use]
    pub const fn handing_over(self) -> Self {
        Self { hand_off: true, ..self }
    }

    /// Whether the gateway's interface `name` is a TAP device.
    pub fn is_tap(self, name: &str) -> bool {
        match self.wires {
            Wires::Veth | Wires::Plain => false,
            Wires::Tap => true,
            Wires::TapAndVeth => name != INTERNET,
        }
    }

    /// A gateway file's text as this setting has it; a broken one stays as it is.
    pub(super) fn apply(self, text: &str) -> String {
        let Ok(mut file) = serde_json::from_str::<Value>(text) else { return text.into() };
        if let Some(workers) = self.workers {
            let hand_off = if self.hand_off { "always" } else { "auto" };
            let io = if self.wires == Wires::Plain { "pnet" } else { "auto" };
            file["engine"] = serde_json::json!({ "workers": workers, "handOff": hand_off, "io": io });
        }
        let attachments = file["attachments"].as_array_mut().into_iter().flatten();
        for attachment in attachments.filter_map(Value::as_object_mut) {
            let name = attachment.get("interface").and_then(Value::as_str);
            if name.is_some_and(|name| self.is_tap(name))
                && let Some(name) = attachment.remove("interface")
            {
                attachment.insert("tap".into(), name);
            }
        }
        format!("{file:#}\n")
    }
}

/// Makes a test of each case, a function that takes a [`Setting`](site::Setting), on every setting: one, two and four
/// workers and every frame handed over, on veth and on TAP; and the portable backend.
#[macro_export]
macro_rules! on_every_setting {
    ($($case:ident),+ $(,)?) => {
        $crate::on_rings_and_taps!($($case),+);
        $crate::on_setting!(pnet, $crate::site::Setting::pnet(), $($case),+);
    };
}

/// The same without the portable backend.
#[macro_export]
macro_rules! on_rings_and_taps {
    ($($case:ident),+ $(,)?) => {
        $crate::on_veth!($($case),+);
        $crate::on_taps!($($case),+);
    };
}

/// The same on TAP alone, for cases in which the machine or the daemon has to do with the device.
#[macro_export]
macro_rules! on_taps {
    ($($case:ident),+ $(,)?) => {
        $crate::on_setting!(tap_1, $crate::site::Setting::tap(1), $($case),+);
        $crate::on_setting!(tap_2, $crate::site::Setting::tap(2), $($case),+);
        $crate::on_setting!(tap_4, $crate::site::Setting::tap(4), $($case),+);
        $crate::on_setting!(tap_2_handing_over, $crate::site::Setting::tap(2).handing_over(), $($case),+);
    };
}

/// The same with the machines on TAP and the internet on veth, for cases in which the host has to do with the outside alone.
#[macro_export]
macro_rules! on_taps_and_veth {
    ($($case:ident),+ $(,)?) => {
        $crate::on_setting!(tap_and_veth_1, $crate::site::Setting::tap_and_veth(1), $($case),+);
        $crate::on_setting!(tap_and_veth_2, $crate::site::Setting::tap_and_veth(2), $($case),+);
        $crate::on_setting!(tap_and_veth_4, $crate::site::Setting::tap_and_veth(4), $($case),+);
        $crate::on_setting!(
            tap_and_veth_2_handing_over,
            $crate::site::Setting::tap_and_veth(2).handing_over(),
            $($case),+
        );
    };
}

/// The same on veth alone, for cases in which the host changes an interface.
#[macro_export]
macro_rules! on_veth {
    ($($case:ident),+ $(,)?) => {
        $crate::on_setting!(veth_1, $crate::site::Setting::veth(1), $($case),+);
        $crate::on_setting!(veth_2, $crate::site::Setting::veth(2), $($case),+);
        $crate::on_setting!(veth_4, $crate::site::Setting::veth(4), $($case),+);
        $crate::on_setting!(veth_2_handing_over, $crate::site::Setting::veth(2).handing_over(), $($case),+);
    };
}

/// A module with a test of each case on one setting.
#[macro_export]
macro_rules! on_setting {
    ($module:ident, $setting:expr, $($case:ident),+) => {
        mod $module {
            $(
                #[test]
                fn $case() {
                    super::$case($setting);
                }
            )+
        }
    };
}

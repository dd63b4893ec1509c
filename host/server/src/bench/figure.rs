//! Figures and the table that shows them.

use std::fmt;

use serde::Serialize;

/// One measurement.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// What it is to be seen beside, measured in the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<(String, f64)>,
    /// What it ought to be, in words.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub goal: &'static str,
}

impl Figure {
    /// A figure without a baseline.
    #[must_use]
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
            baseline: None,
            goal: "",
        }
    }

    /// Beside this.
    #[must_use]
    pub fn beside(mut self, name: impl Into<String>, value: f64) -> Self {
        self.baseline = Some((name.into(), value));
        self
    }

    /// With this goal.
    #[must_use]
    pub fn goal(mut self, goal: &'static str) -> Self {
        self.goal = goal;
        self
    }
}

/// What stands above the figures, in the columns of their `Display`.
pub const HEADING: &str = concat!(
    "figure                                                           measured  ",
    "beside                                         ratio  goal"
);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measured = format!("{} {}", number(self.value), self.unit);
        let (beside, ratio) = match &self.baseline {
            Some((name, value)) => (
                format!("{name}: {} {}", number(*value), self.unit),
                format!("{:.2}", self.value / value),
            ),
            None => (String::new(), String::new()),
        };
        let line = format!(
            "{:<58} {measured:>14}  {beside:<44} {ratio:>7}  {}",
            self.name, self.goal
        );
        f.write_str(line.trim_end())
    }
}

fn number(value: f64) -> String {
    match value {
        v if v >= 1_000.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.3}"),
    }
}

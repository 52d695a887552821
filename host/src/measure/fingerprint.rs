//! What a number depends on besides the model.

use pearl_agent::protocol::content_hash::sha256;
use pearl_agent::protocol::messages::{AgentHello, Engine, Precision, State};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::device::entry::Device;

/// Numbers of different fingerprints are not comparable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    pub arch: String,
    pub os: String,
    pub cpu_model: Option<String>,
    pub soc: Option<String>,
    /// The processors pinned to; empty if the scheduler chose.
    pub cpus: Vec<usize>,
    pub governor: Option<String>,
    pub threads: usize,
    pub precision: String,
    pub engine: Engine,
    pub agent_version: String,
    /// SHA-256 of the agent's executable.
    pub agent_build: String,
    /// How the processors' driver weighs speed against power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preference: Option<String>,
    /// Whether the processors may run faster than their nominal clock rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boost: Option<bool>,
    /// The words before the agent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wrapper: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// The control group's limit of processor time, in thousandths of a processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_quota_milli: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypervisor: Option<String>,
    /// The group that Android's scheduler had the process in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduling: Option<String>,
    /// Only `true`: whether Android's fixed-performance mode was on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_performance: Option<bool>,
}

/// The fields that are left out where there is nothing to tell: fingerprints that were kept before there were
/// these fields keep their short names.
const LEFT_OUT: [&str; 8] = [
    "preference",
    "boost",
    "wrapper",
    "kernel",
    "cpu_quota_milli",
    "hypervisor",
    "scheduling",
    "fixed_performance",
];

impl Fingerprint {
    pub fn new(
        device: &Device,
        hello: &AgentHello,
        state: Option<&State>,
        threads: usize,
        precision: Precision,
    ) -> Self {
        let platform = &hello.platform;
        Self {
            arch: platform.arch.clone(),
            os: platform.os.clone(),
            cpu_model: platform.cpu_model.clone(),
            soc: platform.android.as_ref().and_then(|android| android.soc.clone()),
            cpus: device.cpus.on(platform),
            governor: state.and_then(|state| state.governor.clone()),
            threads,
            precision: name(precision).to_owned(),
            engine: hello.engine.clone(),
            agent_version: hello.version.clone(),
            agent_build: hello.build.clone(),
            preference: state.and_then(|state| state.preference.clone()),
            boost: state.and_then(|state| state.boost),
            wrapper: device.wrapper.clone(),
            kernel: platform.kernel.clone(),
            cpu_quota_milli: platform.cgroup.cpu_milli,
            hypervisor: platform.hypervisor.clone(),
            scheduling: state.and_then(|state| state.scheduling.clone()),
            fixed_performance: state.and_then(|state| state.fixed_performance.then_some(true)),
        }
    }

    /// A short name for comparing: the first 16 hexadecimal digits of a hash over all of it.
    pub fn id(&self) -> String {
        let text = serde_json::to_vec(self).expect("a fingerprint is plain data");
        sha256(&text)[..16].to_owned()
    }

    /// All fields, also those that are left out of documents.
    fn fields(&self) -> Map<String, Value> {
        let Ok(Value::Object(mut fields)) = serde_json::to_value(self) else { return Map::new() };
        for name in LEFT_OUT {
            fields.entry(name).or_insert("none".into());
        }
        fields
    }

    /// Every part by its name, whole, as a run keeps it.
    pub fn parts(&self) -> Vec<(String, String)> {
        let fields = self.fields();
        let named = |field: &str| field.replace('_', " ");
        let parts = fields.iter().flat_map(|(field, value)| match value {
            Value::Object(inner) => inner
                .iter()
                .map(|(part, value)| (named(&format!("{field} {part}")), whole(value)))
                .collect::<Vec<_>>(),
            value => vec![(named(field), whole(value))],
        });
        parts.collect()
    }

    /// The fields in which two differ, each as `field: this, other`.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let (one, two) = (self.fields(), other.fields());
        let differing = one.iter().filter(|(field, value)| two.get(*field) != Some(*value));
        differing
            .map(|(field, value)| {
                let now = two.get(field).map(plain).unwrap_or_default();
                format!("{}: {}, {now}", field.replace('_', " "), plain(value))
            })
            .collect()
    }
}

fn plain(value: &Value) -> String {
    match value {
        // A hash is told apart by its first digits.
        Value::String(text) if text.len() == 64 => text.chars().take(16).collect(),
        Value::Object(fields) => fields.values().map(plain).collect::<Vec<_>>().join(" "),
        other => whole(other),
    }
}

fn whole(value: &Value) -> String {
    match value {
        Value::Null => "unknown".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub fn name(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "f32",
        Precision::F16 => "f16",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint() -> Fingerprint {
        Fingerprint {
            arch: "aarch64".into(),
            os: "linux".into(),
            cpu_model: None,
            soc: None,
            cpus: vec![4, 5],
            governor: None,
            threads: 1,
            precision: "f32".into(),
            engine: Engine { name: "tract".into(), version: "0.23.9".into() },
            agent_version: "0.1.0".into(),
            agent_build: "ab".repeat(32),
            preference: None,
            boost: None,
            wrapper: Vec::new(),
            kernel: Some("6.1".into()),
            cpu_quota_milli: None,
            hypervisor: None,
            scheduling: None,
            fixed_performance: None,
        }
    }

    #[test]
    fn a_run_keeps_every_part_whole() {
        let parts = fingerprint().parts();
        let of =
            |name: &str| parts.iter().find(|(part, _)| part == name).map(|(_, of)| of.as_str());
        assert_eq!(of("agent build"), Some("ab".repeat(32).as_str()));
        assert_eq!(of("engine version"), Some("0.23.9"));
        assert_eq!((of("cpus"), of("governor")), (Some("[4,5]"), Some("unknown")));
        assert_eq!(of("engine"), None);
        // What is not there is told as well: it may be there when the run goes on.
        assert_eq!(
            (of("kernel"), of("wrapper"), of("boost")),
            (Some("6.1"), Some("none"), Some("none"))
        );
    }

    #[test]
    fn what_differs_is_named_field_by_field() {
        let one = fingerprint();
        assert_eq!(one.differences(&one), [""; 0]);
        let mut two = fingerprint();
        two.governor = Some("powersave".into());
        two.cpus = vec![0];
        two.engine.version = "0.24.0".into();
        assert_eq!(
            one.differences(&two),
            [
                "cpus: [4,5], [0]",
                "engine: tract 0.23.9, tract 0.24.0",
                "governor: unknown, powersave"
            ]
        );
        assert_ne!(one.id(), two.id());
    }

    #[test]
    fn wrapper_policies_kernel_quota_and_hypervisor_tell_fingerprints_apart() {
        type Change = fn(&mut Fingerprint);
        let changes: [(Change, &str); 8] = [
            (
                |of| of.wrapper = vec!["taskset".into(), "4".into()],
                "wrapper: none, [\"taskset\",\"4\"]",
            ),
            (|of| of.preference = Some("power".into()), "preference: none, power"),
            (|of| of.boost = Some(false), "boost: none, false"),
            (|of| of.kernel = None, "kernel: 6.1, none"),
            (|of| of.cpu_quota_milli = Some(500), "cpu quota milli: none, 500"),
            (|of| of.hypervisor = Some("xen".into()), "hypervisor: none, xen"),
            (|of| of.scheduling = Some("top-app".into()), "scheduling: none, top-app"),
            (|of| of.fixed_performance = Some(true), "fixed performance: none, true"),
        ];
        for (change, expected) in changes {
            let (one, mut two) = (fingerprint(), fingerprint());
            change(&mut two);
            assert_eq!(one.differences(&two), [expected]);
            assert_ne!(one.id(), two.id(), "{expected}");
        }
    }
}

//! Models and launches in the first version of the document.
//!
//! **Invariant:** a field that older programs did not write may be absent.

use pearl_agent::protocol::messages::{
    Battery, Clock, GraphFacts, InputReport, LaunchReport, ModelFile, Reading, State, Thermal,
    WeightType, WeightsFile,
};
use serde::{Deserialize, Serialize};

same_fields! {
    ModelV1 = ModelFile {
        plain {
            path: String,
            sha256: String,
            #[serde(default, skip_serializing_if = "std::ops::Not::not")]
            random_weights: bool,
        }
        lists {
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            weights: WeightsV1,
        }
        options {}
    }
}

same_fields! {
    WeightsV1 = WeightsFile {
        plain { location: String, path: String, sha256: String, }
        lists {}
        options {}
    }
}

same_fields! {
    LaunchV1 = LaunchReport {
        plain {
            #[serde(default, skip_serializing_if = "GraphV1::is_empty")]
            graph: GraphV1,
            load_ns: u64,
            optimise_ns: u64,
            steady: bool,
            cpu_ns: u64,
            wall_ns: u64,
            involuntary_switches: u64,
            clock: ClockV1,
            threads: usize,
            state_before: StateV1,
            state_after: StateV1,
        }
        lists {
            #[serde(default)]
            inputs: InputV1,
            warm_up_ns: u64,
            samples_ns: u64,
            #[serde(default)]
            blocks: usize,
            #[serde(default)]
            readings: ReadingV1,
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            samples_cpu_ns: u64,
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            by_seed_ns: u64,
        }
        options {
            peak_memory_bytes: u64,
            energy_uj: u64,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            cycles: u64,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            instructions: u64,
        }
    }
}

same_fields! {
    #[derive(Default)]
    GraphV1 = GraphFacts {
        plain {
            whole_convolutions: usize,
            branches: usize,
            #[serde(default)]
            random_weights: usize,
        }
        lists { weights: WeightTypeV1, }
        options {}
    }
}

impl GraphV1 {
    /// As in documents that were written before launches told it.
    fn is_empty(&self) -> bool {
        self.weights.is_empty()
            && [self.whole_convolutions, self.branches, self.random_weights] == [0; 3]
    }
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::measure::document) enum WeightTypeV1 {
    F64,
    F32,
    F16,
    Bf16,
    Int8,
    Int4,
}

impl From<WeightType> for WeightTypeV1 {
    fn from(of: WeightType) -> Self {
        match of {
            WeightType::F64 => Self::F64,
            WeightType::F32 => Self::F32,
            WeightType::F16 => Self::F16,
            WeightType::Bf16 => Self::Bf16,
            WeightType::Int8 => Self::Int8,
            WeightType::Int4 => Self::Int4,
        }
    }
}

impl From<WeightTypeV1> for WeightType {
    fn from(of: WeightTypeV1) -> Self {
        match of {
            WeightTypeV1::F64 => Self::F64,
            WeightTypeV1::F32 => Self::F32,
            WeightTypeV1::F16 => Self::F16,
            WeightTypeV1::Bf16 => Self::Bf16,
            WeightTypeV1::Int8 => Self::Int8,
            WeightTypeV1::Int4 => Self::Int4,
        }
    }
}

same_fields! {
    InputV1 = InputReport {
        plain {
            name: String,
            #[serde(rename = "type")]
            of_type: String,
            #[serde(default)]
            assumed_batch: bool,
            #[serde(default)]
            values: String,
            #[serde(default)]
            chosen: bool,
        }
        lists { dims: usize, }
        options {}
    }
}

same_fields! {
    ReadingV1 = Reading {
        plain { core_ns: u64, network_ns: u64, memory_ns: u64, cpu_ns: u64, wall_ns: u64, }
        lists {}
        options {}
    }
}

same_fields! {
    ClockV1 = Clock {
        plain { resolution_ns: u64, overhead_ns: u64, }
        lists {}
        options {}
    }
}

same_fields! {
    StateV1 = State {
        plain {
            #[serde(default, skip_serializing_if = "std::ops::Not::not")]
            fixed_performance: bool,
        }
        lists { frequency_khz: u64, temperature_mc: (String, i64), }
        options {
            governor: String,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            preference: String,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            boost: bool,
            load_milli: u64,
            memory_available_bytes: u64,
            battery: BatteryV1,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            thermal: ThermalV1,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            scheduling: String,
        }
    }
}

same_fields! {
    ThermalV1 = Thermal {
        plain {}
        lists {}
        options { status: u64, headroom_milli: u64, }
    }
}

same_fields! {
    BatteryV1 = Battery {
        plain {}
        lists {}
        options { percent: u64, status: String, }
    }
}

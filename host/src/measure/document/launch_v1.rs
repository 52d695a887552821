//! Models and launches in the first version of the document.
//!
//! **Invariant:** a field that older programs did not write may be absent.

use pearl_agent::protocol::messages::{
    Battery, Clock, InputReport, LaunchReport, ModelFile, Reading, State, WeightsFile,
};

same_fields! {
    ModelV1 = ModelFile {
        plain { path: String, sha256: String, }
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
        }
        options { peak_memory_bytes: u64, energy_uj: u64, }
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
        plain {}
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
        }
    }
}

same_fields! {
    BatteryV1 = Battery {
        plain {}
        lists {}
        options { percent: u64, status: String, }
    }
}

//! What a device reported about itself, in the first version of the document.
//!
//! **Invariant:** a field that older programs did not write may be absent.

use pearl_agent::protocol::messages::{Android, Cgroup, Cluster, Platform};

same_fields! {
    PlatformV1 = Platform {
        plain {
            arch: String,
            os: String,
            cgroup: CgroupV1,
            half_precision: bool,
            root: bool,
            folder: String,
        }
        lists { cpus: usize, clusters: ClusterV1, }
        options {
            kernel: String,
            cpu_model: String,
            memory_bytes: u64,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            hypervisor: String,
            android: AndroidV1,
            boot_id: String,
        }
    }
}

same_fields! {
    ClusterV1 = Cluster {
        plain {}
        lists { cpus: usize, }
        options { capacity: u32, max_khz: u64, }
    }
}

same_fields! {
    CgroupV1 = Cgroup {
        plain {}
        lists {}
        options { memory_bytes: u64, cpu_milli: u64, }
    }
}

same_fields! {
    AndroidV1 = Android {
        plain {}
        lists {}
        options {
            manufacturer: String,
            model: String,
            soc: String,
            release: String,
            build: String,
        }
    }
}

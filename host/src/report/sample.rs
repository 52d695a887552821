//! Runs that look like real ones, for the tests.
//!
//! **Invariant:** the same arguments give the same run.

use pearl_agent::protocol::messages::Engine;

use super::view::*;

/// A small deterministic stream; how random it is does not matter here.
pub(super) struct Stream(u64);

impl Stream {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Uniform in [0, 1).
    pub(super) fn uniform(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// No candidates yet.
pub(super) fn empty() -> RunView {
    let entry = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let settings = |title: &str, entries: &[(&str, &str)]| SettingsView {
        title: title.to_owned(),
        entries: entries.iter().map(|(name, value)| entry(name, value)).collect(),
    };
    RunView {
        title: "mnas on fashion-mnist within 2 ms on local".to_owned(),
        directory: "runs/first".to_owned(),
        state: RunState::Running { done: 0, total: 24 },
        command: "pearl search --space mnas --data fashion-mnist --teacher resnet-8 --device local --budget 2ms --candidates 24 --searching-by distillation --out runs/first".to_owned(),
        settings: vec![
            settings("Space", &[("name", "mnas"), ("decisions", "42"), ("input", "1 × 28 × 28"), ("classes", "10")]),
            settings("Data", &[("name", "fashion-mnist"), ("training images", "50 000"), ("held-out images", "10 000"), ("SHA-256", "3a9f5e1c7bb0d1d24c61a2fb2c8f73f0a07d4ef6a1e4d6c9c9cf1f0b5a1c9d77")]),
            settings("Teacher", &[("network", "resnet-8"), ("SHA-256", "b1946ac92492d2347c6235b4d2611184e2b7a4f0c7d0e7a21c62f3a81d1a60ce"), ("alpha", "0.9"), ("temperature", "4")]),
            settings("Device", &[("name", "local"), ("CPU", "x86_64, 2 cores"), ("threads", "1"), ("engine", "tract 0.23.9"), ("agent", "0.1.0, 61fd0c…"), ("fingerprint", "9c1185a5c5e9fc54612808977ee8f548b2258d31")]),
            settings("Objective", &[("reward", "accuracy · (latency / budget)^w"), ("w", "-0.07"), ("budget", "2 ms")]),
            settings("Recipe", &[("epochs", "2"), ("batch", "128"), ("learning rate", "0.4"), ("weight decay", "5e-4")]),
            settings("Policy", &[("network", "LSTM, 64 units"), ("update", "REINFORCE, moving baseline"), ("entropy bonus", "0.01")]),
            settings("Seeds", &[("weights", "1"), ("data order", "2"), ("policy", "3"), ("measuring order", "4")]),
            settings("Versions", &[("pearl", "0.1.0"), ("libtorch", "2.9.1")]),
        ],
        started: "2026-03-01 10:02:11 UTC".to_owned(),
        ended: None,
        wall: WallTime { training_ns: 512_000_000_000, inference_ns: 96_000_000_000, launches_ns: 41_000_000_000, other_ns: 43_000_000_000 },
        device: "local".to_owned(),
        engine: Engine { name: "tract".to_owned(), version: "0.23.9".to_owned() },
        budget_ns: 2_000_000,
        remarks: vec!["the budget is of 15 of 16 random students, whose latencies are known to ±4.1 % at worst".to_owned()],
        window_ns: None,
        teacher: Some(TeacherView { name: "resnet-8".to_owned(), holdout_accuracy: Some(0.921), test_accuracy: Some(0.9174) }),
        candidates: Vec::new(),
        best: None,
        decisions: mnas(),
        updates: vec![
            PolicyUpdateView { candidate: 2, loss: -0.36, entropy: 36.1, baseline: 0.79, grad_norm: 1.4 },
            PolicyUpdateView { candidate: 5, loss: 0.02, entropy: 35.2, baseline: 0.80, grad_norm: 0.9 },
        ],
        segments: vec![SegmentView { index: 0, started: "2026-03-01 10:02:11 UTC".to_owned(), candidates: 24, differences: Vec::new() }],
    }
}

/// A finished search of `count` candidates that learns, with some unmeasured, failed and repeated.
pub(super) fn finished(count: usize) -> RunView {
    let mut stream = Stream::new(7);
    let candidates: Vec<CandidateView> =
        (0..count).map(|position| candidate(position, count, &mut stream)).collect();
    let within = |candidate: &&CandidateView| {
        candidate.measured().is_some_and(|(latency, _)| latency.hi_ns <= 2_000_000)
    };
    let most_accurate = candidates
        .iter()
        .filter(within)
        .max_by(|a, b| a.accuracy.unwrap_or(0.0).total_cmp(&b.accuracy.unwrap_or(0.0)));
    let best = most_accurate.map(|candidate| BestView {
        candidate: candidate.index,
        trained: candidate.latency.map(|latency| TrainedView {
            epochs: 12,
            test_accuracy: 0.9092,
            holdout_accuracy: Some(0.9131),
            latency: Some(around(latency.point_ns + 14_000, 0.008)),
            verdict: "stable".to_owned(),
            onnx: "runs/first/best.onnx".to_owned(),
        }),
    });
    RunView {
        state: RunState::Finished,
        ended: Some("2026-03-01 10:13:43 UTC".to_owned()),
        best,
        candidates,
        ..empty()
    }
}

fn around(point_ns: u64, share: f64) -> LatencyView {
    let half = (point_ns as f64 * share) as u64;
    LatencyView { point_ns, lo_ns: point_ns - half, hi_ns: point_ns + half }
}

fn candidate(position: usize, count: usize, stream: &mut Stream) -> CandidateView {
    let progress = position as f64 / count as f64;
    let size = stream.uniform() * (1.0 - 0.5 * progress) + 0.25 * progress;
    let point_ns = (900_000.0 + 2_600_000.0 * size + 150_000.0 * stream.uniform()) as u64;
    let accuracy = 0.845 + 0.05 * size.sqrt() + 0.012 * progress + 0.012 * (stream.uniform() - 0.5);
    let draw = stream.uniform();
    let (status, reason) = match draw {
        draw if draw < 0.04 => {
            (CandidateStatus::Unmeasured, Some("contended three times".to_owned()))
        }
        draw if draw < 0.07 => {
            (CandidateStatus::Failed, Some("the loss became NaN in epoch 1".to_owned()))
        }
        draw if draw < 0.09 => {
            (CandidateStatus::Repeated, Some("the same as an earlier candidate".to_owned()))
        }
        _ => (CandidateStatus::Done, None),
    };
    let believed = matches!(status, CandidateStatus::Done | CandidateStatus::Repeated);
    let ratio = point_ns as f64 / 2e6;
    CandidateView {
        index: position as u64,
        arch_id: format!("{:016x}", 0x9e37_79b9_7f4a_7c15u64.wrapping_mul(position as u64 + 1)),
        status,
        reason,
        accuracy: (status != CandidateStatus::Failed).then_some(accuracy),
        latency: believed.then(|| around(point_ns, 0.004 + 0.012 * stream.uniform())),
        reward: believed.then(|| accuracy * ratio.powf(-0.07)),
        params: Some((120_000.0 + 900_000.0 * size) as u64),
        macs: Some((4e6 + 31e6 * size) as u64),
        segment: 0,
    }
}

fn decision(group: usize, name: &str, labels: &[&str], stream: &mut Stream) -> DecisionView {
    let logits: Vec<f64> = labels.iter().map(|_| (2.6 * (stream.uniform() - 0.4)).exp()).collect();
    let sum: f64 = logits.iter().sum();
    let choice = |(label, logit): (&&str, &f64)| ChoiceView {
        label: (*label).to_owned(),
        first_quarter: 6 / labels.len() as u64,
        last_quarter: (6.0 * logit / sum).round() as u64,
        probability: logit / sum,
    };
    DecisionView {
        group: format!("block {group}"),
        name: name.to_owned(),
        choices: labels.iter().zip(&logits).map(choice).collect(),
    }
}

fn mnas() -> Vec<DecisionView> {
    let mut stream = Stream::new(3);
    let kinds: [(&str, &[&str]); 6] = [
        ("operation", &["conv", "sep", "mb3", "mb6"]),
        ("kernel", &["3", "5"]),
        ("SE ratio", &["0", "0.25"]),
        ("skip", &["pool", "identity", "none"]),
        ("filters", &["0.75", "1", "1.25"]),
        ("layers", &["-1", "0", "+1"]),
    ];
    let blocks = (1..=7).flat_map(|block| kinds.map(|kind| (block, kind)));
    blocks.map(|(block, (name, labels))| decision(block, name, labels, &mut stream)).collect()
}

pub(super) fn conv20() -> Vec<DecisionView> {
    let mut stream = Stream::new(5);
    let kinds: [(&str, &[&str]); 3] = [
        ("filters", &["24", "36", "48", "64"]),
        ("kernel", &["3×3", "5×5", "7×7"]),
        ("stride", &["1", "2"]),
    ];
    let layers = (1..=20).flat_map(|layer| kinds.map(|kind| (layer, kind)));
    layers.map(|(layer, (name, labels))| decision(layer, name, labels, &mut stream)).collect()
}

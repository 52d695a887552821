//! A search that takes seconds.

use std::path::{Path, PathBuf};

use crate::data::DataSet;
use crate::pearl::Pearl;

#[derive(Clone, Debug)]
pub struct SmallSearch {
    pub data: PathBuf,
    pub device: &'static str,
    pub candidates: usize,
    pub budget: String,
    pub final_epochs: usize,
    pub more: Vec<String>,
}

impl SmallSearch {
    /// By hard labels, on the device whose latencies are steady.
    pub fn new(pearl: &Pearl) -> SmallSearch {
        let data = DataSet::default().write(&pearl.path("data"));
        SmallSearch {
            data,
            device: "steady",
            candidates: 3,
            budget: "50ms".to_owned(),
            final_epochs: 0,
            more: Vec::new(),
        }
    }

    pub fn with(mut self, more: &str) -> SmallSearch {
        self.more.extend(more.split_whitespace().map(str::to_owned));
        self
    }

    pub fn args(&self, out: &Path) -> Vec<String> {
        let data = self.data.display();
        let SmallSearch { device, candidates, budget, final_epochs, .. } = self;
        let mut line = format!(
            "--quiet search --space mnas --data {data} --device {device} --budget {budget} \
             --candidates {candidates} --images 200 --holdout 100 --epochs 1 --batch 32 \
             --final-epochs {final_epochs} --final-images 200 --json"
        );
        if !self.more.iter().any(|word| word == "--searching-by" || word == "--teacher") {
            line.push_str(" --searching-by hard");
        }
        let words = line.split_whitespace().map(str::to_owned).chain(self.more.clone());
        words.chain(["--out".to_owned(), out.display().to_string()]).collect()
    }
}

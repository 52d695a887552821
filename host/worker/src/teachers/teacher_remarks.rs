//! What is odd about an imported teacher, though it can teach.
//!
//! **Invariant:** each remark names the file, and the option that helps where there is one.

use tch::TchError;

use crate::teachers::logits::TeacherLogits;
use crate::teachers::module_answer::{are_probabilities, are_shares};
use pearl::train::teacher_options::Answer;
use pearl::train::worker_protocol::TeacherSource;

pub fn remarks(source: &TeacherSource, taught: &TeacherLogits) -> Result<Vec<String>, TchError> {
    let TeacherSource::TorchScript { file, options } = source else { return Ok(Vec::new()) };
    let mut remarks = Vec::new();
    let mut remark = |text: &str| remarks.push(format!("teacher {}: {text}", file.display()));
    if options.answer == Answer::Logits {
        if are_probabilities(&taught.logits)? {
            remark(
                "its rows sum to one, as after a softmax, and are taken for logits, so that it teaches \
                 little; import it with --probabilities to distil from their logarithm",
            );
        } else if are_shares(&taught.logits)? {
            remark(
                "its answers all lie from 0 to 1, as after a sigmoid, and are taken for logits; import a \
                 module that returns what the sigmoid is given",
            );
        }
    }
    let classes = taught.logits.size().last().copied().unwrap_or(1) as f64;
    let (share, guessed) = (taught.accuracy.share(), 1.0 / classes);
    if taught.accuracy.total > 0 && share < guessed + (1.0 - guessed) / 4.0 {
        remark(&format!(
            "it is right about {:.1} % of the held-out images, where guessing gives {:.1} %; it may take \
             images normalised in another way (--mean, --std, --scale) or know the classes in another order",
            100.0 * share,
            100.0 * guessed
        ));
    }
    Ok(remarks)
}

#[cfg(test)]
mod tests {
    use tch::{Kind, Tensor};

    use super::*;
    use pearl::train::teacher_options::TeacherOptions;
    use pearl::train::worker_protocol::Accuracy;

    fn found(logits: Tensor, answer: Answer, correct: u64) -> Vec<String> {
        let options = Box::new(TeacherOptions { answer, ..TeacherOptions::default() });
        let source = TeacherSource::TorchScript { file: "a.pt".into(), options };
        let accuracy = Accuracy { correct, total: 100 };
        let taught = TeacherLogits { key: String::new(), logits, accuracy };
        remarks(&source, &taught).unwrap()
    }

    #[test]
    fn what_makes_a_teacher_teach_little_is_remarked_on_with_what_helps() {
        let logits = || Tensor::from_slice2(&[[0.5, -1.0, 2.0], [1.5, 0.25, -0.75f64]]);
        let probabilities = logits().softmax(-1, Kind::Float);
        assert_eq!(found(logits(), Answer::Logits, 90), [""; 0]);
        assert_eq!(found(probabilities.log(), Answer::Probabilities, 90), [""; 0]);
        for (logits, correct, words) in [
            (probabilities, 90, "--probabilities"),
            (logits().sigmoid(), 90, "sigmoid"),
            (logits(), 33, "--mean"),
        ] {
            let found = found(logits, Answer::Logits, correct);
            assert!(found.len() == 1 && found[0].contains(words), "{found:?} lacks {words:?}");
            assert!(found[0].starts_with("teacher a.pt: "), "{found:?}");
        }
    }

    #[test]
    fn a_teacher_of_our_own_is_not_remarked_on() {
        let source = TeacherSource::Native { network: "resnet-8".into(), weights: "w".into() };
        let logits = Tensor::from_slice2(&[[0.5, 0.5f64]]);
        let accuracy = Accuracy { correct: 0, total: 100 };
        let taught = TeacherLogits { key: String::new(), logits, accuracy };
        assert_eq!(remarks(&source, &taught).unwrap(), [""; 0]);
    }
}

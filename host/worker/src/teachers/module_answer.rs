//! The logits in what a TorchScript module answers: a tensor, or a part of a tuple, a list or a dict.
//!
//! **Invariant:** nothing is chosen among several parts unless it was named.

use tch::{IValue, Kind, TchError, Tensor};

/// Parts of an answer that a message names.
const MOST_NAMED: usize = 12;
/// By how much the sum of a row of probabilities may differ from one: halves have eleven bits.
const SUM: f64 = 5e-3;

/// The tensor that `output` names, such as `0`, `logits` or `0.logits`.
///
/// # Errors
/// If the answer has several parts and none is named, or another one; says what there is.
pub fn tensor(answer: IValue, output: Option<&str>) -> Result<Tensor, String> {
    match (answer, output) {
        (IValue::Tensor(tensor), None) => Ok(tensor),
        (IValue::Tensor(_), Some(output)) => Err(format!(
            "answers with one tensor, so that there is no '{output}'; leave --output out"
        )),
        (answer, None) => {
            Err(format!("answers with {}; name the logits by --output", described(&answer)))
        }
        (answer, Some(output)) => {
            let described = described(&answer);
            match part(answer, output) {
                Some(IValue::Tensor(tensor)) => Ok(tensor),
                Some(_) => {
                    Err(format!("'{output}' is no tensor: the module answers with {described}"))
                }
                None => Err(format!("has no output '{output}': it answers with {described}")),
            }
        }
    }
}

/// Whether every row of `[…, classes]` sums to one and nothing is negative.
pub fn are_probabilities(rows: &Tensor) -> Result<bool, TchError> {
    let sums = rows.f_sum_dim_intlist([-1i64].as_slice(), false, Kind::Float)?;
    let off = sums.f_sub_scalar(1.0)?.f_abs()?.f_max()?.f_double_value(&[])?;
    let least = rows.f_min()?.f_double_value(&[])?;
    Ok(least >= 0.0 && off <= SUM)
}

/// Whether all numbers lie from 0 to 1, as after a sigmoid.
pub fn are_shares(rows: &Tensor) -> Result<bool, TchError> {
    let (least, most) = (rows.f_min()?.f_double_value(&[])?, rows.f_max()?.f_double_value(&[])?);
    Ok(least >= 0.0 && most <= 1.0)
}

/// The parts of an answer with their names; none if it has none.
fn parts(answer: IValue) -> Option<Vec<(String, IValue)>> {
    let numbered = |parts: Vec<IValue>| -> Vec<(String, IValue)> {
        parts.into_iter().enumerate().map(|(at, part)| (at.to_string(), part)).collect()
    };
    Some(match answer {
        IValue::Tuple(parts) | IValue::GenericList(parts) => numbered(parts),
        IValue::TensorList(parts) => numbered(parts.into_iter().map(IValue::Tensor).collect()),
        IValue::GenericDict(parts) => {
            parts.into_iter().map(|(key, part)| (key_name(&key), part)).collect()
        }
        _ => return None,
    })
}

/// The part of that name; the names of nested parts have dots between them.
fn part(answer: IValue, name: &str) -> Option<IValue> {
    parts(answer)?.into_iter().find_map(|(own, inner)| {
        let rest = name.strip_prefix(own.as_str())?;
        match rest.strip_prefix('.') {
            Some(rest) => part(inner, rest),
            None => rest.is_empty().then_some(inner),
        }
    })
}

/// Such as `a tuple (0 is [8, 10], 1 is nothing)`.
fn described(answer: &IValue) -> String {
    let numbered = |parts: &[IValue]| -> Vec<String> {
        parts.iter().enumerate().map(|(at, part)| format!("{at} is {}", described(part))).collect()
    };
    let (name, parts) = match answer {
        IValue::None => return "nothing".to_owned(),
        IValue::Tensor(tensor) => return format!("{:?}", tensor.size()),
        IValue::Tuple(parts) => ("a tuple", numbered(parts)),
        IValue::GenericList(parts) => ("a list", numbered(parts)),
        IValue::TensorList(parts) => {
            let sizes = parts.iter().enumerate();
            ("a list", sizes.map(|(at, part)| format!("{at} is {:?}", part.size())).collect())
        }
        IValue::GenericDict(parts) => {
            let named = parts.iter();
            let named =
                named.map(|(key, part)| format!("{} is {}", key_name(key), described(part)));
            ("a dict", named.collect())
        }
        _ => return "something that is no tensor".to_owned(),
    };
    let more = if parts.len() > MOST_NAMED { ", …" } else { "" };
    format!("{name} ({}{more})", parts[..parts.len().min(MOST_NAMED)].join(", "))
}

fn key_name(key: &IValue) -> String {
    match key {
        IValue::String(key) => key.clone(),
        IValue::Int(key) => key.to_string(),
        _ => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    fn ones(classes: i64) -> IValue {
        IValue::Tensor(Tensor::ones([2, classes], (Kind::Float, Device::Cpu)))
    }

    fn dict() -> IValue {
        let key = |name: &str| IValue::String(name.to_owned());
        let inner = IValue::Tuple(vec![ones(5), IValue::None]);
        IValue::GenericDict(vec![(key("logits"), ones(4)), (key("a.b"), inner)])
    }

    #[test]
    fn a_part_is_found_by_its_name_or_place() {
        let tuple = || IValue::Tuple(vec![ones(3), dict()]);
        for (answer, output, classes) in [
            (ones(7), None, 7),
            (tuple(), Some("0"), 3),
            (tuple(), Some("1.logits"), 4),
            (dict(), Some("logits"), 4),
            (dict(), Some("a.b.0"), 5),
            (IValue::GenericList(vec![ones(6)]), Some("0"), 6),
        ] {
            assert_eq!(tensor(answer, output).unwrap().size(), [2, classes], "{output:?}");
        }
    }

    #[test]
    fn what_is_not_named_or_not_there_is_answered_with_what_is() {
        let all = "a dict (logits is [2, 4], a.b is a tuple (0 is [2, 5], 1 is nothing))";
        for (answer, output, words) in [
            (dict(), None, "name the logits by --output"),
            (dict(), None, all),
            (dict(), Some("logit"), "has no output 'logit'"),
            (dict(), Some("logit"), all),
            (dict(), Some("logits.0"), "has no output 'logits.0'"),
            (dict(), Some("a.b"), "'a.b' is no tensor"),
            (ones(3), Some("0"), "leave --output out"),
            (IValue::Tuple(vec![]), None, "a tuple ()"),
            (IValue::Int(3), None, "something that is no tensor"),
        ] {
            let problem = tensor(answer, output).unwrap_err();
            assert!(problem.contains(words), "{problem:?} lacks {words:?}");
        }
        let many = IValue::Tuple((0..40).map(|_| IValue::None).collect());
        assert!(tensor(many, None).unwrap_err().len() < 300);
    }

    #[test]
    fn probabilities_are_told_from_logits() {
        let logits = Tensor::from_slice2(&[[0.5, -1.0, 2.0], [1.5, 0.25, -0.75f64]]);
        assert!(!are_probabilities(&logits).unwrap() && !are_shares(&logits).unwrap());
        let probabilities = logits.softmax(-1, Kind::Float);
        assert!(are_probabilities(&probabilities).unwrap());
        let halves = probabilities.to_kind(Kind::Half).to_kind(Kind::Float);
        assert!(are_probabilities(&halves).unwrap());
        assert!(!are_probabilities(&logits.log_softmax(-1, Kind::Float)).unwrap());
        let shares = logits.sigmoid();
        assert!(!are_probabilities(&shares).unwrap() && are_shares(&shares).unwrap());
        // That rows sum to one is not enough.
        let sums = Tensor::from_slice2(&[[2.0, -1.0, 0.0f64]]);
        assert!(!are_probabilities(&sums).unwrap());
    }
}

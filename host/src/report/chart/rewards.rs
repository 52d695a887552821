//! Reward over the search: the rewards of the candidates, their moving average and the means of the
//! quarters.
//!
//! **Invariant:** only rewards that the policy learnt from enter a mean; a candidate without a
//! reward is marked at the foot, never drawn as a number.

use std::collections::{HashSet, VecDeque};
use std::ops::Range;

use plotters::style::Color;

use super::axis::{Axis, usual_range};
use super::legend::{Key, legend};
use super::palette::{AXIS, BUDGET, INK, MUTED, SAMPLE, TREND};
use super::plot::{Bounds, Margins, Plot, beyond, cross, dashed, dot, line};
use super::{Anchor, Frame, Picture, ReportError, SMALL, Weight, style, write};
use crate::report::view::{CandidateStatus, RunView};

const SIZE: (u32, u32) = (1920, 820);
const MARGINS: Margins = Margins { top: 130, right: 40, bottom: 104, left: 150 };
/// Height of the strip at the foot.
const FOOT: i32 = 44;

pub(in crate::report) fn rewards(view: &RunView, frame: Frame) -> Result<String, ReportError> {
    let rewards: Vec<Option<f64>> =
        view.candidates.iter().map(|candidate| candidate.rewarded()).collect();
    let picture = Picture {
        id: "rewards",
        title: "Reward over the search",
        description: description(&rewards),
        size: SIZE,
    };
    let window = window(&rewards);
    let average = format!("mean of the last {window}");
    let mut keys = vec![
        (Key::Dot(SAMPLE), "candidate"),
        (Key::Line(TREND), average.as_str()),
        (Key::Dashed(INK), "mean of a quarter"),
    ];
    let has = |status| view.candidates.iter().any(|candidate| candidate.status == status);
    if has(CandidateStatus::Unmeasured) {
        keys.push((Key::Hollow(MUTED), "unmeasured"));
    }
    if has(CandidateStatus::Failed) {
        keys.push((Key::Cross(BUDGET), "failed"));
    }
    picture.draw(frame, |area| {
        legend(area, (MARGINS.left, 36), &keys)?;
        let x = Axis::counting(rewards.len());
        let usual = usual_range(rewards.iter().copied().flatten()).unwrap_or((0.0, 1.0));
        let y = Axis::covering(usual.0, usual.1, 5);
        let foot = f64::from(FOOT) / f64::from(SIZE.1) * (y.hi - y.lo);
        let y = Axis::exactly(y.lo - 1.6 * foot, y.hi, 5);
        let plot =
            Plot::draw(area, MARGINS, (x, "candidates, in the order sampled"), (y, "reward"))?;
        if rewards.iter().all(Option::is_none) {
            plot.notice("no candidate has a reward")?;
        }
        draw_points(&plot, &rewards)?;
        draw_average(&plot, &rewards, window)?;
        draw_quarters(&plot, &rewards)?;
        draw_foot(&plot, view)
    })
}

/// The `quarter`-th quarter of `all` candidates, from 0.
pub(in crate::report) fn quarter(all: usize, quarter: usize) -> Range<usize> {
    all * quarter / 4..all * (quarter + 1) / 4
}

fn mean(rewards: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = rewards.iter().copied().flatten().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

fn description(rewards: &[Option<f64>]) -> String {
    let of = |number| mean(&rewards[quarter(rewards.len(), number)]);
    match (of(0), of(3)) {
        (Some(first), Some(last)) => format!(
            "The mean reward is {first:.4} in the first quarter of the candidates and {last:.4} in the last."
        ),
        _ => "Too few candidates have a reward to compare the quarters.".to_owned(),
    }
}

/// Rewards in the moving average: an eighth of all, but at least 3 and at most 50; in a long search at
/// least a fortieth.
fn window(rewards: &[Option<f64>]) -> usize {
    let all = rewards.iter().flatten().count();
    (all / 8).clamp(3, 50).max(all / 40)
}

/// Candidates are counted from 1 along the axis.
fn along(position: usize) -> f64 {
    position as f64 + 1.0
}

fn draw_points(plot: &Plot, rewards: &[Option<f64>]) -> Result<(), ReportError> {
    let mut taken = HashSet::new();
    let radius = if rewards.len() > 1000 { 5 } else { 8 };
    for (position, reward) in rewards.iter().enumerate() {
        let Some(reward) = *reward else { continue };
        let at = plot.at(along(position), reward);
        if !taken.insert(at) {
            continue;
        }
        if plot.y().holds(reward) {
            dot(plot.area, at, radius, SAMPLE.light.filled())?;
        } else {
            let down = if reward < plot.y().lo { 1 } else { -1 };
            beyond(plot.area, at, (0, down), SAMPLE)?;
        }
    }
    Ok(())
}

fn draw_average(plot: &Plot, rewards: &[Option<f64>], window: usize) -> Result<(), ReportError> {
    let mut recent = VecDeque::with_capacity(window);
    let mut path = Vec::new();
    for (position, reward) in rewards.iter().enumerate() {
        let Some(reward) = reward else { continue };
        if recent.len() == window {
            recent.pop_front();
        }
        recent.push_back(*reward);
        if recent.len() == window {
            let mean = recent.iter().sum::<f64>() / window as f64;
            path.push(plot.at(along(position), mean));
        }
    }
    path.dedup();
    if path.len() < 2 { Ok(()) } else { line(plot.area, path, TREND.light.stroke_width(5)) }
}

fn draw_quarters(plot: &Plot, rewards: &[Option<f64>]) -> Result<(), ReportError> {
    let Bounds { top, bottom, .. } = plot.bounds();
    for number in 0..4 {
        let range = quarter(rewards.len(), number);
        let Some(mean) = mean(&rewards[range.clone()]) else {
            continue;
        };
        let (from, y) = plot.at(range.start as f64 + 0.5, mean);
        let (to, _) = plot.at(range.end as f64 + 0.5, mean);
        if range.start > 0 {
            line(plot.area, [(from, top), (from, bottom)], AXIS.light.mix(0.6).stroke_width(2))?;
        }
        dashed(plot.area, (from + 6, y), (to - 6, y), INK.light.stroke_width(4))?;
        let text = format!("mean {mean:.4}");
        let at = ((from + to) / 2, top - 24);
        write(plot.area, &text, 40, at, Anchor::Middle, style(SMALL, Weight::Normal, INK))?;
    }
    Ok(())
}

fn draw_foot(plot: &Plot, view: &RunView) -> Result<(), ReportError> {
    let y = plot.bounds().bottom - FOOT / 2;
    let mut taken = HashSet::new();
    for (position, candidate) in view.candidates.iter().enumerate() {
        let (x, _) = plot.at(along(position), plot.y().lo);
        match candidate.status {
            CandidateStatus::Unmeasured if taken.insert((x, candidate.status)) => {
                dot(plot.area, (x, y), 9, MUTED.light.stroke_width(3))?;
            }
            CandidateStatus::Failed if taken.insert((x, candidate.status)) => {
                cross(plot.area, (x, y), BUDGET)?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quarters_hold_every_candidate_once() {
        for all in [0, 1, 3, 4, 24, 10_001] {
            let joined: Vec<usize> = (0..4).flat_map(|number| quarter(all, number)).collect();
            assert_eq!(joined, (0..all).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_mean_leaves_out_what_has_no_reward() {
        assert_eq!(
            mean(&[Some(0.5), None, Some(0.7)]).map(|mean| (mean * 10.0).round()),
            Some(6.0)
        );
        assert_eq!(mean(&[None, None]), None);
    }
}

//! Stochastic gradient descent on a data set, and the accuracy that it reaches.

pub mod evaluate;
pub mod loss;
pub mod optimizer;
pub mod order;
pub mod schedule;
pub mod training_loop;

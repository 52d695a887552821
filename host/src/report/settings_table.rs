//! Everything needed to repeat the run.
//!
//! **Invariant:** the command is shown whole, never shortened.

use maud::{Markup, html};

use super::view::{RunView, SettingsView};

pub(super) fn repeat(view: &RunView) -> Markup {
    html! {
        section {
            h2 { "Repeat this run" }
            pre dir="auto" { code { (view.command) } }
            p.muted {
                "The same command on the same directory resumes or shows the run; with another directory \
                 it starts a new run."
            }
            div.settings {
                @for settings in &view.settings {
                    (group(settings))
                }
            }
        }
    }
}

fn group(settings: &SettingsView) -> Markup {
    html! {
        div.group {
            h3 { bdi { (settings.title) } }
            dl {
                @for (name, value) in &settings.entries {
                    div {
                        dt { bdi { (name) } }
                        dd { bdi { (value) } }
                    }
                }
            }
        }
    }
}

//! Everything needed to repeat the run.
//!
//! **Invariant:** the command is shown whole, never shortened.

use super::text::Escaped;
use super::view::{RunView, SettingsView};

pub(super) fn repeat(view: &RunView) -> String {
    let groups: String = view.settings.iter().map(group).collect();
    format!(
        "<section>\n<h2>Repeat this run</h2>\n<pre dir=\"auto\"><code>{}</code></pre>\n\
         <p class=\"muted\">The same command on the same directory resumes or shows the run; with another \
         directory it starts a new run.</p>\n<div class=\"settings\">\n{groups}</div>\n</section>\n",
        Escaped(&view.command)
    )
}

fn group(settings: &SettingsView) -> String {
    let entries: String = settings
        .entries
        .iter()
        .map(|(name, value)| {
            format!(
                "<div><dt><bdi>{}</bdi></dt><dd><bdi>{}</bdi></dd></div>\n",
                Escaped(name),
                Escaped(value)
            )
        })
        .collect();
    format!(
        "<div class=\"group\"><h3><bdi>{}</bdi></h3>\n<dl>\n{entries}</dl></div>\n",
        Escaped(&settings.title)
    )
}

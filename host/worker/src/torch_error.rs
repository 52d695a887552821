//! The message of an error of torch, for people.
//!
//! **Invariant:** what torch says of the reason is never cut off; places and backtraces are.

use tch::TchError;

/// How TorchScript's interpreter begins: two traces of the module's code follow, and the reason comes last.
const INTERPRETER: &str = "The following operation failed in the TorchScript interpreter";

/// Lines with which torch goes on after the reason: places in its sources, and advice on its settings.
const AFTERWARDS: [&str; 8] = [
    "Exception raised from",
    "frame #",
    "File \"",
    "The original call is",
    "CUDA kernel errors might",
    "For debugging consider",
    "Compile with `TORCH_USE_CUDA_DSA`",
    "Search for `cuda",
];

/// The reason in one line.
pub fn reason(error: &TchError) -> String {
    let text = match error {
        TchError::Torch(text) => text.clone(),
        other => other.to_string(),
    };
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let last = lines.iter().rposition(|line| !line.is_empty());
    let start = if lines.iter().any(|line| line.starts_with(INTERPRETER)) {
        lines.iter().rposition(|line| names_an_error(line)).or(last)
    } else {
        lines.iter().position(|line| !line.is_empty())
    };
    let rest = start.map_or(&[][..], |start| &lines[start..]);
    let ends = |line: &str| {
        line.is_empty() || line == ":" || AFTERWARDS.iter().any(|words| line.starts_with(words))
    };
    let reason: Vec<&str> =
        rest.iter().map(|line| line.trim()).take_while(|line| !ends(line)).collect();
    if reason.is_empty() { "no message".to_owned() } else { reason.join(" ") }
}

/// Whether a line is such as `RuntimeError: sizes differ` or `builtins.ValueError: no`.
fn names_an_error(line: &str) -> bool {
    let Some((name, _)) = line.split_once(": ") else { return false };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._".contains(c);
    name.chars().all(plain) && ["Error", "Exception"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_found_wherever_torch_puts_it() {
        let script = "The following operation failed in the TorchScript interpreter.\n\
            Traceback of TorchScript, serialized code (most recent call last):\n  \
            File \"code/__torch__.py\", line 9, in forward\n    x: Tensor) -> Tensor:\n    \
            return torch.linear(x, w)\n           ~~~~~~~~~~~~ <--- HERE\n\n\
            Traceback of TorchScript, original code (most recent call last):\n  \
            File \"teacher.py\", line 3, in forward\n    return self.head(x)\n           \
            ~~~~~~~~~ <--- HERE\n";
        let after = |reason: &str| format!("{script}{reason}\n");
        let product = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x784 and 50x10)";
        for (text, expected) in [
            (
                "shape '[3]' is invalid\nException raised from f".to_owned(),
                "shape '[3]' is invalid",
            ),
            ("no kernel\nframe #0: h".to_owned(), "no kernel"),
            (after(product), product),
            (after("builtins.AssertionError: only uint8"), "builtins.AssertionError: only uint8"),
            (after("something else"), "something else"),
            (
                after("RuntimeError: Could not run 'aten::x'.\n\nCPU: registered at f.cpp"),
                "RuntimeError: Could not run 'aten::x'.",
            ),
            (
                "forward() Expected a 'int' for 'x'.\nPosition: 1\nDeclaration: forward(int x)\n"
                    .to_owned(),
                "forward() Expected a 'int' for 'x'. Position: 1 Declaration: forward(int x)",
            ),
            (
                "\nUnknown builtin op: a::b.\nNo similar ops.\n:\n  File \"a.py\", line 3\n"
                    .to_owned(),
                "Unknown builtin op: a::b. No similar ops.",
            ),
            (String::new(), "no message"),
            ("\n\n".to_owned(), "no message"),
        ] {
            assert_eq!(reason(&TchError::Torch(text)), expected);
        }
    }
}

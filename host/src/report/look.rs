#[test]
fn look() {
    let folder = std::env::var("PEARL_LOOK").unwrap_or("/tmp/brief".into());
    let conv = super::RunView { decisions: super::sample::conv20(), window_ns: Some(100_000), ..super::sample::finished(300) };
    for (name, view) in [("report", super::sample::finished(24)), ("many", super::sample::finished(10_000)), ("empty", super::sample::empty()), ("conv", conv)] {
        std::fs::write(format!("{folder}/{name}.html"), super::render(&view).unwrap()).unwrap();
        std::fs::write(format!("{folder}/{name}.svg"), super::scatter_svg(&view).unwrap()).unwrap();
    }
}

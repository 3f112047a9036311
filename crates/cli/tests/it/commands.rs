//! The commands in `tests/cmd`: what is typed, and every line that comes back.

#[test]
fn answer_as_written() {
    trycmd::TestCases::new()
        .env("COLUMNS", "100")
        .register_bin("chmod", std::path::PathBuf::from("/bin/chmod"))
        .register_bin("rm", std::path::PathBuf::from("/bin/rm"))
        .case("tests/cmd/*.trycmd");
}

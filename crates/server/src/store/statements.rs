//! The statements of a dialect, found in its source, so that each is prepared in a test and none is forgotten.

use std::path::Path;

const VERBS: [&str; 5] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];

/// Every text in `src/store/DIALECT` that is a whole statement. Those that are put together of parts are not found.
pub(super) fn of(dialect: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store").join(dialect);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found: Vec<_> = files
        .filter(|path| path.is_file() && !path.to_string_lossy().ends_with("tests.rs"))
        .flat_map(|path| texts(&std::fs::read_to_string(path).unwrap()))
        .filter(|text| VERBS.iter().any(|verb| text.starts_with(verb)) && !text.ends_with(' '))
        .filter(|text| !text.contains('{'))
        .collect();
    assert!(found.len() > 30, "{dialect}: {} statements were found", found.len());
    found
}

/// The texts between quotation marks, outside of comments.
fn texts(source: &str) -> Vec<String> {
    let code: Vec<_> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let (mut texts, mut rest) = (Vec::new(), code.chars());
    while rest.by_ref().any(|c| c == '"') {
        let mut text = String::new();
        while let Some(c) = rest.next() {
            match c {
                '"' => break,
                '\\' => match rest.next() {
                    // The text goes on in the next line, without what that is indented by.
                    Some('\n') => {
                        rest = rest.as_str().trim_start().chars();
                    }
                    other => text.extend(other),
                },
                other => text.push(other),
            }
        }
        texts.push(text);
    }
    texts
}

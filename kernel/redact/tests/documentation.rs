//! The comparison in `docs/redaction.md` names a test in every row, and each of them is there.

use std::collections::BTreeMap;
use std::path::Path;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_comparison_names_tests_that_exist() {
    let sources: BTreeMap<&str, String> = [
        (
            "families",
            read("kernel/redact/tests/families/formatters.rs") + &read("kernel/redact/tests/families/main.rs"),
        ),
        ("corpus", read("tests/redaction/hostile.py")),
        ("planted", read("kernel/wire/tests/planted.rs")),
        ("places", read("kernel/redact/tests/places.rs")),
        ("numbers", read("kernel/redact/tests/numbers.rs")),
        ("counting", read("kernel/redact/tests/counting.rs")),
        ("tables", read("kernel/redact/tests/tables.rs")),
        ("dull", read("kernel/redact/tests/dull.rs")),
        ("armor", read("kernel/redact/tests/armor.rs")),
    ]
    .into();
    let document = read("docs/redaction.md");
    let (_, table) = document.split_once("| family | Sealbook |").expect("the table");
    let rows: Vec<&str> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 10, "{} rows", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert!(cells.len() == 4 && cells[1].starts_with("yes"), "{row}");
        for named in cells[3].split(';') {
            let (file, names) = named.split_once(':').unwrap_or_else(|| panic!("no test: {row}"));
            let source = sources
                .get(file.trim().trim_matches('`'))
                .unwrap_or_else(|| panic!("no such file of tests: {row}"));
            for name in names.split(',').map(str::trim) {
                let family = format!("\"{name}\"");
                let function = format!("fn {name}(");
                assert!(
                    source.contains(&family) || source.contains(&function),
                    "{name} is not in {file}: {row}"
                );
            }
        }
    }
}
